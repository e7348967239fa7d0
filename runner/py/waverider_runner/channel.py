"""The channel to the Hub: one Unix socket that may break at any time. The
channel connects again and makes both sides go on where they were; what is kept
for that is in Input, Output and Messages.

Nothing here blocks. Two threads use it, that of the program and the one that
stands in for it (watch.py), always with `lock`.
"""

from _socket import AF_UNIX, SOCK_STREAM, socket
from _thread import RLock
from time import monotonic

from . import frames
from .frames import FrameReader, ProtocolError
from .jsontext import dump_bytes, loads

READ_SIZE = 256 * 1024
HEADS = 64 * 1024  # buffer for what is not read straight into the bytes of a piece
RETRY_FAST = 0.02  # s, for the first second
RETRY_SLOW = 0.25


def no_welcome(*_):
    raise ProtocolError("no WELCOME")


class Channel:
    def __init__(self, path, identity):
        self.path = path
        self.identity = identity  # the constant part of HELLO
        self.instance = ""  # assigned to, from `start` on
        self.content_type = ""
        self.lock = RLock()
        self.sock = None
        self.open = False  # WELCOME has come on this socket
        self.closed = False
        self.pending = []  # what the kernel has not taken yet, in order
        self.write_failed = False
        self.drained = False  # the last piece took all there was, as far as can be told
        self.retries = 0
        self.retry_at = 0.0
        self.buffer = memoryview(bytearray(HEADS))
        self.on_lost = lambda: None  # the Hub went away from a runner nobody needs
        self.on_socket = lambda: None  # sock is another one
        self.discard = lambda sock: sock.close()
        self.on_held = lambda: None  # the kernel had no room for all

    def attach(self, input, output, messages):
        self.input, self.output, self.messages = input, output, messages

    def fileno(self):
        return -1 if self.sock is None else self.sock.fileno()

    def connect(self):
        """Tries to connect when it is time to; tells whether there is a socket."""
        if self.sock is not None or self.closed:
            return self.sock is not None
        if monotonic() < self.retry_at:
            return False
        sock = socket(AF_UNIX, SOCK_STREAM)
        try:
            sock.connect(self.path)
            self.reader = FrameReader(self._on_frame, no_welcome)
            self.write_failed = False
            sock.send(self._hello())
            sock.setblocking(False)
        except OSError:
            sock.close()
            self._retry()
            return False
        self.sock = sock
        self.on_socket()
        return True

    def _hello(self):
        return frames.frame(frames.HELLO, frames.CONTROL, 0, dump_bytes(dict(
            self.identity,
            instance=self.instance,
            input=dict(self.input.hello(), contentType=self.content_type),
            output=self.output.hello(),
            messages=self.messages.hello(),
        )))

    def _retry(self):
        if self.instance == "":
            self.on_lost()
        wait = min(self.retries * RETRY_FAST, RETRY_SLOW) if self.retries * RETRY_FAST >= 1 else RETRY_FAST
        self.retry_at = monotonic() + (0 if self.retries == 0 else wait)
        self.retries += 1

    def receive(self):
        """Takes what has come, one piece of it; False when there is no more."""
        if self.sock is None:
            return False
        reader = self.reader
        try:
            if reader.data_left >= HEADS:
                piece = self.sock.recv(min(reader.data_left, READ_SIZE))
                n = len(piece)
                if n:
                    reader.data(piece)
            else:
                n = self.sock.recv_into(self.buffer)
                if n:
                    reader.push(self.buffer[:n])
        except BlockingIOError:
            if self.write_failed:
                self.lost()
            return False
        except (OSError, ProtocolError):
            n = 0
        self.drained = n < HEADS
        if n == 0:
            self.lost()
        return n > 0

    def _on_frame(self, kind, stream, number, payload):
        if kind == frames.WELCOME:
            self._welcome(payload)
        elif not self.open:
            no_welcome()
        elif kind == frames.MESSAGE:
            self.messages.receive(number, payload)
        elif kind == frames.END:
            self.input.finish(number)
        elif stream == frames.CONTROL:
            self.messages.acked(number)
        else:
            self.output.window(number, frames.LIMIT.unpack(payload)[0])

    def _welcome(self, payload):
        if self.open:
            raise ProtocolError("a second WELCOME")
        try:
            answer = loads(payload)
            input, messages = answer["input"]["acked"], answer["messages"]["received"]
            output, limit = answer["output"]["received"], answer["output"]["limit"]
        except (ValueError, LookupError, TypeError):
            raise ProtocolError("a WELCOME that is none") from None
        if any(type(place) is not int or place < 0 for place in (input, messages, output, limit)):
            raise ProtocolError("a WELCOME with places that are none")
        self.open = True
        self.retries = 0
        self.reader.on_data = self.input.receive
        self.input.resume(input)
        self.messages.resume(messages)
        self.output.resume(output, limit)

    def lost(self):
        if self.sock is None:
            return
        self.reader.stopped = True
        sock, self.sock, self.open, self.pending = self.sock, None, False, []
        self.discard(sock)
        self.on_socket()
        if not self.closed:
            self._retry()

    def send(self, *pieces):
        """Sends pieces, or drops them: who resumes asks for what it lacks."""
        if not self.open or self.write_failed:
            return
        if self.pending:
            self.pending += pieces
        else:
            self._write(pieces)
            if self.pending:
                self.on_held()

    def _write(self, pieces):
        try:
            n = self.sock.sendmsg(pieces)
        except BlockingIOError:
            n = 0
        except OSError:
            # What the Hub sent before it went is read first: the acks in there
            # say what must not be sent again.
            self.write_failed = True
            self.pending = []
            return False
        taken, rest = n > 0, []
        for piece in pieces:
            if n >= len(piece):
                n -= len(piece)
            else:
                rest.append(memoryview(piece)[n:] if n else piece)
                n = 0
        self.pending = rest
        return taken

    def drain(self):
        """Goes on sending what the kernel had no room for; tells whether it
        has taken some of it."""
        if not self.pending or not self.open or self.write_failed:
            return False
        pieces, self.pending = self.pending, []
        taken = self._write(pieces[:512])
        self.pending += pieces[512:]
        if not self.pending:
            self.output.pump()
            self.output.moved.fire()
        return taken

    def tell_input(self):
        """Tells what of the input has come and may be sent, if that is news."""
        if self.open and self.input.moved():
            self.send(self._input_window())

    def _input_window(self):
        self.input.told()
        return frames.window(frames.INPUT, self.input.received, self.input.limit())

    def send_data(self, offset, data, mark):
        """Sends a piece of output and, when given, the mark at its end."""
        head = frames.header(frames.DATA, frames.OUTPUT, len(data), offset)
        if self.input.moved():
            head = self._input_window() + head
        if mark is None:
            self.send(head, data)
        else:
            self.send(head, data, frames.mark(*mark))

    def close(self):
        self.closed = True
        self.lost()
