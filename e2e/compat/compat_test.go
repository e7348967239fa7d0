// Package compat holds the published client of Scramjet, and what is written
// down of its Hub's answers, against a Waverider Hub. The tests themselves are
// Node's, in test/; this package brings up the Hub they drive.
package compat

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"waverider/client"
)

// setup is what all tests of this package share.
type setup struct {
	url      string // of the Hub's API
	packages string // folder with a NAME.tar.gz of each folder in sequences/
	log      string // file with what the Hub says
}

var shared struct {
	once sync.Once
	setup
	err error
	end func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.end != nil {
		shared.end()
	}
	os.Exit(code)
}

// start brings up the Hub with the first test that asks for it.
func start(t *testing.T) setup {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a built Hub and Node")
	}
	shared.once.Do(func() { shared.setup, shared.end, shared.err = bringUp() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.setup
}

func bringUp() (s setup, end func(), err error) {
	dir, err := os.MkdirTemp("", "waverider-compat")
	if err != nil {
		return s, nil, err
	}
	end = func() { _ = os.RemoveAll(dir) }
	binary, err := binary(dir)
	if err != nil {
		return s, end, err
	}
	if s.packages, err = packAll(dir); err != nil {
		return s, end, err
	}
	url, stop, err := runHub(binary, filepath.Join(dir, "data"))
	if err != nil {
		return s, end, err
	}
	s.url, s.log = url, filepath.Join(dir, "hub.log")
	return s, func() { stop(); _ = os.RemoveAll(dir) }, nil
}

// binary is the program under test: $WAVERIDER_BIN, else built from here.
func binary(dir string) (string, error) {
	if path := os.Getenv("WAVERIDER_BIN"); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, "waverider")
	if out, err := exec.Command("go", "build", "-o", path, "waverider/cmd/waverider").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// packAll packs what is in sequences/ as the command line does.
func packAll(dir string) (string, error) {
	folders, err := filepath.Glob("sequences/*")
	if err != nil {
		return "", err
	}
	packages := filepath.Join(dir, "packages")
	if err := os.MkdirAll(packages, 0o700); err != nil {
		return "", err
	}
	for _, folder := range folders {
		f, err := os.Create(filepath.Join(packages, filepath.Base(folder)+".tar.gz"))
		if err != nil {
			return "", err
		}
		_, err = client.Pack(context.Background(), folder, f, client.PackOptions{})
		if err := errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("pack %s: %w", folder, err)
		}
	}
	return packages, nil
}

// runHub runs a Hub on a free port. stop ends it with its Instances.
func runHub(binary, data string) (url string, stop func(), err error) {
	cmd := exec.Command(binary, "hub", "--listen", "127.0.0.1:0", "--data-dir", data)
	log, err := os.Create(filepath.Join(filepath.Dir(data), "hub.log"))
	if err != nil {
		return "", nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	lines := bufio.NewScanner(out)
	for url == "" && lines.Scan() {
		for _, word := range strings.Fields(lines.Text()) {
			if strings.HasPrefix(word, "http://") {
				url = word
			}
		}
	}
	if url == "" {
		return "", nil, fmt.Errorf("the hub gave no address: %w", cmd.Wait())
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	return url, func() {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		defer kill.Stop()
		<-drained
		if err := cmd.Wait(); err != nil {
			fmt.Fprintln(os.Stderr, "hub:", err)
		}
	}, nil
}

// TestPublishedClient runs Node's tests, each file as one test.
func TestPublishedClient(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		skip(t, "node is not here")
	}
	if _, err := os.Stat("node_modules/@scramjet/api-client"); err != nil {
		skip(t, "the client is not here: run make e2e")
	}
	s := start(t)
	files, err := filepath.Glob("test/*.test.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.js"), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "--test-timeout=60000", file)
			cmd.Env = append(os.Environ(), "HUB_URL="+s.url, "PACKAGES="+s.packages)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s\nthe Hub's log:\n%s", err, out, tail(s.log))
			} else if testing.Verbose() {
				t.Logf("%s", out)
			}
		})
	}
}

// tail is the end of a file.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-4000):])
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
