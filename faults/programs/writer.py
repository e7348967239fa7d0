"""From "flood" to "halt" it writes numbered records to stdout and stderr as fast
as they are taken. After each halt its output says how many there were."""

import asyncio
import sys

from records import records

COUNT = 512  # records a write: 64 KiB


async def run(context, input):
    flooding, halts = asyncio.Event(), asyncio.Queue()

    def halt(message):
        if flooding.is_set():
            flooding.clear()
            halts.put_nowait(message)

    context.on("flood", lambda message: flooding.set())
    context.on("halt", halt)
    number = 0
    yield "0\n"
    while True:
        await flooding.wait()
        while flooding.is_set():
            piece = records(number, COUNT)
            number += COUNT
            for stream in (sys.stdout, sys.stderr):
                stream.buffer.write(piece)
                stream.flush()
            await asyncio.sleep(0)
        yield "%d\n" % number
