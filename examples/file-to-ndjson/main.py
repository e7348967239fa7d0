"""file-to-ndjson: follows a file on the Hub's machine and puts out each line of
it as an object, those that are there and those that come."""

import asyncio


async def run(context, input, path, seconds="0.5"):
    stopped = asyncio.Event()

    async def stop(timeout, can_keep_alive):
        stopped.set()

    context.set_stop_handler(stop)

    # The position in the file outlives the program.
    position = context.load() or {"line": 0, "offset": 0}
    saved = position
    while not stopped.is_set():
        for position, text in lines(path, position):
            yield {"line": position["line"], "text": text}
        if position != saved:
            await context.save(position)  # returns when all that was yielded is stored, too
            saved = position
        try:
            await asyncio.wait_for(stopped.wait(), float(seconds))
        except asyncio.TimeoutError:
            pass


def lines(path, position):
    """The whole lines behind a position, each with the position after it. A line
    without its end is still being written, and left for the next time."""
    number, offset = position["line"], position["offset"]
    with open(path, "rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            number += 1
            offset += len(line)
            yield {"line": number, "offset": offset}, line.decode("utf-8", "replace").rstrip("\r\n")
