"""A program may import asyncio late, inside a function, while its coroutines
are driven by the small loop already. Then an event loop of asyncio takes over
right there: what the program awaits next is served by that."""

import sys

from . import signal
from .signal import Mark


def expect_asyncio(loop):
    """Notices the import of asyncio, for loop."""
    sys.meta_path.insert(0, _Finder(loop))


class _Finder:
    def __init__(self, loop):
        self.loop = loop

    def find_spec(self, name, path=None, target=None):
        if name != "asyncio":
            return None
        sys.meta_path.remove(self)
        from _frozen_importlib_external import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                self.loop.asyncio_came()

            spec.loader.exec_module = exec_module
        return spec


class Takeover:
    """From the small loop to one of asyncio."""

    def __init__(self, mini):
        import asyncio

        from .aio import AsyncioLoop

        self.asyncio = asyncio
        self.aio = AsyncioLoop(mini.runner, asyncio.new_event_loop())
        self.aio.main = mini.main
        self.task = None  # in the place of the one that is being run
        self.carried = None

    def enter(self):
        """In the middle of a coroutine: it finds a running loop from now on."""
        asyncio = self.asyncio
        self.carried = Carried()
        asyncio._set_running_loop(self.aio.loop)
        self.task = self.aio.loop.create_task(_carry(self.carried))
        asyncio.tasks._enter_task(self.aio.loop, self.task)

    def leave(self):
        self.asyncio.tasks._leave_task(self.aio.loop, self.task)
        self.asyncio._set_running_loop(None)

    def run(self, mini, main):
        """Runs all tasks of the small loop until main has ended."""
        aio = self.aio
        aio.use()
        asyncio_main = None
        tasks = list(dict.fromkeys(list(mini.waiting) + list(mini.ready) + ([mini.current] if mini.current else []) + [main]))
        for task in tasks:
            if task is mini.current and self.task is not None:
                self.carried.begin(task, mini.awaited)
                own = self.task
            else:
                carried = Carried()
                carried.begin(task, mini.waiting.get(task))
                own = aio.loop.create_task(_carry(carried))
            aio.own.add(own)
            if task is main:
                asyncio_main = own
            else:
                own.add_done_callback(aio.own.discard)
        for when, _, function in mini.timers:
            aio.loop.call_later(max(0, when - mini.now()), function)
        for function in mini.calls:
            aio.loop.call_soon(function)
        aio.loop.call_soon(mini.runner.dispatch)
        return aio.loop.run_until_complete(asyncio_main)


class Carried:
    """A coroutine that has begun elsewhere, to be awaited from here on."""

    def __init__(self):
        self.task = self.awaited = None

    def begin(self, task, awaited):
        self.task, self.awaited = task, awaited

    def __await__(self):
        task, awaited = self.task, self.awaited
        if task.done:
            if task.error is not None:
                raise task.error
            return task.value
        coroutine = task.coroutine
        while True:
            try:
                if isinstance(awaited, Mark):
                    yield from signal.current.wait(awaited)
                    got = None
                else:
                    got = yield awaited
            except BaseException as err:
                resume, argument = coroutine.throw, err
            else:
                resume, argument = coroutine.send, got
            try:
                awaited = resume(argument)
            except StopIteration as end:
                return end.value


async def _carry(carried):
    return await carried
