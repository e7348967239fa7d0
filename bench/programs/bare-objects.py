"""The limit for objects: parse, iterate and dump every line of stdin."""

import json
import sys

for line in sys.stdin:
    sys.stdout.write(json.dumps(json.loads(line), separators=(",", ":")) + "\n")
    # A transfer that stops here would wait for what is in the buffer.
    if line.endswith("~\n"):
        sys.stdout.flush()
