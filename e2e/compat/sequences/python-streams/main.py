import asyncio

from scramjet.streams import Stream


async def slowly(word):
    await asyncio.sleep(0.001)
    return word.strip().upper()


def run(context, input):
    words = Stream.read_from(input).flatmap(str.split)
    stream = words.map(slowly).filter(lambda word: word != "NO").batch(lambda word: word == "END")
    stream.content_type = "application/x-ndjson"
    return stream
