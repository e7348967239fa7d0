"""Frames of the runner protocol: 16 bytes of header, then the payload."""

from _struct import Struct

HEADER = Struct(">BBHIQ")  # type, flags, stream, length, number
MARK = Struct(">BBHIQQQQ")  # a whole MARK frame: header, done, n, flags
LIMIT = Struct(">Q")
MAX_PAYLOAD = 1 << 24
MAX_NUMBER = 1 << 53

HELLO, WELCOME, DATA, WINDOW, END, MESSAGE = 1, 2, 3, 4, 5, 6
MARK_TYPE = 7
CONTROL, INPUT, OUTPUT = 0, 1, 2


class ProtocolError(Exception):
    """Ends a connection, not the program: the other side is asked again what
    it has."""


def header(kind, stream, length, number):
    return HEADER.pack(kind, 0, stream, length, number)


def frame(kind, stream, number, payload=b""):
    return HEADER.pack(kind, 0, stream, len(payload), number) + payload


def window(stream, acked, limit=None):
    if limit is None:
        return frame(WINDOW, stream, acked)
    return frame(WINDOW, stream, acked, LIMIT.pack(limit))


def mark(offset, done, n, exact):
    return MARK.pack(MARK_TYPE, 0, OUTPUT, 24, offset, done, n, 1 if exact else 0)


def check(kind, stream, length, number):
    """Refuses what a Hub may not send."""
    if length <= MAX_PAYLOAD and number <= MAX_NUMBER:
        if kind == DATA and stream == INPUT and length > 0:
            return
        if kind in (WELCOME, MESSAGE) and stream == CONTROL and length > 0:
            return
        if kind == END and stream == INPUT and length == 0:
            return
        if kind == WINDOW and (stream, length) in ((OUTPUT, 8), (CONTROL, 0)):
            return
    raise ProtocolError("a frame of type %d, stream %d, %d bytes, number %d" % (kind, stream, length, number))


class FrameReader:
    """Cuts what a Hub sends into frames. `on_frame` gets whole payloads of
    everything but DATA, `on_data` the pieces of DATA as they come."""

    def __init__(self, on_frame, on_data):
        self.on_frame = on_frame
        self.on_data = on_data
        self.head = b""
        self.data_left = 0  # of the DATA frame we are in
        self.data_at = 0
        self.body = None  # bytearray of the frame we collect
        self.body_left = 0
        self.kind = self.stream = self.number = 0
        self.stopped = False  # the connection ended inside a callback

    def data(self, piece):
        """Takes bytes that belong to the DATA frame we are in."""
        offset = self.data_at
        self.data_at += len(piece)
        self.data_left -= len(piece)
        self.on_data(offset, piece)

    def push(self, view):
        """Takes a memoryview of what came; it may be reused afterwards."""
        at, size = 0, len(view)
        while at < size and not self.stopped:
            if self.data_left:
                n = min(self.data_left, size - at)
                self.data(bytes(view[at : at + n]))
            elif self.body is not None:
                n = min(self.body_left, size - at)
                self.body += view[at : at + n]
                self.body_left -= n
                if self.body_left == 0:
                    self._finish()
            elif not self.head and size - at >= 16:
                n = 16
                self._begin(HEADER.unpack_from(view, at))
            else:
                n = min(16 - len(self.head), size - at)
                self.head += bytes(view[at : at + n])
                if len(self.head) == 16:
                    head, self.head = self.head, b""
                    self._begin(HEADER.unpack(head))
            at += n

    def _begin(self, fields):
        kind, _, stream, length, number = fields
        check(kind, stream, length, number)
        if kind == DATA:
            self.data_left, self.data_at = length, number
            return
        self.kind, self.stream, self.number = kind, stream, number
        if length == 0:
            self.on_frame(kind, stream, number, b"")
        else:
            self.body, self.body_left = bytearray(), length

    def _finish(self):
        payload, self.body = bytes(self.body), None
        self.on_frame(self.kind, self.stream, self.number, payload)
