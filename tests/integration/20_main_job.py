#!/usr/bin/python3
"""Goal: the main job works, with one scheduler and with three.

Method: a real engine and the stock worker; the automation of the quickstart, started by
the tool and by the API, must leave exactly the log that the documents show.
"""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, Refused, SMOKE, until  # noqa: E402

LOG = """\
run.started
step.started     step=print kind=action
action.called    action_name=print
action.completed action_name=print
step.completed   step=print
run.completed
"""


class MainJob(unittest.TestCase):
    schedulers = 1

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine(schedulers=cls.schedulers)
        cls.engine.up()
        cls.addClassCleanup(cls.engine.close)

    def test_1_a_run_waits_while_the_worker_owns_the_action_and_completes(self):
        engine = self.engine
        applied = engine.apply(SMOKE)
        self.assertEqual(applied["name"], "worker-smoke-test")
        self.assertEqual(applied["version"], 1)
        run = engine.start("worker-smoke-test")
        self.assertEqual(run["status"], "suspended")
        self.assertEqual(engine.run(run["id"])["status"], "suspended")
        engine.worker("--queues", "default", "--concurrency", "5")
        final = engine.wait_final(run["id"])
        self.assertEqual(final["status"], "completed")
        events = engine.events(run["id"])
        self.assertEqual([e["sequence"] for e in events], [1, 2, 3, 4, 5, 6])
        self.assertEqual(engine.tool("runs", "events", run["id"]).stdout, LOG)

    def test_2_the_tool_applies_starts_and_waits(self):
        engine = self.engine
        file = os.path.join(engine.data, "smoke.yaml")
        with open(file, "w") as out:
            out.write(SMOKE)
        engine.tool("apply", file)
        done = engine.tool("runs", "start", "worker-smoke-test", "--wait", "--json")
        run = json.loads(done.stdout)
        self.assertEqual(run["status"], "completed")
        self.assertEqual(engine.tool("runs", "events", run["id"]).stdout, LOG)

    def test_3_the_same_text_is_no_new_version_and_another_is(self):
        engine = self.engine
        self.assertEqual(engine.apply(SMOKE)["version"], 1)
        changed = engine.apply(SMOKE.replace("Acme", "Other"))
        self.assertEqual(changed["version"], 2)
        run = engine.start("worker-smoke-test", wait=30)
        self.assertEqual((run["status"], run["version"]), ("completed", 2))

    def test_4_a_key_names_one_run_for_ever(self):
        engine = self.engine
        first = engine.start("worker-smoke-test", key="order-17")
        again = engine.start("worker-smoke-test", key="order-17")
        self.assertEqual(first["id"], again["id"])
        engine.wait_final(first["id"])
        self.assertEqual(engine.start("worker-smoke-test", key="order-17")["id"],
                         first["id"])

    def test_5_lists_page_and_filter(self):
        engine = self.engine
        ids = [engine.start("worker-smoke-test", wait=30)["id"] for _ in range(7)]
        seen, cursor = [], None
        while True:
            page = engine.get("/runs", limit=3, **({"cursor": cursor} if cursor else {}))
            seen += [run["id"] for run in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(seen, sorted(seen, reverse=True))
        self.assertTrue(set(ids) <= set(seen))
        self.assertEqual(engine.get("/runs", status="open")["items"], [])

    def test_6_what_is_not_there_is_said(self):
        engine = self.engine
        with self.assertRaises(Refused) as refused:
            engine.start("no-such-automation")
        self.assertEqual(refused.exception.code, "not_found")
        with self.assertRaises(Refused) as refused:
            engine.apply("name: x\ncolour: red\nsteps:\n  - key: a\n    kind: action\n"
                         "    config: { action_name: 7 }\n    needs: [b]\n")
        self.assertEqual(refused.exception.code, "invalid")
        details = refused.exception.body["error"]["details"]
        self.assertGreaterEqual(len(details), 2)
        for mistake in details:
            self.assertIn("line", mistake)
            self.assertIn("column", mistake)

    def test_7_workers_are_listed_with_what_they_hold(self):
        engine = self.engine
        engine.apply("name: nap\nsteps:\n  - key: nap\n    kind: action\n    config:\n"
                     "      action_name: sleep\n      parameters: {duration: 60s}\n")
        run = engine.start("nap")["id"]

        def held():
            return [job for worker in engine.get("/workers")["items"]
                    for job in worker["jobs"] if job["run"] == run]
        until(held, "the worker holds the job")
        engine.call("POST", f"/capstan/v1/runs/{run}/cancel", {"reason": "enough"})
        self.assertEqual(engine.run(run)["status"], "cancelled")
        until(lambda: not held(), "the worker let go")
        self.assertEqual([e["event_type"] for e in engine.events(run)][-2:],
                         ["step.cancelled", "run.cancelled"])

    def test_8_verify_finds_nothing_wrong(self):
        self.engine.tool("verify")


class MainJobOnThreeSchedulers(MainJob):
    schedulers = 3


if __name__ == "__main__":
    unittest.main()
