"""Runs for a moment and fails."""

import asyncio


async def run(context, input):
    await asyncio.sleep(0.03)
    raise RuntimeError("as always")
