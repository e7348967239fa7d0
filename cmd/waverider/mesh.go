package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"waverider/cli"
	"waverider/client"
	"waverider/hub"
	"waverider/hub/uplink"
)

// joinPatience is how long a Hub of a mesh may take to join.
const joinPatience = 15 * time.Second

// mesh is a Space and its Hubs in this process, for trying things.
type mesh struct {
	cfg   cli.MeshConfig
	dir   string
	log   *os.File
	place *place
	up    chan cli.MeshHub // those that have joined
}

// runMesh runs a Space with Hubs until ctx ends, or use does.
func runMesh(ctx context.Context, cfg cli.MeshConfig, use func(context.Context, cli.Mesh) error) (err error) {
	m := &mesh{cfg: cfg, dir: cfg.Dir, up: make(chan cli.MeshHub)}
	if m.dir == "" {
		if m.dir, err = os.MkdirTemp("", "waverider-mesh-"); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(m.dir)) }()
	}
	if m.dir, err = filepath.Abs(m.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	if m.log, err = os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	defer m.log.Close()
	c := &spaceConfig{}
	s, err := fixed(c, map[string]string{"listen": "127.0.0.1:0", "name": "dev", "data-dir": filepath.Join(m.dir, "space"), "token-file": filepath.Join(m.dir, "token")})
	if err != nil {
		return err
	}
	m.place = newPlace(c, m.handler())
	// The Space ends after its Hubs, and they after use: each needs the other.
	return m.place.run(context.WithoutCancel(ctx), s, func(inner context.Context) error {
		ctx, stop := both(ctx, inner)
		defer stop()
		return m.serve(ctx, use)
	})
}

func (m *mesh) handler() slog.Handler { return logHandler("info", "text", m.log) }

// serve runs the Hubs, and use when all have joined.
func (m *mesh) serve(ctx context.Context, use func(context.Context, cli.Mesh) error) error {
	runs := []func(context.Context) error{func(inner context.Context) error {
		ctx, stop := both(ctx, inner)
		defer stop()
		all := cli.Mesh{Dir: m.dir, Space: m.place.url(), CA: m.place.certFile(), TokenFile: m.place.cfg.TokenFile}
		for range m.cfg.Hubs {
			select {
			case h := <-m.up:
				all.Hubs = append(all.Hubs, h)
			case <-ctx.Done():
				return nil
			}
		}
		slices.SortFunc(all.Hubs, func(a, b cli.MeshHub) int { return strings.Compare(a.Name, b.Name) })
		return use(ctx, all)
	}}
	for n := range m.cfg.Hubs {
		runs = append(runs, func(ctx context.Context) error { return m.hub(ctx, fmt.Sprintf("hub-%d", n+1)) })
	}
	return together(context.WithoutCancel(ctx), runs...)
}

// hub runs one Hub, and tells of it when it has joined.
func (m *mesh) hub(ctx context.Context, name string) error {
	dir := filepath.Join(m.dir, name)
	set := map[string]string{"listen": "127.0.0.1:0", "name": name, "data-dir": dir, "space": m.place.url(), "kill-on-exit": "true", "orphan-after": "30s"}
	if _, err := os.Stat(filepath.Join(dir, "space.json")); errors.Is(err, fs.ErrNotExist) {
		if set[joinFlag], err = m.token(ctx, name); err != nil {
			return err
		}
	}
	c := &hubConfig{}
	s, err := fixed(c, set)
	if err != nil {
		return err
	}
	h := newHouse(c, extras{handler: m.handler(), serve: func(ctx context.Context, h *house, _ *hub.Hub) error {
		if err := m.linked(ctx, h, name); err != nil {
			return err
		}
		select {
		case m.up <- cli.MeshHub{Name: name, URL: h.url()}:
			<-ctx.Done()
		case <-ctx.Done():
		}
		return nil
	}})
	return h.run(ctx, s)
}

// token makes a join token as anybody does who has the admin's.
func (m *mesh) token(ctx context.Context, name string) (string, error) {
	c, err := client.New(client.Config{URL: m.place.url(), CA: m.place.certFile(), TokenFile: m.place.cfg.TokenFile, Space: true})
	if err != nil {
		return "", err
	}
	defer c.Close()
	t, err := c.CreateJoinToken(ctx, client.JoinTokenRequest{Name: name})
	return t.Token, err
}

// linked waits until the Hub has reached the Space.
func (m *mesh) linked(ctx context.Context, h *house, name string) error {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		status, _ := h.uplink.Status().(uplink.Status)
		if status.State == "connected" {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s does not reach the Space (%s): %s has more", name, status.Problem, m.log.Name())
			}
			return nil
		}
	}
}

// fixed is the settings of a role with these values, and nothing of the
// environment.
func fixed(c roleConfig, values map[string]string) (*settings, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.register(flags)
	for name, value := range values {
		if err := flags.Set(name, value); err != nil {
			return nil, err
		}
	}
	s, err := load(flags, func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, err
	}
	return s, c.Validate()
}
