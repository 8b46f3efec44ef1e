#!/usr/bin/python3
"""Goal: a backup that is taken under load is one moment of the engine, which goes on from
it; one that is not whole, or damaged, is never taken for one.

Method: books are kept of what was acknowledged; backups are taken meanwhile, restored,
verified and run. Then backup and restore are killed, or the disk is full, at calls spread
over all that they make; and each file of a backup is changed.

    BACKUPS   under load; 2
    STRIKES   kills, and as many times a full disk, of backup and of restore; 12 each
"""
import contextlib
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from books import Books, Reader, TROUBLE  # noqa: E402
from engine import API, DEADLINE, Engine, SMOKE, program, until  # noqa: E402
from power import DIE_BEFORE, FAIL, POINTS, Power  # noqa: E402

BACKUPS = int(os.environ.get("BACKUPS", "2"))
STRIKES = int(os.environ.get("STRIKES", "12"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))
STRUCK = [point for point in POINTS if not point.startswith(("send", "receive"))]
NEVER = 2**63


def call(name, word, data, folder=None, env=None):
    """(exit code, what was printed) of backup or restore."""
    done = subprocess.run(
        [program(name), word], cwd=folder, capture_output=True, text=True,
        env=dict(os.environ, CAPSTAN_DATA=data, **(env or {})), timeout=DEADLINE * 2,
        check=False)
    return done.returncode, done.stdout + done.stderr


def inventory(backup):
    with open(os.path.join(backup, "backup"), encoding="utf-8") as file:
        return file.read()


class Fires(threading.Thread):
    """Events, as fast as they are taken, each of which starts a run: the trigger actor
    and the schedulers must agree on how many."""

    AUTOMATION = """\
name: fired
triggers: [{ key: t, kind: event, event_type: shot }]
steps: [{ key: nap, kind: sleep, config: { duration: 1h } }]
"""

    def __init__(self, engine):
        super().__init__(daemon=True)
        engine.apply(self.AUTOMATION)
        self.engine, self.stop = engine, threading.Event()

    def run(self):
        while not self.stop.is_set():
            with contextlib.suppress(*TROUBLE):
                self.engine.call("POST", API + "/events", {"type": "shot"})

    @staticmethod
    def runs(engine):
        with Reader(engine) as reader:
            count, cursor = 0, ""
            while cursor is not None:
                page = reader.get("/runs?automation=fired&limit=1000"
                                  + (f"&cursor={cursor}" if cursor else ""))
                count, cursor = count + len(page["items"]), page["next_cursor"] or None
            return count

    @staticmethod
    def fires(engine):
        return engine.get("/automations/fired/triggers")["items"][0]["fires"]


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def done(self, *arguments, **more):
        code, said = call(*arguments, **more)
        self.assertEqual(code, 0, said)
        return said

    def refused(self, why, *arguments, **more):
        code, said = call(*arguments, **more)
        self.assertEqual(code, 1, said)
        self.assertIn(why, said)


class UnderLoad(Folder):
    def test_a_backup_has_all_that_was_acknowledged_before_and_runs(self):
        taken = []
        with Engine(schedulers=2) as engine:
            books = Books(engine)
            self.addCleanup(books.close)
            books.begin()
            fires = Fires(engine)
            fires.start()
            for i in range(BACKUPS):
                known = len(books.acknowledged())
                until(lambda: len(books.acknowledged()) > known + 50, "there is load")
                before = books.acknowledged()
                said = self.done("backup", self.path(f"b{i}"), engine.data)
                taken.append((self.path(f"b{i}"), before))
                print(f"{len(before)} acknowledged, {said.split()[-1]}", file=sys.stderr)
            fires.stop.set()
            fires.join()
            books.end()
            print(books.compare(), file=sys.stderr)  # standing still has lost nothing
            engine.tool("verify")
        for backup, before in taken:
            self.run_again(backup, before)

    def fires_taken(self, engine):
        """Nobody fires any more; what was fired and not taken is said again."""
        fires, runs = Fires.fires(engine), Fires.runs(engine)
        self.assertLessEqual(runs, fires, "runs that nobody has started")
        return fires == runs > 0

    def run_again(self, backup, before):
        data = self.path("data")
        self.done("restore", backup, data)
        with Engine(data=data, schedulers=2) as engine:
            books = Books(engine, name="later")
            try:
                until(lambda: self.fires_taken(engine), "each fire has become a run")
                books.begin(clients=2)
                until(lambda: len(books.acknowledged()) > 10, "it serves")
                books.end()
                books.wait_settled()
                for run in before.values():
                    self.assertEqual(engine.run(run)["status"], "completed")
                for key, run in before.items():
                    self.assertEqual(engine.start("graph", key=key)["id"], run)
                engine.tool("verify")
            finally:
                books.close()
        shutil.rmtree(data)


