package runner_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

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
