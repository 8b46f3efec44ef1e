#!/usr/bin/python3
"""Goal: whatever becomes of wall time in single processes of the engine, by seconds or by
years, forward or back, no lease is lost, no timer and no slot fires early, each slot fires
once, ids stay unique and in order, reads are answered, and nothing is stuck.

Method: tests/power gives single processes another wall time while they work, and some are
killed in it, so that they begin in it; then all of it comes back. The clock that is right
is the one of the test: the machine's, which nobody changes. Clients keep books
(tests/support/books.py). Then the machine itself is set back between two lives of the
engine: time goes on from what is recorded.

JUMPS says how many, 9 unless told; SEED repeats a choice. The controls: a slot of too
early, a slot that came twice, ids out of order and a nap too short are found in the books;
tests/mutants has engines that follow wall time.
"""
import os
import random
import sys
import threading
import time
import unittest
from datetime import datetime, timezone

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from books import Books, HOLD, Holder, TROUBLE  # noqa: E402
from engine import API, Engine, until  # noqa: E402
from power import Power  # noqa: E402

JUMPS = int(os.environ.get("JUMPS", "9"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))

DAY = 86400
FAR = [1, 30, 90, 3600, DAY, 400 * DAY, 3650 * DAY]  # s
ACTORS = ["scheduler.0", "scheduler.1", "trigger.0", "lease.0", "registry.0",
          "gateway.0", "view.0"]
PROCESSES = ACTORS + ["keeper.0", "capstand"]
LEASE_MS, NAP_S = 2000, 1.5
STEPS = {"interval": 1, "cron": 2}  # s between two slots of each trigger of EVERY
READ_S = 15  # in which a read is answered over a kill, under the load of other tests

