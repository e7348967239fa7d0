package runner_test

import (
	"strings"
	"testing"
	"time"

	"waverider/runner"
)

// life is a process with a Hub at its side.
type life struct {
	*process
	s        *runner.Session
	end      func(kill bool)
	messages chan runner.Message
	held     chan func() // releases saves that were not answered
}

// begin starts a program.
func begin(t testing.TB, l language, program string, edit ...func(*runner.Start)) *life {
	t.Helper()
	p, start := newProcess(t, l, dedent(program))
	for _, f := range edit {
		f(&start)
	}
	x := &life{process: p}
	x.s, x.end = p.hub(false)
	p.spawn()
	p.ok(x.s.Send(p.ctx, "start", start))
	x.listen()
	t.Cleanup(func() { x.end(true) })
	return x
}

// listen takes the runner's messages but for those of health.
func (x *life) listen() {
	x.messages, x.held = make(chan runner.Message, 1000), make(chan func(), 1000)
	go func(s *runner.Session, to chan<- runner.Message, held chan<- func()) {
		defer close(to)
		for {
			m, err := s.Receive(x.ctx)
			if err != nil {
				return
			}
			if m.Type == "save" {
				held <- s.Hold() // until it is answered, or the next Hub is told of it
			}
			to <- m
		}
	}(x.s, x.messages, x.held)
}

// restart is the death of the Hub and the life of the next one.
func (x *life) restart(kill bool) {
	x.Helper()
	x.end(kill)
	x.s, x.end = x.again()
	x.listen()
}

func (x *life) send(kind string, fields any) {
	x.Helper()
	x.ok(x.s.Send(x.ctx, kind, fields))
	if kind == "saved" {
		(<-x.held)()
	}
}

func (x *life) input(contentType, text string) {
	x.Helper()
	x.send("input", map[string]string{"contentType": contentType})
	x.write(x.s, text)
}

func (x *life) stop(seconds float64) {
	x.Helper()
	x.send("stop", map[string]any{"timeout": int(seconds * 1000), "canCallKeepalive": true})
}

func (x *life) event(name string, message any) {
	x.Helper()
	x.send("event", map[string]any{"name": name, "message": message, "source": "test"})
}

// expect waits for a message of a kind that has the parts.
func (x *life) expect(kind string, parts ...string) {
	x.Helper()
	for {
		select {
		case m, open := <-x.messages:
			if !open {
				x.Fatalf("no message %s %q came", kind, parts)
			}
			fits := m.Type == kind
			for _, part := range parts {
				fits = fits && strings.Contains(string(m.Data), part)
			}
			if fits {
				return
			}
			if m.Type == kind && kind != "health" {
				x.Errorf("%s is no %q", m.Data, parts)
			}
		case <-x.exited:
			// What it had sent before is still in the channel.
			select {
			case <-time.After(time.Second):
				x.Fatalf("the process ended before a message %s %q", kind, parts)
			case m, open := <-x.messages:
				if open && m.Type == kind {
					return
				}
			}
		case <-x.ctx.Done():
			x.Fatalf("waited in vain for a message %s %q", kind, parts)
		}
	}
}

