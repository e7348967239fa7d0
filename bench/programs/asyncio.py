"""Gives back what comes in, with asyncio loaded."""

import asyncio


async def run(context, input):
    async for item in input:
        await asyncio.sleep(0)
        yield item
