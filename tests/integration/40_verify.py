#!/usr/bin/python3
"""Goal: verify says that all is right when it is, whether the engine runs or not, and
finds any byte of any journal that was changed.

Method: a real engine's data, copied, with one byte changed in each copy.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, SMOKE, program  # noqa: E402

JOURNALS = ["registry.0", "trigger.0", "scheduler.0", "scheduler.1"]
PLACES = 7  # in each file


def verify(data, *words):
    done = subprocess.run([program("verify"), "--data", data, *words],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def checked(data):
    code, said = verify(data, "--json")
    found = json.loads(said)
    assert found["ok"] == (code == 0), said
    return {journal["name"]: journal for journal in found["journals"]}


class Verify(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="capstan-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.data = os.path.join(cls.folder, "data")
        os.mkdir(cls.data)
        with Engine(data=cls.data, schedulers=2) as engine:
            engine.apply(SMOKE)
            engine.worker("--queues", "default")
            for _ in range(20):
                engine.start("worker-smoke-test", wait=30)
            cls.live = checked(cls.data)

    def copy(self):
        copy = tempfile.mkdtemp(prefix="copy-", dir=self.folder)
        self.addCleanup(shutil.rmtree, copy)
        return shutil.copytree(self.data, os.path.join(copy, "data"),
                               ignore=shutil.ignore_patterns("run"))

    def test_a_running_engine_is_right(self):
        self.assertEqual(list(self.live), JOURNALS)
        for name, journal in self.live.items():
            self.assertTrue(journal["ok"], journal)
        facts = sum(self.live[f"scheduler.{i}"]["facts"] for i in range(2))
        self.assertGreaterEqual(facts, 20 * 7)

    def test_a_stopped_engine_is_right_and_each_journal_has_a_line(self):
        code, said = verify(self.data)
        self.assertEqual(code, 0, said)
        lines = said.splitlines()
        self.assertEqual([line.split()[0] for line in lines], JOURNALS)
        for line in lines:
            self.assertTrue(line.endswith(" ok"), line)
        with open("/dev/full", "wb") as full:  # nobody can read that all is well
            done = subprocess.run([program("verify"), "--data", self.data], stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        for words in (["verify", "--json"], ["--json", "verify"]):
            said = subprocess.check_output([program("capstan"), *words],
                                           env=dict(os.environ, CAPSTAN_DATA=self.data))
            self.assertTrue(json.loads(said)["ok"], words)

    def test_a_changed_byte_is_found_in_every_log(self):
        missed = []
        for name in JOURNALS:
            folder = os.path.join("journal", name)
            logs = [file for file in os.listdir(os.path.join(self.data, folder))
                    if file.endswith((".log", ".sst"))]
            self.assertTrue(logs, name)
            for file in logs:
                size = os.path.getsize(os.path.join(self.data, folder, file))
                for at in range(0, size, max(1, size // PLACES)):
                    self.change(name, os.path.join(folder, file), at, missed)
        self.assertEqual(missed, [])

    def change(self, name, file, at, missed):
        data = self.copy()
        with open(os.path.join(data, file), "r+b") as damaged:
            damaged.seek(at)
            byte = damaged.read(1)[0]
            damaged.seek(at)
            damaged.write(bytes([byte ^ 0x10]))
        found = checked(data)
        others = {other for other, journal in found.items() if not journal["ok"]}
        if others != {name}:
            missed.append((file, at, others))
        shutil.rmtree(data)

    def test_a_shortened_log_is_found(self):
        data = self.copy()
        folder = os.path.join(data, "journal/scheduler.0")
        log = max((os.path.join(folder, file) for file in os.listdir(folder)
                   if file.endswith(".log")), key=os.path.getsize)
        os.truncate(log, os.path.getsize(log) // 2)
        self.assertFalse(checked(data)["scheduler.0"]["ok"])

    def test_a_journal_that_is_gone_is_missed(self):
        data = self.copy()
        shutil.rmtree(os.path.join(data, "journal/scheduler.1"))
        found = checked(data)
        self.assertFalse(found["scheduler.1"]["ok"])
        self.assertTrue(found["scheduler.0"]["ok"])

    def test_a_folder_without_an_engine_is_said_to_be_one(self):
        code, _ = verify(self.folder)
        self.assertEqual(code, 1)
        self.assertEqual(verify(self.data, "--unknown")[0], 2)


if __name__ == "__main__":
    unittest.main()
