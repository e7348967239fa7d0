"""The loop that runs a program which does not use asyncio. Importing asyncio
takes 25 ms and 8 MB, so a program that does not need it is not made to pay for
it: its coroutines await what the runner gives them and nothing else.

A program that does import asyncio is run by aio.py, also when it does so late.
"""

import os
import sys
from _thread import get_ident, start_new_thread
from _collections import deque
from select import POLLIN, POLLOUT, poll
from time import monotonic

from . import signal
from .signal import Mark, Signal

APART = 20  # ms between looks of a thread whose answer another one may take
RECEIVE_AT_ONCE = 8  # pieces, before what waits for them gets a turn


class Base:
    """Serving the channel while the thread of the program has to wait."""

    def __init__(self, runner):
        self.runner = runner
        self.channel = runner.channel
        self.main = get_ident()
        self.polling = False  # the main thread waits, and will take what comes
        self.waker = None  # a pipe that ends polling

    def block(self, ready):
        """Waits in the middle of synchronous code."""
        self.runner.waits()
        if get_ident() == self.main:
            self.block_here(ready)
        else:
            self.block_apart(ready)

    def block_here(self, ready):
        self.wait_plainly(ready)

    def block_apart(self, ready):
        """In a thread that the program has started. What comes while the main
        thread waits too is that thread's, or it would wait for ever."""
        while not ready():
            with self.channel.lock:
                if not self.polling:
                    self.runner.serve()
                    if ready():
                        return
                fd = self.channel.fileno()
            poller = poll()
            if fd >= 0:
                poller.register(fd, POLLIN)
            poller.poll(APART)

    def wait_plainly(self, ready, by=None):
        """Waits, and hands nothing to the program meanwhile; ready becomes true
        at the time `by` at the latest."""
        while not ready():
            self.turn(ready, by)

    def turn(self, ready, by=None):
        """Serves the channel once, and waits for something to happen unless
        ready says that it has."""
        channel = self.channel
        with channel.lock:
            channel.connect()
            if ready() or channel.receive():
                return
            self.runner.settle()
            if ready():
                return
            self.polling = True
        happened = True
        try:
            happened = self._poll(self._timeout(by))
        finally:
            with channel.lock:
                self.polling = False
                if happened:
                    self.runner.watch.main_woke()
                    channel.drain()
                    self._receive()

    def held(self):
        """The socket has no room. The main thread finds that when it waits; it
        may do so already, if this is another one: then the watch sends."""
        if get_ident() != self.main:
            self.runner.watch.poke()

    def served(self):
        """Another thread has taken what the Hub sent."""

    def will_await(self):
        """A coroutine of the program is about to be run."""

    def runs_program(self):
        """This is called by `run` itself, not by something it has started."""
        return get_ident() == self.main

    def _receive(self):
        for _ in range(RECEIVE_AT_ONCE):
            if not self.channel.receive() or self.channel.drained:
                return

    def _timeout(self, by):
        """Seconds until something is due; None when nothing is."""
        retry = self.channel.retry_at if self.channel.sock is None and not self.channel.closed else None
        times = [when for when in (by, self.due(), retry) if when is not None]
        return max(0.0, min(times) - monotonic()) if times else None

    def due(self):
        return None

    def _poll(self, timeout):
        poller = poll()
        if self.channel.sock is not None:
            poller.register(self.channel.sock.fileno(), POLLIN | (POLLOUT if self.channel.pending else 0))
        if self.waker is not None:
            poller.register(self.waker[0], POLLIN)
        events = poller.poll(None if timeout is None else timeout * 1000 + 0.5)
        if self.waker is not None:
            for fd, _ in events:
                if fd == self.waker[0]:
                    os.read(fd, 4096)
        return events

    def wake(self):
        """Ends polling, from another thread."""
        if self.waker is not None:
            os.write(self.waker[1], b"\0")

    def open_waker(self):
        if self.waker is None:
            self.waker = os.pipe()


class Task:
    __slots__ = ("coroutine", "done", "value", "error")

    def __init__(self, coroutine):
        self.coroutine = coroutine
        self.done = False
        self.value = self.error = None


