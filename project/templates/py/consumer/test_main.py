import copy
import logging
import unittest

import main


class Context:
    """Stands in for what a Hub gives a program."""

    logger = logging.getLogger("test")
    state = None

    def load(self):
        return self.state

    async def save(self, value):
        self.state = copy.deepcopy(value)


async def records(*all):
    for record in all:
        yield record


class Consumer(unittest.IsolatedAsyncioTestCase):
    def test_a_record_is_added(self):
        totals = {"records": 1, "sum": 2}
        main.add(totals, {"value": 3})
        main.add(totals, {})
        self.assertEqual(totals, {"records": 3, "sum": 5})

    async def test_a_run_goes_on_where_the_last_one_ended(self):
        context = Context()
        await main.run(context, records({"value": 1}, {"value": 2}))
        await main.run(context, records({"value": 4}))
        self.assertEqual(context.state, {"records": 3, "sum": 7})
