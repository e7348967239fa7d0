"""The parts of a channel in the hands of tests, without a program."""

import os
import random
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
if os.path.dirname(HERE) not in sys.path:
    sys.path.insert(0, os.path.dirname(HERE))

from waverider_runner import frames  # noqa: E402


class Log:
    """What was logged, as texts."""

    def __init__(self):
        self.errors = []

    def error(self, message, *args):
        self.errors.append(message)

    warn = error


class Sent:
    """In the place of a Channel: keeps what is sent as (kind, stream, number,
    payload), and can be told that the connection is lost."""

    def __init__(self):
        self.lock = threading.RLock()
        self.open = True
        self.pending = []
        self.write_failed = False
        self.frames = []

    def send(self, *pieces):
        if self.open:
            self.frames += parse(b"".join(bytes(piece) for piece in pieces))

    def send_data(self, offset, data, mark):
        self.send(frames.frame(frames.DATA, frames.OUTPUT, offset, bytes(data)))
        if mark is not None:
            self.send(frames.mark(*mark))

    def tell_input(self):
        pass

    def take(self):
        taken, self.frames = self.frames, []
        return taken


def parse(data):
    """Frames of whichever side, with what is left of an unfinished one refused."""
    found = []
    while data:
        kind, flags, stream, length, number = frames.HEADER.unpack_from(data)
        assert flags == 0 and len(data) >= 16 + length, data
        found.append((kind, stream, number, data[16 : 16 + length]))
        data = data[16 + length :]
    return found


def cuts(data, seed, most):
    """data in pieces of random sizes up to most."""
    rnd = random.Random(seed)
    pieces = []
    while data:
        n = rnd.randint(1, most)
        pieces.append(data[:n])
        data = data[n:]
    return pieces
