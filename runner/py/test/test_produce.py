"""Input that is passed on as it is."""

import threading
import types
import unittest
from unittest import mock

from channelparts import Log, Sent
from waverider_runner import produce
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


if __name__ == "__main__":
    unittest.main()
