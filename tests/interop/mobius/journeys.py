#!/usr/bin/python3
"""Goal: clients of Mobius, as their registries have them, work here unchanged; and a
worker with the habits of their Go client, which no registry gave us, too.

Method: real engines and real clients, killed, frozen and cut off at the wrong moment.
What a registry or a toolchain does not give is said, and skipped.
"""
import base64
import functools
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../support")]
from clients import NPM_INSTALL, PIP, install, lacking, lacks, need  # noqa: E402
from engine import Engine, Refused, until  # noqa: E402
from mobius_frames import P, Raw  # noqa: E402

TIMES = dict(lease_ms=3000, heartbeat_ms=1000)

SEED = {  # seed 000, as their tool sends it
    "schema_version": "1", "name": "worker-smoke-test",
    "description": "Send one print action to a connected worker.",
    "concurrency": "allow",
    "triggers": [{"key": "manual", "kind": "manual", "enabled": True}],
    "steps": [{"key": "print", "name": "Print message", "kind": "action",
               "config": {"action_name": "print",
                          "parameters": {"message": "Hello from Acme platform."}}}]}
TRANSCRIPT = ["run.started", "step.started", "action.called", "action.completed",
              "step.completed", "run.completed"]


def automation(action, attempts=1, **parameters):
    """One that does one action; its name tells them apart."""
    name = f"{action}-{attempts}-" + "-".join(str(v) for v in parameters.values())
    return name, json.dumps({
        "name": name, "steps": [{
            "key": "only", "kind": "action", "retry": {"max_attempts": attempts},
            "config": {"action_name": action, "parameters": parameters}}]})


# ---- the clients ----

SDKS = {  # as tests call them: name, what says which, how it is installed
    "ts61": ("npm 0.0.61", {"package.json": "package.61.json"}, NPM_INSTALL),
    "ts10": ("npm 0.1.0", {"package.json": "package.10.json"}, NPM_INSTALL),
    "py": ("PyPI 0.0.61", {"requirements.txt": "requirements.txt"}, PIP),
}
MODULE = "node_modules/@deepnoodle/mobius/dist/index.js"
NODE = "node with WebSocket"


@functools.cache
def find_node():
    for flags in ([], ["--experimental-websocket"]):
        probe = ["node", *flags, "-e", "new WebSocket('ws://[::1]:1').onerror=()=>0"]
        try:
            if subprocess.run(probe, capture_output=True, timeout=20).returncode == 0:
                return ["node", "--no-warnings", *flags]
        except (OSError, subprocess.TimeoutExpired):
            pass
    if NODE not in lacking:
        lacks(NODE, "there is none")
    return []


@functools.cache
def sdk(kind):
    """Its folder.  Installed by the first that asks: who says frames himself needs none."""
    name, files, command = SDKS[kind]
    return install(name, "mobius", {to: os.path.join(HERE, path)
                                    for to, path in files.items()}, command)


def program(kind, name):
    """How an SDK's worker or client is run; the test is skipped if that cannot be had."""
    folder = sdk(kind)
    need(SDKS[kind][0])
    if kind == "py":
        return [os.path.join(folder, "bin/python"), os.path.join(HERE, name + ".py")], None
    node = find_node()
    need(NODE)
    return [*node, os.path.join(HERE, name + ".mjs")], dict(
        os.environ, MOBIUS_SDK=os.path.join(folder, MODULE))


class Called(http.server.BaseHTTPRequestHandler):
    """What a project has of its own; what it hears is kept."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers), body))
        answer = json.dumps({"done": json.loads(body)["parameters"]}).encode()
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Process:
    """A client whose lines are read as they come."""

    def __init__(self, command, env=None):
        self.lines = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.PIPE, env=env)
        self.errors = []
        for stream, lines in ((self.process.stdout, self.lines),
                              (self.process.stderr, self.errors)):
            threading.Thread(target=self.read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def said(self, line, count=1):
        until(lambda: self.lines.count(line) >= count,
              lambda: f"{line!r} × {count} among {self.lines} {self.errors[-5:]}", 30)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


# ---- journeys ----

class Journeys(unittest.TestCase):
    settings = TIMES

    def setUp(self):
        self.engine = Engine(**self.settings)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.url = f"http://127.0.0.1:{self.engine.http_port}"

    def apply(self, action, attempts=1, **parameters):
        name, text = automation(action, attempts, **parameters)
        self.engine.apply(text)
        return name

    def raw(self, *arguments, **more):
        raw = Raw(self.engine, *arguments, **more)
        self.addCleanup(raw.close)
        return raw

    def process(self, command, env=None):
        process = Process(command, env)
        self.addCleanup(process.kill)
        return process

    def worker(self, kind, **options):
        options = dict({"url": self.url, "instance": kind + "-1"}, **options)
        if kind == "py":
            options.setdefault("key", self.engine.key)
        command, env = program(kind, "worker")
        return self.process([*command, json.dumps(options)], env)

    def call(self, method, path, body=None, **more):
        return self.engine.call(method, path, body, **more)

    def types(self, run):
        return [event["event_type"] for event in self.engine.events(run)]


class Sdk:
    """What each SDK's worker goes through."""

    def test_work_is_done_also_after_a_claim_without_work(self):
        self.worker(self.kind, concurrency=3)
        name = self.apply("print", message="hi")
        for _ in range(3):
            self.assertEqual(self.engine.start(name, wait=20)["output"], {"output": "hi"})
        time.sleep(7 * TIMES["heartbeat_ms"] / 1000)  # claims are answered with nothing
        runs = [self.engine.start(name)["id"] for _ in range(20)]
        for run in runs:
            self.assertEqual(self.engine.wait_final(run, 20)["status"], "completed")

    def test_failures_are_failures(self):
        self.worker(self.kind)
        run = self.engine.start(self.apply("fail", message="no"), wait=20)
        self.assertEqual(run["status"], "failed")
        self.assertIn("no", run["error"]["message"])

    def test_a_long_job_outlives_its_lease_by_heartbeats(self):
        worker = self.worker(self.kind)
        run = self.engine.start(self.apply("nap", ms=6000, name="long"), wait=20)
        self.assertEqual(run["status"], "completed")
        self.assertEqual(worker.lines.count("began long"), 1)

    def test_a_frozen_worker_is_fenced_and_another_one_does_the_job(self):
        frozen = self.worker(self.kind, instance="frozen")
        run = self.engine.start(self.apply("nap", 2, ms=1500, name="once"))
        frozen.said("began once")
        os.kill(frozen.process.pid, signal.SIGSTOP)
        other = self.worker(self.kind, instance="other")
        other.said("done once")
        self.assertEqual(self.engine.wait_final(run["id"])["status"], "completed")
        before = self.types(run["id"])
        os.kill(frozen.process.pid, signal.SIGCONT)
        until(lambda: {"done once", "aborted"} & set(frozen.lines), "it goes on", 30)
        time.sleep(0.5)  # its late report changes nothing
        self.assertEqual(self.types(run["id"]), before)
        self.assertEqual(before.count("action.completed"), 1)

    def test_a_cancelled_run_stops_its_job(self):
        worker = self.worker(self.kind)
        run = self.engine.start(self.apply("nap", 3, ms=60000, name="never"))
        worker.said("began never")
        self.call("POST", f"{P}/runs/{run['id']}/cancel", {"reason": "enough"})
        worker.said("aborted")
        self.assertEqual(self.engine.wait_final(run["id"])["status"], "cancelled")
        self.assertEqual(
            self.engine.start(self.apply("print", message="next"), wait=20)["status"],
            "completed")

    def test_a_worker_that_is_told_to_drain_finishes_and_leaves(self):
        worker = self.worker(self.kind)
        run = self.engine.start(self.apply("nap", ms=1500, name="last"))
        worker.said("began last")
        session = self.call("GET", P + "/worker-sessions")["items"][0]["id"]
        self.call("POST", f"{P}/worker-sessions/{session}/drain")
        self.engine.start(self.apply("print", message="not for it"))
        worker.said("returned")
        self.assertEqual(self.engine.wait_final(run["id"])["status"], "completed")

    def test_a_key_that_is_revoked_ends_the_worker(self):
        key = self.call("POST", "/capstan/v1/keys", {"name": "w", "scopes": ["work"]})
        options = {"key": key["key"]}
        if self.kind != "py":  # it sends no header: its key stands in the URL
            options["url"] = f"{self.url}/k/{key['key']}"
        worker = self.worker(self.kind, **options)
        self.engine.start(self.apply("print", message="x"), wait=20)
        self.call("DELETE", "/capstan/v1/keys/" + key["id"])
        worker.said("threw AuthRevokedError")

    def test_two_processes_of_one_name_conflict(self):
        first = self.worker(self.kind, instance="same")
        self.engine.start(self.apply("print", message="x"), wait=20)
        second = self.worker(self.kind, instance="same")
        second.said("threw WorkerInstanceConflictError")
        self.assertIsNone(first.process.poll())

    def test_a_restarted_process_may_have_its_name_again_at_once(self):
        first = self.worker(self.kind, instance="pod-1")
        name = self.apply("print", message="x")
        self.engine.start(name, wait=20)
        first.kill()
        self.worker(self.kind, instance="pod-1")
        self.assertEqual(self.engine.start(name, wait=20)["status"], "completed")

    def test_the_engine_is_killed_in_mid_job_and_comes_back(self):
        worker = self.worker(self.kind)
        name = self.apply("nap", 5, ms=1500, name="through")
        run = self.engine.start(name)
        worker.said("began through")
        self.engine.kill_all()
        self.engine.up()
        self.assertEqual(self.engine.wait_final(run["id"], 40)["status"], "completed")
        self.assertEqual(self.types(run["id"]).count("action.completed"), 1)
        self.assertEqual(self.engine.start(name, wait=30)["status"], "completed")

    def test_the_lease_actor_dies_in_mid_job_and_nothing_is_done_twice(self):
        worker = self.worker(self.kind)
        run = self.engine.start(self.apply("nap", ms=3000, name="steady"))
        worker.said("began steady")
        # A lease of which the scheduler has not heard when its actor dies is offered anew.
        until(lambda: self.engine.run(run["id"])["status"] == "running", "it has heard")
        old = self.engine.kill("lease.0")
        self.engine.wait_restarted("lease.0", old)
        self.assertEqual(self.engine.wait_final(run["id"])["status"], "completed")
        self.assertEqual(worker.lines.count("began steady"), 1)

    def test_the_engine_goes_down_politely_and_the_worker_waits_for_it(self):
        worker = self.worker(self.kind)
        name = self.apply("nap", ms=1000, name="polite")
        run = self.engine.start(name)
        worker.said("began polite")
        self.engine.down()
        self.engine.up()
        self.assertEqual(self.engine.wait_final(run["id"], 40)["status"], "completed")
        self.assertIsNone(worker.process.poll(), "it must not have left for good")
        self.assertEqual(self.engine.start(name, wait=30)["status"], "completed")


