"""Where a stream's chunks come from: each has `async pull()`, a chunk or END.
Some have `pull_now()` besides, NOTHING if they had to wait.
"""

from ._wait import Turn, is_awaitable, running_loop

END = type("End", (), {"__repr__": lambda self: "END"})()
NOTHING = object()

TURN_AFTER = 128  # chunks read without a pause


class UnsupportedOperation(Exception):
    """The source or stream cannot do that."""


class Iterated:
    """Chunks of an iterator."""

    def __init__(self, iterable):
        self._next = iter(iterable).__next__
        self._count = 0

    async def pull(self):
        self._count += 1
        if self._count % TURN_AFTER == 0 and running_loop() is not None:
            await Turn()  # else an iterator without end keeps all other tasks from running
        return self.pull_now()

    def pull_now(self):
        try:
            return self._next()
        except StopIteration:
            return END


class AsyncIterated:
    """Chunks of an async iterator."""

    def __init__(self, iterable):
        self._next = iterable.__aiter__().__anext__

    async def pull(self):
        try:
            return await self._next()
        except StopAsyncIteration:
            return END


class Called:
    """What a function returns, call after call, until it returns nothing."""

    def __init__(self, function, args):
        self._function = function
        self._args = args
        self._ended = False

    async def pull(self):
        if self._ended:
            return END
        chunk = self._function(*self._args)
        if is_awaitable(chunk):
            chunk = await chunk
        if chunk is None or chunk == b"" or chunk == "":
            self._ended = True
            return END
        return chunk


def source_of(source, chunk_size=None):
    if chunk_size is not None:
        if not hasattr(source, "read"):
            raise UnsupportedOperation("chunk_size is only for sources with a read method, %s has none" % type(source).__name__)
        return Called(source.read, (chunk_size,))
    if hasattr(source, "__aiter__"):
        return AsyncIterated(source)
    if hasattr(source, "__iter__") or hasattr(source, "__getitem__"):
        return Iterated(source)
    if hasattr(source, "read"):
        raise UnsupportedOperation("%s cannot be iterated: give a chunk_size" % type(source).__name__)
    raise UnsupportedOperation("cannot read from %s" % type(source).__name__)
