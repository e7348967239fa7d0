"""Where a program's installed packages are found. Run in processes of their own:
it is the path of the interpreter that is looked at."""

import os
import subprocess
import sys
import tempfile
import unittest
import venv

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = """
import sys
sys.path.insert(0, %r)
from waverider_runner import installed
sys.path += installed.folders()
installed.add_finder()
print(" ".join(installed.folders()))
import plainly, by_path
print("loaded" if "ran_code" in sys.modules else "left alone")
try:
    import by_code
    print(by_code.__name__, "loaded" if "ran_code" in sys.modules else "left alone")
except ImportError as err:
    print(err)
try:
    import nowhere
except ImportError as err:
    print(err)
""" % HERE


class Installed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)
        venv.create(os.path.join(self.root, "venv"), with_pip=False, symlinks=True)
        lib = os.path.join(self.root, "venv", "lib")
        self.packages = os.path.join(lib, os.listdir(lib)[0], "site-packages")
        self.beside = os.path.join(self.root, "beside")
        self.hidden = os.path.join(self.root, "hidden")
        for path in (self.beside, self.hidden):
            os.mkdir(path)
        self.write(self.packages, "plainly.py", "")
        self.write(self.packages, "ran_code.py", "import sys; sys.path.append(%r)" % self.hidden)
        self.write(self.beside, "by_path.py", "")
        self.write(self.hidden, "by_code.py", "")
        self.write(self.packages, "paths.pth", "# a comment\n\n%s\n/no/such/folder\n" % self.beside)

    def write(self, folder, name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)

    def run_program(self):
        python = os.path.join(self.root, "venv", "bin", "python3")
        out = subprocess.run([python, "-S", "-s", "-B", "-c", PROGRAM], stdout=subprocess.PIPE, check=True, timeout=30)
        return out.stdout.decode().splitlines()

    def test_folders_and_paths_of_a_virtual_environment(self):
        folders, code, missing, nowhere = self.run_program()
        self.assertEqual(folders.split(), [self.packages, self.beside])
        self.assertEqual(code, "left alone")
        self.assertEqual(missing, "No module named 'by_code'")
        self.assertEqual(nowhere, "No module named 'nowhere'")

    def test_code_is_run_when_something_is_not_found(self):
        self.write(self.packages, "code.pth", "import ran_code\n")
        _, before, found, nowhere = self.run_program()
        self.assertEqual(before, "left alone")
        self.assertEqual(found, "by_code loaded")
        self.assertEqual(nowhere, "No module named 'nowhere'")


if __name__ == "__main__":
    unittest.main()
