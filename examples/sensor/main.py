"""sensor: puts out readings, numbered, into the Topic that it names. Its readers
are programs of any language, such as ../sensor-report."""

import math
import time

# The Topic of the output, declared in code: a start need not name one.
provides = {"provides": "sensor-readings", "contentType": "application/x-ndjson"}


def run(context, input, count="10", pause="0.1"):
    # Where an earlier run came to. Without input there is no place that the Hub
    # could keep, so the number is kept as state.
    number = context.load() or 0
    while number < int(count):
        number += 1
        yield measure(number)
        if number % 10 == 0:
            context.save(number)  # returns when the readings before are stored
        time.sleep(float(pause))
    context.save(number)


def measure(number):
    return {"n": number, "celsius": round(20 + 5 * math.sin(number / 5), 1)}
