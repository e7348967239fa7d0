"""The Space a Hub belongs to."""

from .error import kind_of, HubError
from .names import camel

METHODS = (
    "get_hosts get_version get_load send_named_data get_named_data send_topic get_topic get_log_stream get_audit_stream "
    "get_config get_all_sequences get_sequences get_instances get_topics get_store_items put_store_item delete_store_item "
    "clear_store disconnect_hubs delete_hub"
).split()


class SpaceClient:
    """This Hub belongs to no Space: every call says so."""

    def __init__(self, client):
        self.client = client
        self.api_base = client.api_base

    def __repr__(self):
        return "<SpaceClient %s>" % self.api_base

    def get_host_client(self, id):
        raise _no_space("get_host_client %s" % id)

    getHostClient = get_host_client


def _method(name):
    async def method(self, *args, **settings):
        raise _no_space(name)

    method.__name__ = name
    return method


def _no_space(method):
    return HubError(404, kind_of(404), "%s: 404 this Hub is not connected to a Space" % method, "this Hub is not connected to a Space")


for _name in METHODS:
    setattr(SpaceClient, _name, _method(_name))
    setattr(SpaceClient, camel(_name), getattr(SpaceClient, _name))
