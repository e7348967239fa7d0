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
	source
	output   func(x int) string
	exact    bool
	readsAll bool // done comes to all of the input while more may come
}{
	"identity": {source{
		node:   "module.exports = (input) => input",
		python: "def run(context, input): return input",
	}, one, true, true},
	"filter": {source{
		node: "module.exports = async function* (input) { for await (const x of input) if (x % 10 === 0) yield x; }",
		python: `
			async def run(context, input):
				async for x in input:
					if x % 10 == 0: yield x
			`,
	}, tenth, true, true},
	"expander": {source{
		node: "module.exports = async function* (input) { for await (const x of input) for (let i = 0; i < 3; i++) yield x; }",
		python: `
			def run(context, input):
				for x in input:
					for i in range(3): yield x
			`,
	}, three, true, true},
	"expander with asyncio": {source{
		python: `
			import asyncio
			async def run(context, input):
				async for x in input:
					for i in range(3):
						await asyncio.sleep(0)
						yield x
			`,
	}, three, true, true},
	"asyncio that comes late": {source{
		python: `
			async def run(context, input):
				async for x in input:
					import asyncio
					await asyncio.sleep(0)
					for i in range(3): yield x
			`,
	}, three, true, true},
	"thread that reads ahead": {source{
		python: `
			import queue, threading
			def run(context, input):
				got = queue.Queue(8)
				def work():
					for x in input: got.put(x)
					got.put(None)
				threading.Thread(target=work).start()
				while True:
					x = got.get()
					if x is None: return
					yield x
			`,
	}, one, false, false},
	"sink": {source{
		node: "module.exports = async function (input) { for await (const x of input); }",
		python: `
			async def run(context, input):
				async for x in input: pass
			`,
	}, none, true, true},
	"plain sink": {source{
		python: `
			def run(context, input):
				for x in input: pass
			`,
	}, none, true, true},
	"reader": {source{
		python: `
			async def run(context, input):
				while True:
					x = await input.read()
					if x is None: return
					if x % 10 == 0: yield x
			`,
	}, tenth, true, true},
	"reader with asyncio": {source{
		python: `
			import asyncio
			async def run(context, input):
				while True:
					x = await input.read()
					if x is None: return
					await asyncio.sleep(0)
					if x % 10 == 0: yield x
			`,
	}, tenth, true, true},
	"loops that break": {source{
		python: `
			async def run(context, input):
				more = True
				while more:
					more = False
					async for x in input:
						yield x
						more = True
						if x % 7 == 0: break
			`,
	}, one, true, true},
	"loops that break, with asyncio": {source{
		python: `
			import asyncio
			async def run(context, input):
				more = True
				while more:
					more = False
					async for x in input:
						yield x
						await asyncio.sleep(0)
						more = True
						if x % 7 == 0: break
			`,
	}, one, true, true},
	"plain loops that break": {source{
		python: `
			def run(context, input):
				more = True
				while more:
					more = False
					for x in input:
						for i in range(3): yield x
						more = True
						if x % 7 == 0: break
			`,
	}, three, true, true},
	"pairs": {source{
		python: `
			def run(context, input):
				for pair in zip(input, input): yield from pair
			`,
	}, one, false, false},
	"transform": {source{
		node:   "const { PassThrough } = require('stream'); module.exports = (input) => input.pipe(new PassThrough({ objectMode: true }))",
		python: "def run(context, input): return input.map(lambda x: x)",
	}, one, false, false},
	"parallel map": {source{
		node: `const { Transform } = require('stream');
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
			}`,
		python: `
			import asyncio
			async def later(x):
				await asyncio.sleep(0.001)
				return x
			def run(context, input):
				return input.map(later)
			`,
	}, one, false, false},
	"task that reads ahead": {source{
		python: `
			import asyncio
			async def run(context, input):
				queue = asyncio.Queue(8)
				async def read():
					async for x in input: await queue.put(x)
					await queue.put(None)
				task = asyncio.ensure_future(read())
				while True:
					x = await queue.get()
					if x is None: return
					await asyncio.sleep(0)
					yield x
			`,
	}, one, false, false},
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
func (p *process) feed(start runner.Start, contentType string) (*runner.Session, func(kill bool)) {
	p.Helper()
	s, end := p.hub(false)
	p.spawn()
	start.Marks = true
	p.ok(s.Send(p.ctx, "start", start))
	p.ok(s.Send(p.ctx, "input", map[string]string{"contentType": contentType}))
	return s, end
}

// untilMark reads output until a mark is as wanted, or to its end when want is
// nil. It acks what it reads if told to.
func (p *process) untilMark(s *runner.Session, ack bool, want func(runner.Mark) bool) (string, []runner.Mark) {
	p.Helper()
	var got []byte
	var all []runner.Mark
	for {
		c, marks, err := s.Output().NextMarked(p.ctx)
		if errors.Is(err, io.EOF) && want == nil {
			s.Output().AckEnd()
			return string(got), all
		}
		p.ok(err)
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

func TestMarks(t *testing.T) { eachLanguage(t, marks) }

func marks(t *testing.T, l language) {
	const size = 1000
	for name, c := range marked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.in(l) == "" {
				t.Skip("not in this language")
			}
			p, start := newProcess(t, l, c.in(l))
			s, end := p.feed(start, "application/x-ndjson")
			received := p.receive(s)
			p.write(s, lines(1, size, one))
			want := func(m runner.Mark) bool { return m.Done == size }
			if !c.readsAll {
				want = func(m runner.Mark) bool { return m.Done > size/2 }
			}
			got, marks := p.untilMark(s, true, want)
			for _, m := range marks {
				if m.Exact != c.exact && m.Done > 0 {
					t.Errorf("exact: %+v", m)
				}
				// What is done has been given out before the mark.
				if need := len(lines(1, int(m.Done), c.output)); int(m.Offset) < need || c.exact && m.N == 0 && int(m.Offset) != need {
					t.Fatalf("%+v, but %d bytes come of that input", m, need)
				}
			}
			p.ok(s.Input().End(p.ctx))
			rest, marks := p.untilMark(s, true, nil)
			if whole := lines(1, size, c.output); got+rest != whole {
				t.Errorf("%d bytes of output, not %d", len(got+rest), len(whole))
			}
			p.ok(<-p.exited)
			end(true)
			received()
			if !c.readsAll && (len(marks) == 0 || marks[len(marks)-1].Done != size) {
				t.Errorf("at the end: %+v", marks)
			}
			p.inOrder(s)
		})
	}
}

