package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"waverider"
	"waverider/runner"
)

// nodeProcess is the real Node runner with a program, and what its life after
// a Hub's end needs.
type nodeProcess struct {
	testing.TB
	ctx       context.Context
	path, key string
	cmd       *exec.Cmd
	exited    chan error
	log       bytes.Buffer
}

// startNode starts the Node runner; program is the text of index.js.
func startNode(t testing.TB, program string) (*nodeProcess, runner.Start) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	dir := t.TempDir()
	installed, err := runner.InstallNode(filepath.Join(dir, "runner"))
	if err != nil {
		t.Fatal(err)
	}
	start := runner.Start{
		Instance: waverider.InstanceID("i1"), Package: filepath.Join(dir, "package"), Main: "index.js",
		Slot: dir, ExitTimeout: 10_000, Sequence: json.RawMessage(`{"id":"s1","name":"echo"}`),
	}
	if err := os.Mkdir(start.Package, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"index.js": program, "package.json": `{"name":"echo","version":"1.0.0","main":"index.js"}`} {
		if err := os.WriteFile(filepath.Join(start.Package, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	n := &nodeProcess{TB: t, ctx: ctx, path: filepath.Join(dir, "s"), key: runner.NewKey(), exited: make(chan error, 1)}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd = exec.CommandContext(ctx, node, installed.Main)
	n.cmd.Dir = dir
	n.cmd.Env = append(os.Environ(), "WAVERIDER_CHANNEL="+n.path, "WAVERIDER_KEY="+n.key)
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	n.cmd.ExtraFiles = []*os.File{log} // fd 3
	t.Cleanup(func() {
		cancel()
		<-n.exited
		if t.Failed() {
			t.Logf("node says: %s", n.log.Bytes())
		}
	})
	return n, start
}

func (n *nodeProcess) spawn() {
	n.Helper()
	if err := n.cmd.Start(); err != nil {
		n.exited <- err
		n.Fatal(err)
	}
	go func() {
		err := n.cmd.Wait()
		n.exited <- err
		close(n.exited)
	}()
}

// hub is one life of a Hub: call end before the next. A kill cuts what is
// under way instead of detaching.
func (n *nodeProcess) hub(resume bool) (s *runner.Session, end func(kill bool)) {
	n.Helper()
	l, err := runner.Listen(n.path)
	if err != nil {
		n.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- l.Run(n.ctx) }()
	s = runner.NewSession(runner.SessionConfig{Key: n.key, Resume: resume})
	l.Expect(s)
	return s, func(kill bool) {
		if !kill {
			s.Detach()
		}
		l.Close()
		s.Detach()
		if err := <-ran; err != nil {
			n.Error(err)
		}
	}
}

const passThrough = `const { PassThrough } = require('stream');
module.exports = (input) => input.pipe(new PassThrough());
`

// TestNodeRunnerSurvivesHubRestarts holds the two ends of the protocol, written
// apart, to each other.
func TestNodeRunnerSurvivesHubRestarts(t *testing.T) {
	const size = 24 << 20
	n, start := startNode(t, passThrough)
	got := &checker{TB: t}
	lives := 0
	for ; got.at < size; lives++ {
		s, end := n.hub(lives > 0)
		s.Output().SetWindow(256 << 10)
		if lives == 0 {
			n.spawn()
			if err := s.Send(n.ctx, "start", start); err != nil {
				t.Fatal(err)
			}
			if err := s.Send(n.ctx, "input", map[string]string{"contentType": "application/octet-stream"}); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-s.Connected():
		case <-n.ctx.Done():
			t.Fatal("node does not connect")
		}
		received := make(chan error, 1)
		go func() { received <- receiveAll(n.ctx, s) }()
		wrote := make(chan error, 1)
		go func() { wrote <- writeFrom(n.ctx, s.Input(), int64(s.Input().Accepted()), size) }()
		if at := int64(s.Output().Acked()); lives%2 == 0 && at <= got.at {
			got.at = at // after a kill the last acks may not have arrived
		}
		takeNode(t, n, s, got, got.at+size/6, size)
		if got.at == size { // the runner stays until END and its messages are acked
			if err := <-n.exited; err != nil {
				t.Errorf("node: %v", err)
			}
		}
		end(lives%2 == 1)
		if err := <-wrote; err != nil && !errors.Is(err, runner.ErrDetached) {
			t.Fatal(err)
		}
		if err := <-received; !errors.Is(err, runner.ErrDetached) {
			t.Fatal(err)
		}
		var broken *runner.ProtocolError
		if errors.As(s.LastError(), &broken) {
			t.Fatal(broken)
		}
	}
	if got.at != size || lives < 5 {
		t.Errorf("%d bytes of %d in %d lives", got.at, size, lives)
	}
}

// takeNode takes output up to an offset, and from size on to its end.
func takeNode(t *testing.T, n *nodeProcess, s *runner.Session, got *checker, until, size int64) {
	t.Helper()
	for got.at < until || got.at == size {
		c, err := s.Output().Next(n.ctx)
		if errors.Is(err, io.EOF) {
			s.Output().AckEnd()
			return
		} else if err != nil {
			t.Fatal(err)
		}
		got.check(c.Offset, c.Data)
		s.Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
}

func receiveAll(ctx context.Context, s *runner.Session) error {
	for {
		m, err := s.Receive(ctx)
		if err != nil {
			return err
		}
		if m.Type == "failed" {
			return fmt.Errorf("the program failed: %s", m.Data)
		}
	}
}
