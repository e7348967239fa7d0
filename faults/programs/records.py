"""The numbered records that all programs here write; package main of the faults
makes and checks the same ones."""

SIZE = 128
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
FILLER = "".join(LETTERS[(i * i + 7 * i) % 64] for i in range(1024))


def records(first, count):
    """count records from number first on, as bytes."""
    lines = ["%015d %s\n" % (n, FILLER[n % 512 : n % 512 + SIZE - 17]) for n in range(first, first + count)]
    return "".join(lines).encode("latin-1")
