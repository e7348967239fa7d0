"""JSON as the rest of the world has it."""

import json
import math
import random
import unittest

import channelparts  # noqa: F401
from waverider_runner import jsontext
from waverider_runner.jsontext import dump_ascii, dump_bytes, dumps, loads


def value(rnd, depth=0):
    kind = rnd.randint(0, 9 if depth < 4 else 6)
    if kind < 4:
        return rnd.choice([None, True, False, 0, -1, 10**20, 1.5, -0.0, 1e300, 5e-324])
    if kind < 7:
        return "".join(rnd.choice('a"\\\n\t\x00\x7f\u20ac\U0001f600/') for _ in range(rnd.randint(0, 6)))
    if kind == 7:
        return tuple(value(rnd, depth + 1) for _ in range(rnd.randint(0, 4)))
    if kind == 8:
        return [value(rnd, depth + 1) for _ in range(rnd.randint(0, 4))]
    return {rnd.choice(["a", "\u20ac", 'q"', ""]) + str(i): value(rnd, depth + 1) for i in range(rnd.randint(0, 4))}


class Texts(unittest.TestCase):
    def test_same_as_json(self):
        for seed in range(500):
            v = value(random.Random(seed))
            text = dumps(v)
            self.assertEqual(text, json.dumps(v, ensure_ascii=False, separators=(",", ":")))
            self.assertEqual(dump_ascii(v), json.dumps(v, separators=(",", ":")))
            for given in (text, text.encode(), " \r\n\t" + text + " ", dump_ascii(v)):
                self.assertEqual(loads(given), json.loads(text))

    def test_what_json_lacks(self):
        self.assertEqual(dumps([math.nan, {"a": -math.inf}, (1, math.inf)]), '[null,{"a":null},[1,null]]')
        self.assertEqual(dumps({math.nan: 1, math.inf: math.nan, 2: 3, None: 4, True: 5}), '{"nan":1,"inf":null,"2":3,"null":4,"true":5}')

    def test_keys(self):
        for v in ({1: 1}, {None: 1}, {True: 1}, {1.5: 1}):
            self.assertEqual(dumps(v), json.dumps(v, separators=(",", ":")))
        with self.assertRaises(TypeError):
            dumps({(1, 2): 3})

    def test_no_values(self):
        for v in ({1}, b"x", object(), [1, {2}], 1j, range(3)):
            with self.assertRaises(TypeError):
                dumps(v)

    def test_itself(self):
        a = []
        a.append({"a": a})
        with self.assertRaises(ValueError):
            dumps(a)
        shared = [math.nan]
        self.assertEqual(dumps([shared, shared]), "[[null],[null]]")

    def test_half_of_a_surrogate_pair(self):
        self.assertEqual(dump_bytes("a\ud800"), b'"a\\ud800"')
        self.assertEqual(loads('"\\ud83d\\ude00"'), "\U0001f600")

    def test_no_texts(self):
        for text in ("", " ", "1 2", "[1,]", "{", '{"a":1,}', "'a'", "NaN", "[Infinity]", "-Infinity", "nul", "01", "1.", "+1", ".5",
                     '"\n"', '"\\x"', "\ufeff1", "[1", "1]", "\u00a01", '{"a" 1}', "{1:2}", "[" * 100000, '{"a":' * 100000, "\x0b1"):
            with self.assertRaises(ValueError, msg=text[:20]):
                loads(text)
        for data in (b"\xff", b"", b'"\xe2\x82"'):
            with self.assertRaises(ValueError):
                loads(data)

    def test_last_key_counts(self):
        self.assertEqual(loads('{"a":1,"a":2}'), {"a": 2})


if jsontext.make_scanner is None:
    del Texts.test_what_json_lacks  # told by json in other words


if __name__ == "__main__":
    unittest.main()
