"""Decoders: bytes of the input in, items for the program out. An item never
depends on how the bytes were cut on their way.

`ends` says where each item of the last batch ends: for lines of JSON counted in
lines of the input, else in bytes. It is kept only for those who want to know.
"""

from .jsontext import SCAN_ERRORS, loads, scan

MAX_LINE = 64 * 1024 * 1024  # bytes of one JSON line; a longer one is skipped
MAX_TEXT = 1024 * 1024  # bytes of a text line that are held back at most
NOTHING = ()


def base_type(content_type):
    """A content type without its parameters."""
    return content_type.split(";", 1)[0].strip().lower()


def is_lines(content_type):
    return base_type(content_type).endswith("x-ndjson")


def decoder_for(content_type, logger, progress):
    """None for a type we don't know."""
    kind = base_type(content_type)
    if kind.endswith("x-ndjson"):
        return ObjectDecoder(logger, progress)
    if kind == "text/plain":
        return TextDecoder(progress is not None)
    if kind == "application/octet-stream":
        return ByteDecoder()
    return None


class ByteDecoder:
    exact = False  # another run gets other pieces

    def __init__(self):
        self.at = 0
        self.ends = NOTHING

    def decode(self, piece):
        self.at += len(piece)
        self.ends = (self.at,)
        return [piece]

    def end(self):
        return NOTHING


class TextDecoder:
    """Gives one string for each line, its newline included."""

    def __init__(self, counting):
        self.counting = counting
        self.exact = True  # another run gets the same items
        self.rest = []  # of a line that has only begun
        self.rest_size = 0
        self.at = 0
        self.ends = NOTHING

    def decode(self, piece):
        newline = piece.rfind(b"\n") + 1
        if newline == 0:
            return self._keep(piece)
        if self.rest:
            self.rest.append(piece[:newline])
            whole = b"".join(self.rest)
        else:
            whole = piece if newline == len(piece) else piece[:newline]
        self.rest, self.rest_size = [], 0
        if newline < len(piece):
            self.rest, self.rest_size = [piece[newline:]], len(piece) - newline
        if self.counting:
            return self._counted(whole)
        lines = str(whole, "utf-8", "replace").split("\n")
        lines.pop()
        return [line + "\n" for line in lines]

    def _counted(self, whole):
        items, ends, start = [], [], 0
        while start < len(whole):
            stop = whole.index(b"\n", start) + 1
            items.append(str(whole[start:stop], "utf-8", "replace"))
            ends.append(self.at + stop)
            start = stop
        self.at += len(whole)
        self.ends = ends
        return items

    def _keep(self, piece):
        """Gives out a line of more than a megabyte in pieces, whole code points."""
        self.rest.append(piece)
        self.rest_size += len(piece)
        if self.rest_size <= MAX_TEXT:
            return NOTHING
        self.exact = False
        whole = b"".join(self.rest)
        cut = whole_length(whole)
        self.rest, self.rest_size = [whole[cut:]], len(whole) - cut
        return self._piece(whole[:cut])

    def _piece(self, data):
        self.at += len(data)
        self.ends = (self.at,)
        return [str(data, "utf-8", "replace")]

    def end(self):
        data = b"".join(self.rest)
        self.rest, self.rest_size = [], 0
        return self._piece(data) if data else NOTHING


def whole_length(data):
    """The length without a UTF-8 sequence that has only begun at the end."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            size = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            return len(data) - back if size > back else len(data)
    return len(data)


class ObjectDecoder:
    """Gives the values of JSON lines. A line that is no JSON is logged and
    skipped; so is an empty one, silently. (Parsing many lines as one array is
    not safe: a line could close what another one opened.)"""

    exact = True

    def __init__(self, logger, progress):
        self.logger = logger
        self.progress = progress
        self.line = 0  # number of the last line seen
        self.rest = []  # of the line that has only begun
        self.rest_size = 0
        self.skipping = False  # inside a line that is too long
        self.ends = NOTHING

    def decode(self, piece):
        newline = piece.rfind(b"\n") + 1
        if newline == 0:
            self._keep(piece)
            return NOTHING
        begun = self.line
        if self.rest or self.skipping:
            first = piece.index(b"\n") + 1
            self._keep(piece[:first])
            whole = self._finish()
            if first < newline:
                whole += piece[first:newline]
        else:
            whole = piece if newline == len(piece) else piece[:newline]
        if newline < len(piece):
            self._keep(piece[newline:])
        return self._values(whole, begun)

    def end(self):
        if not self.rest and not self.skipping:
            return NOTHING
        begun = self.line
        self._keep(b"\n")
        return self._values(self._finish(), begun)

    def _keep(self, piece):
        if self.skipping:
            return
        self.rest_size += len(piece)
        self.rest.append(piece)
        if self.rest_size > MAX_LINE:
            self.skipping = True
            self.rest, self.rest_size = [], 0

    def _finish(self):
        """The line that had begun, b"" when it is too long."""
        whole = b"".join(self.rest)
        if self.skipping:
            self.line += 1
            self.logger.error("input line %d is longer than %d bytes: skipped" % (self.line, MAX_LINE))
        self.rest, self.rest_size, self.skipping = [], 0, False
        return whole

    def _values(self, whole, begun):
        """begun is how many lines came before this batch."""
        text = str(whole, "utf-8", "replace")
        items, after, at, line = [], None, 0, self.line
        if line > begun:
            after = [line]  # one was too long
        size = len(text)
        find = text.find
        apart = False  # lines are looked at by themselves: one that is open at its end has all that follow read
        while at < size:
            newline = find("\n", at)
            line += 1
            try:
                value, end = (None, -1) if apart else scan(text, at)
                if end != newline:
                    apart = apart or end > newline
                    value = loads(text[at:newline])
                items.append(value)
                if after is not None:
                    after.append(line)
            except SCAN_ERRORS:
                apart = True
                if after is None:
                    after = list(range(begun, begun + len(items) + 1))
                self._skip(text[at:newline], line, items, after)
            at = newline + 1
        self.line = line
        self._tell(begun, after, len(items))
        return items

    def _skip(self, text, line, items, after):
        try:
            items.append(loads(text))  # blanks around it
            after.append(line)
            return
        except ValueError as err:
            if text.strip():
                self.logger.error(
                    "input line %d is not JSON: skipped" % line, {"error": str(err), "line": text[:200]}
                )
        after[-1] = line  # done with the item before it

    def _tell(self, begun, after, count):
        """after[i] is the line that i items of this batch are done at."""
        if self.progress is None:
            return
        if after is None:
            self.ends = range(begun + 1, begun + count + 1)
            return
        self.ends = after[1:]
        if after[0] > begun:
            self.progress.skipped(after[0])
