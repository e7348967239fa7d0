import datetime
import types
import unittest

import main


class Generator(unittest.IsolatedAsyncioTestCase):
    def test_a_record_has_a_number_a_time_and_a_value(self):
        record = main.measure(7)
        self.assertEqual(record["n"], 7)
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(record["at"])
        self.assertLess(age.total_seconds(), 10)
        self.assertLessEqual(abs(record["value"]), 1)

    async def test_records_come_until_the_program_is_stopped(self):
        handlers = []
        context = types.SimpleNamespace(set_stop_handler=handlers.append)
        seen = []
        async for record in main.run(context, None, 0.001):
            seen.append(record["n"])
            if len(seen) == 3:
                await handlers[0](1, False)
        self.assertEqual(seen, [1, 2, 3])
