"""One HTTP request to the Hub: its own connection, the Instance's own token."""

from .answer import Answer
from .body import Pieces, whole
from .connection import Connection
from .error import no_answer, refusal
from .stream import Stream
from .text import header, request_line
from .upload import Upload

ERROR_MAX = 1024 * 1024  # bytes of an error's body that are read
ANSWER_WITHIN = 1000  # ms, that the Hub is given to begin an early answer before it gets a body


class Address:
    """Where the API is. Holds the token, which no text of it shows."""

    def __init__(self, api):
        base = api.get("base") or "/api/v1"
        self.host = "hub"
        if "://" in base:
            self.host, _, base = base.partition("://")[2].partition("/")
        base = base.strip("/")
        self.base = "/" + base if base else ""
        self.socket = api.get("socket") or _host_and_port(self.host)
        self._token = api.get("token")

    def authorization(self):
        return {"authorization": "Bearer " + self._token} if self._token else {}

    def __repr__(self):
        return "<Hub API %s>" % self.base


class Request:
    def __init__(self, address, waiting, method, path, headers):
        self.name = "%s %s" % (method, path)
        self._first = request_line(method, path)
        self._headers = {"host": address.host, "connection": "close"}
        self._headers.update(address.authorization())
        self._headers.update((name.lower(), value) for name, value in headers.items())
        self._beside = waiting.beside
        self._connection = Connection(address.socket, waiting.call)
        self._answer = Answer(self._connection)
        self._upload = self._task = None

    async def send(self, body, early=False):
        """Sends the request and gives the answer as a Stream. All of a body is
        sent before that, unless the answer is wanted `early`."""
        try:
            return await self._send(body, early)
        except OSError as error:
            self._stop()
            if self._upload is not None and self._upload.failure is not None:
                raise self._upload.failure
            raise no_answer(self.name, error.strerror or error) from error
        except BaseException:
            self._stop()
            raise

    async def _send(self, body, early):
        kind = self._headers.get("content-type", "")
        data = b"" if body is None else whole(body, kind)
        if data is None:
            self._upload = Upload(self._connection, Pieces(body, kind))
            self._headers["transfer-encoding"] = "chunked"
        elif body is not None:
            self._headers["content-length"] = len(data)
        head = self._head()
        await self._connection.open()
        if self._upload is None:
            await self._send_whole(head, data)
        else:
            await self._connection.send(head)
            await self._send_pieces(early)
        if self._answer.status is None:
            await self._answer.begin()
        stream = Stream(self.name, self._connection, self._answer, self._upload, self._task)
        if self._answer.status >= 300:
            raise await self._refused(stream)
        if not early and body is not None:
            await self._finish(stream)
        return stream

    async def _finish(self, stream):
        """The Hub may begin its answer before it has the body, and end it when
        all is done: to leave before that would cut the body off."""
        await stream.fetch()
        if self._upload is not None and not self._upload.whole:
            raise OSError("the Hub took only a part of the body")

    async def _send_whole(self, head, data):
        try:
            await self._connection.send(head + data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused: the answer says why

    async def _send_pieces(self, early):
        """Sends the body until there is reason to look at the answer."""
        upload, answer = self._upload, self._answer
        self._task = self._beside(upload.run)
        if self._task is not None:
            return
        if early:
            await self._connection.readable_within(ANSWER_WITHIN)
        while not upload.done:
            if answer.status is None and self._connection.readable():
                await answer.begin()
            if answer.status is not None and (early or answer.status >= 300):
                return
            await upload.step(until_answer=answer.status is None)

    async def _refused(self, stream):
        stream.drop_body()
        said = b""
        try:
            while len(said) < ERROR_MAX:
                data = await stream.read(ERROR_MAX)
                if not data:
                    break
                said += data
        except Exception:
            pass  # the status says enough
        stream.close()
        return refusal(self.name, self._answer.status, said.decode("utf-8", "replace") or self._answer.reason)

    def _stop(self):
        if self._task is not None:
            self._task.cancel()
        self._connection.close()

    def _head(self):
        lines = [self._first] + [header(name, value) for name, value in self._headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _host_and_port(host):
    name, _, port = host.rpartition(":")
    name, port = (name, int(port)) if name and port.isdigit() else (host, 80)
    return name.strip("[]"), port
