package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"waverider/internal/testhub"
)

//go:embed programs
var programs embed.FS

// rig is what all rows share: the binary, a place for files, the programs.
type rig struct {
	binary string
	self   string // this program, to be run as one of floors
	node   string
	python string // "" where there is none
	dir    string
}

func newRig(binary string) (*rig, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("binary: %w; make build makes it", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errors.New("node is not on the PATH, so there is nothing to measure")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "wr-bench-")
	if err != nil {
		return nil, err
	}
	g := &rig{binary: binary, self: self, node: node, dir: dir}
	// Past the shim of a version manager, as the Hub goes.
	if real, err := exec.Command("python3", "-I", "-S", "-c", "import sys; print(sys.executable)").Output(); err == nil {
		g.python = strings.TrimSpace(string(real))
	}
	return g, g.unpackPrograms()
}

func (g *rig) close() { _ = os.RemoveAll(g.dir) } // a temporary folder

func (g *rig) unpackPrograms() error {
	entries, err := programs.ReadDir("programs")
	if err != nil {
		return err
	}
	for _, e := range entries {
		code, err := programs.ReadFile("programs/" + e.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(g.program(e.Name()), code, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func isPython(program string) bool { return filepath.Ext(program) == ".py" }

// interpreter is what runs a bare program: the one at the head of its arguments.
func (g *rig) interpreter(args []string) string {
	if len(args) > 0 && isPython(args[0]) {
		return g.python
	}
	return g.node
}

// program is the path of one of the programs.
func (g *rig) program(name string) string { return filepath.Join(g.dir, name) }

// hub starts a Hub with an empty data dir; the caller closes it.
func (g *rig) hub(ctx context.Context, args ...string) (*testhub.Hub, error) {
	return testhub.Open(ctx, testhub.Options{Binary: g.binary, Args: args})
}

// upload makes a Sequence of one of the programs.
func (g *rig) upload(ctx context.Context, h *testhub.Hub, name string) (string, error) {
	code, err := programs.ReadFile("programs/" + name)
	if err != nil {
		return "", err
	}
	pack := testhub.Pack
	if isPython(name) {
		pack = testhub.PackPython
	}
	pkg, err := pack("bench-"+name, string(code), nil)
	if err != nil {
		return "", err
	}
	return h.Upload(ctx, pkg)
}

// instance starts one of the programs on h.
func (g *rig) instance(ctx context.Context, h *testhub.Hub, name string) (string, error) {
	seq, err := g.upload(ctx, h, name)
	if err != nil {
		return "", err
	}
	return h.StartInstance(ctx, seq, testhub.Start{})
}

// withHub runs a measurement on a Hub of its own.
func (g *rig) withHub(ctx context.Context, args []string, run func(h *testhub.Hub) error) error {
	h, err := g.hub(ctx, args...)
	if err != nil {
		return err
	}
	err = run(h)
	if err != nil {
		err = fmt.Errorf("%w\n  the Hub's last words:\n%s", err, h.LogTail(8))
	}
	return errors.Join(err, h.Close())
}
