"""Several chunks in work at once, on an asyncio loop that runs."""

import asyncio
from collections import deque

from ._sources import END, NOTHING, TURN_AFTER
from ._wait import Turn


class Flight:
    """Up to `limit` chunks of a Chain are worked on; they leave in order."""

    def __init__(self, chain, upstream, limit):
        self._chain = chain
        self._upstream = upstream
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._works = deque()  # futures, oldest first
        self._readers = []
        self._feeder = None
        self._count = 0
        self._ended = False

    def add(self, awaitable, chunk, at):
        def done(work):
            if work.cancelled() and hasattr(awaitable, "close"):
                awaitable.close()  # it may not even have begun
            self._stir()

        work = self._loop.create_task(self._chain.finish(awaitable, chunk, at))
        work.add_done_callback(done)
        self._works.append(work)

    async def pull(self):
        works = self._works
        self._count += 1
        if self._count % TURN_AFTER == 0:
            await Turn()
        while True:
            self._feed()
            if works and works[0].done():
                return works.popleft().result()
            if not works and self._ended:
                return END
            # A reader that is cancelled here leaves the works as they are for the next one.
            reader = self._loop.create_future()
            self._readers.append(reader)
            await reader

    def _stir(self):
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    def _room(self):
        return not self._ended and len(self._works) < self._limit

    def _feed(self):
        """Puts chunks to work while there is room. The task for it ends when
        there is none, so that none is left of a stream that nobody reads on."""
        if self._feeder is not None and not self._feeder.done():
            return
        now = getattr(self._upstream, "pull_now", None)
        while now is not None and self._room():
            try:
                chunk = now()
            except Exception as error:
                self._failed(error)
                continue
            if chunk is NOTHING:
                break
            self._put(chunk)
        if self._room():
            self._feeder = self._loop.create_task(self._fill())

    async def _fill(self):
        while self._room():
            try:
                chunk = await self._upstream.pull()
            except Exception as error:
                self._failed(error)
            else:
                self._put(chunk)
            self._stir()

    def _put(self, chunk):
        if chunk is END:
            self._ended = True
            return
        try:
            awaitable, chunk, at = self._chain.advance(chunk)
        except Exception as error:
            return self._failed(error)
        if awaitable is not None:
            return self.add(awaitable, chunk, at)
        done = self._loop.create_future()
        done.set_result(chunk)
        self._works.append(done)

    def _failed(self, error):
        failed = self._loop.create_future()
        failed.set_exception(error)
        self._works.append(failed)

    def close(self):
        """Stops what is in work."""
        works, self._works = list(self._works), deque()
        self._ended = True
        if self._feeder is not None:
            works.append(self._feeder)
        for work in works:
            if work.done() and not work.cancelled():
                work.exception()  # else asyncio logs that nobody asked
            work.cancel()
        self._stir()
