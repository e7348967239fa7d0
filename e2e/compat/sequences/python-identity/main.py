async def run(context, input):
    async for item in input:
        yield item
