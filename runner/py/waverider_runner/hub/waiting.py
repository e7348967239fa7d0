"""How clients wait: with a loop, or by blocking the thread."""

import sys


class Threads:
    """What blocks runs in a thread, so that others go on."""

    @staticmethod
    async def call(function, *args):
        from ..loop import in_thread

        return await in_thread(function, *args)

    @staticmethod
    def beside(work):
        """Runs the async function beside the caller; None where that cannot be done."""
        # Another thread may be importing asyncio: then it has no such name yet.
        running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
        loop = running() if running is not None else None
        if loop is not None:
            return loop.create_task(work())
        from .. import signal

        spawn = getattr(signal.current, "spawn", None)
        return Spawned(spawn, work) if spawn is not None else None


class Spawned:
    """A coroutine on the runner's own loop. It cannot be cancelled, but ends
    when it finds its connection closed."""

    def __init__(self, spawn, work):
        spawn(work())

    def cancel(self):
        pass


class Blocking:
    @staticmethod
    async def call(function, *args):
        return function(*args)

    @staticmethod
    def beside(work):
        return None


def finish(coroutine):
    """The result of a coroutine that awaits nothing but Blocking.call."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise TypeError("hub.sync takes no async iterables")