class MiniLoop(Base):
    def __init__(self, runner):
        super().__init__(runner)
        self.ready = deque()  # Tasks that can go on
        self.calls = deque()  # functions from other threads
        self.timers = []  # (when, number, function), soonest first
        self.number = 0
        self.waiting = {}  # Task → Mark
        self.current = None  # the Task that is being run
        self.expecting = False  # of an import of asyncio
        self.takeover = None  # by a loop of asyncio (adopt.py)

    def run(self, coroutine):
        """Runs coroutine to its end and returns what it returns. What else was
        spawned is left where it is."""
        task = Task(coroutine)
        self.ready.append(task)
        while not task.done:
            self._go_on()
            if self.takeover is not None:
                return self.takeover.run(self, task)
            if not task.done:
                self.turn(self._stirs)
        if task.error is not None:
            raise task.error
        return task.value

    def spawn(self, coroutine):
        self.ready.append(Task(coroutine))

    def call_later(self, delay, function):
        self.number += 1
        self.timers.append((monotonic() + delay, self.number, function))
        self.timers.sort()

    def call_from_thread(self, function):
        self.calls.append(function)
        self.wake()

    def due(self):
        return self.timers[0][0] if self.timers else None

    def timers_due(self):
        return bool(self.timers) and self.timers[0][0] <= monotonic()

    def _stirs(self):
        return bool(self.ready or self.calls or self.runner.heard()) or self.timers_due()

    def message_came(self):
        """Whoever polls looks anyway; who is in the program's code finds it."""

    def gathered(self):
        """Sent when the program's thread waits next, or by the watch."""

    def touched(self, within):
        self.runner.watch.poke()

    async def others(self, deadline):
        """Handlers that have not come to an end are not waited for."""

    async def others_reading(self, is_read):
        """There is nobody else."""

    def alone(self):
        return True

    @staticmethod
    def now():
        return monotonic()

    def will_await(self):
        """The task that is run now is about to run a coroutine of the program,
        which may use asyncio."""
        if "asyncio" in sys.modules:
            self.asyncio_came()
        elif not self.expecting:
            from .adopt import expect_asyncio

            self.expecting = True
            expect_asyncio(self)

    def asyncio_came(self):
        """asyncio was imported, perhaps by the coroutine that is being run."""
        if self.takeover is not None or get_ident() != self.main or self.current is None:
            return
        from .adopt import Takeover

        self.takeover = Takeover(self)
        self.takeover.enter(self.current)

    def block_here(self, ready):
        """While synchronous code of the program waits, other tasks go on."""
        while not ready():
            if self.takeover is None:
                self._go_on()
            if self.takeover is not None:
                return self.takeover.block(self, ready)
            if ready():
                return
            self.turn(lambda: ready() or self._stirs())

    def _go_on(self):
        before = len(self.ready)
        self.runner.dispatch()
        self.ready.rotate(-before)  # handlers go first: who was here already may be busy for long
        while self.calls:
            self.calls.popleft()()
        while self.timers and self.timers[0][0] <= monotonic():
            self.timers.pop(0)[2]()
        for _ in range(len(self.ready)):
            if self.ready and self.takeover is None:
                self._step(self.ready.popleft())

    def _step(self, task, resume=None, argument=None):
        self.waiting.pop(task, None)
        outer, self.current = self.current, task
        awaited = None
        try:
            awaited = (resume or task.coroutine.send)(argument)
        except StopIteration as end:
            task.done, task.value = True, end.value
        except Exception as err:
            task.done, task.error = True, err
        self.current = outer
        if self.takeover is not None:
            self.takeover.leave(task, awaited)
        elif not task.done:
            self._await(task, awaited)

    def _await(self, task, awaited):
        if isinstance(awaited, Mark):
            self.waiting[task] = awaited
            with self.channel.lock:
                awaited.register(lambda: self.ready.append(task))
        elif awaited is None:  # a bare yield: gives others a turn
            self.ready.append(task)
        else:
            self._step(task, task.coroutine.throw, TypeError("awaited something of another event loop: %r" % (awaited,)))

    def wait(self, mark):
        """The generator behind `await mark`."""
        yield mark



async def in_thread(function, *args):
    """Runs a function that blocks in a thread of its own."""
    done, outcome = Signal(), []
    loop = signal.current
    loop.open_waker()

    def work():
        try:
            result = (function(*args), None)
        except BaseException as err:
            result = (None, err)
        with loop.channel.lock:
            outcome.append(result)
            done.fire()
        signal.current.wake()

    start_new_thread(work, ())
    while not outcome:
        mark = done.mark()
        if not outcome:
            await mark
    value, error = outcome[0]
    if error is not None:
        raise error
    return value
