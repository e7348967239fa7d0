"""context.hub against a real HTTP server on a Unix socket."""

import asyncio
import io
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
import unittest

import drivers
from hubserver import Server, plainly
from waverider_runner.hub import HostClient, HubError, InstanceClient, SequenceClient, SpaceClient

BYTES = {"content-type": "application/octet-stream"}
JSON = {"content-type": "application/json"}


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


async def items(*values):
    for value in values:
        yield value


# Each row: call, method, path, headers (in part), body.
CALLS = [
    (lambda h: h.list_sequences(), "GET", "sequences"),
    (lambda h: h.list_instances(), "GET", "instances"),
    (lambda h: h.list_entities(), "GET", "entities"),
    (lambda h: h.get_audit_stream(), "GET", "audit", BYTES),
    (lambda h: h.get_log_stream(), "GET", "log", BYTES),
    (lambda h: h.send_sequence([b"t", b"ar"]), "POST", "sequence", BYTES, "tar"),
    (lambda h: h.send_sequence(io.BytesIO(b"tar")), "POST", "sequence", BYTES, "tar"),
    (lambda h: h.get_sequence("a/b"), "GET", "sequence/a%2Fb"),
    (lambda h: h.get_sequence("ż ?#"), "GET", "sequence/%C5%BC%20%3F%23"),
    (lambda h: h.delete_sequence("s"), "DELETE", "sequence/s", dict(JSON, **{"x-seq-kill-inst": None})),
    (lambda h: h.delete_sequence("s", force=True), "DELETE", "sequence/s", {"x-seq-kill-inst": "true"}),
    (lambda h: h.get_instance_info("i"), "GET", "instance/i"),
    (lambda h: h.get_load_check(), "GET", "load-check"),
    (lambda h: h.get_version(), "GET", "version"),
    (lambda h: h.get_status(), "GET", "status"),
    (lambda h: h.get_config(), "GET", "config"),
    (lambda h: h.send_topic("t", ["{}\n"]), "POST", "topic/t", {"content-type": "application/x-ndjson", "x-end-stream": None}, "{}\n"),
    (lambda h: h.send_named_data("t", "text", content_type="text/plain", end=True, headers={"X-Own": "1"}), "POST", "topic/t",
     {"content-type": "text/plain", "x-end-stream": "true", "x-own": "1"}, "text"),
    (lambda h: h.send_topic("t", ({"a": n} for n in (1, 2))), "POST", "topic/t", {}, '{"a": 1}\n{"a": 2}\n'),
    (lambda h: h.send_topic("t", {"a": 1}), "POST", "topic/t", {}, '{"a": 1}\n'),
    (lambda h: h.send_topic("t", []), "POST", "topic/t", {}, ""),
    (lambda h: h.send_topic("t", ["", b"", "x"]), "POST", "topic/t", {}, "x"),
    (lambda h: h.get_topic("t"), "GET", "topic/t", {"content-type": "application/x-ndjson"}),
    (lambda h: h.get_named_data("t", "text/plain"), "GET", "topic/t", {"content-type": "text/plain"}),
    (lambda h: h.create_topic("t", "text/plain"), "POST", "topics", JSON, '{"id": "t", "content-type": "text/plain"}'),
    (lambda h: h.delete_topic("t"), "DELETE", "topics/t"),
    (lambda h: h.get_topics(), "GET", "topics"),
    (lambda h: h.get_sequence_client("s").start({"args": [1]}), "POST", "sequence/s/start", JSON, '{"args": [1]}'),
    (lambda h: h.get_sequence_client("s").start(app_config={"a": 1}, output_topic="o"), "POST", "sequence/s/start", JSON,
     '{"appConfig": {"a": 1}, "outputTopic": "o"}'),
    (lambda h: h.get_sequence_client("s").start(), "POST", "sequence/s/start", {}, "{}"),
    (lambda h: h.get_sequence_client("s").list_instances(), "GET", "sequence/s/instances"),
    (lambda h: h.get_sequence_client("s").get_info(), "GET", "sequence/s"),
    (lambda h: h.get_sequence_client("s").overwrite(b"tar"), "PUT", "sequence/s", BYTES, "tar"),
    (lambda h: h.get_instance_client("i").stop(500, True), "POST", "instance/i/_stop", {}, '{"timeout": 500, "canCallKeepalive": true}'),
    (lambda h: h.get_instance_client("i").stop(), "POST", "instance/i/_stop", {}, "{}"),
    (lambda h: h.get_instance_client("i").kill(), "POST", "instance/i/_kill", {}, '{"removeImmediately": false}'),
    (lambda h: h.get_instance_client("i").kill(remove_immediately=True), "POST", "instance/i/_kill", {}, '{"removeImmediately": true}'),
    (lambda h: h.get_instance_client("i").send_event("e", {"m": 1}), "POST", "instance/i/_event", {},
     '[5001, {"eventName": "e", "message": {"m": 1}}]'),
    (lambda h: h.get_instance_client("i").get_next_event("e"), "GET", "instance/i/once/e"),
    (lambda h: h.get_instance_client("i").get_event("e"), "GET", "instance/i/event/e"),
    (lambda h: h.get_instance_client("i").get_event_stream("e"), "GET", "instance/i/events/e"),
    (lambda h: h.get_instance_client("i").get_health(), "GET", "instance/i/health"),
    (lambda h: h.get_instance_client("i").get_info(), "GET", "instance/i"),
    (lambda h: h.get_instance_client("i").get_stream("stdout"), "GET", "instance/i/stdout"),
    (lambda h: h.get_instance_client("i").get_log_stream(), "GET", "instance/i/log"),
    (lambda h: h.get_instance_client("i").send_input(["a", "b"], content_type="text/plain", end=False), "POST", "instance/i/input",
     {"content-type": "text/plain", "x-end-stream": "false"}, "ab"),
    (lambda h: h.get_instance_client("i").send_stdin("typed"), "POST", "instance/i/stdin", BYTES, "typed"),
    (lambda h: h.get_instance_client("i").send_stream("input", b"b"), "POST", "instance/i/input", {}, "b"),
    (lambda h: h.get_instance_client("i").inout("x", content_type="text/plain"), "POST", "instance/i/inout", {"content-type": "text/plain"}, "x"),
    (lambda h: h.getSequenceClient("s").listInstances(), "GET", "sequence/s/instances"),
    (lambda h: h.sendNamedData("t", "x"), "POST", "topic/t", {}, "x"),
    (lambda h: h.getInstanceClient("i").sendEvent("e"), "POST", "instance/i/_event", {}, '[5001, {"eventName": "e"}]'),
]

