"""A Hub."""

from .client import Client
from .instance import InstanceClient
from .names import also_camel_case
from .sequence import FoundSequence, SequenceClient
from .space import SpaceClient
from .text import part

LINES = "application/x-ndjson"


@also_camel_case
class HostClient:
    """api is {socket, base, token}. Streams that are sent may be bytes, text,
    files, iterables or async iterables; streams that come are async iterables
    of bytes. All methods but those that make a client are to be awaited."""

    def __init__(self, api):
        self.client = api if isinstance(api, Client) else Client.of(api)
        self.api_base = self.client.api_base

    def __repr__(self):
        return "<HostClient %s>" % self.api_base

    @property
    def sync(self):
        """The same methods for programs that are not async: they block, and
        streams are plain iterables."""
        from .blocking import Plain

        return Plain(HostClient(self.client.blocking()))

    async def list_sequences(self):
        return await self.client.get("sequences")

    async def list_instances(self):
        return await self.client.get("instances")

    async def list_entities(self):
        return await self.client.get("entities")

    async def get_sequence_id(self, name):
        """The ids of all Sequences of that name."""
        return [s["id"] for s in await self.list_sequences() if name in (s.get("name"), (s.get("config") or {}).get("name"))]

    async def get_log_stream(self, headers=None):
        return await self.client.get_stream("log", headers)

    async def get_audit_stream(self, headers=None):
        return await self.client.get_stream("audit", headers)

    async def send_sequence(self, package, headers=None):
        """Uploads a package, a tar.gz; gives its SequenceClient."""
        answer = await self.client.send_package("sequence", package, headers, "POST")
        return SequenceClient(answer["id"], self)

    async def load_sequence(self, path):
        """The bytes of a package on disk, for send_sequence."""
        with open(path, "rb") as file:
            return file.read()

    async def get_sequence(self, id):
        """A dict that is a SequenceClient too."""
        return FoundSequence(await self.get_sequence_info(id), self)

    async def get_sequence_info(self, id):
        return await self.client.get("sequence/" + part(id))

    async def delete_sequence(self, id, force=False):
        """With force, its Instances are ended first."""
        return await self.client.delete("sequence/" + part(id), {"x-seq-kill-inst": "true"} if force else None)

    async def get_instance_info(self, id):
        return await self.client.get("instance/" + part(id))

    async def get_load_check(self):
        return await self.client.get("load-check")

    async def get_version(self):
        return await self.client.get("version")

    async def get_status(self):
        return await self.client.get("status")

    async def get_config(self):
        return await self.client.get("config")

    async def send_topic(self, topic, stream, content_type=LINES, end=None, headers=None):
        """Returns when the Hub has all of it."""
        return await self.client.send_stream("topic/" + part(topic), stream, headers, content_type, end)

    send_named_data = send_topic

    async def get_topic(self, topic, content_type=LINES, headers=None):
        return await self.client.get_stream("topic/" + part(topic), headers, content_type)

    get_named_data = get_topic

    async def create_topic(self, id, content_type):
        return await self.client.post("topics", {"id": id, "content-type": content_type})

    async def delete_topic(self, id):
        return await self.client.delete("topics/" + part(id))

    async def get_topics(self):
        return await self.client.get("topics")

    def get_instance_client(self, id):
        return InstanceClient(id, self)

    def get_sequence_client(self, id):
        return SequenceClient(id, self)

    def get_manager_client(self, api_base="/api/v1"):
        """The Space this Hub belongs to."""
        return SpaceClient(self.client.below("/cpm" + api_base))
