package main

import (
	"context"
	"errors"
	"fmt"

	"waverider/runner"
	"waverider/runtime/process"
	"waverider/runtime/process/keeper"
)

// helpers are what this binary runs itself as, before anything else of it
// wakes up: they are started for every Instance.
var helpers = map[string]func(args []string) int{
	keeper.Command:     keeper.Main,
	keeper.InitCommand: keeper.InitMain,
}

// openRuntime brings up the channel that runners connect to and the runtime
// that starts them.
func (h *house) openRuntime(ctx context.Context) error {
	channel, err := runner.Listen(h.data.Path("run", "runner.sock"))
	if err != nil {
		return fmt.Errorf("listen for runners: %w", err)
	}
	accepting, stop := context.WithCancel(context.WithoutCancel(ctx))
	accepted := make(chan error, 1)
	go func() { accepted <- channel.Run(accepting) }()
	h.onClose(func() error {
		stop()
		return errors.Join(channel.Close(), ignoreCanceled(<-accepted))
	})
	rt, err := process.Open(process.Config{
		Dir: h.data.Path(), Channel: channel, OrphanAfter: h.cfg.Orphan,
		Pool: poolConfig(h.cfg.WarmPool), Log: h.log,
	})
	if err != nil {
		return err
	}
	h.runtime = rt
	h.onClose(func() error { return rt.Close(false) })
	return nil
}

// poolConfig: the flag's 0 is none, the runtime's 0 is its own choice.
func poolConfig(flag int) process.PoolConfig {
	switch flag {
	case -1:
		return process.PoolConfig{}
	case 0:
		return process.PoolConfig{Size: -1}
	}
	return process.PoolConfig{Size: flag}
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
