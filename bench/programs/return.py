"""Gives back what comes in."""


def run(context, input):
    return input
