package runner_test

import (
	"strings"
	"testing"
)

// TestPythonInput is what a program is given of its input.
func TestPythonInput(t *testing.T) {
	all := `
		async def run(context, input):
			async for x in input: yield [x]
		`
	plain := `
		def run(context, input):
			for x in input: yield [x]
		`
	reprs := `
		def run(context, input):
			for x in input: yield repr(x) + "\n"
		`
	trials(t, map[string]trial{
		"objects":         {program: all, contentType: ndjson, input: "1\n{\"a\":[]}\n\"s\"\n", output: "[1]\n[{\"a\":[]}]\n[\"s\"]\n"},
		"objects plain":   {program: plain, contentType: ndjson, input: "1\n{\"a\":[]}\n\"s\"\n", output: "[1]\n[{\"a\":[]}]\n[\"s\"]\n"},
		"a parameter":     {program: all, contentType: "application/x-ndjson; charset=utf-8", input: "1\n", output: "[1]\n"},
		"another name":    {program: all, contentType: "Text/X-NDJSON", input: "1\n", output: "[1]\n"},
		"no last newline": {program: all, contentType: ndjson, input: "1\n2", output: "[1]\n[2]\n"},
		"blank lines":     {program: all, contentType: ndjson, input: "\n1\n\n  \n\r\n2\n\n", output: "[1]\n[2]\n"},
		"CRLF":            {program: all, contentType: ndjson, input: "1\r\n{\"a\": 2}\r\n", output: "[1]\n[{\"a\":2}]\n"},
		"blanks around":   {program: all, contentType: ndjson, input: " 1 \n\t[2]\t\n", output: "[1]\n[[2]]\n"},
		"null is an item": {program: all, contentType: ndjson, input: "null\n0\nfalse\n\"\"\n", output: "[null]\n[0]\n[false]\n[\"\"]\n"},
		"bad lines": {program: all, contentType: ndjson, input: "1\n{\"a\n2\n]\n1 2\n{'a': 1}\n3\n", output: "[1]\n[2]\n[3]\n",
			log: []string{"input line 2 is not JSON", "input line 4 is not JSON", "input line 5 is not JSON", "input line 6 is not JSON"}},
		"NaN": {program: all, contentType: ndjson, input: "NaN\nInfinity\n[-Infinity]\n1\n", output: "[1]\n",
			log: []string{"input line 1 is not JSON", "input line 2 is not JSON", "input line 3 is not JSON"}},
		"numbers":               {program: reprs, contentType: ndjson, input: "1e2\n-0\n12345678901234567890123\n1.0\n", output: "100.0\n0\n12345678901234567890123\n1.0\n"},
		"wrong UTF-8":           {program: all, contentType: ndjson, input: "\"a\xffb\"\n1\n", output: "[\"a\uFFFDb\"]\n[1]\n"},
		"a byte order mark":     {program: all, contentType: ndjson, input: "\uFEFF1\n2\n", output: "[2]\n", log: []string{"input line 1 is not JSON"}},
		"half a surrogate pair": {program: all, contentType: ndjson, input: "\"\\ud800\"\n", output: "[\"\\ud800\"]\n"},
		"too deep": {program: all, contentType: ndjson, input: strings.Repeat("[", 100000) + "\n1\n", output: "[1]\n",
			log: []string{"input line 1 is not JSON"}},
		"deep and right": {program: all, contentType: ndjson, input: strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + "\n1\n", output: "[1]\n",
			log: []string{"input line 1 is not JSON"}},
		"a huge line": {program: "def run(context, input): return [len(x) for x in input]", contentType: ndjson,
			input: `"` + strings.Repeat("x", 20<<20) + "\"\n\"ab\"\n", output: "20971520\n2\n"},
		"a line over the limit": {program: "def run(context, input): return [len(x) for x in input]", contentType: ndjson,
			input: `"` + strings.Repeat("x", 64<<20) + "\"\n\"ab\"\n", output: "2\n", log: []string{"input line 1 is longer than 67108864 bytes"}},
		"empty":           {program: all, contentType: ndjson},
		"empty text":      {program: all, contentType: plainText},
		"text by line":    {program: reprs, contentType: plainText, input: "a\nbü\r\n\nlast", output: "'a\\n'\n'bü\\r\\n'\n'\\n'\n'last'\n"},
		"text with UTF-8": {program: all, contentType: "text/plain; charset=utf-8", input: "€\n", output: "[\"€\\n\"]\n"},
		"wrong text":      {program: all, contentType: plainText, input: "a\xe2\x82\nb\xff", output: "[\"a\uFFFD\\n\"]\n[\"b\uFFFD\"]\n"},
		"other line ends": {program: all, contentType: plainText, input: "a\u2028b\x0bc\rd\n", output: "[\"a\u2028b\\u000bc\\rd\\n\"]\n"},
		"a huge line of text": {program: "def run(context, input): return [sum(len(x) for x in input)]", contentType: plainText,
			input: strings.Repeat("€", 2<<20), output: "2097152\n"},
		"bytes": {program: "def run(context, input): return b''.join(input)", contentType: octets, input: "\x00\xff\n\r", output: "\x00\xff\n\r", outputType: octets},
		"bytes are bytes": {program: `
			def run(context, input):
				for x in input: return type(x).__name__
			`, contentType: octets, input: "x", output: "bytes"},
		"unsupported type": {program: all, contentType: "image/png", input: "x", exit: 23,
			stderr: `Content-Type "image/png" is not supported`, log: []string{"image/png"}},
		"unsupported type nobody reads":   {program: "def run(context, input): return 'ok'", contentType: "image/png", input: "x", output: "ok"},
		"unsupported type passed on":      {program: "def run(context, input): return input", contentType: "image/png", input: "x", output: "x", outputType: "image/png"},
		"passed on":                       {program: "def run(context, input): return input", contentType: ndjson, input: " 1\n{\"a\": 2}\nx\n", output: "1\n{\"a\":2}\n", outputType: ndjson},
		"passed on half a surrogate pair": {program: "def run(context, input): return input", contentType: ndjson, input: "[\"\\ud800\"]\n\"ü\"\n", output: "[\"\\ud800\"]\n\"ü\"\n"},
		"passed on text":                  {program: "async def run(context, input): return input", contentType: plainText, input: "a\nb", output: "a\nb", outputType: plainText},
		"passed on bytes":                 {program: "def run(context, input): return input", contentType: octets, input: "\x00\xff", output: "\x00\xff", outputType: octets},
		"passed on as another type": {program: "def run(context, input):\n\tinput.content_type = 'application/x-ndjson'\n\treturn input",
			contentType: plainText, input: "a\nb", output: "\"a\\n\"\n\"b\"\n", outputType: ndjson},
		"its type": {program: `
			async def run(context, input):
				async for x in input: return input.content_type
			`, contentType: plainText, input: "x\n", output: plainText},
		"mapped":            {program: "def run(context, input): return input.map(lambda x: str(x + 1))", contentType: ndjson, input: "1\n2\n", output: "23"},
		"mapped with await": {program: "async def run(context, input):\n\tasync def f(x): return str(x)\n\treturn input.map(f)", contentType: ndjson, input: "1\n2\n", output: "12"},
		"each and flatmap":  {program: "def run(context, input):\n\ts = input.each(lambda x: None).flatmap(lambda x: [x, x])\n\ts.content_type = 'application/x-ndjson'\n\treturn s", contentType: ndjson, input: "1\n2\n", output: "1\n1\n2\n2\n"},
		"to_list":           {program: "async def run(context, input): return [await input.to_list()]", contentType: ndjson, input: "1\n2\n", output: "[1,2]\n"},
		"read": {program: `
			async def run(context, input):
				return [await input.read(), await input.read(), await input.read(), await input.read()]
			`, contentType: ndjson, input: "1\n2\n", output: "1\n2\nnull\nnull\n"},
		"anext": {program: `
			async def run(context, input):
				it = input.__aiter__()
				a = await it.__anext__()
				b = await it.__anext__()
				try: await it.__anext__()
				except StopAsyncIteration: return [a, b]
			`, contentType: ndjson, input: "1\n2\n", output: "1\n2\n"},
		"next": {program: `
			def run(context, input):
				it = iter(input)
				return [next(it), next(it), next(it, "end")]
			`, contentType: ndjson, input: "1\n2\n", output: "1\n2\n\"end\"\n"},
		"timeouts while it waits": {program: `
			import asyncio
			async def run(context, input):
				it, late = input.__aiter__(), 0
				context.emit("ready")
				while True:
					try: x = await asyncio.wait_for(it.__anext__(), 0.0005)
					except asyncio.TimeoutError:
						late += 1
						if late == 1: await asyncio.sleep(0.05)
						continue
					except StopAsyncIteration: return
					yield x
			`, contentType: ndjson, input: lines(1, 3000, one), output: lines(1, 3000, one)},
		"timeouts leave nothing behind": {program: `
			import asyncio
			async def run(context, input):
				for i in range(300):
					try: await asyncio.wait_for(input.read(), 0.0001)
					except asyncio.TimeoutError: pass
				return [len(context.runner.input.arrived.waiters)]
			`, output: "0\n"},
		"timeouts of read": {program: `
			import asyncio
			async def run(context, input):
				while True:
					try: x = await asyncio.wait_for(input.read(), 0.0005)
					except asyncio.TimeoutError: continue
					if x is None: return
					yield x
			`, contentType: ndjson, input: lines(1, 3000, one), output: lines(1, 3000, one)},
		"break and again": {program: `
			def run(context, input):
				for x in input:
					yield x
					if x == 2: break
				yield 0
				for x in input: yield x
				for x in input: yield "never"
			`, contentType: ndjson, input: "1\n2\n3\n4\n", output: "1\n2\n0\n3\n4\n"},
		"async break and again": {program: `
			async def run(context, input):
				async for x in input:
					yield x
					if x == 2: break
				yield 0
				async for x in input: yield x
			`, contentType: ndjson, input: "1\n2\n3\n4\n", output: "1\n2\n0\n3\n4\n"},
		"list": {program: "def run(context, input): return [list(input)]", contentType: ndjson, input: "1\n2\n", output: "[1,2]\n"},
		"several tasks": {program: `
			import asyncio
			async def run(context, input):
				got = []
				async def work():
					async for x in input:
						await asyncio.sleep(0)
						got.append(x)
				await asyncio.gather(*[work() for i in range(5)])
				return [sorted(got)]
			`, contentType: ndjson, input: "1\n2\n3\n4\n5\n6\n7\n", output: "[1,2,3,4,5,6,7]\n"},
		"several threads": {program: `
			import threading
			def run(context, input):
				got = []
				def work():
					for x in input: got.append(x)
				threads = [threading.Thread(target=work) for i in range(3)]
				for t in threads: t.start()
				for t in threads: t.join()
				return [sorted(got)]
			`, contentType: ndjson, input: strings.Repeat("1\n", 1000), output: "[" + strings.Repeat("1,", 999) + "1]\n"},
		"a thread that feeds run": {program: `
			import threading, queue
			def run(context, input):
				got = queue.Queue()
				def work():
					for x in input: got.put(x)
					got.put(None)
				threading.Thread(target=work).start()
				while True:
					x = got.get()
					if x is None: return
					yield x
			`, contentType: ndjson, input: lines(1, 3000, one), output: lines(1, 3000, one)},
		"an executor that reads": {program: `
			import asyncio
			async def run(context, input):
				items = await asyncio.get_running_loop().run_in_executor(None, list, input)
				return [sum(items)]
			`, contentType: ndjson, input: lines(1, 100, one), output: "5050\n"},
		"its end only": {program: `
			async def run(context, input):
				async for x in input: pass
				return "end"
			`, contentType: octets, input: strings.Repeat("x", 10<<20), output: "end"},
		"not read": {program: "def run(context, input): return 'ok'", contentType: octets, input: strings.Repeat("x", 10<<20), output: "ok"},
		"stdin":    {program: "import sys\ndef run(context, input): return sys.stdin.read()", stdin: "tell\nme", output: "tell\nme"},
		"an object of its own": {program: `
			def run(context, input):
				return [bool(input), hasattr(input, "map"), hasattr(input, "nothing"), repr(input) != ""]
			`, output: "true\ntrue\nfalse\ntrue\n"},
	})
}

