"""Health: what the program says of itself, told to the Hub at the rate it asks
for."""

from time import monotonic

EARLY = 0.001  # s that a timer may be before its time


class Health:
    def __init__(self, runner, context):
        self.runner = runner
        self.context = context
        self.begun = False  # handlers may be run
        self.rate = 1  # a second
        self.at = None  # when it is due, monotonic seconds
        self.sent = 0  # number of the last message
        self.busy = False  # handlers are asked

    def begin(self):
        self.begun = True
        self._due()

    def set_rate(self, rate):
        self.rate = rate
        self._due()

    def _due(self):
        self.at = None
        if self.rate > 0 and self.begun:
            self.at = monotonic()
            self.runner.loop.call_later(0, self._tell)

    def _tell(self):
        if self.at is None or self.at > monotonic() + EARLY:
            return  # a timer of another rate
        interval = 1.0 / self.rate
        self.at = monotonic() + interval
        self.runner.loop.call_later(interval, self._tell)
        if self.busy or not self.runner.messages.has_acked(self.sent):
            return  # the one before is still asked for, or unacked
        handlers = self.context._monitoring_handlers
        if handlers:
            self.busy = True
            self.runner.loop.spawn(self._ask_all(list(handlers)))
        else:
            self._send(True)

    def _send(self, healthy):
        self.sent = self.runner.messages.send(type="health", healthy=healthy)

    async def _ask_all(self, handlers):
        healthy = True
        for handler in handlers:
            try:
                answer = ask(handler, healthy)
                if hasattr(answer, "__await__"):
                    self.runner.loop.will_await()
                    answer = await answer
                healthy = healthy and bool(answer and answer.get("healthy"))
            except Exception as err:
                self.context.logger.error("a monitoring handler failed", err)
                healthy = False
        self._send(healthy)
        self.busy = False

    def stand_in(self, now, patience):
        """Tells it for a program whose thread does not come back. Handlers are
        not run for it: the last answer stands."""
        if self.at is None or now - self.at <= patience or self.context._monitoring_handlers:
            return
        if self.runner.messages.has_acked(self.sent):
            self._send(True)
            self.at = now + 1.0 / (self.rate or 1)


def ask(handler, healthy):
    """Scramjet's Python calls the handler without arguments, its Node with one."""
    code = getattr(handler, "__code__", None)
    if code is not None:
        takes = code.co_argcount - (1 if hasattr(handler, "__self__") else 0)
        return handler({"healthy": healthy}) if takes > len(handler.__defaults__ or ()) else handler()
    return handler()
