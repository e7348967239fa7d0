import os
import tempfile
import unittest

import drivers  # noqa: F401  the path
from waverider_runner import workdir


class Workdir(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.slot = os.path.join(self.root, "slot")
        os.mkdir(self.slot)

    def package(self, name, files):
        root = os.path.join(self.root, name)
        for path, text in files.items():
            place = os.path.join(root, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w") as file:
                file.write(text)
        return root

    def slot_has(self, name):
        try:
            with open(os.path.join(self.slot, name)) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name, text):
        with open(os.path.join(self.slot, name), "w") as file:
            file.write(text)

    def test_what_a_program_writes_does_not_reach_the_package(self):
        package = self.package("one", {"main.py": "code", "data/a.txt": "a", "data/deep/b.txt": "b"})
        workdir.lay_out([package], self.slot)
        self.assertEqual([self.slot_has(n) for n in ("main.py", "data/a.txt", "data/deep/b.txt")], ["code", "a", "b"])
        self.write("data/a.txt", "changed")
        with open(os.path.join(package, "data/a.txt")) as file:
            self.assertEqual(file.read(), "a")
        workdir.lay_out([package], self.slot)
        self.assertEqual(self.slot_has("data/a.txt"), "changed")

    def test_another_revision_replaces_what_was_not_changed(self):
        old = self.package("old", {"same.txt": "old", "changed.txt": "old", "gone.txt": "old", "own.txt": "old"})
        self.write("own.txt", "the program's")
        workdir.lay_out([old], self.slot)
        self.write("changed.txt", "by the program")
        workdir.lay_out([self.package("new", {"same.txt": "new", "changed.txt": "new", "own.txt": "new"})], self.slot)
        has = [self.slot_has(n) for n in ("same.txt", "changed.txt", "gone.txt", "own.txt")]
        self.assertEqual(has, ["new", "by the program", None, "the program's"])

    def test_what_is_large_is_linked(self):
        many = {"many/%d" % i: "x" for i in range(workdir.MAX_ENTRIES)}
        package = self.package("big", dict(many, **{"big.bin": "x" * (workdir.MAX_BYTES + 1), "z.txt": "z"}))
        workdir.lay_out([package], self.slot)
        linked = [os.path.islink(os.path.join(self.slot, n)) for n in ("many", "big.bin", "z.txt")]
        self.assertEqual(linked, [True, True, False])
        self.assertEqual(self.slot_has("many/7"), "x")
        workdir.lay_out([self.package("small", {"z.txt": "new"})], self.slot)
        self.assertEqual(sorted(os.listdir(self.slot)), [workdir.RECORD, "z.txt"])
        self.assertEqual(len(os.listdir(os.path.join(package, "many"))), workdir.MAX_ENTRIES)

    def test_what_is_not_the_programs_to_read_is_left_out(self):
        package = self.package("deps", {"main.py": "", "__pypackages__/x.py": "", "__pycache__/y.pyc": ""})
        workdir.lay_out([package], self.slot)
        self.assertEqual(sorted(os.listdir(self.slot)), [workdir.RECORD, "main.py"])

    def test_what_is_beside_the_main_file_goes_first(self):
        package = self.package("one", {"src/main.py": "", "src/a.txt": "beside", "a.txt": "above", "b.txt": "b"})
        workdir.lay_out([os.path.join(package, "src"), package], self.slot)
        self.assertEqual([self.slot_has(n) for n in ("a.txt", "b.txt", "src/a.txt")], ["beside", "b", "beside"])

    def test_a_start_that_was_killed_is_made_good(self):
        old = self.package("old", {"a.txt": "old", "b.txt": "old"})
        self.write("a.txt", "old")  # copied, and not noted
        self.write(workdir.RECORD + ".part", "ol")
        workdir.lay_out([old], self.slot)
        self.assertEqual(self.slot_has("b.txt"), "old")
        workdir.lay_out([self.package("new", {"a.txt": "new", "b.txt": "new"})], self.slot)
        self.assertEqual([self.slot_has(n) for n in ("a.txt", "b.txt")], ["new", "new"])
        self.assertEqual(sorted(os.listdir(self.slot)), [workdir.RECORD, "a.txt", "b.txt"])

    def test_a_broken_record_is_none(self):
        package = self.package("one", {"a.txt": "a"})
        self.write(workdir.RECORD, "{rubbish")
        workdir.lay_out([package], self.slot)
        self.assertEqual(self.slot_has("a.txt"), "a")


if __name__ == "__main__":
    unittest.main()
