#!/usr/bin/python3
"""Goal: versions are drafted, compared, published and rolled back, and an automation is
paused, resumed and archived, by the tool, while runs keep what they began with.

Method: a real engine with two schedulers; each step is what a person would type.
"""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, until  # noqa: E402

FIRST = """\
name: deploy
steps:
  - {key: go, kind: action, config: {action_name: print, parameters: {message: one}}}
"""
SECOND = FIRST.replace("one", "two")


class Versions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine(schedulers=2)
        cls.engine.up()
        cls.addClassCleanup(cls.engine.close)

    def write(self, text):
        path = os.path.join(self.engine.data, "deploy.yaml")
        with open(path, "w") as out:
            out.write(text)
        return path

    def tool(self, *words, code=0):
        done = self.engine.tool(*words, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def lines(self, *words):
        return [line.split("\t")[:2]
                for line in self.tool(*words).stdout.splitlines()]

    def test_1_a_draft_is_not_what_starts_use(self):
        self.tool("apply", self.write(FIRST))
        done = self.tool("automations", "create-version", "deploy", self.write(SECOND))
        self.assertEqual(done.stdout, "deploy\t2\tkept as a draft\n")
        self.assertEqual(self.lines("automations", "versions", "deploy"),
                         [["2", "draft"], ["1", "published"]])
        held = json.loads(self.tool("runs", "start", "deploy", "--json").stdout)
        self.assertEqual(held["version"], 1)
        draft = json.loads(
            self.tool("runs", "start", "deploy", "--version", "2", "--json").stdout)
        self.assertEqual(draft["version"], 2)
        self.tool("runs", "cancel", draft["id"])

    def test_2_two_versions_are_compared(self):
        diff = self.tool("automations", "diff", "deploy").stdout
        self.assertIn("--- deploy version 1\n+++ deploy version 2\n", diff)
        self.assertIn("+  - {key: go, kind: action, config: {action_name: print, "
                      "parameters: {message: two}}}\n", diff)
        same = self.tool("automations", "diff", "deploy", "1", "1")
        self.assertEqual((same.stdout, same.stderr), ("", ""))
        same = self.tool("automations", "diff", "deploy", "2")
        self.assertEqual(same.stdout, "")
        self.assertIn("version 2 is the latest: name two", same.stderr)

    def test_3_publishing_says_which_runs_stay_where(self):
        done = self.tool("automations", "publish", "deploy", "2")
        self.assertEqual(done.stdout, "deploy\t2\tpublished\n")
        self.assertIn("1 open run stays on version 1", done.stderr)
        self.assertEqual(self.lines("automations", "versions", "deploy"),
                         [["2", "published"], ["1", "superseded"]])
        self.assertEqual(self.engine.start("deploy")["version"], 2)

    def test_4_rolling_back_publishes_the_one_before(self):
        self.assertEqual(self.tool("automations", "rollback", "deploy").stdout,
                         "deploy\t1\tpublished\n")
        self.assertEqual(self.engine.start("deploy")["version"], 1)

    def test_5_status_outlives_the_engine(self):
        self.tool("automations", "pause", "deploy", "--reason", "a risky change")
        for _ in range(2):
            shown = json.loads(self.tool("automations", "get", "deploy", "--json").stdout)
            self.assertEqual((shown["status"], shown["status_reason"]),
                             ("paused", "a risky change"))
            self.engine.down()
            self.engine.up()
        self.assertEqual(self.engine.start("deploy")["version"], 1)

    def test_6_the_archive_refuses_runs_and_versions_and_keeps_history(self):
        self.tool("automations", "archive", "deploy")
        self.assertIn("archived", self.tool("runs", "start", "deploy", code=1).stderr)
        self.assertIn("archived",
                      self.tool("apply", self.write(SECOND), code=1).stderr)
        self.assertGreater(len(self.lines("runs", "list", "--automation", "deploy")), 2)
        self.tool("automations", "resume", "deploy")
        self.engine.start("deploy")

    def test_7_mistakes_are_told_and_nothing_is_kept(self):
        wrong = self.write(FIRST.replace("kind: action", "kind: acton"))
        done = self.tool("apply", "--check", wrong, code=1)
        self.assertIn("deploy.yaml:3:", done.stderr)
        self.assertEqual(self.tool("apply", "--check", self.write(SECOND)).stdout,
                         "deploy\t\tvalid\n")
        for words in (("publish", "deploy", "9"), ("publish", "nobody", "1"),
                      ("pause", "nobody"), ("versions", "nobody")):
            self.tool("automations", *words, code=1)
        self.tool("automations", "publish", "deploy", "x", code=2)

    def test_8_every_run_ends_on_the_version_that_it_began_with(self):
        self.engine.worker()
        open_runs = lambda: self.engine.get("/runs", status="open")["items"]
        until(lambda: not open_runs(), "all runs have ended")
        for run in self.engine.get("/runs")["items"]:
            if run["status"] == "completed":
                said = self.engine.run(run["id"])
                self.assertIn(said["version"], (1, 2))


if __name__ == "__main__":
    unittest.main()
