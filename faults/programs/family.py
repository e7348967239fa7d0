"""Has children that try to get away: one in a session of its own, and one whose
parent has ended. Its output tells when the near child ends."""

import asyncio
import subprocess


async def run(context, input):
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    near = await asyncio.create_subprocess_exec("sleep", "1000", **quiet)
    yield "near %d\n" % near.pid
    far = [["setsid", "sh", "-c", "while :; do sleep 1; done"], ["sh", "-c", "setsid sleep 1000 & setsid setsid sleep 1001 &"]]
    for command in far:
        subprocess.Popen(command, start_new_session=True, **quiet)
    code = await near.wait()
    yield "near ended %s\n" % ("SIGKILL" if code == -9 else code)
    await asyncio.sleep(1e6)  # its life does not hang on that of a child
