"""Packages that are installed on the machine, or in the virtual environment.

Where Python looks for them is found out as the module site does it, but for the
lines of .pth files that run code: those cost tens of milliseconds and megabytes
where somebody has installed such. They are run when a program imports something
that is not found otherwise.
"""

import os
import sys

_found = None  # (folders, whether there is code to be run)


def folders():
    """The folders with installed packages; looked for once."""
    return _look()[0]


def add_finder():
    """Call it when sys.path is complete."""
    if _look()[1]:
        sys.meta_path.append(_Late())


def _look():
    global _found
    if _found is None:
        import site

        search = _Search()
        add, path = site.addsitedir, list(sys.path)
        site.addsitedir = search.add
        try:
            site.addsitepackages(site.venv(set()))
        finally:
            site.addsitedir = add
        new = [entry for entry in sys.path if entry not in path]
        sys.path[:] = path
        site.setquit()
        _found = (search.folders + [entry for entry in new if entry not in search.folders], search.code)
    return _found


class _Search:
    """Takes the place of site.addsitedir."""

    def __init__(self):
        self.folders = []
        self.code = False

    def add(self, folder, known_paths=None):
        folder = os.path.abspath(folder)
        if folder not in self.folders and os.path.isdir(folder):
            self.folders.append(folder)
            for name in sorted(os.listdir(folder)):
                if name.endswith(".pth") and not name.startswith("."):
                    self._read(folder, name)
        return known_paths

    def _read(self, folder, name):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return
        for line in lines:
            line = line.strip()
            if line.startswith(("import ", "import\t")):
                self.code = True
            elif line and not line.startswith("#"):
                path = os.path.join(folder, line)
                if path not in self.folders and os.path.exists(path):
                    self.folders.append(path)


class _Late:
    """Comes after all other finders: runs what was left out, then looks again."""

    def find_spec(self, name, path=None, target=None):
        if path is not None:
            return None
        sys.meta_path.remove(self)
        import site

        before = list(sys.path)
        site.main()
        sys.path[:] = before + [entry for entry in sys.path if entry not in before]
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find and find(name, path, target)
            if spec is not None:
                return spec
        return None
