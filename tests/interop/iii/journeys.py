#!/usr/bin/python3
"""Goal: unmodified clients of iii work with this engine: both generations of its Node
client and its Python client, alone and with each other.

Method: each client is a worker that does what it is told (worker.mjs, worker.py), with
the packages that package-lock.json and requirements.txt name; a real engine between them.
What a registry does not give is said, and skipped.
"""
import hashlib
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../support")]
from clients import INSTALL_S, NPM, PIP, install, lacking, need, those_there  # noqa: E402
from engine import Engine, until  # noqa: E402

DEADLINE = 30  # seconds; only a broken engine takes that long
CLIENTS = ("node 0.11.6", "node 0.22.1", "python 0.22.1")
HELLO = """
name: hello-{language}
steps:
  - {{key: greet, kind: action, action_name: "a-{language}::hello", parameters: {{name: Ada}}}}
"""
folders = {}
ADD = """
name: {name}
steps:
  - {{key: add, kind: action, action_name: "{action}", parameters: {{a: 1, b: 2}},
     retry: {{max_attempts: 3}}}}
"""


def setUpModule():
    files = {name: os.path.join(HERE, name)
             for name in ("package.json", "package-lock.json", "worker.mjs")}
    node = install("node", "iii", files, NPM)
    for kind in CLIENTS:
        folders[kind] = node
        if node is None and kind.startswith("node"):
            lacking[kind] = lacking["node"]
    folders["python 0.22.1"] = install("python 0.22.1", "iii", {
        name: os.path.join(HERE, name) for name in ("requirements.txt", "worker.py")}, PIP)


