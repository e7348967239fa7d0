package runner_test

import (
	"strings"
	"testing"
	"time"
)

// programs runs a test of its own for each program, with every Python.
func programs(t *testing.T, all map[string]struct {
	program string
	test    func(x *life)
}) {
	eachPython(t, func(t *testing.T, l language) {
		for name, c := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.test(begin(t, l, c.program))
			})
		}
	})
}

// each has a program yield "0" first, so that its handlers are known to be set.
func (x *life) started() {
	x.Helper()
	if got := x.read(2); !strings.HasPrefix(got, "0\n") {
		x.Fatalf("output %.100q", got)
	}
}

// logged waits until the parts stand in the log.
func (x *life) logged(parts ...string) {
	x.Helper()
	for _, part := range parts {
		for !strings.Contains(x.log.String(), part) {
			if x.ctx.Err() != nil {
				x.Fatalf("no %q in the log", part)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestPythonHandlers(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"kill": {`
			def run(context, input):
				context.add_kill_handler(lambda: context.logger.info("killed"))
				yield 0
				for x in input: pass
			`, func(x *life) {
			x.started()
			x.send("kill", nil)
			x.exits(137, soon)
			x.logged("killed")
		}},
		"kill of a busy program": {`
			def run(context, input):
				context.add_kill_handler(lambda: context.logger.info("killed"))
				def broken(): raise ValueError("cannot")
				context.addKillHandler(broken)
				yield 0
				while True: pass
			`, func(x *life) {
			x.started()
			x.send("kill", nil)
			x.exits(137, soon)
			x.logged("killed", "a kill handler failed")
		}},
		"kill of one with asyncio": {`
			import asyncio
			async def run(context, input):
				context.add_kill_handler(lambda: print("killed"))
				yield 0
				await asyncio.sleep(1000)
			`, func(x *life) {
			x.started()
			x.send("kill", nil)
			x.exits(137, soon)
			if x.stdout.String() != "killed\n" {
				x.Errorf("stdout %q", &x.stdout)
			}
		}},
		"health without a handler": {`
			async def run(context, input):
				yield 0
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.expect("health", `"healthy":true`)
			x.send("monitoring", map[string]int{"rate": 50})
			for range 5 {
				x.expect("health", `"healthy":true`)
			}
		}},
		"health of a handler without an argument": {`
			async def run(context, input):
				context.set_health_check(lambda: {"healthy": False})
				yield 0
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.send("monitoring", map[string]int{"rate": 50})
			x.expect("health", `"healthy":false`)
		}},
		"health of handlers with one": {`
			async def run(context, input):
				async def first(health): return {"healthy": True}
				async def second(health): return {"healthy": health["healthy"] is True and n["n"] == 0}
				n = {"n": 0}
				context.add_monitoring_handler(first).addMonitoringHandler(second)
				yield 0
				async for x in input: n["n"] = x
			`, func(x *life) {
			x.started()
			x.send("monitoring", map[string]int{"rate": 50})
			x.expect("health", `"healthy":true`)
			x.input(ndjson, "1\n")
			x.expect("health", `"healthy":false`)
		}},
		"health of a method": {`
			class Check:
				def simple(self): return {"healthy": False}
				def with_one(self, health): return {"healthy": False}
			def run(context, input):
				context.set_health_check(Check().simple)
				yield 0
				for x in input: context.set_health_check(Check().with_one if x == 1 else lambda: {"healthy": True})
			`, func(x *life) {
			x.started()
			x.send("monitoring", map[string]int{"rate": 50})
			x.expect("health", `"healthy":false`)
			x.input(ndjson, "2\n")
			x.expect("health", `"healthy":true`)
			x.write(x.s, "1\n")
			x.expect("health", `"healthy":false`)
		}},
		"health of a handler that fails": {`
			def run(context, input):
				def check(): raise ValueError("not so well")
				context.set_health_check(check)
				yield 0
				for x in input: pass
			`, func(x *life) {
			x.started()
			x.send("monitoring", map[string]int{"rate": 50})
			x.expect("health", `"healthy":false`)
			x.logged("a monitoring handler failed")
		}},
		"health of a busy program": {`
			def run(context, input):
				yield 0
				while True: pass
			`, func(x *life) {
			x.started()
			x.expect("health", `"healthy":true`)
			x.expect("health", `"healthy":true`)
		}},
		"no health": {`
			async def run(context, input):
				context.on("tell", lambda message: context.emit("told", message))
				yield 0
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.send("monitoring", map[string]int{"rate": 0})
			x.event("tell", 1)
			x.expect("event")
			if x.reports("health", 1100*time.Millisecond) {
				x.Error("health was told")
			}
		}},
		"events": {`
			async def run(context, input):
				async def later(message): context.emit("async", message)
				context.on("ping", lambda message: context.emit("pong", message))
				context.on("ping", later)
				context.on("other", lambda message: context.emit("never"))
				context.emit("alone")
				yield 0
				async for x in input: pass
			`, func(x *life) {
			x.expect("event", `"name":"alone","message":""`)
			x.started()
			for _, message := range []any{"a", 1, map[string]any{"b": []any{nil}}} {
				x.event("ping", message)
				x.expect("event", `"name":"pong"`)
				x.expect("event", `"name":"async"`)
			}
			x.event("unheard", 1)
			x.event("ping", nil)
			x.expect("event", `"name":"pong"`)
		}},
		"events of asyncio": {`
			import asyncio
			async def run(context, input):
				heard = asyncio.Queue()
				async def later(message):
					await asyncio.sleep(0.01)
					await heard.put(message)
				context.on("ping", later)
				yield 0
				while True: yield await heard.get()
			`, func(x *life) {
			x.started()
			x.event("ping", 7)
			if got := x.read(2); got != "7\n" {
				x.Errorf("%q", got)
			}
		}},
		"events while it waits for input": {`
			def run(context, input):
				context.on("ping", lambda message: context.emit("pong", message))
				yield 0
				for x in input: yield x
			`, func(x *life) {
			x.started()
			x.event("ping", 1)
			x.expect("event", `"name":"pong"`)
			x.input(ndjson, "1\n")
			if got := x.read(2); got != "1\n" {
				x.Errorf("%q", got)
			}
		}},
		"events while nobody reads": {`
			def run(context, input):
				context.on("ping", lambda message: context.emit("pong", message))
				yield 0
				while True: yield "x" * 1000
			`, func(x *life) {
			x.started()
			x.event("ping", 1)
			x.expect("event", `"name":"pong"`)
		}},
		"a handler of events that fails": {`
			async def run(context, input):
				def fail(message): raise ValueError("what?")
				context.on("ping", fail)
				yield 0
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.event("ping", 1)
			x.expect("failed", `"exitCode":101`)
			x.exits(101, soon)
		}},
		"an async one that fails": {`
			import asyncio
			async def run(context, input):
				async def fail(message):
					await asyncio.sleep(0)
					raise ValueError("what?")
				context.on("ping", fail)
				yield 0
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.event("ping", 1)
			x.expect("failed", `"exitCode":101`)
			x.exits(101, soon)
		}},
		"end": {`
			async def run(context, input):
				yield 0
				context.end()
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.expect("stopped", `{"type":"stopped"}`)
			x.exits(0, soon)
		}},
		"end in plain code": {`
			def run(context, input):
				yield 0
				context.end()
				for x in input: pass
			`, func(x *life) {
			x.started()
			x.expect("stopped", `{"type":"stopped"}`)
			x.exits(0, soon)
		}},
		"end with asyncio": {`
			import asyncio
			async def run(context, input):
				yield 0
				context.end()
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.expect("stopped", `{"type":"stopped"}`)
			x.exits(0, soon)
		}},
		"end while a task reads": {`
			import asyncio
			async def run(context, input):
				context.exit_timeout = 500
				async def read():
					async for x in input: context.emit("got", x)
				task = asyncio.ensure_future(read())
				yield 0
				context.end()
				await asyncio.sleep(0.2)
				print("cleaned up")
			`, func(x *life) {
			x.started()
			x.expect("stopped")
			x.input(ndjson, "1\n")
			x.expect("event", "got")
			x.exits(0, soon)
			if x.stdout.String() != "cleaned up\n" || x.stderr.String() != "" {
				x.Errorf("stdout %q", &x.stdout)
			}
		}},
		"end while a thread reads": {`
			import threading, time
			def run(context, input):
				context.exit_timeout = 500
				def read():
					for x in input: context.emit("got", x)
				threading.Thread(target=read).start()
				yield 0
				context.end()
				time.sleep(0.2)
				print("cleaned up")
			`, func(x *life) {
			x.started()
			x.expect("stopped")
			x.input(ndjson, "1\n")
			x.expect("event", "got")
			x.exits(0, soon)
			if x.stdout.String() != "cleaned up\n" || x.stderr.String() != "" {
				x.Errorf("stdout %q", &x.stdout)
			}
		}},
		"end of one that goes on": {`
			import time
			def run(context, input):
				context.exit_timeout = 300
				yield 0
				context.end()
				time.sleep(1000)
			`, func(x *life) {
			x.started()
			x.expect("stopped", `{"type":"stopped"}`)
			x.exits(0, soon)
		}},
		"destroy": {`
			async def run(context, input):
				yield 0
				context.destroy(ValueError("no good"))
				async for x in input: pass
			`, func(x *life) {
			x.started()
			x.expect("stopped", `"error":"no good"`)
			x.exits(23, soon)
		}},
		"end while nobody reads": {`
			def run(context, input):
				context.on("end", lambda message: context.end())
				yield 0
				while True: yield "x" * 1000
			`, func(x *life) {
			x.started()
			x.event("end", nil)
			x.expect("stopped")
			x.exits(0, soon)
		}},
		"stop while nobody reads": {`
			def run(context, input):
				context.set_stop_handler(lambda *args: None)
				yield 0
				while True: yield "x" * 1000
			`, func(x *life) {
			x.started()
			x.stop(1)
			x.expect("stopped")
			x.exits(0, soon)
		}},
		"stop while nobody reads, with asyncio": {`
			import asyncio
			async def run(context, input):
				async def stop(*args): await asyncio.sleep(0)
				context.set_stop_handler(stop)
				yield 0
				while True: yield "x" * 1000
			`, func(x *life) {
			x.started()
			x.stop(1)
			x.expect("stopped")
			x.exits(0, soon)
		}},
		"keep_alive": {`
			async def run(context, input):
				await context.keep_alive(50)
				context.keepAlive(60)
				yield 0
			`, func(x *life) {
			x.expect("keepAlive", `"ms":50`)
			x.expect("keepAlive", `"ms":60`)
		}},
		"handlers that are none": {`
			def run(context, input):
				for set in (context.set_stop_handler, context.add_kill_handler, context.set_health_check, lambda h: context.on("x", h)):
					try: set(5)
					except TypeError: yield 0
			`, func(x *life) {
			if got := x.read(8); got != "0\n0\n0\n0\n" {
				x.Errorf("%q", got)
			}
		}},
	})
}

// reports tells whether a message of a kind comes within some time.
func (x *life) reports(kind string, within time.Duration) bool {
	over := time.After(within)
	for {
		select {
		case m := <-x.messages:
			if m.Type == kind {
				return true
			}
		case <-over:
			return false
		}
	}
}
