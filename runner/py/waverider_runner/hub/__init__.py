"""Clients of the Hub's REST API for programs: `context.hub` and `context.space`.

Every method is async; `context.hub.sync` has the same ones for plain programs.
"""

from .error import HubError
from .host import HostClient
from .instance import InstanceClient
from .sequence import SequenceClient
from .space import SpaceClient

__all__ = ["HostClient", "HubError", "InstanceClient", "SequenceClient", "SpaceClient"]
