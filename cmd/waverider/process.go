package main

import (
	"context"
	"fmt"
	"path/filepath"

	"waverider/runner"
	"waverider/runtime/process"
	"waverider/wire"
)

// openRuntime opens the channel that runners call, and the runtime.
func (h *house) openRuntime(ctx context.Context) error {
	channel, err := runner.Listen(h.data.Path("run", "channel.sock"))
	if err != nil {
		return fmt.Errorf("listen for runners: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- channel.Run(context.WithoutCancel(ctx)) }()
	h.onClose(func() error {
		_ = channel.Close() // Run says how it went
		return <-ended
	})
	// The channel's folder, by a path short enough for a socket.
	if h.instance, err = wire.ListenUnix(filepath.Join(filepath.Dir(channel.Path()), "api.sock")); err != nil {
		return fmt.Errorf("listen for Instances: %w", err)
	}
	h.onClose(closeListener(h.instance))
	rt, err := process.Open(process.Config{
		Dir: h.data.Path(), Channel: channel, OrphanAfter: h.cfg.Orphan, Pool: poolConfig(h.cfg.WarmPool), Log: h.log,
	})
	if err != nil {
		return err
	}
	h.runtime = rt
	h.onClose(func() error { return rt.Close(h.killed) })
	return nil
}

// poolConfig takes the setting: -1 lets the runtime decide, 0 is none.
func poolConfig(n int) process.PoolConfig {
	switch n {
	case -1:
		return process.PoolConfig{}
	case 0:
		return process.PoolConfig{Size: -1}
	}
	return process.PoolConfig{Size: n}
}
