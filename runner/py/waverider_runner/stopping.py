"""Stopping: the handlers of the program, and the time it asks for."""

from time import monotonic, sleep

from . import exit as ends

VARARGS = 0x04  # of the flags of code: it takes *args


class Stopping:
    def __init__(self, program):
        self.program = program
        self.runner = program.runner
        self.begun = False  # the Hub has asked for it
        self.keep_until = 0.0

    async def stop(self, message):
        """Runs the handlers, then waits as long as the program asked for."""
        if self.begun:
            return
        self.begun = True
        unaware = self.program.unaware()
        failure = await self._handlers(message)
        self._after_keep_alive(lambda: self.runner.exit.stop(failure, unaware))

    def stop_apart(self, message):
        """The same in the thread of the watch, for a program that is busy."""
        from .standin import run_apart

        self.begun = True
        unaware = self.program.unaware()
        try:
            failure = run_apart(self._handlers(message), self.runner)
        except SystemExit as err:  # it would end the thread of the watch only
            failure = None
            self.runner.exit.code = ends.code_of(err)
            self.runner.exit.overdue(ends.FAIL_WITHIN)
        while monotonic() < self.keep_until:
            sleep(0.05)
        self.runner.exit.stop(failure, unaware)

    async def _handlers(self, message):
        failure = None
        context = self.program.context
        for handler in list(context._stop_handlers):
            try:
                result = tell(handler, (message.get("timeout") or 0) / 1000, bool(message.get("canCallKeepalive")))
                if hasattr(result, "__await__"):
                    self.runner.loop.will_await()
                    await result
            except Exception as err:
                context.logger.error("a stop handler failed", err)
                failure = failure or err
        return failure

    def _after_keep_alive(self, done):
        left = self.keep_until - monotonic()
        if left <= 0:
            done()
        else:
            self.runner.loop.call_later(left, lambda: self._after_keep_alive(done))

    def keep_alive(self, timeout):
        try:
            more = max(0.0, float(timeout or 0))
        except (TypeError, ValueError):
            raise TypeError("keep_alive: the time must be a number of milliseconds") from None
        self.keep_until = max(self.keep_until, monotonic() + more / 1000)
        self.runner.messages.send(type="keepAlive", ms=more)


def tell(handler, *args):
    """Calls a stop handler with as many arguments as it takes, as Node does. A
    coroutine is one too: Scramjet's own samples hand over such."""
    if hasattr(handler, "__await__"):
        return handler
    code = getattr(handler, "__code__", None)
    if code is not None and not code.co_flags & VARARGS:
        args = args[: code.co_argcount - (1 if hasattr(handler, "__self__") else 0)]
    return handler(*args)
