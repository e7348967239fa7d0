package runner_test

import (
	"testing"
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
