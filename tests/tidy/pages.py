#!/usr/bin/python3
"""Goal: the pages that are printed from tables are as the tables are.

Method: print each again and compare; `make pages` writes them.
"""
import os
import subprocess
import unittest

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
PRINTER = os.path.join(BUILD, "docs/capstan-docs")
PAGES = ["config", "counters", "errors", "functions", "messages", "wires"]


class PagesTest(unittest.TestCase):
    maxDiff = 2000

    def test_pages_are_fresh(self):
        for page in PAGES:
            with self.subTest(page=page):
                printed = subprocess.run([PRINTER, page], capture_output=True, text=True,
                                         check=True).stdout
                path = os.path.join(SOURCE, "docs", page + ".md")
                with open(path, encoding="utf-8") as there:
                    self.assertMultiLineEqual(there.read(), printed, "run make pages")


if __name__ == "__main__":
    unittest.main()
