"""Text that goes into a request."""

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


def part(name):
    """One segment of a path."""
    name = str(name)
    if name in ("", ".", ".."):
        raise ValueError("%r is no name" % name)
    return "".join(chr(byte) if byte in UNRESERVED else "%%%02X" % byte for byte in name.encode())


def request_line(method, path):
    if not _plain(path) or " " in path:
        raise ValueError("no valid path: %r" % path)
    return "%s %s HTTP/1.1" % (method, path)


def header(name, value):
    """A line of a request's head. A value is not named in errors: it may be a secret."""
    value = str(value)
    if not name or not _plain(name + value) or " " in name or ":" in name:
        raise ValueError("no valid header: %r" % name)
    return "%s: %s" % (name, value)


def _plain(text):
    return text.isascii() and not any(char < " " or char == "\x7f" for char in text)
