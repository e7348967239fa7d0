package runner_test

import (
	"encoding/json"
	"strings"
	"testing"

	"waverider/runner"
)

const (
	ndjson    = "application/x-ndjson"
	plainText = "text/plain"
	octets    = "application/octet-stream"
)

// TestPythonOutput is what becomes of all that a program can return.
func TestPythonOutput(t *testing.T) {
	trials(t, map[string]trial{
		"generator": {program: `
			def run(context, input):
				yield 1
				yield {"a": [2, None, True]}
				yield "s"
			`, output: "1\n{\"a\":[2,null,true]}\n\"s\"\n", outputType: ndjson},
		"async generator": {program: `
			async def run(context, input):
				yield 1
				yield "ü€"
			`, output: "1\n\"ü€\"\n", outputType: ndjson},
		"generator returned": {program: `
			def run(context, input):
				return (x for x in range(3))
			`, output: "0\n1\n2\n", outputType: ndjson},
		"coroutine that returns a generator": {program: `
			async def run(context, input):
				return (x for x in range(3))
			`, output: "0\n1\n2\n", outputType: ndjson},
		"coroutine that returns an async generator": {program: `
			async def items():
				yield 1
			async def run(context, input):
				return items()
			`, output: "1\n", outputType: ndjson},
		"function returned":       {program: "def run(context, input): return lambda: [1, 2]", output: "1\n2\n", outputType: ndjson},
		"async function returned": {program: "async def items():\n\tyield 1\ndef run(context, input): return items", output: "1\n", outputType: ndjson},
		"list":                    {program: "def run(context, input): return [1, 'two']", output: "1\n\"two\"\n", outputType: ndjson},
		"empty list":              {program: "def run(context, input): return []"},
		"tuple":                   {program: "def run(context, input): return (1, 2)", output: "1\n2\n", outputType: ndjson},
		"iterator of its own": {program: `
			class Items:
				def __init__(self): self.left = 3
				def __iter__(self): return self
				def __next__(self):
					self.left -= 1
					if self.left < 0: raise StopIteration
					return self.left
			def run(context, input): return Items()
			`, output: "2\n1\n0\n", outputType: ndjson},
		"string":                      {program: "def run(context, input): return 'plain ü'", output: "plain ü", outputType: plainText},
		"bytes":                       {program: `def run(context, input): return b"\x00\xff"`, output: "\x00\xff", outputType: octets},
		"number":                      {program: "def run(context, input): return 7", output: "7", outputType: plainText},
		"float":                       {program: "async def run(context, input): return 1.5", output: "1.5", outputType: plainText},
		"true":                        {program: "def run(context, input): return True", output: "true", outputType: plainText},
		"dict":                        {program: "def run(context, input): return {'a': 1}", output: "{\"a\":1}\n", outputType: ndjson},
		"None":                        {program: "def run(context, input): pass"},
		"coroutine that returns None": {program: "async def run(context, input): pass"},
		"something else": {program: "def run(context, input): return object()", exit: 23,
			stderr: "run returned object", message: `"exitCode":23`},
		"Stream": {program: `
			from scramjet.streams import Stream
			def run(context, input):
				return Stream.read_from(["a", "b"]).map(lambda s: s + "\n")
			`, output: "a\nb\n", outputType: plainText},
		"Stream with a type": {program: `
			from scramjet import streams
			async def run(context, input):
				s = streams.Stream.read_from(range(3)).map(lambda x: x * 2)
				s.content_type = "application/x-ndjson"
				return s
			`, output: "0\n2\n4\n", outputType: ndjson},
		"Stream of asyncio": {program: `
			import asyncio
			from scramjet.streams import Stream
			async def twice(x):
				await asyncio.sleep(0.001)
				return "%d " % (x * 2)
			def run(context, input):
				return Stream.read_from(range(5)).map(twice)
			`, output: "0 2 4 6 8 ", outputType: plainText},
		"strings, then others": {program: `
			def run(context, input):
				yield "a\n"
				yield {"b": 1}
				yield 2
			`, output: "a\n{\"b\":1}\n2", outputType: plainText},
		"others, then strings": {program: "def run(context, input):\n\tyield 1\n\tyield 'a'", output: "1\n\"a\"\n", outputType: ndjson},
		"bytes in a generator": {program: "def run(context, input):\n\tyield b'a'\n\tyield b'b'", output: "ab", outputType: octets},
		"strings of a type": {program: `
			provides = {"provides": "names", "contentType": "text/plain"}
			def run(context, input):
				yield "a"
				yield "b\n"
			`, output: "ab\n", outputType: plainText, message: `"provides":"names"`},
		"strings, and a Hub that wants lines": {program: "def run(context, input): yield 'a'",
			edit:   func(s *runner.Start) { s.OutputType = ndjson },
			output: "\"a\"\n", outputType: ndjson},
		"objects, and a Hub that wants text": {program: "def run(context, input):\n\tyield 'a'\n\tyield 'b'",
			edit:   func(s *runner.Start) { s.OutputType = plainText },
			output: "ab", outputType: plainText},
		"attributes of what is returned": {program: `
			from scramjet.streams import Stream
			provides = {"provides": "not this", "contentType": "text/plain"}
			def run(context, input):
				s = Stream.read_from([1])
				s.provides, s.content_type = "numbers", "application/x-ndjson"
				return s
			`, output: "1\n", outputType: ndjson, message: `"provides":"numbers"`},
		"module-level requires": {program: `
			requires = {"requires": "names", "contentType": "application/x-ndjson"}
			def run(context, input): pass
			`, message: `"requires":"names","contentType":"application/x-ndjson"`},
		"requires of what is returned": {program: `
			from scramjet.streams import Stream
			def run(context, input):
				s = Stream.read_from([])
				s.requires, s.content_type = "names", "text/plain"
				return s
			`, message: `"requires":"names","contentType":"text/plain"`},
		"requires that is none": {program: "requires = 'names'\ndef run(context, input): pass",
			exit: 22, stderr: "requires must be a dict"},
		"NaN and infinity": {program: `
			def run(context, input):
				yield float("nan")
				yield {"x": [float("inf"), 1]}
			`, output: "null\n{\"x\":[null,1]}\n"},
		"half a surrogate pair": {program: `
			def run(context, input):
				yield ["\ud800"]
				yield "ok"
			`, output: "[\"\\ud800\"]\n\"ok\"\n"},
		"half a surrogate pair in text": {program: `def run(context, input): return "a\ud800b"`, output: "a?b"},
		"no JSON value": {program: "def run(context, input):\n\tyield 1\n\tyield {1, 2}", output: "1\n",
			exit: 23, stderr: "TypeError: set is not a JSON value"},
		"itself": {program: `
			def run(context, input):
				a = []
				a.append(a)
				yield a
			`, exit: 23, stderr: "itself"},
		"keys that are numbers": {program: "def run(context, input): yield {1: 2, 1.5: 3, True: 4, None: 5}",
			output: "{\"1\":4,\"1.5\":3,\"null\":5}\n"},
		"exception": {program: `
			def run(context, input):
				yield 1
				raise ValueError("broken")
			`, output: "1\n", exit: 23, stderr: "ValueError: broken", log: []string{`"level":"FATAL","msg":"broken"`}, message: `"message":"broken"`},
		"exception in a coroutine": {program: "async def run(context, input): raise ValueError('broken')",
			exit: 23, stderr: "ValueError: broken"},
		"exception with asyncio": {program: `
			import asyncio
			async def run(context, input):
				yield 1
				await asyncio.sleep(0)
				raise ValueError("broken")
			`, output: "1\n", exit: 23, stderr: "ValueError: broken"},
		"exception without words": {program: `
			class Bad(Exception):
				def __str__(self): raise RuntimeError("no words")
				__repr__ = __str__
			def run(context, input):
				raise Bad()
			`, exit: 23, stderr: "Bad", message: `"exitCode":23`},
		"exception with too many words": {program: "def run(context, input): raise ValueError('x' * (20 << 20))", exit: 23, stderr: "ValueError", message: `"exitCode":23`},
		"event that is too large": {program: `
			def run(context, input):
				try: context.emit("e", "x" * (20 << 20))
				except ValueError as err: yield "no"
				try: context.save("x" * (20 << 20))
				except ValueError as err: yield " no"
			`, output: "no no"},
		"no run":                {program: "x = 1", exit: 22, stderr: "no function run"},
		"error of syntax":       {program: "def run(", exit: 22, stderr: "SyntaxError", message: `"phase":"load"`},
		"error while loaded":    {program: "1 / 0", exit: 22, stderr: "ZeroDivisionError"},
		"sys.exit while loaded": {program: "import sys; sys.exit(3)", exit: 22, stderr: "sys.exit(3)"},
		"no main file":          {program: "x = 1", edit: func(s *runner.Start) { s.Main = "other.py" }, exit: 21, stderr: "entrypoint path other.py is invalid"},
		"main out of the package": {program: "x = 1", files: map[string]string{"../x.py": "x = 1"},
			edit: func(s *runner.Start) { s.Main = "../x.py" }, exit: 21, stderr: "is invalid"},
		"main without an extension": {program: "def run(context, input): return 1", edit: func(s *runner.Start) { s.Main = "main" }, output: "1"},
		"main in a folder": {program: "x = 1", files: map[string]string{"src/app.py": "import os\ndef run(context, input): return __name__"},
			edit: func(s *runner.Start) { s.Main = "src/app.py" }, output: "app"},
		"sys.exit": {program: `
			import sys
			def run(context, input):
				yield 1
				sys.exit(5)
			`, output: "1\n", exit: 5},
		"sys.exit with asyncio": {program: `
			import asyncio, sys
			async def run(context, input):
				yield 1
				await asyncio.sleep(0)
				sys.exit(6)
			`, output: "1\n", exit: 6},
		"sys.exit with words": {program: "import sys\ndef run(context, input): sys.exit('out of paper')", exit: 1, stderr: "out of paper"},
		"sys.exit without":    {program: "import sys\ndef run(context, input): sys.exit()"},
		"os._exit":            {program: "import os\ndef run(context, input): os._exit(9)", exit: 9},
		"cancelled": {program: `
			import asyncio
			async def run(context, input): raise asyncio.CancelledError()
			`, exit: 23, stderr: "CancelledError"},
		"much": {program: `
			def run(context, input):
				for i in range(30000): yield "x" * 100
			`, output: strings.Repeat("x", 3e6)},
		"large items": {program: `
			provides = {"provides": "", "contentType": "application/octet-stream"}
			def run(context, input):
				for i in range(3): yield bytes([65 + i]) * 1000000
			`, output: strings.Repeat("A", 1e6) + strings.Repeat("B", 1e6) + strings.Repeat("C", 1e6)},
		"bytes of other classes": {program: `
			provides = {"provides": "", "contentType": "application/octet-stream"}
			def run(context, input):
				b = bytearray(b"ab")
				yield b
				b[:] = b"xy"
				yield memoryview(b"cd")
			`, output: "abcd"},
		"empty strings": {program: `
			provides = {"provides": "", "contentType": "text/plain"}
			def run(context, input):
				yield ""
				yield "a"
				yield ""
			`, output: "a"},
		"deep nesting": {program: `
			def run(context, input):
				x = []
				for i in range(100000): x = [x]
				yield x
			`, exit: 23, stderr: "Error"},
	})
}

