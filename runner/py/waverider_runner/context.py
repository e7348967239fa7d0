"""AppContext: what a program has as `context`."""

import sys

from .emitter import Emitter
from .jsontext import dumps, loads

COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>")  # code of its own before Python 3.12
ASYNC = 0x80 | 0x200  # flags of the code of coroutines and async generators


class AppContext:
    """Times are seconds for stop handlers, as in Scramjet, and milliseconds
    for exit_timeout and keep_alive, as everywhere else."""

    def __init__(self, start, logger, runner):
        config = start.get("config")
        self.config = {} if config is None else config
        self.instance_id = start.get("instance", "")
        self.initial_state = start.get("state")
        self.logger = logger
        self.exit_timeout = start.get("exitTimeout", 10000)
        self.emitter = Emitter()
        self.definition = None
        self.runner = runner
        self.monitoring = runner.messages
        self._start = start
        self._state = None if self.initial_state is None else dumps(self.initial_state)
        self._stop_handlers = []
        self._kill_handlers = []
        self._monitoring_handlers = []
        self._hub = None

    @property
    def hub(self):
        """A client of the Hub this Instance runs on."""
        if self._hub is None:
            if not self._start.get("api"):
                raise RuntimeError("this Instance was given no access to its Hub")
            from .hub import HostClient

            self._hub = HostClient(self._start["api"])
        return self._hub

    @property
    def space(self):
        """A client of the Space the Hub belongs to."""
        return self.hub.get_manager_client()

    def on(self, event, handler):
        _must_be_function(handler, "on")
        self.emitter.on(event, handler)
        return self

    def emit(self, event, message=""):
        """Tells the Hub's other Instances and API users, not this program."""
        self.runner.emit(event, message)
        return self

    def add_stop_handler(self, handler):
        """handler(timeout in seconds, can_keep_alive), plain or async; it may
        take fewer arguments, or be a coroutine."""
        if not hasattr(handler, "__await__"):
            _must_be_function(handler, "add_stop_handler")
        self._stop_handlers.append(handler)
        return self

    set_stop_handler = add_stop_handler

    def add_kill_handler(self, handler):
        """handler(), plain; it has half a second."""
        _must_be_function(handler, "add_kill_handler")
        self._kill_handlers.append(handler)
        return self

    def add_monitoring_handler(self, handler):
        """handler() or handler({"healthy": bool}), plain or async, returns
        {"healthy": bool}; all of them must agree."""
        _must_be_function(handler, "add_monitoring_handler")
        self._monitoring_handlers.append(handler)
        return self

    def set_health_check(self, handler):
        _must_be_function(handler, "set_health_check")
        self._monitoring_handlers = [handler]
        return self

    def keep_alive(self, timeout=0):
        """Asks for timeout milliseconds more after a stop. Can be awaited."""
        self.runner.keep_alive(timeout)
        return Done()

    def end(self):
        """This program is done."""
        self.runner.end(None)
        return self

    def destroy(self, error=None):
        """This program is broken."""
        self.runner.end(error or RuntimeError("destroyed by the program"))
        return self

    def describe(self, definition):
        self.definition = definition
        return self

    def save(self, state):
        """Keeps state, any JSON value, durably. Await it in async code; in
        plain code it returns when that is done."""
        text = dumps(state)

        def saved():
            self._state = text

        save = self.runner.save(loads(text), saved)
        if not _is_async(sys._getframe(1)):
            self.runner.loop.block(save.done)
            save.result()
        return save

    def load(self):
        """What was saved last, None if nothing was."""
        return None if self._state is None else loads(self._state)

    addStopHandler = add_stop_handler
    addKillHandler = add_kill_handler
    addMonitoringHandler = add_monitoring_handler
    keepAlive = keep_alive

    @property
    def instanceId(self):
        return self.instance_id

    @property
    def initialState(self):
        return self.initial_state

    @property
    def exitTimeout(self):
        return self.exit_timeout

    @exitTimeout.setter
    def exitTimeout(self, value):
        self.exit_timeout = value


def _is_async(frame):
    while frame.f_code.co_name in COMPREHENSIONS and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_flags & ASYNC


class Done:
    """Awaitable, with nothing to wait for."""

    def __await__(self):
        return iter(())


def _must_be_function(handler, method):
    if not callable(handler):
        raise TypeError("%s: the handler must be a function" % method)
