"""Gives every record back and works on several at a time."""

import asyncio
from scramjet.streams import Stream


async def work(record):
    await asyncio.sleep(record["w"] % 4 / 1000)
    return record


def run(context, input):
    return Stream.read_from(input, max_parallel=8).map(work)
