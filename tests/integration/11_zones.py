#!/usr/bin/python3
"""Goal: without time zones that can be read no engine begins, and it says why.

Method: a real engine whose setting names a folder that is not there, then one with a
damaged zone, then a good one.
"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine  # noqa: E402


class Zones(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def begin(self, folder):
        """What an engine says that does not begin; None if it does."""
        engine = Engine(zoneinfo=folder)
        self.addCleanup(engine.close)
        try:
            engine.up()
        except AssertionError as why:
            return str(why)
        return None

    def test_a_folder_that_is_not_there_is_named(self):
        folder = os.path.join(self.folder.name, "none")
        self.assertIn(f"zoneinfo: {folder}: No such file or directory: expected the "
                      "folder of the package tzdata", self.begin(folder) or "it began")

    def test_a_damaged_zone_is_named_and_a_whole_one_is_enough(self):
        with open("/usr/share/zoneinfo/Europe/Berlin", "rb") as file:
            whole = file.read()
        place = os.path.join(self.folder.name, "Berlin")
        with open(place, "wb") as file:
            file.write(whole[:-10])
        said = self.begin(self.folder.name) or "it began"
        self.assertIn(f"zoneinfo: {place}: its footer is cut short", said)
        with open(place, "wb") as file:
            file.write(whole)
        self.assertIsNone(self.begin(self.folder.name))


if __name__ == "__main__":
    unittest.main()
