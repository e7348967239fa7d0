"""A HostClient in the hands of tests, awaited or blocking."""

from hubserver import Server
from waverider_runner.hub import HostClient, HubError


class Client:
    """`self.do(call)` calls with a HostClient and gives the result;
    `self.read(call)` reads the stream that it gives."""

    def serve(self, answer=None):
        self.server = Server(self, answer)
        self.host = self.host_of(self.server.api)
        return self.server

    def fails(self, call, kind=None):
        with self.assertRaises(HubError) as caught:
            self.do(call)
        error = caught.exception
        self.assertNotIn("s3cret", repr(error) + str(error) + repr(vars(error)))
        if kind is not None:
            self.assertEqual(error.kind, kind)
        return error


class Awaited(Client):
    def host_of(self, api):
        return HostClient(api)

    def do(self, call):
        async def main():
            return await call(self.host)

        return self.run_async(main())

    def read(self, call):
        async def main():
            return await (await call(self.host)).read()

        return self.run_async(main())

    def endless(self):
        async def endless():
            while True:
                yield b"x" * 1000

        return endless()

    def broken(self, error):
        async def broken():
            yield b"x"
            raise error

        return broken()


class Blocking(Client):
    def host_of(self, api):
        return HostClient(api).sync

    def do(self, call):
        return call(self.host)

    def read(self, call):
        return b"".join(call(self.host))

    def endless(self):
        while True:
            yield b"x" * 1000

    def broken(self, error):
        yield b"x"
        raise error
