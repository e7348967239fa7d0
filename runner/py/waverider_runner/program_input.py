"""The input as a program sees it: to be iterated with `for` or `async for`, with
the methods of scramjet's Stream for who uses them. Items are objects, lines of
text or bytes by content type."""

import sys


class ProgramInput:
    requires = provides = None  # a program may set them on what it returns

    def __init__(self, input, runner):
        self._input = input
        self._runner = runner
        self._progress = input.progress
        self._items = iter(())  # what is left of the last batch; several threads may take from it
        self._over = False  # there will be no other
        self._readers = 0  # iterators that are under way
        self._read = False
        self._stream = None
        if self._progress is not None:
            self._progress.left = self._left

    @property
    def content_type(self):
        """Of the input; a program may declare another one for what it returns."""
        return self.__dict__.get("declared_type") or self._input.content_type or None

    @content_type.setter
    def content_type(self, value):
        self.__dict__["declared_type"] = value

    def untouched(self):
        """Nobody has begun to read."""
        return not self._read and self._stream is None

    def take(self):
        """Makes the caller the only reader, of whole batches."""
        self._read = True
        return self._input

    def __iter__(self):
        self._begin()
        try:
            while True:
                for item in self._batch():
                    yield item
                if self._fetch():
                    if self._over:
                        return
                else:
                    self._runner.idle()
                    self._runner.loop.block(lambda: self._left() or self._input.stirs() or self._runner.is_over(True))
        finally:
            self._readers -= 1

    def __aiter__(self):
        return _Reader(self) if "asyncio" in sys.modules else self._each(True)

    async def _each(self, counted):
        if counted:
            self._begin()
        try:
            while True:
                for item in self._batch():
                    yield item
                arrived = self._input.arrived.mark()
                if self._fetch():
                    if self._over:
                        return
                else:
                    self._runner.idle()
                    await arrived
        finally:
            if counted:
                self._readers -= 1

    def _begin(self):
        with self._runner.channel.lock:
            self._read = True
            self._readers += 1
        if self._progress is not None:
            if self._readers > 1:
                self._progress.reads_ahead()
            self._asked()

    def _left(self):
        return self._items.__length_hint__()

    def _batch(self):
        return self._items if self._progress is None else self._counted()

    def _counted(self):
        while True:
            with self._runner.channel.lock:  # the watch must not see half of it
                for item in self._items:
                    self._progress.in_work = True
                    break
                else:
                    return
            yield item
            self._asked()

    def _asked(self):
        progress, runner = self._progress, self._runner
        if not progress.ahead and not runner.loop.runs_program():
            progress.reads_ahead()
        with runner.channel.lock:
            progress.asked()
            runner.touch()

    def _fetch(self):
        """True when there are items, or there will be none."""
        with self._runner.channel.lock:
            if self._left():
                return True  # another thread was here
            items = self._input.next()
            if items is not None:
                self._items = iter(items)
                self._runner.output.waited_for = len(items) == 1 and not self._input.queue
                return True
            self._over = self._input.done()
            return self._over

    async def _one(self):
        self._begin()
        try:
            async for item in self._each(False):
                return item
            return None
        finally:
            self._readers -= 1

    def read(self):
        """Awaitable: the next item, None at the end."""
        return self._one() if self._stream is None else self._stream.read()

    def reads_ahead(self):
        """Who reads may work on several items at a time."""
        if self._progress is not None:
            self._progress.reads_ahead()

    def as_stream(self):
        """The same as a Stream of the scramjet module."""
        if self._stream is None:
            from scramjet.streams import Stream

            self.reads_ahead()
            self._stream = Stream.read_from(self)
        return self._stream

    def own_stream(self, stream_class):
        """The same as a Stream of the program's own scramjet module."""
        self.reads_ahead()
        return stream_class.read_from(self)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.as_stream(), name)


class _Reader:
    """What `async for` has of the input where tasks are cancelled: that ends a
    generator that waits for more, but not the input."""

    __slots__ = ("source", "items")

    def __init__(self, source):
        self.source = source
        self.items = source._each(False)
        source._begin()

    def __del__(self):
        self.source._readers -= 1

    def __aiter__(self):
        return self

    def __anext__(self):
        if self.items.ag_frame is None and not self.source._input.done():
            self.items = self.source._each(False)
        return self.items.__anext__()
