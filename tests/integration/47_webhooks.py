#!/usr/bin/python3
"""Goal: a webhook hears of each end of a run that it asks for, once by one delivery id,
signed with its own key, however often it must be tried and whatever dies in between; and
of nothing else.

Method: an engine with two schedulers, a stock worker, and a server that records what it
hears and answers as it is told; signatures are checked with Python's hmac.
"""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import signal
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import API, Engine, Refused, until  # noqa: E402

DONE = "name: done\nsteps:\n  - { key: a, kind: set, values: { n: 1 } }\n"
BROKEN = """\
name: broken
steps:
  - { key: a, kind: agent, config: { instructions: i } }
"""
MANY = """\
name: many
triggers:
  - { key: ends, kind: event, event_type: "run.*" }
steps:
  - { key: a, kind: automation, automation: done }
"""


class Heard(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append((self.path, dict(self.headers), body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Heard)
        self.server.handle_error = lambda *_: None
        self.server.heard, self.server.answers = [], []
        self.addCleanup(self.server.server_close)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.engine = Engine(schedulers=2)
        self.addCleanup(self.engine.close)
        self.engine.up()
        self.engine.apply(DONE)

    def worker(self):
        return self.engine.worker("--actions", "http.request", "--private-addresses",
                                  "yes")

    def make(self, path="/hook", **more):
        return self.engine.call("POST", API + "/webhooks", {
            "name": "ours", "url": self.url + path, **more})

    def deliveries(self, webhook):
        return self.engine.get(f"/webhooks/{webhook['id']}/deliveries")["items"]

    def hears(self, count):
        until(lambda: len(self.server.heard) >= count,
              lambda: f"{count} requests came: {self.server.heard}\n" + self.engine.logs())
        self.assertEqual(len(self.server.heard), count)
        return self.server.heard[-1]

    def signed(self, request, webhook, secret, type):
        _, headers, body = request
        delivery, stamp = headers["X-Mobius-Delivery-Id"], headers["X-Mobius-Timestamp"]
        said = b".".join((b"v1", delivery.encode(), stamp.encode(), body))
        key = base64.b64decode(secret["signing_secret"])
        self.assertEqual(len(key), 32)
        self.assertEqual(headers["X-Mobius-Signature"],
                         "sha256=" + hmac.new(key, said, hashlib.sha256).hexdigest())
        self.assertEqual([headers["X-Mobius-" + name] for name in (
            "Signature-Version", "Secret-Ref", "Secret-Version", "Event-Type")],
            ["v1", webhook["id"], str(secret["secret_version"]), type])
        self.assertEqual(headers["Idempotency-Key"], delivery)
        self.assertEqual(headers["Content-Type"], "application/json")
        document = json.loads(body)
        self.assertEqual(document["type"], type)
        return delivery, document["data"]

    def test_it_hears_of_ends_signed_and_listed(self):
        self.worker()
        before = self.engine.start("done", wait=30)
        webhook = self.make(tags={"team": "a"})
        self.assertEqual((webhook["events"], webhook["enabled"], webhook["secret_ref"],
                          webhook["secret_version"], webhook["tags"]),
                         ([], True, webhook["id"], 1, {"team": "a"}))
        run = self.engine.start("done", wait=30)
        delivery, data = self.signed(self.hears(1), webhook, webhook, "run.completed")
        self.assertNotEqual(data["run_id"], before["id"])
        self.assertEqual((data["run_id"], data["automation"], data["status"],
                          data["output"], data["error"], data["attempt"]),
                         (run["id"], "done", "completed", {"n": 1}, None, 1))
        self.engine.apply(BROKEN)
        self.engine.start("broken", wait=30)
        _, data = self.signed(self.hears(2), webhook, webhook, "run.failed")
        self.assertEqual((data["error"]["type"], data["error"]["step"], data["output"]),
                         ("NoAgentRuntime", "a", None))
        listed = until(lambda: [d for d in self.deliveries(webhook)
                                if d["status"] == "delivered"][1:] and
                       self.deliveries(webhook), "both are delivered")
        self.assertEqual([d["event_type"] for d in listed],
                         ["run.failed", "run.completed"])
        self.assertEqual((listed[1]["id"], listed[1]["attempts"], listed[1]["run_id"],
                          listed[1]["webhook_id"]),
                         (delivery, 1, run["id"], webhook["id"]))
        self.assertIn("delivered_at", listed[1])
        page = self.engine.get(f"/webhooks/{webhook['id']}/deliveries", limit=1)
        self.assertTrue(page["has_more"])
        rest = self.engine.get(f"/webhooks/{webhook['id']}/deliveries", limit=1,
                               cursor=page["next_cursor"])
        self.assertEqual([d["id"] for d in page["items"] + rest["items"]],
                         [d["id"] for d in listed])
        for told in (run["id"], delivery.replace("whd_", "run_")):
            self.assertIn("same", self.engine.tool("runs", "replay", told, "--verify").stdout)
        # The key is nowhere but in the answer that made it.
        shown = self.engine.get("/webhooks/" + webhook["id"])
        self.assertNotIn("signing_secret", shown)
        secret = webhook["signing_secret"]
        kept = json.dumps([self.engine.get("/automations/webhook%20" + webhook["id"]),
                           self.engine.run(delivery.replace("whd_", "run_")),
                           self.engine.events(delivery.replace("whd_", "run_"))])
        self.assertNotIn(secret.rstrip("="), kept)
        self.engine.down()
        for path, _, names in os.walk(os.path.join(self.engine.data, "journal")):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    written = file.read()
                self.assertNotIn(secret.rstrip("=").encode(), written, name)
                self.assertNotIn(base64.b64decode(secret), written, name)

    def test_it_is_tried_again_by_one_id(self):
        self.worker()
        webhook = self.make()
        self.server.answers = [500, 429]
        self.engine.start("done", wait=30)
        self.hears(3)
        ids = {self.signed(heard, webhook, webhook, "run.completed")[0]
               for heard in self.server.heard}
        self.assertEqual(len(ids), 1)
        listed = until(lambda: [d for d in self.deliveries(webhook)
                                if d["status"] == "delivered"], "it is delivered")
        self.assertEqual([(d["id"], d["attempts"]) for d in listed], [(*ids, 3)])

    def test_what_will_not_be_taken_is_not_tried_again(self):
        self.worker()
        webhook = self.make()
        self.server.answers = [410]
        self.engine.start("done", wait=30)
        listed = until(lambda: [d for d in self.deliveries(webhook)
                                if d["status"] == "failed"], "it has failed")
        self.assertEqual((len(self.server.heard), listed[0]["attempts"],
                          listed[0]["last_error"]), (1, 1, "it was answered 410"))

    def test_an_engine_that_dies_in_between_delivers_once(self):
        webhook = self.make()
        # The end is durable, and nobody has taken it: the trigger actor stands still.
        trigger = self.engine.pid("trigger.0")
        os.kill(trigger, signal.SIGSTOP)
        runs = [self.engine.start("done", wait=30)["id"] for _ in range(4)]
        self.engine.kill_all()
        self.engine.up()
        # The deliveries are there, and nobody does them yet.
        until(lambda: len(self.deliveries(webhook)) == 4, "all are told")
        self.engine.kill_all()
        self.engine.up()
        self.worker()
        until(lambda: len([d for d in self.deliveries(webhook)
                           if d["status"] == "delivered"]) == 4, "all are delivered")
        told = {}
        for heard in self.server.heard:
            delivery, data = self.signed(heard, webhook, webhook, "run.completed")
            told.setdefault(data["run_id"], set()).add(delivery)
        self.assertEqual(sorted(told), sorted(runs))
        self.assertTrue(all(len(ids) == 1 for ids in told.values()), told)
        self.assertEqual(len(self.deliveries(webhook)), 4)
        self.engine.down()
        self.engine.tool("verify")

    def test_each_end_is_told_whoever_is_killed(self):
        self.worker()
        webhook = self.make()
        runs = set()

        def start(key):
            try:
                return self.engine.start("done", key=key)["id"]
            except (Refused, OSError, http.client.HTTPException):
                return None
        for number, victim in enumerate(3 * (
                "trigger.0", "scheduler.0", "scheduler.1", "lease.0", "registry.0")):
            keys = [f"{number}-{i}" for i in range(3)]
            runs.add(until(lambda: start(keys[0]), "it starts"))
            killed = self.engine.kill(victim)
            runs |= {until(lambda: start(key), "it starts") for key in keys[1:]}
            self.engine.wait_restarted(victim, killed)
        for run in runs:
            self.engine.wait_final(run)
        until(lambda: {json.loads(body)["data"]["run_id"]
                       for _, _, body in list(self.server.heard)} == runs,
              lambda: f"{len(runs)} ends are told, not {len(self.server.heard)}")
        told = {}
        for heard in self.server.heard:
            delivery, data = self.signed(heard, webhook, webhook, "run.completed")
            told.setdefault(data["run_id"], set()).add(delivery)
        self.assertTrue(all(len(ids) == 1 for ids in told.values()), told)
        self.engine.down()
        self.engine.tool("verify")

    def test_only_what_it_asks_for_and_only_while_it_may(self):
        self.worker()
        self.engine.apply(BROKEN)
        failed = self.make("/failed", events=["run.failed", "run.failed"])
        every = self.make("/every", events=["run.*", "run.failed"])
        self.engine.start("done", wait=30)
        self.assertEqual(self.hears(1)[0], "/every")
        self.engine.start("broken", wait=30)
        until(lambda: len(self.server.heard) == 3, "both hear of it, each once")
        self.change(failed, enabled=False)
        self.assertFalse(self.engine.get("/webhooks/" + failed["id"])["enabled"])
        self.engine.call("DELETE", f"{API}/webhooks/{every['id']}")
        self.engine.start("broken", wait=30)
        self.change(failed, enabled=True)
        self.engine.start("broken", wait=30)
        self.assertEqual(self.hears(4)[0], "/failed")
        self.assertEqual(len(self.deliveries(failed)), 2)
        self.assertEqual([w["id"] for w in self.engine.get("/webhooks")["items"]],
                         [failed["id"]])
        with self.assertRaises(Refused) as refused:
            self.engine.get("/webhooks/" + every["id"])
        self.assertEqual(refused.exception.status, 404)

    def change(self, webhook, **fields):
        return self.engine.call("PATCH", f"{API}/webhooks/{webhook['id']}", fields)

    def test_a_change_is_for_what_comes(self):
        self.worker()
        webhook = self.make("/one")
        changed = self.change(webhook, url=self.url + "/two", name="theirs",
                              events=["run.completed"])
        self.assertEqual((changed["name"], changed["url"], changed["events"],
                          changed["secret_version"]),
                         ("theirs", self.url + "/two", ["run.completed"], 1))
        self.engine.start("done", wait=30)
        heard = self.hears(1)
        self.assertEqual(heard[0], "/two")
        self.signed(heard, webhook, webhook, "run.completed")
        rotated = self.engine.call(
            "POST", f"{API}/webhooks/{webhook['id']}/secret/rotate")
        self.assertEqual(rotated["secret_version"], 2)
        self.assertNotEqual(rotated["signing_secret"], webhook["signing_secret"])
        self.engine.start("done", wait=30)
        self.signed(self.hears(2), webhook, rotated, "run.completed")

    def test_of_changes_at_once_none_is_lost(self):
        webhook = self.make()
        one = f"{API}/webhooks/{webhook['id']}"
        versions = []

        def rotate():
            versions.append(self.engine.call("POST", one + "/secret/rotate")
                            ["secret_version"])

        threads = [threading.Thread(target=rotate) for _ in range(4)]
        threads += [threading.Thread(target=self.change, args=(webhook,),
                                     kwargs={"name": "theirs"})]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        shown = self.engine.call("GET", one)
        self.assertEqual((sorted(versions), shown["secret_version"], shown["name"]),
                         ([2, 3, 4, 5], 5, "theirs"))

    def test_a_ping_says_what_came_of_it(self):
        webhook = self.make("/hook", enabled=False)
        self.worker()
        ping = f"{API}/webhooks/{webhook['id']}/ping"
        said = self.engine.call("POST", ping)
        self.assertEqual((said["status"], said["event_type"], said["attempts"]),
                         ("delivered", "ping", 1))
        delivery, data = self.signed(self.hears(1), webhook, webhook, "ping")
        self.assertEqual((delivery, data), (said["id"], {"webhook_id": webhook["id"]}))
        self.server.answers = [404]
        said = self.engine.call("POST", ping, {"url": self.url + "/other"})
        self.assertEqual((said["status"], said["last_error"]),
                         ("failed", "it was answered 404"))
        self.assertEqual(self.hears(2)[0], "/other")
        self.assertEqual(self.engine.get("/webhooks/" + webhook["id"])["url"],
                         self.url + "/hook")

    def test_mobius_has_it_in_its_words(self):
        self.worker()
        path = "/v1/projects/any/webhooks"
        webhook = self.engine.call("POST", path, {
            "name": "ours", "url": self.url, "events": ["run.*"]})
        one = f"{path}/{webhook['id']}"
        self.assertEqual(set(webhook), {
            "id", "name", "url", "events", "enabled", "secret_ref", "secret_version",
            "signing_secret", "created_at", "updated_at"})
        self.assertEqual(self.engine.call("POST", one + "/ping"),
                         {"success": True, "status_code": 200})
        self.signed(self.hears(1), webhook, webhook, "ping")
        self.server.answers = [400]
        self.assertEqual(self.engine.call("POST", one + "/ping", {"url": self.url}),
                         {"success": False, "error": "it was answered 400"})
        rotated = self.engine.call("POST", one + "/secret/rotate")
        self.assertEqual(rotated["secret_version"], 2)
        self.assertFalse(self.engine.call("PATCH", one, {"enabled": False})["enabled"])
        self.assertEqual(self.engine.call("GET", path)["items"],
                         [self.engine.call("GET", one)])
        records = self.engine.call("GET", one + "/deliveries")
        self.assertEqual(([d["status"] for d in records["items"]], records["has_more"]),
                         (["failed", "delivered"], False))
        self.assertEqual(self.engine.call("GET", "/v1/projects/any/loops")["items"][1:], [])
        self.assertEqual(self.engine.call("DELETE", one), "")
        with self.assertRaises(Refused) as refused:
            self.engine.call("GET", one)
        self.assertEqual((refused.exception.status, refused.exception.code),
                         (404, "not_found"))

    def test_one_without_an_address_waits_for_it(self):
        self.worker()
        webhook = self.engine.call("POST", API + "/webhooks", {"name": "later"})
        self.assertEqual(webhook["url"], "")
        self.engine.start("done", wait=30)
        with self.assertRaises(Refused):
            self.engine.call("POST", f"{API}/webhooks/{webhook['id']}/ping")
        self.engine.call("POST", f"{API}/webhooks/{webhook['id']}/ping",
                         {"url": self.url})
        self.hears(1)
        self.change(webhook, url=self.url)
        self.engine.start("done", wait=30)
        self.signed(self.hears(2), webhook, webhook, "run.completed")

    def test_nothing_goes_round_and_round(self):
        """Deliveries are not told of, nor what other automations start at an end, nor
        what those start."""
        self.worker()
        self.engine.apply(MANY)
        one, two = self.make("/one"), self.make("/two")
        run = self.engine.start("done", wait=30)
        self.engine.call("POST", f"{API}/webhooks/{one['id']}/ping")
        until(lambda: len(self.engine.get("/runs", automation="many")["items"]) == 1
              and not self.engine.get("/runs", status="open")["items"],
              "all is quiet")
        bodies = [json.loads(body) for _, _, body in self.server.heard]
        self.assertEqual(sorted(body["data"].get("run_id", "ping") for body in bodies),
                         sorted([run["id"], run["id"], "ping"]))
        self.assertEqual((len(self.deliveries(one)), len(self.deliveries(two))), (2, 1))
        self.assertEqual(len(self.engine.get("/runs", automation="done")["items"]), 2)

    def test_the_tool_does_it_all(self):
        self.worker()
        tool = self.engine.tool
        key = tool("webhooks", "create", "ours", self.url, "--events",
                   "run.failed,run.completed").stdout.strip()
        listed = json.loads(tool("webhooks", "list", "--json").stdout)["items"]
        id = listed[0]["id"]
        self.assertEqual(listed[0]["events"], ["run.failed", "run.completed"])
        self.assertIn("run.failed,run.completed", tool("webhooks", "list").stdout)
        self.assertIn("delivered", tool("webhooks", "ping", id).stdout)
        self.signed(self.hears(1), listed[0],
                    {"signing_secret": key, "secret_version": 1}, "ping")
        self.server.answers = [404]
        failed = tool("webhooks", "ping", id, self.url, check=False)
        self.assertEqual((failed.returncode, "answered 404" in failed.stdout), (3, True))
        tool("webhooks", "pause", id)
        self.assertIn("paused", tool("webhooks", "list").stdout)
        tool("webhooks", "resume", id)
        self.assertNotEqual(tool("webhooks", "rotate", id).stdout.strip(), key)
        tool("webhooks", "set", id, self.url + "/new", "--events", "")
        shown = tool("webhooks", "get", id).stdout
        self.assertIn("/new", shown)
        self.assertRegex(shown, r"events +all\nenabled +yes")
        self.assertEqual(tool("webhooks", "set", id, check=False).returncode, 2)
        rows = tool("webhooks", "deliveries", id).stdout
        self.assertEqual((rows.count("ping"), rows.count("answered 404")), (2, 1), rows)
        tool("webhooks", "delete", id)
        self.assertEqual(tool("webhooks", "get", id, check=False).returncode, 1)

    def test_what_is_wrong_is_said(self):
        shortest = self.make(url="http://a")
        with self.assertRaisesRegex(Refused, "no field 'ulr'"):
            self.engine.call("POST", f"{API}/webhooks/{shortest['id']}/ping",
                             {"ulr": self.url})
        self.engine.call("DELETE", f"{API}/webhooks/{shortest['id']}")
        for fields, word in (
                ({"name": ""}, "name"), ({"url": "ftp://x"}, "url"),
                ({"url": "http://"}, "url"), ({"url": "https://"}, "url"),
                ({"url": "http://x/{{ .a }}"}, "url"), ({"events": "run.failed"}, "events"),
                ({"events": ["run.started"]}, "run.completed, run.failed, run.cancelled"),
                ({"events": [1]}, "events"), ({"enabled": 1}, "enabled"),
                ({"tags": []}, "tags"), ({"tags": {"a": 1}}, "tags"),
                ({"colour": 1}, "colour")):
            with self.assertRaises(Refused, msg=fields) as refused:
                self.make(**fields)
            self.assertEqual(refused.exception.code, "invalid", fields)
            self.assertIn(word, refused.exception.body["error"]["message"])
        self.assertEqual(self.engine.get("/webhooks")["items"], [])
        for id in ("wbh_00000000000000000000000000", "aut_x", "done"):
            for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/ping"),
                                 ("POST", "/secret/rotate"), ("GET", "/deliveries")):
                with self.assertRaises(Refused) as refused:
                    self.engine.call(method, f"{API}/webhooks/{id}{path}")
                self.assertEqual(refused.exception.status, 404, (method, path))

    def test_nobody_else_can_use_its_key(self):
        """Sealed for one project it opens in no other; and another action gets it as it
        is kept."""
        self.worker()
        webhook = self.make()
        text = self.engine.get("/automations/webhook%20" + webhook["id"])["definition"]
        sealed = json.loads(text)["default_config"]["sealed_key"]
        flow = {"name": "steal", "steps": [{
            "key": "a", "kind": "action", "action": "print",
            "parameters": {"message": sealed, "sign": {"sealed_key": sealed}}}]}
        self.engine.apply(json.dumps(flow))
        self.engine.worker("--actions", "print")
        run = self.engine.start("steal", wait=30)
        self.assertEqual(run["output"]["output"], sealed)
        ask = {"name": "ask", "steps": [{
            "key": "a", "kind": "action", "action": "http.request",
            "parameters": {"url": self.url, "method": "POST", "body": "x",
                           "sign": {"secret": "x", "sealed_key": sealed[:-8] + "AAAAAAA="}}}]}
        self.engine.apply(json.dumps(ask))
        run = self.engine.start("ask", wait=30)
        self.assertEqual(run["error"]["type"], "InvalidInput")


if __name__ == "__main__":
    unittest.main()
