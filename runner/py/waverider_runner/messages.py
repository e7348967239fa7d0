"""Control messages of both directions: numbered, kept until acked, handled in
order and once."""

from . import frames
from .frames import ProtocolError
from .jsontext import dump_bytes, loads
from .signal import Signal

KEPT_MAX = 16 * 1024 * 1024  # bytes of droppable messages while the Hub is away


class Messages:
    def __init__(self, channel, handle):
        self.channel = channel
        self.handle = handle
        self.received = 0
        self.next = 1
        self.kept = []  # (number, frame)
        self.kept_bytes = 0
        self.progress = Signal()  # something was acked

    def hello(self):
        return {"received": self.received, "next": self.kept[0][0] if self.kept else self.next}

    def send(self, **message):
        """Queues a message; fields that are None are left out. Returns its number.
        ValueError when it is too large."""
        payload = dump_bytes({name: value for name, value in message.items() if value is not None or name == "state"})
        if len(payload) > frames.MAX_PAYLOAD:
            raise ValueError("%s: %d bytes are more than the %d that can be sent" % (message["type"], len(payload), frames.MAX_PAYLOAD))
        with self.channel.lock:
            number = self.next
            self.next += 1
            frame = frames.frame(frames.MESSAGE, frames.CONTROL, number, payload)
            self.kept.append((number, frame))
            self.kept_bytes += len(frame)
            self.channel.send(frame)
        return number

    def full(self):
        """The Hub has been away for so long that no more events can be kept."""
        return self.kept_bytes > KEPT_MAX

    def idle(self):
        return not self.kept

    def has_acked(self, number):
        return not self.kept or self.kept[0][0] > number

    def acked(self, number):
        if number >= self.next:
            raise ProtocolError("an ack of a message never sent")
        done = 0
        while done < len(self.kept) and self.kept[done][0] <= number:
            self.kept_bytes -= len(self.kept[done][1])
            done += 1
        if done:
            del self.kept[:done]
            self.progress.fire()

    def resume(self, received):
        self.acked(received)
        for _, frame in self.kept:
            self.channel.send(frame)

    def receive(self, number, payload):
        if number > self.received + 1:
            raise ProtocolError("a gap in messages")
        if number == self.received + 1:
            try:
                message = loads(payload)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                raise ProtocolError("a message that is no object of JSON")
            self.received = number
            self.handle(message)
        self.channel.send(frames.window(frames.CONTROL, self.received))
