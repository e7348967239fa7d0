"""Gathers ten records into one. It saves what it has gathered at other times
than it gives, so that a saved state has a window half full."""


async def run(context, input):
    state = context.load() or {"next": 0, "of": []}
    number, of, unsaved = state["next"], state["of"], 0
    async for record in input:
        of.append([record["p"], record["w"]])
        if len(of) == 10:
            yield {"window": number, "of": of}
            number, of = number + 1, []
        unsaved += 1
        if unsaved == 37:
            await context.save({"next": number, "of": of})
            unsaved = 0