// TestPythonIsGiven is what a program finds when it starts.
func TestPythonIsGiven(t *testing.T) {
	set := func(args, config, state string) func(*runner.Start) {
		raw := func(text string) json.RawMessage {
			if text == "" {
				return nil
			}
			return json.RawMessage(text)
		}
		return func(s *runner.Start) { s.Args, s.Config, s.State = raw(args), raw(config), raw(state) }
	}
	trials(t, map[string]trial{
		"args": {program: "def run(context, input, *args): return list(args)",
			edit: set(`["a", 1, {"b": null}]`, "", ""), output: "a1{\"b\":null}\n"},
		"args by name": {program: "async def run(context, input, a, b=2): yield [a, b]",
			edit: set(`["a"]`, "", ""), output: "[\"a\",2]\n"},
		"args missing": {program: "def run(context, input, a): pass", exit: 23, stderr: "missing 1 required positional argument"},
		"config":       {program: "def run(context, input): return context.config['a']", edit: set("", `{"a": "x"}`, ""), output: "x"},
		"no config":    {program: "def run(context, input): return [context.config]", output: "{}\n"},
		"state": {program: "def run(context, input): return [context.initial_state, context.initialState, context.load()]",
			edit: set("", "", `{"n": 1}`), output: strings.Repeat("{\"n\":1}\n", 3)},
		"instance": {program: "def run(context, input): return context.instance_id + context.instanceId", output: "i1i1"},
		"module of the package": {program: "import helper\ndef run(context, input): return helper.x",
			files: map[string]string{"helper.py": "x = 'help'"}, output: "help"},
		"__pypackages__": {program: "import brought\ndef run(context, input): return brought.x",
			files: map[string]string{"__pypackages__/brought/__init__.py": "x = 'brought'"}, output: "brought"},
		"main in a folder": {program: "", files: map[string]string{
			"src/app.py":          "from lib.deep import x\nimport helper\ndef run(context, input): return x + helper.x + open('data.txt').read() + open('more.txt').read()",
			"src/lib/__init__.py": "", "src/lib/deep.py": "x = 'deep '", "helper.py": "x = 'help '",
			"src/data.txt": "mine ", "data.txt": "another ", "more.txt": "more",
		}, edit: func(s *runner.Start) { s.Main = "src/app.py" }, output: "deep help mine more"},
		"its own before the standard library": {program: "import this_is_mine, colorsys\ndef run(context, input): return colorsys.x",
			files: map[string]string{"colorsys.py": "x = 'mine'", "this_is_mine.py": ""}, output: "mine"},
		"file read": {program: "def run(context, input): return open('data.txt').read()",
			files: map[string]string{"data.txt": "data"}, output: "data"},
		"file read beside the module": {program: `
			import os
			def run(context, input):
				return open(os.path.join(os.path.dirname(__file__), "sub", "data.txt")).read()
			`, files: map[string]string{"sub/data.txt": "data"}, output: "data"},
		"file written": {program: `
			import os
			def run(context, input):
				with open("new.txt", "w") as f: f.write("ü")
				return [os.path.basename(os.getcwd()), open("new.txt", encoding="utf-8").read()]
			`, output: "slotü"},
		"environment": {program: `
			import os
			def run(context, input):
				return [os.environ.get("GIVEN"), [n for n in os.environ if n.startswith("WAVERIDER")]]
			`, edit: func(s *runner.Start) { s.Env = map[string]string{"GIVEN": "yes"} }, output: "yes[]\n"},
		"environment of children": {program: `
			import subprocess
			def run(context, input):
				code = "import os; print(os.environ.get('GIVEN'), b'WAVERIDER_K' in open('/proc/self/environ', 'rb').read())"
				import sys
				return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE).stdout
			`, edit: func(s *runner.Start) { s.Env = map[string]string{"GIVEN": "yes"} }, output: "yes False\n"},
		"sys.argv":           {program: "import sys, os\ndef run(context, input): return [os.path.basename(a) for a in sys.argv]", output: "main.py"},
		"name of the module": {program: "import main\ndef run(context, input): return str(main.run is run)", output: "True"},
		"no names of the runner's": {program: `
			def run(context, input):
				names = []
				for name in ("runner", "channel", "frames", "loop", "exit"):
					try: __import__(name)
					except ImportError: names.append(name)
				return names
			`, output: "runnerchannelframesloopexit"},
		"no descriptors in children": {program: `
			import os, subprocess, sys
			def run(context, input):
				code = "import os; print([n for n in range(3, 100) if os.path.exists('/proc/self/fd/%d' % n) and os.readlink('/proc/self/fd/%d' % n)[0:5] in ('socke', 'pipe:')])"
				return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, close_fds=False).stdout
			`, output: "[]\n"},
		"site-packages": {program: `
			import sys
			def run(context, input):
				return str(any(p.endswith(("site-packages", "dist-packages")) for p in sys.path))
			`, output: "True"},
		"recursion": {program: `
			def deep(n): return n if n == 0 else deep(n - 1)
			def run(context, input): return str(deep(900))
			`, output: "0"},
		"signal handlers": {program: `
			import signal
			def run(context, input): return str(signal.getsignal(signal.SIGINT) is not None)
			`, output: "True"},
	})
}
