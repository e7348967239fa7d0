"""A body on its way to the Hub, in chunks."""

from select import POLLIN, POLLOUT

from .body import END


class Upload:
    def __init__(self, connection, pieces):
        self._connection = connection
        self._pieces = pieces
        self._rest = memoryview(b"")  # what there was no room for
        self._last = False
        self.done = False
        self.whole = False  # it was sent to its end
        self.failure = None  # of the program's iterable

    async def step(self, until_answer=False):
        """Sends a piece as far as there is room; waits for room, and besides
        for an answer if that is wanted."""
        if not self._rest and not await self._fill():
            return
        try:
            self._rest = self._rest[self._connection.send_now(self._rest):]
            if self._rest:
                await self._connection.wait(POLLOUT | POLLIN if until_answer else POLLOUT)
            else:
                self.done = self.whole = self._last
        except (BrokenPipeError, ConnectionResetError):
            self.done = True  # the Hub wants no more: its answer says why

    async def _fill(self):
        try:
            piece = await self._pieces.next()
        except Exception as error:
            self.failure = error
            raise
        if self.done:  # stopped meanwhile
            return False
        self._last = piece is END
        self._rest = memoryview(b"0\r\n\r\n" if self._last else b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    async def run(self):
        """Sends all, as a task."""
        try:
            while not self.done:
                await self.step()
        except OSError:
            pass  # who reads the answer gets to know
        except Exception:
            if self.failure is None:
                raise
        finally:
            if not self.done:  # cut off: what was sent must not look whole, nor be waited for
                self._connection.close()
