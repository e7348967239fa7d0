"""Running a coroutine of the program in another thread than its own, which is
busy and does not come back. The channel is served meanwhile."""

import sys

from .signal import Mark

SERVE_EVERY = 0.01  # s


def run_apart(coroutine, runner):
    """Runs it to its end and returns what it returns."""
    if "asyncio" in sys.modules:
        import asyncio

        return asyncio.run(_drive_within(coroutine, runner))
    while True:
        try:
            awaited = coroutine.send(None)
        except StopIteration as end:
            return end.value
        if isinstance(awaited, Mark):
            runner.loop.block_apart(lambda: awaited.signal.count != awaited.count)


async def _drive_within(coroutine, runner):
    import asyncio

    async def serve():
        while True:
            with runner.channel.lock:
                runner.serve()
            await asyncio.sleep(SERVE_EVERY)

    serving = asyncio.ensure_future(serve())
    try:
        return await coroutine
    finally:
        serving.cancel()
