"""text-stats: text in; when it ends, one record of figures out."""

import re
from collections import Counter

WORD = re.compile(r"\w+(?:['’]\w+)*")


async def run(context, input, top="3"):
    # Text comes line by line, each with its end.
    lines = characters = 0
    words = Counter()
    async for line in input:
        lines += 1
        characters += len(line)
        words.update(word.lower() for word in WORD.findall(line))
    yield {
        "lines": lines,
        "words": sum(words.values()),
        "characters": characters,
        "longest": max(sorted(words), key=len, default=None),
        "top": most_common(words, int(top)),
    }


def most_common(words, top):
    """By number, and those that are as frequent by the alphabet: always the same."""
    return sorted(words.items(), key=lambda item: (-item[1], item[0]))[:top]
