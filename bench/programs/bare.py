"""The limit for bytes and text: gives back stdin on stdout, with nothing
around it. With the argument "text", line by line as a text."""

import os
import sys

if sys.argv[1:] == ["text"]:
    for line in sys.stdin:
        sys.stdout.write(line)
        sys.stdout.flush()
else:
    while True:
        piece = memoryview(os.read(0, 256 * 1024))
        if not piece:
            break
        while piece:
            piece = piece[os.write(1, piece) :]
