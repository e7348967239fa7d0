"""Streams that context.hub gives."""

import asyncio
import threading
import unittest

import drivers
import hubclients
from hubserver import plainly
from waverider_runner.hub import HubError


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


class Awaited(hubclients.Awaited):
    def test_streams_are_read_as_they_come(self):
        more = threading.Semaphore(0)

        def answer(handler):
            handler.begin(transfer_encoding="chunked", content_type="text/plain")
            for word in (b"one\nt", b"wo\nthree"):
                handler.give_chunk(word)
                more.acquire()
            handler.give_chunk(b"")

        self.serve(answer)

        async def main():
            stream = await self.host.get_instance_client("i").get_stream("output")
            self.assertEqual((stream.status, stream.content_type), (200, "text/plain"))
            said = []
            async for chunk in stream:
                said.append(chunk)
                more.release()
            self.assertEqual(said, [b"one\nt", b"wo\nthree"])
            self.assertEqual(await stream.read(), b"")
            stream = await self.host.get_log_stream()
            more.release(2)
            return [line async for line in stream.lines()]

        self.assertEqual(self.run_async(main()), ["one", "two", "three"])

    def test_lines_are_decoded(self):
        self.serve(plainly(200, b"a\xff\nb"))

        async def main(**how):
            return [line async for line in (await self.host.get_log_stream()).lines(**how)]

        with self.assertRaises(UnicodeDecodeError):
            self.run_async(main())
        self.assertEqual(self.run_async(main(errors="ignore")), ["a", "b"])
        self.assertEqual(self.run_async(main(encoding="latin-1")), ["a\xff", "b"])

    def test_read_of_some_bytes(self):
        self.serve(plainly(200, b"abcdefg"))

        async def main():
            async with await self.host.get_log_stream() as stream:
                return [await stream.read(3), await stream.read(0), await stream.read(3), await stream.read(3), await stream.read(3)]

        self.assertEqual(self.run_async(main()), [b"abc", b"", b"def", b"g", b""])

    def test_a_stream_that_is_cut_is_an_error(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            handler.give_chunk(b"some")
            handler.close_connection = True

        self.serve(answer)

        async def main():
            stream = await self.host.get_log_stream()
            self.assertEqual(await stream.__anext__(), b"some")
            with self.assertRaisesRegex(HubError, "cut"):
                await stream.__anext__()

        self.run_async(main())

    def test_closing_ends_the_connection(self):
        gone = threading.Event()

        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            try:
                handler.give_chunk(b"some")
                handler.rfile.read(1)
            finally:
                gone.set()

        self.serve(answer)

        async def main():
            stream = await self.host.get_log_stream()
            async for _ in stream:
                threading.Timer(0.05, stream.close).start()  # while the next read waits
            self.assertTrue(gone.wait(10))
            gone.clear()
            async with await self.host.get_log_stream() as stream:
                await stream.__anext__()
            self.assertTrue(gone.wait(10))
            gone.clear()
            stream = await self.host.get_log_stream()
            del stream
            self.assertTrue(gone.wait(10))

        self.run_async(main())


class ByHand(drivers.ByHand, Awaited, unittest.TestCase):
    pass


class OnAsyncio(drivers.OnAsyncio, Awaited, unittest.TestCase):
    def test_cancelling_ends_the_connection(self):
        begun, gone = threading.Semaphore(0), threading.Event()

        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            begun.release()
            try:
                handler.rfile.read()
            finally:
                gone.set()

        self.serve(answer)

        async def main():
            async def silent():
                await asyncio.sleep(60)
                yield b"x"

            async def read():
                async for _ in await self.host.get_log_stream():
                    pass

            for call in (read(), self.host.get_instance_client("i").get_health(), self.host.send_topic("t", silent())):
                task = asyncio.ensure_future(call)
                await drivers.in_thread(begun.acquire)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertTrue(await asyncio.get_running_loop().run_in_executor(None, gone.wait, 10))
                gone.clear()

        self.run_async(main())


class Blocking(hubclients.Blocking, unittest.TestCase):
    def test_streams(self):
        self.serve(plainly(200, b"one\ntwo"))
        with self.host.get_log_stream() as stream:
            self.assertEqual((stream.status, stream.content_type), (200, "application/json"))
            self.assertEqual(list(stream.lines()), ["one", "two"])
        self.assertEqual(self.host.get_log_stream().read(), b"one\ntwo")
        self.assertEqual(list(self.host.get_log_stream()), [b"one\ntwo"])

    def test_closing_from_another_thread(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            handler.rfile.read(1)

        self.serve(answer)
        stream = self.host.get_log_stream()
        threading.Timer(0.05, stream.close).start()
        self.assertEqual(list(stream), [])


if __name__ == "__main__":
    unittest.main()
