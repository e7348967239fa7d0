"""How scramjet.streams are read: in which order, how much at once, once only."""

import asyncio
import io
import unittest

import drivers
from scramjet.streams import Stream, StreamAlreadyConsumed


def setUpModule():
    drivers.install()


def tearDownModule():
    drivers.uninstall()


async def later(value):
    return value


async def async_range(n):
    for i in range(n):
        yield i


class Counted:
    """An iterator that knows how far it was read."""

    def __init__(self, n):
        self.left = iter(range(n))
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        value = next(self.left)
        self.taken += 1
        return value


class Cases:
    def list(self, stream):
        return self.run_async(stream.to_list())

    def test_iteration(self):
        async def main():
            stream = Stream.read_from(range(4))
            self.assertEqual(await stream.read(), 0)
            said = [chunk async for chunk in stream]
            with self.assertRaises(StreamAlreadyConsumed):
                await stream.to_list()
            return said
        self.assertEqual(self.run_async(main()), [1, 2, 3])

    def test_read_some_then_all(self):
        async def main():
            stream = Stream.read_from("abcd").map(str.upper)
            first = await stream.read()
            return first, await stream.map(str.lower).to_list()
        self.assertEqual(self.run_async(main()), ("A", ["b", "c", "d"]))

    def test_only_one_may_consume(self):
        uses = [lambda s: s.map(str), lambda s: s.batch(bool), lambda s: s.sequence(list), lambda s: s.decode(), lambda s: s.flatmap(str),
                lambda s: self.list(s), lambda s: self.run_async(s.reduce(max)), lambda s: self.run_async(s.write_to([])),
                lambda s: s.pipe(Stream()), lambda s: self.run_async(s.read()), lambda s: s.__aiter__()]
        for use in uses:
            stream = Stream.read_from("a")
            stream.map(str)
            with self.assertRaises(StreamAlreadyConsumed):
                use(stream)

    def test_await_on_a_stream_is_an_error(self):
        async def main():
            await Stream()
        with self.assertRaises(TypeError):
            self.run_async(main())

    def test_errors_reach_the_reader(self):
        def broken():
            yield 4
            raise KeyError("source")

        async def fails(x):
            return 1 / (x - 2)
        for stream, error in [
            (Stream.read_from([1, 0]).map(lambda x: 1 / x), ZeroDivisionError),
            (Stream.read_from(range(4)).map(fails), ZeroDivisionError),
            (Stream.read_from(range(4)).filter(fails).map(str), ZeroDivisionError),
            (Stream.read_from(broken()), KeyError),
            (Stream.read_from(broken()).map(fails).map(str).flatmap(list), KeyError),
            (Stream.read_from([1]).batch(lambda x: 1 / 0), ZeroDivisionError),
            (Stream.read_from([1]).sequence(lambda p, x: 1 / 0), ZeroDivisionError),
        ]:
            with self.assertRaises(error):
                self.list(stream)
        with self.assertRaises(ZeroDivisionError):
            self.run_async(Stream.read_from([1, 2]).reduce(lambda a, b: 1 / 0))

    def test_what_came_before_an_error_is_read(self):
        async def fails(x):
            if x == 2:
                raise ValueError(x)
            return x

        async def main():
            stream = Stream.read_from(range(5)).map(fails)
            said = [await stream.read(), await stream.read()]
            with self.assertRaises(ValueError):
                await stream.read()
            return said
        self.assertEqual(self.run_async(main()), [0, 1])

    def test_nothing_is_read_before_somebody_reads(self):
        source = Counted(1000)

        async def main():
            stream = Stream.read_from(source).map(str).filter(bool).flatmap(lambda x: [x])
            self.assertEqual(source.taken, 0)
            await stream.read()
            self.assertEqual(source.taken, 1)
            await stream.read()
            self.assertEqual(source.taken, 2)
        self.run_async(main())


class ByHand(drivers.ByHand, Cases, unittest.TestCase):
    pass


class OnAsyncio(drivers.OnAsyncio, Cases, unittest.TestCase):
    def test_order_and_limit(self):
        active = [0, 0]

        async def slow(x):
            active[0] += 1
            active[1] = max(active)
            await asyncio.sleep((x * 7 % 5) / 500)
            active[0] -= 1
            return x
        stream = Stream.read_from(range(40), max_parallel=4).map(slow).map(str)
        self.assertEqual(self.list(stream), [str(x) for x in range(40)])
        self.assertEqual(active[1], 4)

    def test_prefetch_is_bounded(self):
        source = Counted(10 ** 6)

        async def main():
            stream = Stream.read_from(source, max_parallel=8).map(later)
            for _ in range(10):
                await stream.read()
            await asyncio.sleep(0.01)
            self.assertLessEqual(source.taken, 10 + 8 + 1)
        self.run_async(main())

    def test_nothing_is_left_of_a_stream_that_failed(self):
        async def works(x):
            if x == 3:
                raise KeyError(x)
            await asyncio.sleep(60 if x > 3 else 0)
            return x

        async def main():
            for end in (lambda s: s.to_list(), lambda s: s.reduce(max), lambda s: s.flatmap(lambda x: [x]).write_to(io.StringIO())):
                with self.assertRaises((KeyError, TypeError)):
                    await end(Stream.read_from(async_range(20)).map(works).map(later))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                self.assertEqual(asyncio.all_tasks(), before)
            return None
        before = set()

        async def all():
            before.update(asyncio.all_tasks())
            await main()
        self.run_async(all())

    def test_cancelled_read_loses_nothing(self):
        async def main():
            stream = Stream().map(later)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.read(), 0.01)
            stream.write("a")
            with self.subTest():
                self.assertEqual(await stream.read(), "a")
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.read(), 0.01)
            stream.write("b")
            self.assertEqual(await stream.read(), "b")
        self.run_async(main())

    def test_endless_source_lets_others_run(self):
        async def main():
            seen = []

            async def other():
                await asyncio.sleep(0)
                seen.append(True)
            task = asyncio.create_task(other())
            async for chunk in Stream.read_from(iter(int, 1)):
                if seen:
                    break
            await task
        self.run_async(main())

    def test_endless_work_lets_others_run(self):
        def sometimes(x):
            return later(x) if x == 0 else x

        async def main():
            seen = []

            async def other():
                await asyncio.sleep(0.001)
                seen.append(True)
            task = asyncio.create_task(other())
            numbers = iter(range(10 ** 9))
            async for chunk in Stream.read_from(numbers).map(sometimes):
                self.assertLess(chunk, 10 ** 6)
                if seen:
                    break
            await task
        self.run_async(main())


if __name__ == "__main__":
    unittest.main()