EVERY = """\
name: every
triggers:
  - key: interval
    kind: schedule
    config: { interval: 1s, misfire: all, catch_up_max: 100 }
  - key: cron
    kind: schedule
    config: { cron: "*/2 * * * * *", misfire: all, catch_up_max: 100 }
steps: [{ key: at, kind: set, values: { at: "${{ meta.scheduled_at }}" } }]
output: { at: "${{ meta.scheduled_at }}", key: "${{ meta.trigger }}" }
"""
NAP = """\
name: nap
steps:
  - { key: nap, kind: sleep, duration: %dms }
  - key: ask
    kind: wait_for_event
    event_type: never
    timeout: { duration: %dms, on_timeout: continue }
""" % (NAP_S * 1000 // 2, NAP_S * 1000 // 2)
DOZE = """\
name: doze
steps: [{ key: doze, kind: sleep, duration: 2s }]
"""
ASK = """\
name: ask
steps:
  - { key: ask, kind: wait_for_event, event_type: answer,
      match: { n: "${{ inputs.n }}" } }
"""


def unix(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Napper(threading.Thread):
    """Starts runs that nap, or that wait for a word which it says at once; and looks when
    they are over, and when slots have fired, by the clock that is right."""

    def __init__(self, books):
        super().__init__(daemon=True)
        self.books = books
        self.naps = {}     # run → (when it was asked for, when it was seen to be over)
        self.asks = []
        self.slots = {}    # run → (slot, when it was seen), of "every"
        self.reads = []    # s that each took

    def again(self, deed):
        """Its answer; until there is one."""
        while not self.books.leave.is_set():
            try:
                return deed()
            except TROUBLE:
                time.sleep(0.02)
        raise SystemExit  # nobody asks any more

    def nap(self, number):
        asked = time.time()
        key = f"nap-{number}"
        run = self.again(lambda: self.books.engine.start("nap", key=key))["id"]
        self.naps[run] = asked, None

    def ask(self, number):
        engine = self.books.engine
        run = self.again(lambda: engine.start(
            "ask", inputs={"n": number}, key=f"ask-{number}"))["id"]
        self.again(lambda: engine.call("POST", API + "/events", {
            "id": f"answer-{number}", "type": "answer", "data": {"n": number}}))
        self.asks.append(run)

    def read(self, run):
        begun = time.monotonic()
        document = self.again(lambda: self.books.engine.run(run))
        self.reads.append(time.monotonic() - begun)
        return document

    def look(self):
        for run, (asked, over) in list(self.naps.items())[-20:]:
            if over is None and self.read(run)["status"] == "completed":
                self.naps[run] = asked, time.time()
        page = self.again(lambda: self.books.engine.get(
            "/runs", automation="every", limit=5))
        for run in page["items"]:
            if run["id"] not in self.slots and run["status"] == "completed":
                slot = unix(self.read(run["id"])["output"]["at"])
                self.slots[run["id"]] = slot, time.time()

    def run(self):
        number = 0
        while not self.books.stop.wait(0.1):
            number += 1
            self.nap(number)
            self.ask(number)
            self.look()


# ---- what the books say ----

def early(slots):
    """Of (slot, fired), both unix s: the slots that fired before their time."""
    return [slot for slot, fired in slots if fired < slot - 0.002]


def twice(slots):
    return sorted({slot for slot in slots if slots.count(slot) > 1})


def gaps(slots, step):
    """Between which the engine was there, and none fired."""
    ordered = sorted(set(slots))
    return [(a, b) for a, b in zip(ordered, ordered[1:]) if b - a > step]


def out_of_order(ids):
    return [(a, b) for a, b in zip(ids, ids[1:]) if a >= b]


class Clocks(unittest.TestCase):
    def setUp(self):
        self.chance = random.Random(SEED)
        self.power = Power()
        self.addCleanup(self.power.close)
        self.engine = Engine(power=self.power, schedulers=2, lease_ms=LEASE_MS,
                             heartbeat_ms=300, restart_max_ms=100)
        self.engine.up()
        self.addCleanup(self.engine.close)
        for text in (EVERY, NAP, HOLD, ASK):
            self.engine.apply(text)
        self.books = Books(self.engine, f"seed-{SEED}")
        self.addCleanup(self.books.close)
        self.books.begin(clients=2, workers=1)
        self.napper, self.holder = Napper(self.books), Holder(self.books, "holder")
        self.books.others += [self.napper]
        self.books.workers += [self.holder]
        self.napper.start(), self.holder.start()
        self.begun = time.time()

    # ---- what befalls it ----

    def jumps(self):
        """Process → s; mostly one process."""
        count = 1 if self.chance.random() < 0.7 else self.chance.randint(2, len(PROCESSES))
        return {process: self.chance.choice((1, -1)) * self.chance.choice(FAR)
                for process in self.chance.sample(PROCESSES, count)}

    def work(self, moment):
        """Everybody is served, and a job is held over it."""
        naps, asks = len(self.napper.naps), len(self.napper.asks)
        until(lambda: self.books.serves_since(moment)
              and len(self.napper.naps) > naps and len(self.napper.asks) > asks,
              lambda: f"all are served, clocks {self.clocks}\n" + self.engine.logs())
        if len(self.holder.held) < 4:  # no more than it will have done in time
            self.held.append(self.napper.again(lambda: self.engine.start("hold"))["id"])

    def jump(self, first=None):
        self.clocks = self.jumps()
        if first:
            self.clocks[first] = self.chance.choice((1, -1)) * self.chance.choice(FAR)
        self.power.jump(self.clocks)
        dies = self.chance.choice(sorted(self.clocks))
        if dies in ACTORS and self.chance.random() < 0.4:
            self.engine.wait_restarted(dies, self.engine.kill(dies))
            self.killed.append(dies)
        self.work(time.monotonic())
        if self.chance.random() < 0.7:  # else from one to another
            self.power.jump({})
            self.work(time.monotonic())

    def test_1_wall_time_of_single_processes(self):
        print(f"SEED={SEED} JUMPS={JUMPS}", flush=True)
        self.held, self.killed = [], []
        for number in range(JUMPS):
            self.jump(PROCESSES[number] if number < len(PROCESSES) else None)
        self.power.jump({})
        self.work(time.monotonic())
        figures = self.compare()
        self.assertLess(max(self.napper.reads), READ_S)
        print(f"{JUMPS} jumps, {len(self.killed)} of them with a kill: {figures}")

    def test_2_the_machine_is_set_back_between_two_lives(self):
        """It begins an hour late, and again, a day late."""
        self.held, self.killed, self.clocks = [], [], {}
        for back in (-3600, -DAY):
            self.power.jump({process: back for process in PROCESSES} if back else {})
            self.engine.down()
            self.engine.up()
            self.killed = ACTORS
            self.work(time.monotonic())
        figures = self.compare()
        print(f"3 lives, two of them with a wrong time: {figures}")

    # ---- what came of it ----

    def final(self, automation):
        """Run → document, of all runs, the first first; each of them is over."""
        until(lambda: not self.engine.get("/runs", status="open",
                                          automation=automation)["items"],
              lambda: f"no run of {automation} is stuck\n" + self.engine.logs())
        found, cursor = {}, ""
        while True:
            page = self.engine.get("/runs", automation=automation, limit=1000,
                                   cursor=cursor)
            for run in page["items"]:
                self.assertEqual(run["status"], "completed", run)
                found[run["id"]] = run
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def slots(self):
        """(key, slot, when its run was created)"""
        return [(document["output"]["key"], unix(document["output"]["at"]),
                 unix(document["created_at"]))
                for document in (self.engine.run(run) for run in self.final("every"))]

    def often_enough(self):
        """To tell a slot that comes twice, or not."""
        keys = [key for key, _, _ in self.slots()]
        return min(keys.count(key) for key in STEPS) > 3

    def compare_schedules(self):
        slots = self.slots()
        for key, step in STEPS.items():
            own = [(slot, fired) for k, slot, fired in slots if k == key]
            self.assertEqual(early(own), [])
            self.assertEqual(twice([slot for slot, _ in own]), [])
            self.assertEqual(gaps([slot for slot, _ in own], step), [])
            self.assertGreater(min(slot for slot, _ in own), self.begun - 5)
        self.assertEqual(early(self.napper.slots.values()), [])
        return len(slots)

    def compare(self):
        until(self.often_enough, "each schedule has come some times")
        self.books.end()
        said = self.books.compare()
        napped, held = self.final("nap"), self.final("hold")
        for run, (asked, over) in self.napper.naps.items():
            self.assertGreaterEqual((over or time.time()) - asked, NAP_S - 0.01, run)
            finished = unix(napped[run]["finished_at"])
            self.assertTrue(asked < finished < time.time(), (run, asked, finished))
        self.assertEqual(set(self.napper.asks) - set(self.final("ask")), set())
        for run in self.held:
            self.assertEqual([event["event_type"] for event in self.engine.events(run)
                              if event["event_type"].startswith("action.")],
                             ["action.called", "action.completed"])
        if not self.killed:  # else what a lease actor granted untold is offered anew
            self.assertEqual(self.holder.lost, [])
        self.assertLessEqual(set(self.held), set(held))
        for client in self.books.clients:
            ids = list(client.acknowledged.values())
            self.assertEqual(out_of_order(ids), [])
        count = self.compare_schedules()
        self.assertIn("ok", self.engine.tool("verify").stdout)
        return (f"{said}; {len(self.held)} leases, 0 lost; {len(self.napper.naps)} naps, "
                f"0 short; {count} slots, 0 early, 0 twice; {len(self.napper.reads)} "
                f"reads, most {max(self.napper.reads):.1f} s")


class SetBack(unittest.TestCase):
    def test_an_event_is_not_older_than_what_it_follows(self):
        """The machine is set back between two lives of the engine; what the scheduler
        recorded last is two seconds later than what the trigger actor did."""
        power = Power()
        self.addCleanup(power.close)
        with Engine(power=power) as engine:
            engine.apply(ASK), engine.apply(DOZE)
            engine.call("POST", API + "/events", {"type": "answer", "data": {"n": 0}})
            last = engine.wait_final(engine.start("doze")["id"])["finished_at"]
            engine.down()
            power.jump({process: -3600 for process in PROCESSES})
            engine.up()
            self.assertIn("clock_behind", engine.logs())
            run = engine.start("ask", inputs={"n": 1})["id"]
            engine.call("POST", API + "/events", {"type": "answer", "data": {"n": 1}})
            document = engine.wait_final(run, 10)
            self.assertEqual(document["status"], "completed")
            self.assertGreater(document["started_at"], last)

    def test_a_life_in_a_wrong_future_leaves_nothing_stuck(self):
        """Time stays there: runs go on, and slots come, in the life after it too."""
        power = Power()
        self.addCleanup(power.close)
        with Engine(power=power) as engine:
            engine.apply(DOZE), engine.apply(EVERY)
            runs = [engine.start("doze")["id"]]
            for ahead in (3650 * DAY, 0):
                engine.down()
                power.jump({process: ahead for process in PROCESSES})
                engine.up()
                runs.append(engine.start("doze")["id"])
                known = {run["id"] for run in engine.get(
                    "/runs", automation="every", limit=1000)["items"]}
                until(lambda: {run["id"] for run in engine.get(
                    "/runs", automation="every")["items"]} - known, "slots come")
            for run in runs:
                self.assertEqual(engine.wait_final(run, 20)["status"], "completed")
            self.assertEqual(out_of_order(runs), [])


class Controls(unittest.TestCase):
    def test_the_books_tell(self):
        now = datetime.now(timezone.utc).timestamp()
        self.assertEqual(early([(now, now), (now + 1, now)]), [now + 1])
        self.assertEqual(twice([1, 2, 2, 3]), [2])
        self.assertEqual(gaps([1, 2, 4], 1), [(2, 4)])
        self.assertEqual(out_of_order(["a", "b", "b"]), [("b", "b")])


if __name__ == "__main__":
    unittest.main()