class Typescript61(Sdk, Journeys):
    kind = "ts61"


class Typescript10(Sdk, Journeys):
    kind = "ts10"


class Python(Sdk, Journeys):
    kind = "py"


class Api(Journeys):
    """Commands of the seeds, and the SDKs' clients."""

    def client(self, kind):
        options = json.dumps({"url": self.url, "key": self.engine.key, "loop": SEED})
        command, env = program(kind, "client")
        done = subprocess.run([*command, options], capture_output=True, text=True,
                              timeout=60, env=env)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return json.loads(done.stdout)

    def test_seed_000_by_the_typescript_sdk(self):
        self.worker("ts61")
        seen = self.client("ts61")
        self.assertEqual(seen["seen"], TRANSCRIPT)
        self.assertEqual(seen["last"]["status"], "completed")
        self.assertEqual(seen["loop"]["steps"][0]["id"], "print")
        self.assertEqual(seen["last"]["result"],
                         {"print": {"output": "Hello from Acme platform."}})
        self.assertEqual(seen["loops"], 1)

    def test_seed_000_by_the_python_sdk_which_checks_every_field(self):
        self.worker("py")
        seen = self.client("py")
        self.assertEqual(seen["seen"], TRANSCRIPT)
        self.assertEqual(seen["status"], "completed")
        self.assertEqual(seen["steps"], ["completed"])
        self.assertEqual(seen["invoked"], ["completed", {"output": "directly"}, 1])
        self.assertTrue(seen["key"].startswith("mbx_"))
        worker = self.worker("py", instance="by-key", key=seen["key"])
        self.engine.start("worker-smoke-test", wait=20)
        sessions = self.call("GET", P + "/worker-sessions")["items"]
        until(lambda: "by-key" in [s["worker_instance_id"] for s in
                                   self.call("GET", P + "/worker-sessions")["items"]],
              lambda: f"the new key works: {sessions} {worker.errors}")

    def test_seed_001_who_is_online_and_what_is_pending(self):
        self.worker("ts61", instance="online", concurrency=4)
        run = self.engine.start(self.apply("nap", ms=60000, name="held"))["id"]
        sessions = until(lambda: [s for s in self.call(
            "GET", P + "/worker-sessions")["items"] if s["current_jobs"]], "a job is held")
        self.assertEqual(sessions[0]["worker_instance_id"], "online")
        self.assertEqual(sessions[0]["current_jobs"][0]["run_id"], run)
        pending = self.call("GET", P + "/runs?status=suspended")["items"] \
            + self.call("GET", P + "/runs?status=running")["items"]
        self.assertIn(run, [item["id"] for item in pending])

    def test_seed_002_versions_publication_and_archive(self):
        spec = {"name": "Triage", "steps": [{"name": "say", "type": "action",
                "action": "print", "with": {"message": "{{ .inputs.issue.title }}"}}]}
        made = self.call("POST", P + "/automations",
                         {"handle": "triage-issues", "name": "Triage GitHub issues"})
        self.assertEqual((made["handle"], made["status"]), ("triage-issues", "draft"))
        base = P + "/automations/triage-issues"
        changed = self.call("PATCH", base, {"description": "of our repositories"})
        self.assertEqual((changed["description"], changed["status"]),
                         ("of our repositories", "draft"))
        version = self.call("POST", base + "/versions", {"spec": spec})
        self.assertEqual(version["status"], "draft")
        published = self.call("POST", f"{base}/versions/{version['version']}/publication")
        self.assertEqual(published["status"], "active")
        self.assertEqual(published["published_version"], version["version"])
        spec["steps"][0]["with"]["message"] = "again"
        second = self.call("POST", base + "/versions", {"spec": spec})
        self.assertEqual((second["version"], second["status"], second["spec"]),
                         (version["version"] + 1, "draft", spec))
        self.call("POST", f"{base}/versions/{second['version']}/publication")
        lines = self.call("GET", base + "/versions")["items"]
        self.assertEqual([line["status"] for line in lines[:2]],
                         ["published", "superseded"])
        self.worker("ts61")
        run = self.call("POST", base + "/runs",
                        {"inputs": {"issue": {"title": "broken"}}, "external_id": "i-1"})
        self.assertEqual(run["automation_version"], second["version"])
        self.engine.wait_final(run["id"])
        with self.assertRaises(Refused) as refused:
            self.call("POST", base + "/runs", {"external_id": "i-1"})
        self.assertEqual((refused.exception.status, refused.exception.code),
                         (409, "external_id_conflict"))
        runs = self.call("GET", f"{P}/runs?automation_id={made['id']}")["items"]
        self.assertEqual([item["id"] for item in runs], [run["id"]])
        self.call("DELETE", base)
        self.assertEqual(self.call("GET", base)["status"], "archived")
        with self.assertRaises(Refused) as refused:
            self.call("POST", base + "/runs", {})
        self.assertEqual(refused.exception.status, 409)

    def test_of_two_who_change_a_loop_at_once_none_undoes_the_others_change(self):
        loop = self.call("POST", P + "/loops", SEED)
        base, names = f"{P}/loops/{loop['id']}", ("description", "name")
        together = threading.Barrier(len(names), timeout=30)

        def change(name, value):
            together.wait()
            self.call("PATCH", base, {name: value})

        for i in range(8):
            threads = [threading.Thread(target=change, args=(name, f"{i}"))
                       for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            shown = self.call("GET", base)
            self.assertEqual([shown[name] for name in names], [f"{i}", f"{i}"])

    def test_loops_are_changed_paused_and_deleted(self):
        loop = self.call("POST", P + "/loops", dict(
            SEED, run_name={"template": "no. ${{ event.n }}"}))
        base = f"{P}/loops/{loop['id']}"
        changed = self.call("PATCH", base, {"description": "another"})
        self.assertEqual(changed["description"], "another")
        self.assertEqual(self.call("PATCH", base, {"status": "paused"})["status"], "paused")
        with self.assertRaises(Refused) as refused:
            self.call("POST", base + "/runs", {})
        self.assertEqual((refused.exception.status, refused.exception.code),
                         (409, "loop_paused"))
        self.call("PATCH", base, {"status": "active"})
        run = self.call("POST", base + "/runs", {"idempotency_key": "k", "event": {"n": 1}})
        self.assertEqual(run["loop_version"], 2)
        same = self.call("POST", base + "/runs", {"idempotency_key": "k", "event": {"n": 2}})
        self.assertEqual((same["id"], same["event"]), (run["id"], {"n": 1}))
        other = self.call("POST", P + "/loops", dict(SEED, name="x"))["id"]
        with self.assertRaises(Refused) as refused:
            self.call("POST", f"{P}/loops/{other}/runs", {"idempotency_key": "k"})
        self.assertEqual(refused.exception.code, "idempotency_key_conflict")
        gone = self.call("POST", f"{P}/runs/{run['id']}/cancel", {"reason": "x"})
        self.assertEqual((gone["id"], gone["event"], gone["name"]),
                         (run["id"], {"n": 1}, "no. 1"))
        with self.assertRaises(Refused) as refused:
            self.call("POST", base + "/runs", {"idempotency_key": "k"})
        self.assertEqual(refused.exception.code, "idempotency_key_conflict")
        self.call("DELETE", base)
        self.assertEqual(self.call("GET", base)["status"], "deleted")
        page = self.call("GET", P + "/loops?limit=1")  # the deleted one stands before it
        self.assertEqual(([item["name"] for item in page["items"]], page["has_more"]),
                         (["x"], False))
        again = self.call("POST", P + "/loops", SEED)
        self.assertEqual((again["id"], again["status"]), (loop["id"], "active"))
        self.assertEqual(self.call("POST", base + "/runs", {})["loop_version"], 3)
        for limit in (0, 101):
            self.refused(400, "GET", f"{P}/loops?limit={limit}")
        for more, result in (({}, {"a": {"n": 7}}),
                             ({"output": {"sum": "${{ steps.a.output.n }}"}}, {"sum": 7})):
            made = self.call("POST", P + "/loops", dict(more, name="y", steps=[
                {"key": "a", "kind": "set", "values": {"n": 7}}]))
            run = self.call("POST", f"{P}/loops/{made['id']}/runs")["id"]
            self.engine.wait_final(run)
            self.assertEqual(self.call("GET", f"{P}/runs/{run}")["result"], result)

    def test_a_webhook_starts_a_run_once(self):
        self.call("POST", P + "/loops", dict(SEED, triggers=[
            {"key": "paid", "kind": "http", "config": {"http_handle": "inv-paid"}}]))
        until(lambda: self.hook("inv-paid?idempotency_key=k1")[0] == 202, "the hook is known")
        status, first = self.hook("inv-paid?idempotency_key=k1", **{"Idempotency-Key": "k2"})
        self.assertEqual((status, first["deduped"]), (202, True))
        self.worker("ts61")
        found = until(lambda: self.call(
            "GET", f"{P}/runs?source_event_id={first['source_event_id']}")["items"], "a run")
        self.assertEqual(self.engine.wait_final(found[0]["id"])["status"], "completed")
        self.assertEqual(self.hook("nobody")[0], 404)

    def test_webhooks_go_out_signed_and_are_listed(self):
        heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard.append((self.headers, body))
                self.send_response(503 if len(heard) == 2 else 204)
                self.end_headers()

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        worker = self.engine.worker("--actions", "http.request,print",
                                    "--private-addresses", "yes")
        self.addCleanup(worker.wait)
        self.addCleanup(worker.terminate)
        hook = self.call("POST", P + "/webhooks", {
            "name": "ours", "url": f"http://127.0.0.1:{server.server_address[1]}/"})
        base = f"{P}/webhooks/{hook['id']}"
        self.assertTrue(self.call("POST", base + "/ping")["success"])
        hook.update(self.call("POST", base + "/secret/rotate"))
        loop = self.call("POST", P + "/loops", SEED)
        run = self.call("POST", f"{P}/loops/{loop['id']}/runs", {})["id"]
        records = until(lambda: [
            item for item in self.call("GET", base + "/deliveries")["items"]
            if item["status"] == "delivered" and item.get("run_id") == run], "delivered")
        self.assertEqual((records[0]["attempts"], records[0]["event_type"]),
                         (2, "run.completed"))
        key = base64.b64decode(hook["signing_secret"])
        for headers, body in heard[1:]:
            self.assertEqual(headers["X-Mobius-Delivery-Id"], records[0]["id"])
            self.assertEqual(headers["X-Mobius-Secret-Version"], "2")
            said = f"v1.{records[0]['id']}.{headers['X-Mobius-Timestamp']}.".encode() + body
            self.assertEqual(headers["X-Mobius-Signature"], "sha256="
                             + hmac.new(key, said, hashlib.sha256).hexdigest())
        self.call("DELETE", base)

    def hook(self, handle, **headers):
        request = urllib.request.Request(f"{self.url}/v1/triggers/http/{handle}",
                                         b'{"customer_id":"cus_123"}',
                                         {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def test_people_are_asked_and_answer(self):
        loop = self.call("POST", P + "/loops", {"name": "ask", "steps": [
            {"id": "ok", "kind": "interaction", "config": {
                "protocol": "request_approval", "prompt": "Apply the label?",
                "targets": ["usr_oncall"]}}]})
        runs = [self.call("POST", f"{P}/loops/{loop['id']}/runs", {})["id"] for _ in "ab"]

        def pending():
            items = self.call("GET", P + "/interactions?target_user_id=usr_oncall")["items"]
            return items if len(items) == 2 else None
        asked = {item["run_id"]: item for item in until(pending, "both ask")}
        for query, count in ((f"run_id={runs[0]}", 1), ("kind=request_review", 0),
                             ("kind=request_approval", 2),
                             (f"run_id={runs[1]}&limit=1", 1), ("session_id=x", 0)):
            items = self.call("GET", f"{P}/interactions?{query}")["items"]
            self.assertEqual(len(items), count, query)
        about = self.call("POST", P + "/interactions", {
            "target_user_ids": ["usr_oncall"], "kind": "request_review", "title": "?",
            "run_id": runs[0], "signal_name": "ok"})
        until(lambda: {item["id"] for item in self.call(
            "GET", f"{P}/interactions?run_id={runs[0]}")["items"]}
            == {about["id"], asked[runs[0]]["id"]}, "both are of the run")
        self.call("POST", f"{P}/interactions/{about['id']}/cancel", {})
        self.assertEqual(asked[runs[0]]["title"], "Apply the label?")
        base = f"{P}/interactions/{asked[runs[0]]['id']}"
        self.call("POST", base + "/respond",
                  {"action": "submit", "value": True, "comment": "Approved"})
        self.assertEqual(self.engine.wait_final(runs[0])["status"], "completed")
        done = until(lambda: self.call("GET", base).get("outcome") is not None
                     and self.call("GET", base), "the answer is shown")
        self.assertEqual((done["status"], done["responses"][0]["responder_user_id"]),
                         ("completed", "usr_oncall"))
        self.refused(409, "POST", base + "/respond", {"value": True})
        other = f"{P}/interactions/{asked[runs[1]]['id']}"
        self.refused(409, "DELETE", other)
        gone = self.call("POST", other + "/cancel", {"reason": "x"})
        self.assertEqual([gone[name] for name in ("status", "responses", "cancel_reason")],
                         ["cancelled", [], "x"])
        self.assertEqual(self.engine.wait_final(runs[1])["status"], "failed")
        for gone in (base, other):
            self.call("DELETE", gone)
            until(lambda: self.shown(gone) is None, "it is shown no more")
            self.refused(404, "DELETE", gone)
        self.assertIn("interaction.responded", self.types(runs[0]))
        self.engine.apply(json.dumps({"name": "flat", "steps": [
            {"name": "ok", "type": "interaction", "kind": "request_review",
             "title": "?", "target_user_ids": ["a"]},
            {"key": "next", "kind": "automation", "automation": "ask"}], "triggers": [
            {"kind": "http", "handle": "flat", "scheme": "github", "secret": "s"},
            {"kind": "event", "event_type": "a.b", "config": {"repos": ["c/d"]}},
            {"kind": "manual"}]}))
        shown = self.call("GET", P + "/loops/flat")
        self.assertEqual([step["config"] for step in shown["steps"]], [
            {"protocol": "request_review", "targets": ["a"]}, {"loop_id": "ask"}])
        self.assertEqual([trigger.get("config") for trigger in shown["triggers"]],
                         [{"http_handle": "flat"}, {"event_type": "a.b"}, None])

    def shown(self, path):
        try:
            return self.call("GET", path)
        except (Refused, OSError, http.client.HTTPException):
            return None

    def refused(self, status, *call):
        with self.assertRaises(Refused) as refused:
            self.call(*call)
        self.assertEqual(refused.exception.status, status, call)
        return refused.exception.code

    def invoke(self, action, idempotency_key="", **body):
        """What is answered, and with which status: two of them are good."""
        request = urllib.request.Request(
            f"{self.url}{P}/actions/{action}/invoke", json.dumps(body).encode(),
            {"Content-Type": "application/json",
             "Authorization": "Bearer " + self.engine.key})
        if idempotency_key:
            request.add_header("Idempotency-Key", idempotency_key)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())

    def test_an_action_is_invoked_directly(self):
        raw = self.raw()
        raw.register()
        answers = []

        def ask(action, **body):
            asking = threading.Thread(
                target=lambda: answers.append(self.invoke(action, **body)))
            asking.start()
            return asking, raw.claim_some()[0]
        asking, job = ask("crm.find", input={"name": "Ada", "deep": {"n": [1]}})
        self.assertEqual(job["action_name"], "crm.find")
        self.assertEqual(job["spec"]["parameters"], {"name": "Ada", "deep": {"n": [1]}})
        raw.report(job, result={"id": 7})
        asking.join(60)
        self.assertEqual(answers.pop(), (200, {
            "status": "completed", "job_id": job["id"], "run_id": job["run_id"],
            "output": {"id": 7}}))
        asking, job = ask("crm.find")
        self.assertEqual(job["spec"].get("parameters", {}), {})
        raw.report(job, "failed", error_type="Gone", error_message="no such person")
        asking.join(60)
        status, said = answers.pop()
        self.assertEqual((status, said["status"], said["error"]),
                         (200, "failed", "no such person"))
        status, active = self.invoke("crm.slow", timeout_seconds=1)
        self.assertEqual((status, active["status"]), (202, "active"))
        self.call("POST", f"{P}/runs/{active['run_id']}/cancel", {})
        self.engine.wait_final(active["run_id"])

        def items(query=""):
            return self.call("GET", P + "/action-invocations" + query)["items"]
        said = until(lambda: len(items()) == 3 and items(), lambda: f"three: {items()}")
        self.assertEqual([item["status"] for item in said], ["failed", "failed", "success"])
        self.assertEqual(said[1]["error_type"], "Gone")
        self.assertEqual([item["action_name"] for item in items("?action_name=crm.slow")],
                         ["crm.slow"])
        self.assertEqual(items("?action_name=crm.none"), [])
        self.assertEqual(self.call("GET", P + "/loops")["items"], [])
        for body in ({"dry_run": True}, {"timeout_seconds": 121}, {"input": [1]}):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.invoke("crm.find", **body)
            self.assertEqual(refused.exception.code, 400, body)
        later = self.apply("print", message="later")
        self.call("POST", "/capstan/v1/runs", {"automation": later, "idempotency_key": "k"})
        self.assertEqual(items("?limit=1"), said[:1])  # of all runs it is not the last
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.invoke("crm.find", idempotency_key="k", timeout_seconds=1)
        self.assertEqual(refused.exception.code, 409)

    def test_people_are_asked_without_a_run(self):
        asked = {"target_user_ids": ["usr_a", "usr_b"], "kind": "request_approval",
                 "title": "Ship {{ it }}?", "description": "See ${{ the }} diff.",
                 "spec": {"mode": "confirm", "default_confirmed": False},
                 "context": {"pull": 7}, "tags": {"team": "crm"},
                 "expires_at": "2100-01-01T00:00:00Z"}
        made = self.call("POST", P + "/interactions", asked)
        base = f"{P}/interactions/{made['id']}"
        self.assertEqual({name: made[name] for name in asked if name != "expires_at"},
                         {name: asked[name] for name in asked if name != "expires_at"})
        self.assertEqual((made["status"], made["consumer"], "run_id" in made),
                         ("pending", {"kind": "none"}, False))

        def shown(path=base):
            return self.shown(path)
        seen = until(shown, "it is shown")
        for moment in ("created_at", "updated_at", "expires_at"):
            self.assertEqual(seen.pop(moment)[:19], made.pop(moment)[:19])
        self.assertEqual(seen, made)
        with self.assertRaises(Refused) as refused:
            self.call("POST", base + "/review", {"action": "accept"})
        self.assertEqual(refused.exception.status, 409)
        done = self.call("POST", base + "/respond", {"value": False, "comment": "not yet"})
        done = until(lambda: shown()["status"] == "completed" and shown(),
                     lambda: f"a no is an answer: {done}")
        self.assertEqual((done["outcome"], done["responses"][0]["comment"]),
                         (False, "not yet"))

        both = self.call("POST", P + "/interactions", {
            "target_user_ids": ["usr_a", "usr_b"], "kind": "request_information",
            "title": "Why?", "resolution_policy": {"type": "all_of"}})
        self.assertEqual(both["resolution_policy"], {"type": "all_of"})
        self.call("POST", P + f"/interactions/{both['id']}/cancel", {"reason": "x"})
        past = self.call("POST", P + "/interactions", {
            "target_user_ids": ["usr_a"], "kind": "request_review", "title": "Late?",
            "expires_at": "2020-01-01T00:00:00Z"})
        for id, status in ((both["id"], "cancelled"), (past["id"], "expired")):
            until(lambda: (shown(f"{P}/interactions/{id}") or {}).get("status") == status,
                  lambda: f"{id} is {status}: {shown(f'{P}/interactions/{id}')}")

        for status, change in ((400, {"target_user_ids": []}), (400, {"title": ""}),
                               (400, {"expires_at": "soon"}), (501, {"kind": "assign_work"}),
                               (501, {"consumer": {"kind": "http_subscriber"}}),
                               (501, {"resolution_policy": {"type": "quorum"}})):
            with self.assertRaises(Refused) as refused:
                self.call("POST", P + "/interactions", dict(asked, **change))
            self.assertEqual(refused.exception.status, status, change)
            self.assertIn(next(iter(change)), str(refused.exception))

    def principal(self, name, *roles, **more):
        """A principal, and the text of a key of it."""
        made = self.call("POST", P + "/principals",
                         dict(more, name=name, role_ids=list(roles)))
        key = self.call("POST", P + "/api-keys",
                        {"name": name, "principal_id": made["id"]})
        return made["id"], key["key"]

    def may(self, key, *call, status=None):
        """With this key; or it is refused, with the status."""
        if status is None:
            return self.call(*call, key=key)
        with self.assertRaises(Refused) as refused:
            self.call(*call, key=key)
        self.assertEqual(refused.exception.status, status, call)
        return refused.exception.code

    def test_principals_are_listed_and_sent_away_with_their_keys(self):
        ci, first = self.principal("ci", "role_worker")
        second = self.call("POST", P + "/api-keys",
                           {"name": "more", "principal_id": ci})["key"]
        other, third = self.principal("ci", "role_viewer")
        alone = self.call("POST", "/capstan/v1/keys",
                          {"name": "alone", "scopes": ["read"]})
        mine = "svc_" + alone["id"][4:]

        def listed():
            return [item["id"] for item in self.call("GET", P + "/principals")["items"]]
        self.assertEqual({ci, other, mine} - set(listed()), set())
        shown = self.call("GET", f"{P}/principals/{mine}")
        self.assertEqual((shown["name"], shown["role_ids"]), ("alone", ["role_viewer"]))
        self.refused(409, "PATCH", f"{P}/principals/{mine}", {"state": "disabled"})
        self.assertEqual(self.raw(key=first).status, 101)
        for gone in (ci, mine):
            self.call("DELETE", f"{P}/principals/{gone}")
        self.assertEqual({ci, other, mine} & set(listed()), {other})
        for key in (first, second):
            until(lambda: self.raw(key=key).status == 401, "it may not come in")
        self.may(alone["key"], "GET", P + "/runs", status=401)
        self.may(third, "GET", P + "/runs")
        self.assertEqual(self.call("GET", f"{P}/principals/{ci}")["state"], "deleted")
        for gone in (ci, "svc_c_nobody", "nobody"):
            self.refused(404, "DELETE", f"{P}/principals/{gone}")
            self.refused(404, "PATCH", f"{P}/principals/{gone}", {"state": "active"})

    def test_a_principal_is_changed_and_its_keys_with_it(self):
        ci, key = self.principal("ci", "role_worker", description="builds",
                                 metadata={"repo": "a"}, tags={"team": "x"})
        path = f"{P}/principals/{ci}"
        worker = self.raw(key=key)
        worker.register()
        self.may(key, "GET", P + "/runs", status=403)
        changed = self.call("PATCH", path, {"state": "disabled", "owner_id": "usr_ann"})
        self.assertEqual(
            [changed[name] for name in ("state", "owner_id", "description", "metadata",
                                        "tags", "role_ids")],
            ["disabled", "usr_ann", "builds", {"repo": "a"}, {"team": "x"},
             ["role_worker"]])
        until(lambda: worker.hear(1) is None and worker.closed is not None,
              "the worker is sent away")
        self.assertEqual(self.raw(key=key).status, 401)
        changed = self.call("PATCH", path, {
            "state": "active", "role_ids": ["role_viewer", "role_worker"],
            "description": "", "tags": {}, "metadata": {"repo": "b"}})
        self.assertEqual(
            [changed.get(name) for name in ("state", "description", "metadata", "tags",
                                            "role_ids", "name")],
            ["active", None, {"repo": "b"}, None, ["role_viewer", "role_worker"], "ci"])
        for process in ("registry.0", "gateway.0"):
            self.engine.wait_restarted(process, self.engine.kill(process))
            until(lambda: self.shown(path), f"{process} is back")
        self.may(key, "GET", P + "/runs")
        self.assertEqual(self.raw(key=key).status, 101)
        self.call("PATCH", path, {"role_ids": []})
        self.may(key, "GET", P + "/runs", status=403)
        for wrong in ({"state": "asleep"}, {"role_ids": ["role_none"]}, {"metadata": 7},
                      {"description": ["x"]}):
            self.refused(400, "PATCH", path, wrong)

    def test_roles_of_a_project_say_what_keys_may_do(self):
        role = self.call("POST", P + "/roles", {
            "name": "Starter", "permissions": ["mobius.project.edit"],
            "tags": {"team": "x"}})
        self.assertEqual((role["system_defined"], role["permissions"], role["tags"]),
                         (False, ["mobius.project.edit"], {"team": "x"}))
        path = f"{P}/roles/{role['id']}"
        ci, key = self.principal("ci", role["id"])
        start = ("POST", P + "/interactions", {
            "target_user_ids": ["a"], "kind": "request_review", "title": "?"})
        self.may(key, *start)
        self.may(key, "GET", P + "/runs", status=403)
        changed = self.call("PATCH", path, {
            "permissions": ["mobius.project.view"], "description": "reads"})
        self.assertEqual((changed["name"], changed["description"], changed["tags"]),
                         ("Starter", "reads", {"team": "x"}))
        again = self.call("PATCH", path, {"permissions": None, "tags": None})
        self.assertEqual(again["permissions"], ["mobius.project.view"])
        self.may(key, "GET", P + "/runs")
        self.may(key, *start, status=403)

        made = self.call("POST", P + "/role-assignments",
                         {"principal_id": ci, "role_name": "Operator"})
        self.assertEqual((made["role_id"], made["role_name"], made["granted_by"]),
                         ("role_operator", "Operator", "development"))
        self.may(key, *start)

        def held(query):
            items = self.call("GET", P + "/role-assignments" + query)["items"]
            return [item["role_id"] for item in items if item["principal_id"] == ci]
        self.assertEqual(held("?principal_id=" + ci), [role["id"], "role_operator"])
        self.assertEqual(held("?role_id=" + role["id"]), [role["id"]])
        self.call("DELETE", f"{P}/role-assignments/{made['id']}")
        self.may(key, *start, status=403)
        kept = self.call("POST", P + "/api-keys", {
            "name": "kept", "principal_id": ci, "scope_role_id": "role_worker"})["key"]
        self.may(kept, "GET", P + "/runs", status=403)
        self.call("DELETE", path)
        self.may(key, "GET", P + "/runs", status=403)
        self.assertEqual(held(""), [])
        self.assertEqual(self.refused(409, "POST", P + "/api-keys", {
            "name": "x", "principal_id": ci}), "principal_has_no_roles")
        self.call("POST", P + "/api-keys", {
            "name": "x", "principal_id": ci, "allow_unassigned_principal": True})
        for status, *call in (
                (404, "PATCH", path, {"description": "x"}), (404, "DELETE", path),
                (404, "DELETE", f"{P}/role-assignments/{made['id']}"),
                (404, "DELETE", f"{P}/role-assignments/asg_x"),
                (409, "PATCH", P + "/roles/role_viewer", {"description": "x"}),
                (409, "DELETE", P + "/roles/role_owner"),
                (409, "POST", P + "/roles", {
                    "name": "Viewer", "permissions": ["mobius.project.view"]}),
                (400, "POST", P + "/roles", {
                    "name": "x", "permissions": ["mobius.all"]}),
                (400, "POST", P + "/roles", {"name": "x", "permissions": []}),
                (400, "POST", P + "/role-assignments", {"principal_id": ci}),
                (404, "POST", P + "/role-assignments",
                 {"principal_id": ci, "role_id": role["id"]}),
                (501, "POST", P + "/api-keys", {
                    "name": "x", "principal_id": ci, "expires_at": "2100-01-01"})):
            self.refused(status, *call)

    def own_server(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Called)
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"http://127.0.0.1:{server.server_address[1]}"

    def genuine(self, heard, secret, version):
        """Is the call signed with the secret, as the SDKs check it?"""
        _, headers, body = heard
        said = b".".join([b"v1", headers["X-Mobius-Delivery-Id"].encode(),
                          headers["X-Mobius-Timestamp"].encode(), body])
        mac = hmac.new(base64.b64decode(secret), said, hashlib.sha256).hexdigest()
        return (headers["X-Mobius-Signature"], headers["X-Mobius-Secret-Version"]) == (
            "sha256=" + mac, str(version))

    def test_an_own_action_is_called_at_its_url_and_signed(self):
        server, url = self.own_server()
        self.engine.worker("--actions", "http.request", "--private-addresses", "yes")
        until(lambda: self.engine.get("/workers")["items"], "the worker is there")
        made = self.call("POST", P + "/actions", {
            "name": "send-email", "title": "Send", "endpoint_url": url + "/send",
            "input_schema": {"type": "object"}, "annotations": {"idempotent": True},
            "tags": {"team": "crm"}})
        self.assertEqual(
            [made[name] for name in ("name", "title", "endpoint_kind", "endpoint_url",
                                     "invocation_format", "input_schema", "annotations",
                                     "tags")],
            ["send-email", "Send", "http", url + "/send", "legacy", {"type": "object"},
             {"idempotent": True}, {"team": "crm"}])
        self.assertEqual(len(base64.b64decode(made["signing_secret"])), 32)
        name, definition = automation("send-email", to="ann")
        self.engine.apply(definition)
        run = self.engine.start(name, wait=30)
        self.assertEqual((run["status"], run["output"]),
                         ("completed", {"done": {"to": "ann"}}))
        heard = server.heard.pop()
        self.assertEqual((heard[0], json.loads(heard[2])), ("/send", {
            "run_id": run["id"], "step_key": "only", "parameters": {"to": "ann"}}))
        self.assertTrue(self.genuine(heard, made["signing_secret"], 1))
        with tempfile.TemporaryDirectory() as folder:
            self.engine.tool("runs", "export", run["id"], "--output", folder + "/run")
            with open(folder + "/run", "rb") as exported:
                log = exported.read()
        self.assertIn(b"send-email", log)
        for hidden in (url.encode(), made["signing_secret"].encode(),
                       base64.b64decode(made["signing_secret"])):
            self.assertNotIn(hidden, log)

        path = P + "/actions/send-email"
        changed = self.call("PATCH", path, {"endpoint_url": url + "/other", "tags": {}})
        self.assertEqual((changed["endpoint_url"], changed["title"]),
                         (url + "/other", "Send"))
        self.assertNotIn("signing_secret", changed)
        self.assertEqual(self.invoke("send-email", input={})[0], 200)
        self.assertEqual(server.heard.pop()[0], "/other")
        rotated = self.call("POST", path + "/secret/rotate", {})
        for process in ("registry.0", "gateway.0"):
            self.engine.wait_restarted(process, self.engine.kill(process))
            until(lambda: self.shown(P), f"{process} is back")
        status, done = self.invoke("send-email", input={"to": "bob"})
        self.assertEqual((status, done["output"]), (200, {"done": {"to": "bob"}}))
        heard = server.heard.pop()
        self.assertEqual(heard[0], "/other")
        self.assertTrue(self.genuine(heard, rotated["signing_secret"], 2))
        self.assertFalse(self.genuine(heard, made["signing_secret"], 2))

        shown = self.call("GET", P + "/catalog/actions/send-email")
        self.assertEqual((shown["endpoint_kind"], shown["annotations"]),
                         ("http", {"idempotent": True}))
        self.call("POST", P + "/actions", {"name": "by-hand", "endpoint_kind": "worker"})
        listed = [item["name"] for item in
                  self.call("GET", P + "/catalog/actions")["items"]]
        self.assertEqual((listed.count("send-email"), listed.count("by-hand")), (1, 1))
        self.call("DELETE", path)
        self.assertNotIn("send-email", json.dumps(self.engine.get("/workers")))
        for status, *call in (
                (404, "DELETE", path), (404, "PATCH", path, {"title": "x"}),
                (404, "POST", path + "/secret/rotate", {}),
                (409, "POST", P + "/actions/by-hand/secret/rotate", {}),
                (409, "POST", P + "/actions", {"name": "by-hand", "endpoint_url": url}),
                (400, "POST", P + "/actions", {"name": "Send", "endpoint_url": url}),
                (400, "POST", P + "/actions", {"name": "mobius.x", "endpoint_url": url}),
                (400, "POST", P + "/actions", {"name": "send"}),
                (400, "POST", P + "/actions", {"name": "send", "endpoint_url": "ftp://x"}),
                (501, "POST", P + "/actions", {"name": "send", "endpoint_url": url,
                                               "invocation_format": "signed_context_v1"})):
            self.refused(status, *call)

    def test_a_project_is_renamed_deleted_and_brought_back(self):
        shown = self.call("PATCH", P, {"name": "Platform", "description": "ours",
                                       "external_ref": "crm-7", "tags": {"a": "b"}})
        names = ("name", "description", "external_ref", "tags", "access_mode", "handle")
        self.assertEqual([shown[name] for name in names], [
            "Platform", "ours", "crm-7", {"a": "b"}, "open", "platform"])
        self.call("PATCH", P, {"tags": {}, "external_ref": "crm-7"})
        self.assertEqual([self.call("GET", P).get(name) for name in names[:4]],
                         ["Platform", "ours", "crm-7", None])
        self.refused(409, "PATCH", P, {"external_ref": "crm-8"})
        self.refused(400, "PATCH", P, {"name": 7})
        self.refused(501, "PATCH", P, {"access_mode": "restricted"})

        loop = self.call("POST", P + "/loops", SEED)
        run = self.call("POST", f"{P}/loops/{loop['id']}/runs", {})["id"]
        until(lambda: self.shown(f"{P}/runs/{run}"), "the run is seen")
        self.refused(409, "DELETE", P)
        self.call("POST", f"{P}/runs/{run}/cancel", {})
        self.engine.wait_final(run)
        self.call("PATCH", f"{P}/loops/{loop['id']}", {"triggers": [
            {"key": "daily", "kind": "schedule", "config": {"cron": "0 9 * * *"}}]})
        self.refused(409, "DELETE", P)
        self.call("PATCH", f"{P}/loops/{loop['id']}", {"status": "paused"})
        ci, key = self.principal("ci", "role_owner")
        worker = self.raw()
        worker.register()
        self.call("DELETE", P)
        until(lambda: worker.hear(1) is None and worker.closed is not None,
              "the worker is sent away")
        self.assertEqual(self.raw(key=key).status, 404)
        for path in (P, P + "/runs", "/capstan/v1/runs"):
            self.refused(404, "GET", path)
        self.assertEqual(self.call("GET", "/v1/projects")["items"], [])
        for process in ("registry.0", "gateway.0"):
            self.engine.wait_restarted(process, self.engine.kill(process))
            until(lambda: self.shown("/v1/projects"), f"{process} is back")
            self.refused(404, "GET", P)
        back = self.call("POST", "/v1/projects", {"name": "Again", "handle": "platform"})
        self.assertEqual((back["name"], back["external_ref"]), ("Again", "crm-7"))
        self.may(key, "GET", f"{P}/runs/{run}")
        self.assertEqual(self.raw(key=key).status, 101)
        same = self.call("POST", "/v1/projects", {"name": "Again", "handle": "other"})
        self.assertEqual(same["id"], back["id"])

    def test_what_only_their_cloud_has_says_so(self):
        for path in ("/v1/organization/actions", P + "/agents", P + "/tables"):
            with self.assertRaises(Refused) as refused:
                self.call("GET", path)
            self.assertEqual((refused.exception.status, refused.exception.code),
                             (501, "not_implemented"))
        with self.assertRaises(Refused) as refused:
            self.call("GET", P + "/loops/loop_nothing")
        self.assertEqual((refused.exception.status, refused.exception.code),
                         (404, "not_found"))


class Frames(Journeys):
    """The habits of the Go client, and of nobody in particular."""

    def test_a_connection_is_lost_in_mid_job_and_the_result_comes_over_the_next(self):
        run = self.engine.start(self.apply("x", n=1))["id"]
        first = self.raw()
        first.register()
        job = first.claim_some()[0]
        first.close()
        second = self.raw()
        second.register(worker_session_token=first.token)
        self.assertNotIn("cancel", second.beat(job))
        id = second.report(job, result={"output": 1})
        self.assertFalse(second.wait("job.report.ack", message_id=id)["duplicate"])
        self.assertEqual(self.engine.wait_final(run)["output"], {"output": 1})
        self.assertEqual(self.types(run).count("action.called"), 1)

        # Whose jobs go on over the next has room for others, as soon as it names them.
        second.close()
        name = self.apply("x", n=1)
        for _ in range(3):
            self.engine.start(name)
        before = self.raw()
        before.register("go-2", slots=2)
        jobs = before.claim_some(2)
        jobs += [] if len(jobs) == 2 else before.claim_some(1)
        before.close()
        after = self.raw()
        after.register("go-2", worker_session_token=before.token)
        after.say("jobs.claim", available_slots=1)
        claimed = None
        while claimed is None:
            for job in jobs:
                after.say("job.heartbeat", job_id=job["id"],
                          lease_token=job["lease_token"])
            said = [after.hear(0.5) or {} for _ in range(3)]
            claimed = next((m for m in said if m.get("type") == "jobs.claimed"), None)
        self.assertEqual(len(claimed["jobs"]), 1)

    def test_every_report_is_acknowledged_under_its_own_message_id(self):
        self.engine.start(self.apply("x", n=1))
        raw = self.raw()
        raw.register()
        job = raw.claim_some()[0]
        ids = [raw.report(job, result={}) for _ in range(3)]
        for id in ids:
            self.assertEqual(
                raw.wait("job.report.ack", message_id=id)["job_id"], job["id"])
        id = raw.report(job, result={})
        raw.wait("job.report.ack", message_id=id)
        for token in (bytes(60), bytes(7)):
            forged = dict(job, lease_token=base64.b64encode(token).decode())
            id = raw.report(forged, result={})
            self.assertTrue(raw.wait("job.report.ack", message_id=id)["duplicate"])
        run = self.engine.start(self.apply("x", n=2))["id"]
        id = raw.report(raw.claim_some()[0], result={"text": "x" * (1 << 20)})
        raw.wait("job.report.ack", message_id=id)
        self.assertEqual(self.engine.wait_final(run)["error"]["type"], "OutputTooLarge")

    def test_a_job_of_which_nothing_is_heard_is_lost_though_its_socket_lives(self):
        run = self.engine.start(self.apply("x", 2, n=1))["id"]
        raw = self.raw()
        raw.register(slots=2)
        job = raw.claim_some(1)[0]
        again = raw.claim_some(1)[0]  # pings are answered meanwhile
        self.assertEqual((again["id"], again["claim_attempt"]), (job["id"], 2))
        answer = raw.beat(job)
        self.assertEqual(answer["cancel"]["job_id"], job["id"])
        id = raw.report(job, result={"late": True})
        self.assertTrue(raw.wait("job.report.ack", message_id=id)["duplicate"])
        id = raw.report(again, result={"late": False})
        raw.wait("job.report.ack", message_id=id)
        self.assertEqual(self.engine.wait_final(run)["output"], {"late": False})

    def test_nobody_gets_more_than_its_slots_and_surplus_goes_back(self):
        name = self.apply("x", n=1)
        for _ in range(5):
            self.engine.start(name)
        raw = self.raw()
        raw.register(slots=2)
        jobs = raw.claim_some(2)
        jobs += [] if len(jobs) == 2 else raw.claim_some(1)
        self.assertEqual(len(jobs), 2)
        row, = self.engine.get("/workers")["items"]
        self.assertEqual(row["busy"], 2)
        id = raw.report(jobs[0], "failed", error_type="WorkerOverCapacity",
                        error_message="full")
        raw.wait("job.report.ack", message_id=id)
        other = self.raw()
        other.register("go-2", slots=9)
        seen = []
        while len(seen) < 4:
            seen += other.claim_some(9 - len(seen))
        self.assertIn(jobs[0]["id"], [job["id"] for job in seen])
        self.assertEqual({job["claim_attempt"] for job in seen}, {1})

    def test_work_that_is_announced_and_not_claimed_goes_to_another(self):
        idle = self.raw()
        idle.register()
        self.assertEqual(idle.claim(), [])
        run = self.engine.start(self.apply("x", n=1))["id"]
        idle.wait("work.available")
        other = self.raw()
        other.register("go-2")
        job = other.claim_some()[0]
        id = other.report(job, result={})
        other.wait("job.report.ack", message_id=id)
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")

    def test_cancellation_is_pushed_and_told_with_the_next_heartbeat(self):
        run = self.engine.start(self.apply("x", n=1))["id"]
        raw = self.raw()
        raw.register()
        job = raw.claim_some()[0]
        self.call("POST", f"{P}/runs/{run}/cancellations", {"reason": "enough"})
        self.assertEqual(raw.wait("job.cancel")["job_id"], job["id"])
        answer = raw.beat(job)
        self.assertEqual((answer["job_id"], answer["cancel"]["job_id"]),
                         (job["id"], job["id"]))
        id = raw.report(job, "cancelled", error_type="Cancelled")
        raw.wait("job.report.ack", message_id=id)
        # One that was only announced is gone, and the next one is announced.
        gone = self.engine.start(self.apply("x", n=1))["id"]
        raw.wait("work.available")
        self.call("POST", f"{P}/runs/{gone}/cancel")
        self.engine.start(self.apply("x", n=1))
        raw.wait("work.available")

    def test_a_worker_that_drains_is_given_nothing(self):
        raw = self.raw()
        raw.register()
        raw.wait("worker.draining.ack", message_id=raw.say("worker.draining"))
        name = self.apply("x", n=1)
        self.engine.start(name)
        self.assertIsNone(raw.hear(1))

    def test_a_drain_is_said_again_to_who_comes_back(self):
        raw = self.raw()
        raw.register()
        session = self.call("GET", P + "/worker-sessions")["items"][0]["id"]
        self.call("POST", f"{P}/worker-sessions/{session}/drain")
        raw.wait("worker.drain")
        raw.close()
        again = self.raw()
        again.register(worker_session_token=raw.token)
        again.wait("worker.drain")

    def test_wrong_order_and_wrong_frames_cost_nobody_anything(self):
        raw = self.raw()
        id = raw.say("jobs.claim", available_slots=1)
        self.assertEqual(raw.wait("error", message_id=id)["error"]["code"],
                         "not_registered")
        raw.frame(1, b"{")
        self.assertEqual(raw.wait("error")["error"]["code"], "bad_request")
        raw.say("no.such.frame")
        raw.wait("keepalive", message_id=raw.say("keepalive"))
        raw.register()
        try:
            raw.frame(1, b"x" * (8 << 20))
        except OSError:
            pass  # it is closed before all of it is there
        until(lambda: raw.hear(1) is None and raw.closed, "a huge frame ends it")
        self.raw().register("go-2")

    def test_a_report_that_cannot_be_read_fails_its_job(self):
        run = self.engine.start(self.apply("x", n=1))["id"]
        raw = self.raw()
        raw.register()
        job = raw.claim_some()[0]
        id = raw.report(job, result={"output": float("nan")})
        self.assertFalse(raw.wait("job.report.ack", message_id=id)["duplicate"])
        error = self.engine.wait_final(run)["error"]
        self.assertEqual(error["type"], "OutputUnreadable")
        self.assertIn("not JSON", error["message"])
        id = raw.say("jobs.claim", available_slots=float("nan"))
        self.assertEqual(raw.wait("error", message_id=id)["error"]["code"],
                         "bad_request")

    def test_a_slow_reader_is_let_go_and_others_go_on(self):
        slow = self.raw()
        slow.register()
        slow.socket.settimeout(60)
        word = b"".join(self.masked(b'{"type":"keepalive","message_id":"%s"}'
                                    % (b"m" * 190)) for _ in range(200))
        with self.assertRaises(OSError):
            end = time.monotonic() + 60
            while time.monotonic() < end:  # what is answered is not read
                slow.socket.sendall(word)
        other = self.raw()
        other.register("go-2")

    @staticmethod
    def masked(payload):
        return bytes([0x81, 0x80 | 126]) + len(payload).to_bytes(2, "big") \
            + b"\0\0\0\0" + payload

    def test_a_peer_that_is_half_open_loses_its_name(self):
        gone = self.raw()
        gone.register("pod")
        # It is asked every 30 s whether it is there, and gone when it has not said so.
        until(lambda: self.try_register("pod"), "the name is free again", 100)

    def try_register(self, instance):
        raw = self.raw()
        raw.say("worker.register", worker_instance_id=instance)
        answer = raw.hear()
        return answer["type"] == "worker.registered"

    def test_who_may_come_in(self):
        self.assertEqual(self.raw(key="mbx_wrong").status, 401)
        self.assertEqual(self.raw("/v1/workers/socket").status, 101)
        self.assertEqual(self.raw(f"/k/{self.engine.key}/v1/workers/socket").status, 101)
        self.assertEqual(
            self.raw(headers=["Origin: http://evil.example"]).status, 401)
        self.assertEqual(self.raw(key=self.engine.key, headers=[
            "Origin: http://evil.example"]).status, 403)
        self.assertEqual(
            self.raw(key="mbx_" + self.engine.key[4:] + ".platform").status, 101)


class Guide(unittest.TestCase):
    def test_the_guide_has_a_row_for_each_journey(self):
        with open(os.path.join(HERE, "../../../docs/guides/from-mobius.md")) as guide:
            named = set(re.findall(r"`(test_\w+)`", guide.read()))
        journeys = {name for suite in (Sdk, Api, Frames) for name in dir(suite)
                    if name.startswith("test_")}
        self.assertEqual(journeys, named)


SUITES = ("Typescript61", "Typescript10", "Python", "Api", "Frames", "Guide")


def main():
    """Each suite in a process of its own: they mostly wait."""
    if len(sys.argv) > 1:
        unittest.main()
    for kind in SDKS:
        sdk(kind)
    find_node()
    running = [(name, subprocess.Popen(
        [sys.executable, "-W", "ignore", os.path.abspath(__file__), name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)) for name in SUITES]
    failed = 0
    for name, process in running:
        output = process.communicate()[0]
        failed += process.returncode != 0
        print(f"== {name}\n{output}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
