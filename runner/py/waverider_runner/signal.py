"""Waiting. Code of the runner awaits Signals; how it is woken depends on the
loop that runs the program (loop.py, aio.py)."""

current = None  # the loop


def use(loop):
    global current
    current = loop


class Signal:
    """Something that happens again and again, perhaps in another thread. Who
    waits for a change takes a mark, looks whether it has come, and awaits the
    mark if not."""

    __slots__ = ("waiters", "count")

    def __init__(self):
        self.waiters = []
        self.count = 0

    def fire(self):
        self.count += 1
        if self.waiters:
            waiters, self.waiters = self.waiters, []
            for wake in waiters:
                wake()

    def mark(self):
        return Mark(self)


class Mark:
    """Awaitable: the signal was fired after the mark was taken."""

    __slots__ = ("signal", "count")

    def __init__(self, signal):
        self.signal = signal
        self.count = signal.count

    def register(self, wake):
        """Calls wake when the signal is fired, at once if it was. The caller
        holds the channel's lock."""
        if self.signal.count != self.count:
            wake()
        else:
            self.signal.waiters.append(wake)

    def forget(self, wake):
        if wake in self.signal.waiters:
            self.signal.waiters.remove(wake)

    def __await__(self):
        return current.wait(self)


class Turn:
    """Awaitable: others have gone on meanwhile."""

    def __await__(self):
        yield
