package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestPythonAsyncioComesLate is about programs that import asyncio inside a
// function, when their coroutines are already being run by the small loop.
func TestPythonAsyncioComesLate(t *testing.T) {
	trials(t, map[string]trial{
		"sleep": {program: `
			async def run(context, input):
				import asyncio
				await asyncio.sleep(0.01)
				return "ok"
			`, output: "ok"},
		"in a generator": {program: `
			async def run(context, input):
				yield 1
				import asyncio
				await asyncio.sleep(0.01)
				yield 2
			`, output: "1\n2\n"},
		"wait_for": {program: `
			async def run(context, input):
				import asyncio
				try: await asyncio.wait_for(asyncio.Event().wait(), 0.01)
				except asyncio.TimeoutError: return "late"
			`, output: "late"},
		"timeout": {program: `
			async def run(context, input):
				import asyncio
				if not hasattr(asyncio, "timeout"): return "late"
				try:
					async with asyncio.timeout(0.01): await asyncio.sleep(10)
				except TimeoutError: return "late"
			`, output: "late"},
		"TaskGroup": {program: `
			async def run(context, input):
				import asyncio
				got = []
				async def work(x): got.append(x)
				if not hasattr(asyncio, "TaskGroup"): return "[1, 2]"
				async with asyncio.TaskGroup() as group:
					group.create_task(work(1)); group.create_task(work(2))
				return str(got)
			`, output: "[1, 2]"},
		"gather": {program: `
			async def run(context, input):
				import asyncio
				async def twice(x):
					await asyncio.sleep(0.01)
					return x * 2
				return await asyncio.gather(*map(twice, [1, 2]))
			`, output: "2\n4\n"},
		"current_task": {program: `
			async def run(context, input):
				import asyncio
				before = asyncio.current_task()
				await asyncio.sleep(0)
				return [before is not None, before is asyncio.current_task()]
			`, output: "true\ntrue\n"},
		"get_running_loop": {program: `
			async def run(context, input):
				import asyncio
				before = asyncio.get_running_loop()
				await asyncio.sleep(0)
				return [before is asyncio.get_running_loop(), before.is_running()]
			`, output: "true\ntrue\n"},
		"create_task first": {program: `
			async def run(context, input):
				import asyncio
				task = asyncio.create_task(asyncio.sleep(0.01, "slept"))
				return await task
			`, output: "slept"},
		"run_in_executor": {program: `
			async def run(context, input):
				import asyncio
				return await asyncio.get_running_loop().run_in_executor(None, lambda: "there")
			`, output: "there"},
		"after input": {program: `
			async def run(context, input):
				async for x in input:
					import asyncio
					await asyncio.sleep(0.001)
					yield x
			`, contentType: ndjson, input: "1\n2\n3\n", output: "1\n2\n3\n"},
		"in a helper of a plain generator": {program: `
			def run(context, input):
				for x in input:
					import asyncio
					yield asyncio.run(later(x))
			async def later(x):
				import asyncio
				await asyncio.sleep(0.001)
				return x
			`, contentType: ndjson, input: "1\n2\n3\n", output: "1\n2\n3\n"},
		"a plain function that returns a coroutine": {program: `
			def run(context, input):
				async def work():
					import asyncio
					await asyncio.sleep(0.001)
					return "ok"
				return work()
			`, output: "ok"},
		"a plain function that returns an async generator": {program: `
			def run(context, input):
				async def work():
					import asyncio
					await asyncio.sleep(0.001)
					yield "ok"
				return work()
			`, output: "ok"},
		"by another module": {program: `
			async def run(context, input):
				from helper import pause
				await pause()
				return "ok"
			`, files: map[string]string{"helper.py": "import asyncio\nasync def pause(): await asyncio.sleep(0.01)"}, output: "ok"},
		"a submodule": {program: `
			async def run(context, input):
				from asyncio import sleep
				import asyncio.subprocess
				await sleep(0.01)
				return "ok"
			`, output: "ok"},
		"imported and not used": {program: `
			async def run(context, input):
				import asyncio
				async for x in input: yield x
			`, contentType: ndjson, input: "1\n2\n", output: "1\n2\n"},
		"in a thread": {program: `
			import threading
			async def run(context, input):
				def work():
					import asyncio
					asyncio.run(asyncio.sleep(0.01))
					print("done")
				t = threading.Thread(target=work)
				t.start()
				t.join()
				async for x in input: yield x
			`, contentType: ndjson, input: "1\n", output: "1\n", stdout: "done\n"},
		"fails": {program: `
			async def run(context, input):
				import asyncio
				await asyncio.sleep(0)
				raise ValueError("broken")
			`, exit: 23, stderr: "ValueError: broken"},
		"save": {program: `
			async def run(context, input):
				await context.save(1)
				import asyncio
				await asyncio.sleep(0)
				await context.save({"n": 2})
				return str(context.load())
			`, output: "{'n': 2}"},
		"asyncio.run in plain code": {program: `
			import asyncio
			def run(context, input):
				async def work():
					await asyncio.sleep(0.01)
					return "ok"
				return asyncio.run(work())
			`, exit: 23, stderr: "asyncio.run() cannot be called from a running event loop"},
		"a loop of its own": {program: `
			import asyncio
			loop = asyncio.new_event_loop()
			asyncio.set_event_loop(loop)
			future = loop.create_future()
			async def run(context, input):
				loop.call_later(0.01, future.set_result, "mine")
				return await future
			`, output: "mine"},
		"awaited something unknown": {program: `
			class Odd:
				def __await__(self): yield "odd"
			async def run(context, input):
				await Odd()
			`, exit: 23, stderr: "another event loop"},
		"awaited something unknown, caught": {program: `
			class Odd:
				def __await__(self): yield "odd"
			async def run(context, input):
				try: await Odd()
				except TypeError: yield "caught"
			`, output: "caught"},
		"a bare yield": {program: `
			import types
			@types.coroutine
			def turn(): yield
			async def run(context, input):
				await turn()
				return "ok"
			`, output: "ok"},
	})
}

