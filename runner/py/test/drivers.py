"""Runs coroutines on asyncio and without it, for tests.

`waverider_runner.loop` is replaced while a test module runs: what is tested may
only use its in_thread.
"""

import asyncio
import os
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


def install():
    """setUpModule of a test module."""
    loop = types.ModuleType(LOOP)
    loop.in_thread = in_thread
    _kept.append(sys.modules.get(LOOP))
    sys.modules[LOOP] = loop


def uninstall():
    """tearDownModule of a test module."""
    kept = _kept.pop()
    if kept is None:
        del sys.modules[LOOP]
    else:
        sys.modules[LOOP] = kept


def drive(coroutine):
    """Runs a coroutine with nothing but send and throw."""
    resume = lambda: coroutine.send(None)
    while True:
        try:
            job = resume()
        except StopIteration as stop:
            return stop.value
        assert isinstance(job, Job), "awaited something that is not ours: %r" % (job,)
        resume = _outcome(job, coroutine)


def _outcome(job, coroutine):
    said = []

    def work():
        try:
            said.append((coroutine.send, job.work()))
        except BaseException as error:
            said.append((coroutine.throw, error))
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    assert said, "blocked for ever"
    return lambda: said[0][0](said[0][1])


class Both:
    """Cases run by two classes, one of them without asyncio."""

    def run_async(self, coroutine):
        raise NotImplementedError


class OnAsyncio(Both):
    def run_async(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 30))


class ByHand(Both):
    def run_async(self, coroutine):
        return drive(coroutine)
