"""Requests under a base of the Hub's API."""

from .http import Address, Request
from .waiting import Blocking, Threads

JSON = "application/json"
BYTES = "application/octet-stream"


class Client:
    def __init__(self, address, waiting=Threads, under=""):
        self._address = address
        self._waiting = waiting
        self.api_base = address.base + under

    @classmethod
    def of(cls, api):
        """api is {socket, base, token}; base is a path or a URL."""
        return cls(Address(api))

    def below(self, path):
        """The API under another base of the same Hub."""
        return Client(self._address, self._waiting, path)

    def blocking(self):
        return Client(self._address, Blocking, self.api_base[len(self._address.base):])

    def __repr__(self):
        return "<Client of %s>" % self.api_base

    async def get(self, path, headers=None):
        return await self._json("GET", path, None, headers)

    async def post(self, path, value, headers=None):
        import json

        return await self._json("POST", path, json.dumps(value), _with(headers, JSON))

    async def delete(self, path, headers=None):
        return await self._json("DELETE", path, None, _with(headers, JSON))

    async def get_stream(self, path, headers=None, content_type=BYTES):
        return await self._request("GET", path, None, _with(headers, content_type))

    async def send_stream(self, path, body, headers=None, content_type=BYTES, end=None, method="POST", early=False):
        """Sends bytes, text, a file or an iterable; what is neither bytes nor
        text in it goes as JSON, one line an item if content_type is so."""
        if body is None:
            raise TypeError("a body is bytes, text, a file or an iterable, not None")
        headers = _with(headers, content_type)
        if end is not None:
            headers.setdefault("x-end-stream", "true" if end else "false")
        return await self._request(method, path, body, headers, early)

    async def send_package(self, path, body, headers, method):
        """Sends a package; gives the answer's value."""
        return await _value(await self.send_stream(path, body, headers, method=method))

    async def _json(self, method, path, body, headers):
        return await _value(await self._request(method, path, body, headers or {}))

    async def _request(self, method, path, body, headers, early=False):
        request = Request(self._address, self._waiting, method, "%s/%s" % (self.api_base, path), headers)
        return await request.send(body, early)


async def _value(stream):
    import json

    body = await stream.read()
    return json.loads(body) if body else None


def _with(headers, content_type):
    merged = {"content-type": content_type}
    merged.update((name.lower(), value) for name, value in (headers or {}).items())
    return merged
