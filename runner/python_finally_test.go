package runner_test

import "testing"

// TestPythonFinally has programs end with what they have in `finally`.
func TestPythonFinally(t *testing.T) {
	cleans := func(end func(x *life)) func(x *life) {
		return func(x *life) {
			x.started()
			end(x)
			x.expect("stopped")
			x.exits(0, soon)
			if x.stdout.String() != "cleaned up\n" || x.stderr.String() != "" {
				x.Errorf("stdout %q", &x.stdout)
			}
		}
	}
	stop := cleans(func(x *life) { x.stop(1) })
	end := cleans(func(x *life) { x.event("end", nil) })
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"plain generator nobody reads": {`
			def run(context, input):
				context.set_stop_handler(lambda *args: None)
				try:
					yield 0
					while True: yield "x" * 1000
				finally: print("cleaned up")
			`, stop},
		"async generator nobody reads": {`
			async def run(context, input):
				context.set_stop_handler(lambda *args: None)
				try:
					yield 0
					while True: yield "x" * 1000
				finally:
					print("cleaned up")
			`, stop},
		"generator of asyncio nobody reads": {`
			import asyncio
			async def run(context, input):
				context.set_stop_handler(lambda *args: None)
				try:
					yield 0
					while True: yield "x" * 1000
				finally:
					await asyncio.sleep(0.01)
					print("cleaned up")
			`, stop},
		"plain generator that waits": {`
			def run(context, input):
				context.on("end", lambda message: context.end())
				try:
					yield 0
					for x in input: pass
				finally: print("cleaned up")
			`, end},
		"async generator that waits": {`
			async def run(context, input):
				context.on("end", lambda message: context.end())
				try:
					yield 0
					async for x in input: pass
				finally: print("cleaned up")
			`, end},
		"generator of asyncio that waits": {`
			import asyncio
			async def run(context, input):
				context.on("end", lambda message: context.end())
				try:
					yield 0
					async for x in input: pass
				finally:
					await asyncio.sleep(0.01)
					print("cleaned up")
			`, end},
		"a context manager": {`
			import contextlib
			@contextlib.asynccontextmanager
			async def opened():
				try: yield
				finally: print("cleaned up")
			async def run(context, input):
				context.on("end", lambda message: context.end())
				async with opened():
					yield 0
					async for x in input: yield x
			`, end},
		"who catches all": {`
			def run(context, input):
				context.on("end", lambda message: context.end())
				yield 0
				try:
					for x in input: pass
				except BaseException: print("cleaned up")
			`, end},
		"who catches errors": {`
			def run(context, input):
				context.on("end", lambda message: context.end())
				yield 0
				try:
					try:
						for x in input: pass
					except Exception: print("an error")
				finally: print("cleaned up")
			`, end},
	})
}
