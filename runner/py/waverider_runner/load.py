"""Loading: from the package's `main` to its function `run`."""

import os
import sys


class EntrypointError(Exception):
    """main names no file."""


def find_entry(folder, main):
    """The file that main means, with or without its extension."""
    base = os.path.normpath(os.path.join(folder, main))
    if base.startswith(os.path.join(folder, "")):
        for name in (base, base + ".py", os.path.join(base, "__init__.py")):
            if os.path.isfile(name):
                return name
    raise EntrypointError("Sequence entrypoint path %s is invalid. Check `main` field in Sequence package.json" % main)


class Program:
    """The loaded module: what it declares and its function."""

    def __init__(self, module):
        self.run = getattr(module, "run", None)
        if not callable(self.run):
            raise TypeError("the package has no function run(context, input, *args) in its main file")
        self.requires, self.requires_type = _declared(module, "requires")
        self.provides, self.provides_type = _declared(module, "provides")


def _declared(module, name):
    """A Topic declared at module level: {name: Topic, 'contentType': type}."""
    value = getattr(module, name, None)
    if value is None:
        return None, None
    if not isinstance(value, dict) or not isinstance(value.get(name), str):
        raise TypeError("%s must be a dict like {'%s': 'topic-name', 'contentType': 'application/x-ndjson'}" % (name, name))
    return value[name], value.get("contentType")


def load(entry):
    """Runs the main file as a module of its own name, so that other modules of
    the package can import it too."""
    # What importlib.machinery gives out, without loading that.
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import SourceFileLoader

    name = os.path.splitext(os.path.basename(entry))[0]
    if name == "__init__":
        name = os.path.basename(os.path.dirname(entry))
    if name in sys.modules or not name.isidentifier():
        name = "sequence"
    loader = SourceFileLoader(name, entry)
    spec = ModuleSpec(name, loader, origin=entry)
    spec.has_location = True
    if os.path.basename(entry) == "__init__.py":
        spec.submodule_search_locations = [os.path.dirname(entry)]
    module = type(sys)(name)
    module.__file__, module.__loader__, module.__spec__ = entry, loader, spec
    if spec.submodule_search_locations is not None:
        module.__path__ = spec.submodule_search_locations
    module.__package__ = spec.parent
    sys.modules[name] = module
    loader.exec_module(module)
    return Program(module)
