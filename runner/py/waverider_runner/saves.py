"""State that the program keeps: asked for by message, answered by message."""

from .signal import Signal


class Saves:
    def __init__(self, runner):
        self.runner = runner
        self.last = 0
        self.open = {}  # id → Save

    def save(self, state, saved):
        runner = self.runner
        if runner.messages.full():
            raise RuntimeError("save: the Hub has not answered for too long")
        with runner.channel.lock:
            self.last += 1
            runner.output.flush()  # the state may say that it was emitted
            progress = runner.output.progress
            done = None if progress is None else progress.saved()
            runner.messages.send(type="save", id=self.last, state=state, done=done, output=runner.output.next)
            save = self.open[self.last] = Save(saved)
        return save

    def saved(self, message):
        save = self.open.pop(message.get("id"), None)
        if save is not None:
            save.answered(message.get("error"))


class Save:
    """Awaitable: the state is kept."""

    def __init__(self, saved):
        self._saved = saved
        self._done = False
        self._error = None
        self._changed = Signal()

    def answered(self, error):
        if error:
            self._error = error
        else:
            self._saved()
        self._done = True
        self._changed.fire()

    def done(self):
        return self._done

    def result(self):
        if self._error is not None:
            raise RuntimeError("save: %s" % self._error)

    def __await__(self):
        while not self._done:
            changed = self._changed.mark()
            if not self._done:
                yield from changed.__await__()
        self.result()
