#!/usr/bin/python3
"""Goal: what an HTTP client may rely on holds, whatever the actors do.

Method: the real gateway with its actors played by fake_engine.py, and clients that see
each byte. What strangers may not do is in 31_hostile_http.py.
"""
import base64
import concurrent.futures
import hashlib
import json
import os
import re
import signal
import socket
import stat
import struct
import sys
import time
import types
import unittest
import uuid

from fake_engine import Client, FakeEngine, SOURCE, id_text, read_source

sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402

API = "/capstan/v1"
RUNS = API + "/runs"
NOT_FOUND, BUSY, INTERNAL, UNAVAILABLE, OVERLOADED = 5, 13, 17, 15, 20
SUSPENDED = 3  # the same
WORK = 4  # as transport/messages.h numbers scopes
FIRST_WINDOW = 16  # questions that an actor is asked before its pace is known


def partition_of(run):
    """Of a run's text; see base/id.h."""
    number = 0
    for letter in run[4:]:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    return number >> 54 & 255


class Event:
    def __init__(self, text):
        lines = dict(line.split(": ", 1) for line in text.decode().split("\n"))
        self.id, self.type = int(lines["id"]), lines["event"]
        self.data = json.loads(lines["data"])


class Refusing(FakeEngine):
    """What it does not know is not there."""

    def __getattr__(self, name):
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda part, m: m.request and self.refuse(part, m, NOT_FOUND)

    def on_run_start(self, part, m):
        self.refuse(part, m, NOT_FOUND)


class Crowd(FakeEngine):
    """It has more sessions than it lists."""

    def on_worker_list(self, part, m):
        self.answer(part, m, {"items": [], "totals": {
            "sessions": 1500, "connected": 1200, "concurrency": 6000, "busy": 7}})


class Stream:
    """Server-sent events, comments left out."""

    def __init__(self, client):
        self.client, self.rest = client, b""

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            while b"\n\n" not in self.rest:
                piece = self.client.chunk()
                if not piece:
                    raise StopIteration
                self.rest += piece
            text, self.rest = self.rest.split(b"\n\n", 1)
            if not text.startswith(b":"):
                return Event(text)


