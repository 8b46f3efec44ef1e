#!/usr/bin/python3
"""Goal: for each way in which a run can stand still, `capstan runs explain` names the one
reason; people find and answer what runs ask; a run leaves as a file, comes back, and is
decided again as it was.

Method: a real engine with two schedulers and the stock worker; each step is what a person
would type. Whoever changes a byte of the file is found out.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import SOURCE, Engine, Refused, program, until  # noqa: E402

ACTION = "{key: a, kind: action, action: %s}"


def automation(name, *steps, more=""):
    return f"name: {name}\n{more}steps:\n" + "".join(f"  - {step}\n" for step in steps)


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine(schedulers=2)
        cls.engine.up()
        cls.addClassCleanup(cls.engine.close)

    def tool(self, *words, code=0):
        done = self.engine.tool(*words, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def begin(self, name, *steps, more=""):
        self.engine.apply(automation(name, *steps, more=more))
        return self.engine.start(name)["id"]

    def explain(self, run):
        return json.loads(self.tool("runs", "explain", run, "--json").stdout)

    def expect(self, run, code, words, workers=None):
        """The answer, once it is the one that is expected."""
        def right():
            answer = self.explain(run)
            said = answer.get("workers", {}).get("code")
            return answer if (answer["code"], said) == (code, workers) else None
        answer = until(right, lambda: f"{code} {workers}: {self.explain(run)}", 10)
        self.assertIn(words, answer["reason"])
        return answer

    def worker(self, *flags):
        """A worker that is listed, until the test is over."""
        known = len(self.engine.get("/workers")["items"])
        worker = self.engine.worker(*flags)

        def end():
            worker.terminate()
            worker.wait()
            until(lambda: len(self.engine.get("/workers")["items"]) == known, "it left")
        self.addCleanup(end)
        until(lambda: len(self.engine.get("/workers")["items"]) > known, "it is there")
        return worker

    # ---- jobs that nobody takes ----

    def test_no_worker(self):
        run = self.begin("alone", ACTION % "print")
        self.expect(run, "job_open", "no worker is connected", "no_worker")
        self.tool("runs", "cancel", run)

    def test_no_action(self):
        self.worker("--actions", "time")
        run = self.begin("action", ACTION % "print")
        self.expect(run, "job_open", "no worker has action print", "no_action")
        self.tool("runs", "cancel", run)

    def test_no_queue(self):
        self.worker("--queues", "other")
        run = self.begin("queue", "{key: a, kind: action, action: print, queue: media}")
        self.expect(run, "job_open", "has queue media", "no_queue")
        self.tool("runs", "cancel", run)

    def test_no_label(self):
        self.worker("--labels", "big")
        run = self.begin("label",
                         "{key: a, kind: action, action: print, labels: [big, gpu]}")
        self.expect(run, "job_open", "no such worker has label gpu", "no_label")
        self.tool("runs", "cancel", run)

    def test_all_full_and_who_holds_it(self):
        self.worker("--concurrency", "1")
        held = self.begin("holds", "{key: a, kind: action, action: sleep, "
                                   "parameters: {duration: 600}}")
        answer = self.expect(held, "leased", "holds its job since")
        self.assertIn("session_id", answer["detail"])
        run = self.begin("full", ACTION % "print")
        self.expect(run, "job_open", "the only worker that takes it is full",
                    "workers_full")
        self.tool("runs", "cancel", held)
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")

    # ---- what else a run may wait for ----

    def test_timers(self):
        run = self.begin("sleeps", "{key: a, kind: sleep, duration: 1h}")
        self.expect(run, "sleep", ", due at ")
        self.tool("runs", "cancel", run)
        self.worker()
        run = self.begin("retries", "{key: a, kind: action, action: fail, parameters: "
                                    "{message: no paper}, retry: {max_attempts: 2, "
                                    "delay: 1h}}")
        self.expect(run, "retry", "attempt 1 failed with ActionError: no paper")
        self.tool("runs", "cancel", run)

    def test_event(self):
        run = self.begin("event", "{key: a, kind: wait_for_event, event_type: paid}")
        self.expect(run, "event", "an event of type paid since")
        run = self.begin("match", "{key: a, kind: wait_for_event, event_type: paid, "
                                  "match: {order.id: 7}}")
        self.expect(run, "event", "an event of type paid since")
        self.assertIn('\nmatch          {"order.id":7}\n',
                      self.tool("runs", "explain", run).stdout)
        self.tool("runs", "cancel", run)

    def test_child(self):
        self.engine.apply(automation("child", "{key: a, kind: sleep, duration: 1h}"))
        run = self.begin("parent",
                         "{key: a, kind: automation, automation: child, wait: true}")
        child = self.expect(run, "child", "waits for the end of run_")
        self.expect(child["detail"]["child_run_id"], "sleep", "it sleeps")
        self.tool("runs", "cancel", run)

    def test_queued(self):
        more = "concurrency: {policy: queue, max: 1}\n"
        first = self.begin("turns", "{key: a, kind: sleep, duration: 1h}", more=more)
        second = self.engine.start("turns")["id"]
        third = self.engine.start("turns")["id"]
        answer = self.expect(second, "queued", f"behind {first}")
        self.assertEqual(answer["detail"]["ahead"], 0)
        answer = self.expect(third, "queued", "1 more in the queue before it")
        for run in (third, second, first):
            self.tool("runs", "cancel", run)

    def test_over(self):
        self.worker()
        run = self.begin("fails", "{key: a, kind: action, action: fail, parameters: "
                                  "{message: no paper}}")
        self.engine.wait_final(run)
        answer = self.expect(run, "finished", "failed, step_failed; step a: ActionError")
        self.assertEqual(answer["hint"], f"capstan runs retry {run}")
        run = self.begin("ends", ACTION % "print")
        self.engine.wait_final(run)
        self.expect(run, "finished", "the run has ended: completed")
        self.assertIn("the run has ended: completed",
                      self.tool("runs", "explain", run).stdout)
        run = self.begin("stopped", "{key: a, kind: sleep, duration: 1h}")
        self.tool("runs", "cancel", run, "--reason", "wrong inputs")
        self.engine.wait_final(run)
        answer = self.expect(run, "finished", "ended: cancelled by cap_")
        self.assertIn(": wrong inputs since ", answer["reason"])
        self.assertRegex(self.tool("runs", "get", run).stdout,
                         r"cancelled_by +cap_[0-9a-z]{26}\ncancel_reason +wrong inputs\n")

    def test_cleanup(self):
        self.worker("--actions", "fail")
        run = self.begin("tidies", "{key: a, kind: action, action: fail}",
                         more="cleanup: [{key: t, kind: action, action: print}]\n")
        answer = self.expect(run, "job_open", "step t:", "no_action")
        self.assertTrue(answer["cleanup"])
        self.tool("runs", "cancel", run)

    # ---- people ----

    def test_people(self):
        run = self.begin("asks", "{key: a, kind: interaction, protocol: "
                                 "request_approval, prompt: Ship it?, targets: [ada]}")
        answer = self.expect(run, "interaction", "an approval by ada is pending")
        asked = answer["detail"]["interaction_id"]
        rows = self.tool("interactions", "list", "--target", "ada").stdout.splitlines()
        self.assertEqual([row.split("\t")[0] for row in rows], [asked])
        self.assertEqual(self.tool("interactions", "list", "--target", "eve").stdout, "")
        refused = self.tool("interactions", "respond", asked, "--approve", code=1)
        self.assertIn("it asks somebody else", refused.stderr)
        self.assertIn("--as NAME", refused.stderr)
        self.assertRegex(self.tool("interactions", "get", asked).stdout, "target +ada")
        self.tool("interactions", "respond", asked, "--approve", "--as", "ada",
                  "--comment", "fine")
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        again = self.tool("interactions", "respond", asked, "--reject", "--as", "ada",
                          code=1)
        self.assertIn("answered already", again.stderr)
        shown = self.tool("interactions", "get", asked).stdout
        self.assertIn("completed", shown)
        self.assertIn("fine", shown)
        self.tool("interactions", "get", "iact_01k9zj3v8q0000000000000000", code=1)
        self.assertIn("deleted", self.tool("interactions", "delete", asked).stdout)
        until(lambda: self.engine.tool("interactions", "get", asked, check=False)
              .returncode == 1, "it is shown no more")

    def test_only_admins_answer_for_others(self):
        run = self.begin("strict", "{key: a, kind: interaction, protocol: "
                                   "request_approval, prompt: Go?, targets: [bob]}")
        asked = self.expect(run, "interaction", "by bob")["detail"]["interaction_id"]
        made = {name: self.tool("keys", "create", name, "--scopes", "start",
                                "--json").stdout for name in ("bob", "eve")}
        keys = {name: json.loads(text)["key"] for name, text in made.items()}
        path = f"/capstan/v1/interactions/{asked}/respond"
        with self.assertRaises(Refused) as refused:
            self.engine.call("POST", path, {"value": True, "as": "bob"},
                             key=keys["eve"])
        self.assertEqual(refused.exception.status, 403)
        self.engine.call("POST", path, {"value": True}, key=keys["bob"])
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")

    def test_too_late(self):
        run = self.begin("late", "{key: a, kind: interaction, protocol: "
                                 "request_approval, prompt: Go?, timeout: 300ms}")
        asked = self.expect(run, "interaction", "Go?")["detail"]["interaction_id"]
        self.assertEqual(self.engine.wait_final(run)["status"], "failed")
        refused = self.tool("interactions", "respond", asked, "--approve", code=1)
        self.assertIn("it has expired", refused.stderr)
        self.assertEqual(self.engine.get(f"/interactions/{asked}")["status"], "expired")

    # ---- the guide ----

    def test_every_example_of_the_guide(self):
        with open(os.path.join(SOURCE, "docs/guides/stuck.md")) as page:
            blocks = re.findall(r"```(yaml)?\n(.*?)```", page.read(), re.S)
        names = []
        for at, (kind, text) in enumerate(blocks):
            if kind != "yaml" or not blocks[at + 1][1].startswith("reason"):
                continue
            names.append(self.engine.apply(text)["name"])
            run = self.engine.start(names[-1])["id"]
            if "policy: queue" in text:
                run = self.engine.start(names[-1])["id"]
            expected = blocks[at + 1][1].strip()
            pattern = re.escape(expected).replace("…", ".*")
            said = self.tool("runs", "explain", run).stdout
            self.assertRegex(said, pattern.replace("code\\ ", "(.*\n)*code\\ "))
        self.assertEqual(len(names), 6)
        for run in self.engine.get("/runs", status="open")["items"]:
            self.tool("runs", "cancel", run["id"])

    # ---- files ----

    def run_of_many_kinds(self):
        self.worker()
        run = self.begin(
            "many", "{key: s, kind: set, values: {n: '${{ 1 + 2 }}'}}",
            "{key: e, kind: each, items: [1, 2, 3], steps: [{key: p, kind: action, "
            "action: json, parameters: {n: '${{ item }}'}}]}",
            "{key: z, kind: sleep, duration: 10ms}",
            "{key: f, kind: action, action: fail, retry: {max_attempts: 2, delay: 10ms}, "
            "on_error: continue}")
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        return run

    def test_a_run_leaves_comes_back_and_is_decided_again(self):
        run = self.run_of_many_kinds()
        file = os.path.join(self.engine.data, "run.capstan")
        self.assertEqual(self.tool("runs", "export", run, "-o", file).stdout,
                         file + "\n")
        self.assertIn("as it was written", self.tool("runs", "import", file).stdout)
        self.assertEqual(json.loads(self.tool("runs", "get", "--file", file,
                                              "--json").stdout), self.engine.run(run))
        self.assertEqual(self.tool("runs", "events", "--file", file, "--all").stdout,
                         self.tool("runs", "events", run, "--all").stdout)
        for words in ([run], ["--file", file]):
            done = self.tool("runs", "replay", *words, "--verify")
            self.assertIn(", differently: 0, not known: 0", done.stdout)
        at = json.loads(self.tool("runs", "replay", run, "--at", "4", "--json").stdout)
        self.assertEqual(at["state"]["status"], "suspended")
        self.assertGreaterEqual(at["state"]["last_sequence"], 4)
        same = self.tool("runs", "diff", run, file)
        self.assertEqual(same.stdout, "the events are the same\n")
        other = self.begin("fewer", "{key: s, kind: set, values: {n: 4}}")
        self.engine.wait_final(other)
        self.assertIn("+ ", self.tool("runs", "diff", run, other).stdout)
        self.changed_bytes(file)

    def changed_bytes(self, file):
        """Every change is found; many more of them in tests/unit/test_replay."""
        with open(file, "rb") as whole:
            content = whole.read()
        chance = random.Random(1)
        for _ in range(30):
            at = chance.randrange(len(content))
            changed = bytearray(content)
            changed[at] ^= chance.randrange(1, 256)
            with open(file, "wb") as out:
                out.write(changed)
            self.tool("runs", "import", file, code=1)
        with open(file, "wb") as out:
            out.write(content)

    def test_the_program_needs_no_engine(self):
        run = self.run_of_many_kinds()
        folder = os.path.join(self.engine.data, "apart")
        os.makedirs(folder)
        file = os.path.join(folder, "run.capstan")
        self.tool("runs", "export", run, "--output", file)
        done = subprocess.run([program("capstan"), "runs", "get", "--file", file],
                              env={"PATH": os.environ["PATH"]}, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(run, done.stdout)
        shutil.rmtree(folder)

    def test_zz_all_runs_of_these_tests_are_decided_again(self):
        runs = self.engine.get("/runs", limit=1000)["items"]
        self.assertGreater(len(runs), 0)
        for run in runs:
            done = self.tool("runs", "replay", run["id"], "--verify", "--json")
            verified = json.loads(done.stdout)["verified"]
            self.assertEqual(verified["different"], 0, run)
            # Whether a run must queue depends on others, which are not in its file.
            queued = run["status"] == "queued" or "turns" in run["automation"]
            self.assertTrue(verified["unknown"] == 0 or queued, run)


if __name__ == "__main__":
    unittest.main(verbosity=2)
