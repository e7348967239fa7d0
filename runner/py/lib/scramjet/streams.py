"""Streams of chunks that are read only as fast as somebody takes them.

The names and behaviour are those of Scramjet's framework for Python. Nothing is
read from a source before a chunk is asked for. Order is kept. Up to
`max_parallel` chunks are worked on at once by async functions when asyncio
runs; otherwise one after another.
"""

from ._chain import Chain, DropChunk, filtered, mapped, seen
from ._channel import Channel, Pump
from ._sources import END, Called, UnsupportedOperation, source_of
from ._stages import Batch, Decode, Flatten, Sequence
from ._wait import is_awaitable

__all__ = ["Stream", "StringStream", "DataStream", "DropChunk", "StreamAlreadyConsumed", "UnsupportedOperation"]

MAX_PARALLEL = 64
MISSING = object()


class StreamAlreadyConsumed(Exception):
    """The stream was read to its end, transformed or piped before."""


class Stream:
    content_type = None
    provides = None
    requires = None

    def __init__(self, max_parallel=MAX_PARALLEL, upstream=None, origin=None, name="stream"):
        self.name = name
        self._max_parallel = max_parallel
        self._consumed = False
        self._pump = None
        self._origin = origin if origin is not None else upstream._origin if upstream is not None else self
        self._stage = upstream._stage if upstream is not None else Channel(max_parallel)

    def __repr__(self):
        return "<%s %s>" % (type(self).__name__, self.name)

    # Creation

    @classmethod
    def read_from(cls, source, max_parallel=MAX_PARALLEL, chunk_size=None, name="stream"):
        """A stream of an iterable, an async iterable, or with chunk_size of
        anything with a `read` method, async or not."""
        # A stream may work on several items at a time: the input of a Sequence
        # wants to know.
        getattr(source, 'reads_ahead', _nothing)()
        return cls._of(source_of(source, chunk_size), max_parallel, name)

    @classmethod
    def from_iterable(cls, iterable, max_parallel=MAX_PARALLEL, name="stream"):
        return cls.read_from(iterable, max_parallel=max_parallel, name=name)

    @classmethod
    def from_callback(cls, max_parallel, callback, *args):
        """A stream of what callback(*args) returns, until that is empty or None."""
        return cls._of(Called(callback, args), max_parallel, "stream")

    @classmethod
    def _of(cls, stage, max_parallel, name):
        stream = cls(max_parallel, name=name)
        stream._stage = stage
        return stream

    # Transformation

    def _consume(self):
        self._check()
        self._consumed = True

    def _check(self):
        if self._consumed:
            raise StreamAlreadyConsumed("%s was already read, transformed or piped" % self.name)

    def _next(self, stage, cls=None):
        stream = (cls or type(self))(self._max_parallel, upstream=self, origin=self._origin, name=self.name)
        stream._stage = stage
        return stream

    def _chained(self, outcome, function, args):
        self._consume()
        chain = self._stage
        if not isinstance(chain, Chain) or chain.started:
            chain = Chain(self._stage, self._max_parallel)
        chain.add(outcome, function, args)
        return self._next(chain)

    def _as(self, cls):
        """The same stream as another class."""
        self._consume()
        return self._next(self._stage, cls)

    def map(self, func, *args):
        """Each chunk becomes func(chunk, *args); DropChunk leaves it out."""
        return self._chained(mapped, func, args)

    def filter(self, func, *args):
        """Keeps the chunks for which func(chunk, *args) is true."""
        return self._chained(filtered, func, args)

    def each(self, func, *args):
        """Calls func(chunk, *args) and passes the chunk on."""
        return self._chained(seen, func, args)

    def flatmap(self, func, *args):
        """Items of what func(chunk, *args) returns become chunks."""
        results = self.map(func, *args)
        return results._next(Flatten(results._stage))

    def batch(self, func, *args):
        """Lists of chunks; a list ends with a chunk for which func(chunk, *args) is true."""
        self._consume()
        return self._next(Batch(self._stage, func, args))

    def sequence(self, sequencer, initial_partial=None):
        """sequencer(rest, chunk) returns parts; the last one is the next rest."""
        self._consume()
        return self._next(Sequence(self._stage, sequencer, initial_partial))

    def decode(self, encoding="UTF-8"):
        """A StringStream of chunks of bytes."""
        self._consume()
        return self._next(Decode(self._stage, encoding), StringStream)

    def use(self, func, *args):
        """func(stream, *args), to build streams of functions."""
        return func(self, *args)

    # Pipes

    def pipe(self, target, end=True):
        """Chunks go to target too, and to all others this is piped to. With
        end=False target stays open after them. Returns target."""
        if self._pump is None:
            self._consume()
            self._pump = Pump(self._stage)
        self._pump.add(target._channel(), end)
        return target

    def unpipe(self, target=None):
        """Undoes pipe, for one target or all."""
        if self._pump is not None:
            self._pump.remove(None if target is None else target._channel())
        return self

    def _channel(self):
        channel = self._origin._stage
        if not isinstance(channel, Channel):
            raise UnsupportedOperation("%s reads from its source and cannot be written to" % self.name)
        return channel

    # Writing and reading

    def write(self, chunk):
        """Puts a chunk in at the stream's head. Await the result for back-pressure."""
        return self._channel().write(chunk)

    def end(self):
        self._channel().end()

    async def read(self):
        """The next chunk; None after the last one."""
        self._check()
        chunk = await self._stage.pull()
        return None if chunk is END else chunk

    def __aiter__(self):
        self._check()
        return self

    async def __anext__(self):
        chunk = await self._stage.pull()
        if chunk is END:
            self._consumed = True
            raise StopAsyncIteration
        return chunk

    # Ends

    async def to_list(self):
        chunks = []
        await self._all(chunks.append)
        return chunks

    async def reduce(self, func, initial=MISSING):
        """func(result so far, chunk) of all chunks; without initial the first chunk is it."""
        result = initial

        async def step(chunk):
            nonlocal result
            result = chunk if result is MISSING else func(result, chunk)
            if is_awaitable(result):
                result = await result

        await self._all(step)
        return None if result is MISSING else result

    async def write_to(self, target):
        """Writes all chunks to a file, a writer or a stream, and returns it."""
        drain = getattr(target, "drain", None)

        def write(chunk):
            written = target.write(chunk)
            if isinstance(target, Stream) and not target._channel().read:
                return None  # who fills a stream may be who reads it later: it takes all until then
            return written if drain is None else drain()

        await self._all(write)
        return target

    async def _all(self, take):
        self._consume()
        pull = self._stage.pull
        try:
            while True:
                chunk = await pull()
                if chunk is END:
                    return
                taken = take(chunk)
                if is_awaitable(taken):
                    await taken
        except BaseException:
            stop(self._stage)
            raise


def stop(stage):
    """Nobody reads on: ends what is in work."""
    while stage is not None:
        if isinstance(stage, Chain):
            stage.close()
        stage = getattr(stage, "_upstream", None)


class StringStream(Stream):
    def parse(self, func, *args):
        """A Stream of func(chunk, *args)."""
        return self._as(Stream).map(func, *args)

    def match(self, pattern):
        """All matches of a regular expression, or of its groups if it has any."""
        import re
        search = re.compile(pattern)

        def matches(chunk):
            for match in search.finditer(chunk):
                if search.groups:
                    yield from match.groups()
                else:
                    yield match.group()
        return self.flatmap(matches)

    def split(self, separator=None):
        """Chunks cut at a separator, by default at white space."""
        if separator is not None:
            return self.sequence(lambda rest, chunk: (rest + chunk).split(separator), "")

        def words(rest, chunk):
            text = rest + chunk
            parts = text.split()
            if not parts or text[-1].isspace():
                parts.append("")
            return parts
        return self.sequence(words, "")


DataStream = Stream


def _nothing():
    pass
