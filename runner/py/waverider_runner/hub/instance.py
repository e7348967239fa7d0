"""One Instance of a Hub."""

from .client import BYTES
from .names import also_camel_case, with_camel_keys
from .text import part

EVENT = 5001


@also_camel_case
class InstanceClient:
    def __init__(self, id, host):
        if not id:
            raise ValueError("InstanceClient: no id given")
        self.id = id
        self.host = host
        self._path = "instance/" + part(id)

    def __repr__(self):
        return "<InstanceClient %s>" % self.id

    async def stop(self, timeout=None, can_call_keepalive=None, can_keep_alive=None):
        """timeout in milliseconds; the two others are one, by either name."""
        may = can_keep_alive if can_call_keepalive is None else can_call_keepalive
        return await self._post("_stop", with_camel_keys({"timeout": timeout, "can_call_keepalive": may}))

    async def kill(self, remove_immediately=False):
        return await self._post("_kill", {"removeImmediately": remove_immediately})

    async def send_event(self, event_name, message=None):
        event = {"eventName": event_name}
        if message is not None:
            event["message"] = message
        return await self._post("_event", [EVENT, event])

    async def get_next_event(self, name):
        """Waits for the next event of that name."""
        return await self._get("once/" + part(name))

    async def get_event(self, name):
        """The last event of that name; waits when there was none."""
        return await self._get("event/" + part(name))

    async def get_event_stream(self, name, headers=None):
        return await self.host.client.get_stream("%s/events/%s" % (self._path, part(name)), headers)

    async def get_health(self):
        return await self._get("health")

    async def get_info(self):
        return await self.host.client.get(self._path)

    async def get_stream(self, name, headers=None):
        """name is stdout, stderr, output or log."""
        return await self.host.client.get_stream("%s/%s" % (self._path, part(name)), headers)

    async def get_log_stream(self, headers=None):
        return await self.get_stream("log", headers)

    async def send_stream(self, name, stream, content_type=BYTES, end=None, headers=None):
        """name is stdin or input; end=False leaves it open for more."""
        return await self.host.client.send_stream("%s/%s" % (self._path, part(name)), stream, headers, content_type, end)

    async def send_input(self, stream, content_type=BYTES, end=None, headers=None):
        return await self.send_stream("input", stream, content_type, end, headers)

    async def send_stdin(self, stream, headers=None):
        return await self.send_stream("stdin", stream, headers=headers)

    async def inout(self, stream, content_type=BYTES, end=None, headers=None):
        """Sends input and gives the output, a stream, while the input goes on."""
        return await self.host.client.send_stream(self._path + "/inout", stream, headers, content_type, end, early=True)

    async def _get(self, path):
        return await self.host.client.get("%s/%s" % (self._path, path))

    async def _post(self, path, value):
        return await self.host.client.post("%s/%s" % (self._path, path), value)