KINDS = {
    400: "BAD_PARAMETERS", 401: "NEED_AUTHENTICATION", 403: "NOT_AUTHORIZED", 404: "NOT_FOUND", 410: "GONE", 409: "REQUEST_ERROR",
    419: "INSUFFICIENT_RESOURCES", 422: "UNPROCESSABLE_ENTITY", 500: "SERVER_ERROR", 507: "SERVER_ERROR",
}


class Cases:
    """Written against `self.do(call)`, which calls with a HostClient and gives
    the result, and `self.read(call)`, which reads the stream it gives."""

    def serve(self, answer=None):
        self.server = Server(self, answer)
        self.host = self.host_of(self.server.api)
        return self.server

    def fails(self, call, kind=None):
        with self.assertRaises(HubError) as caught:
            self.do(call)
        error = caught.exception
        self.assertNotIn("s3cret", repr(error) + str(error) + repr(vars(error)))
        if kind is not None:
            self.assertEqual(error.kind, kind)
        return error

    def test_every_call(self):
        server = self.serve(plainly(200, {"id": "new-id"}))
        for call, method, path, headers, body in [row + ({}, "")[len(row) - 3:] for row in CALLS]:
            with self.subTest(method=method, path=path, body=body):
                del server.asked[:]
                self.do(call)
                self.assertEqual(len(server.asked), 1)
                request = server.asked[0]
                self.assertEqual((request.command, request.path), (method, "/api/v1/" + path))
                self.assertEqual(request.headers["authorization"], "Bearer s3cret")
                self.assertEqual(request.headers["host"], "hub")
                for name, value in headers.items():
                    self.assertEqual(request.headers[name], value, name)
                self.assertEqual(request.body.decode(), body)

    def test_answers_become_values_and_clients(self):
        def value(request):
            if request.path.endswith("/sequences"):
                return [{"id": "1", "name": "x"}, {"id": "2", "config": {"name": "x"}}, {"id": "3", "config": None}]
            return b"" if request.path.endswith("/health") else {"id": "new-id"}

        self.serve(plainly(200, value))
        self.assertEqual(self.do(lambda h: h.get_sequence_id("x")), ["1", "2"])
        sequence = self.do(lambda h: h.send_sequence(b"tar"))
        self.assertEqual(sequence.id, "new-id")
        instance = self.do(lambda _: sequence.start({}))
        self.assertEqual(instance.id, "new-id")
        self.assertEqual(self.do(lambda _: sequence.get_instance("other")).id, "other")
        self.assertIsNone(self.do(lambda _: instance.get_health()))
        for make in (self.host.get_instance_client, self.host.get_sequence_client):
            with self.assertRaisesRegex(ValueError, "no id"):
                make("")
        with self.assertRaises(ValueError):
            make("..")

    def test_errors(self):
        for status, kind in KINDS.items():
            self.serve(plainly(status, {"error": "it is %d" % status}))
            error = self.fails(lambda h: h.get_sequence_client("s").start(), kind)
            self.assertEqual((error.status, error.code), (status, kind))
            self.assertEqual(error.message, "POST /api/v1/sequence/s/start: %d it is %d" % (status, status))
            self.assertEqual(error.json(), {"error": "it is %d" % status})
            self.assertEqual(pickle.loads(pickle.dumps(error)).message, error.message)
        self.serve(plainly(502, b"<html>"))
        self.assertIn("502 <html>", self.fails(lambda h: h.get_version()).message)
        self.serve(plainly(502, b""))
        self.assertIn("502 Bad Gateway", self.fails(lambda h: h.get_version()).message)

    def test_nobody_there(self):
        self.host = self.host_of({"socket": "/nonexistent/api", "token": "s3cret"})
        error = self.fails(lambda h: h.get_version(), "CANNOT_CONNECT")
        self.assertIsNone(error.status)
        self.assertIsInstance(error.__cause__, FileNotFoundError)

    def test_answers_that_are_not_http(self):
        for said in [b"", b"HTTP/1.1 200", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}xx\r\n", b"x" * 100000]:
            with self.subTest(said=said[:60]):
                def answer(handler, said=said):
                    handler.close_connection = True
                    handler.wfile.write(said)
                self.serve(answer)
                self.fails(lambda h: h.get_version(), "CANNOT_CONNECT")

    def test_all_forms_of_bodies_are_read(self):
        for said in [b"HTTP/1.1 200 OK\r\n\r\n[1]", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\nContent-Length: 3\r\n\r\n[1]",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n[\r\n2\r\n1]\r\n0\r\nTrailer: 1\r\n\r\n"]:
            for step in (1, 7, len(said)):
                def answer(handler, said=said, step=step):
                    handler.close_connection = True
                    for at in range(0, len(said), step):
                        handler.wfile.write(said[at:at + step])
                self.serve(answer)
                self.assertEqual(self.do(lambda h: h.get_topics()), [1])
        self.serve(lambda handler: handler.begin(204))
        self.assertIsNone(self.do(lambda h: h.get_topics()))

    def test_bad_headers_are_refused(self):
        self.serve()
        for headers in ({"a": "b\r\nc: d"}, {"a\r\nb": "c"}, {"": "x"}, {"a b": "c"}):
            with self.assertRaises(ValueError):
                self.do(lambda h: h.get_log_stream(headers))
        self.assertEqual(self.server.asked, [])

    def test_a_bad_header_does_not_show_the_token(self):
        self.serve()
        for headers in ({"a": "\u0142"}, {"\u0142": "a"}):
            with self.assertRaises(ValueError) as caught:
                self.do(lambda h: h.get_log_stream(headers))
            error = caught.exception
            while error is not None:
                self.assertNotIn("s3cret", repr(error) + repr(vars(error)) + repr(error.args) + str(getattr(error, "object", "")))
                error = error.__cause__ or error.__context__
        with self.assertRaises(ValueError):
            self.do(lambda h: h.client.get("version HTTP/1.1\r\nx: y"))
        self.assertEqual(self.server.asked, [])

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

    def test_a_space_is_missing(self):
        self.serve()
        space = self.host.get_manager_client()
        self.assertEqual(space.api_base, "/api/v1/cpm/api/v1")
        for name in ("get_hosts", "getVersion", "get_topics", "sendNamedData", "delete_hub"):
            error = self.fails(lambda _: getattr(space, name)("x"), "NOT_FOUND")
            self.assertIn("not connected to a Space", error.message)
        with self.assertRaises(HubError):
            space.get_host_client("x")

    def test_nothing_shows_the_token(self):
        self.serve()
        stream = self.do(lambda h: h.get_log_stream())
        clients = [self.host, self.host.client, self.host.get_sequence_client("s"), self.host.get_instance_client("i"),
                   self.host.get_manager_client(), stream, self.host.client._address]
        for client in clients:
            self.assertNotIn("s3cret", repr(client) + str(client))


