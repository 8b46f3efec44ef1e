#!/usr/bin/python3
"""Goal: whatever an automation says, its runs do exactly that, whoever is killed.

Method: random automations and what must come of them, from their definitions alone
(automations.py).  They are applied, started and given their events side by side in one
engine, while processes of the engine and workers (worker.py) are killed; then every run's
status, output, steps, attempts and errors, its children, and what was acknowledged to
workers are compared.  The control: a worker that lies is found out.

AUTOMATIONS says how many, 1000 unless told; SEED which is the first, else it is chosen
anew. `seeds` has those that failed once.
"""
import collections
import contextlib
import http.client
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/random")
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]
from automations import CHILDREN, Automation, Replaced  # noqa: E402
from engine import Engine, Refused  # noqa: E402

COUNT = int(os.environ.get("AUTOMATIONS", "1000"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS, WORKERS = 12, 3
BATCH = 1000  # automations in one engine
KILLS_S = 10  # of kills, when all is started
STUCK_S = 60  # without anything that moved; more than lease_ms
ENGINE = dict(schedulers=2, lease_ms=10000, heartbeat_ms=500, restart_max_ms=100)
UNSURE = ("busy", "overloaded", "unavailable", "timeout")  # then it is asked again
TROUBLE = (OSError, ValueError, http.client.HTTPException)


def kept_seeds():
    with open(os.path.join(HERE, "seeds")) as lines:
        return [int(line.split()[0]) for line in lines
                if line.strip() and not line.startswith("#")]


class Asker:
    """Asks until there is an answer: every question here has the same effect twice."""

    def __init__(self, engine):
        self.engine = engine

    def ask(self, question, *words, **more):
        end = time.monotonic() + STUCK_S
        while True:
            try:
                return question(*words, **more)
            except Refused as refused:
                if refused.code not in UNSURE or time.monotonic() > end:
                    raise
            except TROUBLE:
                if time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def apply(self, definition):
        return self.ask(self.engine.apply, json.dumps(definition))

    def start(self, automation, x, tag):
        return self.ask(self.engine.start, automation, key=tag,
                        inputs={"x": x, "tag": tag})["id"]

    def publish(self, number, event):
        self.ask(self.engine.call, "POST", "/capstan/v1/events", {
            "type": "count." + event["step"], "id": f"{event['tag']}-{number}",
            "data": event})

    def run(self, run):
        return self.ask(self.engine.run, run)

    def runs_of(self, automation):
        found, cursor = [], {}
        while True:
            page = self.ask(self.engine.get, "/runs", automation=automation, limit=1000,
                            **cursor)
            found += page["items"]
            if not page["next_cursor"]:
                return found
            cursor = {"cursor": page["next_cursor"]}


class Driver:
    """Starts the runs of one automation, and gives them their events."""

    def __init__(self, asker, automation):
        self.asker, self.automation = asker, automation
        self.chance = random.Random(f"driver {automation.seed}")
        self.runs = []       # of (run, Oracle), in the order of their starts
        self.documents = []  # of the runs, when all is over
        self.wrong = []      # sentences

    def start(self, number):
        tag, x = f"{self.automation.seed}-{number}", self.chance.randint(0, 99)
        return self.asker.start(self.automation.name, x, tag), x, tag

    def publish(self, oracle):
        """Twice, now and then: the same id is the same event."""
        for number, event in enumerate(oracle.events):
            for _ in range(2 if self.chance.random() < .1 else 1):
                self.asker.publish(number, event)

    def drive(self):
        self.asker.apply(self.automation.definition)
        starts = []
        for number in range(self.automation.runs):
            try:
                starts.append(self.start(number))
            except Refused as refused:
                if self.automation.policy != "forbid" or number == 0:
                    self.wrong.append(f"a start is refused: {refused}")
                continue
            if self.automation.policy == "forbid" and number > 0:
                self.wrong.append("a start beside an active run is not refused")
        for run, x, tag in starts:
            last = run == starts[-1][0]
            if self.automation.policy == "replace" and not last:
                self.runs.append((run, Replaced(self.automation, x, tag)))
            else:
                self.runs.append((run, self.automation.outcome(x, tag)))
        for _, oracle in self.runs:
            self.publish(oracle)

    def settle(self, number, document):
        """A run that was replaced may have waited for an older one: then it has done
        nothing, and so has its cleanup."""
        run, oracle = self.runs[number]
        gate = next((s for s in document["steps"] if s["key"] == "gate"), {})
        if number > 0 and isinstance(oracle, Replaced) and gate["status"] == "pending":
            oracle = Replaced(self.automation, oracle.whole.values["x"], oracle.tag,
                              begun=False)
            self.runs[number] = run, oracle


class Crew:
    """The workers, each a process and a book."""

    def __init__(self, engine, folder, lie=False):
        self.engine, self.folder, self.lie = engine, folder, lie
        self.workers = [self.begin(n) for n in range(WORKERS)]

    def book(self, number):
        return os.path.join(self.folder, f"book-{number}")

    def begin(self, number):
        env = dict(self.engine.env, CAPSTAN_API_KEY=self.engine.key,
                   LIE="1" if self.lie else "0")
        return subprocess.Popen(
            [sys.executable, os.path.join(HERE, "worker.py"), self.book(number),
             f"worker-{number}"], env=env, stderr=self.engine.log)

    def may_die(self, number):
        """Does it know its session?  One that nobody knows keeps its jobs for lease_ms,
        and they are lost: attempts that no definition has."""
        if not os.path.exists(self.book(number)):
            return False
        with open(self.book(number)) as lines:
            said = [word for line in lines for word in ("asks", "session")
                    if line.startswith('{"' + word)]
        return said[-1:] == ["session"]

    def kill(self, number):
        """Returns whether it could be done."""
        self.workers[number].send_signal(signal.SIGSTOP)
        if not self.may_die(number):
            self.workers[number].send_signal(signal.SIGCONT)
            return False
        self.end(number)
        self.workers[number] = self.begin(number)
        return True

    def end(self, number):
        self.workers[number].kill()
        self.workers[number].wait()

    def close(self):
        for number in range(WORKERS):
            self.end(number)

    def accepted(self):
        """(run, step) → attempts whose report was accepted, as often as it was."""
        found = collections.defaultdict(list)
        for number in range(WORKERS):
            with open(self.book(number)) as lines:
                for line in map(json.loads, lines):
                    if line.get("verdict") == "accepted":
                        found[line["run"], line["step"]].append(line["attempt"])
        return found


class Killer(threading.Thread):
    """Kills a process of the engine or a worker, again and again."""

    def __init__(self, engine, crew, chance):
        super().__init__(daemon=True)
        self.engine, self.crew, self.chance = engine, crew, chance
        self.stop, self.count = threading.Event(), 0

    def run(self):
        while not self.stop.wait(self.chance.uniform(0.02, 0.5)):
            if self.chance.random() < .3:
                self.count += self.crew.kill(self.chance.randrange(WORKERS))
            else:
                names = [name for name, row in self.engine.status().items()
                         if name != "capstand" and row.get("state") == "ready"]
                for name in self.chance.sample(names, min(len(names), 1
                                               + (self.chance.random() < .2))):
                    with contextlib.suppress(ProcessLookupError):  # it died just now
                        self.engine.kill(name)
                        self.count += 1

    def end(self):
        self.stop.set()
        self.join()


# ---- comparing ----

def compare_run(document, oracle, accepted):
    """What differs, as sentences."""
    def differs(what, found, expected):
        return f"{what} is {found!r}, expected {expected!r}" if found != expected else None

    yield differs("the status", document["status"], oracle.status)
    if oracle.status == "completed":
        yield differs("the output", document.get("output"), oracle.output)
    steps = {step["key"]: step for step in document["steps"]}
    for key, result in oracle.results.items():
        step = steps.get(key, {"status": "not there"})
        yield differs(f"{key}: the status", step["status"], result.status)
        if isinstance(result.output, dict) and "output" in step:
            yield differs(f"{key}: the output", step["output"], result.output)
        elif result.status != "completed":
            yield differs(f"{key}: the output", step.get("output"), None)
        if result.error:
            yield differs(f"{key}: the error", step.get("error", {}).get("type"),
                          result.error)
        told = sorted(accepted.get((document["id"], key), []))
        yield differs(f"{key}: accepted attempts", told,
                      list(range(1, result.reports + 1)))
    for key, step in steps.items():
        if key not in oracle.results and step["status"] != "pending":
            yield f"{key} is {step['status']}, expected no such step"


def compare_queue(automation, documents):
    """At most so many runs side by side, in the order of their starts."""
    begins = [document["started_at"] for document in documents]
    if begins != sorted(begins):
        yield f"they began at {begins}, expected in the order of their starts"
    for document in documents:
        beside = [d for d in documents if d["started_at"] <= document["started_at"]
                  and d["finished_at"] > document["started_at"]]
        if len(beside) > automation.max:
            yield f"{len(beside)} runs side by side, expected {automation.max} at most"


class Batch:
    """Automations in one engine."""

    def __init__(self, engine, crew, seeds):
        self.engine, self.crew = engine, crew
        self.asker = Asker(engine)
        self.drivers = [Driver(self.asker, Automation(seed)) for seed in seeds]
        self.wrong = []  # sentences

    def drive(self):
        work = queue.SimpleQueue()
        for driver in self.drivers:
            work.put(driver)

        def client():
            while True:
                try:
                    driver = work.get_nowait()
                except queue.Empty:
                    return
                try:
                    driver.drive()
                except Exception as error:  # pylint: disable=broad-except
                    driver.wrong.append(f"{type(error).__name__}: {error}")

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def wait_over(self, most_s=None):
        """Until no run is open, or for so long; those that do not move are stuck."""
        end = time.monotonic() + (most_s or 1e9)
        moved, last = time.monotonic(), None
        while True:
            page = self.asker.ask(self.engine.get, "/runs", status="open", limit=1000)
            now = [(run["id"], run["last_sequence"]) for run in page["items"]]
            if not now:
                return
            if now != last:
                moved, last = time.monotonic(), now
            if time.monotonic() > min(end, moved + STUCK_S):
                return  # each is found below as one that is not as expected
            time.sleep(0.1)

    def settle(self):
        for driver in self.drivers:
            driver.documents = [self.asker.run(run) for run, _ in driver.runs]
            for number, document in enumerate(driver.documents):
                driver.settle(number, document)

    def wait_books(self):
        """Until every run that is over has its reports acknowledged to its worker."""
        expected = sum(result.reports for driver in self.drivers
                       for oracle in self.all_oracles(driver)
                       for result in oracle.results.values())
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if sum(map(len, self.crew.accepted().values())) >= expected:
                return
            time.sleep(0.1)

    def all_oracles(self, driver):
        left = [oracle for _, oracle in driver.runs]
        while left:
            oracle = left.pop()
            yield oracle
            left += [child for _, child in oracle.children]

    def compare(self):
        accepted = self.crew.accepted()
        for driver in self.drivers:
            said = list(driver.wrong)
            for document, (_, oracle) in zip(driver.documents, driver.runs):
                said += filter(None, compare_run(document, oracle, accepted))
            if driver.automation.policy == "queue" and not said:
                said += compare_queue(driver.automation, driver.documents)
            if said:
                self.wrong.append(f"seed {driver.automation.seed}: " + "; ".join(said[:5]))
        self.compare_children(accepted)

    def compare_children(self, accepted):
        """Each was started once for each step that starts it, and became what it must."""
        expected = collections.defaultdict(list)
        for driver in self.drivers:
            for oracle in self.all_oracles(driver):
                for name, child in oracle.children:
                    expected[name].append(child)
        for name in sorted(expected):
            found = collections.defaultdict(list)
            for line in self.asker.runs_of(name):
                document = self.asker.run(line["id"])
                inputs = document["inputs"]
                found[inputs["tag"], inputs["x"]].append(document)
            for child in expected[name]:
                seed = child.tag.split("-")[0]
                same = found[child.tag, child.whole.values["x"]]
                if not same:
                    self.wrong.append(f"seed {seed}: {name} was not started")
                    continue
                said = [*filter(None, compare_run(same.pop(), child, accepted))]
                if said:
                    self.wrong.append(f"seed {seed}: {name}: " + "; ".join(said[:5]))
            self.wrong += [f"seed {tag.split('-')[0]}: {name} was started once too often"
                           for (tag, _), more in found.items() if more]


def run_batch(seeds, kills=True, lie=False):
    with tempfile.TemporaryDirectory(prefix="capstan-test-") as folder, \
            Engine(**ENGINE) as engine:
        crew = Crew(engine, folder, lie)
        try:
            batch = Batch(engine, crew, seeds)
            for number in range(CHILDREN):
                batch.asker.apply(Automation.child(f"child-{number}").definition)
            killer = Killer(engine, crew, random.Random(f"killer {seeds[0]}"))
            if kills:
                killer.start()
            batch.drive()
            batch.wait_over(KILLS_S if kills else None)
            if kills:
                killer.end()
                batch.wait_over()
            batch.settle()
            if not lie:
                batch.wait_books()
            batch.compare()
            if batch.wrong:
                print(engine.logs())
            return batch, killer.count
        finally:
            crew.close()


def told_of(batch, kills, begin):
    oracles = [o for d in batch.drivers for o in batch.all_oracles(d)]
    print(f"{len(batch.drivers)} automations, {len(oracles)} runs, "
          f"{sum(len(o.results) for o in oracles)} steps, {kills} kills, "
          f"{time.monotonic() - begin:.0f} s")
    for sentence in batch.wrong:
        print(sentence)
    sys.stdout.flush()


class RandomAutomations(unittest.TestCase):
    def test_every_counter_is_exact(self):
        seeds = kept_seeds() + list(range(SEED, SEED + COUNT))
        print(f"SEED={SEED}", flush=True)
        wrong = []
        for first in range(0, len(seeds), BATCH):
            begin = time.monotonic()
            batch, kills = run_batch(seeds[first:first + BATCH])
            told_of(batch, kills, begin)
            wrong += batch.wrong
        self.assertEqual(wrong, [])

    def test_a_worker_that_lies_is_found_out(self):
        batch, _ = run_batch(range(30), kills=False, lie=True)
        self.assertNotEqual(batch.wrong, [])


if __name__ == "__main__":
    unittest.main()
