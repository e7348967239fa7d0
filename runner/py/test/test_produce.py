"""Input that is passed on as it is."""

import threading
import types
import unittest
from unittest import mock

from channelparts import Log, Sent
from waverider_runner import frames, produce
from waverider_runner.input import Input
from waverider_runner.output import Output
from waverider_runner.progress import Progress


class Identity(unittest.TestCase):
    def setUp(self):
        self.channel = Sent()
        self.channel.content_type = ""
        self.channel._input_window = lambda: b""
        self.input, self.output = Input(self.channel, Log()), Output(self.channel)
        self.output.progress = self.input.progress = Progress({}, self.input, self.output, Log())
        self.input.progress.identity = True
        self.output.resume(0, 1 << 20)
        program = types.SimpleNamespace(provides=None, provides_type=None)
        self.producer = produce.Producer(self.output, lambda *args: None, program, None, None)
        self.producer.provides = None

    def pass_on(self):
        value = types.SimpleNamespace(take=lambda: self.input)
        self.producer.runner = types.SimpleNamespace(inbox=(), idle=lambda: None)
        self.input.finish(self.input.received)
        try:
            self.producer._input(value).send(None)
        except StopIteration:
            pass

    def test_nobody_sees_input_before_its_output(self):
        """The watch could tell that it is done."""
        self.input.set_type("application/x-ndjson")
        self.input.receive(0, b"1\n2\n")
        looks = []

        def look():
            if self.channel.lock.acquire(blocking=False):
                looks.append(self.output.progress.at())
                self.channel.lock.release()

        def dumps(value):
            other = threading.Thread(target=look)
            other.start()
            other.join()
            return str(value)

        with mock.patch.object(produce, "dumps", dumps):
            self.pass_on()
        self.assertEqual(looks, [])
        self.assertEqual(self.output.progress.at(), (2, 0, True))

    def marks(self, declared):
        """(offset, done) of each, for inputs of one line at a time."""
        value = types.SimpleNamespace(take=lambda: self.input, declared_type=declared)
        self.producer.runner = types.SimpleNamespace(inbox=(), idle=lambda: None)
        self.input.set_type("application/x-ndjson")
        for line in (b'"b"\n"c"\n', b'"\\ud800"\n', b'"a"\n', b'"\\ud800"\n'):
            self.input.receive(self.input.received, line)
        self.input.finish(self.input.received)
        with self.assertRaises(StopIteration):
            self.producer._input(value).send(None)
        self.output.mark()
        return [(f[2], int.from_bytes(f[3][:8], "big")) for f in self.channel.frames if f[0] == frames.MARK_TYPE]

    def test_no_mark_comes_before_what_it_counts(self):
        sizes = [0, 4, 8, 17, 21, 30]  # of the output up to each line
        for offset, done in self.marks(None):
            self.assertGreaterEqual(offset, sizes[done])

    def test_the_same_as_text(self):
        sizes = [0, 1, 2, 3, 4, 5]
        for offset, done in self.marks("text/plain"):
            self.assertGreaterEqual(offset, sizes[done])


if __name__ == "__main__":
    unittest.main()
