"""When a program that was stopped has given the Hub all that it takes."""

import types
import unittest

from channelparts import Sent
from waverider_runner.exit import Exit
from waverider_runner.output import Output


class Free(unittest.TestCase):
    def setUp(self):
        channel = Sent()
        self.output = Output(channel)
        self.output.resume(0, 10)
        self.messages = types.SimpleNamespace(idle=lambda: True)
        self.exit = Exit(types.SimpleNamespace(channel=channel, output=self.output, messages=self.messages))
        self.exit.stopped = True

    def test_what_is_gathered_is_sent_first(self):
        self.output.write("x")  # at once
        self.output.write("yz")  # gathered
        self.assertTrue(self.exit.free())
        self.assertEqual(self.output.sent, 3)

    def test_what_goes_over_the_limit_stays(self):
        self.output.write("x")
        self.output.write("y" * 20)
        self.assertTrue(self.exit.free())
        self.assertEqual(self.output.sent, 10)

    def test_messages_must_be_acked(self):
        self.messages.idle = lambda: False
        self.assertFalse(self.exit.free())

    def test_a_socket_that_takes_no_more(self):
        self.output.channel.pending = [b"x"]
        self.assertFalse(self.exit.free())

    def test_the_end_must_be_acked_if_it_was_not_stopped(self):
        self.exit.stopped = False
        self.output.write("x")
        self.output.end()
        self.assertFalse(self.exit.free())
        self.output.window(1, 10)
        self.assertTrue(self.exit.free())


if __name__ == "__main__":
    unittest.main()
