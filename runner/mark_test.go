package runner_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// marked reads output until it holds n bytes and the last mark is want; it
// checks on the way that no mark overtakes its output.
func (b *bench) marked(n int, want runner.Mark) (string, []runner.Mark) {
	b.Helper()
	var got []byte
	var all []runner.Mark
	for len(got) < n || len(all) == 0 || all[len(all)-1] != want {
		c, marks, err := b.s.Output().NextMarked(b.ctx)
		if err != nil {
			b.Fatalf("%v after %q, %+v", err, got, all)
		}
		got = append(got, c.Data...)
		for _, m := range marks {
			if m.Offset > c.Offset+uint64(len(c.Data)) {
				b.Fatalf("%+v before its output, which came to %d", m, c.Offset+uint64(len(c.Data)))
			}
		}
		all = append(all, marks...)
		c.Release()
	}
	return string(got), all
}

func TestMarksComeWithTheirOutput(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	b.write("1\n2\n3\n")
	p := make([]byte, 6)
	_, err := io.ReadFull(r, p)
	b.ok(err)
	want := []runner.Mark{{Done: 1, Exact: true}, {Offset: 3, Done: 2, N: 1, Exact: true}, {Offset: 6, Done: 3}}
	r.Mark(1, 0, true)
	_, err = r.Write([]byte("abc"))
	b.ok(err)
	r.Mark(2, 1, true)
	_, err = r.Write([]byte("def"))
	b.ok(err)
	r.Mark(3, 0, false)
	got, marks := b.marked(6, want[2])
	if got != "abcdef" || !slices.Equal(marks, want) {
		t.Errorf("%q, %+v", got, marks)
	}
	r.Mark(3, 4, false) // without output
	if got, marks := b.marked(0, runner.Mark{Offset: 6, Done: 3, N: 4}); got != "" || len(marks) != 1 {
		t.Errorf("%q, %+v", got, marks)
	}
}

func TestMarksBehindTheEnd(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.write("1\n")
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("x")))
	b.ok(raw.Send(runner.FrameEnd, runner.StreamOutput, 1, nil))
	if c, marks, err := b.s.Output().NextMarked(b.ctx); err != nil || string(c.Data) != "x" || marks != nil {
		t.Fatalf("%q %v %v", c.Data, marks, err)
	}
	if _, _, err := b.s.Output().NextMarked(b.ctx); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_, _, err := raw.Next() // the input: what is sent is what may be done
	b.ok(err)
	last := runner.Mark{Offset: 1, Done: 1}
	_, err = raw.Conn.Write(last.Append(nil))
	b.ok(err)
	raw.Close()
	b.s.Close()
	if _, marks, err := b.s.Output().NextMarked(b.ctx); err != nil || !slices.Equal(marks, []runner.Mark{last}) {
		t.Errorf("%v %v", marks, err)
	}
	if _, _, err := b.s.Output().NextMarked(b.ctx); !errors.Is(err, io.EOF) {
		t.Errorf("at last: %v", err)
	}
}

// TestNextTakesNoNoticeOfMarks lets a runner send marks to a Hub that reads
// nothing but output.
func TestNextTakesNoNoticeOfMarks(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	b.write(strings.Repeat("x", 40<<10))
	b.ok(b.s.Input().End(b.ctx))
	echoed := make(chan error, 1)
	go func() { echoed <- r.EchoMarked() }()
	n := 0
	b.readAll(func(_ uint64, p []byte) { n += len(p) })
	if n != 40<<10 {
		t.Errorf("%d bytes", n)
	}
	b.ok(<-echoed)
}

