"""What a process must look like before user code runs in it."""

import os
import sys

from . import installed

LINKS_MAX = 1000  # entries of a package that are linked into the working folder


def prepare(start, here):
    for name, value in (start.get("env") or {}).items():
        os.environ[name] = value
    package = start["package"]
    slot = start.get("slot")
    if slot:
        os.chdir(slot)
        link(package, slot)
    set_path(package, here)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)


def set_path(package, here):
    """The program's own modules first, then those it brings, the standard
    library, what is installed, and last what the runner has for it."""
    standard = [entry for entry in sys.path if entry != here]
    sys.path[:] = [package]
    brought = os.path.join(package, "__pypackages__")
    if os.path.isdir(brought):
        sys.path.append(brought)
    sys.path += [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry not in standard]
    sys.path += standard
    sys.path += [entry for entry in installed.folders() if entry not in sys.path]
    sys.path += [os.path.join(here, "lib"), here]
    installed.add_finder()


def link(package, slot):
    """Programs open files of their package by relative names, and write beside
    them: links in the working folder, which is the program's own, allow both."""
    try:
        names = os.listdir(package)[:LINKS_MAX]
    except OSError:
        return
    prefix = os.path.join(os.path.dirname(package), "")
    for name in names:
        if name == "__pycache__":
            continue
        target, place = os.path.join(package, name), os.path.join(slot, name)
        try:
            os.symlink(target, place)
        except FileExistsError:
            # A link of an earlier revision goes; what the program made stays.
            if os.path.islink(place):
                old = os.readlink(place)
                if old != target and old.startswith(prefix):
                    os.unlink(place)
                    os.symlink(target, place)
        except OSError:
            return
