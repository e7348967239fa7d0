"""The channel in a loop of asyncio."""

import asyncio
import os
import socket
import tempfile
import threading
import types
import unittest

import channelparts  # noqa: F401
from waverider_runner import signal
from waverider_runner.aio import AsyncioLoop
from waverider_runner.channel import Channel


class Sockets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "s")
        self.hub = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.hub.close)
        self.hub.bind(path)
        self.hub.listen()
        self.channel = channel = Channel(path, {})
        part = types.SimpleNamespace(hello=dict, pump=lambda: None)
        channel.attach(part, part, part)
        channel.instance = "i1"
        watch = types.SimpleNamespace(poke=lambda: None)
        self.aio = AsyncioLoop(types.SimpleNamespace(channel=channel, watch=watch, settle=lambda: None))
        self.addCleanup(self.aio.loop.close)
        self.addCleanup(channel.close)
        self.addCleanup(signal.use, signal.current)
        channel.on_held = self.aio.held
        self.wrong = []
        self.aio.loop.set_exception_handler(lambda loop, context: self.wrong.append(context))
        self.aio.use()

    def turn(self):
        self.aio.loop.call_later(0.01, self.aio.loop.stop)
        self.aio.loop.run_forever()

    def lose(self):
        """The connection is lost while the socket has no room."""
        self.turn()
        channel = self.channel
        channel.open = True
        with channel.lock:
            channel.send(bytes(1 << 22))
        self.turn()
        self.assertTrue(self.aio.writing)
        number = channel.fileno()
        self.hub.close()
        with channel.lock:
            channel.lost()
        return number

    def test_a_lost_socket_is_forgotten(self):
        number = self.lose()
        with self.assertRaises(KeyError):
            self.aio.loop._selector.get_key(number)
        self.turn()
        self.assertEqual(self.wrong, [])

    def test_waiting_inside_of_a_task(self):
        """The turn it is in still has calls to make, and nothing is busy."""
        loop, turns, called = self.aio.loop, [], []

        def over():
            turns.append(1)
            return len(called) == 4

        async def main():
            for i in range(3):
                loop.call_soon(called.append, i)
            loop.call_later(0.1, called.append, 3)
            self.aio.block_here(over)

        async def both():
            await asyncio.gather(main(), asyncio.sleep(0), asyncio.sleep(0))

        loop.run_until_complete(both())
        self.assertEqual(called, [0, 1, 2, 3])
        self.assertLess(len(turns), 20)
        self.assertEqual(self.wrong, [])

    def test_another_thread_does_not_free_its_number(self):
        numbers = []
        lose = self.channel.lost
        self.channel.lost = lambda: None
        numbers.append(self.lose())
        other = threading.Thread(target=lose)
        other.start()
        other.join()
        with socket.socket(socket.AF_UNIX) as another:
            self.assertNotEqual(another.fileno(), numbers[0])
        self.channel.lost = lose
        self.turn()
        self.assertRaises(KeyError, self.aio.loop._selector.get_key, numbers[0])
        self.assertRaises(OSError, os.fstat, numbers[0])
        self.assertEqual(self.wrong, [])


if __name__ == "__main__":
    unittest.main()
