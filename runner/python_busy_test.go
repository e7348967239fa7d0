package runner_test

import (
	"strings"
	"testing"
	"time"
)

// TestPythonBusy is about programs that do not come back to the runner.
func TestPythonBusy(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"output goes out": {`
			import time
			def run(context, input):
				yield 1
				time.sleep(0.3)
				yield 2
				time.sleep(1000)
			`, func(x *life) {
			if got := x.read(4); got != "1\n2\n" {
				x.Errorf("%q", got)
			}
		}},
		"print is shown": {`
			import time
			def run(context, input):
				print("before", end="")
				yield 0
				print("x")
				time.sleep(1000)
			`, func(x *life) {
			x.started()
			for x.stdout.String() != "beforex\n" {
				time.Sleep(time.Millisecond)
				x.ok(x.ctx.Err())
			}
		}},
		"log comes at once": {`
			def run(context, input):
				context.logger.info("before")
				while True: pass
			`, func(x *life) {
			x.logged("before")
		}},
		"ready is told": {`
			import time
			def run(context, input): time.sleep(1000)
			`, func(x *life) { x.expect("ready") }},
		"events come later": {`
			import time
			def run(context, input):
				context.on("go", lambda message: context.emit("gone", message))
				yield 0
				time.sleep(0.4)
				yield 1
				for x in input: pass
			`, func(x *life) {
			x.started()
			x.event("go", 5)
			x.expect("event", `"message":5`)
		}},
		"input is taken meanwhile": {`
			import time
			def run(context, input):
				yield 0
				time.sleep(0.4)
				n = 0
				for x in input: n += len(x)
				yield n
			`, func(x *life) {
			x.started()
			x.input(octets, strings.Repeat("x", 3<<20))
			x.ok(x.s.Input().End(x.ctx))
			if got := x.read(8); got != "3145728\n" {
				x.Errorf("%q", got)
			}
		}},
		"a restart": {`
			import time
			def run(context, input):
				yield 0
				time.sleep(0.5)
				for x in input: yield x
			`, func(x *life) {
			x.started()
			x.restart(true)
			x.input(ndjson, "1\n")
			if got := x.read(2); got != "1\n" {
				x.Errorf("%q", got)
			}
			x.ok(x.s.Input().End(x.ctx))
			go x.output(x.s)
			x.exits(0, soon)
		}},
		"a restart, for ever": {`
			def run(context, input):
				yield 0
				while True: pass
			`, func(x *life) {
			x.started()
			x.restart(false)
			x.restart(true)
			x.send("kill", nil)
			x.exits(137, soon)
		}},
		"a stop, after a restart": {`
			import time
			def run(context, input):
				context.set_stop_handler(lambda *args: context.emit("stopping"))
				yield 0
				time.sleep(1000)
			`, func(x *life) {
			x.started()
			x.restart(true)
			x.stop(2)
			x.expect("event", "stopping")
			x.expect("stopped")
			x.send("kill", nil)
			x.exits(137, soon)
		}},
		"a stop handler that prints and yields nothing": {`
			import time
			def run(context, input):
				def stop(timeout, can):
					context.save({"n": 1})
					print("saved")
				context.set_stop_handler(stop)
				yield 0
				time.sleep(1000)
			`, savesAtStop},
		"an async stop handler that saves": {`
			import time
			def run(context, input):
				async def stop(timeout, can):
					await context.save({"n": 1})
					print("saved")
				context.set_stop_handler(stop)
				yield 0
				time.sleep(1000)
			`, savesAtStop},
		"an async stop handler that saves, with asyncio": {`
			import asyncio, time
			async def run(context, input):
				async def stop(timeout, can):
					await asyncio.sleep(0.01)
					await asyncio.wait_for(context.save({"n": 1}), 10)
					print("saved")
				context.set_stop_handler(stop)
				yield 0
				time.sleep(1000)
			`, savesAtStop},
		"a kill while it is loaded": {`
			import time
			time.sleep(1000)
			`, func(x *life) {
			x.send("kill", nil)
			x.exits(137, soon)
		}},
		"health handlers are not asked": {`
			import time
			def run(context, input):
				context.set_health_check(lambda: {"healthy": True})
				yield 0
				time.sleep(0.7)
				for x in input: pass
			`, func(x *life) {
			x.started()
			x.expect("health", `"healthy":true`)
			x.expect("health", `"healthy":true`)
		}},
	})
}

func savesAtStop(x *life) {
	x.started()
	x.stop(2)
	x.expect("save", `"n":1`)
	x.send("saved", map[string]int{"id": 1})
	x.expect("stopped")
	x.send("kill", nil)
	x.exits(137, soon)
	if x.stdout.String() != "saved\n" {
		x.Errorf("stdout %q", &x.stdout)
	}
}
