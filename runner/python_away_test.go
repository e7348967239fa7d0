package runner_test

import (
	"testing"
	"time"
)

// TestPythonWithoutAHub is about programs whose Hub goes away.
func TestPythonWithoutAHub(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"restart while blocked in save": {`
			def run(context, input):
				yield 0
				for x in input:
					context.save(x)
					yield x
			`, func(x *life) {
			x.started()
			x.input(ndjson, "1\n2\n")
			x.expect("save")
			x.restart(true)
			x.expect("save")
			x.send("saved", map[string]int{"id": 1})
			x.read(2)
			x.expect("save")
			x.restart(false)
			x.expect("save")
			x.send("saved", map[string]int{"id": 2})
			x.read(2)
		}},
		"a Hub that is away for a second": {`
			import asyncio
			async def run(context, input):
				yield 0
				async for x in input: yield x
			`, func(x *life) {
			x.started()
			x.end(true)
			time.Sleep(1200 * time.Millisecond)
			x.s, x.end = x.again()
			x.listen()
			x.input(ndjson, "1\n")
			x.read(2)
		}},
		"a Hub that is away for a second, plain": {`
			def run(context, input):
				yield 0
				for x in input: yield x
			`, func(x *life) {
			x.started()
			x.end(true)
			time.Sleep(1200 * time.Millisecond)
			x.s, x.end = x.again()
			x.listen()
			x.input(ndjson, "1\n")
			x.read(2)
		}},
		"a Hub that is away at the end": {`
			async def run(context, input):
				yield 0
				async for x in input: yield x
			`, func(x *life) {
			x.input(ndjson, "1\n2\n")
			x.ok(x.s.Input().End(x.ctx))
			x.read(2)
			x.end(true)
			x.s, x.end = x.again()
			x.listen()
			x.output(x.s)
			x.exits(0, soon)
		}},
	})
}

// TestPythonStreams is about programs that never wait.
func TestPythonStreams(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"stop during asyncio busy loop": {`
			import asyncio, time
			async def run(context, input):
				async def stop(t, c): context.emit("stopping")
				context.set_stop_handler(stop)
				yield 0
				while True:
					time.sleep(0.05)
					await asyncio.sleep(0)
			`, func(x *life) {
			x.started()
			x.stop(2)
			x.expect("event", "stopping")
			x.expect("stopped")
		}},
		"endless yield with asyncio and stop": {`
			import asyncio
			async def run(context, input):
				on = True
				async def stop(t, c):
					nonlocal on
					on = False
				context.set_stop_handler(stop)
				yield 0
				while on: yield 1
			`, func(x *life) {
			x.started()
			go x.output(x.s)
			x.stop(2)
			x.expect("stopped")
			x.exits(0, soon)
		}},
		"endless plain yield and stop": {`
			def run(context, input):
				on = [True]
				context.set_stop_handler(lambda t, c: on.clear())
				yield 0
				while on: yield 1
			`, func(x *life) {
			x.started()
			go x.output(x.s)
			x.stop(2)
			x.expect("stopped")
			x.exits(0, soon)
		}},
		"endless plain list and stop": {`
			import itertools
			def run(context, input):
				context.set_stop_handler(lambda t, c: None)
				yield 0
				yield from itertools.count()
			`, func(x *life) {
			x.started()
			go x.output(x.s)
			x.stop(2)
			x.expect("stopped")
			x.send("kill", nil)
			x.exits(137, soon)
		}},
		"events to a busy generator": {`
			def run(context, input):
				context.on("ping", lambda m: context.emit("pong", m))
				yield 0
				while True: yield 1
			`, func(x *life) {
			x.started()
			go x.output(x.s)
			for range 20 {
				x.event("ping", 1)
				x.expect("event", "pong")
			}
		}},
		"health of a streaming program": {`
			async def run(context, input):
				context.set_health_check(lambda: {"healthy": True})
				yield 0
				while True: yield 1
			`, func(x *life) {
			x.started()
			go x.output(x.s)
			x.expect("health", "true")
			x.expect("health", "true")
		}},
	})
}
