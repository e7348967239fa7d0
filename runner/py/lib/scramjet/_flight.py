"""Several chunks in work at once, on an asyncio loop that runs."""

import asyncio
from collections import deque

from ._sources import END


class Flight:
    """Up to `limit` chunks of a Chain are worked on; they leave in order."""

    def __init__(self, chain, upstream, limit):
        self._chain = chain
        self._upstream = upstream
        self._limit = limit
        self._works = deque()  # futures, oldest first
        self._fetch = None
        self._ended = False

    def add(self, coroutine):
        self._works.append(asyncio.ensure_future(coroutine))

    async def pull(self):
        works = self._works
        while True:
            self._take()
            if works and works[0].done():
                return works.popleft().result()
            waiting = [work for work in (works[0] if works else None, self._fetch) if work is not None]
            if not waiting:
                return END
            # A reader that is cancelled here leaves the works as they are for the next one.
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    def _take(self):
        """Puts what was fetched to work and fetches on while there is room."""
        if self._fetch is not None and self._fetch.done():
            fetch, self._fetch = self._fetch, None
            self._put(fetch)
        if self._fetch is None and not self._ended and len(self._works) < self._limit:
            self._fetch = asyncio.ensure_future(self._upstream.pull())

    def _put(self, fetch):
        if fetch.cancelled() or fetch.exception() is not None:
            self._works.append(fetch)
            return
        chunk = fetch.result()
        if chunk is END:
            self._ended = True
            return
        done = asyncio.get_running_loop().create_future()
        try:
            awaitable, chunk, at = self._chain.advance(chunk)
        except Exception as error:
            done.set_exception(error)
        else:
            if awaitable is not None:
                return self.add(self._chain.finish(awaitable, chunk, at))
            done.set_result(chunk)
        self._works.append(done)

    def close(self):
        works = list(self._works)
        self._works.clear()
        if self._fetch is not None:
            works.append(self._fetch)
        self._fetch = None
        for work in works:
            if work.done() and not work.cancelled():
                work.exception()  # else asyncio logs that nobody asked
            work.cancel()
