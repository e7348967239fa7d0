"""Calls of context.hub against a real HTTP server on a Unix socket."""

import asyncio
import io
import json
import pickle
import subprocess
import sys
import threading
import unittest

import drivers
import hubclients
from hubserver import plainly
from waverider_runner.hub import HostClient, HubError, InstanceClient, SequenceClient, SpaceClient


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


BYTES = {"content-type": "application/octet-stream"}
JSON = {"content-type": "application/json"}


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
        found = self.do(lambda h: h.get_sequence("s"))
        self.assertEqual((found["id"], found.id, found), ("new-id", "new-id", {"id": "new-id"}))
        self.assertEqual(self.do(lambda _: found.start()).id, "new-id")
        with self.assertRaises(AttributeError):
            found.nothing
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
        for said in [b"", b"HTTP/1.1 200", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 20\xb2\r\n\r\n",
                     b"HTTP/1.1 200\r\ncontent-length: \xb2\r\n\r\n", b"HTTP/1.1 200\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
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

    def test_a_space_is_missing(self):
        self.serve(plainly(404, {"error": "this Hub is not connected to a Space"}))
        space = self.host.get_manager_client()
        self.assertEqual(space.api_base, "/api/v1/cpm/api/v1")
        for call in (lambda _: space.get_hosts(), lambda _: space.getVersion(), lambda _: space.send_topic("t", b"x"), lambda _: space.delete_hub("h")):
            error = self.fails(call, "NOT_FOUND")
            self.assertIn("not connected to a Space", error.message)

    def test_a_space_is_called_by_way_of_the_hub(self):
        self.serve(plainly(200, {}))
        space = self.host.get_manager_client()
        for call in (lambda _: space.get_hosts(), lambda _: space.sendTopic("a/b", b"x"), lambda _: space.get_topic("t"),
                     lambda _: space.get_host_client("other").get_version(), lambda _: space.delete_hub("h", force=True)):
            self.do(call)
        self.assertEqual(["%s %s" % (r.command, r.path) for r in self.server.asked],
                         ["GET /api/v1/cpm/api/v1/list", "POST /api/v1/cpm/api/v1/topic/a%2Fb", "GET /api/v1/cpm/api/v1/topic/t",
                          "GET /api/v1/cpm/api/v1/sth/other/api/v1/version", "DELETE /api/v1/cpm/api/v1/sth/h"])

    def test_nothing_shows_the_token(self):
        self.serve()
        stream = self.do(lambda h: h.get_log_stream())
        clients = [self.host, self.host.client, self.host.get_sequence_client("s"), self.host.get_instance_client("i"),
                   self.host.get_manager_client(), stream, self.host.client._address]
        for client in clients:
            self.assertNotIn("s3cret", repr(client) + str(client))


class Awaited(hubclients.Awaited, Cases):
    def test_kinds(self):
        self.serve(plainly(200, {"id": "i"}))
        self.assertIsInstance(self.host.get_manager_client(), SpaceClient)
        sequence = self.do(lambda h: h.send_sequence(items(b"tar")))
        self.assertIsInstance(sequence, SequenceClient)
        self.assertIsInstance(self.do(lambda _: sequence.start()), InstanceClient)
        self.assertEqual(self.server.asked[0].body, b"tar")


class ByHand(drivers.ByHand, Awaited, unittest.TestCase):
    pass


class OnAsyncio(drivers.OnAsyncio, Awaited, unittest.TestCase):
    def test_many_at_once(self):
        self.serve(plainly(200, {"n": 1}))

        async def main():
            return await asyncio.gather(*(self.host.get_version() for _ in range(100)))

        self.assertEqual(self.run_async(main()), [{"n": 1}] * 100)


class Blocking(hubclients.Blocking, Cases, unittest.TestCase):
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
