"""An HTTP server on a Unix socket, in the place of a Hub."""

import http.server
import json
import os
import socketserver
import tempfile
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "local"

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the client went

    def chunks(self):
        """The body, piece by piece; fails when it is cut."""
        if self.headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("content-length", 0)))
            return
        while True:
            line = self.rfile.readline()
            if not line:
                raise ConnectionError("cut")
            size = int(line, 16)
            data = self.rfile.read(size)
            if self.rfile.readline() != b"\r\n":
                raise ConnectionError("cut")
            if size == 0:
                return
            yield data

    def begin(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.flush()

    def give(self, status, value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.begin(status, content_type="application/json", content_length=str(len(data)))
        self.wfile.write(data)

    def give_chunk(self, data):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def do_GET(self):
        self.server.asked.append(self)
        self.server.answer(self)

    do_POST = do_PUT = do_DELETE = do_GET


def plainly(status=200, value=None):
    """Answers after all of the body."""

    def answer(handler):
        handler.body = b"".join(handler.chunks())
        said = value(handler) if callable(value) else value
        handler.give(status, {} if said is None else said)

    return answer


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 50

    def __init__(self, test, answer=None):
        folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(folder.name, "api")
        super().__init__(self.path, Handler)
        self.asked = []
        self.answer = answer or plainly()
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        test.addCleanup(folder.cleanup)
        test.addCleanup(self.server_close)
        test.addCleanup(self.shutdown)

    @property
    def api(self):
        return {"socket": self.path, "base": "/api/v1", "token": "s3cret"}

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)
