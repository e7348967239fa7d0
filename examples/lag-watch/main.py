"""lag-watch: looks at all Topics of the Hub it runs on, and tells when a reader
falls behind and when it has caught up."""

import asyncio
from urllib.parse import quote


async def run(context, input, most="1000", seconds="10"):
    stopped = asyncio.Event()

    async def stop(timeout, can_keep_alive):
        stopped.set()

    context.set_stop_handler(stop)
    behind = set()  # what was told of
    while not stopped.is_set():
        async for topic, reader in readers(context.hub):
            who = (topic, reader["name"])
            if (reader["lag"] > int(most)) != (who in behind):
                behind ^= {who}
                yield {"topic": topic, "reader": reader["name"], "behind": who in behind, "lag": reader["lag"]}
        try:
            await asyncio.wait_for(stopped.wait(), float(seconds))
        except asyncio.TimeoutError:
            pass


async def readers(hub):
    """The readers whose place is remembered: groups and programs."""
    for topic in await hub.get_topics():
        name = topic["topicName"]
        # What the client has no method for, it can ask for by its path.
        info = await hub.client.get("topics/" + quote(name, safe=""))
        for reader in info["readers"]:
            if reader["kind"] in ("group", "slot"):
                yield name, reader
