"""__NAME__: records come in, other records go out.

The Hub calls run() once, when an Instance starts: with what it gives a program
(context), the input, and the arguments of the start. What it yields is the
output, one JSON object a line.
"""


async def run(context, input, unit="F"):
    context.logger.info("started, unit %s", unit)
    async for record in input:
        yield convert(record, unit)


def convert(record, unit):
    """The work itself is a plain function, so that it can be tested without a Hub."""
    if unit == "F":
        return {**record, "fahrenheit": record["celsius"] * 1.8 + 32}
    return record
