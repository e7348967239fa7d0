package runner_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"waverider/runner"
)

// Programs with what the last mark says of them after lines 1 to 1000.
var marked = map[string]struct {
	program  string
	output   func(x int) string
	exact    bool
	readsAll bool // done comes to all of the input while more may come
}{
	"identity":  {"module.exports = (input) => input", one, true, true},
	"filter":    {"module.exports = async function* (input) { for await (const x of input) if (x % 10 === 0) yield x; }", tenth, true, true},
	"expander":  {"module.exports = async function* (input) { for await (const x of input) for (let i = 0; i < 3; i++) yield x; }", three, true, true},
	"sink":      {"module.exports = async function (input) { for await (const x of input); }", none, true, true},
	"transform": {"const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough({ objectMode: true }))", one, false, false},
	"parallel map": {`const { Transform } = require('stream');
		module.exports = (input) => { // works on four at a time, in order
			const work = [];
			return input.pipe(new Transform({ objectMode: true,
				transform(x, _, done) {
					work.push(new Promise((go) => setImmediate(go, x)));
					if (work.length < 4) return done();
					work.shift().then((y) => done(null, y));
				},
				async flush(done) { for (const y of await Promise.all(work)) this.push(y); done(); },
			}));
		}`, one, false, false},
}

func none(int) string    { return "" }
func one(x int) string   { return fmt.Sprintln(x) }
func three(x int) string { return strings.Repeat(one(x), 3) }
func tenth(x int) string {
	if x%10 == 0 {
		return one(x)
	}
	return ""
}

func lines(from, to int, f func(int) string) string {
	var b strings.Builder
	for x := from; x <= to; x++ {
		b.WriteString(f(x))
	}
	return b.String()
}

// feed starts a program in a first life of the Hub.
func (n *nodeProcess) feed(start runner.Start, contentType string) (*runner.Session, func(kill bool)) {
	n.Helper()
	s, end := n.hub(false)
	n.spawn()
	start.Marks = true
	n.ok(s.Send(n.ctx, "start", start))
	n.ok(s.Send(n.ctx, "input", map[string]string{"contentType": contentType}))
	return s, end
}

func (n *nodeProcess) ok(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *nodeProcess) write(s *runner.Session, p string) {
	n.Helper()
	_, err := s.Input().Write(n.ctx, []byte(p))
	n.ok(err)
}

// untilMark reads output until a mark is as wanted, or to its end when want is
// nil. It acks what it reads if told to.
func (n *nodeProcess) untilMark(s *runner.Session, ack bool, want func(runner.Mark) bool) (string, []runner.Mark) {
	n.Helper()
	var got []byte
	var all []runner.Mark
	for {
		c, marks, err := s.Output().NextMarked(n.ctx)
		if errors.Is(err, io.EOF) && want == nil {
			s.Output().AckEnd()
			return string(got), all
		}
		n.ok(err)
		got = append(got, c.Data...)
		all = append(all, marks...)
		if ack {
			s.Output().Ack(c.Offset + uint64(len(c.Data)))
		}
		c.Release()
		if want != nil && len(marks) > 0 && want(marks[len(marks)-1]) {
			return string(got), all
		}
	}
}

func TestNodeMarks(t *testing.T) {
	const size = 1000
	for name, c := range marked {
		t.Run(name, func(t *testing.T) {
			n, start := startNode(t, c.program)
			s, end := n.feed(start, "application/x-ndjson")
			received := n.receive(s)
			n.write(s, lines(1, size, one))
			want := func(m runner.Mark) bool { return m.Done == size }
			if !c.readsAll {
				want = func(m runner.Mark) bool { return m.Done > size/2 }
			}
			got, marks := n.untilMark(s, true, want)
			for _, m := range marks {
				if m.Exact != c.exact && m.Done > 0 {
					t.Errorf("exact: %+v", m)
				}
				// What is done has been given out before the mark.
				if need := len(lines(1, int(m.Done), c.output)); int(m.Offset) < need || c.exact && m.N == 0 && int(m.Offset) != need {
					t.Fatalf("%+v, but %d bytes come of that input", m, need)
				}
			}
			n.ok(s.Input().End(n.ctx))
			rest, marks := n.untilMark(s, true, nil)
			if whole := lines(1, size, c.output); got+rest != whole {
				t.Errorf("%d bytes of output, not %d", len(got+rest), len(whole))
			}
			n.ok(<-n.exited)
			end(true)
			received()
			if !c.readsAll && (len(marks) == 0 || marks[len(marks)-1].Done != size) {
				t.Errorf("at the end: %+v", marks)
			}
			n.inOrder(s)
		})
	}
}

// receive handles the runner's messages until the Hub ends; the function it
// returns waits for that.
func (n *nodeProcess) receive(s *runner.Session) func() {
	received := make(chan error, 1)
	go func() { received <- receiveAll(n.ctx, s) }()
	return func() {
		n.Helper()
		if err := <-received; !errors.Is(err, runner.ErrDetached) {
			n.Error(err)
		}
	}
}

func (n *nodeProcess) inOrder(s *runner.Session) {
	n.Helper()
	var broken *runner.ProtocolError
	if errors.As(s.LastError(), &broken) {
		n.Error(broken)
	}
}

