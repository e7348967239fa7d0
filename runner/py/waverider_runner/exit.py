"""How a runner ends: after the last output is acked, after a stop, when the
program failed, or at once."""

import os
import sys
from _thread import start_new_thread
from time import monotonic, sleep

from .logger import words

COMPLETED, RUNNER, ENVIRONMENT, ENTRYPOINT, LOAD, PROGRAM, UNCAUGHT, KILLED = 0, 11, 20, 21, 22, 23, 101, 137
TOLD = 100_000  # characters of an error that the Hub hears
FAIL_WITHIN = 2.0  # s for the Hub to hear of a failure


class ProgramOver(BaseException):
    """Raised where a program waits for what will not come any more, so that
    its `finally` is run."""


class Exit:
    def __init__(self, runner):
        self.runner = runner
        self.pid = os.getpid()
        self.completed = False  # the output has ended
        self.stopped = False  # stop handlers have run, or the program called end
        self.failing = False
        self.code = COMPLETED
        self.deadline = None  # when the process goes whatever it is doing

    async def complete(self, timeout):
        """The output has ended. The process goes when nothing of the program
        is left to do, at the latest after timeout seconds."""
        runner = self.runner
        if os.getpid() != self.pid:
            self.leave(COMPLETED)  # a child of the program that came back from its work
        self.completed = True
        self.leave_within(timeout)
        runner.output.end()
        runner.messages.send(type="completed", timeout=int(timeout * 1000))
        await self._until_free()
        await runner.others(self.deadline)
        self.leave(self.code)

    def leave_within(self, seconds):
        when = monotonic() + seconds
        if self.deadline is None or when < self.deadline:
            self.deadline = when

    def free(self):
        """The Hub has all it must have."""
        runner = self.runner
        if not runner.messages.idle():
            return False
        if not self.stopped:
            return runner.output.end_acked
        with runner.channel.lock:
            runner.output.flush()
            return runner.output.all_sent()

    async def _until_free(self):
        output, messages = self.runner.output, self.runner.messages
        while not self.free():
            moved, progress = output.moved.mark(), messages.progress.mark()
            if not self.free():
                try:
                    await (moved if messages.idle() else progress)
                except BaseException as err:
                    if not is_cancelled(err):  # as a program that is told to stop may do with all tasks
                        raise

    def stop(self, error, unaware):
        """Lets the process go as soon as the program has nothing left to do.
        unaware: the program does not know of it."""
        if self.stopped or self.failing:
            return
        self.stopped = True
        if error is not None:
            self.code = self.code or PROGRAM
        self.runner.messages.send(
            type="stopped", error=None if error is None else message_of(error), unaware=unaware or None
        )
        loop = self.runner.loop
        loop.call_from_thread(lambda: loop.spawn(self._when_free()))

    def overdue(self, seconds):
        """The process goes then, whatever it is doing."""
        start_new_thread(_leave_at, (monotonic() + seconds, self.code))

    async def _when_free(self):
        """Wakes a program that waits for input, or for somebody to read its
        output: neither will come."""
        await self._until_free()
        with self.runner.channel.lock:
            self.runner.output.moved.fire()
            self.runner.input.arrived.fire()

    def fail(self, phase, code, err):
        """Reports a failure of the program and exits with its code."""
        runner = self.runner
        if os.getpid() != self.pid:
            os._exit(code)
        if self.failing:
            return
        self.failing = True
        message, stack = message_of(err), program_stack(err)
        tell_user(stack)
        runner.log.critical(message, {"name": type(err).__name__, "message": message, "stack": stack[-TOLD:]})
        runner.output.flush()
        number = runner.messages.send(type="failed", phase=phase, exitCode=code, message=message, stack=stack[-TOLD:])
        by = monotonic() + FAIL_WITHIN
        runner.loop.wait_plainly(lambda: runner.messages.has_acked(number) or monotonic() >= by, by)
        self.deadline = by
        self.leave(code)

    def leave(self, code):
        """Ends the process: threads of the program are waited for until the
        deadline, then what it has registered is run."""
        if self.deadline is not None:
            start_new_thread(_leave_at, (self.deadline, code))
        try:
            threading = sys.modules.get("threading")
            if threading is not None:
                threading._shutdown()
            import atexit

            atexit._run_exitfuncs()
        except BaseException as err:
            tell_user(repr(err))
        flush()
        os._exit(code)


def _leave_at(deadline, code):
    sleep(max(0.0, deadline - monotonic()))
    flush()
    os._exit(code)


def flush_stdout():
    """Shows also a line that has no end yet."""
    try:
        sys.stdout.flush()
    except Exception:
        pass


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # nobody reads it


def tell_user(text):
    """Writes behind what the program wrote to stderr itself."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except Exception:
        pass  # stderr is gone; the Hub hears of it by message


def code_of(err):
    """The exit code of a SystemExit."""
    if err.code is None or isinstance(err.code, int):
        return (err.code or 0) & 0xFF
    tell_user(str(err.code))
    return 1


def message_of(err):
    text = words(err)
    if isinstance(err, BaseException):
        text = text or type(err).__name__
    return text[:TOLD]


def is_cancelled(err):
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(err, asyncio.CancelledError)


def program_stack(err):
    """The stack without what is the runner's own above the program."""
    from traceback import format_exception

    here = os.path.dirname(os.path.abspath(__file__))
    frames = err.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(here) and frames.tb_next is not None:
        frames = frames.tb_next
    return "".join(format_exception(type(err), err, frames)).rstrip()
