async def run(context, input):
    healthy = True

    def ping(message):
        context.emit("pong", message)

    async def shout(message):
        context.emit("greeting", {"from": context.instance_id})

    def change(message):
        nonlocal healthy
        healthy = message
        context.emit("changed", healthy)

    context.on("ping", ping)
    context.on("shout", shout)
    context.on("greeting", lambda message: context.emit("heard", message))
    context.on("health", change)
    context.on("quiet", lambda message: context.emit("silence"))
    context.set_health_check(lambda: {"healthy": healthy})
    context.emit("ready", True)
    async for _ in input:
        pass
