"""__NAME__: a program without input that puts out records.

The Hub calls run() once, when an Instance starts: with what it gives a program
(context), the input, which is not needed here, and the arguments of the start.
What it yields is the output, one JSON object a line. While nobody reads it, the
Hub lets the program wait.
"""

import asyncio
import datetime
import math


async def run(context, _input, every=1.0):
    # A stop ends the pause, so that the program need not be killed.
    stopped = asyncio.Event()

    async def stop(_timeout, _can_keep_alive):
        stopped.set()

    context.set_stop_handler(stop)
    n = 0
    while not stopped.is_set():
        n += 1
        yield measure(n)
        try:
            await asyncio.wait_for(stopped.wait(), every)
        except asyncio.TimeoutError:
            pass


def measure(n):
    """The work itself is a plain function, so that it can be tested without a Hub."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"n": n, "at": now.isoformat(), "value": math.sin(n / 10)}
