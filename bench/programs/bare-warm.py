"""The limit for a warm start: a python3 that runs already is told over a pipe
which program to load and call."""

import sys
from importlib.machinery import SourceFileLoader

print("ready", flush=True)
module = SourceFileLoader("program", sys.stdin.readline().strip()).load_module()
try:
    module.run(None, None).__anext__().send(None)
except StopIteration as first:
    print(first.value, end="", flush=True)
sys.stdin.read()
