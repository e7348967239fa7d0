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
        self.carried = {}  # Task → Carried
        self.entered = None  # the Task that is being run
        self.adopted = False

    def enter(self, task):
        """In the middle of a coroutine: it finds a running loop from now on."""
        if self.entered is not task:
            self.entered = task
            self.asyncio._set_running_loop(self.aio.loop)
            self.asyncio.tasks._enter_task(self.aio.loop, self._carry(task).own)

    def leave(self, task, awaited):
        """It has come to await something, or to its end."""
        self.entered = None
        self.asyncio.tasks._leave_task(self.aio.loop, self.carried[task].own)
        self.asyncio._set_running_loop(None)
        self.carried[task].begin(task, awaited)

    def block(self, mini, ready):
        """The same for a coroutine whose synchronous code waits."""
        self._adopt(mini)
        self.enter(mini.current)
        self.aio.block_here(ready)

    def run(self, mini, main):
        """Runs all tasks of the small loop until main has ended."""
        self._adopt(mini)
        return self.aio.loop.run_until_complete(self._carry(main).own)

    def _carry(self, task):
        if task not in self.carried:
            carried = self.carried[task] = Carried()
            carried.own = self.aio.loop.create_task(_carry(carried))
            self.aio.own.add(carried.own)
            carried.own.add_done_callback(self.aio.own.discard)
        return self.carried[task]

    def _adopt(self, mini):
        if self.adopted:
            return
        self.adopted = True
        aio = self.aio
        aio.use()
        for task in dict.fromkeys(list(mini.waiting) + list(mini.ready)):
            self._carry(task).begin(task, mini.waiting.get(task))
        for when, _, function in mini.timers:
            aio.loop.call_later(max(0, when - mini.now()), function)
        for function in mini.calls:
            aio.loop.call_soon(function)
        aio.loop.call_soon(mini.runner.dispatch)


class Carried:
    """A coroutine that has begun elsewhere, to be awaited from here on."""

    def __init__(self):
        self.task = self.awaited = None
        self.own = None  # the task of asyncio
        self.begun = None  # where that waits for the coroutine to await something

    def begin(self, task, awaited):
        self.task, self.awaited = task, awaited
        if self.begun is not None and not self.begun.done():
            self.begun.set_result(None)

    def __await__(self):
        cancelled = None
        while self.task is None:
            self.begun = self.own.get_loop().create_future()
            try:
                yield from self.begun
            except BaseException as err:
                cancelled = err
        task, awaited = self.task, self.awaited
        if task.done:
            if task.error is not None:
                raise task.error
            return task.value
        coroutine = task.coroutine
        while True:
            try:
                if cancelled is not None:
                    err, cancelled = cancelled, None
                    raise err
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
