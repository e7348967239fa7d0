"""Text that goes into a request."""

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


def part(name):
    """One segment of a path."""
    name = str(name)
    if name in ("", ".", ".."):
        raise ValueError("%r is no name" % name)
    return "".join(chr(byte) if byte in UNRESERVED else "%%%02X" % byte for byte in name.encode())


def header(name, value):
    """A line of a request's head; what would be more than a line is refused."""
    line = "%s: %s" % (name, value)
    if not name or any(char in "\r\n\0" for char in line) or any(char in " :\t" for char in name):
        raise ValueError("no valid header: %r" % name)
    return line
