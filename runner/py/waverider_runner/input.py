"""Input: the bytes the Hub sent and the program has not taken yet. Credit goes
back to the Hub when the program takes, not when bytes arrive."""

from _collections import deque

from .decode import decoder_for, is_lines
from .frames import ProtocolError
from .signal import Signal

WINDOW = 4 * 1024 * 1024
QUARTER = WINDOW // 4


class Input:
    def __init__(self, channel, logger):
        self.channel = channel
        self.logger = logger
        self.received = 0
        self.consumed = 0
        self.ended = False  # END has come
        self.told_received = 0
        self.told_limit = WINDOW
        self.queue = deque()
        self.taken = 0  # bytes of the last batch, consumed when the next is asked for
        self.content_type = ""
        self.declared = ""  # by the program, for a Topic
        self.lines = False  # records are lines, else bytes
        self.decoder = None
        self.failure = None
        self.flushed = False  # the decoder's rest was given out after END
        self.progress = None  # where the Hub wants marks
        self.arrived = Signal()

    def hello(self):
        self.told()
        return {"received": self.received, "limit": self.told_limit, "ended": self.ended}

    def limit(self):
        return self.consumed + WINDOW

    def moved(self):
        """The Hub does not know yet what we have or may be sent."""
        return self.received > self.told_received or self.consumed + WINDOW - self.told_limit >= QUARTER

    def told(self):
        self.told_received = self.received
        self.told_limit = self.limit()

    def resume(self, acked):
        if acked > self.received:
            raise ProtocolError("the Hub takes more input for acked than came")

    def receive(self, offset, piece):
        if offset != self.received:
            raise ProtocolError("a gap in the input")
        if self.ended:
            raise ProtocolError("input after its end")
        self.received += len(piece)
        if self.received > self.told_limit:
            raise ProtocolError("input over its limit")
        self.queue.append(piece)
        if self.received - self.told_received >= QUARTER:
            self.channel.tell_input()
        self.arrived.fire()

    def finish(self, length):
        if length != self.received:
            raise ProtocolError("the input ends elsewhere")
        self.ended = True
        self.channel.send(self.channel._input_window())
        self.arrived.fire()

    def set_type(self, content_type):
        """Fixes what the input is; the first one decides."""
        if self.content_type == "" and content_type:
            self.content_type = self.channel.content_type = content_type
            self.arrived.fire()

    def type(self):
        """Known from the first byte on."""
        if self.content_type == "" and self.declared and self.queue:
            self.set_type(self.declared)
        return self.content_type

    def done(self):
        return self.failure is not None or (self.ended and self.flushed and not self.queue)

    def stirs(self):
        """Something is there that next() has not seen, or there will be nothing."""
        return (bool(self.queue) and self.type() != "") or self.ended or self.failure is not None

    def position(self):
        """How many bytes the program has come to."""
        return self.consumed + self.taken

    def next_bytes(self):
        """What came next, undecoded; None when nothing is there."""
        with self.channel.lock:
            self.credit()
            if not self.queue:
                self.flushed = self.ended
                return None
            piece = self.queue.popleft()
            self.taken = len(piece)
        if self.progress is not None:
            self.progress.gave((self.position(),))
        return piece

    def next(self):
        """A list of decoded items, or None when there is nothing now (or ever:
        see done). Raises once when the type is one we don't know."""
        with self.channel.lock:
            self.credit()
            if self.failure is not None or not self._ready():
                return None
            while self.queue:
                piece = self.queue.popleft()
                self.taken += len(piece)
                items = self.decoder.decode(piece)
                if items:
                    return self._given(items)
            self.credit()  # what has only begun is the decoder's; its rest must be able to come
            if not self.ended or self.flushed:
                return None
            self.flushed = True
            items = self.decoder.end()
            return self._given(items) if items else None

    def _given(self, items):
        if self.progress is not None:
            self.progress.gave(self.decoder.ends)
        return items

    def _ready(self):
        """Chooses the decoder as soon as the type is known. An input that ends
        without ever having had a type is empty."""
        if self.decoder is not None:
            return True
        kind = self.type()
        if kind == "":
            self.flushed = self.ended and not self.queue
            return False
        self.decoder = decoder_for(kind, self.logger, self.progress)
        if self.decoder is not None:
            self.lines = is_lines(kind)
            return True
        self.failure = TypeError(
            'Content-Type "%s" is not supported as input: '
            "use application/x-ndjson, text/plain or application/octet-stream" % kind
        )
        self.logger.error(str(self.failure))
        raise self.failure

    def credit(self):
        if self.taken:
            self.consumed += self.taken
            self.taken = 0
            if self.limit() - self.told_limit >= QUARTER:
                self.channel.tell_input()

