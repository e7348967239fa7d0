package runner_test

import (
	"strings"
	"testing"
	"time"

	"waverider/runner"
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
			if x.reports("health", 1500*time.Millisecond) {
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

// TestPythonExits is about what a program leaves running at its end.
func TestPythonExits(t *testing.T) {
	within := func(ms int) func(*runner.Start) { return func(s *runner.Start) { s.ExitTimeout = ms } }
	trials(t, map[string]trial{
		"task that ends": {program: `
			import asyncio
			async def run(context, input):
				async def work():
					await asyncio.sleep(0.1)
					print("done")
				asyncio.ensure_future(work())
				return "ok"
			`, output: "ok", stdout: "done\n"},
		"task that does not": {program: `
			import asyncio
			async def run(context, input):
				asyncio.ensure_future(asyncio.sleep(1000))
				return "ok"
			`, edit: within(200), output: "ok"},
		"exit_timeout of the program's": {program: `
			import asyncio
			async def run(context, input):
				context.exit_timeout = 100
				asyncio.ensure_future(asyncio.sleep(1000))
				return "ok"
			`, output: "ok"},
		"task that fails": {program: `
			import asyncio
			async def run(context, input):
				async def work(): 1 / 0
				asyncio.ensure_future(work())
				return "ok"
			`, output: "ok", stderr: "ZeroDivisionError"},
		"thread that ends": {program: `
			import threading, time
			def run(context, input):
				def work():
					time.sleep(0.1)
					print("done")
				threading.Thread(target=work).start()
				return "ok"
			`, output: "ok", stdout: "done\n"},
		"thread that does not": {program: `
			import threading, time
			def run(context, input):
				threading.Thread(target=time.sleep, args=(1000,)).start()
				return "ok"
			`, edit: within(200), output: "ok"},
		"daemon thread": {program: `
			import threading, time
			def run(context, input):
				threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
				return "ok"
			`, output: "ok"},
		"executor": {program: `
			from concurrent.futures import ThreadPoolExecutor
			def run(context, input):
				pool = ThreadPoolExecutor(3)
				return list(pool.map(lambda x: x * 2, range(5)))
			`, output: "0\n2\n4\n6\n8\n"},
		"executor of asyncio": {program: `
			import asyncio, time
			async def run(context, input):
				loop = asyncio.get_running_loop()
				yield await loop.run_in_executor(None, lambda: time.sleep(0.05) or 5)
			`, output: "5\n"},
		"atexit": {program: `
			import atexit
			atexit.register(lambda: print("bye"))
			def run(context, input): return "ok"
			`, output: "ok", stdout: "bye\n"},
		"fork": {program: `
			import os
			def run(context, input):
				pid = os.fork()
				if pid == 0:
					print("child")
					raise SystemExit(0)
				os.waitpid(pid, 0)
				print("parent")
				return "ok"
			`, output: "ok", stdout: "child\nparent\n"},
		"fork that fails": {program: `
			import os
			def run(context, input):
				pid = os.fork()
				if pid == 0: raise ValueError("in the child")
				return str(os.waitpid(pid, 0)[1] >> 8)
			`, output: "23"},
		"fork that comes back": {program: `
			import os
			def run(context, input):
				pid = os.fork()
				if pid: os.waitpid(pid, 0)
				yield "parent" if pid else "child"
			`, output: "parent"},
		"multiprocessing by fork": {program: `
			import multiprocessing
			def work(x): return x * 2
			def run(context, input):
				with multiprocessing.get_context("fork").Pool(2) as pool:
					return pool.map(work, [1, 2, 3])
			`, output: "2\n4\n6\n"},
		"multiprocessing by spawn": {program: `
			import multiprocessing
			def work(x): return x * 2
			def run(context, input):
				with multiprocessing.get_context("spawn").Pool(2) as pool:
					return pool.map(work, [1, 2, 3])
			`, output: "2\n4\n6\n"},
		"multiprocessing by forkserver": {program: `
			import multiprocessing
			def work(q, x): q.put(x * 2)
			def run(context, input):
				ctx = multiprocessing.get_context("forkserver")
				q = ctx.Queue()
				p = ctx.Process(target=work, args=(q, 4))
				p.start()
				got = q.get()
				p.join()
				return [got]
			`, output: "8\n"},
		"multiprocessing with asyncio": {program: `
			import asyncio
			from concurrent.futures import ProcessPoolExecutor
			def work(x): return x * 2
			async def run(context, input):
				with ProcessPoolExecutor(2) as pool:
					yield await asyncio.get_running_loop().run_in_executor(pool, work, 4)
			`, output: "8\n"},
		"subprocess": {program: `
			import subprocess
			def run(context, input):
				return subprocess.run(["cat"], input=b"in", stdout=subprocess.PIPE).stdout
			`, output: "in"},
		"subprocess of asyncio": {program: `
			import asyncio
			async def run(context, input):
				p = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
				return (await p.communicate())[0]
			`, output: "hello\n"},
		"signal": {program: `
			import os, signal
			def run(context, input):
				os.kill(os.getpid(), signal.SIGKILL)
			`, exit: -1},
		"KeyboardInterrupt": {program: "def run(context, input): raise KeyboardInterrupt()", exit: 130},
	})
}
