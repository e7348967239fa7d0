"""The Python runner: started by a Hub, it runs one program.

The protocol is described in docs/runner-protocol.md. Nothing is imported here
that a waiting runner does not need: start time and memory are counted.
"""

import os
import sys


def main():
    here = sys.path[0] = os.path.dirname(os.path.abspath(__file__))
    channel = os.environ.pop("WAVERIDER_CHANNEL", "")
    key = os.environ.pop("WAVERIDER_KEY", "")
    for name in [name for name in os.environ if name.startswith("WAVERIDER_")]:
        del os.environ[name]  # not for user code
    if not channel or not key:
        sys.stderr.write(
            "waverider runner: WAVERIDER_CHANNEL and WAVERIDER_KEY must be set; a Hub starts this program\n"
        )
        sys.exit(20)
    from waverider_runner.runner import Runner

    Runner(channel, key, here).run()


# A program that uses multiprocessing imports this file again in its children.
if __name__ == "__main__":
    main()
