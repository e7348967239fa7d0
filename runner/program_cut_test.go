package runner_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"waverider/runner"
)

// cutPrograms pass on bytes, and events.
var cutPrograms = map[string]source{
	"stream": {
		node: `const { PassThrough } = require('stream');
			module.exports = function (input) {
				this.on('n', (i) => this.emit('n', i));
				return input.pipe(new PassThrough());
			};`,
		python: `
			from scramjet.streams import Stream
			def run(context, input):
				context.on("n", lambda i: context.emit("n", i))
				return input.map(lambda x: x)
			`,
	},
	"identity": {
		node: "module.exports = function (input) { this.on('n', (i) => this.emit('n', i)); return input; };",
		python: `
			def run(context, input):
				context.on("n", lambda i: context.emit("n", i))
				return input
			`,
	},
	"generator": {
		node: `module.exports = function (input) {
				this.on('n', (i) => this.emit('n', i));
				return (async function* () { for await (const x of input) yield x; })();
			};`,
		python: `
			def run(context, input):
				context.on("n", lambda i: context.emit("n", i))
				return (x for x in input)
			`,
	},
	"asyncio": {python: `
			import asyncio
			def run(context, input):
				async def tell(i):
					await asyncio.sleep(0)
					context.emit("n", i)
				context.on("n", tell)
				async def items():
					async for x in input: yield x
				return items()
			`,
	},
}

// TestProgramsSurviveCuts breaks the channel of real runners at random bytes
// of both directions.
func TestProgramsSurviveCuts(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		for name, program := range cutPrograms {
			if program.in(l) != "" {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					survivesCuts(t, l, program)
				})
			}
		}
	})
}

func survivesCuts(t *testing.T, l language, program source) {
	const size, count = 1 << 20, 300
	p, start := newProcess(t, l, program.in(l))
	rnd := rand.New(rand.NewPCG(rand.Uint64(), 3))
	cut := cutPath(p, cutter(rnd, 30, 1<<15))
	s, end := p.hub(false)
	defer end(true)
	s.Output().SetWindow(1 << 14)
	p.spawn()
	p.ok(s.Send(p.ctx, "start", start))
	p.ok(s.Send(p.ctx, "input", map[string]string{"contentType": octets}))
	for m := (runner.Message{}); m.Type != "ready"; {
		var err error
		m, err = s.Receive(p.ctx)
		p.ok(err)
	}
	p.ok(s.Send(p.ctx, "monitoring", map[string]int{"rate": 0}))
	cut() // before that, the runner would have gone
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		for i := range count {
			if s.Send(p.ctx, "event", map[string]any{"name": "n", "message": i}) != nil {
				return
			}
		}
		writeFrom(p.ctx, s.Input(), 0, size)
	})
	ended := make(chan error, 1)
	all.Go(func() { ended <- numberedEvents(p, s, count) })
	got := &checker{TB: t}
	p.take(s, got, size, size)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.inOrder(s)
}

// numberedEvents wants each of them once and in order, and then the end.
func numberedEvents(p *process, s *runner.Session, count int) error {
	for i := 0; ; {
		m, err := s.Receive(p.ctx)
		if err != nil {
			return fmt.Errorf("%w after %d events", err, i)
		}
		switch m.Type {
		case "event":
			var e struct{ Message int }
			if err := m.Decode(&e); err != nil || e.Message != i {
				return fmt.Errorf("event %d is %s", i, m.Data)
			}
			i++
		case "completed":
			if i != count {
				return fmt.Errorf("%d events of %d", i, count)
			}
			go s.Receive(p.ctx) // acks it
			return nil
		}
	}
}

// cutPath has the runner connect by way of a proxy: the first connection holds
// until the function it returns is called, later ones are wrapped.
func cutPath(p *process, wrap func(net.Conn) net.Conn) (cut func()) {
	l, err := net.Listen("unix", p.path+".cut")
	p.ok(err)
	p.cmd.Env = append(p.cmd.Env, "WAVERIDER_CHANNEL="+p.path+".cut")
	first := make(chan net.Conn, 1)
	var all sync.WaitGroup
	serve := func(conn, hub net.Conn) {
		var both sync.WaitGroup
		both.Go(func() { io.Copy(hub, conn); hub.Close(); conn.Close() })
		both.Go(func() { io.Copy(conn, hub); hub.Close(); conn.Close() })
		both.Wait()
	}
	all.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			hub, err := net.DialTimeout("unix", p.path, time.Second)
			if err != nil {
				conn.Close()
				continue
			}
			if n == 0 {
				first <- conn
			} else {
				conn = wrap(conn)
			}
			all.Go(func() { serve(conn, hub) })
		}
	})
	p.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return func() { (<-first).Close() }
}
