package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"time"

	"waverider/internal/testhub"
)

// benchReady starts Hubs on empty data dirs until each answers.
func benchReady(ctx context.Context, g *rig) ([]figure, error) {
	const runs = 9
	took, floor, err := inTurn(runs,
		func() (time.Duration, error) { return g.timeReady(ctx) },
		func() (time.Duration, error) { return g.timeServerFloor(ctx) })
	if err != nil {
		return nil, err
	}
	return []figure{{Name: "start to API ready", Value: millis(took.median()), Unit: "ms", Goal: 120,
		Limit: millis(floor.median()), LimitName: "bare Go server", Note: took.note()}}, nil
}

func (g *rig) timeReady(ctx context.Context) (time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return 0, err
	}
	h, err := testhub.New(testhub.Options{Binary: g.binary, Listen: addr})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = h.Start(ctx)
	took := time.Since(began)
	return took, errors.Join(err, h.Close())
}

func (g *rig) timeServerFloor(ctx context.Context) (time.Duration, error) {
	addr, err := freeAddr()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, g.self, "__server", addr)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	f := &floor{cmd: cmd}
	defer f.close()
	for tick := time.NewTicker(500 * time.Microsecond); ctx.Err() == nil; <-tick.C {
		resp, err := http.Get("http://" + addr)
		if err == nil {
			return time.Since(began), resp.Body.Close()
		}
	}
	return 0, ctx.Err()
}

// freeAddr is an address nobody listens on now.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

const startRuns = 15

// benchStart takes the time from the request for a start to the first byte of
// the program's output, with runners waiting and without.
func benchStart(ctx context.Context, g *rig) ([]figure, error) {
	warm, floor, err := g.timeStarts(ctx, "instant.js", "1", func() (time.Duration, error) { return g.timeWarmFloor(ctx, "bare-warm.js", "instant.js") })
	if err != nil {
		return nil, fmt.Errorf("warm: %w", err)
	}
	figures := []figure{{Name: "start to first byte, warm", Value: millis(warm.median()), Unit: "ms", Goal: 10,
		Limit: millis(floor.median()), LimitName: "waiting bare node", Note: warm.note()}}
	cold, floor, err := g.timeStarts(ctx, "instant.js", "0", func() (time.Duration, error) {
		began := time.Now()
		err := g.nodeCommand(ctx, "-e", "0").Run()
		return time.Since(began), err
	})
	if err != nil {
		return figures, fmt.Errorf("cold: %w", err)
	}
	return append(figures, figure{Name: "start to first byte, cold", Value: millis(cold.median()), Unit: "ms",
		Limit: millis(floor.median()), LimitName: "node -e 0", Slack: 20, Note: cold.note()}), nil
}

// timeStarts takes the time of starts, and of their limit in turn.
func (g *rig) timeStarts(ctx context.Context, program, pool string, limit func() (time.Duration, error)) (ours, floor series, err error) {
	err = g.withHub(ctx, []string{"--warm-pool", pool}, func(h *testhub.Hub) error {
		seq, err := g.upload(ctx, h, program)
		if err != nil {
			return err
		}
		if _, err := timeStart(ctx, h, seq); err != nil { // the pool is made at the first use
			return err
		}
		ours, floor, err = inTurn(startRuns, func() (time.Duration, error) {
			if err := settle(ctx, h); err != nil {
				return 0, err
			}
			return timeStart(ctx, h, seq)
		}, limit)
		return err
	})
	return ours, floor, err
}

// timeStart starts an Instance, reads its first byte and removes it.
func timeStart(ctx context.Context, h *testhub.Hub, seq string) (time.Duration, error) {
	began := time.Now()
	id, err := h.StartInstance(ctx, seq, testhub.Start{})
	if err != nil {
		return 0, err
	}
	out, err := h.Output(ctx, id, 0)
	if err != nil {
		return 0, err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	took := time.Since(began)
	return took, errors.Join(err, out.Close(), h.Kill(ctx, id, true))
}

// settle waits until the processes of a Hub have been the same, and used next
// to no processor time, for a while: the one before is gone, the next runner waits.
func settle(ctx context.Context, h *testhub.Hub) error {
	const quiet, step = 300 * time.Millisecond, 50 * time.Millisecond
	before, since := "", time.Now()
	for time.Since(since) < quiet {
		if now := fmt.Sprint(h.Family(), testhub.CPUTicks(h.Family()...)/2); now != before {
			before, since = now, time.Now()
		}
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return fmt.Errorf("the Hub's processes do not come to rest: %w", ctx.Err())
		}
	}
	return nil
}

// timeWarmFloor tells an interpreter that waits already what to run.
func (g *rig) timeWarmFloor(ctx context.Context, bare, program string) (time.Duration, error) {
	d, err := g.pipeDuplex(ctx, g.program(bare))
	if err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(d.out, make([]byte, len("ready\n"))); err != nil {
		return 0, errors.Join(err, d.close())
	}
	began := time.Now()
	_, err = io.WriteString(d.in, g.program(program)+"\n")
	if err == nil {
		_, err = io.ReadFull(d.out, make([]byte, 1))
	}
	return time.Since(began), errors.Join(err, d.close())
}
