"""A source that is written to, by a program or by streams piped to it."""

from collections import deque

from ._sources import END, NOTHING, UnsupportedOperation
from ._wait import Signal, running_loop


class Drain:
    """What `write` returns: done, and to be awaited, until there is room again."""

    def __init__(self, channel):
        self._channel = channel
        self._done = channel.has_room()

    def done(self):
        self._done = self._done or self._channel.has_room()
        return self._done

    def __await__(self):
        while not self.done():
            yield from self._channel.room().__await__()


class Channel:
    def __init__(self, limit):
        self._limit = max(limit, 1)
        self._chunks = deque()
        self._readers = []
        self._writers = []
        self._error = None
        self._ended = False
        self.pumps = []  # that fill it when it is read
        self.read = False

    def has_room(self):
        return self._ended or len(self._chunks) < self._limit

    def room(self):
        signal = Signal()
        self._writers.append(signal)
        if self.has_room():
            signal.set()
        return signal

    def write(self, chunk):
        if self._ended:
            raise UnsupportedOperation("write after end")
        self._chunks.append(chunk)
        self.wake()
        return Drain(self)

    def end(self, error=None):
        if self._ended:
            return
        self._ended = True
        self._error = error
        self.wake()
        wake(self._writers)

    def wake(self):
        wake(self._readers)

    async def pull(self):
        self.read = True
        while True:
            chunk = self.pull_now()
            if chunk is not NOTHING:
                return chunk
            if self._error is not None:
                raise self._error
            if self._ended:
                return END
            for pump in self.pumps:
                if not pump.busy:
                    await pump.step()
                    break
            else:
                await self._written()

    def pull_now(self):
        if not self._chunks:
            return NOTHING
        chunk = self._chunks.popleft()
        if self._writers and self.has_room():
            wake(self._writers)
        return chunk

    def _written(self):
        signal = Signal()
        self._readers.append(signal)
        # Another thread may have written before it could see the signal.
        if self._chunks or self._ended:
            signal.set()
        return signal


def wake(signals):
    while signals:
        try:
            signal = signals.pop()
        except IndexError:  # another thread was faster
            return
        signal.set()


class Pump:
    """Moves chunks of one stream to all it is piped to, when one of those is read."""

    def __init__(self, upstream):
        self._upstream = upstream
        self._targets = []  # (channel, whether it ends with the source)
        self.busy = False

    def add(self, channel, end):
        self._targets.append((channel, end))
        channel.pumps.append(self)
        channel.wake()

    def remove(self, channel=None):
        gone = [target for target in self._targets if channel is None or target[0] is channel]
        self._targets = [target for target in self._targets if target not in gone]
        for target, _ in gone:
            target.pumps.remove(self)

    async def step(self):
        self.busy = True
        try:
            await self._move()
        finally:
            self.busy = False
            for channel, _ in self._targets:
                channel.wake()  # a reader that waited for this step may have to do the next

    async def _move(self):
        try:
            chunk = await self._upstream.pull()
        except Exception as error:
            return self._end(error)
        if chunk is END:
            return self._end(None)
        drains = [channel.write(chunk) for channel, _ in self._targets]
        # Without tasks nobody else could read meanwhile: waiting would be for ever.
        if running_loop() is not None:
            for drain in drains:
                await drain

    def _end(self, error):
        targets = self._targets
        self.remove()
        for channel, end in targets:
            if end or error is not None:
                channel.end(error)
            channel.wake()
