package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"waverider/runner"
)

var passThrough = source{
	node: `const { PassThrough } = require('stream');
		module.exports = (input) => input.pipe(new PassThrough());`,
	python: `
		def run(context, input):
			for piece in input:
				yield piece
		`,
}

// TestRunnersSurviveHubRestarts holds the two ends of the protocol, written
// apart, to each other.
func TestRunnersSurviveHubRestarts(t *testing.T) { eachLanguage(t, survivesHubRestarts) }

func survivesHubRestarts(t *testing.T, l language) {
	const size = 24 << 20
	p, start := newProcess(t, l, passThrough.in(l))
	got := &checker{TB: t}
	lives := 0
	for ; got.at < size; lives++ {
		s, end := p.hub(lives > 0)
		s.Output().SetWindow(256 << 10)
		if lives == 0 {
			p.spawn()
			if err := s.Send(p.ctx, "start", start); err != nil {
				t.Fatal(err)
			}
			if err := s.Send(p.ctx, "input", map[string]string{"contentType": "application/octet-stream"}); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-s.Connected():
		case <-p.ctx.Done():
			t.Fatal("the runner does not connect")
		}
		received := make(chan error, 1)
		go func() { received <- receiveAll(p.ctx, s) }()
		wrote := make(chan error, 1)
		go func() { wrote <- writeFrom(p.ctx, s.Input(), int64(s.Input().Accepted()), size) }()
		if at := int64(s.Output().Acked()); lives%2 == 0 && at <= got.at {
			got.at = at // after a kill the last acks may not have arrived
		}
		p.take(s, got, got.at+size/6, size)
		if got.at == size { // the runner stays until END and its messages are acked
			if err := <-p.exited; err != nil {
				t.Errorf("the runner: %v", err)
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

// take takes output up to an offset, and from size on to its end.
func (p *process) take(s *runner.Session, got *checker, until, size int64) {
	p.Helper()
	for got.at < until || got.at == size {
		c, err := s.Output().Next(p.ctx)
		if errors.Is(err, io.EOF) {
			s.Output().AckEnd()
			return
		}
		p.ok(err)
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