func TestPythonStandsStillUnread(t *testing.T) {
	program := func(async, imports string) string {
		return fmt.Sprintf(`
			%s
			count = 0
			%s run(context, input):
				global count
				context.on("ask", lambda message: context.emit("count", count))
				while True:
					count += 1
					yield "x" * 999
			`, imports, async)
	}
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"plain":   {program("def", ""), standsStill},
		"async":   {program("async def", ""), standsStill},
		"asyncio": {program("async def", "import asyncio"), standsStill},
		"stream": {`
			from scramjet.streams import Stream
			def run(context, input):
				seen = [0]
				def count(x):
					seen[0] += 1
					return x
				context.on("ask", lambda message: context.emit("count", seen[0]))
				return Stream.read_from("x" * 999 for i in iter(int, 1)).each(count)
			`, standsStill},
	})
}

// standsStill reads nothing, and then some, of an endless program.
func standsStill(x *life) {
	asked := func() (n int) {
		x.event("ask", nil)
		for m := range x.messages {
			if m.Type == "event" {
				var e struct{ Message int }
				x.ok(m.Decode(&e))
				return e.Message
			}
		}
		x.Fatal("no answer")
		return 0
	}
	x.read(100) // its handlers are set
	before := asked()
	for range 5 { // it has had time to go on
		if now := asked(); now > before+200 {
			x.Fatalf("%d items, then %d, and nobody reads", before, now)
		}
	}
	if limit := 1200; before > limit {
		x.Errorf("%d items that nobody reads", before)
	}
	x.read(3 << 20)
	after := asked()
	for after < 3<<20/1000 {
		after = asked()
	}
	if after > 3<<20/1000+2500 {
		x.Errorf("%d items of which 3 MiB were read", after)
	}
	x.send("kill", nil)
	x.exits(137, soon)
}

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
				time.sleep(1.5)
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

// TestPythonThreadsReadInput has the main thread wait for its output to be
// read, and others for input, at the same time.
func TestPythonThreadsReadInput(t *testing.T) {
	const body = `
		import threading, queue
		def run(context, input):
			got = queue.Queue(100)
			def work():
				for i, x in enumerate(input):
					if i % 1000 == 0: context.save(i)
					got.put(x)
				got.put(None)
			threading.Thread(target=work).start()
			while True:
				x = got.get()
				if x is None: return
				yield x
		`
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"plain":   {body, threadsRead},
		"asyncio": {"\n\t\timport asyncio" + body, threadsRead},
	})
}