// receive handles the runner's messages until the Hub ends; the function it
// returns waits for that.
func (p *process) receive(s *runner.Session) func() {
	received := make(chan error, 1)
	go func() { received <- receiveAll(p.ctx, s) }()
	return func() {
		p.Helper()
		if err := <-received; !errors.Is(err, runner.ErrDetached) {
			p.Error(err)
		}
	}
}

// TestSkipsWhatWasGiven ends a run in the middle, as a crash would, and has
// another one go on from one of its marks.
func TestSkipsWhatWasGiven(t *testing.T) { eachLanguage(t, skipsWhatWasGiven) }

func skipsWhatWasGiven(t *testing.T, l language) {
	const size = 500
	for _, name := range []string{
		"identity", "filter", "expander", "expander with asyncio", "asyncio that comes late", "reader", "reader with asyncio",
		"loops that break", "loops that break, with asyncio", "plain loops that break",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := marked[name]
			if c.in(l) == "" {
				t.Skip("not in this language")
			}
			p, start := newProcess(t, l, c.in(l))
			s, end := p.feed(start, "application/x-ndjson")
			p.write(s, lines(1, size/2, one))
			first, marks := p.untilMark(s, true, func(m runner.Mark) bool { return m.Done == size/2 })
			p.ok(p.cmd.Process.Kill())
			<-p.exited
			end(true)
			at := marks[len(marks)/2]
			first = first[:at.Offset]

			again, start := newProcess(t, l, c.in(l))
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

var oneByOne = source{
	node: "module.exports = async function* (input) { for await (const x of input) yield x; }",
	python: `
		async def run(context, input):
			async for x in input: yield x
		`,
}

// TestTellsANewHubOfUnackedOutput kills a Hub that had not acked, and looks at
// what the next one is told.
func TestTellsANewHubOfUnackedOutput(t *testing.T) { eachLanguage(t, tellsANewHub) }

func tellsANewHub(t *testing.T, l language) {
	p, start := newProcess(t, l, oneByOne.in(l))
	s, end := p.feed(start, "application/x-ndjson")
	upTo := func(done uint64) func(runner.Mark) bool { return func(m runner.Mark) bool { return m.Done >= done } }
	p.write(s, lines(1, 3, one))
	p.untilMark(s, true, upTo(3))
	p.write(s, lines(4, 6, one))
	p.untilMark(s, false, upTo(6))
	end(false)
	s, end = p.again()
	if in := s.Input(); in.Received() != 12 || in.Accepted() != 12 || s.Output().Acked() != 6 {
		t.Errorf("input received %d, accepted %d, output acked %d", in.Received(), in.Accepted(), s.Output().Acked())
	}
	got, marks := p.untilMark(s, true, upTo(6))
	if got != lines(4, 6, one) || marks[0] != (runner.Mark{Offset: 6, Done: 3, Exact: true}) {
		t.Errorf("%q, %+v", got, marks)
	}
	p.write(s, lines(7, 7, one))
	p.ok(s.Input().End(p.ctx))
	received := p.receive(s)
	if got, _ := p.untilMark(s, true, nil); got != lines(7, 7, one) {
		t.Errorf("then %q", got)
	}
	p.ok(<-p.exited)
	end(true)
	received()
	p.inOrder(s)
}

var windows = source{
	node: `module.exports = async function* (input) {
		let sum = this.initialState || 0, count = 0;
		for await (const x of input) {
			sum += x;
			if (++count % 10 === 0) { yield sum; await this.save(sum); }
		}
	}`,
	python: `
		def run(context, input):
			total = context.initial_state or 0
			for count, x in enumerate(input, 1):
				total += x
				if count % 10 == 0:
					yield total
					context.save(total)
		`,
}

// TestSaveCoversTheRecordInWork sums windows of ten.
func TestSaveCoversTheRecordInWork(t *testing.T) { eachLanguage(t, saveCovers) }

func saveCovers(t *testing.T, l language) {
	p, start := newProcess(t, l, windows.in(l))
	start.Ack = runner.AckSave
	s, end := p.feed(start, "application/x-ndjson")
	p.write(s, lines(1, 25, one))
	p.ok(s.Input().End(p.ctx))
	var saves []string
	received := make(chan error, 1)
	go func() {
		for {
			m, err := s.Receive(p.ctx)
			if err != nil {
				received <- err
				return
			}
			var save struct{ ID, State, Done, Output int }
			if m.Type != "save" || m.Decode(&save) != nil {
				continue
			}
			saves = append(saves, fmt.Sprint(save.State, save.Done, save.Output))
			if err := s.Send(p.ctx, "saved", map[string]int{"id": save.ID}); err != nil {
				received <- err
				return
			}
		}
	}()
	got, _ := p.untilMark(s, true, nil)
	p.ok(<-p.exited)
	end(true)
	<-received
	if got != "55\n210\n" || fmt.Sprint(saves) != "[55 10 3 210 20 7]" {
		t.Errorf("output %q, saves %v", got, saves)
	}
}

// TestMarksOfText counts bytes. Pieces of text are cut elsewhere in another
// run; lines, which Python has, are not.
func TestMarksOfText(t *testing.T) { eachLanguage(t, marksOfText) }

func marksOfText(t *testing.T, l language) {
	p, start := newProcess(t, l, source{
		node: "module.exports = async function* (input) { for await (const x of input) yield x.length; }",
		python: `
			async def run(context, input):
				async for x in input: yield len(x)
			`,
	}.in(l))
	s, end := p.feed(start, "text/plain")
	received := p.receive(s)
	p.write(s, "a€\n\xe2\x82") // five bytes, and two of a code point
	p.untilMark(s, true, func(m runner.Mark) bool { return m.Done == 5 && m.Exact == l.python() })
	p.write(s, "\xac\n")
	p.untilMark(s, true, func(m runner.Mark) bool { return m.Done == 9 })
	p.ok(s.Input().End(p.ctx))
	p.untilMark(s, true, nil)
	p.ok(<-p.exited)
	end(true)
	received()
	p.inOrder(s)
}

// TestPythonSkipsText goes on in the middle of an output of text.
func TestPythonSkipsText(t *testing.T) {
	eachPython(t, func(t *testing.T, l language) {
		program := dedent(`
			async def run(context, input):
				async for x in input:
					yield x.strip()
					yield "€\n"
			`)
		euro := func(x int) string { return fmt.Sprintf("%d€\n", x) }
		p, start := newProcess(t, l, program)
		s, end := p.feed(start, plainText)
		half := lines(1, 250, one)
		p.write(s, half)
		first, marks := p.untilMark(s, true, func(m runner.Mark) bool { return int(m.Done) == len(half) })
		p.ok(p.cmd.Process.Kill())
		<-p.exited
		end(true)
		for _, at := range []runner.Mark{marks[0], marks[len(marks)/2], marks[len(marks)-1]} {
			again, start := newProcess(t, l, program)
			start.Skip = &runner.Skip{Done: at.Done, N: at.N}
			s, end := again.feed(start, plainText)
			again.write(s, lines(1, 500, one))
			again.ok(s.Input().End(again.ctx))
			received := again.receive(s)
			second, _ := again.untilMark(s, true, nil)
			again.ok(<-again.exited)
			end(true)
			received()
			if first[:at.Offset]+second != lines(1, 500, euro) {
				t.Errorf("%+v: %d and %d bytes are not the whole output", at, at.Offset, len(second))
			}
		}
	})
}
