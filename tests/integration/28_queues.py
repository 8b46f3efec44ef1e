#!/usr/bin/python3
"""Goal: at most as many jobs of a queue are out as its limit says, through the death of
every process that has a part in it; who waits is told for whom.

Method: real processes, two schedulers, one worker with room for everything; the jobs
themselves count how many of them run at once.
"""
import json
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, until  # noqa: E402

FLOW = """\
name: {name}
steps:
  - {{ key: train, kind: action, action: shell, queue: gpu,
      parameters: {{ command: "{command}" }} }}
"""


class Queues(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.engine = Engine(schedulers=2, lease_ms=2000, heartbeat_ms=400)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.engine.apply(FLOW.format(
            name="short", command=f"cd {self.folder}; touch in.$$; ls in.* | wc -l "
            ">>seen; sleep 0.2; rm in.$$"))
        self.engine.apply(FLOW.format(
            name="long", command=f"while test ! -e {self.folder}/go; do sleep 0.05; done"))

    def worker(self):
        self.engine.worker("--queues", "gpu", "--concurrency", "8", "--actions", "shell")

    def limit(self, count):
        self.engine.tool("queues", "set", "gpu", "--concurrency", str(count))

    def queue(self):
        listed = json.loads(self.engine.tool("queues", "list", "--json").stdout)["items"]
        return next((item for item in listed if item["name"] == "gpu"), None)

    def seen(self):
        with open(os.path.join(self.folder, "seen"), encoding="utf-8") as file:
            return [int(line) for line in file]

    def explained(self, run):
        return self.engine.get(f"/runs/{run}/explain")

    def test_a_limit_holds_and_whoever_waits_is_told_for_whom(self):
        self.limit(2)
        self.worker()
        held = [self.engine.start("long")["id"] for _ in range(2)]
        until(lambda: self.queue()["out"] == 2, "two are out")
        waits = self.engine.start("long")["id"]
        answer = until(lambda: (said := self.explained(waits))["code"] == "job_open"
                       and said, "it waits for a worker")
        self.assertEqual(answer["workers"]["code"], "queue_full")
        self.assertEqual(answer["hint"], "capstan queues list")
        self.assertIn("queue gpu is at its limit of 2: held by run run_", answer["reason"])
        for run in held:
            self.assertIn(run, answer["reason"])
        self.assertEqual(self.queue(), {"name": "gpu", "concurrency": 2, "out": 2})
        self.limit(0)
        until(lambda: self.queue()["out"] == 3, "without a limit it is taken")
        open(os.path.join(self.folder, "go"), "w", encoding="utf-8").close()
        for run in held + [waits]:
            self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        self.assertIsNone(self.queue()["concurrency"])

    def test_a_limit_outlives_each_process(self):
        self.limit(2)
        self.worker()
        runs = [self.engine.start("short")["id"] for _ in range(24)]
        for name in ("lease.0", "registry.0", "scheduler.0", "gateway.0"):
            old = self.engine.kill(name)
            self.engine.wait_restarted(name, old)
        self.engine.kill_all()
        self.engine.up()
        for run in runs:
            self.assertEqual(self.engine.wait_final(run, 60)["status"], "completed")
        self.assertEqual(self.queue()["concurrency"], 2)
        self.assertLessEqual(max(self.seen()), 2)


if __name__ == "__main__":
    unittest.main()
