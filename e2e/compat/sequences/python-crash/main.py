import sys


def fail(_message):
    raise ValueError("uncaught on purpose")


def after_one():
    yield "before"
    raise ValueError("failed on purpose")


def run(context, input, how="throw"):
    if how == "throw":
        raise ValueError("thrown on purpose")
    if how == "stream":
        return after_one()
    if how == "event":
        context.on("fail", fail)
        return input
    sys.exit(int(how))
