"""Functions applied to one chunk after another: map, filter and each.

Neighbours share one Chain, so that a chunk passes plain functions without a
coroutine for each of them.
"""

from ._sources import END
from ._wait import is_awaitable, running_loop


class DropChunk:
    """A function of map returns it to leave a chunk out."""


def mapped(chunk, result):
    return result


def filtered(chunk, result):
    return chunk if result else DropChunk


def seen(chunk, result):
    return chunk


class Chain:
    def __init__(self, upstream, limit):
        self._upstream = upstream
        self._steps = []
        self._flight = None
        self.limit = limit
        self.started = False

    def add(self, outcome, function, args):
        self._steps.append((outcome, function, args))

    async def pull(self):
        self.started = True
        while self._flight is None:
            chunk = await self._upstream.pull()
            if chunk is END:
                return END
            awaitable, chunk, at = self.advance(chunk)
            if awaitable is not None:
                if self.limit > 1 and running_loop() is not None:
                    from ._flight import Flight
                    self._flight = Flight(self, self._upstream, self.limit)
                    self._flight.add(awaitable, chunk, at)
                    break
                chunk = await self.finish(awaitable, chunk, at)
            if chunk is not DropChunk:
                return chunk
        while True:
            chunk = await self._flight.pull()
            if chunk is not DropChunk:
                return chunk

    def close(self):
        if self._flight is not None:
            self._flight.close()

    def advance(self, chunk, at=0):
        """Goes on until a function is done only when awaited: (awaitable or None, chunk, its index)."""
        steps = self._steps
        for at in range(at, len(steps)):
            outcome, function, args = steps[at]
            result = function(chunk, *args)
            if is_awaitable(result):
                return result, chunk, at
            chunk = outcome(chunk, result)
            if chunk is DropChunk:
                break
        return None, chunk, at

    async def finish(self, awaitable, chunk, at):
        while awaitable is not None:
            chunk = self._steps[at][0](chunk, await awaitable)
            if chunk is DropChunk:
                break
            awaitable, chunk, at = self.advance(chunk, at + 1)
        return chunk
