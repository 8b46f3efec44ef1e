#!/usr/bin/python3
"""Goal: with a key of one project nothing of another can be seen or changed, through any
door, whatever ids, names and tokens are known.

Method: a real engine; an owner, whose project has one of each; and a stranger with a key
of all scopes in another, who says each id and name of the owner's in every route of every
dialect.  No answer has one that he did not say, and what the owner is shown is the same
before and after.  The owner, who asks the same, is shown them: that is the control.
"""
import http.client
import json
import os
import re
import subprocess
import sys
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from engine import API, Engine, program, until  # noqa: E402
from iii_frames import Worker  # noqa: E402
from projects import make_key  # noqa: E402
from worker_frames import Session  # noqa: E402

MARK = "zebra"  # in all that is not a name
FLOW = """
name: own-flow
description: zebra
triggers:
  - { key: hook, kind: http }
  - { key: own-event, kind: event, event_type: "own.*" }
steps:
  - { key: own-job, kind: action, action: own-action, parameters: { stripes: zebra } }
  - key: own-question
    kind: interaction
    config: { protocol: request_approval, title: zebra }
"""
# What changes by itself, or is of the engine and no project.
MOVING = re.compile(r'"(heard_ms|last_seen_at|present_ms|server_time)": ?[^,}]+')
SHARED = ("/healthz", "/readyz", "/metrics", "/openapi.json")
BODIES = {  # where an empty object says nothing
    "/capstan/v1/runs": {"automation": "own-flow"},
    "/capstan/v1/runs/{id}/signal": {"step": "own-question", "result": {}},
    "/capstan/v1/runs/{id}/skip": {"step": "own-job", "reason": "r"},
    "/capstan/v1/runs/{id}/output": {"step": "own-job", "output": {}, "reason": "r"},
    "/capstan/v1/interactions/{id}/respond": {"value": True},
    "/capstan/v1/principals/{id}": {"state": "disabled"},
    "/capstan/v1/roles/{id}": {"scopes": ["read"]},
    "/capstan/v1/webhooks/{id}": {"enabled": False},
    "/capstan/v1/actions/{name}": {"url": "https://example.org/"},
    "/capstan/v1/state/{scope}/{key}": {"value": 1},
    "/v1/projects/{p}/interactions/{id}/respond": {"action": "approve"},
    "/v1/projects/{p}/interactions/{id}/review": {"action": "approve"},
    "/v1/projects/{p}/principals/{id}": {"state": "disabled"},
    "/v1/projects/{p}/webhooks/{id}": {"enabled": False},
}


def routes():
    for dialect in ("native", "mobius", "workflow_graph"):
        with open(os.path.join(SOURCE, f"gateway/{dialect}/routes.def")) as table:
            yield from re.findall(r'^ROUTE\((\w+), +"([^"]+)"', table.read(), re.M)