class AsyncCases(Cases):
    def host_of(self, api):
        return HostClient(api)

    def do(self, call):
        async def main():
            return await call(self.host)

        return self.run_async(main())

    def read(self, call):
        async def main():
            return await (await call(self.host)).read()

        return self.run_async(main())

    def endless(self):
        async def endless():
            while True:
                yield b"x" * 1000

        return endless()

    def broken(self, error):
        async def broken():
            yield b"x"
            raise error

        return broken()

    def test_kinds(self):
        self.serve(plainly(200, {"id": "i"}))
        self.assertIsInstance(self.host.get_manager_client(), SpaceClient)
        sequence = self.do(lambda h: h.send_sequence(items(b"tar")))
        self.assertIsInstance(sequence, SequenceClient)
        self.assertIsInstance(self.do(lambda _: sequence.start()), InstanceClient)
        self.assertEqual(self.server.asked[0].body, b"tar")

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


class ByHand(drivers.ByHand, AsyncCases, unittest.TestCase):
    pass


class Beside(AsyncCases):
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

    def test_cancelling_ends_the_connection(self):
        gone = threading.Event()

        def answer(handler):
            handler.begin(transfer_encoding="chunked")
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
                await asyncio.sleep(0.1)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertTrue(await asyncio.get_running_loop().run_in_executor(None, gone.wait, 10))
                gone.clear()

        self.run_async(main())

    def test_many_at_once(self):
        self.serve(plainly(200, {"n": 1}))

        async def main():
            return await asyncio.gather(*(self.host.get_version() for _ in range(100)))

        self.assertEqual(self.run_async(main()), [{"n": 1}] * 100)


