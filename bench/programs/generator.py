"""Gives back what comes in, without async."""


def run(context, input):
    for item in input:
        yield item