// TestNodeSkipsWhatWasGiven ends a run in the middle, as a crash would, and
// has another one go on from its last mark.
func TestNodeSkipsWhatWasGiven(t *testing.T) {
	const size = 500
	for _, name := range []string{"identity", "filter", "expander"} {
		t.Run(name, func(t *testing.T) {
			c := marked[name]
			n, start := startNode(t, c.program)
			s, end := n.feed(start, "application/x-ndjson")
			n.write(s, lines(1, size/2, one))
			first, marks := n.untilMark(s, true, func(m runner.Mark) bool { return m.Done == size/2 })
			n.ok(n.cmd.Process.Kill())
			<-n.exited
			end(true)
			at := marks[len(marks)/2]
			first = first[:at.Offset]

			again, start := startNode(t, c.program)
			start.Skip = &runner.Skip{Done: at.Done, N: at.N}
			s, end = again.feed(start, "application/x-ndjson")
			again.write(s, lines(1, size, one))
			again.ok(s.Input().End(again.ctx))
			received := again.receive(s)
			second, marks := again.untilMark(s, true, nil)
			again.ok(<-again.exited)
			end(true)
			received()
			if first+second != lines(1, size, c.output) {
				t.Errorf("%d and %d bytes are not the whole output", len(first), len(second))
			}
			if last := marks[len(marks)-1]; int(last.Offset) != len(second) || last.Done != size {
				t.Errorf("last mark %+v, %d bytes", last, len(second))
			}
		})
	}
}

// TestNodeTellsANewHubOfUnackedOutput kills a Hub that had not acked, and
// looks at what the next one is told.
func TestNodeTellsANewHubOfUnackedOutput(t *testing.T) {
	n, start := startNode(t, "module.exports = async function* (input) { for await (const x of input) yield x; }")
	s, end := n.feed(start, "application/x-ndjson")
	upTo := func(done uint64) func(runner.Mark) bool { return func(m runner.Mark) bool { return m.Done >= done } }
	n.write(s, lines(1, 3, one))
	n.untilMark(s, true, upTo(3))
	n.write(s, lines(4, 6, one))
	n.untilMark(s, false, upTo(6))
	end(false)
	s, end = n.hub(true)
	select {
	case <-s.Connected():
	case <-n.ctx.Done():
		t.Fatal("node does not connect")
	}
	if in := s.Input(); in.Received() != 12 || in.Accepted() != 12 || s.Output().Acked() != 6 {
		t.Errorf("input received %d, accepted %d, output acked %d", in.Received(), in.Accepted(), s.Output().Acked())
	}
	got, marks := n.untilMark(s, true, upTo(6))
	if got != lines(4, 6, one) || marks[0] != (runner.Mark{Offset: 6, Done: 3, Exact: true}) {
		t.Errorf("%q, %+v", got, marks)
	}
	n.write(s, lines(7, 7, one))
	n.ok(s.Input().End(n.ctx))
	received := n.receive(s)
	if got, _ := n.untilMark(s, true, nil); got != lines(7, 7, one) {
		t.Errorf("then %q", got)
	}
	n.ok(<-n.exited)
	end(true)
	received()
	n.inOrder(s)
}

// TestNodeSaveCoversTheRecordInWork sums windows of ten.
func TestNodeSaveCoversTheRecordInWork(t *testing.T) {
	n, start := startNode(t, `module.exports = async function* (input) {
		let sum = this.initialState || 0, count = 0;
		for await (const x of input) {
			sum += x;
			if (++count % 10 === 0) { yield sum; await this.save(sum); }
		}
	}`)
	start.Ack = runner.AckSave
	s, end := n.feed(start, "application/x-ndjson")
	n.write(s, lines(1, 25, one))
	n.ok(s.Input().End(n.ctx))
	var saves []string
	received := make(chan error, 1)
	go func() {
		for {
			m, err := s.Receive(n.ctx)
			if err != nil {
				received <- err
				return
			}
			var save struct{ ID, State, Done, Output int }
			if m.Type != "save" || m.Decode(&save) != nil {
				continue
			}
			saves = append(saves, fmt.Sprint(save.State, save.Done, save.Output))
			if err := s.Send(n.ctx, "saved", map[string]int{"id": save.ID}); err != nil {
				received <- err
				return
			}
		}
	}()
	got, _ := n.untilMark(s, true, nil)
	n.ok(<-n.exited)
	end(true)
	<-received
	if got != "55\n210\n" || fmt.Sprint(saves) != "[55 10 3 210 20 7]" {
		t.Errorf("output %q, saves %v", got, saves)
	}
}

// TestNodeMarksOfText counts bytes.
func TestNodeMarksOfText(t *testing.T) {
	n, start := startNode(t, "module.exports = async function* (input) { for await (const x of input) yield x.length; }")
	s, end := n.feed(start, "text/plain")
	received := n.receive(s)
	n.write(s, "a€b\xe2\x82") // five bytes, and two of a code point
	n.untilMark(s, true, func(m runner.Mark) bool { return m.Done == 5 && !m.Exact })
	n.write(s, "\xac")
	n.untilMark(s, true, func(m runner.Mark) bool { return m.Done == 8 })
	n.ok(s.Input().End(n.ctx))
	n.untilMark(s, true, nil)
	n.ok(<-n.exited)
	end(true)
	received()
	n.inOrder(s)
}
