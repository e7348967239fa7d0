"""One Sequence of a Hub."""

from .instance import InstanceClient
from .names import also_camel_case, with_camel_keys
from .text import part


@also_camel_case
class SequenceClient:
    def __init__(self, id, host):
        if not id:
            raise ValueError("SequenceClient: no id given")
        self.id = id
        self.host = host
        self._path = "sequence/" + part(id)

    def __repr__(self):
        return "<SequenceClient %s>" % self.id

    async def start(self, payload=None, **settings):
        """Gives an InstanceClient. payload is {appConfig, args, instanceId,
        inputTopic, outputTopic, limits, restart}, all of it optional; settings
        are the same with names of Python: app_config, …"""
        payload = dict(payload or {}, **with_camel_keys(settings))
        answer = await self.host.client.post(self._path + "/start", payload)
        return InstanceClient(answer["id"], self.host)

    async def list_instances(self):
        return await self.host.client.get(self._path + "/instances")

    async def get_instance(self, id, host=None):
        return InstanceClient(id, host or self.host)

    async def get_info(self):
        return await self.host.client.get(self._path)

    async def overwrite(self, package, headers=None):
        """Uploads a new package for this Sequence."""
        answer = await self.host.client.send_package(self._path, package, headers, "PUT")
        return SequenceClient(answer["id"], self.host)


class FoundSequence(dict):
    """What the Hub says of a Sequence, that can be started too: programs take
    what get_sequence gives for the one or the other."""

    def __init__(self, fields, host):
        super().__init__(fields)
        self._client = SequenceClient(fields["id"], host)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._client, name)
