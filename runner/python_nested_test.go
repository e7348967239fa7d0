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
