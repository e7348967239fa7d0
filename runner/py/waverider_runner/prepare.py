"""What a process must look like before user code runs in it."""

import os
import sys

from . import installed
from .workdir import lay_out


def prepare(start, here):
    for name, value in (start.get("env") or {}).items():
        os.environ[name] = value
    package = start["package"]
    folders = [package]
    beside = os.path.dirname(os.path.normpath(os.path.join(package, start["main"])))
    if beside.startswith(os.path.join(package, "")) and os.path.isdir(beside):
        folders.insert(0, beside)  # of a main in a folder of the package
    slot = start.get("slot")
    if slot:
        os.chdir(slot)
        lay_out(folders, slot)
    set_path(package, folders, here)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)


def set_path(package, folders, here):
    """The program's own modules first, those beside its main file before
    others, then those it brings, the standard library, what is installed, and
    last what the runner has for it."""
    standard = [entry for entry in sys.path if entry != here]
    sys.path[:] = folders
    brought = os.path.join(package, "__pypackages__")
    if os.path.isdir(brought):
        sys.path.append(brought)
    sys.path += [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry not in standard]
    sys.path += standard
    sys.path += [entry for entry in installed.folders() if entry not in sys.path]
    sys.path += [os.path.join(here, "lib"), here]
    installed.add_finder()
