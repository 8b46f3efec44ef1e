#!/usr/bin/python3
"""Goal: each fuzz target finds a bug, and each bound is kept.

Method: every target is told to make a mistake with what the parser gave it
(CAPSTAN_PLANTED=its name), or to be slow or greedy; it must die over it, and must not
without.
"""
import glob
import os
import subprocess
import sys
import unittest

BUILD = os.environ.get("CAPSTAN_BUILD", ".")
CORPUS = os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/fuzz/corpus")
NAMES = sorted(os.path.basename(path) for path in glob.glob(CORPUS + "/*"))
DEADLINE = 300


def run(name, bug):
    """What it said when it died, or nothing.  The arguments are for a libFuzzer."""
    command = [os.path.join(BUILD, f"tests/fuzz/fuzz_{name}"), "-runs=0",
               os.path.join(CORPUS, name)]
    done = subprocess.run(command, env=dict(os.environ, CAPSTAN_PLANTED=bug),
                          capture_output=True, text=True, timeout=DEADLINE)
    return done.stderr if done.returncode != 0 else ""


class Planted(unittest.TestCase):
    def test_each_target_finds_its_bug(self):
        self.assertGreater(len(NAMES), 8)
        for name in NAMES:
            with self.subTest(name):
                self.assertIn("why=", run(name, name))

    def test_each_bound_is_kept(self):
        for bug, why in (("slow", "CPU time"), ("greedy", "memory")):
            with self.subTest(bug):
                self.assertIn(why, run("key", bug))

    def test_without_a_bug_nothing_is_found(self):
        self.assertEqual(run("key", ""), "")


if __name__ == "__main__":
    sys.exit(unittest.main())
