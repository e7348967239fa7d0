requires = {"requires": "python-in", "contentType": "application/x-ndjson"}
provides = {"provides": "python-out", "contentType": "application/x-ndjson"}


async def run(context, input):
    async for record in input:
        yield {"n": record["n"], "twice": record["n"] * 2}