// read takes output until it has n bytes.
func (x *life) read(n int) string {
	x.Helper()
	var got strings.Builder
	for got.Len() < n {
		c, err := x.s.Output().Next(x.ctx)
		if err != nil {
			x.Fatalf("%v after %q", err, got.String())
		}
		got.Write(c.Data)
		x.s.Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
	return got.String()
}

// exits checks the exit code, and that it came within d of now.
func (x *life) exits(code int, within time.Duration) {
	x.Helper()
	began := time.Now()
	if got := x.exitCode(); got != code {
		x.Errorf("exit code %d, not %d", got, code)
	}
	if took := time.Since(began); took > within {
		x.Errorf("it took %v to end", took)
	}
	x.inOrder(x.s)
}

// soon is far more than anything takes that does not wait for a timeout.
const soon = 5 * time.Second

func TestPythonStops(t *testing.T) {
	for name, c := range map[string]struct {
		program  string
		stopped  string // a part of the message
		log      string
		exit     int      // 137 is a program that goes on, until a Hub kills it
		messages []string // kinds that come before
	}{
		"plain handler": {program: `
			def run(context, input):
				context.set_stop_handler(lambda timeout, can: context.logger.info("stop %r %r" % (timeout, can)))
				yield 0
				for x in input: pass
			`, log: "stop 1.5 True"},
		"async handler": {program: `
			async def run(context, input):
				async def stop(timeout, can):
					context.logger.info("stop %r %r" % (timeout, can))
				context.set_stop_handler(stop)
				yield 0
				async for x in input: pass
			`, log: "stop 1.5 True"},
		"handler of asyncio": {program: `
			import asyncio
			async def run(context, input):
				async def stop(timeout, can):
					await asyncio.sleep(0.01)
					context.logger.info("stop %r" % timeout)
				context.add_stop_handler(stop)
				yield 0
				await asyncio.sleep(1000)
			`, log: "stop 1.5", exit: 137},
		"plain generator that sleeps": {program: `
			import time
			def run(context, input):
				stopped = []
				context.set_stop_handler(lambda timeout, can: stopped.append(timeout))
				yield 0
				while not stopped:
					time.sleep(0.01)
					yield 1
				context.logger.info("stop %r" % stopped[0])
			`, log: "stop 1.5"},
		"plain generator that sleeps, with asyncio": {program: `
			import asyncio, time
			def run(context, input):
				stopped = []
				async def stop(timeout, can):
					await asyncio.sleep(0.01)
					stopped.append(timeout)
				context.set_stop_handler(stop)
				yield 0
				while not stopped:
					time.sleep(0.01)
					yield 1
				context.logger.info("stop %r" % stopped[0])
			`, log: "stop 1.5"},
		"async generator that sleeps": {program: `
			import time
			async def run(context, input):
				stopped = []
				async def stop(timeout, can): stopped.append(timeout)
				context.set_stop_handler(stop)
				yield 0
				while not stopped:
					time.sleep(0.01)
					yield 1
				context.logger.info("stop %r" % stopped[0])
			`, log: "stop 1.5"},
		"handler without arguments": {program: `
			async def run(context, input):
				async def stop(): context.logger.info("stop")
				context.set_stop_handler(stop)
				yield 0
				async for x in input: pass
			`, log: "stop"},
		"method without arguments": {program: `
			class App:
				def __init__(self, context): self.context = context
				def stop(self, *, quick=False): self.context.logger.info("stop %s" % quick)
			async def run(context, input):
				context.set_stop_handler(App(context).stop)
				yield 0
				async for x in input: pass
			`, log: "stop False"},
		"handler with one argument": {program: `
			async def run(context, input):
				context.set_stop_handler(lambda timeout: context.logger.info("stop %r" % timeout))
				yield 0
				async for x in input: pass
			`, log: "stop 1.5"},
		"coroutine": {program: `
			async def run(context, input):
				async def stop(): context.logger.info("stop")
				context.set_stop_handler(stop())
				yield 0
				async for x in input: pass
			`, log: "stop"},
		"lambda that returns a coroutine": {program: `
			def run(context, input):
				async def stop(timeout): context.logger.info("stop %r" % timeout)
				context.set_stop_handler(lambda timeout, can: stop(timeout))
				yield 0
				for x in input: pass
			`, log: "stop 1.5"},
		"several": {program: `
			async def run(context, input):
				async def one(*args): context.logger.info("one")
				context.set_stop_handler(one)
				context.addStopHandler(lambda *args: context.logger.info("two"))
				yield 0
				async for x in input: pass
			`, log: "two"},
		"none, reads": {program: `
			async def run(context, input):
				yield 0
				async for x in input: pass
			`, stopped: `{"type":"stopped"}`},
		"none, unaware": {program: `
			import asyncio
			async def run(context, input):
				yield 0
				await asyncio.sleep(1000)
			`, stopped: `"unaware":true`, exit: 137},
		"that fails": {program: `
			async def run(context, input):
				def stop(timeout, can): raise ValueError("cannot stop")
				context.set_stop_handler(stop)
				yield 0
				async for x in input: pass
			`, stopped: `"error":"cannot stop"`, exit: 23},
		"that fails with await": {program: `
			import asyncio
			async def run(context, input):
				async def stop(timeout, can):
					await asyncio.sleep(0)
					raise ValueError("cannot stop")
				context.set_stop_handler(stop)
				yield 0
				async for x in input: pass
			`, stopped: `"error":"cannot stop"`, exit: 23},
		"that asks for more": {program: `
			async def run(context, input):
				async def stop(timeout, can): await context.keep_alive(100)
				context.set_stop_handler(stop)
				yield 0
				async for x in input: pass
			`, messages: []string{"keepAlive"}},
		"that cancels all": {program: `
			import asyncio
			async def run(context, input):
				async def stop(timeout, can):
					for task in asyncio.all_tasks():
						if task is not asyncio.current_task(): task.cancel()
				context.set_stop_handler(stop)
				yield 0
				await asyncio.sleep(1000)
			`},
		"that ends what run waits for": {program: `
			import asyncio
			async def run(context, input):
				over = asyncio.Event()
				async def stop(timeout, can): over.set()
				context.set_stop_handler(stop)
				yield 0
				await over.wait()
				context.logger.info("run is over")
			`, log: "run is over"},
		"that calls end": {program: `
			async def run(context, input):
				context.set_stop_handler(lambda timeout, can: context.end())
				yield 0
				async for x in input: pass
			`},
		"that exits": {program: `
			import sys
			async def run(context, input):
				context.set_stop_handler(lambda timeout, can: sys.exit(4))
				yield 0
				async for x in input: pass
			`, exit: 4, stopped: "none"},
		"with asyncio that exits": {program: `
			import sys, asyncio
			async def run(context, input):
				context.set_stop_handler(lambda timeout, can: sys.exit(4))
				yield 0
				await asyncio.sleep(1000)
			`, exit: 4, stopped: "none"},
		"asleep": {program: `
			import time
			def run(context, input):
				context.set_stop_handler(lambda timeout, can: context.logger.info("stop %r" % timeout))
				yield 0
				for i in range(10000): time.sleep(0.5)
			`, log: "stop 1.5", exit: 137},
		"asleep, async handler": {program: `
			import time, asyncio
			def run(context, input):
				async def stop(timeout, can):
					await asyncio.sleep(0.01)
					context.logger.info("stop %r" % timeout)
				context.set_stop_handler(stop)
				yield 0
				time.sleep(1000)
			`, log: "stop 1.5", exit: 137},
		"busy": {program: `
			def run(context, input):
				context.set_stop_handler(lambda timeout, can: context.logger.info("stop %r" % timeout))
				yield 0
				while True: pass
			`, log: "stop 1.5", exit: 137},
	} {
		t.Run(name, func(t *testing.T) {
			eachPython(t, func(t *testing.T, l language) {
				x := begin(t, l, c.program)
				if got := x.read(2); !strings.HasPrefix(got, "0\n") {
					t.Errorf("output %q", got)
				}
				go x.output(x.s)
				x.stop(1.5)
				for _, kind := range c.messages {
					x.expect(kind)
				}
				if c.stopped != "none" {
					x.expect("stopped", c.stopped)
					x.ok(x.s.Input().End(x.ctx)) // as a Hub does
				}
				if c.exit == 137 {
					x.send("kill", nil)
				}
				x.exits(c.exit, soon)
				if !strings.Contains(x.log.String(), c.log) {
					t.Errorf("no %q in the log", c.log)
				}
			})
		})
	}
}
