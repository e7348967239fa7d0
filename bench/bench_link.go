package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"waverider/internal/testhub"
	"waverider/internal/testspace"
)

const streamPiece = 64 << 10

// mesh is a Space and Hubs that have joined it, each a process.
type mesh struct {
	space *testspace.Space
	hubs  map[string]*testspace.Hub
}

// withMesh runs a measurement on a Space and Hubs of its own.
func (g *rig) withMesh(ctx context.Context, names []string, run func(m *mesh) error) error {
	space, err := testspace.Open(ctx, testhub.Options{Binary: g.binary})
	if err != nil {
		return err
	}
	m := &mesh{space: space, hubs: map[string]*testspace.Hub{}}
	for _, name := range names {
		h, err := space.Join(ctx, space.URL(), name, testhub.Options{Binary: g.binary, Args: []string{"--warm-pool", "0"}})
		if err != nil {
			return errors.Join(err, m.close())
		}
		m.hubs[name] = h
	}
	err = run(m)
	if err != nil {
		err = fmt.Errorf("%w\n  the Space's last words:\n%s", err, space.LogTail(8))
		for name, h := range m.hubs {
			err = fmt.Errorf("%w\n  %s's:\n%s", err, name, h.LogTail(8))
		}
	}
	return errors.Join(err, m.close())
}

func (m *mesh) close() error {
	var errs []error
	for _, h := range m.hubs {
		errs = append(errs, h.Close())
	}
	return errors.Join(append(errs, m.space.Close())...)
}

// benchLinkCall compares a small call to a Hub with the same call through its
// Space: one more process, TLS, and the Link.
func benchLinkCall(ctx context.Context, g *rig) (figures []figure, err error) {
	const calls = 2000
	err = g.withMesh(ctx, []string{"edge"}, func(m *mesh) error {
		ask := func(api testhub.API) func() (time.Duration, error) {
			return func() (time.Duration, error) {
				began := time.Now()
				_, err := api.Do(ctx, http.MethodGet, "/status", "", nil)
				return time.Since(began), err
			}
		}
		far, near := ask(m.space.Hub("edge")), ask(m.hubs["edge"].API)
		if _, _, err := inTurn(100, far, near); err != nil {
			return err
		}
		a, b, err := inTurn(calls, far, near)
		if err != nil {
			return err
		}
		figures = []figure{{Name: "small call through the Space, p50", Value: millis(a.median()), Unit: "ms",
			Limit: millis(b.median()), LimitName: "the same call to the Hub", Slack: 1,
			Note: fmt.Sprintf("p99 %.2f ms, direct %.2f ms", millis(a.quantile(0.99)), millis(b.quantile(0.99)))}}
		return nil
	})
	return figures, err
}

// benchLinkStream reads a long answer of a Hub through its Space.
func benchLinkStream(ctx context.Context, g *rig) (figures []figure, err error) {
	const (
		size = 160 << 20 // a Topic in memory costs the Hub next to nothing to read
		runs = 7
	)
	f, err := g.startFloor(ctx, "__yamux")
	if err != nil {
		return nil, err
	}
	defer f.close()
	err = g.withMesh(ctx, []string{"edge"}, func(m *mesh) error {
		h := m.hubs["edge"]
		if err := h.CreateTopic(ctx, testhub.Topic{ID: "bench.stream", ContentType: "application/octet-stream", Durability: "memory", MaxBytes: 2 << 30}); err != nil {
			return err
		}
		if err := fill(ctx, h, "bench.stream", size+(16<<20)); err != nil {
			return err
		}
		through := func(api testhub.API) func() (time.Duration, error) {
			return func() (time.Duration, error) {
				out, err := api.ReadTopic(ctx, "bench.stream", "?from=start")
				if err != nil {
					return 0, err
				}
				defer out.Close()
				return timeRead(out, size)
			}
		}
		far, near := through(m.space.Hub("edge")), through(h.API)
		floor := func() (time.Duration, error) { return readYamux(f.addr, size) }
		took := map[string]series{}
		for range runs {
			for name, once := range map[string]func() (time.Duration, error){"far": far, "near": near, "floor": floor} {
				d, err := once()
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				took[name] = append(took[name], d)
			}
		}
		rate := func(name string) float64 { return size / took[name].median().Seconds() / mega }
		figures = []figure{{Name: "64 KiB pieces through the Space", Value: rate("far"), Unit: "MB/s", More: true,
			Limit: rate("floor"), LimitName: "yamux over TLS", RatioGoal: 0.6,
			Note: fmt.Sprintf("%d runs of 160 MiB, from the Hub itself %s", runs, quantity(rate("near"), "MB/s"))}}
		return nil
	})
	return figures, err
}

// fill puts n bytes into a Topic of bytes.
func fill(ctx context.Context, h *testspace.Hub, name string, n int) error {
	in, err := h.ProduceAs(ctx, name, "application/octet-stream")
	if err != nil {
		return err
	}
	defer in.Close()
	piece := make([]byte, streamPiece)
	for n > 0 {
		m, err := in.Write(piece[:min(n, len(piece))])
		if err != nil {
			return err
		}
		n -= m
	}
	return in.Finish()
}
