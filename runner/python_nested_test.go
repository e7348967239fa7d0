package runner_test

import "testing"

// TestPythonHandlersBesidesALoop is about handlers while `run` waits for input
// in a plain loop.
func TestPythonHandlersBesidesALoop(t *testing.T) {
	const program = `
		def run(context, input):
			async def on(message):
				context.emit("heard", message)
			async def stop(*args): context.emit("heard", "the stop")
			context.on("go", on)
			context.add_stop_handler(stop)
			yield 0
			for x in input: yield x
		`
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"plain":   {program, heardBesides},
		"asyncio": {"\n\t\timport asyncio" + program, heardBesides},
		"asyncio late in a handler": {`
			def run(context, input):
				async def on(message):
					import asyncio
					await asyncio.sleep(0.01)
					context.emit("heard", message)
				async def stop(*args):
					import asyncio
					await asyncio.wait_for(asyncio.sleep(0.01), 5)
					context.emit("heard", "the stop")
				context.on("go", on)
				context.add_stop_handler(stop)
				yield 0
				for x in input: yield x
			`, heardBesides},
		"asyncio late in run": {`
			def run(context, input):
				import asyncio
				async def on(message):
					await asyncio.sleep(0.01)
					context.emit("heard", message)
				async def stop(*args): context.emit("heard", "the stop")
				context.on("go", on)
				context.add_stop_handler(stop)
				yield 0
				for x in input: yield x
			`, heardBesides},
		"asyncio late below another handler": {`
			def run(context, input):
				async def on(message):
					if message == 0: context.emit("heard", sum(1 for x in input))
					import asyncio
					await asyncio.sleep(0.01)
					context.emit("heard", "later %s" % message)
				context.on("go", on)
				yield 0
				for x in input: yield x
				while True:
					import time
					time.sleep(0.001)
					yield "again"
			`, func(x *life) {
			x.started()
			x.event("go", 0)
			x.event("go", 1)
			x.expect("event", "later 1")
			x.input(ndjson, "1\n2\n")
			x.ok(x.s.Input().End(x.ctx))
			x.read(20)
			x.send("kill", nil)
		}},
	})
}

func heardBesides(x *life) {
	x.started()
	for i := range 3 {
		x.event("go", i)
		x.expect("event", "heard")
	}
	x.input(ndjson, "1\n2\n")
	if got := x.read(4); got != "1\n2\n" {
		x.Errorf("%q", got)
	}
	x.stop(5)
	x.expect("event", "the stop")
	x.expect("stopped")
	x.ok(x.s.Input().End(x.ctx))
	x.exits(0, soon)
}

// TestPythonStopEndsARun is about stop handlers that end the program themselves.
func TestPythonStopEndsARun(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"sys.exit while run is busy": {`
			import sys
			def run(context, input):
				context.add_stop_handler(lambda *args: sys.exit(3))
				yield 0
				while True: sum(range(1000))
			`, func(x *life) {
			x.started()
			x.stop(10)
			x.exits(3, soon)
		}},
		"the task of a run that waits is cancelled": {`
			import asyncio
			def run(context, input):
				main = asyncio.current_task()
				async def stop(*args): main.cancel()
				context.add_stop_handler(stop)
				yield 0
				for x in input: yield x
			`, func(x *life) {
			x.started()
			x.stop(10)
			x.expect("stopped")
			x.ok(x.s.Input().End(x.ctx))
			x.exits(0, soon)
		}},
	})
}
