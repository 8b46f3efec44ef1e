#!/usr/bin/python3
"""Goal: http.request of the stock worker asks what it is told to, says what was
answered, fails so that the engine knows what to try again, and reaches nothing private.

Method: an engine, stock workers and a server that records what it hears; signatures are
checked with Python's hmac.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, until  # noqa: E402

KEY = bytes(range(32))
FLOW = """
name: ask
steps:
  - key: ask
    kind: action
    action: http.request
    with: "${{ inputs }}"
    retry: { max_attempts: 10, delay: 10ms, retry_on: [Unreachable, Unavailable] }
"""


class Heard(http.server.BaseHTTPRequestHandler):
    """Answers as its path says; what was heard is kept."""
    protocol_version = "HTTP/1.1"

    def answer(self):
        size = int(self.headers.get("Content-Length", 0))
        self.server.heard.append(
            (self.command, self.path, dict(self.headers), self.rfile.read(size)))
        status, kind, body = 200, "application/json", b'{"found":[1,2.5,null]}'
        if self.path == "/text":
            kind, body = "text/plain", "süß".encode()
        elif self.path == "/bytes":
            kind, body = "application/octet-stream", b"\xff\x00"
        elif self.path == "/large":
            body = b"x" * (600 * 1024)
        elif self.path == "/slow":
            time.sleep(3)
        elif self.path == "/busy" and len(self.server.heard) < 3:
            status = 503
        elif self.path == "/later" and len(self.server.heard) < 2:
            status = 429
        elif self.path == "/gone":
            status, body = 404, b"no such thing"
        elif self.path == "/away":
            status = 302
        self.send_response(status)
        if self.path == "/away":
            self.send_header("Location", "/text")
        if status == 429:
            self.send_header("Retry-After", "2")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


class HttpRequest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Heard)
        cls.server.handle_error = lambda *_: None
        cls.addClassCleanup(cls.server.server_close)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)
        cls.port = cls.server.server_address[1]
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.close)
        cls.engine.up()
        cls.engine.env.update({
            "CAPSTAN_SIGNING_KEY_hooks": base64.b64encode(KEY).decode(),
            "CAPSTAN_HEADER_crm": f"http://127.0.0.1:{cls.port} Bearer 5e5a3e",
            "CAPSTAN_HEADER_bare": "Bearer"})
        cls.engine.apply(FLOW)
        cls.engine.apply(FLOW.replace("name: ask", "name: guarded").replace(
            "kind: action", "kind: action\n    queue: guarded"))
        cls.engine.worker("--actions", "http.request", "--private-addresses", "yes")
        cls.engine.worker("--actions", "http.request", "--queues", "guarded")

    def setUp(self):
        self.server.heard = []

    def ask(self, path="/", automation="ask", **inputs):
        inputs.setdefault("url", f"http://127.0.0.1:{self.port}{path}")
        return self.engine.start(automation, inputs, wait=30)

    def fails(self, type, *arguments, **inputs):
        run = self.ask(*arguments, **inputs)
        self.assertEqual((run["status"], (run["error"] or {}).get("type")),
                         ("failed", type), run)
        return run["error"]["message"]

    def test_a_project_gives_a_url_a_name_that_steps_use(self):
        secret = self.engine.tool("actions", "create", "lookup",
                                  f"http://127.0.0.1:{self.port}/v1").stdout.strip()
        self.assertIn("lookup", self.engine.tool("actions", "list").stdout)
        self.engine.apply("name: own\nsteps:\n"
                          "  - { key: l, kind: action, action: lookup, with: { q: 1 } }\n")
        run = self.engine.start("own", wait=30)
        self.assertEqual(run["output"], {"found": [1, 2.5, None]}, run)
        method, path, headers, body = self.server.heard.pop()
        self.assertEqual((method, path, json.loads(body)), ("POST", "/v1", {
            "run_id": run["id"], "step_key": "l", "parameters": {"q": 1}}))
        said = b".".join([b"v1", headers["X-Mobius-Delivery-Id"].encode(),
                          headers["X-Mobius-Timestamp"].encode(), body])
        self.assertEqual(
            headers["X-Mobius-Signature"], "sha256=" + hmac.new(
                base64.b64decode(secret), said, hashlib.sha256).hexdigest())
        self.engine.tool("actions", "set", "lookup", f"http://127.0.0.1:{self.port}/gone")
        self.assertNotEqual(
            self.engine.tool("actions", "rotate", "lookup").stdout.strip(), secret)
        run = self.engine.start("own", wait=30)
        self.assertEqual(run["error"]["type"], "HttpStatus")
        self.assertEqual(self.server.heard.pop()[2]["X-Mobius-Secret-Version"], "2")
        self.engine.tool("actions", "delete", "lookup")
        self.assertEqual(self.engine.get("/actions")["items"], [])
        # The secret is nowhere but in the answer that made it.
        logs = [os.path.join(path, name)
                for path, _, names in os.walk(os.path.join(self.engine.data, "journal"))
                for name in names]
        self.assertTrue(logs)
        for path in logs:
            with open(path, "rb") as file:
                written = file.read()
            self.assertFalse(secret.rstrip("=").encode() in written, path)
            self.assertFalse(base64.b64decode(secret) in written, path)

    def test_it_asks_and_says_what_was_answered(self):
        run = self.ask("/?q=1", headers={"X-Who": "me", "Empty": ""})
        self.assertEqual(run["output"], {
            "status": 200, "content_type": "application/json",
            "body": {"found": [1, 2.5, None]}})
        method, path, headers, body = self.server.heard[0]
        self.assertEqual((method, path, headers["X-Who"], headers["Empty"], body),
                         ("GET", "/?q=1", "me", "", b""))
        self.assertEqual(self.ask("/text")["output"]["body"], "süß")
        self.assertEqual(self.ask("/bytes")["output"]["body_base64"], "/wA=")
        self.assertEqual(self.ask("/", method="HEAD")["output"]["body"], "")

    def test_a_body_is_sent_as_it_is_or_as_json(self):
        self.ask(body={"a": [1, None]})
        self.ask(body="a=1", method="PUT", headers={"content-type": "text/plain"})
        (method, _, headers, body), (put, _, plain, text) = self.server.heard
        self.assertEqual((method, headers["Content-Type"], json.loads(body)),
                         ("POST", "application/json", {"a": [1, None]}))
        self.assertEqual((put, plain["content-type"], text), ("PUT", "text/plain", b"a=1"))

    def test_a_signed_one_is_what_clients_of_mobius_check(self):
        body = json.dumps({"type": "run.completed", "data": {"id": "run_1"}})
        run = self.ask("/busy", body=body, sign={
            "secret": "hooks", "secret_version": "3", "event_type": "run.completed"})
        self.assertEqual(run["status"], "completed")
        self.assertEqual(len(self.server.heard), 3)
        deliveries = set()
        for _, _, headers, heard in self.server.heard:
            delivery, stamp = headers["X-Mobius-Delivery-Id"], headers["X-Mobius-Timestamp"]
            said = b".".join((b"v1", delivery.encode(), stamp.encode(), heard))
            self.assertEqual(headers["X-Mobius-Signature"],
                             "sha256=" + hmac.new(KEY, said, hashlib.sha256).hexdigest())
            self.assertLess(abs(int(stamp) - time.time()), 60)
            self.assertEqual([headers["X-Mobius-" + name] for name in (
                "Signature-Version", "Secret-Ref", "Secret-Version", "Event-Type")],
                ["v1", "hooks", "3", "run.completed"])
            self.assertEqual(headers["Idempotency-Key"], delivery)
            deliveries.add(delivery)
        self.assertEqual(len(deliveries), 1, "one delivery, however often it is tried")
        self.assertIn("CAPSTAN_SIGNING_KEY",
                      self.fails("InvalidInput", body=body, sign={"secret": "other"}))
        self.assertIn("no header can have", self.fails("InvalidInput", body=body, sign={
            "secret": "a\r\nX-B: c", "key": base64.b64encode(KEY).decode()}))

    def test_a_secret_header_is_in_no_log_and_goes_nowhere_else(self):
        headers = {"Authorization": "crm", "X-Two": "crm"}
        run = self.ask("/", secret_headers=headers, headers={"X-One": "1"})
        self.assertEqual(run["status"], "completed")
        heard = self.server.heard[0][2]
        self.assertEqual([heard.get(name) for name in ("Authorization", "X-Two", "X-One")],
                         ["Bearer 5e5a3e", "Bearer 5e5a3e", "1"])
        self.assertNotIn("5e5a3e", json.dumps([self.engine.run(run["id"]),
                                               self.engine.events(run["id"])]))
        for url in (f"http://localhost:{self.port}/", "http://127.0.0.1/", "127.0.0.1",
                    f"https://127.0.0.1:{self.port}/",
                    f"http://127.0.0.1:{self.port}@localhost:{self.port}/"):
            self.assertIn("`url` is not where", self.fails(
                "InvalidInput", url=url, secret_headers=headers))
        for name in ("other", "bare", "a=b"):
            self.assertIn("CAPSTAN_HEADER_NAME", self.fails(
                "InvalidInput", secret_headers={"Authorization": name}))
        self.assertIn("`secret_headers` is a map", self.fails(
            "InvalidInput", secret_headers=["crm"]))
        self.assertEqual(len(self.server.heard), 1)

    def test_what_is_wrong_is_tried_again_only_if_that_may_help(self):
        self.assertEqual(self.fails("HttpStatus", "/gone"),
                         "it was answered 404: no such thing")
        self.fails("HttpStatus", "/away")
        self.fails("TooLarge", "/large")
        self.assertEqual([path for _, path, _, _ in self.server.heard],
                         ["/gone", "/away", "/large"])
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
            run = self.ask(url=url)
        self.assertEqual(run["error"]["type"], "Unreachable")
        self.assertEqual(self.engine.run(run["id"])["steps"][0]["attempt"], 10)
        for inputs in ({"url": 7}, {"url": "file:///etc/passwd"}, {"method": "get"},
                       {"headers": {"a b": "c"}}, {"headers": {"a": "b\r\nc: d"}},
                       {"timeout": "1h"}, {"headers": [1]}):
            self.fails("InvalidInput", **inputs)

    def test_an_answer_may_put_the_next_attempt_off_as_far_as_the_step_lets_it(self):
        self.engine.apply(FLOW.replace("name: ask", "name: patient").replace(
            "delay: 10ms", "delay: 10ms, max_delay: 500ms"))
        for automation, waited_ms in (("patient", 500), ("ask", 2000)):
            self.server.heard = []
            run = self.ask("/later", automation)
            self.assertEqual(run["status"], "completed")
            retried = [event["payload"] for event in self.engine.events(run["id"])
                       if event["event_type"] == "step.retried"]
            self.assertEqual([payload["delay_ms"] for payload in retried], [waited_ms])

    def test_it_does_not_wait_for_ever_and_not_for_a_cancelled_run(self):
        began = time.monotonic()
        self.engine.apply(FLOW.replace("name: ask", "name: once")
                          .replace("max_attempts: 10", "max_attempts: 1"))
        self.fails("Unreachable", "/slow", "once", timeout="100ms")
        self.assertLess(time.monotonic() - began, 3)
        run = self.engine.start("once", {"url": f"http://127.0.0.1:{self.port}/slow"})
        until(lambda: len(self.server.heard) == 2, "it asks")
        self.engine.tool("runs", "cancel", run["id"])
        self.assertEqual(self.engine.wait_final(run["id"])["status"], "cancelled")

    def test_nothing_private_is_reached(self):
        for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]",
                     "2130706433"):
            message = self.fails("AddressRefused", automation="guarded",
                                 url=f"http://{host}:{self.port}/")
            self.assertIn("--private-addresses", message)
        self.assertEqual(self.server.heard, [])

    def test_it_is_not_there_unless_it_is_named(self):
        worker = self.engine.worker("--queues", "other")

        def actions():
            return [w["actions"] for w in self.engine.get("/workers")["items"]
                    if w["queues"] == ["other"]]
        until(actions, "it is there")
        self.assertNotIn("http.request", actions()[0])
        worker.terminate()


if __name__ == "__main__":
    unittest.main()
