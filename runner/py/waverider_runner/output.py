"""Output: what the program gave and the Hub has not acked. It takes no more
than the Hub gives credit for, so a program nobody reads stands still."""

from _collections import deque
from time import monotonic

from . import frames
from .frames import ProtocolError
from .signal import Signal

FLUSH_AT = 64 * 1024  # characters or bytes gathered before they are sent
GATHER_BELOW = 8 * 1024  # smaller bytes are copied together with others
FRAME = 256 * 1024
QUIET = 0.001  # s: after so much silence a piece is sent at once


class Kept:
    __slots__ = ("offset", "data", "end", "mark")

    def __init__(self, offset, data, mark):
        self.offset, self.data, self.end, self.mark = offset, data, offset + len(data), mark


class Output:
    def __init__(self, channel):
        self.channel = channel
        self.lock = channel.lock
        self.next = 0  # offset after the last byte kept
        self.sent = 0
        self.acked = 0
        self.limit = 0
        self.unacked = deque()  # Kept, wholly sent
        self.unsent = deque()  # Kept, the first perhaps sent in part
        self.parts = []  # gathered: all str or all bytes
        self.size = 0  # of parts
        self.flushed_at = 0.0
        self.waited_for = False  # the next piece is what comes of an item that came alone
        self.ending = False  # nothing more will be written
        self.end_sent = False
        self.end_acked = False
        self.lines = False  # the program's items are lines, else text or bytes
        self.progress = None  # where the Hub wants marks
        self.marked = None  # the newest mark for what was acked
        self.moved = Signal()  # something was acked, or may be sent
        self.on_gather = lambda: None  # something waits to be flushed

    def hello(self):
        self.flush()
        return {"acked": self.acked, "next": self.next, "ended": self.ending}

    def credit(self):
        """The Hub wants more."""
        return self.next + self.size < self.limit

    def write(self, piece):
        """Takes str or bytes."""
        with self.lock:
            if self.parts and type(self.parts[0]) is not type(piece):
                self.gather()  # its mark is for what came before this piece
            if self.progress is not None:
                piece = self.progress.emit(piece)
            size = len(piece)
            if size == 0:
                return
            if type(piece) is bytes and size >= GATHER_BELOW and not self.parts:
                self.keep(piece)
                self.pump()
                return
            first = not self.parts
            self.parts.append(piece)
            self.size += size
            if self.size >= FLUSH_AT or (first and (self.waited_for or monotonic() - self.flushed_at > QUIET)):
                self.waited_for = False
                self.flush()
            elif first:
                self.on_gather()

    def flush(self):
        if self.parts:
            self.gather()
            self.flushed_at = monotonic()
        self.pump()

    def gather(self):
        parts, self.parts, self.size = self.parts, [], 0
        if not parts:
            return
        if type(parts[0]) is str:
            self.keep(encode("".join(parts)))
        else:
            self.keep(parts[0] if len(parts) == 1 else b"".join(parts))

    def keep(self, data):
        kept = Kept(self.next, data, None)
        self.next = kept.end
        if self.progress is not None:
            kept.mark = self.new_mark()
        self.unsent.append(kept)

    def new_mark(self):
        done, n, exact = self.progress.at()
        return (self.next, done, n, exact)

    def mark(self):
        """Tells the Hub how far the program is, unless it knows."""
        with self.lock:
            self.flush()
            mark = self.new_mark()
            last = self.unsent[-1] if self.unsent else self.unacked[-1] if self.unacked else None
            before = self.marked if last is None else last.mark
            if before is not None and before[1:] == mark[1:]:
                return
            if last is None:
                self.marked = mark
            else:
                last.mark = mark
            if self.sent == self.next:
                self.channel.send(frames.mark(*mark))

    def pump(self):
        """Sends what is kept, as far as the limit and the kernel go."""
        channel = self.channel
        if not channel.open:
            return
        while self.unsent and self.sent < self.limit and not channel.pending and not channel.write_failed:
            kept = self.unsent[0]
            start = self.sent - kept.offset
            n = min(kept.end - self.sent, self.limit - self.sent, FRAME)
            data = kept.data if n == len(kept.data) else memoryview(kept.data)[start : start + n]
            at = self.sent
            self.sent += n
            if self.sent == kept.end:
                self.unacked.append(self.unsent.popleft())
            channel.send_data(at, data, self.mark_at(self.sent, kept.mark))
        if self.ending and not self.end_sent and self.sent == self.next and not self.parts:
            self.end_sent = True
            channel.send(frames.frame(frames.END, frames.OUTPUT, self.next))

    def mark_at(self, offset, mark):
        """The mark for an offset in the piece that `mark` stands at the end of;
        None where none is known."""
        if mark is None or mark[0] == offset:
            return mark
        end, done, n, exact = mark
        after = end - offset
        if self.lines or not exact or n < after:
            return None
        return (offset, done, n - after, exact)

    def window(self, acked, limit):
        """The Hub's answer: what it has and how far we may go."""
        if acked > self.sent:
            raise ProtocolError("an ack of output never sent")
        if acked > self.acked:
            self.acked = acked
            while self.unacked and self.unacked[0].end <= acked:
                self.marked = self.unacked.popleft().mark
        if limit > self.limit:
            self.limit = limit
        if self.end_sent and acked == self.next:
            self.end_acked = True
        self.pump()
        self.moved.fire()

    def resume(self, received, limit):
        """Goes on with a Hub that has everything before `received`."""
        if not self.acked <= received <= self.next:
            raise ProtocolError("the Hub goes on at output we don't have")
        while self.unacked and self.unacked[-1].end > received:
            self.unsent.appendleft(self.unacked.pop())
        while self.unsent and self.unsent[0].end <= received:
            self.unacked.append(self.unsent.popleft())
        self.sent = received
        self.limit = limit
        self.end_sent = False
        self._repeat_marks()
        self.window(self.acked, limit)

    def _repeat_marks(self):
        """Marks of output that the Hub has may have been lost; those of other
        output come with it."""
        if self.progress is None:
            return
        marks = [self.marked] + [kept.mark for kept in self.unacked]
        again = b"".join(frames.mark(*mark) for mark in marks if mark is not None)
        if again:
            self.channel.send(again)

    def end(self):
        """Nothing more will come."""
        with self.lock:
            if not self.ending:
                self.ending = True
                self.flush()

    def all_sent(self):
        """The Hub was sent whatever it takes now."""
        if self.parts or self.channel.pending:
            return False
        return self.sent == self.next or self.sent >= self.limit


def encode(text):
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return text.encode("utf-8", "replace")
