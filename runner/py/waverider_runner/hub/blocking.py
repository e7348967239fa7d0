"""The clients for programs that are not async."""

from .client import Client
from .host import HostClient
from .instance import InstanceClient
from .sequence import FoundSequence, SequenceClient
from .space import SpaceClient
from .stream import Stream
from .waiting import finish

CLIENTS = (Client, HostClient, SequenceClient, InstanceClient, SpaceClient)


class Plain:
    """A client whose methods block and return what the awaited ones give."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        value = getattr(self._client, name)
        return _plain_method(value) if callable(value) else plain(value)

    def __dir__(self):
        return dir(self._client)

    def __repr__(self):
        return repr(self._client)


def _plain_method(method):
    def call(*args, **settings):
        value = method(*map(_awaited, args), **{name: _awaited(value) for name, value in settings.items()})
        return plain(finish(value) if hasattr(value, "__await__") else value)

    call.__name__ = method.__name__
    call.__doc__ = method.__doc__
    return call


def _awaited(value):
    return value._client if isinstance(value, Plain) else value


def plain(value):
    if isinstance(value, FoundSequence):
        value._client = Plain(value._client)
    if isinstance(value, CLIENTS):
        return Plain(value)
    return PlainStream(value) if isinstance(value, Stream) else value


class PlainStream:
    """Iterable of bytes, as they come. `close`, from any thread, or the end of
    a `with` ends the connection."""

    def __init__(self, stream):
        self._stream = stream
        self.status = stream.status
        self.headers = stream.headers
        self.content_type = stream.content_type

    def __repr__(self):
        return repr(self._stream)

    def __iter__(self):
        return self

    def __next__(self):
        data = finish(self._stream.next_bytes())
        if not data:
            raise StopIteration
        return data

    def read(self, size=-1):
        return finish(self._stream.read(size))

    def lines(self, encoding="utf-8", errors="strict"):
        """Lines of text without their ends, one by one."""
        lines = self._stream.lines(encoding, errors)
        try:
            while True:
                yield finish(lines.__anext__())
        except StopAsyncIteration:
            return

    def close(self):
        self._stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
