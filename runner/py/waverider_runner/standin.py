"""Running a coroutine of the program in another thread than its own, which is
busy and does not come back."""

import sys
from time import sleep

from .signal import Mark

LOOK = 0.005  # s


def run_apart(coroutine):
    """Runs it to its end and returns what it returns."""
    if "asyncio" in sys.modules:
        import asyncio

        return asyncio.run(_drive_within(coroutine))
    while True:
        try:
            awaited = coroutine.send(None)
        except StopIteration as end:
            return end.value
        _wait(awaited)


def _wait(awaited):
    while isinstance(awaited, Mark) and awaited.signal.count == awaited.count:
        sleep(LOOK)


async def _drive_within(coroutine):
    return await coroutine
