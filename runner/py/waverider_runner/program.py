"""One run of a program: from the message `start` to its end."""

import sys
from time import monotonic

from . import exit as ends
from .context import AppContext
from .health import Health
from .load import EntrypointError, find_entry, load
from .logger import Logger
from .prepare import prepare
from .produce import Producer
from .program_input import ProgramInput
from .saves import Saves
from .stopping import Stopping

READY_WITHIN = 0.1  # s that a call of `run` may keep the Hub from hearing that it was loaded


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
        self.stopping = Stopping(self)
        self.health = Health(runner, self.context)
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
            self.health.begin()
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
            if not (self.stopping.begun and ends.is_cancelled(err)):
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
            self.runner.loop.spawn(self.stopping.stop(message))
        elif kind == "event":
            self._event(message)
        else:
            self.health.set_rate(message.get("rate") or 0)

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

    def end(self, error):
        self.stopping.keep_until = 0.0
        self.runner.exit.stop(error, False)
        self.runner.exit.overdue(max(0, float(self.context.exit_timeout or 0) / 1000))

    def killed(self):
        for handler in self.context._kill_handlers:
            try:
                handler()
            except Exception as err:
                self.context.logger.error("a kill handler failed", err)

    def unaware(self):
        """The program can't know of a stop: it has no handler and does not read
        its input, whose end would tell it."""
        return not self.context._stop_handlers and isinstance(self.input, ProgramInput) and self.input.untouched()

    def save(self, state, saved):
        return self.saves.save(state, saved)

    def is_over(self, for_input):
        """Nothing more comes for a program that was stopped, and that waits.
        (When the Hub has stopped it, it ends the input too.)"""
        exit = self.runner.exit
        if not exit.stopped or (for_input and self.stopping.begun):
            return False
        loop = self.runner.loop  # what run has started does not end it
        return exit.free() and loop.alone() and loop.runs_program()

    # What the watch does when the program's thread does not come back.

    def stand_in(self, now, patience):
        if self.call_began is not None and now - self.call_began > READY_WITHIN:
            self.ready()
        self.health.stand_in(now, patience)
        for message in list(self.runner.inbox):
            if message["type"] == "stop" and now - message["came"] > patience and self.called:
                self.runner.inbox.remove(message)
                self.stopping.stop_apart(message)
