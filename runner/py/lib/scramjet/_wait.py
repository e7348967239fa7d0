"""Waiting, with asyncio or without it.

Programs that do not use asyncio run on a loop that knows no futures. So asyncio
is touched only where a loop of it already runs.
"""

import sys
from _thread import allocate_lock, get_ident


async def _none():
    pass


_sample = _none()
Coroutine = type(_sample)
_sample.close()
del _sample


def is_awaitable(value):
    kind = type(value)
    return kind is Coroutine or hasattr(kind, "__await__")


def running_loop():
    """The asyncio loop that runs in this thread, or None."""
    asyncio = sys.modules.get("asyncio")
    # Another thread may be importing it: then it has no such name yet.
    running = getattr(asyncio, "_get_running_loop", None)
    return running() if running is not None else None


class Turn:
    """Awaited, it lets other tasks of a loop run. Only for asyncio."""

    def __await__(self):
        yield


class Signal:
    """Is set once, from any thread, and awaited by one."""

    def __init__(self):
        self._set = False
        self._loop = running_loop()
        self._thread = get_ident()
        if self._loop is not None:
            self._future = self._loop.create_future()
        else:
            self._lock = allocate_lock()
            self._lock.acquire()

    def done(self):
        return self._set

    def set(self):
        if self._set:
            return
        self._set = True
        if self._loop is None:
            self._lock.release()
        elif self._thread == get_ident():
            self._wake()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self):
        if not self._future.done():
            self._future.set_result(None)

    def __await__(self):
        if self._set:
            return
        if self._loop is not None:
            yield from self._future.__await__()
        else:
            yield from _block(self._lock.acquire).__await__()


def _block(function):
    from waverider_runner.loop import in_thread
    return in_thread(function)
