package runner_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestPythonThreadsShareInput gives each item once, however many threads ask.
func TestPythonThreadsShareInput(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"plain": {`
			import sys, threading
			def run(context, input):
				got = []
				sys.setswitchinterval(0.00001)
				def work():
					for x in input: got.append(x["n"])
				threads = [threading.Thread(target=work) for _ in range(4)]
				for t in threads: t.start()
				for t in threads: t.join()
				yield "%d of %d" % (len(set(got)), len(got))
			`, threadsShare},
	})
}

func threadsShare(x *life) {
	const want = "100000 of 100000"
	var all strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&all, "{\"n\":%d}\n", i)
	}
	x.send("input", map[string]string{"contentType": ndjson})
	go func() {
		x.s.Input().Write(x.ctx, []byte(all.String()))
		x.s.Input().End(x.ctx)
	}()
	if got := x.read(len(want)); got != want {
		x.Errorf("got %s", got)
	}
	x.s.Output().AckEnd()
	x.send("kill", nil)
}

// TestPythonThreadEmitsMuch gives the socket more than it has room for while
// the main thread waits for input.
func TestPythonThreadEmitsMuch(t *testing.T) {
	const program = `
		import threading, time
		def run(context, input):
			def work():
				time.sleep(0.2)
				context.emit("much", "x" * 4000000)
			threading.Thread(target=work, daemon=True).start()
			yield 0
			for x in input: yield x
		`
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"plain":   {program, emitsMuch},
		"asyncio": {"\n\t\timport asyncio" + program, emitsMuch},
	})
}

func emitsMuch(x *life) {
	x.send("monitoring", map[string]int{"rate": 0}) // else each report has it look
	x.started()
	x.expect("event", "xxx")
	x.send("kill", nil)
}

// TestPythonThreadsLogLongLines wants each entry whole.
func TestPythonThreadsLogLongLines(t *testing.T) {
	programs(t, map[string]struct {
		program string
		test    func(x *life)
	}{
		"": {`
			import threading
			def run(context, input):
				def work(i):
					for _ in range(200): context.logger.info("%d" % i * 20000)
				threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
				for t in threads: t.start()
				for t in threads: t.join()
				context.logger.info("all")
				return "done"
			`, func(x *life) {
			x.read(4)
			x.logged(`"all"`)
			for line := range strings.Lines(x.log.String()) {
				if !json.Valid([]byte(line)) {
					x.Fatalf("%.50s… of %d bytes is no entry", line, len(line))
				}
			}
			x.send("kill", nil)
		}},
	})
}
