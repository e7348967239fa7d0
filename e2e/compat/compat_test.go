// Package compat holds the published client and command line of Scramjet
// against a Waverider Hub. The tests are Node's, in test/ and si/; this package
// brings up the Hubs they drive. What Scramjet's own Hub was seen to answer is held against ours in
// transcripts/.
package compat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"waverider/client"
	"waverider/internal/testbin"
	"waverider/internal/testhub"
	"waverider/internal/testspace"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testbin.Remove()
	os.Exit(code)
}

// TestPublishedClient runs Node's tests, each file as one test.
func TestPublishedClient(t *testing.T) {
	if _, err := os.Stat("node_modules/@scramjet/api-client"); err != nil {
		skip(t, "the client is not here: run make e2e")
	}
	hub, err := testhub.Open(t.Context(), testhub.Options{Binary: testbin.WithNode(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	packages := t.TempDir()
	if err := packAll(t.Context(), packages); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("test/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.js"), func(t *testing.T) {
			node(t, hub, file, []string{"PACKAGES=" + packages}, nil)
		})
	}
}

// TestPublishedCommandLine runs si, each file of Node's tests against a Hub of
// its own: si prunes all there is.
func TestPublishedCommandLine(t *testing.T) {
	if _, err := os.Stat("node_modules/@scramjet/cli"); err != nil {
		skip(t, "si is not here: run make e2e")
	}
	binary := testbin.WithNode(t)
	files, err := filepath.Glob("si/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.js"), func(t *testing.T) {
			t.Parallel()
			hub, err := testhub.Open(t.Context(), testhub.Options{Binary: binary})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := hub.Close(); err != nil {
					t.Error(err)
				}
			})
			// si keeps what "-" means by the id of the session it is called in, as
			// long as the leader of the session lives.
			node(t, hub, file, nil, &syscall.SysProcAttr{Setsid: true})
		})
	}
}

// TestPublishedCommandLineInASpace runs si in production, against a Space with two
// Hubs.
func TestPublishedCommandLineInASpace(t *testing.T) {
	if _, err := os.Stat("node_modules/@scramjet/cli"); err != nil {
		skip(t, "si is not here: run make e2e")
	}
	binary := testbin.WithNode(t)
	space, err := testspace.Open(t.Context(), testhub.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, space) })
	var last *testspace.Hub
	for _, name := range []string{"cloud", "edge"} {
		hub, err := space.Join(t.Context(), "https://"+space.Addr(), name, testhub.Options{Binary: binary})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closed(t, hub) })
		last = hub
	}
	token, err := exec.CommandContext(t.Context(), binary, "space", "admin-token", "--data-dir", space.DataDir()).Output()
	if err != nil {
		t.Fatal(err)
	}
	node(t, last.Hub, "space/space.test.js", []string{
		"SPACE_URL=https://" + space.Addr() + "/api/v1", "SPACE_TOKEN=" + strings.TrimSpace(string(token)),
		"NODE_EXTRA_CA_CERTS=" + filepath.Join(space.DataDir(), "tls", "cert.pem"),
	}, &syscall.SysProcAttr{Setsid: true})
}

func closed(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// node runs a file of Node's tests against a Hub.
func node(t *testing.T, hub *testhub.Hub, file string, env []string, how *syscall.SysProcAttr) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=tap", "--test-timeout=60000", file)
	cmd.Env = append(append(os.Environ(), "HUB_URL=http://"+hub.Addr()+"/api/v1"), env...)
	cmd.SysProcAttr = how
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\nthe Hub's log:\n%s", err, out, hub.LogTail(40))
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// packAll packs what is in sequences/ as the command line does.
func packAll(ctx context.Context, into string) error {
	folders, err := filepath.Glob("sequences/*")
	if err != nil {
		return err
	}
	for _, folder := range folders {
		f, err := os.Create(filepath.Join(into, filepath.Base(folder)+".tar.gz"))
		if err != nil {
			return err
		}
		_, err = client.Pack(ctx, folder, f, client.PackOptions{})
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("pack %s: %w", folder, err)
		}
	}
	return nil
}

// skip is for a machine that lacks what these tests need. Where a binary was
// named somebody wants them run, and it is a failure.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("WAVERIDER_BIN") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}
