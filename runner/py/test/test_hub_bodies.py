"""What programs send through context.hub."""

import asyncio
import os
import queue
import threading
import time
import unittest

import drivers
import hubclients
from waverider_runner.hub import HubError


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


async def iter_queue(items):
    while True:
        item = await drivers.in_thread(items.get)
        if item is None:
            return
        yield item


class Cases:
    def test_bad_bodies_are_refused(self):
        self.serve()
        for body in (None, 5):
            with self.assertRaises(TypeError):
                self.do(lambda h: h.send_topic("t", body))
        self.assertEqual(self.server.asked, [])

    def test_a_refusal_ends_a_body_without_end(self):
        def answer(handler):
            handler.close_connection = True
            handler.give(404, {"error": "Instance i not found"})

        self.serve(answer)
        error = self.fails(lambda h: h.get_instance_client("i").send_input(self.endless()), "NOT_FOUND")
        self.assertIn("Instance i not found", error.message)

    def test_a_refusal_ends_a_body_that_is_large(self):
        def answer(handler):
            handler.close_connection = True
            handler.give(413, {"error": "too much"})

        self.serve(answer)
        self.assertIn("too much", self.fails(lambda h: h.send_sequence(bytes(5000000))).message)

    def test_a_body_that_fails_makes_the_call_fail(self):
        ended = threading.Event()

        def answer(handler):
            try:
                for _ in handler.chunks():
                    pass
            except Exception:
                ended.set()

        self.serve(answer)
        for error in (KeyError("no more"), FileNotFoundError("no file")):
            with self.assertRaises(type(error)):
                self.do(lambda h: h.send_topic("t", self.broken(error)))
            self.assertTrue(ended.wait(10))

    def test_an_early_answer_does_not_end_the_body(self):
        got = []

        def answer(handler):
            handler.begin(202, transfer_encoding="chunked", waverider_cursor="7")
            got.append(b"".join(handler.chunks()))
            handler.give_chunk(b"{}")
            handler.give_chunk(b"")

        self.serve(answer)
        for body in ("x" * 300000, ["x" * 1000] * 300):
            stream = self.do(lambda h: h.get_instance_client("i").send_input(body))
            self.assertEqual((stream.status, stream.headers["waverider-cursor"]), (202, "7"))
        self.assertEqual(got, [b"x" * 300000] * 2)

    def test_a_body_that_is_not_taken_whole_is_an_error(self):
        def answer(handler):
            handler.close_connection = True
            handler.give(200, {})

        self.serve(answer)
        self.assertIn("only a part", self.fails(lambda h: h.send_topic("t", self.endless()), "CANNOT_CONNECT").message)

    def test_a_body_that_fails_after_an_early_answer(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            handler.rfile.read()

        self.serve(answer)
        with self.assertRaises(KeyError):
            self.do(lambda h: h.send_topic("t", self.broken(KeyError("no more"))))

    def test_much_is_sent_and_read(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            for chunk in handler.chunks():
                handler.give_chunk(chunk)
            handler.give_chunk(b"")

        self.serve(answer)
        data = os.urandom(700000)
        sent = [data[at:at + 7000] for at in range(0, len(data), 7000)]
        self.assertEqual(self.read(lambda h: h.get_instance_client("i").inout(sent)), data)


class Awaited(hubclients.Awaited, Cases):
    def test_a_producer_gets_back_pressure(self):
        taken, go = [0], threading.Event()

        def answer(handler):
            handler.rfile.readline()
            go.wait(20)
            handler.close_connection = True
            handler.give(200, {})

        self.serve(answer)

        async def produce():
            for n in range(10000):
                taken[0] = n
                yield b"x" * 10000

        def check():
            before = -1
            while before != taken[0]:
                before = taken[0]
                time.sleep(0.1)
            go.set()

        threading.Thread(target=check).start()
        self.fails(lambda h: h.send_topic("t", produce()))
        self.assertLess(taken[0], 1000)


class ByHand(drivers.ByHand, Awaited, unittest.TestCase):
    pass


class Beside(Awaited):
    """Where a body can be sent beside the reading of the answer."""

    def test_streams_flow_both_ways_at_once(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            for chunk in handler.chunks():
                handler.give_chunk(chunk.upper())
            handler.give_chunk(b"")

        self.serve(answer)
        words = queue.Queue()

        async def main():
            output = await self.host.get_instance_client("i").inout(iter_queue(words), content_type="text/plain")
            for word in (b"one", b"two", b"three"):
                words.put(word)
                self.assertEqual(await output.__anext__(), word.upper())
            words.put(None)
            self.assertEqual(await output.read(), b"")

        self.run_async(main())

    def test_a_refusal_comes_although_the_body_waits(self):
        self.serve(lambda handler: handler.give(410, {"error": "gone"}))
        silent = queue.Queue()
        self.addCleanup(silent.put, None)

        async def main():
            try:
                await self.host.send_topic("t", iter_queue(silent))
            finally:
                silent.put(None)

        with self.assertRaisesRegex(HubError, "gone"):
            self.run_async(main())

    def test_a_body_that_fails_after_the_answer_began(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            handler.rfile.read()

        self.serve(answer)

        async def main():
            async def broken():
                await drivers.in_thread(time.sleep, 0.02)
                raise KeyError("no more")
                yield

            with self.assertRaises(KeyError):
                await (await self.host.get_instance_client("i").inout(broken())).read()

        self.run_async(main())


class BySpawn(drivers.Spawning, Beside, unittest.TestCase):
    pass


class OnAsyncio(drivers.OnAsyncio, Beside, unittest.TestCase):
    def test_a_refusal_stops_the_body(self):
        def answer(handler):
            handler.rfile.readline()
            handler.close_connection = True
            handler.give(410, {"error": "gone"})

        self.serve(answer)
        stopped = []

        async def main():
            async def silent():
                yield b"x"
                try:
                    await asyncio.sleep(60)
                finally:
                    stopped.append(True)

            with self.assertRaisesRegex(HubError, "gone"):
                await self.host.send_topic("t", silent())
            while not stopped:
                await asyncio.sleep(0)

        self.run_async(main())


class Blocking(hubclients.Blocking, Cases, unittest.TestCase):
    def test_streams_flow_both_ways_at_once(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            for chunk in handler.chunks():
                handler.give_chunk(chunk.upper())
            handler.give_chunk(b"")

        self.serve(answer)
        stream = self.host.get_instance_client("i").inout(["one", "two"])
        self.assertEqual(b"".join(stream), b"ONETWO")

    def test_async_iterables_are_refused(self):
        self.serve()

        async def later():
            await asyncio.sleep(0)
            yield b"x"

        with self.assertRaises(TypeError):
            self.host.send_topic("t", later())


if __name__ == "__main__":
    unittest.main()
