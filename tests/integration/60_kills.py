#!/usr/bin/python3
"""Goal: whatever process is killed, and wherever, nothing that was acknowledged is lost,
no run is stuck, no result is accepted twice, and no process is left behind.

Method: clients, a publisher, workers and trades in all that the engine keeps write down
what they were told (tests/support/books.py, trades.py) while processes die: at every call
that matters, before it and after it (tests/power strikes there), and at random moments,
one, several, all, the supervisor, workers. Then the books are compared with the engine,
and its journals with themselves.

KILLS says how many, 220 unless told; SEED repeats a choice. Every ENGINE_KILLS a new
engine begins. The control: one acknowledgement that nobody gave must be found missing,
and so must a wrong line in each trade's book.
"""
import os
import random
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from books import Books  # noqa: E402
from engine import DEADLINE, Engine, until  # noqa: E402
from power import DIE_AFTER, DIE_BEFORE, Power  # noqa: E402

KILLS = int(os.environ.get("KILLS", "220"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
ENGINE_KILLS = 500
AT_ONCE = 9    # kills, when everything dies
STRIKE_S = 30  # in which a point of the table must be reached

JOURNALED = ["registry.0", "trigger.0", "scheduler.0", "scheduler.1"]
INNER = ["lease.0", "view.0"]
# process, point, and whether it is reached while the process begins
TABLE = (
    [(p, point, False) for p in JOURNALED
     for point in ("append", "sync", "mark", "send", "receive")]
    + [(p, point, False) for p in INNER for point in ("send", "receive")]
    + [("gateway.0", point, False)
       for point in ("send", "receive", "send_out", "receive_out")]
    + [(p, point, True) for p in JOURNALED
       for point in ("state", "state_sync", "create", "table", "table_sync", "rename",
                     "append", "sync")]
    + [(p, "state_sync", True) for p in INNER + ["gateway.0"]]
    + [("keeper.0", point, False)
       for point in ("create", "state", "state_sync", "rename")]
    + [("capstand", "scratch", True)])
POINTS = [(*row, action) for row in TABLE for action in (DIE_BEFORE, DIE_AFTER)]


class Killer:
    """Kills, one after another, and waits until the engine serves again."""

    def __init__(self, engine, power, books, chance):
        self.engine, self.power, self.books = engine, power, books
        self.chance = chance
        self.count = 0
        self.times = []   # s from a kill until every client is served
        self.hit = set()  # of POINTS
        for _ in range(2):
            self.add_worker()

    def add_worker(self):
        self.engine.worker("--queues", "default", "--concurrency", "8")

    def wait_served(self, moment):
        until(lambda: self.books.serves_since(moment),
              lambda: "starts are acknowledged again\n" + self.engine.logs())
        self.times.append(time.monotonic() - moment)

    def kill_some(self):
        names = [name for name, row in self.engine.status().items()
                 if name != "capstand" and row.get("state") == "ready"]
        count = 1 if self.chance.random() < 0.7 else min(3, len(names))
        moment = time.monotonic()
        pids = {name: self.engine.kill(name) for name in self.chance.sample(names, count)}
        self.count += count
        for name, pid in pids.items():
            self.engine.wait_restarted(name, pid)
        self.wait_served(moment)

    def kill_worker(self):
        moment = time.monotonic()
        worker = self.chance.choice([w for w in self.engine.workers if w.poll() is None])
        worker.kill()
        worker.wait()
        self.engine.workers.remove(worker)
        self.add_worker()
        self.count += 1
        self.wait_served(moment)

    def kill_everything(self):
        """All at once, or the supervisor alone: then the others must die by themselves."""
        moment = time.monotonic()
        if self.chance.random() < 0.5:
            self.count += len(self.engine.status())
            self.engine.kill_all()
        else:
            self.count += 1
            self.engine.down(signal.SIGKILL)
            self.engine.wait_no_orphan()
        self.engine.up()
        self.wait_served(moment)

    def strike(self, row):
        process, point, begins, action = row
        first = 1 if begins else self.chance.randint(1, 3)
        before = self.engine.pid(process)
        self.power.arm(process, [point], action, first)
        if begins:
            # The supervisor writes when another process dies.
            self.engine.kill("view.0" if process == "capstand" else process)
            self.count += 1
        until(self.power.struck, lambda: f"{row} is reached ({self.power.seen()} of "
              f"{first})\n" + self.engine.logs(), STRIKE_S)
        self.power.disarm()
        moment = time.monotonic()
        self.count += 1
        self.hit.add(row)
        if process == "capstand":
            self.engine.down(signal.SIGKILL)
            self.engine.wait_no_orphan()
            self.engine.up()
        elif process != "keeper.0":  # else it may be a guardian, which has its name
            self.engine.wait_restarted(process, before)
        self.wait_served(moment)

    def at_random(self):
        dice = self.chance.random()
        if dice < 0.1:
            self.kill_everything()
        elif dice < 0.2:
            self.kill_worker()
        else:
            self.kill_some()


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000


class Kills(unittest.TestCase):
    def test_nothing_acknowledged_is_lost(self):
        print(f"SEED={SEED} KILLS={KILLS}", flush=True)
        chance = random.Random(SEED)
        kills, times, hit = 0, [], set()
        while kills < KILLS:
            killer = self.one_engine(chance, min(ENGINE_KILLS, KILLS - kills), hit)
            kills += killer.count
            times += killer.times
            hit |= killer.hit
        print(f"{kills} kills; serves again: median {percentile(times, .5):.0f} ms, "
              f"p99 {percentile(times, .99):.0f} ms, most {max(times) * 1000:.0f} ms")
        print(f"points hit: {len(hit)} of {len(POINTS)}")
        for process in dict.fromkeys(row[0] for row in POINTS):
            print(f"  {process}:", " ".join(
                f"{'begin:' if begins else ''}{point}{'-+'[action]}"
                for p, point, begins, action in POINTS
                if p == process and (p, point, begins, action) in hit))
        if KILLS >= 220:
            self.assertEqual(set(POINTS), hit)

    def one_engine(self, chance, kills, hit):
        power = Power()
        self.addCleanup(power.close)
        with Engine(power=power, schedulers=2, lease_ms=3000, heartbeat_ms=500,
                    restart_max_ms=100, drain_ms=2000,
                    memtable_bytes=1 << 20) as engine:
            books = Books(engine, f"seed-{SEED}")
            try:
                books.begin(trades=True)
                killer = Killer(engine, power, books, chance)
                points = [row for row in POINTS if row not in hit]
                chance.shuffle(points)
                while killer.count < kills:
                    # Half and half, until every point was hit.
                    left = kills - killer.count - AT_ONCE
                    if points and (chance.random() < 0.7 or left <= 2 * len(points)):
                        killer.strike(points.pop())
                    else:
                        killer.at_random()
                books.end()
                self.compare(engine, books)
            finally:
                books.close()
            engine.down()
            self.assertFalse(engine.has_orphan(), "a process is left behind")
            return killer

    def compare(self, engine, books):
        print(books.compare(), flush=True)
        self.assertIn("ok", engine.tool("verify").stdout)
        self.assertIsNone(re.search(r" broken (?!\S+ process_died .*signal=9)", engine.logs()), engine.logs())
        print(f"control: {books.compare_lies()} wrong lines in the books of trades are found")
        books.clients[0].acknowledged["nobody"] = "run_" + "0" * 26
        with self.assertRaisesRegex(AssertionError, "1 acknowledged starts are lost"):
            books.compare()
        print("control: an acknowledgement that nobody gave is found missing")


if __name__ == "__main__":
    unittest.main()