class Client:
    """A worker of some client in a process of its own."""
    numbers = itertools.count()

    def __init__(self, kind, engine, name="calc", otel=False):
        self.kind = kind
        language, version = kind.split()
        if language == "node":
            module = "iii-sdk-" + version.rsplit(".", 1)[0]
            command = ["node", "worker.mjs", module, name]
        else:
            command = ["bin/python", "worker.py", "-", name]
        env = dict(engine.env, WITH_OTEL="1" if otel else "0")
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, cwd=folders[kind], env=env, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log)
        self.lines, self.kept, self.other = queue.Queue(), [], []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                self.lines.put(json.loads(line[1:]))
            else:
                self.other.append(line)

    def tell(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return self

    def function(self, id, kind, **more):
        return self.tell("function", id=id, kind=kind, **more)

    def wait(self, fits):
        """The first line that fits; others are kept for later."""
        for line in self.kept:
            if fits(line):
                self.kept.remove(line)
                return line
        while True:
            try:
                line = self.lines.get(timeout=DEADLINE)
            except queue.Empty:
                raise AssertionError(f"no such line: {self.kept} {self.said()}")
            if fits(line):
                return line
            self.kept.append(line)

    def said(self):
        self.log.seek(0)
        return "".join(self.other) + self.log.read()

    def heard(self, function):
        return self.wait(lambda line: line.get("heard") == function)

    def ask(self, function, payload=None, **more):
        tag = f"call {next(self.numbers)}"
        self.tell("call", tag=tag, function_id=function,
                  payload={} if payload is None else payload, **more)
        return tag

    def answer(self, tag):
        return self.wait(lambda line: line.get("tag") == tag)

    def call(self, function, payload=None, **more):
        return self.answer(self.ask(function, payload, **more))

    def until_there(self, function):
        until(lambda: self.call(function, {"a": 0, "b": 0}).get("code") is None,
              lambda: f"{function} is there\n" + self.said(), DEADLINE)
        return self

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


def each(journey):
    """With each client by itself."""
    def run(self):
        for kind in those_there(CLIENTS):
            with self.subTest(kind):
                try:
                    journey(self, kind)
                finally:
                    self.leave()
    return run


def pairs(journey):
    """Each client calls the one after it."""
    def run(self):
        kinds = those_there(CLIENTS)
        for caller, owner in zip(kinds, kinds[1:] + kinds[:1]):
            with self.subTest(caller=caller, owner=owner):
                try:
                    journey(self, self.client(caller, name="caller"),
                            self.client(owner, name="owner"))
                finally:
                    self.leave()
    return run


class Journeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine(lease_ms=2000, heartbeat_ms=400)
        cls.engine.up()

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()

    def setUp(self):
        self.there = []

    def leave(self):
        while self.there:
            self.there.pop().close()

    def client(self, kind, **more):
        client = Client(kind, self.engine, **more)
        self.there.append(client)
        return client

    def expect_said(self, client, words):
        """Of a trigger that failed; the other clients pass over it."""
        if client.kind == "node 0.22.1":
            until(lambda: words in client.said(), client.said, DEADLINE)

    def run_of(self, name, action="math::add"):
        self.engine.apply(ADD.format(name=name, action=action))
        return self.engine.start(name)["id"]

    @pairs
    def test_01_functions_are_called_across_clients(self, caller, owner):
        owner.function("math::add", "add").function("no::result", "nothing")
        caller.until_there("math::add")
        answer = caller.call("math::add", {"a": 1, "b": 2})
        self.assertEqual(answer["result"], {"c": 3})
        self.assertTrue(caller.call("no::result")["missing"])

    @pairs
    def test_02_what_a_function_throws_reaches_its_caller(self, caller, owner):
        owner.function("math::add", "add").function("boom", "boom")
        caller.until_there("math::add")
        error = caller.call("boom")
        self.assertEqual(error["code"], "invocation_failed")
        self.assertIn("boom", error["message"])
        self.assertEqual(caller.call("nobody::has")["code"], "function_not_found")

    @pairs
    def test_03_void_calls_return_at_once(self, caller, owner):
        owner.function("math::add", "add").function("sink", "slow")
        caller.until_there("math::add")
        self.assertTrue(caller.call("sink", {"x": 1}, action="void")["missing"])
        self.assertEqual(owner.heard("sink")["data"]["x"], 1)

    @each
    def test_04_a_worker_calls_itself(self, kind):
        client = self.client(kind).function("math::add", "add")
        self.assertEqual(client.call("math::add", {"a": 2, "b": 2})["result"],
                         {"c": 4})

    @pairs
    def test_05_who_executes_dies(self, caller, owner):
        owner.function("slow", "slow").function("math::add", "add")
        caller.until_there("math::add")
        tag = caller.ask("slow")
        owner.heard("slow")
        owner.process.send_signal(signal.SIGKILL)
        self.assertEqual(caller.answer(tag)["code"], "invocation_stopped")

    @pairs
    def test_06_a_client_shuts_down(self, caller, owner):
        owner.function("math::add", "add")
        caller.until_there("math::add")
        owner.tell("shutdown").answer("shutdown")
        until(lambda: caller.call("math::add", {"a": 1, "b": 1}).get("code")
              == "function_not_found", "its functions are gone")

    @each
    def test_07_the_seed_page(self, kind):
        """engine::*::list and the two triggers, as its examples have them."""
        client = self.client(kind, name="seed", otel=True)
        client.function("discovery::on-workers", "nothing")
        client.function("discovery::on-functions", "nothing")
        client.function("math::add", "add")
        for type, function in (("engine::workers-available", "on-workers"),
                               ("engine::functions-available", "on-functions")):
            client.tell("trigger", id=type, type=type,
                        function_id="discovery::" + function)
        client.until_there("math::add")
        until(lambda: [row["name"] for row in client.call("engine::workers::list")
                       ["result"]["workers"]] == ["seed"], "it is described")
        for list, rows, id in (("functions", "functions", "function_id"),
                               ("triggers", "triggers", "id"),
                               ("trigger-types", "trigger_types", "id")):
            result = client.call(f"engine::{list}::list",
                                 {"include_internal": False})["result"]
            self.assertTrue(all(row[id] for row in result[rows]), list)
            self.assertTrue(result[rows], list)
        other = self.client(kind, name="other").function("late::one", "nothing")
        client.wait(lambda line: line.get("heard") == "discovery::on-workers"
                    and line["data"]["event"] == "worker_connected")
        client.wait(lambda line: line.get("heard") == "discovery::on-functions"
                    and "late::one" in [row["function_id"] for row in
                                        line["data"]["functions"]])
        other.close()
        client.wait(lambda line: line.get("heard") == "discovery::on-workers"
                    and line["data"]["event"] == "worker_disconnected")

    @pairs
    def test_08_the_engine_comes_back_and_so_do_they(self, caller, owner):
        owner.function("math::add", "add")
        caller.until_there("math::add")
        self.engine.wait_restarted("gateway.0", self.engine.kill("gateway.0"))

        def again():
            answer = caller.call("math::add", {"a": 1, "b": 2}, timeoutMs=1000)
            return answer.get("result") == {"c": 3}
        until(again, caller.said)

    @pairs
    def test_09_a_trigger_type_of_one_client_serves_another(self, consumer, provider):
        consumer.function("f", "nothing")
        consumer.tell("trigger", id="t", type="my-tt", function_id="f",
                      config={"x": 1})
        provider.tell("provide", id="my-tt")
        self.assertEqual(provider.wait(lambda line: line.get("bound") == "f")
                         ["config"], {"x": 1})
        consumer.tell("untrigger", id="t")
        if provider.kind != "node 0.11.6":  # which passes over that word
            provider.wait(lambda line: "unbound" in line)
        consumer.tell("trigger", id="u", type="my-tt", function_id="f",
                      config={"refuse": True})
        self.expect_said(consumer, "conflict")

    @each
    def test_10_a_function_is_an_action_of_an_automation(self, kind):
        self.client(kind).function("math::add", "add")
        document = self.engine.wait_final(self.run_of("action"))
        self.assertEqual((document["status"], document["output"]),
                         ("completed", {"c": 3}))

    @each
    def test_11_a_job_is_held_past_its_lease(self, kind):
        client = self.client(kind).function("long::one", "slow")
        run = self.run_of("long", "long::one")
        client.heard("long::one")
        begin = self.engine.run(run)
        threading.Event().wait(3)  # a lease and a half, in which it says nothing
        client.tell("finish", result={"done": True})
        document = self.engine.wait_final(run)
        self.assertEqual(document["output"], {"done": True})
        self.assertEqual(begin["id"], document["id"])
        self.assertFalse([line for line in client.kept if "heard" in line])

    @each
    def test_12_a_job_whose_worker_dies_is_done_by_another(self, kind):
        dies = self.client(kind).function("frail::one", "slow")
        run = self.run_of("frail", "frail::one")
        dies.heard("frail::one")
        dies.close()
        heir = self.client(kind).function("frail::one", "add")
        self.assertEqual(self.engine.wait_final(run)["output"], {"c": 3})
        heir.heard("frail::one")

    @each
    def test_13_a_function_starts_a_run(self, kind):
        client = self.client(kind).function("math::add", "add")
        self.engine.apply(ADD.format(name="started", action="math::add"))
        client.until_there("math::add")
        run = client.call("capstan::runs::start",
                          {"automation": "started"})["result"]["run"]
        self.assertEqual(self.engine.wait_final(run)["output"], {"c": 3})

    @each
    def test_14_what_is_not_served_says_so(self, kind):
        client = self.client(kind).function("f", "nothing")
        self.assertEqual(client.call("stream::get", {"stream_name": "s"})
                         ["code"], "function_not_found")
        client.tell("trigger", id="h", type="trace", function_id="f")
        self.expect_said(client, "does not provide")

    def ask(self, path, body=None, type="application/json"):
        """Status, headers and body of a request to a route, once there is one."""
        def answer():
            asked = urllib.request.Request(
                f"http://127.0.0.1:{self.engine.iii_http_port}{path}", body,
                {"Content-Type": type})
            try:
                with urllib.request.urlopen(asked, timeout=DEADLINE) as said:
                    return said.status, said.headers, said.read()
            except urllib.error.HTTPError as error:
                return None if error.code == 404 else (error.code, error.headers,
                                                       error.read())
        return until(answer, f"{path} is there")

    def route(self, client, path, kind, method="GET"):
        client.function("web::" + kind, kind)
        client.tell("trigger", id=path, type="http", function_id="web::" + kind,
                    config={"api_path": path, "http_method": method})

    @each
    def test_15_routes_are_served(self, kind):
        client = self.client(kind, name="web")
        self.route(client, "/page/:id", "page", "POST")
        self.route(client, "/stream", "stream")
        self.route(client, "/upload", "upload", "POST")
        self.route(client, "/boom", "boom")
        status, headers, body = self.ask("/page/7?x=1", b'{"a": [1]}')
        self.assertEqual((status, headers["X-From"], json.loads(body)),
                         (201, "web", {"id": "7", "q": {"x": "1"}, "body": {"a": [1]}}))
        status, headers, body = self.ask("/stream")
        self.assertEqual((status, headers["Content-Type"]), (202, "text/plain"))
        self.assertEqual(body, b"".join(b"%d" % i * 100000 for i in range(5)))
        body = self.ask("/upload", b"x" * 700000, "application/octet-stream")[2]
        self.assertEqual(json.loads(body), {"size": 700000})
        self.assertEqual(self.ask("/boom")[0], 500)
        client.function("other", "nothing")
        client.tell("trigger", id="same", type="http", function_id="other",
                    config={"api_path": "/page/:name", "http_method": "POST"})
        self.expect_said(client, "conflict")

    @pairs
    def test_16_a_channel_from_one_client_to_another(self, reader, writer):
        reader.function("receive", "receive")
        writer.function("send", "send")
        reader.function("math::add", "add")
        writer.until_there("math::add")
        both = writer.call("engine::channels::create", {"buffer_size": 4})["result"]
        received = reader.ask("receive", {"reader": both["reader"]})
        self.assertIsNone(writer.call("send", {"writer": both["writer"], "pieces": 100})
                          .get("code"))
        said = b"".join(bytes([i]) * 65536 for i in range(100))
        self.assertEqual(reader.answer(received)["result"], {
            "size": len(said), "sha": hashlib.sha256(said).hexdigest()})

    @each
    def test_17_functions_are_called_at_times(self, kind):
        client = self.client(kind).function("tick", "nothing")
        client.tell("trigger", id="t", type="cron", function_id="tick",
                    config={"expression": "* * * * * *"})
        times = [client.heard("tick")["data"] for _ in range(2)]
        self.assertEqual([time["trigger"] for time in times], ["cron", "cron"])
        self.assertLess(times[0]["scheduled_time"], times[1]["scheduled_time"])
        client.tell("trigger", id="u", type="cron", function_id="tick",
                    config={"expression": "often"})
        self.expect_said(client, "expected 6 fields")

    @pairs
    def test_18_a_topic_reaches_who_subscribes(self, publisher, subscriber):
        subscriber.function("sink", "nothing").function("math::add", "add")
        subscriber.tell("trigger", id="s", type="subscribe", function_id="sink",
                        config={"topic": "orders"})
        publisher.until_there("math::add")
        until(lambda: publisher.call("engine::triggers::info", {"id": "subscribe"})
              ["result"]["instance_count"] == 1, "it subscribes")
        self.assertTrue(publisher.call("publish", {"topic": "orders", "data": {"n": 7}})
                        ["missing"])
        self.assertEqual(subscriber.heard("sink")["data"]["n"], 7)

    @pairs
    def test_19_state_is_shared_and_survives_the_death_of_everything(self, writer, other):
        other.function("math::add", "add")
        writer.until_there("math::add")
        at = {"scope": "journey", "key": writer.kind + other.kind}
        answer = writer.call("state::set", {**at, "value": {"n": 1, "real": 1.5}})
        self.assertEqual(answer["result"], {"old_value": None,
                                            "new_value": {"n": 1, "real": 1.5}})
        answer = other.call("state::update", {**at, "ops": [
            {"type": "increment", "path": "n", "by": 2},
            {"type": "append", "path": ["list", "of"], "value": {"a": None}},
            {"type": "increment", "path": "real", "by": 1},
            {"type": "remove", "path": "no"}, {"type": "append", "path": "n", "value": 1}]})
        after = {"n": 3, "real": 2.5, "list": {"of": [{"a": None}]}}
        self.assertEqual(answer["result"]["new_value"], after)
        self.assertEqual([e["code"] for e in answer["result"]["errors"]],
                         ["append.type_mismatch"])
        self.engine.kill_all()
        self.engine.up()
        writer.until_there("math::add")
        self.assertEqual(writer.call("state::get", at)["result"], after)
        self.assertIn(after, writer.call("state::list", at)["result"])
        self.assertIn("journey", writer.call("state::list_groups")["result"]["groups"])
        self.assertEqual(other.call("state::delete", at)["result"], after)
        self.assertTrue(writer.call("state::get", at)["missing"])

    @pairs
    def test_20_who_listens_to_state_is_called(self, writer, listener):
        listener.function("on::state", "nothing")
        listener.function("math::add", "add")
        writer.until_there("math::add")
        listener.tell("trigger", id="s", type="state", function_id="on::state",
                      config={"scope": "heard"})

        def set_and_hear(key):
            writer.call("state::set", {"scope": "heard", "key": key, "value": [1]})
            writer.call("state::delete", {"scope": "heard", "key": key})
            return any(line.get("heard") == "on::state" for line in
                       listener.kept + list(listener.lines.queue))
        # The trigger may come after the first change.
        numbers = itertools.count()
        until(lambda: set_and_hear(f"k{next(numbers)}"), listener.said, DEADLINE)
        heard = [listener.heard("on::state")["data"] for _ in range(2)]
        told = sorted((data["event_type"], json.dumps(data["old_value"]),
                       json.dumps(data["new_value"])) for data in heard)
        self.assertEqual(told, [("state:created", "null", "[1]"),
                                ("state:deleted", "[1]", "null")])

    @pairs
    def test_24_what_is_enqueued_survives_the_death_of_everything(self, caller, owner):
        caller.function("idle", "nothing")
        caller.until_there("idle")
        function = "queued::" + caller.kind.replace(" ", "-")
        receipts = {caller.call(function, {"n": n}, action="enqueue")["result"]
                    ["messageReceiptId"] for n in range(10)}
        self.assertEqual(len(receipts), 10)
        self.engine.kill_all()
        owner.function(function, "nothing")
        self.engine.up()
        seen = set()
        while len(seen) < 10:
            seen.add(owner.heard(function)["data"]["n"])
        caller.until_there("idle")
        until(lambda: caller.call("engine::queue::topic_stats", {"queue": "q"})
              ["result"]["depth"] == 0, "all are done", DEADLINE)

    @pairs
    def test_25_a_dead_letter_is_redriven_and_another_discarded(self, caller, owner):
        caller.function("idle", "nothing")
        caller.until_there("idle")
        # A queue of their own: others have their letters elsewhere.
        function, queue = "frail::" + caller.kind.replace(" ", "-"), "frail"
        defined = caller.call("queue::define", {"queue": queue, "config": {
            "max_retries": 2, "backoff_ms": 1}})["result"]
        self.assertEqual(defined["queue"], queue)
        owner.function(function, "boom")
        for n in (1, 2):
            caller.call("engine::queue::enqueue", {
                "queue": queue, "function_id": function, "data": {"n": n}})

        def letters():
            return caller.call("engine::queue::dlq_messages", {"topic": queue})["result"]
        first, second = until(lambda: (found := letters()) and len(found) == 2 and found,
                              "both are dead", DEADLINE)
        self.assertEqual(first["retries"], 2)
        self.assertIn("boom", first["error"])
        answer = caller.call("iii::queue::discard_message", {
            "queue": queue, "message_id": first["id"]})["result"]
        self.assertEqual(answer["message_id"], first["id"])
        owner.process.kill()
        self.client(owner.kind).function(function, "nothing")
        self.assertEqual(caller.call("iii::queue::redrive", {"queue": queue})["result"],
                         {"queue": queue, "redriven": 1})
        until(lambda: caller.call("engine::queue::topic_stats", {"queue": queue})
              ["result"] | {"consumer_count": 1, "config": {}} == {
                  "depth": 0, "consumer_count": 1, "dlq_depth": 0, "config": {}},
              "nothing is left", DEADLINE)
        self.assertEqual(letters(), [])

    @pairs
    def test_26_a_subscriber_that_is_away_misses_nothing(self, publisher, subscriber):
        publisher.function("idle", "nothing")
        publisher.until_there("idle")
        function = "sub::" + publisher.kind.replace(" ", "-")
        topic = function.replace("::", ".")
        subscriber.function(function, "nothing")
        subscriber.tell("trigger", id="t", type="durable:subscriber",
                        function_id=function, config={"topic": topic})

        def publish(data):
            return publisher.call("iii::durable::publish", {"topic": topic, "data": data})
        # It is subscribed some time after it has said so.
        numbers = itertools.count()

        def reached():
            self.assertTrue(publish({"n": next(numbers)})["missing"])
            return any(line.get("heard") == function for line in
                       subscriber.kept + list(subscriber.lines.queue))
        until(reached, subscriber.said, DEADLINE)
        subscriber.process.kill()
        publish({"n": "away"})
        heir = self.client(subscriber.kind).function(function, "nothing")
        while heir.heard(function)["data"]["n"] != "away":
            pass

    def test_21_a_project_of_the_tool_installs_and_serves(self):
        need("node 0.11.6")
        for language in ("javascript", "typescript"):
            with self.subTest(language), tempfile.TemporaryDirectory() as folder:
                project = os.path.join(folder, "a-" + language)
                self.engine.tool("worker", "init", project, "--language", language)
                # Its installation takes what the registry takes.
                self.engine.tool("worker", "add", project, "--timeout", "1s", check=False)
                until(lambda: self.engine.tool("worker", "status", "a-" + language,
                                               check=False).returncode == 0,
                      lambda: self.engine.tool("worker", "logs", "a-" + language).stdout,
                      INSTALL_S)
                self.engine.apply(HELLO.format(language=language))
                run = self.engine.start("hello-" + language, wait=DEADLINE)
                self.assertEqual(run["output"], {"greeting": "Hello, Ada!"})
                log = self.engine.tool("worker", "logs", "a-" + language).stdout
                self.assertIn("greeting Ada", log)
                self.engine.tool("worker", "remove", "a-" + language)
                self.assertNotIn("killed", log)

    @each
    def test_27_a_job_goes_on_when_the_engine_begins_anew(self, kind):
        """Once answered while there is no engine, once when it is back."""
        client = self.client(kind).function("kept::one", "slow")
        for early in (True, False):
            run = self.run_of("kept", "kept::one")
            client.heard("kept::one")
            until(lambda: self.engine.run(run)["status"] == "running", "it is leased")
            self.engine.kill_all()
            if early:
                client.tell("finish", result={"early": early})
            self.engine.up()
            if not early:
                client.function("math::add", "add").until_there("math::add")
                threading.Event().wait(3)  # a lease and a half
                client.tell("finish", result={"early": early})
            document = self.engine.wait_final(run)
            self.assertEqual(document["output"], {"early": early})
            self.assertFalse([line for line in client.kept
                              if line.get("heard") == "kept::one"])


if __name__ == "__main__":
    unittest.main()