class Blocking(Cases, unittest.TestCase):
    def host_of(self, api):
        return HostClient(api).sync

    def do(self, call):
        return call(self.host)

    def read(self, call):
        return b"".join(call(self.host))

    def endless(self):
        while True:
            yield b"x" * 1000

    def broken(self, error):
        yield b"x"
        raise error

    def test_streams(self):
        self.serve(plainly(200, b"one\ntwo"))
        with self.host.get_log_stream() as stream:
            self.assertEqual((stream.status, stream.content_type), (200, "application/json"))
            self.assertEqual(list(stream.lines()), ["one", "two"])
        self.assertEqual(self.host.get_log_stream().read(), b"one\ntwo")
        self.assertEqual(list(self.host.get_log_stream()), [b"one\ntwo"])

    def test_streams_flow_both_ways_at_once(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            for chunk in handler.chunks():
                handler.give_chunk(chunk.upper())
            handler.give_chunk(b"")

        self.serve(answer)
        stream = self.host.get_instance_client("i").inout(["one", "two"])
        self.assertEqual(b"".join(stream), b"ONETWO")

    def test_closing_from_another_thread(self):
        def answer(handler):
            handler.begin(transfer_encoding="chunked")
            handler.rfile.read(1)

        self.serve(answer)
        stream = self.host.get_log_stream()
        threading.Timer(0.05, stream.close).start()
        self.assertEqual(list(stream), [])

    def test_async_iterables_are_refused(self):
        self.serve()

        async def later():
            await asyncio.sleep(0)
            yield b"x"

        with self.assertRaises(TypeError):
            self.host.send_topic("t", later())

    def test_works_where_asyncio_runs(self):
        self.serve(plainly(200, {"n": 1}))

        async def main():
            self.host.send_topic("t", ["x"])
            return self.host.get_version()

        self.assertEqual(asyncio.run(main()), {"n": 1})

    def test_clients_are_plain(self):
        self.serve(plainly(200, {"id": "new"}))
        instance = self.host.get_sequence_client("s").get_instance("i", host=self.host)
        self.assertEqual([instance.get_info(), instance.host.get_version(), self.host.client.get("version")], [{"id": "new"}] * 3)

    def test_names(self):
        self.serve()
        self.assertIn("get_version", dir(self.host))
        self.assertIn("getVersion", dir(self.host))
        self.assertEqual(self.host.get_version.__name__, "get_version")


async def iter_queue(items):
    while True:
        item = await drivers.in_thread(items.get)
        if item is None:
            return
        yield item


class Tcp(unittest.TestCase):
    def test_a_hub_with_host_and_port(self):
        import http.server

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps([self.path, self.headers["host"]]).encode())

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        self.addCleanup(thread.join)
        host = "127.0.0.1:%d" % server.server_port
        self.assertEqual(HostClient({"base": "http://%s/api/v1" % host}).sync.get_version(), ["/api/v1/version", host])


class Imports(unittest.TestCase):
    def test_nothing_heavy_is_imported(self):
        heavy = ["asyncio", "socket", "typing", "dataclasses", "inspect", "logging", "http.client", "urllib", "email", "re", "json", "threading"]
        code = "import sys; sys.path.insert(0, %r); import waverider_runner.hub; print([m for m in %r if m in sys.modules])" % (drivers.ROOT, heavy)
        said = subprocess.run([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(said.strip(), b"[]")


if __name__ == "__main__":
    unittest.main()
