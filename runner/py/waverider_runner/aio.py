"""The loop of a program that uses asyncio: an event loop of the standard
library that serves the channel besides."""

import asyncio
from _socket import SHUT_RDWR
from _thread import get_ident
from time import monotonic

from . import exit as ends
from . import signal
from .loop import RECEIVE_AT_ONCE, Base

TELL_WITHIN = 0.005  # s until input is acked that no output went with


def _event_loop():
    """The loop that the program has got hold of already, else a new one."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loop = asyncio.get_event_loop()
        except RuntimeError:
            return asyncio.new_event_loop()
    return asyncio.new_event_loop() if loop.is_closed() else loop


def _nothing():
    """Ends a wait of the loop."""


class AsyncioLoop(Base):
    def __init__(self, runner, loop=None):
        super().__init__(runner)
        self.loop = loop or _event_loop()
        self.own = set()  # tasks of the runner
        self.socket_fd = -1
        self.writing = False
        self.flushing = self.telling = self.marking = False
        self.nested = 0  # turns of the loop inside of a task

    def use(self):
        """Makes this the loop of the runner."""
        asyncio.set_event_loop(self.loop)
        signal.use(self)
        self.runner.loop = self
        self.channel.on_socket = self._socket_changed
        self.channel.discard = self._discard
        with self.channel.lock:
            self._watch_socket()

    def run(self, coroutine):
        task = self.loop.create_task(coroutine)
        self.own.add(task)
        try:
            return self.loop.run_until_complete(task)
        finally:
            if task.done() and not task.cancelled():
                task.exception()  # seen

    def spawn(self, coroutine):
        task = self.loop.create_task(coroutine)
        self.own.add(task)
        task.add_done_callback(self.own.discard)

    def call_later(self, delay, function):
        self.loop.call_later(delay, function)

    def call_from_thread(self, function):
        self.loop.call_soon_threadsafe(function)

    def _call_soon(self, function):
        if get_ident() == self.main:
            self.loop.call_soon(function)
        else:
            self.loop.call_soon_threadsafe(function)

    def wait(self, mark):
        loop = asyncio.get_running_loop()  # another one in another thread
        future = loop.create_future()
        call_soon = self._call_soon if loop is self.loop else loop.call_soon_threadsafe

        def wake():
            call_soon(lambda: future.done() or future.set_result(None))

        with self.channel.lock:
            mark.register(wake)
        try:
            yield from future.__await__()
        except BaseException:  # who waited was cancelled
            with self.channel.lock:
                mark.forget(wake)
            raise

    def block_here(self, ready):
        """While synchronous code of `run` waits, other tasks go on."""
        task = asyncio.current_task(self.loop) if asyncio._get_running_loop() is self.loop else None
        if task is None or not hasattr(self.loop, "_run_once"):
            return self.wait_plainly(ready)
        with self.channel.lock:
            self.runner.settle()
            self._watch_writing()
        counted = len(self.loop._ready)  # calls that the turn this is in has still to make
        self.nested += 1
        asyncio.tasks._leave_task(self.loop, task)
        try:
            while not ready():
                self.loop._run_once()
        finally:
            asyncio.tasks._enter_task(self.loop, task)
            self.nested -= 1
            for _ in range(counted - len(self.loop._ready)):
                self.loop.call_soon(_nothing)

    def held(self):
        self._call_soon(self._watch_writing)
        super().held()

    def served(self):
        if self.nested:
            self._call_soon(_nothing)

    def runs_program(self):
        return super().runs_program() and asyncio.current_task() in self.own

    # The socket.

    def _discard(self, sock):
        """Closes it when the loop has forgotten its number, which may be that
        of another file from then on."""
        if get_ident() != self.main:
            try:
                sock.shutdown(SHUT_RDWR)
            except OSError:
                pass
            self.loop.call_soon_threadsafe(self._discard, sock)
            return
        if sock.fileno() == self.socket_fd:
            self._forget_socket()
        sock.close()

    def _forget_socket(self):
        if self.socket_fd >= 0:
            self.loop.remove_reader(self.socket_fd)
            self.loop.remove_writer(self.socket_fd)
            self.socket_fd, self.writing = -1, False

    def _socket_changed(self):
        self._call_soon(self._watch_socket)

    def _watch_socket(self):
        channel = self.channel
        with channel.lock:
            self._forget_socket()
            if channel.closed:
                return
            if not channel.connect():
                self.loop.call_later(max(0.001, channel.retry_at - monotonic()), self._watch_socket)
                return
            self.socket_fd = channel.fileno()
            self.loop.add_reader(self.socket_fd, self._readable)
            self._watch_writing()

    def _watch_writing(self):
        wanted = bool(self.channel.pending)
        if wanted != self.writing and self.socket_fd >= 0 and self.socket_fd == self.channel.fileno():
            self.writing = wanted
            if wanted:
                self.loop.add_writer(self.socket_fd, self._readable)
            else:
                self.loop.remove_writer(self.socket_fd)

    def _readable(self):
        with self.channel.lock:
            self.channel.drain()
            for _ in range(RECEIVE_AT_ONCE):
                if not self.channel.receive():
                    break
            self._watch_writing()
        if self.runner.input.moved() and not self.telling:
            self.telling = True
            self.loop.call_later(TELL_WITHIN, self._tell)

    def _tell(self):
        self.telling = False
        ends.flush_stdout()
        with self.channel.lock:
            self.channel.tell_input()

    def message_came(self):
        self._call_soon(self.runner.dispatch)

    # Output.

    def gathered(self):
        """Sends when the program has done what it can do now, so that many
        small pieces go as one."""
        if not self.flushing:
            self.flushing = True
            self._call_soon(self._flush)

    def _flush(self):
        self.flushing = False
        with self.channel.lock:
            self.runner.output.flush()
            self._watch_writing()

    def touched(self, within):
        if not self.marking:
            self.marking = True
            self.loop.call_later(within, self._mark)

    def _mark(self):
        self.marking = False
        with self.channel.lock:
            if self.runner.touched:
                self.runner.touched = False
                self.runner.output.mark()

    # What the program has left running.

    def _others(self):
        me = asyncio.current_task()
        return [task for task in asyncio.all_tasks() if task is not me and task not in self.own]

    def alone(self):
        return not self._others()

    async def others(self, deadline):
        while True:
            tasks, left = self._others(), deadline - monotonic()
            if not tasks or left <= 0:
                return
            await asyncio.wait(tasks, timeout=left)

    async def others_reading(self, is_read):
        """For as long as the input is read."""
        while is_read() and not self.runner.input.done():
            tasks = self._others()
            if not tasks:
                return
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
