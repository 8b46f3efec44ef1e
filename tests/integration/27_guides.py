#!/usr/bin/python3
"""Goal: what the guides show runs, and the commands that the pages name are there.

Method: each ```yaml block of docs/guides is applied to a real engine and started, by hand
or by its trigger. Then `explain` says what the run waits for, and that is done: the stock
worker has its actions, the output of any other is set by hand, questions are answered,
events published, time is passed over. All its steps must complete.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import shlex
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import API, Engine, until  # noqa: E402
from pages import blocks, codes, texts, whole  # noqa: E402

GUIDES = "docs/guides/*.md"
PAGES = ("README.md", GUIDES, "docs/automations.md", "docs/events-and-waits.md",
         "docs/protocols/*.md")
RELEASE = {"version": "1.2", "changes": ["one", "two"]}
OUTPUTS = {"build": RELEASE, "make": RELEASE, "count-rows": {"rows": 5}}
ANSWERS = {"request_information": "large"}
EVENTS = {
    "github.issue.*": [{"issue": {"number": 7, "labels": []},
                        "repository": {"full_name": "acme/api"}}],
    "document.changed": [{"workspace": "a"}] * 100,  # as many as make a batch
}
SECRET = b"some secret of twenty-four bytes"
CHILD = "name: monthly-report\nsteps: [{key: a, kind: action, action: print}]\n"
FAILS = "broken"  # whose page says so


def needed(text):
    """Inputs that have no default, each with a value."""
    if re.search("^inputs:", text, re.M):
        names = re.findall(r"(\w+): { type: string, required: true }", text)
    else:
        names = re.findall(r"{{ \.inputs\.(\w+) }}", text)
    return dict.fromkeys(names, "17")


def nested(pairs):
    """{"order.id": 7} as data in which that path has that value."""
    data = {}
    for path, value in pairs.items():
        *folders, last = path.split(".")
        inner = data
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = value
    return data


class Guides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.engine.up()
        cls.addClassCleanup(cls.engine.close)
        cls.engine.worker("--queues", "default")
        cls.engine.apply(CHILD)

    def post(self, path, **body):
        return self.engine.call("POST", API + path, body)

    # ---- what starts a run ----

    def by_hook(self, name):
        secret = "whsec_" + base64.b64encode(SECRET).decode()
        self.post("/secrets", name="orders-key", value=secret)
        hook = self.engine.get(f"/automations/{name}/triggers")["items"][0]["url"]
        body, at = '{"order": 17}', int(time.time())
        signed = hmac.new(SECRET, f"one.{at}.{body}".encode(), hashlib.sha256).digest()
        run = self.engine.call("POST", hook, body, {
            "Content-Type": "application/json", "webhook-id": "one",
            "webhook-timestamp": str(at),
            "webhook-signature": "v1," + base64.b64encode(signed).decode()})["run"]
        until(lambda: run in [item["id"] for item in
                              self.engine.get("/runs", automation=name)["items"]],
              f"{run} is there")  # it is acknowledged when it is certain to come
        return run

    def by_event(self, name, text):
        pattern = re.search(r"event_type: (\S+)", text)[1]
        if pattern == "run.failed":  # that only the engine says
            self.engine.apply(CHILD.replace("action: print", "action: fail"))
            self.engine.start("monthly-report", wait=30)
            self.engine.apply(CHILD)
        for data in EVENTS.get(pattern, []):
            self.post("/events", type=pattern.replace("*", "opened"), data=data)
        return until(lambda: self.engine.get("/runs", automation=name)["items"],
                     f"a run of {name}")[0]["id"]

    def begun(self, name, text):
        if "kind: schedule" in text:
            self.assertTrue(self.engine.get(f"/automations/{name}/next")["items"])
        if "kind: http" in text:
            return self.by_hook(name)
        if re.search(r"kind: event\b", text):
            return self.by_event(name, text)
        return self.engine.start(name, needed(text))["id"]

    # ---- what a run waits for ----

    def respond(self, detail):
        body = {"value": ANSWERS.get(detail["protocol"], True)}
        if detail.get("targets"):
            body["as"] = detail["targets"][0]
        self.post(f"/interactions/{detail['interaction_id']}/respond", **body)

    def publish(self, detail):
        body = {"type": detail["event_type"].replace("*", "done"),
                "data": {**nested(detail.get("match") or {}), "amount": 5}}
        if detail.get("source"):
            body["source"] = detail["source"]
        self.post("/events", **body)

    def help_on(self, run, reason):
        code, detail = reason["code"], reason.get("detail")
        if code == "job_open" and reason["workers"]["code"].startswith("no_"):
            self.post(f"/runs/{run}/output", step=reason["step"],
                      output=OUTPUTS.get(detail["action"], {}))
        elif code == "interaction":
            self.respond(detail)
        elif code == "event":
            self.publish(detail)
        elif code == "sleep":
            self.post(f"/runs/{run}/signal", step=reason["step"], result=None)
        elif code == "child":
            self.played(detail["child_run_id"])

    def played(self, run):
        """The run, once it is over."""
        done = set()  # an event may need a moment to arrive: it is published once

        def over():
            reason = self.engine.get(f"/runs/{run}/explain")
            at = reason["code"], reason.get("step"), reason.get("since")
            if at not in done and reason["code"] not in ("job_open", "finished"):
                done.add(at)
                self.help_on(run, reason)
            elif reason["code"] == "job_open":
                self.help_on(run, reason)
            return reason["code"] == "finished"
        until(over, lambda: f"{run} is over: {self.engine.get(f'/runs/{run}/explain')}")
        return self.engine.run(run)

    def test_every_automation_of_the_guides_runs(self):
        pages = {}
        for page, block in blocks(GUIDES):
            at = pages[page] = pages.get(page, 0) + 1
            text = whole(block, f"{os.path.basename(page)[:-3]}-{at}")
            with self.subTest(page=page, block=block):
                name = self.engine.apply(text)["name"]
                run = self.played(self.begun(name, text))
                fails = name == FAILS
                self.assertEqual(run["status"], "failed" if fails else "completed", run)
                for step in [] if fails else run["steps"]:
                    self.assertEqual(step["status"], "completed", step)
        for guide in ("concurrency", "first-automation", "from-iii", "people", "stuck",
                      "triggers", "versions", "waiting"):
            self.assertIn(f"docs/guides/{guide}.md", pages)

    # ---- commands ----

    def test_every_command_of_the_pages_is_there(self):
        known = self.engine.tool("help").stdout
        alone = re.findall(r"^  (\S+)  ", known, re.M)
        pairs = re.findall(r"^  (\S+ \S+)", known, re.M)
        self.assertIn("up", alone)
        self.assertIn("runs explain", pairs)
        for page, text in texts(*PAGES):
            for code in codes(text):
                for said in re.findall(r"^capstan\s+(\S+(?:[ \n][^\s|]+)?)", code, re.M):
                    first, *rest = said.split()
                    self.assertTrue(first in alone or " ".join([first, *rest]) in pairs,
                                    f"{page}: capstan {said}")

    def test_every_event_that_a_page_publishes_is_taken(self):
        count = 0
        for page, text in texts(*PAGES):
            for code in codes(text):
                code = code.replace("\\\n", " ")
                for said in re.findall(r"^capstan events publish .*$", code, re.M):
                    words = shlex.split(said, comments=True)[1:]
                    with self.subTest(page=page, said=said):
                        self.assertRegex(self.engine.tool(*words).stdout, r"^\d+$")
                        json.loads(words[-1])
                    count += 1
        self.assertGreaterEqual(count, 3)


if __name__ == "__main__":
    unittest.main()
