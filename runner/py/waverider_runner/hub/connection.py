"""A socket that never blocks the loop: it is read and written at once where that
is possible, and only waiting for it is left to a thread.

Uses _socket, as the module socket takes 2 MB more.
"""

import _socket
from _thread import allocate_lock
from select import POLLIN, POLLOUT, poll

PIECE = 64 * 1024  # bytes read at once


class Connection:
    """`call(function, *args)` is awaited for what may block."""

    def __init__(self, address, call):
        self._call = call
        self._address = address
        self._lock = allocate_lock()
        self._polling = 0  # threads
        self._closed = False
        self._sock = None

    async def open(self):
        local = isinstance(self._address, str)
        if not local:
            self._address = await self._call(_resolve, *self._address)
        self._sock = _socket.socket(_socket.AF_UNIX if local else self._address[0], _socket.SOCK_STREAM)
        address = self._address if local else self._address[1]
        try:
            if local:
                self._sock.setblocking(False)
                try:
                    self._sock.connect(address)
                except BlockingIOError:  # many connect at once
                    await self._call(self._connect, address)
            else:
                await self._call(self._connect, address)
            self._sock.setblocking(False)
        except BaseException:
            self.close()
            raise

    def _connect(self, address):
        self._sock.setblocking(True)
        self._sock.connect(address)

    async def recv(self):
        """What has come, b"" at the end."""
        while True:
            data = self.recv_now()
            if data is not None:
                return data
            await self.wait(POLLIN)

    def recv_now(self):
        """What has come; None if nothing has."""
        self._check()
        try:
            return self._sock.recv(PIECE)
        except BlockingIOError:
            return None

    def send_now(self, data):
        """How many bytes there was room for."""
        self._check()
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    async def send(self, data):
        data = memoryview(data)
        while data:
            sent = self.send_now(data)
            data = data[sent:]
            if data:
                await self.wait(POLLOUT)

    def readable(self):
        """Whether something has come, or the end."""
        return bool(self._poll(POLLIN, 0))

    async def readable_within(self, milliseconds):
        await self.wait(POLLIN, milliseconds)

    async def wait(self, events, within=None):
        """Until the socket is ready or closed, or some ms are over."""
        await self._call(self._poll, events, within)

    def _poll(self, events, within=None):
        with self._lock:
            if self._closed:
                return []
            self._polling += 1
        try:
            poller = poll()
            poller.register(self._sock.fileno(), events)
            return poller.poll(within)
        finally:
            with self._lock:
                self._polling -= 1
                last = self._closed and self._polling == 0
            if last:
                self._sock.close()

    def close(self):
        """From any thread. Ends the waiting of others."""
        with self._lock:
            if self._closed or self._sock is None:
                self._closed = True
                return
            self._closed = True
            idle = self._polling == 0
        try:
            self._sock.shutdown(_socket.SHUT_RDWR)
        except OSError:
            pass  # not connected any more
        if idle:  # else who polls does it: its number must not become another's meanwhile
            self._sock.close()

    def _check(self):
        if self._closed:
            raise OSError("the connection was closed")


def _resolve(host, port):
    family, _, _, _, address = _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)[0]
    return family, address
