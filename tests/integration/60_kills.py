#!/usr/bin/python3
"""Goal: whatever process is killed, nothing that was acknowledged is lost, no run is
stuck, and no attempt is accepted twice.

Method: clients start runs with keys of their own and write down what was acknowledged;
workers of three processes do the jobs; meanwhile processes of the engine and workers are
killed at random, sometimes several at once, sometimes the supervisor with everything.
Then the books are compared with the engine's.  KILLS and SEED may be set.
"""
import http.client
import os
import random
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import DEADLINE, Engine, Refused, until  # noqa: E402

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 4

GRAPH = """\
name: graph
steps:
  - { key: a, kind: action, config: { action_name: json, parameters: { n: 1 } } }
  - { key: b, kind: action, needs: [a], config: { action_name: json } }
  - { key: c, kind: action, needs: [a], config: { action_name: json } }
  - { key: d, kind: action, needs: [b, c], config: { action_name: json } }
"""


class Client(threading.Thread):
    """Starts runs one after another and keeps its own books."""

    def __init__(self, engine, number, stop):
        super().__init__(daemon=True)
        self.engine, self.number, self.stop = engine, number, stop
        self.acknowledged = {}

    def run(self):
        count = 0
        while not self.stop.is_set():
            key = f"client-{self.number}-{count}"
            count += 1
            while not self.stop.is_set():
                try:
                    started = self.engine.start("graph", key=key)
                    self.acknowledged[key] = started["id"]
                    break
                except (Refused, OSError, ValueError, http.client.HTTPException):
                    self.stop.wait(0.02)


class Kills(unittest.TestCase):
    def kill_one(self, engine, chance):
        names = [name for name, row in engine.status().items()
                 if name != "capstand" and row.get("state") == "ready"]
        victims = chance.sample(names, 1 if chance.random() < 0.8 else min(3, len(names)))
        pids = {name: engine.kill(name) for name in victims}
        for name, pid in pids.items():
            engine.wait_restarted(name, pid)

    def kill_worker(self, engine, chance):
        worker = chance.choice([w for w in engine.workers if w.poll() is None])
        worker.kill()
        worker.wait()
        engine.workers.remove(worker)
        self.add_worker(engine)

    def kill_all(self, engine):
        engine.down(signal.SIGKILL)
        engine.up()

    def add_worker(self, engine):
        engine.worker("--queues", "default", "--concurrency", "8")

    def test_nothing_acknowledged_is_lost(self):
        print(f"SEED={SEED} KILLS={KILLS}")
        chance = random.Random(SEED)
        with Engine(schedulers=2, lease_ms=3000, heartbeat_ms=500,
                    restart_max_ms=200) as engine:
            engine.apply(GRAPH)
            for _ in range(3):
                self.add_worker(engine)
            stop = threading.Event()
            clients = [Client(engine, n, stop) for n in range(CLIENTS)]
            for client in clients:
                client.start()
            for _ in range(KILLS):
                dice = chance.random()
                if dice < 0.05:
                    self.kill_all(engine)
                elif dice < 0.15:
                    self.kill_worker(engine, chance)
                else:
                    self.kill_one(engine, chance)
                known = sum(len(c.acknowledged) for c in clients)
                until(lambda: sum(len(c.acknowledged) for c in clients) > known,
                      "starts are acknowledged again")
            stop.set()
            for client in clients:
                client.join()
            self.compare(engine, clients)

    def compare(self, engine, clients):
        books = {k: v for c in clients for k, v in c.acknowledged.items()}
        self.assertEqual(len(books), len(set(books.values())), "two keys, one run")
        end = time.monotonic() + DEADLINE
        for key, run in books.items():
            final = engine.wait_final(run, max(1, end - time.monotonic()))
            self.assertEqual(final["status"], "completed", (key, final))
        for key, run in random.Random(SEED).sample(sorted(books.items()),
                                                   min(200, len(books))):
            self.assertEqual(engine.start("graph", key=key)["id"], run)
            events = engine.events(run)
            self.assertEqual([e["sequence"] for e in events],
                             list(range(1, len(events) + 1)))
            done = [e["step"] for e in events if e["event_type"] == "action.completed"]
            self.assertEqual(sorted(done), ["a", "b", "c", "d"])
            self.assertEqual(events[-1]["event_type"], "run.completed")
        self.assertEqual(engine.get("/runs", status="open")["items"], [])
        self.assertIn("ok", engine.tool("verify").stdout)
        self.assertIsNone(re.search(r" broken (?!child_)", engine.logs()), engine.logs())
        print(f"{len(books)} acknowledged, 0 lost")


if __name__ == "__main__":
    unittest.main()
