#!/usr/bin/python3
"""Goal: a disk that is full or broken makes the engine refuse, never lie; it goes on
reading where it can, and when the disk is well again it serves again by itself.

Method: a scripted run (publish, count in the state, start, work) is counted call by call;
then, for every k, the k-th write or sync of a process fails once, with EIO and with ENOSPC,
while the script is run again. Then the disk is full, or fails, for a while, for everybody.
What was acknowledged must be there after each. Meanwhile what needs no disk goes on: runs are read,
functions of iii workers are called, a worker keeps the job in its hand over several leases,
and its result, reported while the disk was full, counts when the disk is well.

The control: a disk that leaves out a write and says it is done must be found out; and a
wrong line in each trade's book.

While a process begins, every EVERY-th call is tried, each eighth unless told.
"""
import errno
import http.client
import os
import random
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from books import BOOK, Books, HOLD, Holder, TROUBLE  # noqa: E402
from engine import Engine, Refused, until  # noqa: E402
from power import DROP, FAIL, FOR_EVER, Power  # noqa: E402
from trades import API, Counter, Door  # noqa: E402

EVERY = int(os.environ.get("EVERY", "8"))
PAPER = BOOK.replace("book", "paper")  # the books' publisher applies the other
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
PROCESSES = ["registry.0", "trigger.0", "scheduler.0"]
WRITES = ["append", "mark", "table", "state", "create", "rename"]
SYNCS = ["sync", "table_sync", "state_sync"]
EVERYTHING = WRITES + SYNCS + ["scratch"]
# What may be said while the disk fails; 504: the outcome is unknown.
REFUSALS = {"io", "no_space", "unavailable", "timeout", "busy"}
WELL_S = 10  # from when there is space again until it serves


