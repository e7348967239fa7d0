async def begin(stream, length):
    text = b""
    async for data in stream:
        text += data
        if len(text) >= length:
            break
    stream.close()
    return text.decode()


async def run(context, input, sequence_id):
    hub = context.hub
    yield {"call": "get_version", "value": await hub.get_version()}
    yield {"call": "getVersion", "value": await hub.getVersion()}
    yield {"call": "get_status", "value": await hub.get_status()}
    yield {"call": "get_load_check", "value": list(await hub.get_load_check())}
    yield {"call": "get_config", "value": type(await hub.get_config()).__name__}
    yield {"call": "list_sequences", "value": any(s["id"] == sequence_id for s in await hub.list_sequences())}
    yield {"call": "list_instances", "value": any(i["id"] == context.instance_id for i in await hub.list_instances())}
    yield {"call": "list_entities", "value": list(await hub.list_entities())}
    yield {"call": "get_sequence", "value": (await hub.get_sequence(sequence_id))["id"]}
    yield {"call": "get_instance_info", "value": (await hub.get_instance_info(context.instance_id))["status"]}

    sequence = hub.get_sequence_client(sequence_id)
    yield {"call": "sequence.get_info", "value": (await sequence.get_info())["config"]["name"]}
    instance = await sequence.start()
    yield {"call": "sequence.start", "value": instance.id}
    yield {"call": "sequence.list_instances", "value": instance.id in await sequence.list_instances()}
    yield {"call": "instance.get_info", "value": (await instance.get_info())["sequence"]["id"]}
    yield {"call": "instance.get_health", "value": (await instance.get_health())["healthy"]}
    await instance.send_input(["one", "two"], content_type="text/plain", end=True)
    yield {"call": "instance.output", "value": (await (await instance.get_stream("output")).read()).decode()}
    yield {"call": "instance.kill", "value": await killed(instance)}

    topic = "inside." + context.instance_id
    yield {"call": "create_topic", "value": (await hub.create_topic(topic, "application/x-ndjson"))["id"] == topic}
    yield {"call": "get_topics", "value": any(t["topicName"] == topic for t in await hub.get_topics())}
    await hub.send_topic(topic, [{"n": 1}, {"n": 2}])
    yield {"call": "get_topic", "value": await begin(await hub.get_topic(topic), 16)}
    yield {"call": "delete_topic", "value": (await hub.delete_topic(topic))["message"] == "Topic %s removed" % topic}
    yield {"call": "error", "value": await refusal(hub.delete_topic(topic))}
    yield {"call": "space", "value": await refusal(context.space.get_version())}
    yield {"call": "sync", "value": hub.sync.get_version()["apiVersion"]}


async def killed(instance):
    try:
        return type((await instance.kill(remove_immediately=True))["id"]).__name__
    except Exception as err:
        return str(err)


async def refusal(call):
    try:
        await call
    except Exception as err:
        return {"kind": err.kind, "code": err.code, "status": err.status}
