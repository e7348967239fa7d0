import os
import sys

import brought


def run(context, input, *args):
    log = context.logger
    for level in ("trace", "debug", "info", "warning", "error", "critical"):
        getattr(log, level)("at %s", level)
    log.info("an object", {"n": 1})
    print("to stdout")
    print("to stderr", file=sys.stderr)
    with open("data.txt") as file:
        data = file.read()
    with open("written.txt", "w") as file:
        file.write("ours")
    yield {
        "args": args,
        "config": context.config,
        "instance": context.instance_id,
        "brought": brought.NAME,
        "data": data,
        "wrote": os.path.exists("written.txt"),
    }
    for line in sys.stdin:
        print(line, end="")
