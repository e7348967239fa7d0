"""scramjet.streams that are written to, and piped."""

import asyncio
import io
import os
import tempfile
import threading
import unittest

import drivers
from scramjet.streams import Stream, StreamAlreadyConsumed, UnsupportedOperation


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


async def later(value):
    return value


class Cases:
    def list(self, stream):
        return self.run_async(stream.to_list())

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


if __name__ == "__main__":
    unittest.main()
