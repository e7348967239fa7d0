"""Writes numbered records to its output, in small and in big pieces, until it
is told to halt; then it says on stdout how many there were.
Arguments: milliseconds between two pieces, 0 for none."""

import time

from records import records

PIECES = [1, 3, 700, 1, 64, 8192, 2, 2000, 30]


def run(context, input, pause=0):
    halted = []
    context.on("halt", lambda message: halted.append(message))
    context.exit_timeout = 600000  # its output is to be read at leisure
    number = turn = 0
    while not halted:
        if pause:
            time.sleep(pause / 1000)
        count = PIECES[turn % len(PIECES)]
        yield records(number, count)
        number, turn = number + count, turn + 1
    print(number)
