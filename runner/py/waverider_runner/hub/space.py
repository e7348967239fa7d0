"""The Space a Hub belongs to."""

from .names import also_camel_case
from .text import part

LINES = "application/x-ndjson"


@also_camel_case
class SpaceClient:
    """Called by way of the Hub. What a Space does not give to its Hubs is refused; a Hub without one
    answers 404, and one that is cut off 503. All methods but get_host_client are to be awaited."""

    def __init__(self, client):
        self.client = client
        self.api_base = client.api_base

    def __repr__(self):
        return "<SpaceClient %s>" % self.api_base

    def get_host_client(self, id, api_base="/api/v1"):
        """Another Hub of the Space."""
        from .host import HostClient

        return HostClient(self.client.below("/cpm/api/v1/sth/" + part(id) + api_base))

    async def get_hosts(self):
        return await self.client.get("list")

    async def get_version(self):
        return await self.client.get("version")

    async def get_load(self):
        return await self.client.get("load")

    async def get_config(self):
        return await self.client.get("config")

    async def get_all_sequences(self):
        return await self.client.get("all_sequences")

    async def get_sequences(self):
        return await self.client.get("sequences")

    async def get_instances(self):
        return await self.client.get("instances")

    async def get_topics(self):
        return await self.client.get("topics")

    async def send_topic(self, topic, stream, content_type=LINES, end=None, headers=None):
        """Returns when the Space has all of it."""
        return await self.client.send_stream("topic/" + part(topic), stream, headers, content_type, end)

    send_named_data = send_topic

    async def get_topic(self, topic, content_type=LINES, headers=None):
        return await self.client.get_stream("topic/" + part(topic), headers, content_type)

    get_named_data = get_topic

    async def get_log_stream(self, headers=None):
        return await self.client.get_stream("log", headers)

    async def get_audit_stream(self, headers=None):
        return await self.client.get_stream("audit", headers)

    async def get_store_items(self):
        return await self.client.get("store")

    async def put_store_item(self, stream, id):
        return await self.client.send_package("store/" + part(id), stream, None, "PUT")

    async def delete_store_item(self, id):
        return await self.client.delete("store/" + part(id))

    async def clear_store(self):
        return await self.client.delete("store")

    async def disconnect_hubs(self, options):
        return await self.client.post("disconnect", options)

    async def delete_hub(self, id, force=False):
        return await self.client.delete("sth/" + part(id), {"x-force": "true"} if force else None)
