"""The log: one JSON object a line on fd 3, written before the call returns, so
that nothing is lost however the program ends."""

import os
from _thread import RLock
from time import time

from .jsontext import dump_ascii

LOG_FD = 3


class _Sink:
    broken = None  # whether fd 3 can't be written to; None: not looked yet
    lock = RLock()  # a long line is written in parts


def free_log():
    """In a child: a thread that is no more may have been writing."""
    _Sink.lock = RLock()


def keep_from_children():
    """Whatever the number stands for: a process the program starts could keep
    it open."""
    try:
        os.set_inheritable(LOG_FD, False)
    except OSError:
        pass  # there is none


def _usable():
    if _Sink.broken is None:
        try:
            # Without a log pipe the number may belong to something else.
            kind = os.fstat(LOG_FD).st_mode & 0o170000
            _Sink.broken = kind not in (0o010000, 0o100000, 0o140000)  # pipe, file, socket
        except OSError:
            _Sink.broken = True
    return not _Sink.broken


def _write(data):
    try:
        with _Sink.lock:
            while data:
                try:
                    data = data[os.write(LOG_FD, data) :]
                except BlockingIOError:
                    from time import sleep

                    sleep(0.001)
    except OSError:
        _Sink.broken = True  # nobody reads the log any more


def plain(value, depth=0):
    """value as JSON can express it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, BaseException):
        return {"name": type(value).__name__, "message": words(value), "stack": stack_of(value)}
    if depth < 20:
        if isinstance(value, dict):
            return {str(key): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(item, depth + 1) for item in value]
    return words(value, repr)


def words(value, of=str):
    """What is logged must not make the program fail."""
    try:
        return of(value)
    except Exception as err:
        return "<%s without a text: %s>" % (type(value).__name__, type(err).__name__)


def stack_of(err):
    from traceback import format_exception

    return "".join(format_exception(type(err), err, err.__traceback__)).rstrip()


class Logger:
    """What a program has as context.logger, with the methods of the standard
    library's Logger. `origin` Sequence is the program itself."""

    def __init__(self, origin):
        self.origin = origin
        self.name = origin

    def write(self, level, message, args=(), exc_info=None, extra=None):
        if not _usable():
            return
        entry = {"level": level, "msg": "", "ts": int(time() * 1000), "from": self.origin}
        data = ()
        if isinstance(message, BaseException):
            entry["msg"], data = words(message), (message,) + args
        elif isinstance(message, dict):
            entry.update((key, item) for key, item in message.items() if key not in ("level", "ts", "from"))
            data = args
        else:
            entry["msg"], data = self._format(words(message), args)
        if exc_info:
            data += (self._exception(exc_info),)
        if extra:
            data += (extra,)
        if data:
            entry["data"] = [plain(item) for item in data]
        _write(dump_ascii(plain(entry)).encode() + b"\n")

    def _format(self, message, args):
        """As logging does it, `"%s", value`; what has no place stands beside."""
        if "%" not in message:  # `"words", {…}` would be taken as formatted
            return message, args
        try:
            return message % (args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args), ()
        except Exception:
            return message, args

    def _exception(self, exc_info):
        import sys

        if isinstance(exc_info, BaseException):
            return exc_info
        return exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1]

    def trace(self, message, *args, **more):
        self.write("TRACE", message, args, more.get("exc_info"), more.get("extra"))

    def debug(self, message, *args, **more):
        self.write("DEBUG", message, args, more.get("exc_info"), more.get("extra"))

    def info(self, message, *args, **more):
        self.write("INFO", message, args, more.get("exc_info"), more.get("extra"))

    def warning(self, message, *args, **more):
        self.write("WARN", message, args, more.get("exc_info"), more.get("extra"))

    def error(self, message, *args, **more):
        self.write("ERROR", message, args, more.get("exc_info"), more.get("extra"))

    def critical(self, message, *args, **more):
        self.write("FATAL", message, args, more.get("exc_info"), more.get("extra"))

    def exception(self, message, *args, **more):
        self.write("ERROR", message, args, more.get("exc_info", True), more.get("extra"))

    def log(self, level, message, *args, **more):
        """level is a number of the standard library or a name."""
        if isinstance(level, int):
            names = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
            level = names[max(0, min(5, level // 10))]
        level = {"WARNING": "WARN", "CRITICAL": "FATAL"}.get(str(level).upper(), str(level).upper())
        self.write(level, message, args, more.get("exc_info"), more.get("extra"))

    warn, fatal = warning, critical

    def isEnabledFor(self, level):
        return True

    def getEffectiveLevel(self):
        return 1

    def setLevel(self, level):
        """All levels are kept; readers of the log choose."""
