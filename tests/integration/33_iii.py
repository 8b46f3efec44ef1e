#!/usr/bin/python3
"""Goal: workers that speak iii's frames find each other, and the traps that a server of
this protocol meets are not met; their functions are actions of automations.

Method: connections that say each frame themselves, to a real engine.  That nothing comes
is seen by a ping whose pong comes next.  tests/interop/iii has the real clients.
"""
import asyncio
import json
import os
import re
import sys
import threading
import unittest
import uuid
from urllib.parse import quote

import websockets

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from engine import Engine, Refused, until  # noqa: E402

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DEADLINE = 30  # seconds; only a broken engine takes that long
CALLS = """
name: {name}
steps:
  - {{key: add, kind: action, action_name: "math::add", parameters: {{a: 1, b: 2}}{more}}}
"""


class Loop:
    """One event loop for all connections of this program."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    @classmethod
    def do(cls, what):
        return asyncio.run_coroutine_threadsafe(what, cls.loop).result(DEADLINE)


class Worker:
    def __init__(self, engine, path="/", **options):
        self.url = f"ws://127.0.0.1:{engine.iii_port}{path}"
        self.socket = Loop.do(self.connect(options))
        if path.endswith("/otel"):
            return
        first = self.hear()
        assert first["type"] == "workerregistered", first
        self.id, self.token = first["worker_id"], first["reattach_token"]

    async def connect(self, options):
        return await websockets.connect(self.url, max_size=None, ping_interval=None,
                                        **options)

    def raw(self, text):
        Loop.do(self.socket.send(text))

    def say(self, type, **parts):
        self.raw(json.dumps({"type": type, **parts}))

    def hear_text(self):
        return Loop.do(asyncio.wait_for(self.socket.recv(), DEADLINE))

    def hear(self):
        return json.loads(self.hear_text())

    def function(self, id, **parts):
        self.say("registerfunction", id=id, **parts)
        return self

    def trigger(self, type, function, id=None, config={}, **parts):
        id = id or str(uuid.uuid4())
        self.say("registertrigger", id=id, trigger_type=type, function_id=function,
                 config=config, **parts)
        return id

    def ask(self, function, data=None, **parts):
        id = str(uuid.uuid4())
        self.say("invokefunction", invocation_id=id, function_id=function,
                 **({} if data is None else {"data": data}), **parts)
        return id

    def answer(self, call, **parts):
        self.say("invocationresult", invocation_id=call["invocation_id"],
                 function_id=call["function_id"], **parts)

    def call(self, function, data=None, **parts):
        """The answer to a call of a function that is not this worker's."""
        id = self.ask(function, {} if data is None else data, **parts)
        answer = self.hear()
        assert answer["invocation_id"] == id, answer
        return answer

    def describe(self, name, version="0.22.1", **parts):
        self.say("invokefunction", function_id="engine::workers::register",
                 data={"runtime": "node", "version": version, "name": name,
                       "os": "linux", "pid": 7, "isolation": None, **parts},
                 action={"type": "void"})
        return self

    def silence(self):
        """Nothing was said to us: a pong is the next word."""
        self.say("ping")
        heard = self.hear()
        assert heard == {"type": "pong"}, heard
        return self

    def close(self):
        Loop.do(self.socket.close())

    def closed(self):
        try:
            self.hear_text()
        except websockets.ConnectionClosed as end:
            return end.code
        raise AssertionError("it said more")


