"""The runner: waits for a program, loads and runs it, and carries what Hub and
program have to say to each other."""

import os
import sys
from _thread import RLock
from time import monotonic

from . import exit as ends
from . import signal
from .channel import Channel
from .frames import MAX_NUMBER
from .input import Input
from .logger import Logger, free_log, keep_from_children
from .loop import MiniLoop
from .messages import Messages
from .output import Output
from .watch import Watch

MARK_WITHIN = 0.005


class Runner:
    def __init__(self, path, key, here):
        self.here = here
        self.log = Logger("Runner")
        keep_from_children()
        self.channel = Channel(path, {
            "version": 1, "key": key, "language": "python3",
            "languageVersion": "%d.%d.%d" % sys.version_info[:3], "pid": os.getpid(),
        })
        self.messages = Messages(self.channel, self._handle)
        self.input = Input(self.channel, self.log)
        self.output = Output(self.channel)
        self.channel.attach(self.input, self.output, self.messages)
        self.channel.on_lost = lambda: os._exit(ends.RUNNER)  # nobody gave it a program
        self.channel.on_held = lambda: self.loop.held()
        self.loop = MiniLoop(self)
        signal.use(self.loop)
        self.watch = Watch(self)
        self.exit = ends.Exit(self)
        self.inbox = []  # messages for the program's handlers
        self.start_message = None
        self.program = None  # what is loaded (program.py)
        self.touched = False  # progress has moved since it was told

    def run(self):
        if os.getpid() == 1:
            self._mind_sigterm()  # the kernel drops it for a pid 1 without a handler
        os.register_at_fork(after_in_child=self._forked)
        with self.channel.lock:
            self.channel.connect()
        preload()  # while the Hub answers
        try:
            self.loop.block(lambda: self.start_message is not None)
            from .program import ProgramRun

            self.program = ProgramRun(self, self.start_message)
            self.watch.start()
            self.program.run()
        except SystemExit as err:
            self._left(err)
        except KeyboardInterrupt:
            self.exit.leave(130)

    def _mind_sigterm(self):
        import _signal

        if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGTERM, lambda *_: os._exit(143))

    def _forked(self):
        """A child of the program has nothing to say to the Hub, nor waits for
        it: its input is over, and what it emits is nobody's."""
        channel = self.channel
        # A thread that is no more may have held them.
        channel.lock = self.output.lock = RLock()
        free_log()
        self.input.ended = True
        self.output.limit = MAX_NUMBER
        self.output.write = lambda piece: None
        channel.closed = True
        if channel.sock is not None:
            channel.sock.close()
            channel.sock, channel.open = None, False

    def _left(self, err):
        """The program called sys.exit."""
        code = ends.code_of(err)
        if self.program is not None:
            self.program.ready()
        self.output.flush()
        by = monotonic() + ends.FAIL_WITHIN
        if os.getpid() == self.exit.pid:
            self.output.end()
            self.loop.wait_plainly(lambda: self.messages.idle() and self.output.end_acked or monotonic() >= by, by)
        self.exit.deadline = by
        self.exit.leave(code)

    # Messages of the Hub come in whichever thread serves the channel.

    def _handle(self, message):
        kind = message.get("type")
        if kind == "start":
            if self.start_message is None:
                self.channel.instance = message["instance"]
                self.start_message = message
        elif kind == "input":
            self.input.set_type(message.get("contentType", ""))
        elif kind == "kill":
            self._kill()
        elif kind == "saved":
            self.program.saves.saved(message)
        elif kind in ("stop", "event", "monitoring"):
            message["came"] = monotonic()
            self.inbox.append(message)
            if self.program is not None:
                self.loop.message_came()

    def heard(self):
        """There is a message for the program."""
        return bool(self.inbox) and self.program is not None and self.program.called

    def _kill(self):
        try:
            if self.program is not None:
                self.program.killed()
        finally:
            ends.flush()
            os._exit(ends.KILLED)

    def dispatch(self):
        """Hands messages to the program, in its own thread."""
        program = self.program
        if program is None or not program.called:
            return
        while self.inbox:
            program.message(self.inbox.pop(0))

    # What the loops and the watch see to.

    def waits(self):
        """The program's thread is about to wait for the first time in a while."""
        if self.program is not None:
            self.program.ready()

    def settle(self):
        """Everything the program gave goes out; called with the lock held."""
        ends.flush_stdout()
        self.output.flush()
        if self.touched:
            self.touched = False
            self.output.mark()
        self.channel.tell_input()

    def serve(self):
        """What the watch does for a thread that is busy; with the lock held."""
        self.channel.connect()
        self.channel.drain()
        for _ in range(8):
            if not self.channel.receive():
                break
            self.loop.served()
        self.output.flush()
        if self.touched:
            self.touched = False
            self.output.mark()
        self.channel.tell_input()

    def stand_in(self, now, patience):
        if self.program is not None:
            self.program.stand_in(now, patience)

    def touch(self):
        self.touched = True
        self.loop.touched(MARK_WITHIN)

    def idle(self):
        """The program waits for more input."""
        self.stands_still(True)
        if self.output.progress is not None:
            self.touched = False
            self.output.mark()

    def stands_still(self, for_input=False):
        """The program waits for more input, or for somebody to read its output:
        in vain, perhaps."""
        if self.is_over(for_input):
            raise ends.ProgramOver()

    def is_over(self, for_input):
        return self.program is not None and self.program.is_over(for_input)

    async def others(self, deadline):
        """Waits for what the program has left running."""
        await self.loop.others(deadline)

    def emit(self, name, message):
        if self.messages.full():
            self.log.error("event %s dropped: the Hub has not answered for too long" % name)
        else:
            self.messages.send(type="event", name=str(name), message="" if message is None else message)

    def keep_alive(self, timeout):
        self.program.stopping.keep_alive(timeout)

    def end(self, error):
        self.program.end(error)

    def save(self, state, saved):
        return self.program.save(state, saved)


def preload():
    """Loads everything between `start` and the program."""
    from . import adopt, context, installed, load, prepare, produce, program, progress  # noqa: F401

    installed.folders()
