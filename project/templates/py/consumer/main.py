"""__NAME__: records come in, nothing goes out; what they lead to happens here.

The Hub calls run() once, when an Instance starts: with what it gives a program
(context), the input, and the arguments of the start.
"""

import json

SAVE_EVERY = 100  # records


async def run(context, input):
    # What the last run has saved is still there, also after a power cut.
    totals = context.load() or {"records": 0, "sum": 0}
    async for record in input:
        add(totals, record)
        if totals["records"] % SAVE_EVERY == 0:
            await context.save(totals)
    await context.save(totals)
    context.logger.info("the input has ended: %s", json.dumps(totals))


def add(totals, record):
    """The work itself is a plain function, so that it can be tested without a Hub."""
    totals["records"] += 1
    totals["sum"] += record.get("value", 0)
