"""Items of the input never depend on how its bytes were cut on their way, nor
does what of the input is done when they are."""

import json
import random
import unittest
from unittest import mock

from channelparts import Log, cuts
from waverider_runner import decode
from waverider_runner.progress import Progress

SEEDS = range(150)


class Lines:
    lines = True


def decoded(content_type, pieces):
    """The items, and the places that they are done at."""
    input = Lines()
    progress = Progress({}, input, None, Log())
    log = Log()
    decoder = input.decoder = decode.decoder_for(content_type, log, progress)
    items = []
    for piece in pieces:
        got = list(decoder.decode(piece))
        if got:
            progress.gave(decoder.ends)
        items += got
    got = list(decoder.end())
    if got:
        progress.gave(decoder.ends)
    items += got
    return items, [progress.place(i) for i in range(len(items) + 1)], log.errors


def objects(data):
    """The same, in the plainest way."""
    items, places = [], [0]
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            items.append(json.loads(line.decode("utf-8", "replace"), parse_constant=lambda name: 1 / 0))
            places.append(number)
        except (ValueError, ZeroDivisionError):
            places[-1] = number  # done in the order of the items
    return items, places


class Objects(unittest.TestCase):
    def text(self, seed):
        rnd = random.Random(seed)
        values = ['1', '{"a": [1, "\u20ac"]}', '"\U0001f600"', "", "  ", "\r", "no", "[", "]", '"', "NaN", "1 2", " 3 ", "null", "4\r"]
        text = "\n".join(rnd.choice(values) for _ in range(rnd.randint(0, 12)))
        return (text + rnd.choice(["", "\n"])).encode()

    def test_cuts(self):
        for seed in SEEDS:
            data = self.text(seed)
            for most in (1, 3, 8, 1000):
                items, places, _ = decoded("application/x-ndjson", cuts(data, seed, most))
                self.assertEqual((items, places), objects(data), (data, most))

    def test_lines_too_long(self):
        limit, decode.MAX_LINE = decode.MAX_LINE, 10
        self.addCleanup(setattr, decode, "MAX_LINE", limit)
        data = b'1\n"' + b"x" * 30 + b'"\n2\n"' + b"y" * 12 + b'"\n"' + b"z" * 12 + b'"\n3\n"1234567"\n"' + b"w" * 20
        for seed in SEEDS:
            items, places, errors = decoded("application/x-ndjson", cuts(data, seed, 9))
            self.assertEqual(items, [1, 2, 3, "1234567"])
            self.assertEqual(places, [0, 2, 5, 6, 8])
            self.assertEqual(len(errors), 4)

    def test_words_for_bad_lines(self):
        _, _, errors = decoded("application/x-ndjson", [b"1\n{x\n\n2\nNaN\n"])
        self.assertEqual(errors, ["input line 2 is not JSON: skipped", "input line 5 is not JSON: skipped"])

    def test_one_line_cannot_close_another(self):
        items, _, errors = decoded("application/x-ndjson", [b'[1\n2]\n{"a":\n1}\n"x\ny"\n'])
        self.assertEqual(items, [])
        self.assertEqual(len(errors), 6)


class Text(unittest.TestCase):
    def test_cuts(self):
        parts = ["", "a", "\u20ac", "\U0001f600b", "\r", "\u2028", "x" * 20]
        for seed in SEEDS:
            rnd = random.Random(seed)
            data = "\n".join(rnd.choice(parts) for _ in range(rnd.randint(0, 9))).encode()
            want = [str(line, "utf-8") for line in data.split(b"\n")]
            want = [line + "\n" for line in want[:-1]] + ([want[-1]] if want[-1] else [])
            for most in (1, 2, 5, 1000):
                items, places, _ = decoded("text/plain", cuts(data, seed, most))
                self.assertEqual(items, want)
                ends = [0]
                for item in items:
                    ends.append(ends[-1] + len(item.encode()))
                self.assertEqual(places, ends)

    def test_without_progress(self):
        decoder = decode.decoder_for("text/plain; charset=utf-8", Log(), None)
        items = []
        for piece in cuts("\u20ac\nb\n\nc".encode() * 50, 1, 3):
            items += decoder.decode(piece)
        items += decoder.end()
        self.assertEqual(items, ["\u20ac\n", "b\n", "\n"] + ["c\u20ac\n", "b\n", "\n"] * 49 + ["c"])

    def test_a_long_line_comes_in_whole_code_points(self):
        limit, decode.MAX_TEXT = decode.MAX_TEXT, 8
        self.addCleanup(setattr, decode, "MAX_TEXT", limit)
        data = ("\u20ac\U0001f600\u00fcx" * 20 + "\nend").encode()
        for seed in SEEDS:
            items, places, _ = decoded("text/plain", cuts(data, seed, 5))
            self.assertEqual("".join(items).encode(), data)
            self.assertNotIn("\ufffd", "".join(items))
            self.assertEqual(places[-1], len(data))
            self.assertGreater(len(items), 10)

    def test_wrong_bytes(self):
        for seed in SEEDS:
            items, _, _ = decoded("text/plain", cuts(b"a\xff\n\xe2\x82\nb\xe2\x82", seed, 2))
            self.assertEqual(items, ["a\ufffd\n", "\ufffd\n", "b\ufffd"])

    def test_whole_length(self):
        for text in ("x", "\u00fc", "\u20ac", "\U0001f600"):
            data = ("a" + text).encode()
            for n in range(1, len(data) + 1):
                whole = decode.whole_length(data[:n])
                self.assertEqual(whole, n if n == len(data) else 1)
        self.assertEqual(decode.whole_length(b""), 0)
        self.assertEqual(decode.whole_length(b"\x80\x80\x80\x80\x80"), 5)


class OpenLines(unittest.TestCase):
    def test_what_follows_is_read_once(self):
        data = b"[\n" * 100 + b"1,\n" * 100 + b"1\n"
        with mock.patch.object(decode, "scan", side_effect=decode.scan) as scan:
            items, _, errors = decoded("application/x-ndjson", [data])
        self.assertEqual((items, len(errors), scan.call_count), ([1], 200, 1))


class Others(unittest.TestCase):
    def test_bytes(self):
        items, places, _ = decoded("application/octet-stream", [b"ab", b"\xff", b"c"])
        self.assertEqual((items, places), ([b"ab", b"\xff", b"c"], [0, 2, 3, 4]))

    def test_types(self):
        self.assertIsNone(decode.decoder_for("image/png", Log(), None))
        self.assertIsNone(decode.decoder_for("", Log(), None))
        self.assertTrue(decode.is_lines(" Application/X-NDJSON ; a=b"))
        self.assertFalse(decode.is_lines("application/json"))


if __name__ == "__main__":
    unittest.main()
