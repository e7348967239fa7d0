"""What the program returned becomes the bytes of its output."""

from time import monotonic

from .decode import is_lines
from .jsontext import dump_ascii, dumps
from .output import encode
from .program_input import ProgramInput
from .signal import Turn

LINES = "application/x-ndjson"
TEXT = "text/plain"
BYTES = "application/octet-stream"
TURN = 256 * 1024  # bytes written before others get a turn
TURN_WITHIN = 0.01  # s before they do, as a program may sleep between two items


class Producer:
    """Writes what one program returned. `announce` is called once, before the
    first byte, with what the output is."""

    def __init__(self, output, announce, program, wanted, runner):
        self.output = output
        self.announce = announce
        self.program = program
        self.wanted = wanted or ""  # what the output should be where the program does not say
        self.runner = runner
        self.content_type = ""
        self.encode = None
        self.turned = 0
        self.turn_at = monotonic() + TURN_WITHIN

    async def produce(self, value):
        """Returns at the end of the output."""
        while callable(value) and not hasattr(value, "__aiter__") and not hasattr(value, "__iter__"):
            value = value()
            if hasattr(value, "__await__"):
                self.runner.loop.will_await()
                value = await value
        if value is None:
            return
        self.provides = _text(value, "provides") or self.program.provides
        if isinstance(value, ProgramInput) and value.untouched():
            await self._input(value)
            return
        self._is(_text(value, "content_type") or self.program.provides_type or self.wanted)
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            self._write(value)
        elif isinstance(value, (bool, int, float)):
            self._is(TEXT)
            self._write(dumps(value))
        elif isinstance(value, dict):
            self._is(LINES)
            self._write(value)
        elif hasattr(value, "__aiter__"):
            self.runner.loop.will_await()
            await self._async_items(value)
        elif hasattr(value, "__iter__"):
            await self._items(value)
        elif hasattr(value, "read") and hasattr(value, "write_to"):
            await self._stream(value)
        else:
            raise TypeError(
                "run returned %s: return a generator, a stream, an iterable, a value or nothing"
                % type(value).__name__
            )

    def _is(self, content_type):
        if self.content_type or not content_type:
            return
        self.content_type = content_type
        lines = self.output.lines = is_lines(content_type)
        self.encode = line if lines else raw
        self.announce(self.provides, content_type, None if lines or content_type == BYTES else "utf-8")

    def _write(self, item):
        if self.encode is None:
            if item is None:
                return  # no item, and it does not tell what others are
            self._is(BYTES if isinstance(item, (bytes, bytearray, memoryview)) else TEXT if isinstance(item, str) else LINES)
        self.output.write(self.encode(item))

    async def _credit(self):
        output = self.output
        while not output.credit():
            moved = output.moved.mark()
            if output.credit():
                return
            self.runner.stands_still()
            await moved

    async def _between(self):
        """Before the program is asked for the next item."""
        output = self.output
        if not output.credit():
            await self._credit()
        if self._is_long():
            await self._turn()
        if output.progress is not None:
            output.progress.wanted = True

    def _is_long(self):
        """Others have to get a turn now."""
        return self.runner.inbox or self.output.next - self.turned > TURN or monotonic() >= self.turn_at

    async def _turn(self):
        if self.runner.inbox:  # handlers get theirs before the program, which may be away for long
            await Turn()  # until they are called
            await Turn()  # until they run
        await Turn()
        self.turned = self.output.next
        self.turn_at = monotonic() + TURN_WITHIN

    async def _items(self, value):
        iterator = iter(value)
        try:
            await self._all_of(iterator)
        finally:
            close = getattr(iterator, "close", None)
            if callable(close):
                close()  # of a generator: its `finally` is run

    async def _all_of(self, iterator):
        output, progress = self.output, self.output.progress
        while True:
            await self._between()
            for item in iterator:
                if progress is not None:
                    progress.wanted = False
                self._write(item)
                if progress is not None or not output.credit() or self._is_long():
                    break
            else:
                return

    async def _async_items(self, value):
        try:
            await self._all_of_async(value)
        finally:
            close = getattr(value, "aclose", None)
            if callable(close):
                await close()

    async def _all_of_async(self, value):
        output, progress = self.output, self.output.progress
        await self._between()
        async for item in value:
            if progress is not None:
                progress.wanted = False
            self._write(item)
            if progress is not None or not output.credit() or self._is_long():
                await self._between()

    async def _stream(self, value):
        while True:
            await self._between()
            item = await value.read()
            if item is None:
                return
            self._write(item)

    async def _input(self, value):
        """Passes on the input that the program returned as it got it: whole
        batches of objects, the very bytes of anything else."""
        input, progress = value.take(), self.output.progress
        if progress is not None:
            progress.identity = True
        self._is(value.__dict__.get("declared_type"))
        while True:
            await self._between()
            arrived = input.arrived.mark()
            with input.channel.lock:  # or the watch could tell that it is done before it is written
                passed = self._pass_on(input, progress)
            if not passed:
                if input.done():
                    return
                self.runner.idle()
                await arrived

    def _pass_on(self, input, progress):
        kind = input.type()
        if kind and not is_lines(kind) and not self.output.lines:
            piece = input.next_bytes()
            if piece is not None:
                self._is(kind)
                if progress is not None and progress.skip is not None:
                    piece = progress.drop_bytes(piece)
                self.output.write(piece)
            return piece is not None
        items = input.next()
        if items is None:
            return False
        self._is(kind)
        if progress is not None and progress.skip is not None:
            items = progress.drop_items(items)
        self._write_batch(items)
        return True

    def _write_batch(self, items):
        """In one piece of one kind: all of them count as done."""
        if not self.output.lines:
            self.output.write(encode("".join([raw(item) for item in items])))
            return
        text = "".join([dumps(item) + "\n" for item in items])
        try:
            data = text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            data = "".join([line(item) for item in items]).encode()
        self.output.write(data)


def _text(value, name):
    """An attribute that is a text, for instance a Topic of a Stream."""
    found = getattr(value, name, None)
    return found if isinstance(found, str) else None


def line(item):
    """An item as one line of JSON."""
    text = dumps(item) + "\n"
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return dump_ascii(item) + "\n"
    return text


def raw(item):
    """An item of a text or byte output."""
    kind = type(item)
    if kind is str or kind is bytes:
        return item
    if isinstance(item, (bytearray, memoryview)):
        return bytes(item)
    if isinstance(item, str):
        return str(item)
    if isinstance(item, (dict, list, tuple)):
        return dumps(item) + "\n"
    return "" if item is None else str(item)
