#!/usr/bin/python3
"""Goal: policies, children and what people do to runs hold in real processes: several
schedulers, kills, the HTTP doors and the tool.

Method: an engine on disk with two schedulers; nothing is believed that is not asked for
again; at the end the log is replayed.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, Refused, program, until  # noqa: E402

ALONE = """
name: alone
concurrency: forbid
steps:
  - { key: paid, kind: wait_for_event, event_type: order.paid }
  - { key: after, kind: set, values: { paid: "${{ steps.paid.output }}" } }
"""
TURNS = """
name: turns
concurrency: { policy: queue, max: 1 }
steps:
  - { key: nap, kind: sleep, duration: 50ms }
"""
PARENT = """
name: parent
steps:
  - { key: child, kind: automation, automation: turns, wait: true }
  - { key: lone, kind: automation, automation: alone }
"""
MENDED = """
name: mended
steps:
  - { key: build, kind: set, values: { image: "app:1" } }
  - { key: publish, kind: action, action: fail }
  - { key: tell, kind: set, values: { image: "${{ steps.build.output.image }}" } }
"""


class Operate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="capstan-test-")
        cls.addClassCleanup(shutil.rmtree, cls.data)
        cls.engine = Engine(data=cls.data, schedulers=2)
        cls.addClassCleanup(cls.engine.close)
        cls.engine.up()
        for text in (ALONE, TURNS, PARENT, MENDED):
            cls.engine.apply(text)
        cls.engine.worker("--queues", "default", "--concurrency", "4")

    def post(self, run, what, **body):
        return self.engine.call("POST", f"/capstan/v1/runs/{run}/{what}", body)

    def refused(self, code, call, *arguments, **named):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.code, code)
        return caught.exception.body["error"]["message"]

    def test_forbid_names_the_active_run_and_a_signal_ends_its_wait(self):
        first = self.engine.start("alone", key="a")
        for key in ("b", "c", "d"):  # whichever scheduler hears it
            said = self.refused("conflict", self.engine.start, "alone", key=key)
            self.assertIn(first["id"], said)
        self.assertEqual(self.engine.start("alone", key="a")["id"], first["id"])
        self.refused("not_found", self.post, first["id"], "signal", step="nothing")
        self.refused("conflict", self.post, first["id"], "signal", step="after")
        self.post(first["id"], "signal", step="paid", result={"sum": 7})
        run = self.engine.wait_final(first["id"])
        self.assertEqual(run["output"], {"paid": {"sum": 7}})
        self.refused("finished", self.post, first["id"], "skip", step="paid")
        self.refused("finished", self.post, first["id"], "retry")

    def test_a_queue_is_served_over_kills(self):
        runs = [self.engine.start("turns", key=f"turn-{i}")["id"] for i in range(60)]
        for instance in (0, 1):
            self.engine.kill(f"scheduler.{instance}")
        for run in runs:
            self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        begun = [self.engine.run(run)["started_at"] for run in runs]
        self.assertEqual(begun, sorted(begun))

    def test_who_waits_hears_the_end_whichever_scheduler_decides(self):
        for i in range(4):
            run = self.engine.start("turns", key=f"waited-{i}", wait=20)
            self.assertEqual(run["status"], "completed")

    def test_a_parent_ends_with_its_children(self):
        parent = self.engine.start("parent")
        run = self.engine.wait_final(parent["id"])
        self.assertEqual(run["status"], "completed")
        child = self.engine.run(run["outputs"]["lone"]["run_id"])
        self.assertEqual(child["parent_run_id"], run["id"])
        self.engine.tool("runs", "cancel", child["id"])
        self.assertEqual(self.engine.wait_final(child["id"])["status"], "cancelled")

    def test_a_failed_run_is_given_up(self):
        runs = [self.engine.start("mended")["id"] for _ in range(2)]
        for run in runs:
            self.engine.wait_final(run)
        self.engine.tool("runs", "discard", runs[0], "--reason", "not worth it")
        document = self.engine.run(runs[0])
        self.assertEqual(document["status"], "cancelled")
        self.engine.tool("runs", "discard", "--all", "--automation", "mended")
        self.assertEqual(self.engine.get("/runs", automation="mended",
                                         status="failed")["items"], [])
        done = self.engine.start("turns", wait=20)["id"]
        refused = self.engine.tool("runs", "discard", done, check=False)
        self.assertIn("only a run that has failed", refused.stderr)

    def apply_example(self, name):
        folder = os.environ.get("CAPSTAN_SOURCE", ".")
        self.engine.tool("apply", os.path.join(folder, "examples", name))

    def test_the_saga_of_the_examples_undoes_what_was_booked_the_last_first(self):
        self.apply_example("book-trip.yaml")
        run = self.engine.start("book-trip", inputs={"trip": "r1"})["id"]
        until(lambda: self.engine.get(f"/runs/{run}/explain")["code"] == "event",
              "it waits to be confirmed")
        self.engine.tool("runs", "cancel", run)
        self.assertEqual(self.engine.wait_final(run)["status"], "cancelled")
        self.assertEqual([event["payload"]["output"]["output"]
                          for event in self.engine.events(run)
                          if event["event_type"] == "action.completed"
                          and event["step"].startswith("undo")],
                         ["cancel the hotel of r1", "cancel the flight of r1"])
        run = self.engine.start("book-trip", inputs={"trip": "r2"})["id"]
        self.engine.tool("events", "publish", "trip.confirmed", '{"trip": "r2"}')
        done = self.engine.wait_final(run)
        self.assertEqual([step["status"] for step in done["steps"]],
                         ["completed"] * 3 + ["skipped"] * 2)

    def test_the_votes_of_the_examples_come_in_any_order_or_not_at_all(self):
        self.apply_example("collect-votes.yaml")
        run = self.engine.start("collect-votes", inputs={"motion": "m"})["id"]
        for voter, yes in (("eve", "false"), ("ann", "true")):
            self.engine.tool("events", "publish", "vote.cast",
                             '{"motion": "m", "voter": "%s", "yes": %s}' % (voter, yes))
        until(lambda: self.engine.get(f"/runs/{run}/explain")["step"] == "votes[1].vote",
              "only bob is waited for")
        self.engine.tool("runs", "signal", run, "votes[1].vote", "--result", "null")
        self.assertEqual(self.engine.wait_final(run)["output"],
                         {"yes": 1, "no": 1, "silent": 1})

    def test_a_failed_run_is_mended_by_hand_and_forked(self):
        run = self.engine.start("mended")["id"]
        self.assertEqual(self.engine.wait_final(run)["status"], "failed")
        self.engine.tool("runs", "retry", run)
        self.assertEqual(self.engine.wait_final(run)["attempt"], 2)
        would = self.engine.tool("runs", "retry", "--all", "--automation", "mended",
                                 "--dry-run")
        self.assertIn(run, would.stdout)
        self.engine.tool("runs", "set-output", run, "publish", "--output", "{}",
                         "--reason", "by hand")
        self.engine.tool("runs", "retry", "--all", "--automation", "mended")
        done = self.engine.wait_final(run)
        self.assertEqual((done["status"], done["output"]),
                         ("completed", {"image": "app:1"}))
        events = [event["event_type"] for event in self.engine.events(run)]
        self.assertEqual(events.count("run.resumed"), 2)
        self.assertIn("step.overridden", events)
        forked = self.engine.tool("runs", "fork", run, "--at", "3", "--set",
                                  'build.output={"image": "app:2"}', "--set",
                                  "publish.output=null").stdout.split()[0]
        self.assertEqual(self.engine.wait_final(forked)["output"], {"image": "app:2"})
        self.assertEqual(self.engine.run(forked)["origin_run_id"], run)

    @classmethod
    def tearDownClass(cls):
        cls.engine.down()
        done = subprocess.run([program("verify"), "--data", cls.data],
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
