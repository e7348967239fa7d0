import asyncio
import json


async def run(context, input, seconds=0, more=0):
    async def stop(timeout, can_keep_alive):
        print(json.dumps({"timeout": timeout, "can_keep_alive": can_keep_alive}))
        if more:
            await context.keep_alive(more)
        await asyncio.sleep(seconds)
        print("handled")
        if more:
            context.end()

    context.set_stop_handler(stop)
    context.add_kill_handler(lambda: print("killed"))
    async for item in input:
        yield item
