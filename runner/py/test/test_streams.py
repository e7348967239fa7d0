"""What scramjet.streams makes of chunks, as its documentation describes it."""

import io
import os
import subprocess
import sys
import unittest

import drivers
from scramjet.pyfca import DropChunk
from scramjet.streams import DataStream, Stream, StringStream, UnsupportedOperation


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


def is_even(x):
    return x % 2 == 0


async def later(value):
    return value


async def async_range(n):
    for i in range(n):
        yield i


class Cases:
    def list(self, stream):
        return self.run_async(stream.to_list())

    def test_sources(self):
        items = {"a": 1, "b": 2}
        for source, want in [
            ([1, 2], [1, 2]), ([], []), ("ab", ["a", "b"]), (items, ["a", "b"]), (items.items(), [("a", 1), ("b", 2)]),
            (range(3), [0, 1, 2]), ((x for x in "xy"), ["x", "y"]), (io.StringIO("foo\nbar"), ["foo\n", "bar"]),
            (io.BytesIO(b"foo\nbar"), [b"foo\n", b"bar"]), (async_range(3), [0, 1, 2]), (Stream.read_from([7]), [7]),
        ]:
            with self.subTest(source=source):
                self.assertEqual(self.list(Stream.read_from(source)), want)
        self.assertEqual(self.list(Stream.from_iterable([1])), [1])
        self.assertIs(DataStream, Stream)

    def test_chunk_size(self):
        self.assertEqual(self.list(Stream.read_from(io.BytesIO(b"abcdefgh"), chunk_size=3)), [b"abc", b"def", b"gh"])

        class Reader:
            def __init__(self):
                self.left = ["x", "y", ""]

            async def read(self, size):
                return self.left.pop(0)
        self.assertEqual(self.list(Stream.read_from(Reader(), chunk_size=1)), ["x", "y"])
        for source, size in [([1], 2), (Reader(), None), (5, None)]:
            with self.assertRaises(UnsupportedOperation):
                Stream.read_from(source, chunk_size=size)

    def test_from_callback(self):
        left = ["a", "b"]
        self.assertEqual(self.list(Stream.from_callback(4, lambda end: left.pop(0) if left else end, None)), ["a", "b"])
        left = [later(1), later(None)]
        self.assertEqual(self.list(Stream.from_callback(4, left.pop, 0)), [1])

    def test_map_filter_each(self):
        said = []
        stream = Stream.read_from(range(6)).filter(is_even).map(lambda x: x * 10).each(said.append)
        self.assertEqual(self.list(stream), [0, 20, 40])
        self.assertEqual(said, [0, 20, 40])
        self.assertEqual(self.list(Stream.read_from(range(4)).map(pow, 2)), [0, 1, 4, 9])
        self.assertEqual(self.list(Stream.read_from(range(12)).filter(lambda x, *args: x < sum(args), 1, 2)), [0, 1, 2])
        self.assertEqual(self.list(Stream.read_from(range(4)).map(lambda x: DropChunk if x == 1 else x)), [0, 2, 3])
        self.assertEqual(self.list(Stream.read_from([1, 2]).map(lambda x: None)), [None, None])

    def test_async_functions(self):
        said = []

        async def even(x):
            return x % 2 == 0

        async def square(x):
            return x * x

        async def say(x):
            said.append(x)
        for parallel in (1, 2, 64):
            stream = Stream.read_from(range(8), max_parallel=parallel).filter(even).map(square).each(say).map(str)
            self.assertEqual(self.list(stream), ["0", "4", "16", "36"])
        self.assertEqual(said, [0, 4, 16, 36] * 3)

        async def drop(x):
            return DropChunk if x == 1 else x
        self.assertEqual(self.list(Stream.read_from(range(3)).map(drop)), [0, 2])

    def test_flatmap(self):
        lines = ["foo\nbar", "cork", "", "qux\nbarf\n"]
        self.assertEqual(self.list(Stream.read_from(lines).flatmap(str.split)), ["foo", "bar", "cork", "qux", "barf"])
        self.assertEqual(self.list(Stream.read_from(["a", "bc"]).flatmap(lambda s: s)), ["a", "b", "c"])
        self.assertEqual(self.list(Stream.read_from([2, 3]).flatmap(async_range)), [0, 1, 0, 1, 2])

        async def split(text, by):
            return text.split(by)
        self.assertEqual(self.list(Stream.read_from(["a,b", "c"]).flatmap(split, ",")), ["a", "b", "c"])
        with self.assertRaises(TypeError):
            self.list(Stream.read_from([1]).flatmap(lambda x: x))

    def test_batch(self):
        data = ["foo", "bar.", "baz", ".", "plox"]
        self.assertEqual(self.list(Stream.read_from(data).batch(lambda s: s[-1] == ".")), [["foo", "bar."], ["baz", "."], ["plox"]])
        self.assertEqual(self.list(Stream.read_from(data).batch(lambda s, end: later(s.endswith(end)), ".").map(len)), [2, 2, 1])

    def test_sequence(self):
        data = ["foo\nbar", " ", "b", "az", "\nqux\n", "plox"]
        want = ["foo", "bar baz", "qux", "plox"]
        self.assertEqual(self.list(Stream.read_from(data).sequence(lambda part, chunk: (part + chunk).split("\n"), "")), want)
        self.assertEqual(self.list(Stream.read_from(data).sequence(lambda part, chunk: later((part + chunk).split("\n")), "")), want)
        pairs = lambda part, more: [(part + more)[i:i + 2] for i in range(0, len(part + more), 2)]
        self.assertEqual(self.list(Stream.read_from([[1, 2, 3], [4, 5], [6]]).sequence(pairs, [])), [[1, 2], [3, 4], [5, 6]])

    def test_decode(self):
        data = "żółć".encode()
        for size, want in [(1, ["ż", "ó", "ł", "ć"]), (3, ["ż", "ół", "ć"]), (100, ["żółć"])]:
            stream = Stream.read_from(io.BytesIO(data), chunk_size=size).decode("UTF-8")
            self.assertIs(type(stream), StringStream)
            self.assertEqual(self.list(stream), want)
        with self.assertRaises(UnicodeDecodeError):
            self.list(Stream.read_from([data[:-1]]).decode("UTF-8"))

    def test_string_stream(self):
        read = StringStream.read_from
        self.assertEqual(self.list(read(["foo\nbar", " ", "b", "az", "\nqux\n", "fork plox"]).split()), ["foo", "bar", "baz", "qux", "fork", "plox"])
        self.assertEqual(self.list(read(["foo,bar", " ", "b", "az", ",qux,", "fork plox"]).split(",")), ["foo", "bar baz", "qux", "fork plox"])
        self.assertEqual(self.list(read([" ", "", "a ", " "]).split()), ["a"])
        text = ["amet, sit", "elit, x"]
        self.assertEqual(self.list(read(text).match(r"\b\w{4}[^\w]")), ["amet,", "elit,"])
        self.assertEqual(self.list(read(text).match(r"\b(\w{4})[^\w]")), ["amet", "elit"])
        self.assertEqual(self.list(read(text).match(r"\b(\w{2})(\w{2})[^\w]")), ["am", "et", "el", "it"])
        parsed = read(['{"a": 1}']).parse(eval)
        self.assertIs(type(parsed), Stream)
        self.assertEqual(self.list(parsed), [{"a": 1}])

    def test_classes_and_names(self):
        s1 = StringStream.read_from("ab")
        s2 = s1.map(str.upper)
        self.assertIs(type(s2), StringStream)
        self.assertIsNot(s1, s2)
        self.assertEqual(self.list(s2), ["A", "B"])
        s3 = Stream.read_from("ab")._as(StringStream)
        self.assertIs(type(s3), StringStream)
        self.assertEqual(self.list(s3), ["a", "b"])
        stream = Stream(4, name="mine")
        self.assertIn("mine", repr(stream))
        self.assertEqual([stream.content_type, stream.provides, stream.requires], [None] * 3)
        stream.content_type = "text/plain"

    def test_use(self):
        double = lambda stream, by: stream.map(lambda x: x * by)
        self.assertEqual(self.list(Stream.read_from([1, 2]).use(double, 3)), [3, 6])

    def test_reduce(self):
        read = Stream.read_from
        add = lambda a, b: a + b
        self.assertEqual(self.run_async(read([1, 2, 3]).reduce(add, 0)), 6)
        self.assertEqual(self.run_async(read([1, 2, 3]).reduce(add)), 6)
        self.assertEqual(self.run_async(read([1, 2]).reduce(lambda a, b: a + str(b), "")), "12")
        self.assertEqual(self.run_async(read("ab").reduce(lambda n, _: later(n + 1), 0)), 2)
        self.assertEqual(self.run_async(read([]).reduce(add, 5)), 5)
        self.assertIsNone(self.run_async(read([]).reduce(add)))


class ByHand(drivers.ByHand, Cases, unittest.TestCase):
    pass


class OnAsyncio(drivers.OnAsyncio, Cases, unittest.TestCase):
    pass


class Imports(unittest.TestCase):
    def test_nothing_heavy_is_imported(self):
        heavy = ["asyncio", "typing", "dataclasses", "inspect", "logging", "http.client", "urllib", "email", "re", "threading"]
        code = "import sys; sys.path.insert(0, %r); import scramjet.streams; print([m for m in %r if m in sys.modules])" % (
            os.path.join(drivers.ROOT, "lib"), heavy)
        said = subprocess.run([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(said.strip(), b"[]")


if __name__ == "__main__":
    unittest.main()
