"""Gives every record back, one at a time."""


async def run(context, input):
    async for record in input:
        yield record