// TestPythonLogs is what comes of a program's words.
func TestPythonLogs(t *testing.T) {
	trials(t, map[string]trial{
		"levels": {program: `
			def run(context, input):
				log = context.logger
				log.trace("t"); log.debug("d"); log.info("i"); log.warning("w"); log.warn("w2")
				log.error("e"); log.critical("c"); log.fatal("f"); log.log(20, "l"); log.log("warning", "l2")
			`, log: []string{`"level":"TRACE","msg":"t"`, `"level":"DEBUG","msg":"d"`, `"level":"INFO","msg":"i"`, `"level":"WARN","msg":"w"`,
			`"level":"WARN","msg":"w2"`, `"level":"ERROR","msg":"e"`, `"level":"FATAL","msg":"c"`, `"level":"FATAL","msg":"f"`,
			`"level":"INFO","msg":"l"`, `"level":"WARN","msg":"l2"`, `"from":"Sequence"`}},
		"args": {program: `
			def run(context, input):
				log = context.logger
				log.info("%s and %d", "a", 2)
				log.info("%(x)s", {"x": 3})
				log.info("100%")
				log.info("beside", {"a": 1}, [2])
				log.info("one beside", {"a": 1})
				log.info({"msg": "an object", "n": 1})
				log.info("ü€ %r", "\ud800")
				log.info(5)
				log.info("set %s", {1})
				log.info("nan", float("nan"))
			`, log: []string{`"msg":"a and 2"`, `"msg":"3"`, `"msg":"100%"`, `"msg":"beside"`, `"data":[{"a":1},[2]]`, `"data":[{"a":1}]}`, `"msg":"an object"`,
			`\u00fc\u20ac`, `"msg":"5"`, `"msg":"set {1}"`, `"data":[null]`}},
		"exceptions": {program: `
			def run(context, input):
				try: 1 / 0
				except Exception as err:
					context.logger.exception("it failed")
					context.logger.error(err)
					context.logger.error("with", exc_info=True)
			`, log: []string{`"msg":"it failed","ts"`, `"msg":"division by zero"`, `"msg":"with"`, "ZeroDivisionError"}},
		"an object that cannot": {program: `
			class Bad:
				def __str__(self): raise RuntimeError("no words")
				__repr__ = __str__
			def run(context, input):
				context.logger.info("bad", Bad())
				context.logger.info("bad %s", Bad())
				context.logger.info("after")
			`, log: []string{`"msg":"after"`}},
		"module logging": {program: `
			import logging
			logging.basicConfig(level=logging.INFO)
			def run(context, input):
				logging.info("told by logging")
			`, stderr: "told by logging"},
		"print":         {program: "def run(context, input): print('a', 1); print('ü')", stdout: "a 1\nü\n"},
		"half a line":   {program: "def run(context, input): print('half', end='')", stdout: "half"},
		"many lines":    {program: "def run(context, input):\n\tfor i in range(1, 5001): print(i)", stdout: lines(1, 5000, one)},
		"bytes printed": {program: "import sys\ndef run(context, input): sys.stdout.buffer.write(b'\\xff\\n')", stdout: "\xff\n"},
		"stderr":        {program: "import sys\ndef run(context, input): sys.stderr.write('oh')", stderr: "oh"},
		"stdout closed": {program: "import sys\ndef run(context, input):\n\tsys.stdout.close()\n\treturn 'ok'", output: "ok"},
		"stdout replaced": {program: `
			import io, contextlib
			def run(context, input):
				with contextlib.redirect_stdout(io.StringIO()) as f: print("inside")
				return f.getvalue()
			`, output: "inside\n"},
	})
}
