"""Output is kept until it is acked, never goes over its limit, and its marks
stand where they belong, whatever happens to the connection."""

import random
import unittest

from channelparts import Sent
from waverider_runner import frames, output
from waverider_runner.frames import ProtocolError
from waverider_runner.output import Output


class Steps:
    """A program that finishes records one by one: where in its output it was
    at each (done, n)."""

    def __init__(self, output):
        self.output = output
        self.done = self.n = self.size = 0
        self.places = {(0, 0): 0}

    def emit(self, piece):
        units = [piece] if self.output.lines else list(range(len(piece)))
        for unit in units:
            self.n += 1
            self.size += len(piece) if self.output.lines else 1
            self.places[self.done, self.n] = self.size
        return piece

    def finish(self):
        self.done, self.n = self.done + 1, 0
        self.places[self.done, 0] = self.size

    def at(self):
        return self.done, self.n, True


class Hub:
    """What a Hub makes of the frames, checking them."""

    def __init__(self, case):
        self.case = case
        self.got = b""
        self.acked = self.limit = 0
        self.ended = False
        self.mark = (0, 0, 0)
        self.marks = set()

    def take(self, sent):
        for kind, stream, number, payload in sent:
            if kind == frames.DATA:
                self.case.assertEqual(number, len(self.got))
                self.got += payload
                self.case.assertLessEqual(len(self.got), self.limit)
            elif kind == frames.MARK_TYPE:
                done, n, flags = (int.from_bytes(payload[i : i + 8], "big") for i in (0, 8, 16))
                self.case.assertEqual(flags, 1)
                self.case.assertLessEqual(number, len(self.got), "before its output")
                self.case.assertGreaterEqual((number, done, n), self.mark, "goes back")
                self.mark = (number, done, n)
                self.marks.add(self.mark)
            elif kind == frames.END:
                self.case.assertEqual(number, len(self.got))
                self.ended = True


class Random(unittest.TestCase):
    def run_one(self, seed, lines):
        rnd = random.Random(seed)
        channel = Sent()
        out = Output(channel)
        out.lines = lines
        out.progress = program = Steps(out)
        hub = Hub(self)
        written = b""
        hub.limit = rnd.choice([0, 5, 100])
        out.resume(0, hub.limit)
        for _ in range(rnd.randint(1, 60)):
            step = rnd.randint(0, 9)
            if step < 4:
                piece = b"%d\n" % rnd.randint(0, 10 ** rnd.randint(1, 12))
                out.write(piece if lines or rnd.random() < 0.5 else piece.decode())
                written += piece
            elif step == 4:
                program.finish()
                if rnd.random() < 0.5:
                    out.mark()
            elif step == 5:
                out.flush()
            elif step < 8 and channel.open:
                hub.take(channel.take())
                hub.acked = rnd.randint(hub.acked, len(hub.got))
                hub.limit = max(hub.limit, len(hub.got) + rnd.randint(0, 30))
                out.window(hub.acked, hub.limit)
            elif step == 8 and channel.open:
                hub.take(channel.take()[: rnd.randint(0, 5)])
                channel.take()
                channel.open = False
            elif not channel.open:
                self.assertGreaterEqual(out.hello()["next"], len(hub.got))
                self.assertLessEqual(out.hello()["acked"], hub.acked)
                channel.open = True
                if rnd.random() < 0.3:  # another Hub, that has what was acked
                    hub.got = hub.got[: out.acked]
                    hub.acked, hub.limit = out.acked, min(hub.limit, out.acked + 10)
                hub.mark = (0, 0, 0)
                out.resume(len(hub.got), hub.limit)
        if not channel.open:
            channel.open, hub.mark = True, (0, 0, 0)
            out.resume(len(hub.got), hub.limit)
        out.mark()
        out.end()
        hub.take(channel.take())
        hub.limit = 1 << 20
        out.window(hub.acked, hub.limit)
        hub.take(channel.take())
        self.assertEqual(hub.got, written)
        self.assertTrue(hub.ended)
        self.assertEqual(hub.mark, (len(written), program.done, program.n))
        for offset, done, n in hub.marks:
            self.assertEqual(program.places[done, n], offset)
        self.assertEqual(out.end_acked, hub.acked == len(written))
        out.window(len(written), hub.limit)
        self.assertTrue(out.end_acked and out.all_sent())

    def test_lines(self):
        for seed in range(600):
            with self.subTest(seed=seed):
                self.run_one(seed, True)

    def test_bytes(self):
        for seed in range(600):
            with self.subTest(seed=seed):
                self.run_one(seed, False)


class Rules(unittest.TestCase):
    def setUp(self):
        self.channel = Sent()
        self.out = Output(self.channel)
        self.out.resume(0, 100)

    def test_nothing_over_the_limit(self):
        self.out.write(b"x" * 250)
        self.out.flush()
        self.assertEqual(sum(len(f[3]) for f in self.channel.take()), 100)
        self.assertFalse(self.out.credit())
        self.out.window(40, 140)
        self.assertEqual([f[2:] for f in self.channel.take()], [(100, b"x" * 40)])
        self.out.window(140, 300)
        self.assertTrue(self.out.credit())

    def test_a_busy_socket(self):
        self.channel.pending = [b"something"]
        self.out.write(b"abc")
        self.out.flush()
        self.assertEqual(self.channel.take(), [])
        self.channel.pending = []
        self.out.pump()
        self.assertEqual(len(self.channel.take()), 1)

    def test_small_pieces_go_together(self):
        self.out.window(0, 1 << 20)
        self.out.write("a")
        self.channel.take()
        told = []
        self.out.on_gather = lambda: told.append(1)
        for piece in ("b", "\u20ac", "d"):
            self.out.write(piece)
        self.assertLessEqual(len(told), 1)
        self.out.write(b"bytes")
        self.out.flush()
        self.assertEqual(b"".join(f[3] for f in self.channel.take()), "b\u20acdbytes".encode())
        self.assertEqual(self.out.next, len("ab\u20acdbytes".encode()))

    def test_large_bytes_go_as_they_are(self):
        self.out.window(0, 10 << 20)
        piece = bytes(output.FRAME * 2 + 1)
        self.out.write(piece)
        self.assertEqual([len(f[3]) for f in self.channel.take()], [output.FRAME, output.FRAME, 1])

    def test_what_a_hub_may_not_say(self):
        self.out.write(b"abc")
        self.out.flush()
        with self.assertRaises(ProtocolError):
            self.out.window(4, 200)
        with self.assertRaises(ProtocolError):
            self.out.resume(4, 200)
        self.out.window(2, 100)
        with self.assertRaises(ProtocolError):
            self.out.resume(1, 200)

    def test_a_limit_does_not_go_back(self):
        self.out.window(0, 50)
        self.out.write(b"x" * 100)
        self.out.flush()
        self.assertEqual(self.out.sent, 100)

    def test_nothing_at_all(self):
        self.out.write(b"")
        self.out.end()
        self.assertEqual(self.channel.take(), [(frames.END, 2, 0, b"")])
        self.out.window(0, 100)
        self.assertTrue(self.out.end_acked)


if __name__ == "__main__":
    unittest.main()
