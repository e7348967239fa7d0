"""The body of an answer."""

from .error import no_answer


class Stream:
    """Async iterable of bytes, as they come. `close` or the end of an
    `async with` ends the connection, also while something waits for more."""

    def __init__(self, request, connection, answer, upload=None, task=None):
        self._request = request
        self._connection = connection
        self._answer = answer
        self._upload = upload  # a body that is still to be sent
        self._task = task  # that sends it
        self._rest = b""
        self._closed = False
        self.status = answer.status
        self.headers = answer.headers
        self.content_type = answer.headers.get("content-type")

    def __repr__(self):
        return "<Stream of %s>" % self._request

    def __aiter__(self):
        return self

    async def __anext__(self):
        data = await self.next_bytes()
        if not data:
            raise StopAsyncIteration
        return data

    async def read(self, size=-1):
        """Up to size bytes as soon as there are some, b"" at the end; without
        size all to the end."""
        if size == 0:
            return b""
        if size > 0:
            data = await self.next_bytes()
            self._rest = data[size:]
            return data[:size]
        parts = []
        while True:
            data = await self.next_bytes()
            if not data:
                return b"".join(parts)
            parts.append(data)

    async def lines(self, encoding="utf-8", errors="strict"):
        """Lines of text without their ends, one by one."""
        rest = b""
        async for data in self:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line.decode(encoding, errors)
        if rest:
            yield rest.decode(encoding, errors)

    async def next_bytes(self):
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        try:
            await self._send_on()
            data = await self._answer.read()
        except OSError as error:
            if self._closed:
                return b""
            self.close()
            self._failed()
            raise no_answer(self._request, error.strerror or error) from error
        except BaseException:
            self.close()
            raise
        if not data:
            self.close()
        return data

    async def fetch(self):
        """Takes all there is, to be read later."""
        self._rest = await self.read()

    async def _send_on(self):
        """Without a task for it, the body is sent by who reads the answer."""
        upload = self._upload
        if upload is None or self._task is not None:
            return
        while not (upload.done or self._answer.buffered or self._connection.readable()):
            await upload.step(True)

    def _failed(self):
        if self._upload is not None and self._upload.failure is not None:
            failure, self._upload.failure = self._upload.failure, None
            raise failure

    def drop_body(self):
        """Nothing more is sent."""
        if self._upload is not None:
            self._upload.done = True
        if self._task is not None:
            self._task.cancel()

    def close(self):
        self._closed = True
        self.drop_body()
        self._connection.close()

    async def aclose(self):
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()

    def __del__(self):
        self._connection.close()
