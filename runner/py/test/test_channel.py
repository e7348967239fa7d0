"""A channel survives whatever a Hub or the way to it does: what does not keep
the rules ends the connection, and the next one goes on where it was."""

import os
import random
import socket
import tempfile
import unittest

from channelparts import Log, parse
from waverider_runner import channel, frames
from waverider_runner.channel import Channel
from waverider_runner.frames import END, DATA, INPUT, MESSAGE, OUTPUT, WELCOME, frame, header, window
from waverider_runner.input import Input
from waverider_runner.jsontext import dump_bytes, loads
from waverider_runner.messages import Messages
from waverider_runner.output import Output


class Hub:
    """The other end: sends what a test says, and knows what was sent to it."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.sock = None

    def accept(self):
        self.hang_up()
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(10)
        self.heard = b""
        hello = self.read_frame()
        assert hello[0] == frames.HELLO
        return loads(hello[3])

    def read_frame(self):
        while len(self.heard) < 16 or len(self.heard) < 16 + frames.HEADER.unpack_from(self.heard)[3]:
            data = self.sock.recv(1 << 16)
            assert data, "the runner has hung up"
            self.heard += data
        size = 16 + frames.HEADER.unpack_from(self.heard)[3]
        one, self.heard = self.heard[:size], self.heard[size:]
        return parse(one)[0]

    def hang_up(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def close(self):
        self.hang_up()
        self.listener.close()


def welcome(input=0, output=0, limit=1 << 20, messages=0):
    return frame(WELCOME, 0, 0, dump_bytes({
        "version": 1, "input": {"acked": input}, "output": {"received": output, "limit": limit},
        "messages": {"received": messages, "next": 1},
    }))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "s")
        self.hub = Hub(self.path)
        self.addCleanup(self.hub.close)
        self.begin()
        self.addCleanup(lambda: self.channel.close())

    def begin(self):
        """A runner that has been assigned."""
        self.got = []
        self.channel = Channel(self.path, {"version": 1, "key": "k"})
        self.channel.instance = "i1"
        self.input = Input(self.channel, Log())
        self.output = Output(self.channel)
        self.messages = Messages(self.channel, self.got.append)
        self.channel.attach(self.input, self.output, self.messages)

    def connect(self):
        self.channel.retry_at = 0
        self.assertTrue(self.channel.connect())
        return self.hub.accept()

    def receive(self):
        """Takes all that is there."""
        while self.channel.receive():
            pass

    def taken(self):
        items = []
        while True:
            batch = self.input.next()
            if batch is None:
                return items
            items += batch


class Rules(Case):
    def test_broken_ones_end_the_connection(self):
        greeted = welcome()
        long = b"x" * 100
        for name, data in {
            "nothing": b"",
            "no WELCOME": frame(MESSAGE, 0, 1, b'{"type":"x"}'),
            "data before WELCOME": frame(DATA, INPUT, 0, b"x"),
            "end before WELCOME": frame(END, INPUT, 0),
            "window before WELCOME": window(OUTPUT, 0, 100),
            "a second WELCOME": greeted + greeted,
            "WELCOME that is no JSON": frame(WELCOME, 0, 0, b"{"),
            "WELCOME that is empty": frame(WELCOME, 0, 0, b"{}"),
            "WELCOME that is a list": frame(WELCOME, 0, 0, b"[]"),
            "WELCOME of strings": frame(WELCOME, 0, 0, greeted[16:].replace(b'"acked":0', b'"acked":"0"')),
            "WELCOME of null": frame(WELCOME, 0, 0, greeted[16:].replace(b'"limit":1048576', b'"limit":null')),
            "WELCOME with a fraction": frame(WELCOME, 0, 0, greeted[16:].replace(b'"limit":1048576', b'"limit":1.5')),
            "WELCOME below zero": frame(WELCOME, 0, 0, greeted[16:].replace(b'"acked":0', b'"acked":-1')),
            "input that never came": welcome(input=1),
            "output that was never sent": welcome(output=4),
            "messages that were never sent": welcome(messages=2),
            "a gap in the input": greeted + frame(DATA, INPUT, 1, b"x"),
            "input twice": greeted + frame(DATA, INPUT, 0, b"x") * 2,
            "input over the limit": greeted + header(DATA, INPUT, 5 << 20, 0) + bytes(5 << 20),
            "input after its end": greeted + frame(END, INPUT, 0) + frame(DATA, INPUT, 0, b"x"),
            "an end elsewhere": greeted + frame(END, INPUT, 1),
            "a gap in messages": greeted + frame(MESSAGE, 0, 2, b'{"type":"x"}'),
            "a message that is none": greeted + frame(MESSAGE, 0, 1, b"[]"),
            "an ack of the future": greeted + window(OUTPUT, 4, 100),
            "an ack of a message of the future": greeted + window(0, 2),
            "an unknown frame": greeted + header(9, 0, 0, 0),
            "a frame of the wrong stream": greeted + frame(DATA, OUTPUT, 0, b"x"),
            "a frame that is too long": greeted + header(MESSAGE, 0, frames.MAX_PAYLOAD + 1, 1),
            "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n" + long,
        }.items():
            with self.subTest(name):
                self.begin()
                self.output.write(b"out")
                self.messages.send(type="m")
                self.connect()
                self.send_and_close(data)
                self.assertIsNone(self.channel.sock)
                self.goes_on()

    def send_and_close(self, data):
        """With the runner reading what the kernel has no room for."""
        self.hub.sock.setblocking(False)
        while data and self.channel.sock is not None:
            try:
                data = data[self.hub.sock.send(data[: 1 << 16]) :]
            except BlockingIOError:
                pass
            except OSError:
                break
            self.receive()
        self.hub.hang_up()
        self.receive()

    def goes_on(self):
        hello = self.connect()
        at = hello["input"]["received"]
        self.assertEqual(hello["output"], {"acked": 0, "next": 3, "ended": False})
        self.assertEqual(hello["messages"]["next"], 1)
        self.hub.sock.sendall(welcome(input=at))
        self.receive()
        sent = [self.hub.read_frame() for _ in range(2)]
        self.assertEqual([f[0] for f in sent], [MESSAGE, DATA])
        if not hello["input"]["ended"]:
            self.hub.sock.sendall(frame(DATA, INPUT, at, b"x"))
            self.receive()
            self.assertEqual(self.input.received, at + 1)
        self.channel.close()


class Cuts(Case):
    def test_at_each_byte(self):
        text = "1\n{\"a\": \"\u20ac\"}\n3\n".encode()
        posts = [b'{"type":"start"}', b'{"type":"event","name":"\xe2\x82\xac"}']
        whole = welcome() + frame(MESSAGE, 0, 1, posts[0]) + frame(DATA, INPUT, 0, text) + frame(MESSAGE, 0, 2, posts[1]) + window(OUTPUT, 2, 1 << 20)
        for at in range(len(whole) + 1):
            with self.subTest(at=at):
                self.begin()
                self.input.set_type("application/x-ndjson")
                self.output.write(b"out")
                self.connect()
                self.hub.sock.sendall(whole[:at])
                self.receive()
                items = self.taken()
                self.hub.hang_up()
                self.receive()
                hello = self.connect()
                received, handled, acked = hello["input"]["received"], hello["messages"]["received"], hello["output"]["acked"]
                rest = welcome(input=received, output=max(acked, 3 if at % 2 else 0))
                for number in range(handled + 1, 3):
                    rest += frame(MESSAGE, 0, number, posts[number - 1])
                if received < len(text):
                    rest += frame(DATA, INPUT, received, text[received:])
                self.hub.sock.sendall(rest + frame(END, INPUT, len(text)))
                self.receive()
                items += self.taken()
                self.assertEqual(items, [1, {"a": "\u20ac"}, 3])
                self.assertEqual([m["type"] for m in self.got], ["start", "event"])
                self.assertTrue(self.input.done())
                self.channel.close()

    def test_again_and_again(self):
        """Numbered lines both ways, over connections that end anywhere."""
        for seed in range(20):
            with self.subTest(seed=seed):
                self.begin()
                self.echo(random.Random(seed))

    def echo(self, rnd):
        text = b"".join(b"%d\n" % i for i in range(2000))
        self.input.set_type("application/octet-stream")
        got, lives = b"", 0
        while len(got) < len(text):
            lives += 1
            hello = self.connect()
            at, acked = hello["input"]["received"], hello["output"]["acked"]
            self.assertLessEqual(acked, len(got))
            got = got[: rnd.choice([acked, len(got)])]
            data = welcome(input=at, output=len(got)) + (frame(DATA, INPUT, at, text[at:]) if at < len(text) else b"")
            part = data[: rnd.randint(0, 4000)]
            self.hub.sock.sendall(part)
            self.receive()
            for piece in self.taken():
                self.output.write(piece)
            self.output.flush()
            self.hub.sock.setblocking(False)
            try:
                self.hub.heard += self.hub.sock.recv(rnd.randint(1, 3000))
            except BlockingIOError:
                pass
            got += self.output_of(self.hub.heard, len(got))
            if len(part) == len(data) and rnd.random() < 0.8:
                self.hub.sock.sendall(window(OUTPUT, len(got), 1 << 20)[: rnd.randint(0, 30)])
            self.hub.hang_up()
            self.receive()
        self.assertEqual(got, text)
        self.assertGreater(lives, 5)
        self.channel.close()

    def output_of(self, heard, at):
        got = b""
        while len(heard) > 16:
            kind, _, stream, length, number = frames.HEADER.unpack_from(heard)
            if kind == DATA:
                self.assertEqual(number, at + len(got))
                got += heard[16 : 16 + length]
            heard = heard[16 + length :]
        return got


class Retries(Case):
    def test_a_hub_that_hangs_up_at_once(self):
        waits = []
        for _ in range(80):
            self.connect()
            self.hub.hang_up()
            self.receive()
            self.assertIsNone(self.channel.sock)
            waits.append(self.channel.retry_at - channel.monotonic())
        self.assertLess(waits[0], 0.01)
        self.assertLess(max(waits[:40]), 0.03)
        self.assertGreater(min(waits[-5:]), 0.2)
        self.connect()
        self.hub.sock.sendall(welcome())
        self.receive()
        self.hub.hang_up()
        self.receive()
        self.assertLess(self.channel.retry_at - channel.monotonic(), 0.01)

    def test_no_hub(self):
        self.hub.close()
        os.unlink(self.path)
        self.channel.retry_at = 0
        self.assertFalse(self.channel.connect())
        self.assertFalse(self.channel.receive())

    def test_a_runner_that_was_never_assigned(self):
        lost = []
        self.channel.instance, self.channel.on_lost = "", lambda: lost.append(1)
        self.connect()
        self.hub.sock.sendall(welcome())
        self.receive()
        self.assertEqual(lost, [])
        self.hub.hang_up()
        self.receive()
        self.assertEqual(lost, [1])

    def test_the_last_acks_are_read(self):
        """A write fails when the Hub has gone, but what it said is still there."""
        self.output.write(b"out")
        self.connect()
        self.hub.sock.sendall(welcome())
        self.receive()
        self.hub.read_frame()
        self.hub.sock.sendall(window(OUTPUT, 3, 1 << 20))
        self.hub.hang_up()
        self.output.write(b"more")
        self.output.flush()
        self.receive()
        self.assertEqual(self.connect()["output"], {"acked": 3, "next": 7, "ended": False})


if __name__ == "__main__":
    unittest.main()
