#!/usr/bin/python3
"""Goal: whatever a power cut takes, nothing that was acknowledged is lost, and the engine
comes back by itself.

Method: an engine under load; all its processes are killed at once, and its folder is left
as a cut would leave it: what was synced, and of the rest nothing, a torn part with a
changed bit, or any first part of each file and folder (tests/support/power.py). Then it
is started again on that, and the books of its clients are compared.

CUTS says how many, 45 unless told; SEED repeats a choice. The control: a disk that says
"synced" and does nothing, which is the same as an engine that acknowledges first, must
be found out within 10 cuts.
"""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from books import Books  # noqa: E402
from engine import Engine, until  # noqa: E402
from power import DROP, FOR_EVER, MODES, Power  # noqa: E402

CUTS = int(os.environ.get("CUTS", "45"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
ENGINE_CUTS = 100
CONTROL_CUTS = 10


class Lost(AssertionError):
    pass


class PowerCuts(unittest.TestCase):
    def engine(self):
        power = Power(trace=True)
        self.addCleanup(power.close)
        return Engine(power=power, schedulers=2, lease_ms=3000, heartbeat_ms=500,
                      drain_ms=2000, memtable_bytes=1 << 20)

    def cut(self, engine, books, number, mode, chance):
        """One cut, at any moment of some work; nothing may be missing then."""
        moment = time.monotonic()
        until(lambda: books.serves_since(moment),
              lambda: "starts are acknowledged again\n" + engine.logs())
        if number % 10 == 5:  # a job of a worker that was cut off waits for its lease
            books.wait_whole()
        books.stop.wait(chance.random() * 0.3)
        engine.kill_all()
        engine.power.cut(engine.data, mode, chance)
        moment = time.monotonic()
        engine.up()
        self.ready_s.append(time.monotonic() - moment)
        lost = books.lost_runs()
        if lost:
            raise Lost(f"{len(lost)} of {len(books.acknowledged())} acknowledged starts "
                       f"lost in mode {mode}")

    def series(self, cuts, modes, chance, lies=False):
        """Cuts of one engine; the number of the one that lost something, or None."""
        with self.engine() as engine:
            books = Books(engine, f"seed-{chance.random()}")
            try:
                books.begin(trades=True)
                if lies:
                    engine.power.arm("", ["sync"], DROP, last=FOR_EVER)
                for number in range(1, cuts + 1):
                    try:
                        self.cut(engine, books, number, modes[number % len(modes)], chance)
                    except Lost as lost:
                        return f"{lost}, in cut {number}"
                books.end()
                print(books.compare(), flush=True)
                print(f"control: {books.compare_lies()} wrong lines in the books of "
                      "trades are found", flush=True)
                self.assertIn("ok", engine.tool("verify").stdout)
                return None
            finally:
                books.close()

    def setUp(self):
        self.ready_s = []

    def test_nothing_acknowledged_is_lost(self):
        print(f"SEED={SEED} CUTS={CUTS}", flush=True)
        chance = random.Random(SEED)
        for begin in range(0, CUTS, ENGINE_CUTS):
            self.assertIsNone(
                self.series(min(ENGINE_CUTS, CUTS - begin), MODES, chance))
        times = sorted(self.ready_s)
        print(f"{CUTS} cuts, 0 lost, 0 that it did not come back from; ready again: "
              f"median {times[len(times) // 2] * 1000:.0f} ms, "
              f"p99 {times[int(len(times) * .99)] * 1000:.0f} ms")

    def test_control_an_early_acknowledgement_is_found_out(self):
        found = self.series(CONTROL_CUTS, ["drop"], random.Random(SEED), lies=True)
        print(f"control, acknowledged before it is synced: {found}")
        self.assertIsNotNone(found)


if __name__ == "__main__":
    unittest.main()