class Iii(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine(**cls.settings)
        cls.engine.up()

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()

    def setUp(self):
        self.there = []

    def tearDown(self):
        for worker in self.there:
            worker.close()
        watcher = Worker(self.engine)
        until(lambda: len(watcher.call("engine::workers::list")["result"]["workers"])
              == 1, "all have left")
        watcher.close()

    def worker(self, path="/", **options):
        worker = Worker(self.engine, path, **options)
        self.there.append(worker)
        return worker

    def pair(self, function="math::add"):
        owner = self.worker().function(function).silence()
        return owner, self.worker()


class Frames(Iii):
    def test_01_the_server_speaks_first(self):
        worker = self.worker()
        self.assertRegex(worker.id, f"^{UUID}$")
        self.assertRegex(worker.token, f"^{UUID}$")
        self.assertNotEqual(worker.id, self.worker().id)

    def test_02_an_invocation_goes_through_unchanged(self):
        owner, caller = self.pair()
        id = caller.ask("math::add", {"a": 1, "_caller_worker_id": "somebody"},
                        metadata={"x": 1}, traceparent="00-1", baggage="k=v",
                        namespace="default")
        call = owner.hear()
        self.assertEqual(call, {
            "type": "invokefunction", "invocation_id": id, "function_id": "math::add",
            "data": {"a": 1, "_caller_worker_id": caller.id}, "metadata": {"x": 1},
            "traceparent": "00-1", "baggage": "k=v"})
        owner.answer(call, result={"c": 3}, traceparent="00-2")
        self.assertEqual(caller.hear(), {
            "type": "invocationresult", "invocation_id": id, "function_id": "math::add",
            "result": {"c": 3}, "traceparent": "00-2"})
        caller.ask("math::add", [1])
        call = owner.hear()
        self.assertNotIn("metadata", call)
        self.assertEqual(call["data"], [1])
        owner.answer(call, error={"code": "E", "message": "m", "stacktrace": "s"})
        self.assertEqual(caller.hear()["error"],
                         {"code": "E", "message": "m", "stacktrace": "s"})

    def test_03_numbers_order_and_texts_are_kept(self):
        owner, caller = self.pair()
        said = ('{"z":1,"a":1.0,"big":9007199254740993,"max":18446744073709551615,'
                '"min":-9223372036854775808,"text":"\\u00e9\\ud83d\\ude00"}')
        id = str(uuid.uuid4())
        caller.raw('{"type":"invokefunction","invocation_id":"%s",'
                   '"function_id":"math::add","data":%s}' % (id, said))
        text = owner.hear_text()
        self.assertIn('"z":1,"a":1.0,"big":9007199254740993,"max":18446744073709551615,'
                      '"min":-9223372036854775808,"text":"é😀"', text)
        caller.raw('{"type":"invokefunction","invocation_id":"%s",'
                   '"function_id":"math::add","data":"\\ud800"}' % uuid.uuid4())
        owner.silence()

    def test_04_no_result_and_null_are_left_out(self):
        owner, caller = self.pair()
        for parts in ({}, {"result": None}):
            caller.ask("math::add")
            call = owner.hear()
            self.assertIsNone(call["data"])
            owner.answer(call, **parts)
            self.assertNotIn("result", caller.hear())

    def test_05_nobody_hears_of_a_void_call(self):
        owner, caller = self.pair()
        caller.say("invokefunction", function_id="math::add", data={},
                   action={"type": "void"})
        call = owner.hear()
        self.assertRegex(call["invocation_id"], f"^{UUID}$")
        owner.answer(call, result=1)
        caller.ask("math::add", {}, action={"type": "void"})
        owner.answer(owner.hear(), error={"code": "x", "message": "y"})
        owner.silence()
        caller.silence()
        caller.say("invokefunction", function_id="nobody::has", data={},
                   action={"type": "void"})
        caller.silence()

    def test_06_a_worker_calls_itself(self):
        worker = self.worker().function("self::one")
        id = worker.ask("self::one", {})
        call = worker.hear()
        self.assertEqual(call["type"], "invokefunction")
        worker.answer(call, result=7)
        self.assertEqual(worker.hear()["result"], 7)
        self.assertEqual(call["invocation_id"], id)

    def test_07_late_and_foreign_results_change_nothing(self):
        owner, caller = self.pair()
        thief = self.worker()
        caller.ask("math::add", {})
        call = owner.hear()
        thief.answer(call, result="mine")
        thief.silence()
        owner.answer(call, result=1)
        self.assertEqual(caller.hear()["result"], 1)
        owner.answer(call, result=2)
        owner.silence()
        caller.silence()
        caller.ask("math::add", {})
        call = owner.hear()
        caller.close()
        owner.answer(call, result=3)
        owner.silence()

    def test_08_what_is_unknown_is_passed_over(self):
        worker = self.worker()
        for text in ("no json", "[]", "{}", '{"type":1}', '{"type":"hologram","x":1}',
                     '{"type":"registerfunction"}', '{"type":"registerfunction","id":7}',
                     '{"type":"registerservice","id":"s","name":"s"}',
                     '{"type":"unregisterfunction","id":"x"}',
                     '{"type":"unregistertrigger","id":"x"}',
                     '{"type":"unregistertriggertype","id":"x"}',
                     '{"type":"invocationresult","invocation_id":"x"}',
                     '{"type":"pong"}', "[" * 5000):
            worker.raw(text)
        Loop.do(worker.socket.send(b'OTLP{"resourceSpans":[]}'))
        Loop.do(worker.socket.send(b'\x00\xff'))
        worker.silence()
        Loop.do(worker.socket.send(b'{"type":"ping"}'))
        self.assertEqual(worker.hear(), {"type": "pong"})

    def test_09_refusals_have_their_codes(self):
        worker = self.worker()
        for function, parts, code in (
                ("nobody::has", {}, "function_not_found"),
                ("stream::get", {}, "function_not_found"),
                ("engine::no::such", {}, "function_not_found"),
                ("math::add", {"action": {"type": "enqueue"}}, "enqueue_error"),
                ("math::add", {"action": {"type": "hologram"}}, "invocation_error"),
                ("math::add", {"action": 7}, "invocation_error"),
                ("math::add", {"namespace": "other"}, "function_not_found"),
                ("engine::workers::info", {"data": {"name": "x"}}, "NOT_FOUND"),
                ("engine::functions::info", {"data": {}}, "INVALID_ARGUMENTS")):
            data = parts.pop("data", {})
            self.assertEqual(worker.call(function, data, **parts)["error"]["code"],
                             code, function)
        worker.say("invokefunction", invocation_id="seven", function_id="math::add")
        self.assertEqual(worker.hear()["error"]["code"], "invocation_error")
        self.assertIn("Function nobody::has not found in namespace default.",
                      worker.call("nobody::has")["error"]["message"])
        self.assertIn("does not serve it", worker.call("stream::get")["error"]["message"])

    def test_10_who_executes_leaves(self):
        owner, caller = self.pair()
        caller.ask("math::add", {})
        owner.hear()
        owner.close()
        self.assertEqual(caller.hear()["error"], {"code": "invocation_stopped",
                                                  "message": "Invocation stopped"})
        self.assertEqual(caller.call("math::add")["error"]["code"],
                         "function_not_found")

    def test_11_the_last_registration_wins_and_only_the_owner_unregisters(self):
        first, caller = self.pair()
        second = self.worker().function("math::add").silence()
        first.say("unregisterfunction", id="math::add")
        first.silence()
        caller.ask("math::add", {})
        second.answer(second.hear(), result=2)
        self.assertEqual(caller.hear()["result"], 2)
        first.close()
        caller.ask("math::add", {})
        second.answer(second.hear(), result=3)
        self.assertEqual(caller.hear()["result"], 3)
        second.say("unregisterfunction", id="math::add")
        second.silence()
        self.assertIn("error", caller.call("math::add"))

    def test_12_ids_of_the_engine_are_its_own(self):
        worker = self.worker().function("engine::workers::list")
        self.assertIn("workers", worker.call("engine::workers::list")["result"])
        worker.function("capstan::runs::start").function("engine::mine").silence()
        rows = worker.call("engine::functions::list",
                           {"include_internal": True})["result"]["functions"]
        self.assertNotIn("engine::mine", [row["function_id"] for row in rows])

    def test_13_telemetry_is_taken(self):
        telemetry = Worker(self.engine, "/otel")
        Loop.do(telemetry.socket.send(b'OTLP{"resourceSpans":[]}'))
        watcher = self.worker()
        rows = watcher.call("engine::workers::list")["result"]["workers"]
        self.assertEqual([row["id"] for row in rows], [watcher.id])
        telemetry.close()

    def test_14_who_may_come_in(self):
        key = self.engine.key
        self.worker(f"/k/{key}/").silence()
        for path, headers in (("/k/cap_nonsense/", {}),
                              ("/", {"Origin": "https://example.org"}),
                              ("/ws/channels/x?key=y&dir=read", {}),
                              ("/", {"Authorization": "Bearer nonsense"})):
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                Worker(self.engine, path, extra_headers=headers)
            self.assertIn(refused.exception.status_code, (401, 403, 404))

    def test_15_another_namespace_is_refused_for_good(self):
        worker = self.worker().describe("far", namespace="other")
        refusal = worker.hear()
        self.assertEqual((refusal["type"], refusal["code"], refusal["namespace"]),
                         ("registrationrejected", "WORKER_NAMESPACE_CONFLICT", "other"))
        self.assertEqual(worker.closed(), 1008)


class Triggers(Iii):
    def test_01_functions_are_announced_at_once_to_a_function_that_came_later(self):
        worker = self.worker()
        worker.trigger("engine::functions-available", "on::functions",
                       metadata={"m": 1})
        worker.function("on::functions", metadata={"internal": True})
        call = worker.hear()
        self.assertEqual(call["metadata"], {"m": 1})
        self.assertEqual(call["data"], {"event": "functions_changed", "functions": []})
        other = self.worker().function("a::b", description="d",
                                       request_format={"type": "object"})
        row, = worker.hear()["data"]["functions"]
        self.assertEqual((row["function_id"], row["description"], row["request_format"]),
                         ("a::b", "d", {"type": "object"}))
        other.close()
        self.assertEqual(worker.hear()["data"]["functions"], [])

    def test_02_workers_are_announced_at_once(self):
        worker = self.worker().function("on::workers")
        worker.trigger("engine::workers-available", "on::workers")
        worker.silence()
        other = self.worker()
        self.assertEqual(worker.hear()["data"],
                         {"event": "worker_connected", "worker_id": other.id})
        other.describe("other")
        self.assertEqual(worker.hear()["data"],
                         {"event": "worker_metadata_updated", "worker_id": other.id})
        other.close()
        self.assertEqual(worker.hear()["data"],
                         {"event": "worker_disconnected", "worker_id": other.id})

    def test_03_a_trigger_is_passed_to_who_provides_its_type(self):
        provider = self.worker()
        provider.say("registertriggertype", id="my-tt", description="d")
        consumer = self.worker().function("f")
        provider.silence()
        id = consumer.trigger("my-tt", "f", config={"x": 1}, metadata={"y": 2},
                              message_type="registertrigger")
        self.assertEqual(provider.hear(), {
            "type": "registertrigger", "id": id, "trigger_type": "my-tt",
            "function_id": "f", "config": {"x": 1}, "metadata": {"y": 2}})
        provider.say("triggerregistrationresult", id=id, trigger_type="my-tt",
                     function_id="f")
        consumer.silence()
        consumer.say("unregistertrigger", id=id)
        self.assertEqual(provider.hear(), {"type": "unregistertrigger", "id": id,
                                           "trigger_type": "my-tt"})
        other = consumer.trigger("my-tt", "f")
        provider.hear()
        consumer.close()
        self.assertEqual(provider.hear()["id"], other)

    def test_04_a_provider_refuses(self):
        provider, consumer = self.worker(), self.worker()
        provider.say("registertriggertype", id="my-tt", description="d")
        provider.silence()
        id = consumer.trigger("my-tt", "f")
        provider.hear()
        error = {"code": "trigger_registration_failed", "message": "conflict"}
        provider.say("triggerregistrationresult", id=id, trigger_type="my-tt",
                     function_id="f", error=error)
        self.assertEqual(consumer.hear(), {
            "type": "triggerregistrationresult", "id": id, "trigger_type": "my-tt",
            "function_id": "f", "error": error})

    def test_05_triggers_wait_for_a_provider_and_for_it_to_come_back(self):
        consumer = self.worker()
        id = str(uuid.uuid4())
        consumer.say("registertrigger", id=id, trigger_type="my-tt", function_id="f")
        consumer.silence()
        for _ in range(2):
            provider = self.worker()
            provider.say("registertriggertype", id="my-tt", description="d")
            told = provider.hear()
            self.assertEqual((told["id"], told["config"]), (id, {}))
            provider.close()
        provider = self.worker()
        provider.say("registertriggertype", id="my-tt", description="d")
        provider.hear()
        provider.say("unregistertriggertype", id="my-tt")
        provider.silence()
        consumer.say("unregistertrigger", id=id)
        consumer.silence()
        provider.silence()

    def test_06_types_that_the_engine_does_not_provide_say_so(self):
        worker = self.worker()
        for type in ("http", "cron", "subscribe"):
            id = worker.trigger(type, "f")
            refusal = worker.hear()
            self.assertEqual((refusal["id"], refusal["function_id"],
                              refusal["error"]["code"]),
                             (id, "f", "trigger_type_not_found"), type)


class State(Iii):
    def at(self, key, **more):
        return {"scope": self.id().rsplit(".", 1)[1], "key": key, **more}

    def result(self, worker, function, data):
        answer = worker.call("state::" + function, data)
        self.assertNotIn("error", answer)
        return answer.get("result", "no result")

    def error(self, worker, function, data):
        return worker.call("state::" + function, data)["error"]["code"]

    def test_01_values_are_answered_as_there(self):
        worker = self.worker()
        self.assertEqual(
            self.result(worker, "set", self.at("k", value={"n": 2**60, "r": 1.0})),
            {"old_value": None, "new_value": {"n": 2**60, "r": 1.0}})
        self.assertEqual(self.result(worker, "set", self.at("k", data=[1])),
                         {"old_value": {"n": 2**60, "r": 1.0}, "new_value": [1]})
        self.assertEqual(self.result(worker, "get", self.at("k")), [1])
        self.assertEqual(self.result(worker, "get", self.at("none")), "no result")
        self.assertEqual(self.result(worker, "delete", self.at("k")), [1])
        self.assertEqual(self.result(worker, "delete", self.at("k")), "no result")
        self.assertEqual(self.result(worker, "get", self.at("k")), "no result")
        # null is a value, and no result.
        self.result(worker, "set", self.at("k", value=None))
        self.assertEqual(self.result(worker, "get", self.at("k")), "no result")
        self.assertEqual(self.result(worker, "list_keys", self.at("k")), {"keys": ["k"]})

    def test_02_operations_and_their_errors(self):
        worker = self.worker()
        done = self.result(worker, "update", self.at("k", ops=[
            {"type": "increment", "path": "count", "by": 2}]))
        self.assertEqual(done, {"old_value": None, "new_value": {"count": 2}})
        done = self.result(worker, "update", self.at("k", ops=[
            {"type": "append", "path": ["a", "b"], "value": "x"},
            {"type": "append", "path": "count", "value": "x"},
            {"type": "set", "path": "__proto__", "value": 1},
            {"type": "decrement", "path": "count", "by": 5},
            {"type": "merge", "value": {"m": {"deep": True}}},
            {"type": "remove", "path": "none"}]))
        self.assertEqual(done["old_value"], {"count": 2})
        self.assertEqual(done["new_value"],
                         {"count": -3, "a": {"b": ["x"]}, "m": {"deep": True}})
        self.assertEqual([(e["op_index"], e["code"]) for e in done["errors"]],
                         [(1, "append.type_mismatch"), (2, "set.path.proto_polluted")])

    def test_03_codes_of_refusals(self):
        worker = self.worker()
        for function, data, code in (
                ("set", {"scope": "s"}, "INVALID_ARGUMENTS"),
                ("set", {"scope": "s", "key": "k"}, "INVALID_ARGUMENTS"),
                ("get", {"scope": 7, "key": "k"}, "INVALID_ARGUMENTS"),
                ("list", {}, "INVALID_ARGUMENTS"),
                ("set", self.at("k" * 129, value=1), "SET_ERROR"),
                ("get", self.at("k" * 129), "GET_ERROR"),
                ("delete", self.at("k" * 129), "DELETE_ERROR"),
                ("update", self.at("k"), "UPDATE_ERROR"),
                ("update", self.at("k", ops=[{"type": "burn"}]), "UPDATE_ERROR"),
                ("set", self.at("k", value="x" * 300000), "VALUE_TOO_LARGE"),
                ("list_entries", self.at("k", limit=0), "INVALID_ARGUMENTS"),
                ("list_entries", self.at("k", cursor="x"), "INVALID_CURSOR"),
                ("compare-and-set", self.at("k"), "function_not_found")):
            self.assertEqual(self.error(worker, function, data), code, (function, data))
        self.assertEqual(self.result(worker, "list", self.at("k")), [])

    def test_04_lists_and_pages(self):
        worker, keys = self.worker(), [f"k{i}" for i in range(5)]
        for i, key in enumerate(keys):
            self.result(worker, "set", self.at(key, value={"i": i}))
        at = self.at("any")
        self.assertEqual(self.result(worker, "list", at), [{"i": i} for i in range(5)])
        self.assertEqual(self.result(worker, "list_keys", at), {"keys": keys})
        groups = self.result(worker, "list_groups", {})["groups"]
        self.assertIn(at["scope"], groups)
        self.assertEqual(groups, sorted(groups))
        first = self.result(worker, "list_entries", {**at, "limit": 3})
        self.assertEqual((first["entries"][0], first["done"], first["offset"],
                          first["total"]), (["k0", {"i": 0}], False, 0, 5))
        self.result(worker, "delete", self.at("k1"))
        rest = self.result(worker, "list_entries",
                           {**at, "limit": 3, "cursor": first["next_cursor"]})
        self.assertEqual(rest, {"entries": [["k3", {"i": 3}], ["k4", {"i": 4}]],
                                "next_cursor": None, "done": True, "offset": 3,
                                "total": 4})

    def test_05_what_does_not_fit_into_one_answer_is_refused_and_has_pages(self):
        worker = self.worker()
        for i in range(4):
            self.result(worker, "set", self.at(f"k{i}", value="x" * 250000))
        self.assertEqual(self.error(worker, "list", self.at("k")), "LIST_ERROR")
        seen, cursor = [], None
        while cursor != "":
            worker.ask("state::list_entries", self.at("k", cursor=cursor))
            text = worker.hear_text()
            self.assertLess(len(text), 1 << 20)
            page = json.loads(text)["result"]
            seen += [key for key, _ in page["entries"]]
            cursor = page["next_cursor"] or ""
        self.assertEqual(seen, [f"k{i}" for i in range(4)])
        for i in range(4):
            self.result(worker, "delete", self.at(f"k{i}"))

    def test_06_who_listens_is_called_with_both_values(self):
        worker, other = self.worker().function("on::state"), self.worker()
        scope = self.at("k")["scope"]
        worker.trigger("state", "on::state", config={"scope": scope, "key": "k"},
                       metadata={"m": 1})
        worker.silence()

        def told(event, old, new):
            call = worker.hear()
            self.assertEqual((call["function_id"], call["metadata"]),
                             ("on::state", {"m": 1}))
            self.assertEqual(call["data"], {
                "type": "state", "event_type": "state:" + event, "scope": scope,
                "key": "k", "old_value": old, "new_value": new})
        self.result(other, "set", self.at("k", value=1))
        told("created", None, 1)
        self.result(other, "set", self.at("other", value=1))
        self.result(other, "set", {"scope": "elsewhere", "key": "k", "value": 1})
        # By another door, and what changes nothing fires nothing.
        self.engine.call("PUT", f"/capstan/v1/state/{scope}/k", {"value": [2]})
        told("updated", 1, [2])
        self.result(other, "update", self.at("k", ops=[{"type": "increment", "by": 1}]))
        self.result(other, "get", self.at("k"))
        self.result(other, "delete", self.at("k"))
        told("deleted", [2], None)
        self.result(other, "delete", self.at("k"))
        told("deleted", None, None)
        worker.silence()

    def test_07_conditions_and_configs(self):
        worker, other = self.worker(), self.worker()
        for name in ("on::state", "may::it"):
            worker.function(name)
        config = {"scope": self.at("k")["scope"], "condition_function_id": "may::it"}
        trigger = worker.trigger("state", "on::state", config=config)
        worker.silence()

        def asked(n):
            self.result(other, "set", self.at("k", value=n))
            call = worker.hear()
            self.assertEqual((call["function_id"], call["data"]["new_value"]),
                             ("may::it", n))
            return call
        worker.answer(asked(1), result=False)
        worker.silence()
        worker.answer(asked(2), error={"code": "x", "message": "boom"})
        worker.silence()
        for n, verdict in ((3, {"result": None}), (4, {}), (5, {"result": True}),
                           (6, {"result": "no"})):
            worker.answer(asked(n), **verdict)
            call = worker.hear()
            self.assertEqual((call["function_id"], call["data"]["new_value"]),
                             ("on::state", n))
        # It goes while its condition is asked.
        call = asked(7)
        worker.say("unregistertrigger", id=trigger, trigger_type="state")
        worker.answer(call, result=True)
        worker.silence()
        wrong = worker.trigger("state", "on::state", config={"scope": 7})
        refusal = worker.hear()
        self.assertEqual((refusal["id"], refusal["error"]["code"]),
                         (wrong, "trigger_registration_failed"))
        self.result(other, "set", self.at("k", value=8))
        worker.silence()

    def test_08_keys_may_do_what_their_scopes_say(self):
        def worker(scopes):
            key = json.loads(self.engine.tool("keys", "create", "k", "--scopes", scopes,
                                              "--json").stdout)["key"]
            return self.worker(f"/k/{key}/")
        at = self.at("k")
        only_works, reads = worker("work"), worker("work,read")
        for function in ("get", "set", "update", "delete", "list", "list_groups"):
            self.assertEqual(self.error(only_works, function, {**at, "value": 1}),
                             "FORBIDDEN", function)
        self.assertEqual(self.result(reads, "get", at), "no result")
        self.assertEqual(self.error(reads, "set", {**at, "value": 1}), "FORBIDDEN")
        self.assertEqual(self.result(self.worker(), "get", at), "no result")

    def test_09_the_trigger_actor_dies_and_what_was_answered_is_there(self):
        worker = self.worker()
        for n in range(3):
            self.result(worker, "set", self.at("k", value=n))
            self.engine.wait_restarted("trigger.0", self.engine.kill("trigger.0"))
            self.assertEqual(self.result(worker, "get", self.at("k")), n)


class Discovery(Iii):
    def test_01_rows_have_what_both_generations_read(self):
        worker = self.worker().describe("calc", description="adds", version="0.22.1")
        worker.function("math::add", description="x", metadata={"a": 1},
                        request_format={"type": "object"})
        worker.function("hidden", metadata={"internal": True})
        trigger = worker.trigger("engine::workers-available", "hidden")
        row, = worker.call("engine::workers::list")["result"]["workers"]
        for name, value in {
                "id": worker.id, "name": "calc", "description": "adds",
                "runtime": "node", "version": "0.22.1", "pid": 7, "namespace": "default",
                "status": "available", "function_count": 2, "active_invocations": 0,
                "functions": ["math::add", "hidden"]}.items():
            self.assertEqual(row[name], value, name)
        listed = worker.call("engine::functions::list")["result"]["functions"]
        self.assertEqual([row["function_id"] for row in listed], ["math::add"])
        self.assertEqual(listed[0]["metadata"], {"a": 1})
        self.assertEqual(listed[0]["worker_name"], "calc")
        everything = worker.call("engine::functions::list",
                                 {"include_internal": True})["result"]["functions"]
        ids = [row["function_id"] for row in everything]
        self.assertIn("hidden", ids)
        self.assertIn("engine::log::info", ids)
        types = worker.call("engine::trigger-types::list")["result"]["trigger_types"]
        self.assertIn("engine::functions-available", [row["id"] for row in types])
        triggers = worker.call("engine::registered-triggers::list")["result"]
        self.assertEqual([row["id"] for row in triggers["registered_triggers"]],
                         [trigger])
        info = worker.call("engine::functions::info",
                           {"function_id": "hidden"})["result"]
        self.assertEqual([row["id"] for row in info["registered_triggers"]], [trigger])
        info = worker.call("engine::workers::info", {"name": "calc"})["result"]
        self.assertEqual(info["worker"]["id"], worker.id)
        self.assertEqual([row["function_id"] for row in info["functions"]],
                         ["math::add"])

    def test_02_a_name_that_changed_its_meaning_means_what_the_client_means(self):
        old, new = self.worker().describe("old", "0.11.6"), self.worker()
        new.describe("new", "0.22.1")
        trigger = old.trigger("my-tt", "f")
        rows = old.call("engine::triggers::list")["result"]["triggers"]
        self.assertEqual([row["id"] for row in rows], [trigger])
        rows = new.call("engine::triggers::list")["result"]["triggers"]
        self.assertIn("engine::workers-available", [row["id"] for row in rows])

    def test_03_filters(self):
        worker = self.worker().describe("calc")
        for name in ("a::one", "a::two", "b::one"):
            worker.function(name)
        self.worker().describe("other").function("b::two").silence()

        def ids(**asked):
            rows = worker.call("engine::functions::list", asked)["result"]["functions"]
            return [row["function_id"] for row in rows]
        self.assertEqual(ids(prefix="a::"), ["a::one", "a::two"])
        self.assertEqual(ids(search="one"), ["a::one", "b::one"])
        self.assertEqual(ids(worker="other"), ["b::two"])
        self.assertEqual(len(ids(workers=["other", "calc"])), 4)
        rows = worker.call("engine::workers::list", {"worker_id": worker.id})
        self.assertEqual([row["id"] for row in rows["result"]["workers"]], [worker.id])

    def test_04_a_busy_worker_is_busy(self):
        owner, caller = self.pair("slow")
        caller.ask("slow", {})
        call = owner.hear()
        row, = caller.call("engine::workers::list",
                           {"status": "busy"})["result"]["workers"]
        self.assertEqual((row["id"], row["active_invocations"]), (owner.id, 1))
        owner.answer(call)

    def test_05_what_a_client_of_python_cannot_take_is_not_sent(self):
        worker = self.worker().function("on::functions", metadata={"internal": True})
        worker.trigger("engine::functions-available", "on::functions")
        worker.silence()
        crowd = self.worker()
        for i in range(1500):
            crowd.function(f"f::{i}", description="x" * 900)
        crowd.silence()
        text = None
        while text is None or '"truncated":true' not in text:
            text = worker.hear_text()
            self.assertLess(len(text), 1 << 20)

    def test_06_words_for_the_log_are_in_it(self):
        worker = self.worker()
        answer = worker.call("engine::log::warn",
                             {"message": "a \"word\"\nof two", "data": {"n": 1}})
        self.assertNotIn("error", answer)
        until(lambda: 'message="a \\"word\\"\\nof two" data={"n":1}'
              in self.engine.logs(), self.engine.logs)


class Reattach(Iii):
    def test_01_the_old_connection_is_torn_down_first(self):
        old = self.worker().function("math::add")
        old.trigger("engine::functions-available", "math::add")
        old.silence()
        caller = self.worker()
        caller.ask("math::add", {})
        self.assertEqual(old.hear()["function_id"], "math::add")
        new = self.worker()
        new.say("reattach", previous_worker_id=old.id, reattach_token=old.token)
        new.function("math::add").silence()
        self.assertEqual(caller.hear()["error"]["code"], "invocation_stopped")
        self.assertEqual(old.closed(), 1000)
        rows = caller.call("engine::workers::list")["result"]["workers"]
        self.assertEqual({row["id"] for row in rows}, {new.id, caller.id})
        caller.ask("math::add", {})
        new.answer(new.hear(), result=5)
        self.assertEqual(caller.hear()["result"], 5)

    def test_02_a_wrong_token_changes_nothing(self):
        old = self.worker().function("math::add").silence()
        thief = self.worker()
        thief.say("reattach", previous_worker_id=old.id, reattach_token=str(uuid.uuid4()))
        thief.say("reattach", previous_worker_id=old.id)
        thief.silence()
        old.silence()


class Jobs(Iii):
    settings = {"lease_ms": 1500, "heartbeat_ms": 300}

    def apply(self, name, more=""):
        self.engine.apply(CALLS.format(name=name, more=more))
        return name

    def test_01_a_function_is_an_action(self):
        owner = self.worker().describe("calc").function("math::add")
        run = self.engine.start(self.apply("adds"))["id"]
        call = owner.hear()
        self.assertEqual((call["function_id"], call["data"]),
                         ("math::add", {"a": 1, "b": 2}))
        self.assertEqual(call["metadata"]["capstan"],
                         {"run": run, "automation": "adds", "step": "add", "attempt": 1})
        owner.answer(call, result={"c": 3})
        document = self.engine.wait_final(run)
        self.assertEqual((document["status"], document["output"]),
                         ("completed", {"c": 3}))

    def test_02_what_a_function_throws_fails_the_attempt(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply(
            "fails", ", retry: {max_attempts: 2, backoff: none}"))["id"]
        for attempt in (1, 2):
            call = owner.hear()
            self.assertEqual(call["metadata"]["capstan"]["attempt"], attempt)
            owner.answer(call, error={"code": "invocation_failed", "message": "boom"})
        document = self.engine.wait_final(run)
        self.assertEqual(document["status"], "failed")
        self.assertEqual(document["error"]["type"], "invocation_failed")

    def test_03_internal_functions_are_no_actions(self):
        owner = self.worker().function("hidden", metadata={"internal": True})
        owner.describe("mine").function("math::add").silence()

        def actions():
            return [row["actions"] for row in self.engine.get("/workers")["items"]
                    if row["name"] == "mine"]
        until(lambda: actions() == [["math::add"]], actions)
        owner.say("unregisterfunction", id="math::add")
        until(lambda: not actions(), actions)

    def test_04_a_job_is_held_past_its_lease_while_the_worker_lives(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply("long"))["id"]
        call = owner.hear()
        for _ in range(12):  # pings of the engine, answered by the client below us
            Loop.do(asyncio.sleep(0.25))
        owner.silence().answer(call, result=1)
        self.assertEqual(self.engine.wait_final(run)["output"], 1)

    def test_05_a_cancelled_job_leaves_its_place_at_once(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply("cancelled"))["id"]
        call = owner.hear()
        self.engine.call("POST", f"/capstan/v1/runs/{run}/cancel", {})
        self.assertEqual(self.engine.wait_final(run)["status"], "cancelled")
        owner.answer(call, result=1)
        owner.silence()
        until(lambda: not any(row["jobs"] for row in
                              self.engine.get("/workers")["items"]), "nothing is held")

    def test_06_who_left_in_mid_job_is_followed_by_another(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply(
            "left", ", retry: {max_attempts: 2, backoff: none}"))["id"]
        call = owner.hear()
        owner.close()
        heir = self.worker().function("math::add")
        again = heir.hear()
        self.assertEqual(again["metadata"]["capstan"]["attempt"], 2)
        self.assertNotEqual(again["invocation_id"], call["invocation_id"])
        heir.say("invocationresult", invocation_id=call["invocation_id"],
                 function_id="math::add", result="stale")
        heir.answer(again, result="right")
        self.assertEqual(self.engine.wait_final(run)["output"], "right")

    def test_07_who_comes_back_goes_on(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply("back"))["id"]
        call = owner.hear()
        owner.close()
        again = self.worker()
        again.say("reattach", previous_worker_id=owner.id, reattach_token=owner.token)
        again.function("math::add").silence()
        for _ in range(8):
            Loop.do(asyncio.sleep(0.25))
        again.silence().answer(call, result="after all")
        self.assertEqual(self.engine.wait_final(run)["output"], "after all")

    def test_08_a_lease_actor_that_begins_anew_takes_the_result(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply("anew"))["id"]
        call = owner.hear()
        # What nobody was told of would be offered anew.
        until(lambda: self.engine.run(run)["status"] == "running", "it is leased")
        self.engine.wait_restarted("lease.0", self.engine.kill("lease.0"))
        owner.answer(call, result=4)
        self.assertEqual(self.engine.wait_final(run)["output"], 4)

    def test_09_a_function_starts_a_run(self):
        owner = self.worker().function("math::add")
        self.apply("started")
        caller = self.worker()
        asked = {"automation": "started", "inputs": {}, "idempotency_key": "one"}
        first = caller.call("capstan::runs::start", asked)["result"]
        second = caller.call("capstan::runs::start", asked)["result"]
        self.assertEqual((first["run"], second["run"]), (second["run"], first["run"]))
        self.assertEqual((first["existed"], second["existed"]), (False, True))
        owner.answer(owner.hear(), result=1)
        self.assertEqual(self.engine.wait_final(first["run"])["status"], "completed")
        for asked, code in (({}, "INVALID_ARGUMENTS"), ([], "INVALID_ARGUMENTS"),
                            ({"automation": "none"}, "not_found"),
                            ({"automation": "started", "inputs": 1},
                             "INVALID_ARGUMENTS")):
            error = caller.call("capstan::runs::start", asked)["error"]
            self.assertEqual(error["code"], code)

    def test_10_the_gateway_dies_in_mid_job(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply(
            "dies", ", retry: {max_attempts: 2, backoff: none}"))["id"]
        owner.hear()
        self.engine.wait_restarted("gateway.0", self.engine.kill("gateway.0"))
        heir = self.worker().function("math::add")
        heir.answer(heir.hear(), result=9)
        self.assertEqual(self.engine.wait_final(run)["output"], 9)

    def test_11_the_engine_goes_down_when_the_last_result_is_there(self):
        owner, caller = self.pair("slow::one")
        caller.ask("slow::one", {})
        call = owner.hear()
        self.engine.process.terminate()
        self.assertEqual(caller.closed(), 1001)
        owner.answer(call, result=1)
        self.assertEqual(owner.closed(), 1001)
        self.engine.down()
        self.engine.up()


class Queues(Iii):
    settings = {"lease_ms": 1500, "heartbeat_ms": 300}

    def enqueue(self, caller, function, data, queue="emails"):
        answer = caller.call(function, data, action={"type": "enqueue", "queue": queue})
        return answer["result"]["messageReceiptId"]

    def stats(self, caller, queue):
        return caller.call("engine::queue::topic_stats", {"queue": queue})["result"]

    def dead(self, caller, queue, count):
        """The dead letters, once there are so many."""
        def read():
            letters = caller.call("engine::queue::dlq_messages",
                                  {"topic": queue})["result"]
            return letters if len(letters) == count else None
        return until(read, f"{count} dead letters") if count else read()

    def subscribed(self, topic, function, active=True):
        """The trigger actor knows what the registry has decided."""
        path = "/automations/" + quote(f"iii.topic {topic} -> {function}") + "/triggers"

        def known():
            try:
                trigger, = self.engine.get(path)["items"]
                return trigger["active"] == active
            except Refused:
                return None
        until(known, f"{function} is subscribed to {topic}: {active}")

    def test_01_an_enqueued_call_is_done_and_may_have_any_data(self):
        owner, caller = self.pair("mail::send")
        for data in ({"to": "ada"}, [1, 2], "text", 7, {"$data": 1}):
            receipt = self.enqueue(caller, "mail::send", data)
            self.assertRegex(receipt, f"^{UUID}$")
            call = owner.hear()
            self.assertEqual((call["function_id"], call.get("data")),
                             ("mail::send", data))
            owner.answer(call, result={"ok": True})

    def test_02_it_waits_for_a_worker_and_uses_no_retry(self):
        caller = self.worker()
        self.enqueue(caller, "late::one", {"n": 1}, "late")
        self.assertEqual(self.stats(caller, "late")["depth"], 1)
        owner = self.worker().function("late::one")
        call = owner.hear()
        self.assertEqual((call["data"], call["metadata"]["capstan"]["attempt"]),
                         ({"n": 1}, 1))
        owner.answer(call, result=1)
        until(lambda: self.stats(caller, "late")["depth"] == 0, "it is done")

    def test_03_the_same_receipt_is_the_same_message(self):
        owner, caller = self.pair("once::only")
        asked = {"queue": "once", "function_id": "once::only", "data": {"n": 1},
                 "messageReceiptId": "order-7"}
        for _ in range(2):
            answer = caller.call("engine::queue::enqueue", asked)
            self.assertEqual(answer["result"], {"messageReceiptId": "order-7"})
        owner.answer(owner.hear(), result=1)
        until(lambda: self.stats(caller, "once")["depth"] == 0, "it is done")
        owner.silence()

    def test_04_a_failing_message_is_tried_again_dies_and_is_redriven_or_discarded(self):
        owner, caller = self.pair("bad::one")
        defined = caller.call("queue::define", {"queue": "bad", "config": {
            "max_retries": 2, "backoff_ms": 10}})["result"]
        self.assertEqual(defined, {"queue": "bad", "changed": True})
        receipts = [self.enqueue(caller, "bad::one", {"n": n}, "bad") for n in (1, 2)]

        def fail(times):
            for _ in range(times):
                owner.answer(owner.hear(), error={"code": "E", "message": "boom"})
        fail(4)
        letters = self.dead(caller, "bad", 2)
        self.assertEqual({letter["id"] for letter in letters}, set(receipts))
        first = next(letter for letter in letters if letter["id"] == receipts[0])
        self.assertEqual((first["payload"], first["error"], first["retries"],
                          first["size_bytes"]), ({"n": 1}, "E: boom", 2, 7))
        self.assertIn("failed_at", first)
        self.assertEqual(caller.call("engine::queue::dlq_messages", {
            "topic": "bad", "offset": 1, "limit": 1})["result"], letters[1:])
        self.assertIn({"topic": "bad", "broker_type": "builtin", "message_count": 2},
                      caller.call("engine::queue::dlq_topics")["result"])
        self.assertEqual(self.stats(caller, "bad")["dlq_depth"], 2)

        def one(what, id):
            return caller.call(f"iii::queue::{what}_message",
                               {"queue": "bad", "message_id": id})["result"]
        self.assertEqual(one("discard", receipts[0]), {
            "queue": "bad", "message_id": receipts[0], "redriven": 1, "discarded": 1})
        self.assertEqual(one("redrive", receipts[0])["redriven"], 0)
        gone, = [run["id"] for run in self.engine.get("/runs")["items"]
                 if run["automation"] == "iii.queue bad -> bad::one"
                 and run["status"] == "cancelled"]
        self.assertIn("run.resumed", [event["event_type"]
                                      for event in self.engine.events(gone)])
        self.engine.tool("runs", "replay", gone, "--verify")
        self.assertEqual(one("redrive", receipts[1]), {
            "queue": "bad", "message_id": receipts[1], "redriven": 1})
        fail(2)  # its attempts are counted anew
        self.dead(caller, "bad", 1)
        self.assertEqual(caller.call("iii::queue::redrive", {"queue": "bad"})["result"],
                         {"queue": "bad", "redriven": 1})
        owner.answer(owner.hear(), result=1)
        until(lambda: self.stats(caller, "bad")["depth"] == 0, "it is done")
        self.assertEqual(self.dead(caller, "bad", 0), [])

    def test_05_no_more_calls_of_a_queue_are_out_than_it_says(self):
        owner, caller = self.pair("few::one")
        config = {"concurrency": 2, "max_retries": 1, "backoff_ms": 10}
        for changed in (True, False):
            self.assertEqual(
                caller.call("queue::define", {"queue": "few", "config": config})["result"],
                {"queue": "few", "changed": changed})
        for n in range(5):
            self.enqueue(caller, "few::one", {"n": n}, "few")
        calls = [owner.hear(), owner.hear()]
        owner.silence()
        self.assertEqual(self.stats(caller, "few"), {
            "depth": 5, "consumer_count": 1, "dlq_depth": 0,
            "config": {"type": "standard", **config}})
        for _ in range(3):
            owner.answer(calls.pop(0), result=1)
            calls.append(owner.hear())
        for call in calls:
            owner.answer(call, result=1)

    def test_06_a_fifo_queue_goes_group_by_group(self):
        owner, caller = self.pair("fifo::one")
        caller.call("queue::define", {"queue": "fifo", "config": {
            "type": "fifo", "message_group_field": "user", "max_retries": 2,
            "backoff_ms": 10}})
        for user, n in (("a", 1), ("a", 2), (7, 3), ("a", 4)):
            self.enqueue(caller, "fifo::one", {"user": user, "n": n}, "fifo")
        calls = {call["data"]["n"]: call for call in (owner.hear(), owner.hear())}
        self.assertEqual(sorted(calls), [1, 3])
        owner.silence().answer(calls[1], error={"code": "E", "message": "once"})
        again = owner.hear()
        self.assertEqual(again["data"]["n"], 1)  # in its place, before 2
        owner.answer(again, result=1)
        for n in (2, 4):
            call = owner.hear()
            self.assertEqual(call["data"]["n"], n)
            owner.answer(call, result=1)
        owner.answer(calls[3], result=1)
        error = caller.call("fifo::one", {"n": 5}, action={
            "type": "enqueue", "queue": "fifo"})["error"]
        self.assertEqual(error["code"], "enqueue_error")

    def test_07_what_is_published_reaches_each_subscriber_also_one_that_is_away(self):
        owner, caller = self.pair("orders::ship")
        owner.function("orders::bill")
        for function, type, config in (
                ("orders::ship", "durable:subscriber", {"queue": "orders"}),
                ("orders::bill", "queue", {"topic": "orders"})):
            owner.trigger(type, function, config=config)
            self.subscribed("orders", function)
        self.assertIn({"name": "orders", "broker_type": "builtin", "subscriber_count": 2},
                      caller.call("engine::queue::list_topics")["result"])
        self.assertNotIn("result", caller.call(
            "iii::durable::publish", {"topic": "orders", "data": [1]}))
        calls = [owner.hear(), owner.hear()]
        self.assertEqual({(call["function_id"], tuple(call["data"])) for call in calls},
                         {("orders::ship", (1,)), ("orders::bill", (1,))})
        for call in calls:
            owner.answer(call, result=1)
        until(lambda: self.stats(caller, "orders")["depth"] == 0, "both are done")
        owner.close()
        caller.call("iii::durable::publish", {"queue": "orders", "data": "kept"})
        until(lambda: self.stats(caller, "orders")["depth"] == 2, "both wait")
        back = self.worker().function("orders::ship").function("orders::bill")
        for _ in range(2):
            call = back.hear()
            self.assertEqual(call["data"], "kept")
            back.answer(call, result=1)

    def test_08_who_unsubscribes_hears_no_more_and_may_come_back(self):
        owner, caller = self.pair("news::read")

        def subscribers():
            return [row["subscriber_count"] for row in caller.call(
                "engine::queue::list_topics")["result"] if row["name"] == "news"]
        id = owner.trigger("durable:subscriber", "news::read", config={"topic": "news"})
        self.subscribed("news", "news::read")
        self.assertEqual(subscribers(), [1])
        owner.say("unregistertrigger", id=id, trigger_type="durable:subscriber")
        self.subscribed("news", "news::read", False)
        self.assertEqual(subscribers(), [0])
        caller.call("iii::durable::publish", {"topic": "news", "data": 1})
        owner.silence()
        owner.trigger("durable:subscriber", "news::read", config={"topic": "news"})
        self.subscribed("news", "news::read")
        caller.call("iii::durable::publish", {"topic": "news", "data": 2})
        call = owner.hear()
        self.assertEqual(call["data"], 2)
        owner.answer(call, result=1)

    def test_09_only_an_explicit_false_of_a_condition_keeps_it_back(self):
        owner, caller = self.pair("if::so")
        owner.function("if::asked")
        owner.trigger("durable:subscriber", "if::so", config={
            "topic": "if", "condition_function_id": "if::asked"})
        self.subscribed("if", "if::so")
        for answer, called in (({"result": False}, False), ({"result": 0}, True),
                               ({}, True), ({"error": {"code": "E", "message": "no"}},
                                            False)):
            caller.call("iii::durable::publish", {"topic": "if", "data": {"n": 1}})
            asked = owner.hear()
            self.assertEqual(asked["function_id"], "if::asked")
            owner.answer(asked, **answer)
            if called:
                call = owner.hear()
                self.assertEqual((call["function_id"], call["data"]["n"]), ("if::so", 1))
                owner.answer(call, result=1)
            until(lambda: self.stats(caller, "if")["depth"] == 0, "it is over")
            owner.silence()

    def test_10_refusals_have_their_codes(self):
        caller = self.worker()
        enqueue = {"type": "enqueue"}
        for function, data, more, code in (
                ("a::b", {}, {"action": enqueue}, "enqueue_error"),
                ("a::b", "x" * (1 << 20), {"action": {**enqueue, "queue": "a"}},
                 "enqueue_error"),
                ("a::b", {}, {"action": {**enqueue, "queue": "a b"}}, "enqueue_error"),
                ("a::b", {}, {"action": {**enqueue, "queue": "x" * 120}}, "enqueue_error"),
                ("engine::queue::enqueue", {"queue": "a"}, {}, "enqueue_error"),
                ("engine::queue::enqueue", [], {}, "enqueue_error"),
                ("queue::define", {}, {}, "INVALID_ARGUMENTS"),
                ("queue::define", {"queue": "q", "config": {"type": "fifo"}}, {},
                 "INVALID_ARGUMENTS"),
                ("queue::define", {"queue": "q", "config": {"concurrency": 0}}, {},
                 "INVALID_ARGUMENTS"),
                ("iii::durable::publish", {"data": 1}, {}, "topic_not_set"),
                ("iii::queue::redrive", {}, {}, "INVALID_ARGUMENTS"),
                ("iii::queue::redrive_message", {"queue": "q", "message_id": "x"}, {},
                 "INVALID_ARGUMENTS")):
            error = caller.call(function, data, **more)["error"]
            self.assertEqual(error["code"], code, (function, error))
        id = caller.trigger("durable:subscriber", "a::b", config={"topic": "a b"})
        failed = caller.hear()
        self.assertEqual((failed["type"], failed["id"], failed["error"]["code"]),
                         ("triggerregistrationresult", id,
                          "trigger_registration_failed"))

    def test_11_what_was_acknowledged_outlives_all_processes(self):
        owner, caller = self.pair("kept::one")
        sent = [self.enqueue(caller, "kept::one", {"n": n}, "kept") for n in range(20)]
        self.assertEqual(len(set(sent)), 20)
        for worker in (owner, caller):
            worker.close()
        self.there = []
        self.engine.kill_all()
        self.engine.up()
        heir = self.worker().function("kept::one")
        seen = set()
        while seen != set(range(20)):
            call = heir.hear()
            seen.add(call["data"]["n"])
            heir.answer(call, result=1)


if __name__ == "__main__":
    unittest.main()
