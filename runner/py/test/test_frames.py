"""Frames are found wherever the bytes were cut; what a Hub may not send ends
the connection."""

import unittest

from channelparts import cuts, parse
from waverider_runner import frames
from waverider_runner.frames import FrameReader, ProtocolError, frame, header, window


class Reader(unittest.TestCase):
    def setUp(self):
        self.found, self.bytes = [], b""

    def on_frame(self, *fields):
        self.found.append(fields)

    def on_data(self, offset, piece):
        self.assertIs(type(piece), bytes)
        self.assertEqual(offset, len(self.bytes))
        self.bytes += piece

    def read(self, pieces):
        self.setUp()
        reader = FrameReader(self.on_frame, self.on_data)
        for piece in pieces:
            buffer = bytearray(piece)
            with memoryview(buffer) as view:
                reader.push(view)
            buffer[:] = bytes(len(buffer))  # it may be used again
        return reader

    def test_cuts(self):
        data = (
            frame(frames.WELCOME, 0, 0, b"{}") + frame(frames.DATA, 1, 0, b"a" * 50) + frame(frames.MESSAGE, 0, 1, b'{"type":"x"}')
            + window(2, 7, 9) + frame(frames.DATA, 1, 50, b"b") + window(0, 3) + frame(frames.END, 1, 51)
        )
        want = [(frames.WELCOME, 0, 0, b"{}"), (frames.MESSAGE, 0, 1, b'{"type":"x"}'),
                (frames.WINDOW, 2, 7, b"\0\0\0\0\0\0\0\x09"), (frames.WINDOW, 0, 3, b""), (frames.END, 1, 51, b"")]
        for at in range(len(data) + 1):
            self.read([data[:at], data[at:]])
            self.assertEqual((self.found, self.bytes), (want, b"a" * 50 + b"b"))
        for seed in range(100):
            self.read(cuts(data, seed, 1 + seed % 40))
            self.assertEqual((self.found, self.bytes), (want, b"a" * 50 + b"b"))

    def test_data_that_comes_by_itself(self):
        reader = self.read([header(frames.DATA, 1, 10, 0) + b"abc"])
        reader.data(b"defg")
        self.assertEqual(reader.data_left, 3)
        with memoryview(b"hij" + window(0, 1)) as view:
            reader.push(view)
        self.assertEqual((self.bytes, self.found), (b"abcdefghij", [(frames.WINDOW, 0, 1, b"")]))

    def test_stops_in_a_callback(self):
        def stop(*fields):
            self.found.append(fields)
            reader.stopped = True

        reader = FrameReader(stop, self.on_data)
        with memoryview(window(0, 1) + window(0, 2)) as view:
            reader.push(view)
        self.assertEqual(len(self.found), 1)

    def test_refused(self):
        for bad in (
            header(0, 0, 0, 0), header(9, 0, 0, 0), header(frames.HELLO, 0, 2, 0), header(frames.MARK_TYPE, 2, 24, 0),
            header(frames.DATA, 2, 1, 0), header(frames.DATA, 0, 1, 0), header(frames.DATA, 1, 0, 0),
            header(frames.DATA, 1, frames.MAX_PAYLOAD + 1, 0), header(frames.DATA, 1, 1, frames.MAX_NUMBER + 1),
            header(frames.END, 2, 0, 0), header(frames.END, 1, 1, 0), header(frames.WINDOW, 1, 8, 0),
            header(frames.WINDOW, 2, 0, 0), header(frames.WINDOW, 2, 9, 0), header(frames.WINDOW, 0, 8, 0),
            header(frames.MESSAGE, 1, 2, 1), header(frames.MESSAGE, 0, 0, 1), header(frames.WELCOME, 0, 0, 0),
            header(frames.MESSAGE, 0, frames.MAX_PAYLOAD + 1, 1),
        ):
            with self.assertRaises(ProtocolError, msg=bad):
                self.read([bad])

    def test_unknown_flags(self):
        self.read([frames.HEADER.pack(frames.WINDOW, 0xFF, 0, 0, 5)])
        self.assertEqual(self.found, [(frames.WINDOW, 0, 5, b"")])

    def test_made(self):
        made = frames.mark(5, 6, 7, True) + window(1, 2, 3)
        self.assertEqual(parse(made), [
            (7, 2, 5, (6).to_bytes(8, "big") + (7).to_bytes(8, "big") + (1).to_bytes(8, "big")),
            (4, 1, 2, (3).to_bytes(8, "big")),
        ])


if __name__ == "__main__":
    unittest.main()
