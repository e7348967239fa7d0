"""Gives back what comes in, item by item."""


async def run(context, input):
    async for item in input:
        yield item
