import logging
import types
import unittest

import main


async def records(*all):
    for record in all:
        yield record


class Transformer(unittest.IsolatedAsyncioTestCase):
    def test_a_record_is_converted(self):
        self.assertEqual(main.convert({"celsius": 100}, "F"), {"celsius": 100, "fahrenheit": 212})
        self.assertEqual(main.convert({"celsius": 100}, "C"), {"celsius": 100})

    async def test_every_record_that_comes_in_goes_out(self):
        # What a Hub gives a program as its context.
        context = types.SimpleNamespace(logger=logging.getLogger("test"))
        out = [record async for record in main.run(context, records({"celsius": 0}, {"celsius": 10}), "F")]
        self.assertEqual([record["fahrenheit"] for record in out], [32, 50])