// TestAFloodOfMarksIsThinned keeps the newest of far too many marks, and some
// of the others in order.
func TestAFloodOfMarksIsThinned(t *testing.T) {
	const flood = 20_000
	b := newBench(t)
	raw := b.raw()
	b.write(strings.Repeat("x", 40<<10))
	for sent := 0; sent < 40<<10; {
		h, p, err := raw.Next()
		b.ok(err)
		if h.Type == runner.FrameData {
			sent += len(p)
		}
	}
	var frames []byte
	var last runner.Mark
	for i := range uint64(flood) {
		frames = runner.Header{Type: runner.FrameData, Stream: runner.StreamOutput, Length: 1, Number: i}.Append(frames)
		frames = append(frames, 'x')
		last = runner.Mark{Offset: i + 1, Done: i + 1}
		frames = last.Append(frames)
	}
	_, err := raw.Conn.Write(frames)
	b.ok(err)
	b.ok(raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"through"}`)))
	_, err = b.s.Receive(b.ctx)
	b.ok(err)
	got, marks := b.marked(flood, last)
	if len(got) != flood || len(marks) > 256 || len(marks) < 64 {
		t.Errorf("%d bytes, %d marks", len(got), len(marks))
	}
	if !slices.IsSortedFunc(marks, func(a, b runner.Mark) int { return int(a.Offset) - int(b.Offset) }) {
		t.Error("marks out of order")
	}
}

// TestMarksAreSentAgain connects to the same Hub again: what it had is not
// heard twice, what it missed is.
func TestMarksAreSentAgain(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	b.write("1234")
	p := make([]byte, 4)
	_, err := io.ReadFull(r, p)
	b.ok(err)
	for done := range uint64(3) {
		_, err := r.Write([]byte("x"))
		b.ok(err)
		r.Mark(done+1, 0, true)
	}
	_, marks := b.marked(3, runner.Mark{Offset: 3, Done: 3, Exact: true})
	if len(marks) == 0 {
		t.Error("no marks")
	}
	before := r.Connections()
	r.Cut()
	for r.Connections() == before {
		b.ok(b.ctx.Err())
	}
	r.Mark(4, 0, true)
	last := runner.Mark{Offset: 3, Done: 4, Exact: true}
	if got, marks := b.marked(0, last); got != "" || !slices.Equal(marks, []runner.Mark{last}) {
		t.Errorf("%q, %+v", got, marks)
	}
}

// TestANewHubHearsOfUnackedOutput is the next Hub process: it takes over the
// positions and gets the marks that belong to what it is sent.
func TestANewHubHearsOfUnackedOutput(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	b.write("123456")
	p := make([]byte, 5)
	_, err := io.ReadFull(r, p)
	b.ok(err)
	for done := range uint64(5) {
		_, err := r.Write([]byte("x"))
		b.ok(err)
		r.Mark(done+1, 0, true)
	}
	b.marked(5, runner.Mark{Offset: 5, Done: 5, Exact: true})
	b.s.Output().Ack(2)
	for b.s.Input().Received() < 6 {
		b.ok(b.ctx.Err())
	}
	b.l.Forget(b.s)
	b.s.Detach()

	b.s = runner.NewSession(runner.SessionConfig{Key: b.key, Resume: true})
	b.l.Expect(b.s)
	b.wait(b.s.Connected())
	if in, out := b.s.Input(), b.s.Output(); in.Received() != 6 || in.Accepted() != 6 || out.Acked() != 2 {
		t.Errorf("input received %d, accepted %d; output acked %d", in.Received(), in.Accepted(), out.Acked())
	}
	got, marks := b.marked(3, runner.Mark{Offset: 5, Done: 5, Exact: true})
	if got != "xxx" || marks[0] != (runner.Mark{Offset: 2, Done: 2, Exact: true}) || len(marks) != 4 {
		t.Errorf("%q, %+v", got, marks)
	}
}

// TestAMarkThatContradictsTheNewestIsRefused is a runner that comes back and
// tells another story.
func TestAMarkThatContradictsTheNewestIsRefused(t *testing.T) {
	for name, m := range map[string]runner.Mark{
		"less done behind it":     {Offset: 4, Done: 1},
		"more done before it":     {Offset: 1, Done: 3},
		"less emitted behind it":  {Offset: 4, Done: 2},
		"more emitted before it":  {Offset: 2, Done: 2, N: 6},
		"less done, more emitted": {Offset: 4, Done: 1, N: 9},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			raw := b.raw()
			b.write("abc")
			_, _, err := raw.Next()
			b.ok(err)
			b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("good")))
			newest := runner.Mark{Offset: 3, Done: 2, N: 5}
			_, err = raw.Conn.Write(newest.Append(nil))
			b.ok(err)
			if got, _ := b.marked(4, newest); got != "good" {
				t.Fatalf("output %q", got)
			}
			raw.Close()
			second, err := runnertest.DialRaw(b.l.Path(), runner.Hello{
				Key: b.key, Input: runner.HelloInput{Received: 3, Limit: 4 << 20}, Output: runner.HelloOutput{Next: 4}})
			b.ok(err)
			defer second.Close()
			_, err = second.Conn.Write(m.Append(nil))
			b.ok(err)
			var broken *runner.ProtocolError
			if err := lastError(b); !errors.As(err, &broken) || !strings.Contains(err.Error(), "contradicts") {
				t.Errorf("LastError: %v", err)
			}
		})
	}
}