class TwoProjects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.close)
        cls.engine.up()
        cls.owner = cls.engine.key
        cls.stranger = make_key(cls.engine, "strangers")
        cls.doors = {}

    def ask(self, key, method, path, body=None, kind="application/json"):
        """Status and text."""
        door = self.doors.setdefault(key, http.client.HTTPConnection(
            "127.0.0.1", self.engine.http_port, timeout=60))
        headers = {"Authorization": "Bearer " + key}
        if body is not None:
            headers["Content-Type"] = kind
        if isinstance(body, dict):
            body = json.dumps(body)
        door.request(method, path, body, headers)
        answer = door.getresponse()
        if "event-stream" in (answer.getheader("Content-Type") or ""):
            self.doors.pop(key).close()
            return answer.status, ""
        return answer.status, answer.read().decode(errors="replace")

    def made(self, path, body, kind="application/json"):
        status, text = self.ask(self.owner, "POST", API + path, body, kind)
        self.assertLess(status, 300, (path, text))
        return json.loads(text)

    def one_of_each(self):
        """Names and ids of the owner's."""
        self.made("/automations", FLOW, "application/yaml")
        self.made("/automations", "name: own-done\nsteps:\n"
                  "  - { key: a, kind: set, values: { stripes: zebra } }\n",
                  "application/yaml")
        self.worker = Session(self.engine, "own-instance", actions=["own-action"])
        self.run = self.made("/runs", {"automation": "own-flow"})["id"]
        self.job = self.worker.wait("job")
        asking = self.made("/runs", {"automation": "own-flow"})["id"]
        self.worker.say("ready", concurrency=2)
        second = self.worker.wait("job", run=asking)
        self.worker.say("log", token=second["token"], chunk=MARK)
        self.worker.report(second["token"], output={})
        question, = until(lambda: self.engine.get("/interactions")["items"], "it asks")
        role = self.made("/roles", {"name": "own-role", "scopes": ["read"],
                                    "description": MARK})
        principal = self.made("/principals", {"name": "own-principal",
                                              "roles": ["own-role"]})
        key = self.made("/keys", {"name": "own-key", "scopes": ["read"]})
        hook = self.made("/webhooks", {"name": "own-hook", "url": "https://zebra.example"})
        self.made("/actions", {"name": "own-called", "url": "https://zebra.example/"})
        self.made("/secrets", {"name": "own-secret", "value": MARK})
        self.made("/queues", {"name": "own-queue", "concurrency": 1})
        self.made("/events", {"type": "own.event", "data": {"stripes": MARK}})
        self.worker.wait("job")  # of the run that it started
        self.ask(self.owner, "PUT", API + "/state/own-scope/own-name", {"value": MARK})
        session, = [item for item in self.engine.get("/workers")["items"]
                    if item["instance"] == "own-instance"]
        flow = self.engine.get("/automations/own-flow")
        done = self.made("/runs?wait=10s", {"automation": "own-done"})
        until(lambda: self.engine.get(f"/runs/{asking}/logs")["items"], "it printed")
        return [self.run, asking, done["id"], question["id"], role["id"], principal["id"],
                key["id"], hook["id"], session["id"], flow["id"], "own-flow", "own-done",
                "own-job", "own-role", "own-principal", "own-key", "own-hook",
                "own-called", "own-secret", "own-queue", "own-scope", "own-name",
                "own-instance"]

    def said_everywhere(self, key, methods, names):
        """Path and answer of each route, with each name in each of its places."""
        for method, path in routes():
            if method not in methods or path in SHARED or "/invo" in path:
                continue  # who invokes an action waits for a worker of his own
            body = BODIES.get(path, {}) if method in ("POST", "PUT", "PATCH") else None
            named = re.search(r"{(?!p}|version})", path) is not None
            if method != "GET" and not named and path not in BODIES:
                continue  # it is about his own
            for name in names if named else [""]:
                said = re.sub(r"{version}", "1", path.replace("{p}", "p"))
                said = said.replace("{scope}/{key}", "own-scope/own-name")
                said = re.sub(r"{\w+}", name, said)
                yield said, name, *self.ask(key, method, said, body)

    def shown(self):
        return {said: (status, MOVING.sub("", text)) for said, _, status, text
                in self.said_everywhere(self.owner, ("GET",), self.names)}

    def settled(self):
        """What is shown when nothing is on its way any more."""
        before, now = None, self.shown()
        while now != before:
            before, now = now, self.shown()
        return now

    def test_a_stranger_sees_and_changes_nothing(self):
        self.names = self.one_of_each()
        before = self.settled()
        marks = [mark for mark in [*self.names, MARK, "own.event", "own-action"]
                 if any(mark in text for _, text in before.values())]
        self.assertEqual(set(self.names) - set(marks) - {"own-name"}, set())
        seen = []
        there = list(self.said_everywhere(self.stranger, ("GET",), self.names))
        nowhere = self.said_everywhere(self.stranger, ("GET",), [
            re.sub("_.*", "_" + 26 * "0", name) if "_" in name else "never"
            for name in self.names])
        for (said, name, status, text), (_, _, other, _) in zip(there, nowhere):
            seen += [(said, status, mark) for mark in marks
                     if mark in text and mark not in said]
            if status != other:
                seen.append((said, status, other))
        self.assertEqual(seen, [])
        done = [(said, status, text) for said, name, status, text
                in self.said_everywhere(
                    self.stranger, ("POST", "PUT", "PATCH", "DELETE"), self.names)
                if status < 300 and not re.search(
                    "/hooks/|/http/|/state/|/secrets/", said)]
        self.assertEqual(done, [])
        self.assertEqual(self.shown(), before)
        self.worker.report(self.job["token"], output={})
        self.worker.wait("ack", token=self.job["token"], verdict="accepted")
        self.worker.say("goodbye")
        self.worker.close()

    def test_only_who_administers_the_first_project_makes_others(self):
        def make(key, project, *flags):
            return subprocess.run(
                [program("capstan"), "--key", key, "--project", project, "keys", "create",
                 "boss", *flags], env=self.engine.env, capture_output=True, text=True)
        first = make(self.owner, "third", "--scopes", "read,admin")
        self.assertEqual(first.returncode, 0, first.stderr)
        theirs = first.stdout.strip()
        self.assertEqual([item["name"] for item in json.loads(
            self.ask(theirs, "GET", API + "/keys")[1])["items"]], ["boss"])
        self.assertEqual(make(theirs, "third").returncode, 0)
        reader = make(self.owner, "default", "--scopes", "read").stdout.strip()
        for key, project, why in (
                (theirs, "fourth", "only who administers the project default"),
                (theirs, "default", "only who administers the project default"),
                (self.stranger, "third", "only who administers the project default"),
                (reader, "fourth", "has not the scope admin"),
                (self.owner, "no/word", "letters, digits"),
                (self.owner, "x" * 101, "letters, digits")):
            refused = make(key, project)
            self.assertEqual(refused.returncode, 1, (project, refused.stdout))
            self.assertIn(why, refused.stderr)
        self.assertEqual(self.ask(self.owner, "GET", API + "/runs")[0], 200)

    def test_a_stranger_takes_no_session_and_no_lease(self):
        self.engine.apply(FLOW)
        worker = Session(self.engine, "own", actions=["own-action"])
        run = self.engine.start("own-flow")["id"]
        token = worker.wait("job")["token"]
        self.engine.key = self.stranger
        for says in ({}, {"session": worker.token}, {"held": [token]},
                     {"session": worker.token, "held": [token]}):
            other = Session(self.engine, "own", actions=["own-action"], **says)
            self.assertNotEqual(other.token, worker.token)
            other.beat(token)
            other.wait("heartbeat")
            other.say("log", token=token, chunk=MARK)
            for outcome in ("completed", "failed", "returned"):
                other.report(token, outcome)
                self.assertEqual(other.wait("ack", token=token)["verdict"], "stale")
            other.say("goodbye")
            other.close()
        self.engine.key = self.owner
        self.assertEqual(self.engine.get(f"/runs/{run}/logs")["items"], [])
        worker.report(token, output={})
        worker.wait("ack", token=token, verdict="accepted")
        worker.say("goodbye")
        worker.close()

    def test_a_stranger_calls_and_hears_nobody(self):
        own = Worker(self.engine).describe("own").function("own::f")
        for type, config in (("subscribe", {"topic": "t"}), ("state", {}), ("log", {})):
            own.trigger(type, "own::f", config=config)
        caller = Worker(self.engine)
        caller.call("engine::log::info", {"message": MARK})
        caller.call("state::set", {"scope": "s", "key": "k", "value": MARK})
        for _ in range(2):
            own.hear()
        other = Worker(self.engine, f"/k/{self.stranger}/")
        self.assertEqual(other.call("own::f")["error"]["code"], "function_not_found")
        for function, data in (
                ("publish", {"topic": "t", "data": 1}),
                ("engine::log::info", {"message": "m"}),
                ("engine::logs::clear", {}),
                ("state::set", {"scope": "s", "key": "k", "value": 1})):
            other.call(function, data)
        own.silence()
        for list in ("workers", "functions", "registered-triggers", "logs"):
            answer = json.dumps(other.call(f"engine::{list}::list"))
            self.assertNotIn("own", answer)
            self.assertNotIn(MARK, answer)
        other.say("reattach", previous_worker_id=own.id, reattach_token=own.token)
        other.silence()
        self.assertEqual(caller.call("state::get", {"scope": "s", "key": "k"})["result"],
                         MARK)
        self.assertIn(MARK, json.dumps(caller.call("engine::logs::list")))
        for worker in (own, caller, other):
            worker.close()


if __name__ == "__main__":
    unittest.main()
