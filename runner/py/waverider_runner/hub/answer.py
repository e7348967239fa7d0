"""Reading an HTTP answer."""

HEAD_MAX = 64 * 1024  # bytes
LINE_MAX = 4096  # of a chunk's size, with extensions


class Broken(OSError):
    """The answer is not HTTP or was cut."""


class Answer:
    def __init__(self, connection):
        self._connection = connection
        self._buffer = b""
        self._mode = None  # of the body: b"" once it ended
        self._left = 0  # bytes of the body or of its chunk
        self.status = None
        self.reason = ""
        self.headers = {}

    async def begin(self):
        """Reads status and headers."""
        while self.status is None or self.status < 200:
            lines = (await self._head()).decode("latin-1").split("\r\n")
            version, _, rest = lines[0].partition(" ")
            code, _, self.reason = rest.partition(" ")
            if not version.startswith("HTTP/1.") or not (code.isdecimal() and len(code) == 3):
                raise Broken("no HTTP answer")
            self.status = int(code)
            self.headers = dict(_header(line) for line in lines[1:])
        self._mode = self._mode_of_body()

    def _mode_of_body(self):
        if self.status in (204, 304):
            return None
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked
        length = self.headers.get("content-length")
        if length is None:
            return self._until_close
        if not length.isdecimal() or len(length) > 18:
            raise Broken("no valid Content-Length")
        self._left = int(length)
        return self._sized if self._left else None

    async def read(self):
        """The next bytes of the body, b"" after the last."""
        if self._mode is None:
            return b""
        data = await self._mode()
        if not data:
            self._mode = None
        return data

    @property
    def buffered(self):
        """More can be read without waiting."""
        return bool(self._buffer)

    async def _sized(self):
        data = await self._take(self._left)
        self._left -= len(data)
        if self._left == 0:
            self._mode = None
        return data

    async def _until_close(self):
        data, self._buffer = self._buffer, b""
        return data or await self._connection.recv()

    async def _chunked(self):
        if self._left == 0:
            size = (await self._line()).partition(b";")[0].strip()
            if not size or size.strip(b"0123456789abcdefABCDEF"):
                raise Broken("no valid chunk")
            self._left = int(size, 16)
            if self._left == 0:
                while await self._line():
                    pass  # trailers
                return b""
        data = await self._take(self._left)
        self._left -= len(data)
        if self._left == 0 and await self._line():
            raise Broken("no valid chunk")
        return data

    async def _take(self, most):
        """Some bytes, at most so many."""
        if not self._buffer:
            await self._more()
        data, self._buffer = self._buffer[:most], self._buffer[most:]
        return data

    async def _line(self):
        return await self._until(b"\r\n", LINE_MAX)

    async def _head(self):
        return await self._until(b"\r\n\r\n", HEAD_MAX)

    async def _until(self, mark, most):
        while True:
            found, after, rest = self._buffer.partition(mark)
            if after:
                self._buffer = rest
                return found
            if len(self._buffer) > most:
                raise Broken("the answer is not valid")
            await self._more()

    async def _more(self):
        data = await self._connection.recv()
        if not data:
            raise Broken("the connection was cut")
        self._buffer += data


def _header(line):
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
