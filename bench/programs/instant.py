"""Gives out a byte at once, and lives on."""


async def run(context, input):
    yield "x"
    async for item in input:
        yield item
