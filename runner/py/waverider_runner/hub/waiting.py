"""How clients wait: with a loop, or by blocking the thread."""

import sys


class Threads:
    """What blocks runs in a thread, so that others go on."""

    @staticmethod
    async def call(function, *args):
        from ..loop import in_thread

        return await in_thread(function, *args)

    @staticmethod
    def loop():
        """The asyncio loop that runs, or None."""
        # Another thread may be importing asyncio: then it has no such name yet.
        running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
        return running() if running is not None else None


class Blocking:
    @staticmethod
    async def call(function, *args):
        return function(*args)

    @staticmethod
    def loop():
        return None


def finish(coroutine):
    """The result of a coroutine that awaits nothing but Blocking.call."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise TypeError("hub.sync takes no async iterables")
