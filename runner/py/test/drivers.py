"""Runs coroutines on asyncio and without it, for tests.

`waverider_runner.loop` is replaced while a test module runs: what is tested may
only use its in_thread.
"""

import asyncio
import os
import queue
import sys
import threading
import types

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
for folder in (ROOT, os.path.join(ROOT, "lib")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

LOOP = "waverider_runner.loop"
_kept = []


class Job:
    def __init__(self, function, args):
        self.work = lambda: function(*args)

    def __await__(self):
        return (yield self)


async def in_thread(function, *args):
    loop = asyncio._get_running_loop()
    if loop is not None:
        return await loop.run_in_executor(None, function, *args)
    return await Job(function, args)


def install(spawn=None):
    """setUpModule of a test module; with spawn, there is a loop that has it."""
    from waverider_runner import signal

    loop = types.ModuleType(LOOP)
    loop.in_thread = in_thread
    _kept.append((sys.modules.get(LOOP), signal.current))
    _put(loop, types.SimpleNamespace(spawn=spawn) if spawn is not None else None)


def uninstall():
    """tearDownModule of a test module."""
    _put(*_kept.pop())


def _put(loop, current):
    import waverider_runner
    from waverider_runner import signal

    signal.use(current)
    if loop is None:
        del sys.modules[LOOP], waverider_runner.loop
    else:
        sys.modules[LOOP] = waverider_runner.loop = loop


class Driver:
    """Runs coroutines with nothing but send and throw, and threads for Jobs."""

    def __init__(self):
        self._resumed = queue.Queue()

    def spawn(self, coroutine):
        self._resumed.put((coroutine, coroutine.send, None))

    def run(self, main):
        self.spawn(main)
        try:
            return self._run(main)
        finally:
            while not self._resumed.empty():
                self._resumed.get()[0].close()

    def _run(self, main):
        while True:
            coroutine, resume, value = self._resumed.get(timeout=30)  # Empty: it blocks for ever
            try:
                job = resume(value)
            except StopIteration as stop:
                if coroutine is main:
                    return stop.value
                continue
            assert isinstance(job, Job), "awaited something that is not ours: %r" % (job,)
            threading.Thread(target=self._work, args=(job, coroutine), daemon=True).start()

    def _work(self, job, coroutine):
        try:
            said = coroutine, coroutine.send, job.work()
        except BaseException as error:
            said = coroutine, coroutine.throw, error
        self._resumed.put(said)


class Both:
    """Cases are run on asyncio and without it."""

    def run_async(self, coroutine):
        raise NotImplementedError


class OnAsyncio(Both):
    def run_async(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 30))


class ByHand(Both):
    def run_async(self, coroutine):
        return Driver().run(coroutine)


class Spawning(Both):
    """By hand, on a loop that can run coroutines besides."""

    def setUp(self):
        install(spawn=lambda coroutine: self._driver.spawn(coroutine))
        self.addCleanup(uninstall)

    def run_async(self, coroutine):
        self._driver = Driver()
        return self._driver.run(coroutine)
