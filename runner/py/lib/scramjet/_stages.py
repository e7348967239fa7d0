"""Stages that make other chunks than they get: each has `async pull()`."""

from ._sources import END, AsyncIterated, Iterated
from ._wait import is_awaitable


class Flatten:
    """The items of each chunk, one by one."""

    def __init__(self, upstream):
        self._upstream = upstream
        self._inner = None

    async def pull(self):
        while True:
            if self._inner is None:
                chunk = await self._upstream.pull()
                if chunk is END:
                    return END
                self._inner = AsyncIterated(chunk) if hasattr(chunk, "__aiter__") else Iterated(chunk)
            item = await self._inner.pull()
            if item is not END:
                return item
            self._inner = None


class Batch:
    """Lists of chunks; each ends with one for which the function is true."""

    def __init__(self, upstream, function, args):
        self._upstream = upstream
        self._function = function
        self._args = args
        self._batch = []

    async def pull(self):
        while True:
            chunk = await self._upstream.pull()
            if chunk is END:
                return self._give() if self._batch else END
            self._batch.append(chunk)
            last = self._function(chunk, *self._args)
            if is_awaitable(last):
                last = await last
            if last:
                return self._give()

    def _give(self):
        batch, self._batch = self._batch, []
        return batch


class Sequence:
    """Cuts chunks anew: the function gets what was left over and a chunk, and
    returns parts of which the last is left over."""

    def __init__(self, upstream, function, initial):
        self._upstream = upstream
        self._function = function
        self._rest = initial
        self._parts = iter(())

    async def pull(self):
        while True:
            for part in self._parts:
                return part
            chunk = await self._upstream.pull()
            if chunk is END:
                rest, self._rest = self._rest, None
                return rest if rest else END
            parts = self._function(self._rest, chunk)
            if is_awaitable(parts):
                parts = await parts
            parts = list(parts)
            self._rest = parts.pop()
            self._parts = iter(parts)


class Decode:
    """Text of bytes, also where a character is spread over chunks."""

    def __init__(self, upstream, encoding):
        import codecs
        self._upstream = upstream
        self._decode = codecs.getincrementaldecoder(encoding)().decode
        self._ended = False

    async def pull(self):
        while not self._ended:
            chunk = await self._upstream.pull()
            if chunk is END:
                self._ended = True
                text = self._decode(b"", True)
            else:
                text = self._decode(chunk)
            if text:
                return text
        return END
