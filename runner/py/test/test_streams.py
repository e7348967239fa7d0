"""scramjet.streams as its documentation describes it."""

import asyncio
import io
import os
import subprocess
import sys
import tempfile
import threading
import unittest

import drivers
from scramjet.pyfca import DropChunk
from scramjet.streams import DataStream, Stream, StreamAlreadyConsumed, StringStream, UnsupportedOperation


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


class Counted:
    """An iterator that knows how far it was read."""

    def __init__(self, n):
        self.left = iter(range(n))
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        value = next(self.left)
        self.taken += 1
        return value


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

    def test_write_to(self):
        file = io.StringIO()
        self.assertIs(self.run_async(Stream.read_from("abc").write_to(file)), file)
        self.assertEqual(file.getvalue(), "abc")
        said = []

        class Writer:
            async def write(self, chunk):
                said.append(chunk)
        self.run_async(Stream.read_from("ab").write_to(Writer()))
        self.assertEqual(said, ["a", "b"])
        target = Stream(max_parallel=4)
        self.run_async(Stream.read_from(range(8)).write_to(target))
        target.end()
        self.assertEqual(self.list(target), list(range(8)))

    def test_write_and_read(self):
        async def main():
            stream = Stream()
            for x in range(3):
                await stream.write(x)
                self.assertEqual(await stream.read(), x)
            stream.write("last")
            stream.end()
            return [await stream.read(), await stream.read()]
        self.assertEqual(self.run_async(main()), ["last", None])
        with self.assertRaises(UnsupportedOperation):
            Stream.read_from("a").write("b")
        ended = Stream()
        ended.end()
        with self.assertRaises(UnsupportedOperation):
            ended.write(1)

    def test_write_goes_to_the_head(self):
        async def main():
            s1 = Stream().map(lambda x: x * 2)
            s2 = s1.map(lambda x: "foo-" + x)
            s2.write("a")
            return await s2.read()
        self.assertEqual(self.run_async(main()), "foo-aa")
        s1 = Stream()
        s3 = s1.batch(lambda chunk: chunk > "d").map(len)
        for chunk in "acedb":
            s3.write(chunk)
        s1.end()
        self.assertEqual(self.list(s3), [3, 2])

    def test_write_tells_whether_there_is_room(self):
        async def main():
            stream = Stream(max_parallel=4)
            writes = [stream.write(x) for x in range(8)]
            self.assertEqual([write.done() for write in writes], [True] * 3 + [False] * 5)
            stream.end()
            await stream.to_list()
            self.assertTrue(all(write.done() for write in writes))
        self.run_async(main())

    def test_a_thread_writes(self):
        stream = Stream(max_parallel=2)

        def work():
            for x in range(200):
                stream.write(x)
            stream.end()

        async def main():
            thread = threading.Thread(target=work)
            thread.start()
            return await stream.to_list()
        self.assertEqual(self.run_async(main()), list(range(200)))

    def test_threads_write_at_once(self):
        stream = Stream(max_parallel=2)

        def work():
            for x in range(500):
                stream.write(x)

        threads = [threading.Thread(target=work) for _ in range(4)]

        def end():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            stream.end()

        threading.Thread(target=end).start()
        self.assertEqual(sorted(self.list(stream)), sorted(list(range(500)) * 4))

    def test_iteration(self):
        async def main():
            stream = Stream.read_from(range(4))
            self.assertEqual(await stream.read(), 0)
            said = [chunk async for chunk in stream]
            with self.assertRaises(StreamAlreadyConsumed):
                await stream.to_list()
            return said
        self.assertEqual(self.run_async(main()), [1, 2, 3])

    def test_read_some_then_all(self):
        async def main():
            stream = Stream.read_from("abcd").map(str.upper)
            first = await stream.read()
            return first, await stream.map(str.lower).to_list()
        self.assertEqual(self.run_async(main()), ("A", ["b", "c", "d"]))

    def test_only_one_may_consume(self):
        uses = [lambda s: s.map(str), lambda s: s.batch(bool), lambda s: s.sequence(list), lambda s: s.decode(), lambda s: s.flatmap(str),
                lambda s: self.list(s), lambda s: self.run_async(s.reduce(max)), lambda s: self.run_async(s.write_to([])),
                lambda s: s.pipe(Stream()), lambda s: self.run_async(s.read()), lambda s: s.__aiter__()]
        for use in uses:
            stream = Stream.read_from("a")
            stream.map(str)
            with self.assertRaises(StreamAlreadyConsumed):
                use(stream)

    def test_await_on_a_stream_is_an_error(self):
        async def main():
            await Stream()
        with self.assertRaises(TypeError):
            self.run_async(main())

    def test_errors_reach_the_reader(self):
        def broken():
            yield 4
            raise KeyError("source")

        async def fails(x):
            return 1 / (x - 2)
        for stream, error in [
            (Stream.read_from([1, 0]).map(lambda x: 1 / x), ZeroDivisionError),
            (Stream.read_from(range(4)).map(fails), ZeroDivisionError),
            (Stream.read_from(range(4)).filter(fails).map(str), ZeroDivisionError),
            (Stream.read_from(broken()), KeyError),
            (Stream.read_from(broken()).map(fails).map(str).flatmap(list), KeyError),
            (Stream.read_from([1]).batch(lambda x: 1 / 0), ZeroDivisionError),
            (Stream.read_from([1]).sequence(lambda p, x: 1 / 0), ZeroDivisionError),
        ]:
            with self.assertRaises(error):
                self.list(stream)
        with self.assertRaises(ZeroDivisionError):
            self.run_async(Stream.read_from([1, 2]).reduce(lambda a, b: 1 / 0))

    def test_what_came_before_an_error_is_read(self):
        async def fails(x):
            if x == 2:
                raise ValueError(x)
            return x

        async def main():
            stream = Stream.read_from(range(5)).map(fails)
            said = [await stream.read(), await stream.read()]
            with self.assertRaises(ValueError):
                await stream.read()
            return said
        self.assertEqual(self.run_async(main()), [0, 1])

    def test_nothing_is_read_before_somebody_reads(self):
        source = Counted(1000)

        async def main():
            stream = Stream.read_from(source).map(str).filter(bool).flatmap(lambda x: [x])
            self.assertEqual(source.taken, 0)
            await stream.read()
            self.assertEqual(source.taken, 1)
            await stream.read()
            self.assertEqual(source.taken, 2)
        self.run_async(main())

    def test_pipe(self):
        s1 = Stream.read_from(range(8)).map(lambda x: 2 * x)
        s2 = Stream().filter(lambda x: x > 5)
        self.assertIs(s1.pipe(s2), s2)
        with self.assertRaises(StreamAlreadyConsumed):
            s1.map(str)
        self.assertEqual(self.list(s2), [6, 8, 10, 12, 14])
        with self.assertRaises(UnsupportedOperation):
            Stream.read_from("a").pipe(Stream.read_from("b"))

    def test_pipe_to_several(self):
        source = Stream.read_from(range(20), max_parallel=4).map(lambda x: x + 1)
        s1, s2 = Stream().map(lambda x: x / 10), Stream().map(lambda x: x * 10)
        source.pipe(s1)
        source.pipe(s2)

        async def main():
            return await s1.to_list(), await s2.to_list()
        self.assertEqual(self.run_async(main()), ([x / 10 for x in range(1, 21)], [x * 10 for x in range(1, 21)]))

    def test_pipe_without_end_and_unpipe(self):
        async def main():
            target = Stream()
            Stream.read_from("ab").pipe(target, end=False)
            Stream.read_from("cd").pipe(target)
            said = await target.to_list()
            first, second = Stream(), Stream()
            source = Stream.read_from("xyz")
            source.pipe(first)
            source.pipe(second)
            said.append(await first.read())
            source.unpipe(first)
            first.end()
            said += await second.to_list()
            return said, await first.to_list()
        self.assertEqual(self.run_async(main()), (["a", "b", "c", "d", "x", "x", "y", "z"], []))

    def test_errors_go_through_pipes(self):
        target = Stream()
        Stream.read_from([1, 0]).map(lambda x: 1 // x).pipe(target)

        async def main():
            self.assertEqual(await target.read(), 1)
            with self.assertRaises(ZeroDivisionError):
                await target.read()
        self.run_async(main())


class ByHand(drivers.ByHand, Cases, unittest.TestCase):
    pass


class OnAsyncio(drivers.OnAsyncio, Cases, unittest.TestCase):
    def test_order_and_limit(self):
        active = [0, 0]

        async def slow(x):
            active[0] += 1
            active[1] = max(active)
            await asyncio.sleep((x * 7 % 5) / 500)
            active[0] -= 1
            return x
        stream = Stream.read_from(range(40), max_parallel=4).map(slow).map(str)
        self.assertEqual(self.list(stream), [str(x) for x in range(40)])
        self.assertEqual(active[1], 4)

    def test_prefetch_is_bounded(self):
        source = Counted(10 ** 6)

        async def main():
            stream = Stream.read_from(source, max_parallel=8).map(later)
            for _ in range(10):
                await stream.read()
            await asyncio.sleep(0.01)
            self.assertLessEqual(source.taken, 10 + 8 + 1)
        self.run_async(main())

    def test_nothing_is_left_of_a_stream_that_failed(self):
        async def works(x):
            if x == 3:
                raise KeyError(x)
            await asyncio.sleep(60 if x > 3 else 0)
            return x

        async def main():
            for end in (lambda s: s.to_list(), lambda s: s.reduce(max), lambda s: s.flatmap(lambda x: [x]).write_to(io.StringIO())):
                with self.assertRaises((KeyError, TypeError)):
                    await end(Stream.read_from(async_range(20)).map(works).map(later))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                self.assertEqual(asyncio.all_tasks(), before)
            return None
        before = set()

        async def all():
            before.update(asyncio.all_tasks())
            await main()
        self.run_async(all())

    def test_cancelled_read_loses_nothing(self):
        async def main():
            stream = Stream().map(later)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.read(), 0.01)
            stream.write("a")
            with self.subTest():
                self.assertEqual(await stream.read(), "a")
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.read(), 0.01)
            stream.write("b")
            self.assertEqual(await stream.read(), "b")
        self.run_async(main())

    def test_a_task_writes_with_back_pressure(self):
        ahead = []

        async def main():
            stream = Stream(max_parallel=3)

            async def produce():
                for x in range(50):
                    await stream.write(x)
                    ahead.append(x)
                stream.end()
            task = asyncio.create_task(produce())
            said = []
            async for chunk in stream:
                self.assertLessEqual(len(ahead) - len(said), 4)
                said.append(chunk)
            await task
            return said
        self.assertEqual(self.run_async(main()), list(range(50)))

    def test_pipe_to_several_at_once(self):
        async def main():
            source = Stream.read_from(range(500))
            targets = [Stream(max_parallel=4).map(later) for _ in range(3)]
            for target in targets:
                source.pipe(target)
            return await asyncio.gather(*(target.to_list() for target in targets))
        self.assertEqual(self.run_async(main()), [list(range(500))] * 3)

    def test_endless_source_lets_others_run(self):
        async def main():
            seen = []

            async def other():
                await asyncio.sleep(0)
                seen.append(True)
            task = asyncio.create_task(other())
            async for chunk in Stream.read_from(iter(int, 1)):
                if seen:
                    break
            await task
        self.run_async(main())

    def test_endless_work_lets_others_run(self):
        def sometimes(x):
            return later(x) if x == 0 else x

        async def main():
            seen = []

            async def other():
                await asyncio.sleep(0.001)
                seen.append(True)
            task = asyncio.create_task(other())
            numbers = iter(range(10 ** 9))
            async for chunk in Stream.read_from(numbers).map(sometimes):
                self.assertLess(chunk, 10 ** 6)
                if seen:
                    break
            await task
        self.run_async(main())

    def test_stream_reader_and_writer(self):
        async def main():
            async def echo(reader, writer):
                await Stream.read_from(reader, chunk_size=1000).write_to(writer)
                writer.close()
            folder = tempfile.TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            path = os.path.join(folder.name, "s")
            server = await asyncio.start_unix_server(echo, path)
            reader, writer = await asyncio.open_unix_connection(path)
            await Stream.read_from([b"x" * 100] * 100).write_to(writer)
            writer.write_eof()
            said = await Stream.read_from(reader, chunk_size=4096).reduce(lambda a, b: a + b)
            writer.close()
            server.close()
            return said
        self.assertEqual(self.run_async(main()), b"x" * 10000)


class Imports(unittest.TestCase):
    def test_nothing_heavy_is_imported(self):
        heavy = ["asyncio", "typing", "dataclasses", "inspect", "logging", "http.client", "urllib", "email", "re", "threading"]
        code = "import sys; sys.path.insert(0, %r); import scramjet.streams; print([m for m in %r if m in sys.modules])" % (
            os.path.join(drivers.ROOT, "lib"), heavy)
        said = subprocess.run([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(said.strip(), b"[]")


if __name__ == "__main__":
    unittest.main()