class Disk(unittest.TestCase):
    def open(self, trades=False, **settings):
        self.power = Power()
        self.addCleanup(self.power.close)
        self.engine = Engine(power=self.power, lease_ms=3000, heartbeat_ms=500,
                             request_ms=2000, drain_ms=2000, **settings)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.books = Books(self.engine, f"seed-{SEED}")
        self.addCleanup(self.books.close)
        self.books.begin(clients=0, trades=trades)
        self.counter = Counter(self.books)
        self.published = self.page = self.count = 0
        self.acknowledged = {}

    def refused(self, call, *arguments, **named):
        """The answer; None if it was refused, with a word that may be said."""
        try:
            return call(*arguments, **named)
        except Refused as refused:
            self.assertIn(refused.code, REFUSALS)
        except (OSError, http.client.HTTPException):
            pass  # the gateway itself is being started again
        return None

    def publish(self):
        self.page += 1
        if self.refused(self.engine.apply, PAPER.format(self.page)):
            self.published = self.page

    def start(self):
        self.count += 1
        key = f"key-{self.count}"
        started = self.refused(self.engine.start, "graph", key=key)
        if started:
            self.acknowledged[key] = started["id"]
        return started

    def script(self):
        self.publish()
        self.counter.deed()
        started = self.start()
        if started:
            self.engine.wait_final(started["id"])

    def compare(self):
        for key, run in self.acknowledged.items():
            self.assertEqual(self.engine.run(run)["id"], run, "it was acknowledged")
            self.assertEqual(self.engine.start("graph", key=key)["id"], run)
        text = self.engine.get("/automations/paper")["definition"]
        self.assertGreaterEqual(int(re.search(r"page (\d+)", text)[1]), self.published)
        if self.counter.count:
            self.counter.look()

    def serves(self):
        """Does it do the whole script, by itself?"""
        def done():
            try:
                run = self.engine.start("graph", wait=5)
                self.engine.apply(PAPER.format(self.page))
                return run["status"] == "completed"
            except TROUBLE:
                return False
        begin = time.monotonic()
        until(done, lambda: "it serves again\n" + self.engine.logs(), WELL_S)
        self.assertIsNone(self.engine.process.poll(), "the engine gave up")
        return time.monotonic() - begin

    def fails_once(self, process, points, k, error, begins):
        self.power.arm(process, points, FAIL, first=k, error=error)
        if begins:
            self.engine.kill(process)
        self.script()
        self.serves()
        self.power.disarm()
        return bool(self.power.struck())

    def each_fails_once(self, process, points, begins):
        """Count the calls, then let each fail."""
        self.power.arm(process, points, FAIL, first=0)
        if begins:
            old = self.engine.kill(process)
            self.engine.wait_restarted(process, old)
        else:
            self.script()
        calls, every = self.power.seen(), EVERY if begins else 1
        first = 1 + random.Random(SEED).randrange(every)
        for error in (errno.EIO, errno.ENOSPC):
            struck = sum(self.fails_once(process, points, k, error, begins)
                         for k in range(first, calls + 1, every))
            print(f"{process}: {struck} of {calls} {points[0]}s and alike failed"
                  f"{' at its begin' if begins else ''}, {errno.errorcode[error]}",
                  flush=True)

    def test_1_each_write_and_sync_fails_once(self):
        print(f"SEED={SEED}", flush=True)
        self.open(restart_max_ms=100)
        for process in PROCESSES:
            for points in (WRITES, SYNCS):
                for begins in (False, True):
                    self.each_fails_once(process, points, begins)
        self.compare()
        self.books.wait_settled()
        self.assertIn("ok", self.engine.tool("verify").stdout)
        print(f"{len(self.acknowledged)} starts acknowledged, 0 lost")

    def lasts(self, error, seconds, what):
        """Everything fails for so long."""
        known, held = self.start()["id"], self.hold(seconds / 2)
        door = Door(self.engine)
        self.addCleanup(door.close)
        self.power.arm("", EVERYTHING, FAIL, last=FOR_EVER, error=error)
        end, reads, answered, called = time.monotonic() + seconds, 0, 0, 0
        while time.monotonic() < end:
            self.publish()
            self.start()
            reads += 1
            answered += self.refused(self.engine.run, known) is not None
            with door as worker:
                called += "result" in worker.call("books::echo", {"n": reads})
            self.assertIsNone(self.engine.process.poll(), "the engine gave up")
        self.assertGreater(self.power.struck(), 0)
        self.assertEqual(len(self.holder.held), 1, "the job is still in hand")
        self.state_is_refused()
        self.power.disarm()
        well = self.serves()
        self.compare()
        print(f"{what}, {seconds} s: {answered} of {reads} reads and {called} calls of iii "
              f"answered, serves {well:.1f} s after it is over", flush=True)
        self.assertEqual((answered, called), (reads, reads))
        self.compare_held(held)
        self.books.end()
        self.books.compare_trades()
        print(f"control: {self.books.compare_lies()} wrong lines are found", flush=True)

    def state_is_refused(self):
        """Its owner cannot write, and so has ended: nobody else may say what it is."""
        change = {"ops": [{"type": "increment", "path": "n", "by": 1}]}
        self.assertIsNone(self.refused(self.engine.call, "POST", API + "/state/full/n",
                                       change))
        self.assertIsNone(self.refused(self.engine.get, "/state/full/n"))

    def hold(self, seconds):
        """A run whose job is in the hand of a worker for so long."""
        self.engine.apply(HOLD)
        self.holder = Holder(self.books, "holder")
        self.holder.patience = seconds
        self.books.workers.append(self.holder)
        self.holder.start()
        run = self.engine.start("hold")["id"]
        until(lambda: self.holder.held, "it has the job")
        return run

    def compare_held(self, run):
        """It counts, by the first attempt, and nobody took it away."""
        document = self.engine.wait_final(run)
        self.assertEqual(document["status"], "completed")
        self.assertEqual([step["attempt"] for step in document["steps"]], [1])
        until(lambda: self.holder.accepted, "it hears so")
        self.assertEqual(self.holder.accepted[0][2], document["outputs"]["hold"])
        self.assertEqual(self.holder.lost, [])

    def test_2_a_disk_that_is_full_for_a_while(self):
        self.open(trades=True)
        self.lasts(errno.ENOSPC, 12, "full disk")

    def test_3_a_disk_that_fails_for_a_while(self):
        self.open(trades=True)
        self.lasts(errno.EIO, 12, "failing disk")

    def test_4_a_full_disk_at_the_start_is_said(self):
        self.open()
        self.publish()
        self.books.close()
        self.engine.down()
        self.power.arm("", EVERYTHING, FAIL, last=FOR_EVER, error=errno.ENOSPC)
        with self.assertRaisesRegex(AssertionError, "No space left on device"):
            self.engine.up()
        self.power.disarm()
        self.engine.down()
        self.engine.up()
        self.assertEqual(self.engine.get("/automations/paper")["name"], "paper")

    def test_5_control_a_write_that_was_left_out_is_found(self):
        self.open(restart_max_ms=100)
        self.power.arm("scheduler.0", ["append", "mark"], DROP, last=FOR_EVER)
        self.assertIsNotNone(self.start())
        self.power.disarm()
        self.engine.wait_restarted("scheduler.0", self.engine.kill("scheduler.0"))
        with self.assertRaisesRegex(Refused, "404") as found:
            self.compare()
        print(f"control, a write left out: {found.exception.code}")


if __name__ == "__main__":
    unittest.main()
