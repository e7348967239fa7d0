"""Makes one, two or three records of each."""


async def run(context, input):
    async for record in input:
        for k in range(1, 2 + record["w"] % 3):
            yield dict(record, k=k)
