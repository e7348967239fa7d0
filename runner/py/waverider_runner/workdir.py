"""The working folder. Programs open files of their package by relative names,
and write beside them; the package itself is shared by all its Instances and
must stay as it is. So its files are copied into the working folder, which is
the Instance's own. What is large is linked instead."""

import os

from .jsontext import dump_bytes, loads

RECORD = ".waverider-package"  # which package was laid out, and what of it
SKIPPED = ("__pycache__", "__pypackages__", "node_modules", ".git")
MAX_ENTRIES = 300  # that are copied
MAX_BYTES = 4 * 1024 * 1024


def lay_out(roots, folder):
    """Brings the files of the roots, folders of a package, into folder, once;
    the first root's go before others of the same name. Those of an earlier
    revision go, unless the program has changed them."""
    before = _read(folder)
    if before.get("roots") == roots:
        return
    for name, state in (before.get("entries") or {}).items():
        _remove(os.path.join(folder, name), state)
    layout = _Layout(folder)
    try:
        for root in roots:
            layout.all_of(root)
        with open(os.path.join(folder, RECORD), "wb") as file:
            file.write(dump_bytes({"roots": roots, "entries": layout.entries}))
    except OSError:
        pass  # a program that needs none of them runs all the same


def _read(folder):
    try:
        with open(os.path.join(folder, RECORD), "rb") as file:
            record = loads(file.read())
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError):
        return {}


def _remove(path, state):
    try:
        if state is None or _state(path) == state:
            os.unlink(path)
    except OSError:
        pass  # gone, or a folder of the program by now


def _holds(path, data):
    """The file is a copy, perhaps of a start that was killed before it noted so."""
    if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) != len(data):
        return False
    with open(path, "rb") as file:
        return file.read() == data


def _state(path):
    info = os.lstat(path)
    return [info.st_size, info.st_mtime_ns]


class _Layout:
    def __init__(self, folder):
        self.folder = folder
        self.entries = {}  # name → size and time of a copy, None of a link
        self.count = self.bytes = 0

    def all_of(self, root):
        for name in sorted(os.listdir(root)):
            if name in SKIPPED:
                continue
            source = os.path.join(root, name)
            files = self._measure(source)
            if files is None:
                self._link(source, name)
            else:
                for file in files:
                    self._copy(file, os.path.relpath(file, root))

    def _measure(self, source):
        """The files of a tree; None when they are more than may be copied."""
        files, count, size = [], self.count, self.bytes
        waiting = [source]
        while waiting:
            path = waiting.pop()
            count += 1
            if os.path.isdir(path) and not os.path.islink(path):
                waiting += [os.path.join(path, name) for name in os.listdir(path) if name not in SKIPPED]
            elif os.path.isfile(path):
                size += os.stat(path).st_size
                files.append(path)
            if count > MAX_ENTRIES or size > MAX_BYTES:
                return None
        self.count, self.bytes = count, size
        return files

    def _link(self, source, name):
        try:
            os.symlink(source, os.path.join(self.folder, name))
            self.entries[name] = None
        except FileExistsError:
            pass  # the program's own

    def _copy(self, source, name):
        place = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(source, "rb") as file:
            data = file.read()
        if not os.path.lexists(place):
            # Aside first: who is killed here, or has no room, leaves no half of it.
            part = os.path.join(self.folder, RECORD + ".part")
            mode = 0o700 if os.stat(source).st_mode & 0o100 else 0o600
            out = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(out, "wb") as file:
                file.write(data)
            os.rename(part, place)
        elif not _holds(place, data):
            return  # the program's own
        self.entries[name] = _state(place)
