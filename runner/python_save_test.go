package runner_test

import (
	"testing"
)

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
