"""One run of a program: from the message `start` to its end."""

import sys
from time import monotonic, sleep

from . import exit as ends
from .context import AppContext
from .load import EntrypointError, find_entry, load
from .logger import Logger
from .prepare import prepare
from .produce import Producer
from .program_input import ProgramInput
from .saves import Saves


class ProgramRun:
    def __init__(self, runner, start):
        self.runner = runner
        self.start = start
        self.called = False  # handlers may be run
        self.module = None  # load.Program
        self.context = AppContext(start, Logger("Sequence"), runner)
        self.input = None  # as the program sees it
        self.told_ready = False
        self.call_began = None
        self.saves = Saves(runner)
        self.stopping = False
        self.keep_until = 0.0
        self.rate = 1
        self.health_at = None  # when it is due, monotonic seconds
        self.health_sent = 0  # number of the last message
        self.health_busy = False
        if start.get("marks"):
            self._track()

    def _track(self):
        """Makes the runner tell how far the program is in its input."""
        from .progress import Progress

        runner = self.runner
        progress = Progress(self.start, runner.input, runner.output, runner.log)
        runner.input.progress = runner.output.progress = progress

    def run(self):
        runner, start = self.runner, self.start
        runner.output.on_gather = self._gathered
        prepare(start, runner.here)
        try:
            entry = find_entry(start["package"], start["main"])
            sys.argv[:] = [entry]
            self.module = load(entry)
        except EntrypointError as err:
            runner.exit.fail("entrypoint", ends.ENTRYPOINT, err)
        except SystemExit as err:
            runner.exit.fail("load", ends.LOAD, RuntimeError("the program called sys.exit(%r) while it was loaded" % (err.code,)))
        except BaseException as err:
            runner.exit.fail("load", ends.LOAD, err)
        if self.module.requires is not None and runner.output.progress is None:
            self._track()  # the Hub cannot have known
        if self.module.requires_type:
            runner.input.declared = self.module.requires_type
        self._choose_loop()
        runner.loop.run(self._main())

    def _choose_loop(self):
        if "asyncio" in sys.modules:
            from .aio import AsyncioLoop

            AsyncioLoop(self.runner).use()

    def _gathered(self):
        self.runner.loop.gathered()
        self.runner.watch.poke()

    async def _main(self):
        runner, module = self.runner, self.module
        try:
            self.called = True
            self.health_due()
            value = await self._call()
            self.ready(value)
            self._warn_late(value)
            progress = runner.output.progress
            self.producer = Producer(runner.output, self._announce, module, self.start.get("outputType"), runner)
            await self.producer.produce(value)
            if value is None:
                await runner.loop.others_reading(self._is_read)
            if progress is not None:
                progress.complete()
        except (SystemExit, KeyboardInterrupt):
            raise
        except ends.ProgramOver:
            runner.exit.leave(runner.exit.code)
        except BaseException as err:
            # Who is told to stop may cancel all tasks there are.
            if not (self.stopping and ends.is_cancelled(err)):
                self.ready()
                runner.exit.fail("run", ends.PROGRAM, err)
        await runner.exit.complete(max(0, float(self.context.exit_timeout or 0) / 1000))

    async def _call(self):
        """Calls run and returns what it returned, coroutines awaited."""
        self.input = self._input()
        self.call_began = monotonic()
        self.runner.watch.poke()
        self.runner.loop.call_later(0, self.ready)  # when it waits for the first time
        value = self.module.run(self.context, self.input, *(self.start.get("args") or ()))
        if hasattr(value, "__await__"):
            self.runner.loop.will_await()
            value = await value
        return value

    def _input(self):
        """A program that brings its own scramjet module gets a Stream of that."""
        mine = ProgramInput(self.runner.input, self.runner)
        streams = sys.modules.get("scramjet.streams")
        own = streams is not None and not (getattr(streams, "__file__", "") or "").startswith(self.runner.here)
        return mine.own_stream(streams.Stream) if own else mine

    def ready(self, value=None):
        """Tells the Hub that the program is loaded; what it returned may say
        which Topic it wants to be fed from."""
        if self.told_ready or self.module is None:
            return
        with self.runner.channel.lock:
            if self.told_ready:
                return
            self.told_ready = True
            requires, kind = self.module.requires, self.module.requires_type
            named = getattr(value, "requires", None) if value is not None else None
            if isinstance(named, str) and named:
                requires, kind = named, getattr(value, "content_type", None) or kind
                self.runner.input.declared = self.runner.input.declared or kind or ""
                self.named = named
            self.runner.messages.send(type="ready", requires=requires, contentType=kind)

    named = None

    def _warn_late(self, value):
        late = getattr(value, "requires", None) if value is not None else None
        if isinstance(late, str) and late and late not in (self.named, self.module.requires):
            self.runner.log.warning(
                "what run returned requires the Topic %s, but run took too long: declare it as "
                "requires = {'requires': '%s', 'contentType': …} in the module" % (late, late)
            )

    def _announce(self, provides, content_type, encoding):
        self.runner.messages.send(type="output", provides=provides, contentType=content_type, encoding=encoding)

    def _is_read(self):
        return self.input is not None and not isinstance(self.input, ProgramInput) or not self.input.untouched()

    # Messages, in the program's thread.

    def message(self, message):
        kind = message["type"]
        if kind == "stop":
            self.runner.loop.spawn(self.stop(message))
        elif kind == "event":
            self._event(message)
        else:
            self.rate = message.get("rate") or 0
            self.health_due()

    def _event(self, message):
        """What a handler throws is the program's error, not the channel's."""
        try:
            results = self.context.emitter.emit(message.get("name", ""), message.get("message"))
        except Exception as err:
            self.runner.exit.fail("run", ends.UNCAUGHT, err)
            return
        for result in results:
            if hasattr(result, "__await__"):
                self.runner.loop.spawn(self._handler(result))

    async def _handler(self, result):
        try:
            self.runner.loop.will_await()
            await result
        except Exception as err:
            self.runner.exit.fail("run", ends.UNCAUGHT, err)

    async def stop(self, message):
        """Runs the handlers, then waits as long as the program asked for."""
        if self.stopping:
            return
        self.stopping = True
        handlers = self.context._stop_handlers
        unaware = not handlers and isinstance(self.input, ProgramInput) and self.input.untouched()
        failure = await self._stop_handlers(message)
        self._after_keep_alive(lambda: self.runner.exit.stop(failure, unaware))

    async def _stop_handlers(self, message):
        failure = None
        for handler in list(self.context._stop_handlers):
            try:
                result = handler((message.get("timeout") or 0) / 1000, bool(message.get("canCallKeepalive")))
                if hasattr(result, "__await__"):
                    self.runner.loop.will_await()
                    await result
            except Exception as err:
                self.context.logger.error("a stop handler failed", err)
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

    def end(self, error):
        self.keep_until = 0.0
        self.runner.exit.stop(error, False)
        self.runner.exit.overdue(max(0, float(self.context.exit_timeout or 0) / 1000))

    def killed(self):
        for handler in self.context._kill_handlers:
            try:
                handler()
            except Exception as err:
                self.context.logger.error("a kill handler failed", err)

    def save(self, state, saved):
        return self.saves.save(state, saved)

    def is_over(self, for_input):
        """Nothing more comes for a program that was stopped, and that waits.
        (When the Hub has stopped it, it ends the input too.)"""
        exit = self.runner.exit
        if not exit.stopped or (for_input and self.stopping):
            return False
        loop = self.runner.loop  # what run has started does not end it
        return exit.free() and loop.alone() and loop.runs_program()

    # Health.

    def health_due(self):
        """Begins to tell of the program's health, `rate` times a second."""
        if self.rate > 0 and self.called:
            self.health_at = monotonic()
            self.runner.loop.call_later(0, self._health)
        else:
            self.health_at = None

    def _health(self):
        if self.health_at is None or self.health_at > monotonic() + 0.001:
            return
        self._next_health()
        handlers = self.context._monitoring_handlers
        if self.health_busy or not self.runner.messages.has_acked(self.health_sent):
            return  # the one before is still asked for, or unacked
        if handlers:
            self.health_busy = True
            self.runner.loop.spawn(self._ask_health(list(handlers)))
        else:
            self.health_sent = self.runner.messages.send(type="health", healthy=True)

    def _next_health(self):
        interval = 1.0 / self.rate
        self.health_at = monotonic() + interval
        self.runner.loop.call_later(interval, self._health)

    async def _ask_health(self, handlers):
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
        self.health_sent = self.runner.messages.send(type="health", healthy=healthy)
        self.health_busy = False

    # What the watch does when the program's thread does not come back.

    def stand_in(self, now, patience):
        if self.call_began is not None and now - self.call_began > 0.1:
            self.ready()
        if self.health_at is not None and now - self.health_at > patience and not self.context._monitoring_handlers:
            if self.runner.messages.has_acked(self.health_sent):
                self.health_sent = self.runner.messages.send(type="health", healthy=True)
                self.health_at = now + 1.0 / (self.rate or 1)
        for message in list(self.runner.inbox):
            if message["type"] == "stop" and now - message["came"] > patience and self.called:
                self.runner.inbox.remove(message)
                self._stop_apart(message)

    def _stop_apart(self, message):
        from .standin import run_apart

        self.stopping = True
        unaware = not self.context._stop_handlers and isinstance(self.input, ProgramInput) and self.input.untouched()
        failure = run_apart(self._stop_handlers(message), self.runner)
        while monotonic() < self.keep_until:
            sleep(0.05)
        self.runner.exit.stop(failure, unaware)


def ask(handler, healthy):
    """Scramjet's Python calls the handler without arguments, its Node with one."""
    code = getattr(handler, "__code__", None)
    if code is not None:
        takes = code.co_argcount - (1 if hasattr(handler, "__self__") else 0)
        return handler({"healthy": healthy}) if takes > len(handler.__defaults__ or ()) else handler()
    return handler()
