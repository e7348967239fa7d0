"""What is finished of the input, and how another run goes on from there."""

import random
import unittest

from channelparts import Log, Sent, cuts
from waverider_runner import frames
from waverider_runner.decode import decoder_for, is_lines
from waverider_runner.output import Output
from waverider_runner.progress import Progress

LINES, TEXT = "application/x-ndjson", "text/plain"


class Run:
    """One run of a program that takes its input item by item. `emit` tells
    what it makes of an item, as pieces."""

    def __init__(self, content_type, output_type, emit, start=None):
        self.channel, self.log = Sent(), Log()
        self.output = Output(self.channel)
        self.output.lines = is_lines(output_type)
        self.output.resume(0, 1 << 40)
        self.lines = is_lines(content_type)
        self.progress = self.output.progress = Progress(start or {}, self, self.output, self.log)
        self.decoder = decoder_for(content_type, self.log, self.progress)
        self.emit = emit
        self.left = 0
        self.progress.left = lambda: self.left

    def feed(self, piece):
        self.take(self.decoder.decode(piece))

    def take(self, items):
        if not items:
            return
        self.progress.gave(self.decoder.ends)
        self.left = len(items)
        for item in items:
            self.progress.in_work = True
            self.left -= 1
            for out in self.emit(item):
                self.output.write(out)
                self.output.mark()
            self.progress.asked()
            self.output.mark()

    def end(self):
        self.take(self.decoder.end())
        self.progress.complete()
        self.output.end()
        return self

    def result(self):
        """Its output and its marks."""
        text, marks = b"", []
        for kind, _, number, payload in self.channel.frames:
            if kind == frames.DATA:
                text += payload
            elif kind == frames.MARK_TYPE:
                marks.append((number,) + tuple(int.from_bytes(payload[i : i + 8], "big") for i in (0, 8, 16)))
        return text, marks


def repeated(item):
    return ["%s%d\n" % (item, i) for i in range(int(item) % 4)]


def parts(line):
    return [line.upper(), "\u20ac", "", line.encode()] if len(line) % 3 else []


class Marks(unittest.TestCase):
    def run_all(self, seed, content_type, output_type, data, emit):
        run = Run(content_type, output_type, emit)
        for piece in cuts(data, seed, 7):
            run.feed(piece)
        text, marks = run.end().result()
        self.assertEqual(marks[-1][:2], (len(text), len(data) if content_type == TEXT else data.count(b"\n")))
        rnd = random.Random(seed)
        for offset, done, n, exact in rnd.sample(marks, min(6, len(marks))):
            self.assertEqual(exact, 1)
            again = Run(content_type, output_type, emit, {"skip": {"done": done, "n": n}})
            for piece in cuts(data, seed + 1, 9):
                again.feed(piece)
            rest, others = again.end().result()
            self.assertEqual(rest, text[offset:], (seed, offset, done, n))
            self.assertEqual(others[-1][1:], marks[-1][1:])
            self.assertEqual(again.log.errors, run.log.errors)

    def test_lines(self):
        for seed in range(100):
            rnd = random.Random(seed)
            data = b"".join(rnd.choice([b"%d\n" % rnd.randint(0, 99), b"%d\n" % i, b"\n", b"no\n"]) for i in range(20))
            self.run_all(seed, LINES, LINES, data, repeated)

    def test_lines_to_text(self):
        for seed in range(50):
            data = b"".join(b"%d\n" % i for i in range(15))
            self.run_all(seed, LINES, TEXT, data, repeated)

    def test_text(self):
        for seed in range(100):
            rnd = random.Random(seed)
            data = "".join(rnd.choice(["a\n", "\u20acbc\n", "\n", "dd"]) for _ in range(15)).encode()
            self.run_all(seed, TEXT, TEXT, data, lambda line: [p for p in parts(line)])

    def test_skips_a_part_of_a_code_point(self):
        whole = "a\u20ac\U0001f600z".encode()
        for n in range(len(whole) + 1):
            run = Run(TEXT, TEXT, lambda line: [whole.decode(), "end"], {"skip": {"done": 0, "n": n}})
            run.feed(b"x\n")
            self.assertEqual(run.end().result()[0], whole[n:] + b"end")

    def test_bad_lines_are_done_in_their_order(self):
        run = Run(LINES, LINES, lambda item: [])
        done = []
        for piece in (b"x\n", b"1\n", b"y\n\n", b"z\n2\n", b"3\nw\n"):
            run.feed(piece)
            done.append(run.progress.at()[0])
        self.assertEqual(done, [1, 2, 4, 6, 8])


class ReadsAhead(unittest.TestCase):
    def run_ahead(self, content_type, count, ahead, start=None):
        run = Run(content_type, LINES, lambda item: [], start)
        run.progress.reads_ahead()
        run.progress.read_ahead = ahead
        for i in range(count):
            run.feed(b"%04d\n" % (i + 1000))
        return run

    def test_holds_back(self):
        run = self.run_ahead(LINES, 50, 8)
        self.assertEqual(run.progress.at(), (42, 0, False))
        run.progress.held = lambda: 12
        self.assertEqual(run.progress.at()[0], 42)  # never goes back
        self.assertEqual(run.progress.finished(), 30)
        self.assertEqual(run.progress.saved(), 50)
        run.end()
        self.assertEqual(run.progress.at()[0], 50)

    def test_holds_back_bytes(self):
        self.assertEqual(self.run_ahead(TEXT, 50, 2).progress.at()[0], 0)
        self.assertEqual(self.run_ahead(TEXT, 1000, 2).progress.at()[0], 5000 - 2 * 2048)

    def test_by_the_user(self):
        run = Run(LINES, LINES, lambda item: [], {"readAhead": 3})
        run.feed(b"1\n2\n3\n4\n")
        self.assertEqual(run.progress.at(), (1, 0, False))

    def test_asked_while_nobody_waits(self):
        run = Run(LINES, LINES, lambda item: [])
        run.feed(b"1\n")
        self.assertTrue(run.progress.exact())
        run.progress.wanted = False
        run.feed(b"2\n")
        self.assertFalse(run.progress.exact())

    def test_cannot_skip(self):
        run = Run(LINES, LINES, lambda item: ["%d\n" % item], {"skip": {"done": 2, "n": 0}})
        run.progress.reads_ahead()
        run.feed(b"1\n2\n3\n")
        self.assertEqual(run.end().result()[0], b"1\n2\n3\n")
        self.assertIn("may come again", run.log.errors[0])


class Identity(unittest.TestCase):
    def test_lines(self):
        for done in range(5):
            run = Run(LINES, LINES, None, {"skip": {"done": done, "n": 0}})
            run.progress.identity = True
            out = []
            for piece in (b"1\n2\n", b"x\n3\n", b"4\n"):
                items = run.decoder.decode(piece)
                run.progress.gave(run.decoder.ends)
                out += run.progress.drop_items(items) if run.progress.skip else items
            # Lines are 1, 2, x, 3, 4.
            self.assertEqual(out, [item for item, line in ((1, 1), (2, 2), (3, 4), (4, 5)) if line > done])

    def test_bytes(self):
        for done in range(7):
            run = Run("application/octet-stream", "application/octet-stream", None, {"skip": {"done": done, "n": 0}})
            run.progress.identity = True
            out = b""
            for piece in (b"ab", b"c", b"def"):
                run.decoder.decode(piece)
                run.progress.gave(run.decoder.ends)
                out += run.progress.drop_bytes(piece) if run.progress.skip else piece
            self.assertEqual(out, b"abcdef"[done:])


if __name__ == "__main__":
    unittest.main()
