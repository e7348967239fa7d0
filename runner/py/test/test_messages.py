"""Messages come in order and once, and are kept until they are acked."""

import json
import unittest

from channelparts import Sent
from waverider_runner import frames, messages
from waverider_runner.frames import ProtocolError
from waverider_runner.messages import Messages


class Both(unittest.TestCase):
    def setUp(self):
        self.channel = Sent()
        self.got = []
        self.messages = Messages(self.channel, self.got.append)

    def sent(self):
        return [(number, json.loads(payload)) for kind, _, number, payload in self.channel.take() if kind == frames.MESSAGE]

    def test_sending(self):
        self.assertEqual(self.messages.send(type="a", nothing=None, state=None), 1)
        self.assertEqual(self.messages.send(type="b", text="\ud800"), 2)
        self.assertEqual(self.sent(), [(1, {"type": "a", "state": None}), (2, {"type": "b", "text": "\ud800"})])
        self.assertEqual(self.messages.hello(), {"received": 0, "next": 1})
        self.messages.acked(1)
        self.assertTrue(self.messages.has_acked(1) and not self.messages.has_acked(2))
        self.assertEqual(self.messages.hello()["next"], 2)
        self.messages.acked(2)
        self.assertTrue(self.messages.idle())
        self.assertEqual(self.messages.hello()["next"], 3)

    def test_sent_again(self):
        for name in "abc":
            self.messages.send(type=name)
        self.messages.acked(1)
        self.channel.take()
        self.messages.resume(2)
        self.assertEqual(self.sent(), [(3, {"type": "c"})])
        self.messages.resume(2)
        self.assertEqual(self.sent(), [(3, {"type": "c"})])

    def test_acks_of_the_future(self):
        self.messages.send(type="a")
        with self.assertRaises(ProtocolError):
            self.messages.acked(2)
        with self.assertRaises(ProtocolError):
            self.messages.resume(2)

    def test_receiving(self):
        self.messages.receive(1, b'{"type":"x"}')
        self.messages.receive(2, b'{"type":"y"}')
        self.messages.receive(1, b'{"type":"x"}')
        self.assertEqual([m["type"] for m in self.got], ["x", "y"])
        self.assertEqual([f[:3] for f in self.channel.take()], [(frames.WINDOW, 0, 1), (frames.WINDOW, 0, 2), (frames.WINDOW, 0, 2)])
        self.assertEqual(self.messages.hello()["received"], 2)

    def test_gaps(self):
        with self.assertRaises(ProtocolError):
            self.messages.receive(2, b'{"type":"x"}')

    def test_what_is_no_message(self):
        for payload in (b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff"):
            with self.assertRaises(ProtocolError, msg=payload):
                self.messages.receive(1, payload)
        self.assertEqual(self.messages.hello()["received"], 0)
        self.assertEqual(self.got, [])

    def test_too_large(self):
        with self.assertRaises(ValueError):
            self.messages.send(type="x", text="x" * frames.MAX_PAYLOAD)
        self.assertEqual(self.messages.send(type="y"), 1)

    def test_full(self):
        limit, messages.KEPT_MAX = messages.KEPT_MAX, 1000
        self.addCleanup(setattr, messages, "KEPT_MAX", limit)
        while not self.messages.full():
            last = self.messages.send(type="x", text="x" * 100)
        self.assertEqual(last, 8)
        self.messages.acked(4)
        self.assertFalse(self.messages.full())


if __name__ == "__main__":
    unittest.main()
