"""Gives back what comes in, as it comes."""


def run(context, input):
    context.exit_timeout = 600000
    return input
