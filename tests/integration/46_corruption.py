#!/usr/bin/python3
"""Goal: one changed byte anywhere in what an engine has stored is found, and its file and
place are named; or it does no harm. Never is something missing that nobody says.

Method: a real engine's data, of several lives, with logs, tables, lists of files and
payloads. One bit of one byte is changed at a time, all over the files of its journals; then
`capstan verify` must say that something is wrong, where, or find the same facts and rows as
before.

    FLIPS   bytes to change; 400
"""
import collections
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, program  # noqa: E402

FLIPS = int(os.environ.get("FLIPS", "400"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))
LIVES = 3
AUTOMATION = """\
name: letters
steps: [{ key: print, kind: action, config: { action_name: print, parameters: {
  message: "${{ inputs.text }}" } } }]
"""
# What is said of a damage: the file, and the record or block that the byte lies in.
LOG = re.compile(r"(/\S+): .* at byte (\d+)")
TABLE = re.compile(r" in (/\S+\.sst) offset (\d+) size (\d+)")
TRAILER = 5  # bytes behind a block, which its size does not count
TABLE_END = 2048  # properties, the list of these blocks, footer
SEVERAL = ("MANIFEST", ".log", ".sst", "CURRENT", "mark")


def verify(data):
    done = subprocess.run([program("verify"), "--data", data, "--json"],
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)["journals"]


def kind(path):
    name = os.path.basename(path)
    return next((kind for kind in SEVERAL if kind in name), "other")


@contextlib.contextmanager
def changed(path, at, bit):
    with open(path, "r+b") as file:
        for begin in (True, False):
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << bit]))
            file.flush()
            if begin:
                yield


def place_named(path, at, wrong):
    """Does it name the file and a place at or before the byte that was changed?"""
    if kind(path) == "CURRENT":  # a name: it is wrong, or what it names is not there
        return os.path.dirname(path) in wrong
    if kind(path) == ".sst":
        table = TABLE.search(wrong)
        return bool(table) and table[1] == path and \
            0 <= at - int(table[2]) < int(table[3]) + TRAILER
    log = LOG.search(wrong)
    return bool(log) and log[1] == path and int(log[2]) <= at


class Corruption(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="capstan-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.data = os.path.join(cls.folder, "data")
        os.mkdir(cls.data)
        chance = random.Random(SEED)
        for life in range(LIVES):
            with Engine(data=cls.data, inline_max=64) as engine:
                engine.apply(AUTOMATION + f"description: life {life}\n")
                engine.worker("--queues", "default")
                for _ in range(10):
                    text = "".join(chance.choices("abcdefgh", k=chance.choice((8, 900))))
                    engine.start("letters", {"text": text}, wait=30)
        cls.files = [os.path.join(folder, name)
                     for folder, _, names in os.walk(os.path.join(cls.data, "journal"))
                     for name in names if os.path.getsize(os.path.join(folder, name))]

    def test_a_changed_byte_is_found_and_named_or_does_no_harm(self):
        code, before = verify(self.data)
        self.assertEqual(code, 0, before)
        kinds = {kind(path) for path in self.files}
        self.assertTrue(set(SEVERAL) <= kinds, kinds)
        counts = collections.Counter()
        chance = random.Random(SEED)
        for _ in range(FLIPS):
            path = chance.choice(self.files)
            at, bit = chance.randrange(os.path.getsize(path)), chance.randrange(8)
            with changed(path, at, bit):
                code, after = verify(self.data)
            where = f"SEED={SEED}: bit {bit} of byte {at} of {path}"
            if code == 0:
                self.assertEqual(after, before, where)
                counts[kind(path), "harmless"] += 1
                continue
            wrong = "".join(journal["wrong"] for journal in after if not journal["ok"])
            self.assertIn(os.path.dirname(path), wrong, where)
            named = place_named(path, at, wrong)
            counts[kind(path), "named" if named else "its folder"] += 1
            # The end of a table has no checksum of its own: RocksDB finds it senseless.
            self.assertTrue(named or self.at_the_end(path, at), where + ": " + wrong)
        for (name, what), count in sorted(counts.items()):
            print(f"{name}: {count} {what}", file=sys.stderr)
        self.assertEqual(verify(self.data), (0, before))

    def at_the_end(self, path, at):
        return kind(path) == ".sst" and at >= os.path.getsize(path) - TABLE_END


if __name__ == "__main__":
    unittest.main()
