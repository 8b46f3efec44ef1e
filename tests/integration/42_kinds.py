#!/usr/bin/python3
"""Goal: steps of every kind do in real processes what they do in traces, over kills of
the scheduler, and a replay of the log gives the same rows.

Method: an engine on disk with the stock worker; outputs larger than a record holds.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, Refused, program, until  # noqa: E402

LARGE = "x" * 9000  # lies beside the log

FLOW = """
name: kinds
run_name: "about {{ .inputs.what }}"
inputs:
  what: { type: string, default: all }
  count: { type: integer, required: true }
steps:
  - { key: one, kind: action, action: json, with: { text: "%s", n: "${{ inputs.count }}" } }
  - { key: nap, kind: sleep, duration: 200ms }
  - key: both
    kind: parallel
    steps:
      - { key: left, kind: action, action: json, with: { n: "${{ steps.one.output.n + 1 }}" } }
      - { key: right, kind: set, values: { n: "${{ steps.one.output.n + 2 }}" } }
  - key: all
    kind: each
    items: "${{ 1..inputs.count }}"
    concurrency: 4
    as: n
    steps:
      - { key: odd, kind: action, action: json, if: n %% 2 == 1, with: { n: "${{ n }}" } }
      - { key: sum, kind: set, values: { n: "${{ n }}", at: "${{ index }}" } }
  - { key: right-count, kind: check, checks: [{ expr: len(steps.all.output) == inputs.count }] }
cleanup:
  - { key: tidy, kind: action, action: json, with: { run: "${{ run.status }}" } }
output:
  left: "${{ steps.both.output.left.n }}"
  right: "${{ steps.both.output.right.n }}"
  last: "${{ steps.all.output[-1] }}"
  large: "${{ len(steps.one.output.text) }}"
""" % LARGE


class Kinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="capstan-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def started(self, name):
        data = os.path.join(self.folder, name)
        os.mkdir(data)
        engine = Engine(data=data)
        self.addCleanup(engine.close)
        engine.up()
        engine.apply(FLOW)
        engine.worker("--queues", "default", "--concurrency", "8")
        return engine, data

    def right(self, run, count):
        self.assertEqual(run["status"], "completed", run.get("error"))
        self.assertEqual(run["name"], "about all")
        self.assertEqual(run["output"], {"left": count + 1, "right": count + 2,
                                         "last": {"n": count, "at": count - 1},
                                         "large": len(LARGE)})

    def verify(self, data):
        done = subprocess.run([program("verify"), "--data", data], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_run_of_every_kind_has_its_output(self):
        engine, data = self.started("calm")
        waited = engine.start("kinds", inputs={"count": 60}, wait=30)
        run = engine.run(waited["id"])
        self.right(run, 60)
        self.assertEqual(waited["output"], run["output"])
        steps = {step["key"]: step for step in run["steps"]}
        self.assertEqual(steps["all[0].odd"]["status"], "completed")
        self.assertEqual(steps["all[1].odd"]["status"], "skipped")
        self.assertEqual(steps["all[59].sum"]["output"], {"n": 60, "at": 59})
        self.assertEqual(steps["tidy"]["output"], {"run": "completed"})
        self.verify(data)

    def test_what_is_nested_too_deep_for_a_worker_fails_its_step(self):
        """A job is a map around its parameters, which templates may make deeper."""
        engine, _ = self.started("deep")
        engine.apply("name: deep\nsteps:\n  - { key: s, kind: action, action: json, "
                     "with: { x: { v: '${{ inputs.v }}' } } }\n")
        deep = 1
        for _ in range(29):
            deep = {"a": deep}
        self.assertEqual(engine.start("deep", {"v": deep}, wait=30)["status"], "completed")
        run = engine.start("deep", {"v": {"a": deep}}, wait=30)
        self.assertEqual(run["status"], "failed")
        self.assertRegex(engine.run(run["id"])["steps"][0]["error"]["message"],
                         "^parameters: a payload of .* or nested deeper than 31 levels$")

    def test_kills_of_the_scheduler_change_nothing(self):
        engine, data = self.started("killed")
        runs = [engine.start("kinds", inputs={"count": 40})["id"] for _ in range(3)]
        for least in (10, 40, 70):
            until(lambda least=least: len(engine.events(runs[-1])) > least, "events")
            old = engine.pid("scheduler.0")
            engine.kill("scheduler.0")
            engine.wait_restarted("scheduler.0", old)
        for run in runs:
            self.right(engine.wait_final(run), 40)
        self.verify(data)

    def test_sleepers_that_are_due_together_wake_together(self):
        """And those that wait for their slots begin: each is looked for where the one
        before was, not behind all that are gone."""
        count, clients = 8000, 8
        with Engine() as engine:
            engine.apply("name: s\n"
                         "concurrency: { policy: queue, key: '${{ inputs.group }}' }\n"
                         "steps:\n"
                         "  - { key: a, kind: sleep, until: '${{ inputs.at }}' }\n")
            due = int(time.time()) + 6

            def start(client):
                for i in range(client, count, clients):
                    engine.start("s", {"at": due * 1000, "group": str(i % (count // 2))})

            threads = [threading.Thread(target=start, args=(client,))
                       for client in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            until(lambda: engine.counters("scheduler.0")["runs_completed"] == count,
                  "not all have woken")
            self.assertLess(time.time() - due, 2)

    def test_inputs_that_are_not_as_declared_are_refused_with_their_place(self):
        engine, _ = self.started("inputs")
        with self.assertRaises(Refused) as refused:
            engine.start("kinds", inputs={"count": "many"})
        self.assertEqual(refused.exception.status, 422)
        details = refused.exception.body["error"]["details"]
        self.assertEqual(details[0]["path"], "/count")


if __name__ == "__main__":
    unittest.main()
