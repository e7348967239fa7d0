package runner_test

import (
	"strings"
	"testing"
)

// TestPythonValues is about programs and values of less common kinds.
func TestPythonValues(t *testing.T) {
	trials(t, map[string]trial{
		"read then return input": {program: `
			def run(context, input):
				for x in input: break
				return input
			`, contentType: ndjson, input: "1\n2\n3\n", output: "2\n3\n"},
		"async read then return input": {program: `
			async def run(context, input):
				async for x in input: break
				return input
			`, contentType: ndjson, input: "1\n2\n3\n", output: "2\n3\n"},
		"asyncio read then return input": {program: `
			import asyncio
			async def run(context, input):
				async for x in input: break
				return input
			`, contentType: plainText, input: "1\n2\n3\n", output: "2\n3\n"},
		"nested generators": {program: `
			def run(context, input):
				def inner():
					for x in input: yield x
				yield from inner()
			`, contentType: ndjson, input: "1\n2\n", output: "1\n2\n"},
		"StopIteration leaks": {program: `
			def run(context, input):
				yield 1
				next(iter([]))
			`, output: "1\n", exit: 23, stderr: "StopIteration"},
		"generator's return value": {program: `
			def run(context, input):
				yield 1
				return 5
			`, output: "1\n"},
		"close in finally": {program: `
			def run(context, input):
				try:
					yield 1
				finally:
					print("closed")
			`, output: "1\n", stdout: "closed\n"},
		"async with finally": {program: `
			import asyncio
			async def run(context, input):
				try:
					yield 1
				finally:
					await asyncio.sleep(0)
					print("closed")
			`, output: "1\n", stdout: "closed\n"},
		"own generator class": {program: `
			class It:
				def __aiter__(self): return self
				n = 0
				async def __anext__(self):
					self.n += 1
					if self.n > 3: raise StopAsyncIteration
					return self.n
			def run(context, input): return It()
			`, output: "1\n2\n3\n"},
		"both iterators": {program: `
			class It:
				def __aiter__(self): raise RuntimeError("no")
				def __iter__(self): return iter([1])
			def run(context, input): return [x for x in It()]
			`, output: "1\n"},
		"partial": {program: `
			import functools
			def real(prefix, context, input): return prefix
			run = functools.partial(real, "p")
			`, output: "p"},
		"callable object": {program: `
			class Run:
				def __call__(self, context, input): return "c"
			run = Run()
			`, output: "c"},
		"class": {program: `
			class run:
				def __init__(self, context, input): pass
				def __iter__(self): return iter([1, 2])
			`, output: "1\n2\n"},
		"dataclass": {program: `
			import dataclasses
			@dataclasses.dataclass
			class P:
				x: int
			def run(context, input): yield dataclasses.asdict(P(1))
			`, output: "{\"x\":1}\n"},
		"pickle of own classes": {program: `
			import pickle
			class P: pass
			def run(context, input): return type(pickle.loads(pickle.dumps(P()))).__name__
			`, output: "P"},
		"decimal": {program: "import decimal\ndef run(context, input): yield decimal.Decimal(1)", exit: 23, stderr: "Decimal is not a JSON value"},
		"warnings": {program: `
			import warnings
			def run(context, input):
				warnings.warn("careful")
				return "ok"
			`, output: "ok", stderr: "careful"},
		"thread error": {program: `
			import threading
			def run(context, input):
				t = threading.Thread(target=lambda: 1 / 0)
				t.start()
				t.join()
				return "ok"
			`, output: "ok", stderr: "ZeroDivisionError"},
		"too deep": {program: `
			def run(context, input):
				def f(): return f()
				f()
			`, exit: 23, stderr: "RecursionError"},
		"MemoryError":   {program: "def run(context, input): raise MemoryError()", exit: 23, stderr: "MemoryError"},
		"GeneratorExit": {program: "def run(context, input): raise GeneratorExit()", exit: 23, stderr: "GeneratorExit"},
		"BaseException": {program: "class B(BaseException): pass\ndef run(context, input): raise B('b')", exit: 23, stderr: "B: b"},
		"BaseException in a handler": {program: `
			import asyncio
			class B(BaseException): pass
			async def run(context, input):
				yield 1
				await asyncio.sleep(0)
				raise B("b")
			`, output: "1\n", exit: 23, stderr: "B: b"},
		"input of builtins": {program: `
			import builtins
			def run(context, stream):
				return builtins.input() + input()
			`, stdin: "a\nb\n", output: "ab"},
		"locale": {program: `
			import locale, sys
			def run(context, input):
				print("\u20ac")
				return sys.stdout.encoding.lower() + sys.getfilesystemencoding()
			`, output: "utf-8utf-8", stdout: "\u20ac\n"},
		"subclass of str": {program: `
			import enum
			class S(str): pass
			class E(str, enum.Enum):
				A = "a"
			def run(context, input):
				yield S("x")
				yield E.A.value
			`, output: "xa"},
		"int enum in JSON": {program: `
			import enum
			class E(enum.IntEnum):
				A = 1
			def run(context, input):
				yield {"e": E.A, "l": [E.A]}
			`, output: "{\"e\":1,\"l\":[1]}\n"},
		"namedtuple": {program: `
			import collections
			P = collections.namedtuple("P", "x y")
			def run(context, input): yield {"p": P(1, 2)}
			`, output: "{\"p\":[1,2]}\n"},
		"OrderedDict": {program: `
			import collections
			def run(context, input): yield collections.OrderedDict(a=1)
			`, output: "{\"a\":1}\n"},
		"defaultdict and None keys": {program: `
			import collections
			def run(context, input):
				d = collections.defaultdict(list)
				d["a"].append(1)
				yield d
			`, output: "{\"a\":[1]}\n"},
		"dict views":         {program: "def run(context, input): return {'a': 1}.items()", output: "[\"a\",1]\n"},
		"range":              {program: "def run(context, input): return range(2)", output: "0\n1\n"},
		"set":                {program: "def run(context, input): return {1}", output: "1\n"},
		"file object":        {program: "def run(context, input): return open('d.txt')", files: map[string]string{"d.txt": "a\nb\n"}, output: "a\nb\n"},
		"binary file object": {program: "def run(context, input): return open('d.txt', 'rb')", files: map[string]string{"d.txt": "a\nb\n"}, output: "a\nb\n"},
		"endless line":       {program: "def run(context, input): return [max(len(x) for x in input) <= 2 << 20]", contentType: plainText, input: strings.Repeat("x", 8<<20), output: "true\n"},
	})
}