func threadsRead(x *life) {
	x.s.Output().SetWindow(4 << 10)
	x.send("input", map[string]string{"contentType": ndjson})
	go func() {
		for m := range x.messages {
			var save struct{ ID int }
			if m.Type == "save" && m.Decode(&save) == nil {
				x.s.Send(x.ctx, "saved", map[string]int{"id": save.ID})
			}
		}
	}()
	all := lines(1, 5000, one)
	go func() {
		for i := 0; i < len(all); i += 997 {
			x.s.Input().Write(x.ctx, []byte(all[i:min(i+997, len(all))]))
		}
		x.s.Input().End(x.ctx)
	}()
	if got := x.read(len(all)); got != all {
		x.Errorf("%d bytes of output, not %d", len(got), len(all))
	}
	x.send("kill", nil)
	x.exits(137, soon)
}

// TestPythonSaves is about state.
func TestPythonSaves(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"across a restart": {`
			async def run(context, input):
				yield 0
				await context.save({"n": 1})
				yield context.load()
			`, func(x *life) {
			x.started()
			x.expect("save", `"state":{"n":1}`)
			x.restart(true)
			x.expect("save", `"state":{"n":1}`)
			x.send("saved", map[string]int{"id": 1})
			if got := x.read(8); got != "{\"n\":1}\n" {
				x.Errorf("%q", got)
			}
		}},
		"plain, across a restart": {`
			def run(context, input):
				yield 0
				context.save({"n": 1})
				yield context.load()
			`, func(x *life) {
			x.started()
			x.expect("save")
			x.restart(false)
			x.expect("save")
			x.send("saved", map[string]int{"id": 1})
			if got := x.read(8); got != "{\"n\":1}\n" {
				x.Errorf("%q", got)
			}
		}},
		"refused": {`
			def run(context, input):
				try: context.save(1)
				except RuntimeError as err: yield str(err)
			`, func(x *life) {
			x.expect("save")
			x.send("saved", map[string]any{"id": 1, "error": "disk full"})
			if got := x.read(15); got != "save: disk full" {
				x.Errorf("%q", got)
			}
		}},
		"several at once": {`
			import asyncio
			async def run(context, input):
				await asyncio.gather(*[context.save(i) for i in range(3)])
				yield context.load()
			`, func(x *life) {
			for i := 1; i <= 3; i++ {
				x.expect("save")
			}
			for i := 1; i <= 3; i++ {
				x.send("saved", map[string]int{"id": i})
			}
			if got := x.read(2); got != "2\n" {
				x.Errorf("%q", got)
			}
		}},
		"None": {`
			def run(context, input):
				context.save(None)
				yield str(context.load())
			`, func(x *life) {
			x.expect("save", `"state":null`)
			x.send("saved", map[string]int{"id": 1})
			x.read(4)
		}},
		"no JSON": {`
			def run(context, input):
				try: context.save({1, 2})
				except TypeError: yield "no"
			`, func(x *life) { x.read(2) }},
		"while events come": {`
			def run(context, input):
				context.on("ping", lambda message: context.emit("pong"))
				context.save(1)
				yield 0
			`, func(x *life) {
			x.expect("save")
			x.event("ping", 1)
			x.expect("event", "pong")
			x.send("saved", map[string]int{"id": 1})
			x.started()
		}},
	})
}

// TestPythonKeepsItsKey holds the secret of a process against what it shows.
func TestPythonKeepsItsKey(t *testing.T) {
	eachPython(t, func(t *testing.T, l language) {
		x := begin(t, l, "def run(context, input):\n\tyield 0\n\tfor x in input: pass")
		x.started()
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", x.cmd.Process.Pid))
		if err != nil {
			t.Skip("no /proc")
		}
		if bytes.Contains(line, []byte(x.key)) || strings.Contains(x.log.String(), x.key) {
			t.Error("the key is shown")
		}
	})
}