class AtRest(Folder):
    def setUp(self):
        super().setUp()
        self.data = self.path("data")
        os.mkdir(self.data)
        with Engine(data=self.data) as engine:
            engine.apply(SMOKE)
            engine.worker("--queues", "default")
            for _ in range(5):
                engine.start("worker-smoke-test", wait=30)
        self.chance = random.Random(SEED)

    def test_what_is_restored_is_what_was_backed_up(self):
        worker = os.path.join(self.data, "workers/shop")
        os.makedirs(worker)
        os.mkdir(os.path.join(self.data, "workers/gone"))
        record = "folder=/srv/shop\nadded=1\nstopped=1\ninstalled=\n"
        for name, text in ("record", record), ("log", "printed"):
            with open(os.path.join(worker, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.done("backup", self.path("a"), self.data)
        self.done("restore", self.path("a"), self.path("again"))
        self.done("backup", self.path("b"), self.path("again"))
        self.assertEqual(inventory(self.path("a")), inventory(self.path("b")))
        self.assertIn("journal name=scheduler.0 records=", inventory(self.path("a")))
        with open("/dev/full", "wb") as full:  # nobody can read what it holds
            said = subprocess.run([program("backup"), self.path("c")], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                                  env=dict(os.environ, CAPSTAN_DATA=self.data))
        self.assertEqual((said.returncode, said.stderr), (
            1, "backup: it is whole, but standard output cannot be written\n"))
        self.assertEqual(inventory(self.path("a")), inventory(self.path("c")))
        self.assertEqual(os.listdir(self.path("again/workers")), ["shop"])
        self.assertEqual(os.listdir(self.path("again/workers/shop")), ["record"])
        with open(self.path("again/workers/shop/record"), encoding="utf-8") as file:
            self.assertEqual(file.read(), record)

    def test_nothing_is_written_over(self):
        backup = self.path("a")
        self.done("backup", backup, self.data)
        self.refused("there is something already", "backup", backup, self.data)
        self.refused("there is something already", "restore", backup, self.data)
        with Engine(data=self.data):
            self.refused("an engine runs on", "restore", backup, self.data)
        os.mkdir(self.path("c.new"))
        with open(self.path("c.new/mine"), "w", encoding="utf-8"):
            pass
        self.refused("is in the way", "restore", backup, self.path("c"))
        self.assertTrue(os.path.exists(self.path("c.new/mine")))
        self.refused("no engine has stored anything", "backup", self.path("d"),
                     self.path("nothing"))

    def test_a_backup_that_is_not_whole_or_damaged_is_refused(self):
        backup, data = self.path("a"), self.path("again")
        self.done("backup", backup, self.data)
        harmless = 0
        for path, _, files in os.walk(backup):
            for name in files:
                file = os.path.join(path, name)
                with open(file, "rb") as source:
                    kept = source.read()
                if not kept:
                    continue
                at = self.chance.randrange(len(kept))
                changed = bytearray(kept)
                changed[at] ^= 1 << self.chance.randrange(8)
                with open(file, "wb") as out:
                    out.write(changed)
                code, said = call("restore", backup, data)
                self.assertFalse(os.path.exists(data + ".new"), file)
                if code == 0:  # LOG, LOCK and the like: what was restored is right
                    self.done("backup", self.path("b"), data)
                    self.assertEqual(inventory(backup), inventory(self.path("b")),
                                     f"SEED={SEED}: byte {at} of {file}")
                    shutil.rmtree(data)
                    shutil.rmtree(self.path("b"))
                    harmless += 1
                else:
                    self.assertFalse(os.path.exists(data), said)
                    journal = os.path.relpath(file, backup).split(os.sep)[1:2]
                    if "Corruption" in said:  # RocksDB names a file, at best
                        self.assertIn(journal[0], said)
                with open(file, "wb") as out:
                    out.write(kept)
        print(f"{harmless} changes did no harm", file=sys.stderr)
        with open(os.path.join(backup, "backup"), "rb") as source:
            said = source.read()
        with open(os.path.join(backup, "backup"), "wb") as out:
            out.write(said.replace(b"facts=", b"facts=\xb6", 1))
        self.refused("it should hold \"journal name=", "restore", backup, data)
        os.rename(os.path.join(backup, "backup"), self.path("kept"))
        self.refused("no whole backup", "restore", backup, data)

    def strike(self, name, word, data, made):
        """Kill it, or fill its disk, at calls all over what it does."""
        power = Power()
        self.addCleanup(power.close)
        env = dict(power.begin(made + ".new"))
        power.arm(f"{name}.{word}", STRUCK, FAIL, first=NEVER)
        self.done(name, word, data, folder=self.folder, env=env)
        calls = power.seen()
        self.assertGreater(calls, 20)
        shutil.rmtree(made)
        for how in (DIE_BEFORE, FAIL):
            some = self.chance.sample(range(1, calls + 1), STRIKES)
            for at in sorted({*some, calls - 1, calls}):
                power.arm(f"{name}.{word}", STRUCK, how, first=at, last=NEVER,
                          error=errno.ENOSPC)
                code, said = call(name, word, data, folder=self.folder, env=env)
                where = f"SEED={SEED}: {name} at call {at} of {calls}: {code} {said}"
                if power.struck() and code != 0:
                    self.assertFalse(os.path.exists(made), where)
                    if name == "backup":
                        self.refused("no whole backup", "restore", made + ".new",
                                     self.path("never"))
                else:  # the last call of all was left out: it was whole by then
                    self.assertEqual(code, 0, where)
                    if name == "backup":
                        self.done("restore", made, self.path("x"))
                        shutil.rmtree(self.path("x"))
                    shutil.rmtree(made)
        power.disarm()
        self.done(name, word, data, folder=self.folder, env=env)  # over what is left

    def test_a_backup_that_is_killed_or_has_no_room_leaves_none(self):
        self.strike("backup", "b", self.data, self.path("b"))

    def test_a_restore_that_is_killed_or_has_no_room_leaves_no_data(self):
        self.done("backup", self.path("b"), self.data)
        self.strike("restore", "b", self.path("r"), self.path("r"))


if __name__ == "__main__":
    unittest.main()
