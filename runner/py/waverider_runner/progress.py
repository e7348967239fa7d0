"""Progress: how much of its input the program has finished, and where in its
output that was. A Hub that feeds a program from a Topic is told both, as marks,
and so knows what it need not give again."""

from _collections import deque

# A program that does not pull one by one may work on so many records besides
# those that can be seen.
READ_AHEAD = 64
PIECE = 2 * 1024  # bytes that count for a record where the input has none


class Progress:
    def __init__(self, start, input, output, logger):
        ahead = start.get("readAhead") or 0
        skip = start.get("skip")
        self.input = input
        self.output = output
        self.logger = logger
        self.read_ahead = ahead or READ_AHEAD
        self.skip = (skip["done"], skip["n"]) if skip else None  # what an earlier run has given
        self.left = lambda: 0  # items that the reader was given and has not handed out
        self.held = lambda: 0  # items that can be seen to be in work
        self.identity = False  # the runner itself passes the input on
        self.ahead = ahead > 0  # the program may work on several items at a time
        self.wanted = True  # the output is waiting for the program
        self.over = False  # no more output can come of what was handed out
        self.given = 0  # items given to the reader
        self.in_work = False  # the program has not asked for more since it got the last one
        self.batches = deque()  # (items before, ends of its items), not wholly finished
        self.base_items = 0  # all items before the batches
        self.base_end = 0  # where they end
        self.gaps = {}  # items → where they end with the lines behind them that were none
        self.units = 0  # emitted, or dropped by skip
        self.base = 0  # units when `said` became what it is
        self.said = 0  # input records or bytes finished, as last told; never goes back

    def gave(self, ends):
        """The reader is given items of the input that end there."""
        self.batches.append((self.given, ends))
        self.given += len(ends)

    def skipped(self, position):
        """Lines up to position, behind what was given, were no items."""
        self.gaps[self.given] = position

    def asked(self):
        """The program wants the next item, so it has finished the one before."""
        if not self.wanted:
            self.ahead = True
        if self.in_work:
            self.in_work = False
            if not self.ahead:
                self.base = self.units  # else it has not finished what it had

    def reads_ahead(self):
        """What was handed out need not be finished when more is asked for."""
        self.ahead = True

    def handed(self):
        return self.given - self.left()

    def finished(self):
        """How many items are."""
        if self.over or self.identity:
            return self.handed()
        if not self.ahead:
            return self.handed() - (1 if self.in_work else 0)
        return max(0, self.handed() - self.read_ahead - self.held())

    def exact(self):
        if self.identity:
            return True
        return not self.ahead and (self.given == 0 or self.input.decoder.exact)

    def done(self):
        """How many records of the input, or bytes, are finished."""
        done = self.place(self.finished(), True)
        if self.ahead and not self.over and not self.input.lines:
            done = min(done, max(0, self.place(self.handed()) - self.read_ahead * PIECE))
        if done > self.said:
            self.said = done
            if self.ahead or self.identity:
                self.base = self.units
        return self.said

    def place(self, items, forget=False):
        """How many records, or bytes, so many items are."""
        while forget and self.batches and self.batches[0][0] + len(self.batches[0][1]) <= items:
            before, ends = self.batches.popleft()
            self.base_items, self.base_end = before + len(ends), ends[-1]
        end = self.base_end
        if items > self.base_items:
            end = self._end_of(items)
        gap = self.gaps.get(items, 0)
        if forget and self.gaps:
            for old in [old for old in self.gaps if old < items]:
                del self.gaps[old]
        return max(end, gap)

    def _end_of(self, items):
        for before, ends in self.batches:
            if items <= before + len(ends):
                return ends[items - 1 - before]
        return self.base_end

    def at(self):
        """Where the program is: done, n, exact."""
        done = self.done()
        return done, self.units - self.base, self.exact()

    def emit(self, piece):
        """Counts what the program emits and returns what is left of it, when
        an earlier run has given some already."""
        if self.skip is not None:
            return self._drop(piece)
        self._count(piece)
        return piece

    def _count(self, piece):
        if self.output.lines:
            self.units += 1
        elif type(piece) is str and not piece.isascii():
            self.units += len(piece.encode("utf-8", "replace"))
        else:
            self.units += len(piece)

    def _drop(self, piece):
        done, n, exact = self.at()
        skip_done, skip_n = self.skip
        if not exact:
            self._cannot_skip()
        elif done > skip_done or (done == skip_done and n >= skip_n):
            self.skip = None
        self._count(piece)
        if self.skip is None:
            return piece
        if done < skip_done or self.output.lines or self.units - self.base <= skip_n:
            return piece[:0]
        self.skip = None
        data = piece.encode("utf-8", "replace") if type(piece) is str else piece
        return data[skip_n - n :]  # bytes: a code point may be cut

    def _cannot_skip(self):
        self.skip = None
        self.logger.warn(
            "this program does not take its input one by one: output that was given before may come again"
        )

    def drop_items(self, items):
        """What is left of a batch that the runner passes on."""
        first, i = self.given - len(items), 0
        while i < len(items) and self.skip is not None:
            before = self.place(first + i)
            if before < self.skip[0]:
                i += 1
                continue
            if before == self.skip[0] and self.skip[1] > 0:
                i += 1
            self.skip = None
        return items[i:] if i else items

    def drop_bytes(self, piece):
        """The same for bytes that end at the input's position."""
        left = self.skip[0] + self.skip[1] - (self.place(self.given) - len(piece))
        if left < len(piece):
            self.skip = None
        return piece if left <= 0 else piece[left:]

    def saved(self):
        """What a state covers that the program saves now: all it was given."""
        return self.place(self.handed())

    def complete(self):
        """No more output will come, so all that was handed out is finished."""
        self.over = True
        self.output.mark()