class GatewayTest(unittest.TestCase):
    def start(self, **settings):
        engine = FakeEngine(**settings)
        self.addCleanup(engine.close)
        engine.start()
        self.key = engine.dev_key()
        return engine

    def client(self, engine, key=None):
        client = Client(engine, self.key if key is None else key)
        self.addCleanup(client.socket.close)
        return client

    def refused(self, answer, status, code):
        self.assertEqual((answer[0], answer[2]["error"]["code"]), (status, code), answer)
        return answer[2]["error"]

    def test_the_first_start_makes_a_development_key_and_later_ones_keep_it(self):
        engine = self.start()
        path = os.path.join(engine.folder, "gateway/dev.key")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertRegex(self.key, r"^cap_[0-9a-z]{26}_[0-9A-Za-z_-]{43}$")
        self.assertEqual(engine.kill(signal.SIGTERM), 0)
        engine.start()
        self.assertEqual(engine.dev_key(), self.key)
        self.assertEqual(self.client(engine).ask("GET", RUNS)[0], 200)

    def test_a_port_that_is_taken_is_said(self):
        engine = self.start()
        other = FakeEngine(http_port=engine.http)
        self.addCleanup(other.close)
        other.start()
        self.assertEqual(
            other.ready, f"failed http_port: {engine.http} on 127.0.0.1 is in use")
        self.assertEqual(other.kill(signal.SIGTERM), 1)
        self.assertEqual(other.read_log(), "")

    def test_callers_without_a_valid_key_all_get_the_same_answer(self):
        engine = self.start()
        unknown = "cap_" + "0" * 26 + self.key[30:]
        wrong = self.key[:-3] + ("AAA" if self.key[-3:] != "AAA" else "BBA")
        answers = []
        for key in ("", "nonsense", unknown, wrong, self.key + "A", self.key[:-1]):
            status, headers, body = self.client(engine, key).ask("GET", RUNS)
            headers.pop("date")
            answers.append((status, headers, body))
        self.assertEqual(answers[0][0], 401)
        self.assertEqual(answers[0][1]["www-authenticate"], "Bearer")
        self.assertEqual(answers, answers[:1] * len(answers))

    def test_a_key_does_what_its_scopes_allow_until_it_is_revoked(self):
        engine = self.start()
        admin = self.client(engine)
        status, _, made = admin.ask(
            "POST", API + "/keys", {"name": "reader", "scopes": ["read"]})
        self.assertEqual(status, 201)
        reader = self.client(engine, made["key"])
        self.assertEqual(reader.ask("GET", RUNS)[0], 200)
        answer = reader.ask("POST", RUNS, {"automation": "x"})
        self.refused(answer, 403, "forbidden")
        self.assertIn("scope start", answer[2]["error"]["message"])
        self.assertEqual(admin.ask("DELETE", API + "/keys/" + made["id"])[0], 200)
        reader = self.client(engine, made["key"])
        self.refused(reader.ask("GET", RUNS), 401, "unauthorized")
        for body in ({"name": "", "scopes": ["read"]}, {"name": "x", "scopes": []},
                     {"name": "x", "scopes": ["root"]}, {"scopes": ["read"]},
                     {"name": "x", "scopes": ["read"], "principle": "svc_x"}):
            answer = admin.ask("POST", API + "/keys", body)
            self.refused(answer, 422, "invalid")
        self.assertIn("no field 'principle'", answer[2]["error"]["message"])

    def test_nobody_reads_on_with_a_key_that_may_not_any_more(self):
        engine = self.start()
        admin = self.client(engine)
        run = admin.ask("POST", RUNS, {"automation": "x"})[2]["id"]
        started = engine.wait_for("run_start")
        for how in ("revoked", "kept to less"):
            key = admin.ask("POST", API + "/keys", {
                "name": "k", "scopes": ["read", "start"]})[2]
            reader, waiter = self.client(engine, key["key"]), self.client(
                engine, key["key"])
            reader.put("GET", f"{RUNS}/{run}/events", Accept="text/event-stream")
            self.assertEqual(reader.head()[0], 200)
            events = Stream(reader)
            seen = len(engine.runs[started.run]["events"])
            self.assertEqual([next(events).id for _ in range(seen)][-1], seen)
            since = len(engine.heard)
            waiter.put("POST", RUNS + "?wait=30s", {"automation": "x"})
            waited = engine.wait_for("run_start", since=since)
            id, = [id for id in engine.keys if id_text("cap_", id) == key["id"]]
            values = engine.keys[id][1]
            if how == "revoked":
                values = {**values, "revoked": 1}
            else:
                values = {**values, "scopes": WORK}
            engine.do(lambda id=id, values=values: engine.put(
                ("registry", 0), "key_offered", {"key": id, **values}, started.project))
            engine.do(lambda: engine.grow(started.run, "secret"))
            self.assertEqual([event.type for event in events], [], how)
            engine.do(lambda waited=waited: engine.finish(waited.run))
            why = (401, "unauthorized") if how == "revoked" else (403, "forbidden")
            self.refused(waiter.answer(), *why)

    def test_a_hook_that_was_taken_takes_its_turn_with_its_project(self):
        class Taking(FakeEngine):
            def on_hook_call(self, part, m):
                if m.handle == "mine":
                    self.put(part, "document", {"request": m.request, "document": {}},
                             b"p" * 16)
                else:
                    self.refuse(part, m, 5)
        engine = Taking()
        self.addCleanup(engine.close)
        engine.start()
        stranger = Client(engine)
        self.addCleanup(stranger.socket.close)
        for handle in ("mine", "never", "mine", "never"):
            stranger.ask("POST", f"{API}/hooks/{handle}")
        calls = [m for m in engine.heard if m.name == "hook_call"]
        self.assertEqual([(m.handle, m.project.strip(b"\0")) for m in calls], [
            ("mine", b""), ("never", b""), ("mine", b"p" * 16), ("never", b"")])

    def test_every_route_asks_for_its_scope(self):
        engine = Refusing(request_ms=100)
        self.addCleanup(engine.close)
        engine.start()
        self.key = engine.dev_key()
        admin, keys = self.client(engine), {"": ""}
        for scope in ("read", "start", "work", "admin"):
            made = admin.ask("POST", API + "/keys", {"name": scope, "scopes": [scope]})
            keys[scope] = made[2]["key"]
        routes = [route for dialect in ("native", "mobius", "workflow_graph")
                  for route in re.findall(
                      r'^ROUTE\((\w+), +"([^"]+)",.*?(?:SCOPE_(\w+)|\b0),', read_source(
                          f"gateway/{dialect}/routes.def"), re.M)]
        self.assertGreater(len(routes), 200)
        wrong = []
        for method, path, scope in routes:
            path = re.sub(r"{\w+}", "x", path)
            for name, key in keys.items():
                with Client(engine, key) as client:  # some answers have no end
                    client.put(method, path)
                    status = client.head()[0]
                expected = (401 if not name else 403 if name != scope.lower() else None
                            ) if scope else None
                if (status in (401, 403)) if expected is None else status != expected:
                    wrong.append((method, path, scope, name, status))
            # Who may only read changes nothing.
            if method != "GET" and scope == "READ":
                wrong.append((method, path, scope))
        self.assertEqual(wrong, [])

    def test_a_wrong_method_is_told_the_right_ones(self):
        client = self.client(self.start())
        for method in ("DELETE", "PUT", "OPTIONS", "TRACE", "NONSENSE"):
            status, headers, _ = client.ask(method, RUNS)
            self.assertEqual((status, headers["allow"]), (405, "GET, POST"))
        self.refused(client.ask("GET", API), 404, "not_found")
        status, headers, body = client.ask("HEAD", RUNS)
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["content-length"]), 0)

    def test_queries_are_checked(self):
        client = self.client(self.start())
        for query in ("limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "wrong=1",
                      "limit=1&limit=2", "status=done", "status=%00", "cursor=%ff",
                      "status=", "automation="):
            answer = client.ask("GET", RUNS + "?" + query)
            self.refused(answer, 400, "malformed")
        for path in ("/interactions?target=", "/interactions?status=", "/events?type="):
            self.refused(client.ask("GET", API + path), 400, "malformed")
        asked = client.ask(
            "GET", RUNS + "?status=open&automation=a%20b&limit=7&cursor=c+d")[2]["asked"]
        self.assertEqual(asked, ["a b", "open", 7, "c d"])

    def test_the_text_of_an_automation_is_taken_in_its_media_types(self):
        client = self.client(self.start())
        text = "name: x\n# \u00e9\n".encode()
        for media in ("application/yaml", "text/yaml", "text/plain; charset=utf-8",
                      "application/json"):
            status, _, body = client.ask(
                "POST", API + "/automations", text, Content_Type=media)
            self.assertEqual((status, body["definition"]), (201, text.decode()))
        answer = client.ask("POST", API + "/automations", text, Content_Type="image/png")
        self.refused(answer, 415, "media_type")
        client = self.client(self.start(automation_max=1024))
        answer = client.ask(
            "POST", API + "/automations", b"a" * 1025, Content_Type="text/plain")
        self.refused(answer, 413, "too_large")

    def test_a_run_starts_where_its_idempotency_key_says(self):
        engine = self.start(schedulers=3)
        client = self.client(engine)
        fresh = {partition_of(client.ask("POST", RUNS, {"automation": "x"})[2]["id"])
                 for _ in range(6)}
        self.assertEqual(fresh, {0, 1, 2})
        seen = {}
        for key in ("a", "b", "c", "d", "e", "f"):
            body = {"automation": "x", "idempotency_key": key}
            status, _, first = client.ask("POST", RUNS, body)
            self.assertEqual(status, 201)
            status, _, again = client.ask(
                "POST", RUNS, {"automation": "x"}, Idempotency_Key=key)
            self.assertEqual((status, again["id"]), (200, first["id"]))
            seen[key] = partition_of(first["id"])
        self.assertGreater(len(set(seen.values())), 1)
        answer = client.ask("POST", RUNS, {"automation": "x", "idempotency_key": "a"},
                            Idempotency_Key="b")
        self.refused(answer, 422, "invalid")
        self.assertEqual(engine.kill(signal.SIGTERM), 0)
        engine.start()
        for key, partition in seen.items():
            run = self.client(engine).ask(
                "POST", RUNS, {"automation": "x", "idempotency_key": key})[2]["id"]
            self.assertEqual(partition_of(run), partition)

    def test_a_start_says_what_is_wrong_with_it(self):
        client = self.client(self.start(payload_max=1024))
        deep = b'{"automation":"x","inputs":' + b"[" * 40 + b"]" * 40 + b"}"
        for body, code in (
                (b"{", "malformed"), (b"", "malformed"), (b"[]", "malformed"),
                (b'{"automation":"x"} x', "malformed"), (b'{"a":1,"a":2}', "malformed"),
                (b'{"automation":"\xff"}', "malformed"), (deep, "malformed"),
                (b'{"automation":"x","inputs":{"a":1e999}}', "malformed"),
                (b"{}", "invalid"), (b'{"automation":7}', "invalid"),
                (b'{"automation":"x","inputs":[]}', "invalid"),
                (b'{"automation":"x","input":{}}', "invalid"),
                (b'{"automation":"unknown"}', "not_found"),
                (b'{"automation":"x","inputs":{"a":"' + b"a" * 1024 + b'"}}', "too_large")):
            status, _, answer = client.ask(
                "POST", RUNS, body, Content_Type="application/json")
            self.assertEqual(answer["error"]["code"], code, (body[:60], answer))
            self.assertGreaterEqual(status, 400)
        _, _, answer = client.ask(
            "POST", RUNS, b'{\n "automation": x}', Content_Type="application/json")
        self.assertEqual(answer["error"]["details"][0]["line"], 2)

    def test_values_go_through_unchanged(self):
        client = self.client(self.start())
        inputs = {"text": "\u00e9\U0001f600\"\\\n\u0000\u007f", "whole": 2**63 - 1,
                  "negative": -2**63, "real": 0.1, "tiny": 5e-324, "one": 1.0,
                  "none": None, "list": [True, False, {}, []], "": {"a": {"b": 1}}}
        body = client.ask(
            "POST", RUNS + "?wait=20s", {"automation": "quick", "inputs": inputs})[2]
        self.assertEqual(body["output"], inputs)
        self.assertIs(type(body["output"]["one"]), float)

    def test_wait_answers_when_the_run_is_finished(self):
        engine = self.start()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(self.client(engine).ask, "POST", RUNS + "?wait=20s",
                                  {"automation": "slow"})
            run = engine.wait_for("run_start").run
            time.sleep(0.2)
            self.assertFalse(waiting.done())
            engine.do(lambda: engine.finish(run))
            status, _, body = waiting.result(10)
        self.assertEqual((status, body["status"]), (201, "completed"))

    def test_wait_answers_when_the_time_is_over_and_without_the_hint(self):
        engine = self.start()
        client, begin = self.client(engine), time.monotonic()
        status, _, body = client.ask(
            "POST", RUNS + "?wait=300ms", {"automation": "slow"})
        self.assertEqual((status, body["status"]), (201, "suspended"))
        self.assertLess(0.3, time.monotonic() - begin)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(
                client.ask, "POST", RUNS + "?wait=60", {"automation": "slow"})
            run = engine.wait_for("run_start", 2).run
            engine.do(lambda: engine.finish(run, hint=False))
            self.assertEqual(waiting.result(20)[2]["status"], "completed")
        for wait in ("", "x", "30h", "11m", "-1s", "1.5s"):
            answer = client.ask("POST", RUNS + "?wait=" + wait, {"automation": "slow"})
            self.refused(answer, 400, "malformed")

    def test_wait_shows_the_run_though_it_cannot_be_looked_at(self):
        """It began: who were told that nothing was done would start another."""
        engine = self.start(request_ms=300)
        client, looks = self.client(engine), []
        for err in (None, NOT_FOUND, OVERLOADED, UNAVAILABLE):
            def on_run_get(part, m, err=err):
                looks.append(err)
                return err and engine.refuse(part, m, err)
            engine.on_run_get = on_run_get
            status, _, body = client.ask(
                "POST", RUNS + "?wait=200ms", {"automation": "slow"})
            self.assertEqual((status, body.get("status")), (201, "suspended"), err)
        self.assertEqual(looks, [None, NOT_FOUND, OVERLOADED, UNAVAILABLE])

    def test_where_no_field_is_read_none_is_taken(self):
        client = self.client(self.start())
        for path in ("/automations/x/versions/1/publish", "/webhooks/x/secret/rotate",
                     "/actions/x/secret", "/project/restore"):
            error = self.refused(client.ask("POST", API + path, {"secret": "mine"}),
                                 422, "invalid")
            self.assertIn("'secret'", error["message"], path)

    def test_a_run_can_be_cancelled_with_and_without_a_body(self):
        engine = self.start()
        client = self.client(engine)
        run = client.ask("POST", RUNS, {"automation": "x"})[2]["id"]
        path = f"{RUNS}/{run}/cancel"
        self.assertEqual(client.ask("POST", path)[2]["status"], "cancelled")
        client.ask("POST", path, {"reason": "enough"})
        self.assertEqual(engine.wait_for("run_cancel", 2).reason, "enough")
        other = id_text("run_", b"\xff" * 16)
        for path in (other, "run_x", "aut_" + "0" * 26):
            answer = client.ask("POST", f"{RUNS}/{path}/cancel")
            self.refused(answer, 404, "not_found")
        other = id_text("iact_", b"\xff" * 16)
        for path in (API, "/v1/projects/default"):
            answer = client.ask("DELETE", f"{path}/interactions/{other}")
            self.refused(answer, 404, "not_found")

    def test_a_stream_shows_the_log_as_it_grows_and_ends_with_the_run(self):
        engine = self.start()
        client = self.client(engine)
        run = client.ask("POST", RUNS, {"automation": "slow"})[2]["id"]
        key = engine.wait_for("run_start").run
        path = f"{RUNS}/{run}/events"
        client.put("GET", path, Accept="text/event-stream")
        status, headers = client.head()
        self.assertEqual((status, headers["content-type"]), (200, "text/event-stream"))
        events = Stream(client)
        first = next(events)
        self.assertEqual((first.id, first.type), (1, "run.started"))
        self.assertEqual(first.data["sequence"], 1)
        for i in range(350):
            engine.do(lambda i=i: engine.grow(key, f"step.{i}", hint=i == 349))
        found = [next(events) for _ in range(350)]
        self.assertEqual([event.id for event in found], list(range(2, 352)))
        engine.do(lambda: engine.finish(key))
        self.assertEqual([event.type for event in events], ["run.completed"])
        client.put("GET", path + "?after=3", Accept="text/event-stream", Last_Event_ID="350")
        self.assertEqual(client.head()[0], 200)
        self.assertEqual([event.id for event in Stream(client)], [351, 352])
        page = client.ask("GET", path + "?after=350&limit=1")[2]
        self.assertEqual([item["sequence"] for item in page["items"]], [351])
        missing = f"{RUNS}/{id_text('run_', bytes(16))}/events"
        answer = client.ask("GET", missing, Accept="text/event-stream")
        self.refused(answer, 404, "not_found")

    def test_a_page_that_is_refused_is_asked_for_again_soon(self):
        engine = self.start()
        client = self.client(engine)
        run = client.ask("POST", RUNS, {"automation": "slow"})[2]["id"]
        key = engine.wait_for("run_start").run
        engine.do(lambda: engine.runs[key]["events"].extend(["x"] * 150))
        pages, page = [], engine.on_event_list

        def refuse_the_second(part, m):
            pages.append(m)
            return engine.refuse(part, m, BUSY) if len(pages) == 2 else page(part, m)
        engine.on_event_list = refuse_the_second
        begun = time.monotonic()
        client.put("GET", f"{RUNS}/{run}/events", Accept="text/event-stream")
        client.head()
        events = Stream(client)
        self.assertEqual([next(events).id for _ in range(151)], list(range(1, 152)))
        self.assertLess(time.monotonic() - begun, 5)

    def test_the_stream_of_a_run_that_is_removed_ends(self):
        engine = self.start()
        for events in (0, 150):  # it waits for more; there is more to be read
            client = self.client(engine)
            run = client.ask("POST", RUNS, {"automation": "slow"})[2]["id"]
            key = [m for m in engine.heard if m.name == "run_start"][-1].run
            engine.do(lambda: engine.runs[key]["events"].extend(["x"] * events))
            pages, page = [], engine.on_event_list

            def remove_then(part, m):
                pages.append(m)
                return page(part, m) if len(pages) == 1 else engine.refuse(
                    part, m, NOT_FOUND)
            engine.on_event_list = remove_then
            client.put("GET", f"{RUNS}/{run}/events", Accept="text/event-stream")
            client.head()
            stream = Stream(client)
            next(stream)
            engine.say("scheduler", "run_changed", run=key, sequence=200,
                       status=SUSPENDED)
            self.assertEqual(len(list(stream)), min(events, 99))
            self.assertEqual(len(pages), 2)
            engine.on_event_list = page

    def test_a_slow_or_absent_reader_of_a_stream_costs_nothing_but_a_page(self):
        engine = self.start()
        client = self.client(engine)
        run = client.ask("POST", RUNS, {"automation": "slow"})[2]["id"]
        key = engine.wait_for("run_start").run
        engine.do(lambda: engine.runs[key]["events"].extend(["x" * 1000] * 20000))
        client.put("GET", f"{RUNS}/{run}/events", Accept="text/event-stream")
        client.head()
        asked = -1
        while asked != len(engine.heard):  # until the socket is full and nobody asks
            asked = len(engine.heard)
            time.sleep(0.3)
        pages = sum(m.name == "event_list" for m in engine.heard)
        self.assertLess(pages, 150)
        client.socket.close()
        self.assertEqual(self.client(engine).ask("GET", "/healthz")[0], 200)

    def test_a_question_that_nobody_answers_ends_in_time(self):
        engine = self.start(lost=["run_list", "run_start"], request_ms=300, requests_max=2)
        clients = [self.client(engine) for _ in range(3)]
        for client in clients[:2]:
            client.put("GET", RUNS)
        engine.wait_for("run_list", 2)
        answer = clients[2].ask("POST", RUNS, {"automation": "x"})
        self.refused(answer, 429, "busy")
        self.assertEqual(answer[1]["retry-after"], "1")
        for client in clients[:2]:
            self.refused(client.answer(), 504, "timeout")
        answer = clients[2].ask("POST", RUNS, {"automation": "x"})
        self.refused(answer, 504, "timeout")

    def test_a_question_is_said_again_to_a_new_life_of_its_actor(self):
        engine = self.start(lost=["run_start"], schedulers=2)
        client = self.client(engine)
        client.put("POST", RUNS, {"automation": "x", "idempotency_key": "k"})
        asked = engine.wait_for("run_start")
        engine.lost.clear()
        engine.restart("scheduler", 1 - asked.to[1])
        engine.restart("scheduler", asked.to[1])
        status, _, body = client.answer()
        self.assertEqual(status, 201)
        again = engine.wait_for("run_start", 2)
        self.assertEqual(again.run, asked.run)
        self.assertGreater(again.request, asked.request)
        self.assertEqual(body["id"], id_text("run_", asked.run))

    def test_a_question_that_no_link_takes_is_refused(self):
        """JSON is shorter than what it means: 1e1 takes nine bytes."""
        engine = self.start(request_ms=1000)
        body = b'{"value": [' + 540000 * b"1e1," + b"1]}"
        answer = self.client(engine).ask("PUT", API + "/state/a/b", body,
                                         Content_Type="application/json")
        self.refused(answer, 413, "too_large")
        self.assertNotIn("state_set", [m.name for m in engine.heard])

    def test_who_resets_the_line_leaves_a_question_that_goes_on(self):
        engine = self.start(lost=["run_start"])
        for i in range(8):
            with self.client(engine) as gone:
                gone.put("POST", RUNS, {"automation": "x"}, Idempotency_Key=f"gone-{i}")
                engine.wait_for("run_start", i + 1)
                gone.socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client = self.client(engine)
        client.put("POST", RUNS, {"automation": "x"}, Idempotency_Key="here")
        asked = engine.wait_for("run_start", 9)
        engine.lost.clear()
        engine.restart("scheduler")
        status, _, body = client.answer()
        self.assertEqual((status, body["id"]), (201, id_text("run_", asked.run)))
        engine.wait_for("run_start", 18)
        again = [m.key for m in engine.heard if m.name == "run_start"][9:]
        self.assertEqual(again, [f"gone-{i}" for i in range(8)] + ["here"])
        self.assertEqual(client.ask("POST", RUNS, {"automation": "x"})[0], 201)

    def resident_mib(self, engine):
        with open(f"/proc/{engine.pid}/statm", encoding="ascii") as sizes:
            return int(sizes.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20

    def peer(self, engine):
        peer = mobius_frames.Raw(engine, f"/k/{self.key}/", port=engine.iii)
        self.addCleanup(peer.socket.close)
        return peer

    def test_who_pings_and_does_not_read_is_parted(self):
        engine = self.start()
        before, ping = self.resident_mib(engine), bytes([0x89, 0xfd]) + bytes(4 + 125)
        peer = self.peer(engine)
        peer.socket.settimeout(1)
        with self.assertRaises(OSError):
            for _ in range(500):
                peer.socket.sendall(1000 * ping)
        self.assertLess(self.resident_mib(engine), before + 32)

    def test_what_waits_for_an_answer_has_room_or_is_refused(self):
        engine = self.start(bodies_bytes_max=1 << 20, lost=["state_set"])
        peer, data = self.peer(engine), 250000 * "x"
        for _ in range(8):
            peer.say("invokefunction", invocation_id=str(uuid.uuid4()),
                     function_id="state::set",
                     data={"scope": "s", "key": "k", "value": data})
        for _ in range(3):  # five have room
            answer = peer.wait("invocationresult")
            self.assertEqual(answer["error"]["code"], "overloaded")
        asked = engine.wait_for("state_set", 5)
        self.assertEqual(sum(m.name == "state_set" for m in engine.heard), 5)
        engine.do(lambda: engine.refuse(("trigger", 0), asked, INTERNAL))
        self.assertNotEqual(peer.wait("invocationresult")["error"]["code"], "overloaded")
        peer.say("registerfunction", id="judge", metadata={"internal": True})
        for n in range(4):
            peer.say("registertrigger", id=f"t{n}", trigger_type="state",
                     function_id="f", config={"condition_function_id": "judge"})
        peer.say("ping")
        peer.wait("pong")
        engine.say("trigger", "state_told", project=asked.project, scope="s", key="k",
                   new_value=data)
        call = peer.wait("invokefunction")  # one more has room
        peer.say("ping")
        self.assertEqual(peer.hear()["type"], "pong")
        peer.say("invocationresult", invocation_id=call["invocation_id"],
                 function_id="judge", result=False)
        peer.say("ping")
        peer.wait("pong")
        engine.say("trigger", "state_told", project=asked.project, scope="s", key="k",
                   new_value=data)
        peer.wait("invokefunction")

    def test_what_is_reported_has_room_or_is_said_again(self):
        engine = self.start(bodies_bytes_max=1 << 20, lost=["job_report"])
        for _ in range(2):  # what one leaves is room for the next
            worker = mobius_frames.Raw(engine, key=self.key, port=engine.http)
            worker.register()
            for _ in range(8):
                token = base64.b64encode(os.urandom(60)).decode()
                worker.report({"id": "job_x", "lease_token": token},
                              result={"text": 250000 * "x"})
            for _ in range(4):  # four have room
                answer = worker.wait("error")
                self.assertEqual(answer["error"]["code"], "temporarily_unavailable")
            self.assertEqual(worker.say("keepalive"), worker.hear()["message_id"])
            since = len(engine.heard)
            worker.close()
            engine.wait_for("worker_gone", since=since)

    def test_a_report_alone_has_room_however_large_it_may_be(self):
        engine = self.start(payload_max=32 << 20)
        worker = mobius_frames.Raw(engine, key=self.key, port=engine.http)
        worker.register()
        token = base64.b64encode(os.urandom(60)).decode()
        id = worker.report({"id": "job_x", "lease_token": token},
                           result={"text": (17 << 20) * "x"})
        self.assertEqual(worker.hear(30)["message_id"], id)
        self.assertEqual(len(engine.wait_for("job_report").output["text"]), 17 << 20)

    def test_who_says_too_much_at_once_is_told_so(self):
        engine = self.start(payload_max=65536)
        for pieces in ((3 << 20,), (190000, 10000)):
            worker = mobius_frames.Raw(engine, key=self.key, port=engine.http)
            worker.register()
            for at, size in enumerate(pieces):
                worker.frame(0 if at else 1, size * b"x", last=at + 1 == len(pieces))
            self.assertIsNone(worker.hear())
            self.assertEqual((worker.closed, worker.reason),
                             (1009, "a message has at most 196608 bytes"))
            worker.close()
        worker = mobius_frames.Raw(engine, key=self.key, port=engine.http)
        worker.socket.sendall(b"\x81\xff" + b"\x7f" + 7 * b"\xff" + 4 * b"\0"
                              + 100 * b"x")
        self.assertIsNone(worker.hear())
        self.assertEqual(worker.closed, 1009)
        worker.close()

    def test_sessions_are_counted_where_they_are_and_not_in_the_list(self):
        engine = Crowd()
        self.addCleanup(engine.close)
        engine.start()
        client = self.client(engine, engine.dev_key())
        listed = client.ask("GET", "/v1/projects/platform/worker-sessions")[2]
        self.assertEqual(listed["totals"], {"active_instances": 1200, "slots": 6000,
                                            "busy": 7, "stale": 300})

    def test_what_is_granted_and_not_claimed_has_a_bound(self):
        engine = self.start()
        worker = mobius_frames.Raw(engine, key=self.key, port=engine.http)
        worker.register(slots=64)
        session = next(iter(engine.sessions))
        tokens = [os.urandom(60) for _ in range(20)]
        for token in tokens:
            engine.grant(session, token, parameters={"text": 900000 * "x"})
        # A second later all of them would go back, from the first one on.
        self.assertIn(engine.wait_for("job_report").token, tokens[1:])

    def test_what_waits_in_channels_has_a_bound(self):
        engine = self.start(bodies_bytes_max=1 << 20)
        peer = self.peer(engine)

        def connect(end):
            raw = mobius_frames.Raw(
                engine, f"/k/{self.key}/ws/channels/{end['channel_id']}"
                f"?key={end['access_key']}&dir={end['direction']}", port=engine.iii)
            self.addCleanup(raw.socket.close)
            return raw

        def written():
            """The reading end of a channel in which something waits."""
            peer.say("invokefunction", invocation_id=str(uuid.uuid4()),
                     function_id="engine::channels::create", data={})
            ends = peer.wait("invocationresult")["result"]
            writer = connect(ends["writer"])
            writer.frame(2, 250000 * b"x")
            writer.frame(9, b"")
            writer.take(2, time.monotonic() + 30)  # a pong, or it is closed
            return ends["reader"]
        readers = [connect(end) for end in [written() for _ in range(8)]]
        self.assertEqual([reader.status for reader in readers], 5 * [101] + 3 * [404])
        readers[0].take(250000, time.monotonic() + 30)
        self.assertEqual(connect(written()).status, 101)

    def test_who_does_not_read_costs_no_more_though_they_are_many(self):
        engine = self.start(bodies_bytes_max=4 << 20)
        before, peers = self.resident_mib(engine), [self.peer(engine) for _ in range(24)]
        for i, peer in enumerate(peers):
            peer.say("registerfunction", id=f"f{i}")
            peer.say("registertrigger", id=f"t{i}", trigger_type="subscribe",
                     function_id=f"f{i}", config={"topic": "t"})
            peer.say("ping")
            peer.wait("pong")
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        speaker = self.peer(engine)
        for _ in range(5):
            speaker.say("invokefunction", function_id="publish", action={"type": "void"},
                        data={"topic": "t", "data": 1000000 * "x"})
        speaker.say("ping")
        speaker.wait("pong", 30)
        self.assertLess(self.resident_mib(engine), before + 32)  # of 120
        late = self.peer(engine)
        late.say("registerfunction", id="f0")
        late.say("ping")
        late.wait("pong")
        speaker.say("invokefunction", function_id="f0", data=30000 * "x",
                    action={"type": "void"})
        self.assertEqual(len(late.wait("invokefunction")["data"]), 30000)

    def test_who_is_gone_is_not_waited_for(self):
        for before in (False, True):  # the run is accepted
            engine = self.start(lost=["run_start"] if before else [])
            begun = time.monotonic()
            for i in range(20):  # of whom some go while they are attended to
                with self.client(engine) as gone:
                    gone.put("POST", RUNS + "?wait=600s", {"automation": "slow"})
                    asked = engine.wait_for("run_start", i + 1)
                    gone.socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if before:
                    engine.do(lambda m=asked, of=engine: of.on_run_start(m.to, m))
            engine.wait_for("run_get")  # the last look; others come after 5 s
            self.assertLess(time.monotonic() - begun, 4)
            self.assertEqual(engine.kill(signal.SIGTERM), 0)

    def test_who_waits_keeps_nobody_unread(self):
        engine = self.start()
        asks = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 1000  # not read at once
        for i in range(5):
            with self.client(engine) as waiting, self.client(engine) as client:
                waiting.put("POST", RUNS + "?wait=50s", {"automation": "slow"})
                run = engine.wait_for("run_start", i + 1).run
                client.send(asks)
                self.assertEqual({client.answer()[0] for _ in range(1000)}, {200})
                engine.do(lambda run=run: engine.finish(run))
                self.assertEqual(waiting.answer()[0], 201)

    def test_an_answer_to_an_earlier_life_reaches_nobody(self):
        engine = self.start(lost=["run_list"])
        self.client(engine).put("GET", RUNS)
        old = engine.wait_for("run_list")
        engine.kill()
        engine.start()
        client = self.client(engine)
        client.put("GET", RUNS)
        new = engine.wait_for("run_list", 2)
        self.assertNotEqual(new.request, old.request)
        engine.say("view", "document", request=old.request, document={"items": ["old"]})
        engine.say("lease", "document", request=new.request, document={"items": ["lie"]})
        engine.say("view", "document", request=new.request, document={"items": ["new"]})
        self.assertEqual(client.answer()[2]["items"], ["new"])

    def test_a_caller_sees_only_its_project(self):
        engine = self.start()
        client = self.client(engine)
        run = client.ask("POST", RUNS, {"automation": "x"})[2]["id"]
        started = engine.wait_for("run_start")
        for path in ("", "/events", "/logs"):
            self.assertEqual(client.ask("GET", f"{RUNS}/{run}{path}")[0], 200)
        projects = {m.project for m in engine.heard if m.name in (
            "run_start", "run_get", "event_list", "log_list")}
        self.assertEqual(projects, {started.project})
        self.assertEqual(len(started.project), 16)

    def test_a_caller_that_names_another_project_is_refused(self):
        client = self.client(self.start())
        for name, status in (("default", 200), ("", 200), ("Default", 403),
                             ("staging", 403)):
            answer = client.ask("GET", RUNS, **{"Capstan-Project": name})
            self.assertEqual(answer[0], status, name)
        self.refused(answer, 403, "forbidden")

    def test_the_trace_of_a_caller_goes_on(self):
        engine = self.start()
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        self.client(engine).ask("POST", RUNS, {"automation": "x"},
                                traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        self.client(engine).ask("POST", RUNS, {"automation": "x"}, traceparent="00-x")
        self.assertEqual(engine.wait_for("run_start").trace.hex(), trace)
        self.assertEqual(len(engine.wait_for("run_start", 2).trace), 16)

    def test_health_metrics_and_description_need_no_key(self):
        engine = self.start()
        client = self.client(engine, "")
        self.assertEqual(client.ask("GET", "/healthz")[0], 200)
        self.assertEqual(client.ask("GET", "/readyz")[0], 200)
        text = client.ask("GET", "/metrics")[2].decode()
        requests = re.search(r'capstan_requests_total{process="gateway.0"} (\d+)', text)
        self.assertGreater(int(requests[1]), 2)
        rows = re.findall(r"^COUNTER\((\w+),", read_source("base/counters.def"), re.M)
        for row in rows:
            self.assertIn(f"# TYPE capstan_{row}", text)
        far = {"X-Forwarded-For": "203.0.113.7\r\nX-Forwarded-For: 198.51.100.7"}
        self.refused(client.ask("GET", "/metrics", **far), 401, "unauthorized")
        with open(os.path.join(SOURCE, "gateway/native/openapi.json"),
                  encoding="utf-8") as file:
            self.assertEqual(client.ask("GET", "/openapi.json")[2], json.load(file))

    def test_what_is_under_way_is_answered_before_it_leaves(self):
        engine = self.start(drain_ms=60000)
        streaming, waiting = self.client(engine), self.client(engine)
        run = streaming.ask("POST", RUNS, {"automation": "slow"})[2]["id"]
        streaming.put("GET", f"{RUNS}/{run}/events", Accept="text/event-stream")
        events = Stream(streaming)
        streaming.head()
        next(events)
        waiting.put("POST", RUNS + "?wait=50s", {"automation": "slow"})
        engine.wait_for("run_start", 2)
        self.assertEqual(engine.kill(signal.SIGTERM), 0)
        self.assertEqual(waiting.answer()[2]["status"], "suspended")
        self.assertEqual(list(events), [])
        with self.assertRaises(ConnectionRefusedError):
            Client(engine)

    def test_the_only_question_of_a_project_waits_for_no_place(self):
        engine = self.start(lost={"run_start"})
        crowd = [self.client(engine) for _ in range(40)]
        for client in crowd:
            client.put("POST", RUNS, {"automation": "fast"})
        engine.wait_for("run_start", FIRST_WINDOW)
        other = self.client(engine, self.key_of_another_project(engine))
        other.put("POST", RUNS, {"automation": "theirs"})
        asked = engine.wait_for("run_start", FIRST_WINDOW + 1)
        self.assertEqual(asked.automation, "theirs")

    def key_of_another_project(self, engine):
        id, chance, project = os.urandom(16), os.urandom(32), os.urandom(16)
        said = {"key": id, "name": "other", "scopes": 15, "revoked": 0,
                "hash": hashlib.blake2b(chance, key=bytes.fromhex(engine.secret),
                                        digest_size=32).digest()}
        engine.do(lambda: engine.put(("registry", 0), "key_offered", said, project))
        key = id_text("cap_", id) + "_" + base64.urlsafe_b64encode(chance).decode()[:43]
        client = self.client(engine, key)
        while client.ask("GET", RUNS)[0] == 401:
            pass  # it has not heard of it
        return key

    def test_two_connections_of_one_iii_process_give_nothing_back(self):
        """The second takes the functions over while the first asks what it held."""
        engine = self.start(lost={"worker_register"})
        door = types.SimpleNamespace(iii_port=engine.iii)
        for _ in range(2):
            since = len(engine.heard)
            worker = iii_frames.Worker(door).function("math::add").describe("calc")
            self.addCleanup(worker.close)
            engine.wait_for("worker_register", since=since)
        self.assertNotIn("worker_gone", [m.name for m in engine.heard])


if __name__ == "__main__":
    unittest.main()
