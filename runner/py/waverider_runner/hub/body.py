"""What programs send: bytes, text, values, and iterables or files of those."""

READ = 64 * 1024  # bytes of a file at once
END = object()


def whole(body, content_type):
    """The bytes of a body that is there as a whole, None of one that is yet to come."""
    if isinstance(body, (str, bytes, bytearray, memoryview, dict)):
        return _bytes(body, "ndjson" in content_type)
    return None


class Pieces:
    """The rest, piece by piece."""

    def __init__(self, body, content_type):
        self._lines = "ndjson" in content_type
        self._step = _steps(body)

    async def next(self):
        """The next bytes, or END."""
        while True:
            item = await self._step()
            if item is END:
                return END
            data = _bytes(item, self._lines)
            if data:  # an empty chunk would end the body
                return data


def _bytes(item, lines):
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, (bytes, bytearray)):
        return item
    if isinstance(item, memoryview):
        return item.tobytes()
    import json

    return (json.dumps(item) + ("\n" if lines else "")).encode()


def _steps(body):
    if hasattr(body, "__aiter__"):
        return _async_steps(body.__aiter__().__anext__)
    if hasattr(body, "read"):
        return _file_steps(body.read)
    if hasattr(body, "__iter__"):
        return _plain_steps(iter(body))
    raise TypeError("a body is bytes, text, a file or an iterable, not %s" % type(body).__name__)


def _async_steps(advance):
    async def step():
        try:
            return await advance()
        except StopAsyncIteration:
            return END

    return step


def _plain_steps(iterator):
    async def step():
        return next(iterator, END)

    return step


def _file_steps(read):
    async def step():
        data = read(READ)
        if hasattr(data, "__await__"):
            data = await data
        return data or END

    return step
