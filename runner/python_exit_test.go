package runner_test

import (
	"testing"

	"waverider/runner"
)

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
