#!/usr/bin/python3
"""Goal: workers that speak iii's frames find each other, and the traps that a server of
this protocol meets are not met; their functions are actions of automations.

Method: connections that say each frame themselves, to a real engine.  That nothing comes
is seen by a ping whose pong comes next.  tests/interop/iii has the real clients.
"""
import asyncio
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import struct
import sys
import time
import unittest
import uuid
from datetime import datetime
from urllib.parse import quote

import websockets

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from engine import Engine, Refused, until  # noqa: E402
from iii_frames import DEADLINE, Loop, Worker  # noqa: E402

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
POOL = concurrent.futures.ThreadPoolExecutor(64)
CALLS = """
name: {name}
steps:
  - {{key: add, kind: action, action_name: "math::add", parameters: {{a: 1, b: 2}}{more}}}
"""


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
        other = self.worker()
        self.assertEqual(len({worker.id, worker.token, other.id, other.token}), 4)

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

    def test_05_void_calls_that_never_end_take_no_place_from_others(self):
        owner, caller = self.pair()
        for n in range(4096):
            caller.say("invokefunction", function_id="math::add", data=n,
                       action={"type": "void"})
        first, *_ = [owner.hear() for _ in range(4096)]
        caller.ask("math::add", {})
        owner.answer(owner.hear(), result=1)
        self.assertEqual(caller.hear()["result"], 1)
        owner.answer(first, result=2)
        owner.silence()
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

    def test_08_who_waits_for_what_cannot_be_read_is_told(self):
        owner, caller = self.pair()
        ask = ('{"type": "invokefunction", "data": {"x": ",}\\"", "y": %s}, '
               '"function_id": "math::add", "invocation_id": "%s", "action": %s}')
        for wrong in ('"\\ud83d"', "18446744073709551616", "[" * 33 + "]" * 33, "{]"):
            id = str(uuid.uuid4())
            caller.raw(ask % (wrong, id, "null"))
            answer = caller.hear()
            self.assertEqual((answer["invocation_id"], answer["error"]["code"]),
                             (id, "deserialization_error"), wrong)
            caller.raw(ask % (wrong, id, '{"type": "void"}'))
            caller.ask("math::add", 1)
            call = owner.hear()
            owner.raw('{"type": "invocationresult", "result": [%s], '
                      '"invocation_id": "%s"}' % (wrong, call["invocation_id"]))
            self.assertEqual(caller.hear()["error"]["code"], "deserialization_error")
        owner.silence()
        caller.silence()

    def test_09_refusals_have_their_codes(self):
        worker = self.worker().function("math::add")
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
        ids = [row["function_id"] for row in rows]
        self.assertNotIn("engine::mine", ids)
        self.assertEqual(ids.count("capstan::runs::start"), 1)

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
                              (f"/k/{key}/", {"Origin": "https://example.org"}),
                              ("/ws/channels/x?key=y&dir=read", {}),
                              ("/", {"Authorization": "Bearer nonsense"})):
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                Worker(self.engine, path, extra_headers=headers)
            self.assertIn(refused.exception.status_code, (401, 403, 404))

    def test_16_who_may_do_so_no_more_is_sent_away(self):
        def made(*words):
            return json.loads(self.engine.tool(*words, "--json").stdout)
        owner, _ = self.pair()
        lone = made("keys", "create", "k", "--scopes", "work")
        role = made("principals", "create", "ci", "--roles", "Worker")["id"]
        of_role = made("keys", "create", "ci", "--principal", role)
        for key, less in ((lone, ("keys", "revoke", lone["id"])),
                          (of_role, ("principals", "set", role, "--roles", "Viewer"))):
            caller = self.worker(f"/k/{key['key']}/").silence()
            self.engine.tool(*less)
            self.assertEqual(caller.closed(), 1008)
        owner.silence()

    def test_17_what_is_no_handshake_is_told_what_is_one(self):
        def answer(method="GET", connection="Upgrade", version="13"):
            http_client = http.client.HTTPConnection("127.0.0.1", self.engine.iii_port)
            http_client.request(method, "/", headers={
                "Upgrade": "websocket", "Connection": connection,
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                "Sec-WebSocket-Version": version})
            answer = http_client.getresponse()
            http_client.close()
            return answer.status, answer.getheader("Sec-WebSocket-Version")
        self.assertEqual(answer(), (101, None))
        self.assertEqual(answer(connection="keep-alive,\tUpgrade"), (101, None))
        for wrong in ({"method": "HEAD"}, {"version": "8"}, {"connection": "close"}):
            self.assertEqual(answer(**wrong), (400, "13"), wrong)

    def test_15_another_namespace_is_refused_for_good(self):
        worker = self.worker().describe("far", namespace="other")
        refusal = worker.hear()
        self.assertEqual((refusal["type"], refusal["code"], refusal["namespace"],
                          refusal["worker_name"]),
                         ("registrationrejected", "WORKER_NAMESPACE_CONFLICT", "other",
                          "far"))
        self.assertEqual(worker.closed(), 1008)

    def test_16_who_has_too_many_takes_nothing_from_others(self):
        provider, owner, full = self.worker(), self.worker(), self.worker()
        provider.describe("provider").say("registertriggertype", id="t0", description="d")
        trigger = owner.trigger("t0", "f")
        self.assertEqual(provider.hear()["id"], trigger)
        for n in range(1, 4097):
            full.say("registertriggertype", id=f"t{n}", description="d")
        full.describe("full").say("registertriggertype", id="t0", description="mine")
        full.say("registertriggertype", id="t7", description="again")  # its own
        full.silence()
        for id, worker, about in (("t0", "provider", "d"), ("t7", "full", "again")):
            row = full.call("engine::triggers::info", {"id": id})["result"]
            self.assertEqual((row["worker_name"], row["description"]), (worker, about))
        provider.close()
        self.there.remove(provider)
        owner.say("unregistertrigger", id=trigger)
        owner.silence()

    def test_18_what_a_project_registers_has_a_bound(self):
        full, other, provider = self.worker(), self.worker(), self.worker()
        provider.say("registertriggertype", id="t", description="d")
        provider.silence()
        trigger = full.trigger("t", "f0")
        self.assertEqual(provider.hear()["id"], trigger)
        for n in range(34):
            full.function(f"f{n}", metadata={"internal": True, "text": 2000000 * "x"})
        full.silence()
        for worker, id, there in ((full, "f20", True), (full, "f33", False)):
            answer = worker.call("engine::functions::info", {"function_id": id})
            self.assertEqual("result" in answer, there, id)
        full.say("registertrigger", id=trigger, trigger_type="u", function_id="f0",
                 config={}, metadata={"text": 2000000 * "x"})
        full.silence()
        provider.silence()  # what found no room replaces nothing
        other.function("g", metadata={"text": 100000 * "x"}).silence()
        full.function("f0", metadata={"internal": True}).silence()
        other.function("h", metadata={"text": 1500000 * "x"}).silence()
        for id in ("g", "h"):
            self.assertIn("result", full.call("engine::functions::info",
                                              {"function_id": id}), id)

    def test_17_with_its_key_a_connection_goes(self):
        made = json.loads(self.engine.tool("keys", "create", "k", "--scopes", "work",
                                           "--json").stdout)
        worker = self.worker(f"/k/{made['key']}/").function("f", metadata={
            "internal": True})
        topic = worker.trigger("subscribe", "f", config={"topic": "t"})
        worker.silence()
        other = self.worker(f"/k/{made['key']}/otel")
        stays = self.worker()
        self.engine.tool("keys", "revoke", made["id"])
        self.assertEqual((worker.closed(), other.closed()), (1008, 1008))
        until(lambda: "error" in stays.call("engine::registered-triggers::info",
                                            {"id": topic}), "its triggers go")


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

    def test_05_a_type_that_another_provides_is_no_longer_that_of_the_first(self):
        consumer, first = self.worker().function("f"), self.worker()
        first.say("registertriggertype", id="my-tt", description="d")
        first.silence()
        id = consumer.trigger("my-tt", "f")
        self.assertEqual(first.hear()["type"], "registertrigger")
        second = self.worker()
        second.say("registertriggertype", id="my-tt", description="d")
        self.assertEqual(second.hear()["id"], id)
        self.assertEqual(first.hear(), {"type": "unregistertrigger", "id": id,
                                        "trigger_type": "my-tt"})
        first.close()
        second.silence()
        consumer.trigger("her-tt", "f", id)
        self.assertEqual(second.hear(), {"type": "unregistertrigger", "id": id,
                                         "trigger_type": "my-tt"})

    def test_06_types_that_the_engine_does_not_provide_say_so(self):
        worker = self.worker()
        for type in ("trace",):
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
        reads.function("see").trigger("state", "see")
        only_works.trigger("state", "see")
        self.assertEqual(only_works.hear()["error"]["code"], "trigger_registration_failed")
        refused = only_works.call("engine::register_trigger", {
            "trigger_type": "state", "function_id": "see"})
        self.assertEqual(refused["error"]["code"], "trigger_registration_failed")
        reads.silence()
        self.assertEqual(self.result(self.worker(), "get", at), "no result")

    def test_08_who_may_read_no_more_hears_no_more(self):
        def made(*words):
            return json.loads(self.engine.tool(*words, "--json").stdout)
        who = made("principals", "create", "ci", "--roles", "Worker,Viewer")["id"]
        key = made("keys", "create", "ci", "--principal", who)["key"]
        at = self.at("k")
        barred, other = self.worker(f"/k/{key}/"), self.worker()
        for worker in (barred, other):
            worker.function(worker.id).trigger("state", worker.id,
                                               config={"scope": at["scope"]})
            worker.silence()
        changer = self.worker()
        self.result(changer, "set", {**at, "value": 1})
        for worker in (barred, other):
            worker.answer(worker.hear())
        self.engine.tool("principals", "set", who, "--roles", "Worker")
        until(lambda: "error" in barred.call("state::get", at), "it may not read")
        self.result(changer, "set", {**at, "value": 2})
        self.assertEqual(other.hear()["data"]["new_value"], 2)
        barred.silence()

    def test_09_the_trigger_actor_dies_and_what_was_answered_is_there(self):
        worker = self.worker()
        for n in range(3):
            self.result(worker, "set", self.at("k", value=n))
            self.engine.wait_restarted("trigger.0", self.engine.kill("trigger.0"))
            self.assertEqual(self.result(worker, "get", self.at("k")), n)


class Large(Iii):
    """There is room for 1 MiB of messages that are not whole, beyond 64 KiB of each."""
    settings = {"bodies_bytes_max": 1 << 20}

    def test_01_a_ping_in_the_midst_of_a_message_makes_no_room(self):
        worker = self.worker()

        async def pieces():
            for _ in range(24):
                yield " " * 65536
                await (await worker.socket.ping())  # it has been read
        with self.assertRaises(websockets.ConnectionClosed) as end:
            Loop.do(worker.socket.send(pieces()))
        self.assertEqual(end.exception.code, 1013)
        self.worker().silence()


class Discovery(Iii):
    def test_01_rows_have_what_both_generations_read(self):
        worker = self.worker().describe("calc", description="adds", version="0.22.1")
        worker.function("math::add", description="x", metadata={"a": 1},
                        request_format={"type": "object"})
        worker.function("hidden", metadata={"internal": True})
        trigger = worker.trigger("engine::workers-available", "hidden")
        other = worker.trigger("engine::functions-available", "nobody::has")
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
        self.assertEqual({row["id"] for row in triggers["registered_triggers"]},
                         {trigger, other})
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
        self.assertEqual(ids(workers=["other", "none"]), ["b::two"])
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

    def test_04_workers_are_in_the_order_of_their_names(self):
        there = [self.worker().describe(name) for name in ("b", "c", "a", "b")]
        there.append(self.worker())
        rows = there[0].call("engine::workers::list")["result"]["workers"]
        self.assertEqual([(row["name"] or "", row["id"]) for row in rows], sorted(
            zip(("b", "c", "a", "b", ""), (worker.id for worker in there))))

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


    def test_07_what_is_asked_for_is_read_once(self):
        """Not for each row: many rows and a large wish would keep the gateway busy."""
        worker = self.worker()
        for n in range(1000):
            worker.function(f"f::{n}").say("invokefunction", data={"message": "m"},
                                           function_id="engine::log::info")
        worker.silence()
        wide = {"pad": [""] * 500000, "search": "nobody", "worker": "nobody",
                "trace_id": "none", "severity_min": 1}
        for function, rows in (("engine::functions::list", "functions"),
                               ("engine::logs::list", "logs")):
            begin = time.monotonic()
            self.assertEqual(worker.call(function, wide)["result"][rows], [])
            took = time.monotonic() - begin
            self.assertLess(took, 1, function)
        refused = worker.call("engine::functions::list", {"workers": ["w"] * 257})
        self.assertEqual(refused["error"]["code"], "INVALID_ARGUMENTS")


class Infos(Iii):
    def test_01_one_of_each_in_full(self):
        worker = self.worker().describe("calc").function(
            "math::add", description="x", request_format={"type": "object"})
        worker.say("registertriggertype", id="my-tt", description="d",
                   trigger_request_format={"type": "object"})
        id = worker.trigger("http", "math::add", config={"api_path": "/" + "a" * 100},
                            metadata={"m": 1})
        worker.silence()
        result = worker.call("engine::triggers::info", {"id": "my-tt"})["result"]
        self.assertEqual((result["worker_name"], result["description"],
                          result["configuration_schema"], result["instance_count"]),
                         ("calc", "d", {"type": "object"}, 0))
        result = worker.call("engine::triggers::info", {"id": "http"})["result"]
        self.assertEqual((result["worker_name"], result["instance_count"]),
                         ("capstan", 1))
        result = worker.call("engine::registered-triggers::info", {"id": id})["result"]
        self.assertEqual((result["function_id"], result["metadata"],
                          len(result["config_summary"]), result["trigger"]["id"],
                          result["function"]["request_schema"]),
                         ("math::add", {"m": 1}, 80, "http", {"type": "object"}))
        result = worker.call("engine::functions::info", {"function_ids": [
            "math::add", "nobody::has", "publish"]})["result"]["functions"]
        self.assertEqual([(row["function_id"], row.get("error"), row.get("worker_name"))
                          for row in result],
                         [("math::add", None, "calc"), ("nobody::has", "not_found", None),
                          ("publish", None, "capstan")])
        self.assertEqual(result[0]["registered_triggers"][0]["id"], id)
        result = worker.call("engine::health::check")["result"]
        self.assertEqual((result["status"], result["components"]["functions"]),
                         ("healthy", 1))
        for function, asked, code in (
                ("engine::triggers::info", {"id": "x"}, "NOT_FOUND"),
                ("engine::registered-triggers::info", {}, "INVALID_ARGUMENTS"),
                ("engine::registered-triggers::info", {"id": "x"}, "NOT_FOUND"),
                ("engine::functions::info", {"function_ids": ["x"] * 33},
                 "INVALID_ARGUMENTS"),
                ("engine::functions::info", {"function_ids": [1]}, "INVALID_ARGUMENTS")):
            self.assertEqual(worker.call(function, asked)["error"]["code"], code, asked)

    def test_02_a_trigger_without_an_owner_stays(self):
        owner, caller = self.worker().function("see"), self.worker()
        id = caller.call("engine::register_trigger", {
            "trigger_type": "subscribe", "function_id": "see",
            "config": {"topic": "t"}, "metadata": {"m": 1}})["result"]["id"]
        caller.close()
        other = self.worker()
        other.call("publish", {"topic": "t", "data": 1})
        call = owner.hear()
        self.assertEqual((call["data"], call["metadata"]), (1, {"m": 1}))
        row = other.call("engine::registered-triggers::info", {"id": id})["result"]
        self.assertEqual(row["worker_name"], "capstan")
        for removed in (True, False):
            self.assertEqual(other.call("engine::unregister_trigger", {"id": id})
                             ["result"], {"removed": removed})
        other.call("publish", {"topic": "t"})
        owner.silence()
        mine = owner.trigger("subscribe", "see", config={"topic": "t"})
        owner.silence()
        self.assertEqual(other.call("engine::unregister_trigger", {"id": mine})
                         ["result"], {"removed": False})
        for asked, code in (({}, "INVALID_ARGUMENTS"),
                            ({"trigger_type": 7, "function_id": "x"}, "INVALID_ARGUMENTS"),
                            ({"trigger_type": "cron", "function_id": "x",
                              "config": {"expression": "often"}},
                             "trigger_registration_failed")):
            self.assertEqual(other.call("engine::register_trigger", asked)
                             ["error"]["code"], code)

    def test_03_it_reaches_a_provider_too(self):
        provider, caller = self.worker(), self.worker()
        provider.say("registertriggertype", id="my-tt", description="d")
        provider.silence()
        binding = {"trigger_type": "my-tt", "function_id": "f", "config": {"a": 1}}
        for error in ({"code": "x", "message": "conflict of routes"}, None):
            asked = caller.ask("engine::register_trigger", binding)
            told = provider.hear()
            self.assertEqual((told["type"], told["config"]), ("registertrigger", {"a": 1}))
            caller.silence()
            provider.say("triggerregistrationresult", id=told["id"], trigger_type="my-tt",
                         function_id="f", error=error)
            answer = caller.hear()
            self.assertEqual(answer["invocation_id"], asked)
            if error:
                self.assertEqual(answer["error"]["message"], "conflict of routes")
        id = answer["result"]["id"]
        self.assertEqual(id, told["id"])
        rows = caller.call("engine::registered-triggers::list")["result"]
        self.assertEqual([row["id"] for row in rows["registered_triggers"]], [id])
        caller.call("engine::unregister_trigger", {"id": id, "trigger_type": "my-tt"})
        told = provider.hear()
        self.assertEqual((told["type"], told["id"], told["trigger_type"]),
                         ("unregistertrigger", id, "my-tt"))
        gone = self.worker()
        gone.ask("engine::register_trigger", binding)
        told = provider.hear()
        gone.close()
        provider.say("triggerregistrationresult", id=told["id"], trigger_type="my-tt",
                     function_id="f")
        provider.silence()
        caller.ask("engine::register_trigger", binding)
        provider.hear()
        provider.close()
        self.assertIn("id", caller.hear()["result"])  # it waits for another


class Http(Iii):
    settings = {"iii_http_ms": 1500, "iii_http_calls_max": 4, "payload_max": 65536}

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body of a request to a route, in a thread of its own."""
        def do():
            door = http.client.HTTPConnection("127.0.0.1", self.engine.iii_http_port,
                                              timeout=DEADLINE)
            door.request(method, path, body, headers or {})
            answer = door.getresponse()
            text = answer.read()
            door.close()
            kind = answer.getheader("Content-Type") or ""
            value = json.loads(text) if "json" in kind and text else text.decode()
            return answer.status, dict(answer.getheaders()), value
        return POOL.submit(do)

    def route(self, path, method="GET", function="web::serve", worker=None, **config):
        worker = worker or self.worker().function(function)
        worker.id_of_route = worker.trigger(
            "http", function, config={"api_path": path, "http_method": method, **config})
        return worker.silence()

    def get(self, path):
        return self.ask("GET", path).result(DEADLINE)

    def refused(self, worker):
        refusal = worker.hear()
        self.assertEqual((refusal["type"], refusal["error"]["code"]),
                         ("triggerregistrationresult", "trigger_registration_failed"))
        return refusal["error"]["message"]

    def test_01_a_handler_is_told_all_of_a_request(self):
        owner = self.worker().function("web::serve")
        owner.trigger("http", "web::serve", metadata={"m": 1}, config={
            "api_path": "users/:id/posts/:post", "http_method": "post"})
        owner.silence()
        asked = self.ask("POST", "/users/4%202/posts/x?a=1&b=%C3%A9", '{"n": [1, 2.0]}', {
            "Content-Type": "application/json; charset=utf-8", "X-Mine": "yes",
            "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
        call = owner.hear()
        data = call["data"]
        self.assertEqual(data["headers"]["x-mine"], "yes")
        del data["headers"]
        self.assertEqual(call["metadata"], {"m": 1})
        self.assertEqual(call["traceparent"][3:35], "a" * 32)
        self.assertEqual({name: data.get(name) for name in (
            "path_params", "query_params", "path", "method", "body", "trigger")}, {
            "path_params": {"id": "4 2", "post": "x"},
            "query_params": {"a": "1", "b": "é"},
            "path": "/users/:id/posts/:post", "method": "POST", "body": {"n": [1, 2.0]},
            "trigger": {"type": "http", "path": "/users/:id/posts/:post",
                        "method": "POST"}})
        owner.answer(call, result={"status_code": 201, "headers": {"X-Kind": "new"},
                                   "body": {"id": 7}})
        status, headers, body = asked.result(DEADLINE)
        self.assertEqual((status, headers["X-Kind"], headers["Content-Type"], body),
                         (201, "new", "application/json", {"id": 7}))

    def test_02_the_shapes_of_an_answer(self):
        owner = self.route("/shape")
        for result, status, kind, body in (
                ({"body": "hi"}, 200, "application/json", "hi"),
                ({"body": "<p>", "headers": {"Content-Type": "text/html"}}, 200,
                 "text/html", "<p>"),
                ({"status_code": 404, "headers": ["X-A: 1", "content-type: text/plain"],
                  "body": "no"}, 404, "text/plain", "no"),
                ({"status_code": 204, "body": "unseen"}, 204, None, ""),
                ({"status_code": 302, "headers": {"Location": "/x"}}, 302, None, ""),
                ([1, 2], 200, "application/json", [1, 2]),
                ({"status_code": 99}, 500, "application/json", None),
                ({"headers": {"Keep-Alive": "timeout=9", "Bad Name": "x", "X-Cut": "a\r\nb",
                              "X-Two": ["1", "2"]}, "body": 0}, 200,
                 "application/json", 0)):
            asked = self.ask("GET", "/shape")
            owner.answer(owner.hear(), result=result)
            said = asked.result(DEADLINE)
            self.assertEqual((said[0], said[1].get("Content-Type") or
                              said[1].get("content-type")), (status, kind), said)
            if body is not None:
                self.assertEqual(said[2], body)
        self.assertFalse({"X-Cut", "Bad Name", "Keep-Alive"} & set(said[1]))
        asked = self.ask("HEAD", "/shape")
        call = owner.hear()
        self.assertEqual(call["data"]["method"], "HEAD")
        owner.answer(call, result={"body": "long"})
        self.assertEqual(asked.result(DEADLINE)[2], "")

    def test_03_what_goes_wrong_has_its_form(self):
        owner = self.route("/wrong")
        self.assertEqual(self.get("/nothing")[::2], (404, {"error": {
            "code": "NOT_FOUND", "message": "no worker serves this path and method"}}))
        self.assertEqual(self.ask("DELETE", "/wrong").result(DEADLINE)[0], 404)
        asked = self.ask("GET", "/wrong")
        owner.answer(owner.hear(), error={"code": "invocation_failed", "message": "s3cret"})
        status, _, body = asked.result(DEADLINE)
        self.assertEqual((status, body["error"]["code"]), (500, "INTERNAL_ERROR"))
        self.assertNotIn("s3cret", json.dumps(body))
        until(lambda: f"error_id={body['error']['error_id']}" in self.engine.logs(),
              "the log says what it was")
        asked = self.ask("GET", "/wrong")
        owner.hear()
        status, _, body = asked.result(DEADLINE)
        self.assertEqual((status, body["error"]["code"]), (504, "TIMEOUT"))
        rows = self.worker().call("engine::workers::list", {"worker_id": owner.id})
        self.assertEqual(rows["result"]["workers"][0]["active_invocations"], 0)
        asked = self.ask("GET", "/wrong")
        owner.hear()
        owner.close()
        self.assertEqual(asked.result(DEADLINE)[0], 500)
        self.assertEqual(self.get("/wrong")[0], 404)

    def test_04_a_condition_may_say_no(self):
        owner = self.worker().function("may").function("web::serve")
        self.route("/if", worker=owner, condition_function_id="may")
        for result, status in (({"result": False}, 422), ({"result": True}, 200),
                               ({}, 200), ({"result": 0}, 200),
                               ({"error": {"code": "x", "message": "y"}}, 500)):
            asked = self.ask("GET", "/if")
            call = owner.hear()
            self.assertEqual((call["function_id"], call["data"]["path"]), ("may", "/if"))
            owner.answer(call, **result)
            if status == 200:
                owner.answer(owner.hear(), result={"body": "in"})
            said = asked.result(DEADLINE)
            self.assertEqual(said[0], status)
            if status == 422:
                self.assertEqual((said[2]["error"]["code"], said[2]["skipped"]),
                                 ("CONDITION_NOT_MET", True))

    def test_05_middleware_goes_on_or_answers(self):
        owner = self.worker()
        for function in ("one", "two", "web::serve"):
            owner.function(function)
        self.route("/m/:x", worker=owner, middleware_function_ids=["one", "two"])
        asked = self.ask("GET", "/m/7?q=1")
        call = owner.hear()
        self.assertEqual((call["function_id"], call["data"]["phase"],
                          call["data"]["context"], call["data"]["request"]["path_params"],
                          call["data"]["request"]["query_params"]),
                         ("one", "preHandler", {}, {"x": "7"}, {"q": "1"}))
        owner.answer(call, result={"action": "continue"})
        call = owner.hear()
        self.assertEqual(call["function_id"], "two")
        owner.answer(call, result={"action": "respond", "response": {
            "status_code": 401, "body": {"who": "you"}}})
        self.assertEqual(asked.result(DEADLINE)[::2], (401, {"who": "you"}))
        asked = self.ask("GET", "/m/7")
        owner.answer(owner.hear(), result={"action": "continue"})
        owner.answer(owner.hear())
        call = owner.hear()
        self.assertEqual(call["function_id"], "web::serve")
        owner.answer(call, result={"body": 1})
        self.assertEqual(asked.result(DEADLINE)[2], 1)
        asked = self.ask("GET", "/m/7")
        owner.hear()
        self.assertEqual(asked.result(DEADLINE)[2]["error"]["code"],
                         "MIDDLEWARE_TIMEOUT")

    def test_06_routes_that_callers_could_not_tell_apart_are_refused(self):
        owner = self.route("/a/:id")
        other = self.worker().function("web::other")
        other.trigger("http", "web::other", config={"api_path": "/a/:name"})
        self.assertIn("conflict", self.refused(other))
        other.trigger("http", "web::other", config={"api_path": "a/:name",
                                                    "http_method": "PUT"})
        other.trigger("http", "web::other", config={"api_path": "/a/fixed"})
        other.silence()
        self.ask("GET", "/a/fixed")
        self.assertEqual(other.hear()["function_id"], "web::other")
        self.ask("GET", "/a/7")
        self.assertEqual(owner.hear()["function_id"], "web::serve")
        for path, function in (("/b/fixed", "first"), ("/b/:id", "second")):
            other.trigger("http", function, config={"api_path": path})
            other.function(function)
        other.silence()
        self.ask("GET", "/b/fixed")
        self.assertEqual(other.hear()["function_id"], "first")
        for config in ({}, {"api_path": ""}, {"api_path": "/a//b"}, {"api_path": "/a/:x/:x"},
                       {"api_path": "/" + "x/" * 13}, {"api_path": "/a b",
                                                       "http_method": "G T"},
                       {"api_path": "/x", "middleware_function_ids": [1]},
                       {"api_path": "/x", "condition_function_id": 7}):
            other.trigger("http", "web::other", config=config)
            self.refused(other)
        rows = other.call("engine::registered-triggers::list")["result"]
        self.assertEqual(len(rows["registered_triggers"]), 5)

    def test_07_a_route_is_its_triggers(self):
        first = self.route("/own")
        second = self.route("/own", function="web::newer")
        self.ask("GET", "/own")
        self.assertEqual(second.hear()["function_id"], "web::newer")
        first.close()
        self.ask("GET", "/own")
        self.assertEqual(second.hear()["function_id"], "web::newer")
        second.say("registertrigger", id=second.id_of_route, trigger_type="http",
                   function_id="web::newer", config={"api_path": "/moved"})
        second.silence()
        self.assertEqual(self.get("/own")[0], 404)
        self.ask("GET", "/moved")
        second.hear()
        second.say("unregistertrigger", id=second.id_of_route)
        second.silence()
        self.assertEqual(self.get("/moved")[0], 404)

    def test_08_no_more_than_so_many_at_once(self):
        owner = self.route("/slow")
        asked = [self.ask("GET", "/slow") for _ in range(4)]
        calls = [owner.hear() for _ in asked]
        self.assertEqual(self.get("/slow")[2]["error"]["code"], "BUSY")
        for call in calls:
            owner.answer(call, result={"body": 1})
        self.assertEqual([one.result(DEADLINE)[0] for one in asked], [200] * 4)

    def test_09_bodies_have_a_bound_and_a_form(self):
        owner = self.route("/body", "POST")
        json_type = {"Content-Type": "application/json"}
        for body, status in (("x" * 200000, 413), ("{", 400), ("[" * 32 + "]" * 32, 400)):
            self.assertEqual(self.ask("POST", "/body", body, json_type)
                             .result(DEADLINE)[0], status)
        owner.silence()
        asked = self.ask("POST", "/body", "a=1",
                         {"Content-Type": "application/x-www-form-urlencoded"})
        call = owner.hear()
        self.assertIsNone(call["data"]["body"])
        owner.answer(call, result={"body": 1})
        self.assertEqual(asked.result(DEADLINE)[0], 200)

    def test_10_a_thousand_routes(self):
        owner = self.worker().function("web::serve")
        for i in range(1000):
            owner.trigger("http", "web::serve", config={"api_path": f"/many/{i}/:x"})
        owner.silence()
        for i in (0, 500, 999):
            asked = self.ask("GET", f"/many/{i}/y")
            call = owner.hear()
            self.assertEqual(call["data"]["path"], f"/many/{i}/:x")
            owner.answer(call, result={"body": i})
            self.assertEqual(asked.result(DEADLINE)[2], i)

    def test_11_the_key_in_the_path_says_the_project(self):
        owner = self.route("/who")
        self.ask("GET", f"/k/{self.engine.key}/who")
        owner.hear()
        self.assertEqual(self.get("/k/cap_nonsense/who")[0], 401)


class Pages(Iii):
    """Pages of other sites, and what is asked before any route."""
    settings = {"iii_http_origins": "https://app.example http://b.example:8080",
                "iii_http_methods": "GET, PUT", "iii_http_middleware": "all::1  all::2"}
    ask, route = Http.ask, Http.route

    def said(self, origin, method="GET", path="/p", **result):
        asked = self.ask(method, path, headers=origin and {"Origin": origin} or {})
        if result:
            for _ in ("all::1", "all::2"):
                self.owner.answer(self.owner.hear(), result={"action": "continue"})
            self.owner.answer(self.owner.hear(), result=result)
        status, headers, _ = asked.result(DEADLINE)
        more = {name.lower()[15:]: value for name, value in headers.items()
                if name.lower().startswith("access-control-")}
        self.assertEqual(headers["Vary" if "Vary" in headers else "vary"], "origin")
        return status, more

    def setUp(self):
        super().setUp()
        self.owner = self.worker()
        for function in ("all::1", "all::2", "one", "web::serve"):
            self.owner.function(function)
        self.route("/p", worker=self.owner)

    def test_01_a_page_of_a_site_that_is_named_may_read_it(self):
        told = {"expose-headers": "*", "allow-headers": "*, authorization",
                "allow-methods": "GET, PUT"}
        for origin in ("https://app.example", "http://B.example:8080"):
            self.assertEqual(self.said(origin, body=1),
                             (200, {"allow-origin": origin, **told}))
            self.assertEqual(self.said(origin, "OPTIONS"),
                             (204, {"allow-origin": origin, **told}))
            self.assertEqual(self.said(origin, path="/nobody"),
                             (404, {"allow-origin": origin, **told}))

    def test_02_no_other_may(self):
        for origin in ("http://app.example", "https://app.example:1", "null", "*", None,
                       "https://app.example.evil", "xhttps://app.example"):
            self.assertEqual(self.said(origin, body=1), (200, {}))
            self.assertEqual(self.said(origin, "OPTIONS"), (404, {}))

    def test_03_a_function_may_say_it_itself(self):
        self.assertEqual(
            self.said("https://app.example", body=1,
                      headers={"Access-Control-Allow-Origin": "https://c.example"}),
            (200, {"allow-origin": "https://c.example"}))

    def test_04_middleware_of_all_routes_is_asked_first(self):
        self.route("/g", worker=self.owner, middleware_function_ids=["one"])
        asked = self.ask("GET", "/g")
        for function in ("all::1", "all::2", "one"):
            call = self.owner.hear()
            self.assertEqual((call["function_id"], call["data"]["phase"]),
                             (function, "preHandler"))
            self.owner.answer(call, result={"action": "continue"})
        call = self.owner.hear()
        self.assertEqual(call["function_id"], "web::serve")
        self.owner.answer(call, result={"body": 1})
        self.assertEqual(asked.result(DEADLINE)[2], 1)


class AllPages(Iii):
    settings = {"iii_http_origins": "*"}
    ask, route, get = Http.ask, Http.route, Http.get

    def test_01_every_page_may(self):
        asked = self.ask("OPTIONS", "/x", headers={"Origin": "https://any.example"})
        status, headers, _ = asked.result(DEADLINE)
        self.assertEqual((status, headers["access-control-allow-origin"]), (204, "*"))
        owner = self.route("/x", "OPTIONS")
        asked = self.ask("OPTIONS", "/x", headers={"Origin": "https://any.example"})
        owner.answer(owner.hear(), result={"status_code": 202})
        self.assertEqual(asked.result(DEADLINE)[0], 202)


class Channel:
    """One end of a channel, as the client that has this reference takes it."""

    def __init__(self, engine, ref, **wrong):
        path = "/ws/channels/{channel_id}?key={access_key}&dir={direction}".format(
            **{**ref, **wrong})

        async def connect():
            return await websockets.connect(
                f"ws://127.0.0.1:{engine.iii_port}{path}", max_size=None,
                ping_interval=None, max_queue=2, read_limit=4096)
        self.socket = Loop.do(connect())

    def write(self, *pieces):
        for piece in pieces:
            Loop.do(self.socket.send(
                json.dumps(piece) if isinstance(piece, dict) else piece))
        return self

    def close(self):
        Loop.do(self.socket.close(1000, "stream_complete"))

    def abort(self):
        """Its machine says that there is no such connection any more."""
        self.socket.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        Loop.loop.call_soon_threadsafe(self.socket.transport.abort)

    def read(self):
        """All that comes, and the code of the end."""
        async def rest():
            heard = []
            try:
                while True:
                    heard.append(await self.socket.recv())
            except websockets.ConnectionClosed as end:
                return heard, end.code
        return Loop.do(rest())


class Streams(Iii):
    settings = {"iii_http_ms": 4000}

    def route(self, path, method="GET"):
        worker = self.worker().function("web::serve")
        worker.trigger("http", "web::serve",
                       config={"api_path": path, "http_method": method})
        return worker.silence()

    def open(self, path, method="GET", body=None, headers={}):
        """An answer whose body is still to be read, in a thread of its own."""
        def do():
            door = http.client.HTTPConnection("127.0.0.1", self.engine.iii_http_port,
                                              timeout=DEADLINE)
            self.addCleanup(door.close)
            door.request(method, path, body, headers)
            return door.getresponse()
        return POOL.submit(do)

    def writer(self, call):
        return Channel(self.engine, call["data"]["response"])

    def test_01_an_answer_comes_piece_by_piece(self):
        owner = self.route("/events")
        asked = self.open("/events")
        call = owner.hear()
        writer = self.writer(call).write(
            {"type": "set_status", "status_code": 202}, "no json", {"type": "unknown"},
            {"type": "set_headers", "headers": {"Content-Type": "text/event-stream"}},
            b"data: 1\n\n")
        answer = asked.result(DEADLINE)
        self.assertEqual((answer.status, answer.getheader("content-type"),
                          answer.read(9)), (202, "text/event-stream", b"data: 1\n\n"))
        owner.answer(call)
        writer.write(b"data: 2\n\n")
        self.assertEqual(answer.read(9), b"data: 2\n\n")
        writer.close()
        self.assertEqual(answer.read(), b"")

    def test_02_nothing_returned_waits_for_the_channel(self):
        owner = self.route("/late")
        asked = self.open("/late")
        call = owner.hear()
        owner.answer(call)
        self.writer(call).write({"type": "set_status", "status_code": 204}).close()
        self.assertEqual(asked.result(DEADLINE).status, 204)
        asked = self.open("/late")
        owner.answer(owner.hear())
        answer = asked.result(DEADLINE)
        self.assertEqual((answer.status, answer.read()), (200, b""))

    def test_03_what_was_sent_is_read_from_a_channel(self):
        owner = self.route("/up", "POST")
        sent = os.urandom(900000)
        asked = self.open("/up", "POST", sent, {"Content-Type": "image/png"})
        call = owner.hear()
        self.assertIsNone(call["data"]["body"])
        heard, code = Channel(self.engine, call["data"]["request_body"]).read()
        self.assertEqual((b"".join(heard), code), (sent, 1000))
        owner.answer(call, result={"body": len(sent)})
        self.assertEqual(json.loads(asked.result(DEADLINE).read()), len(sent))

    def test_04_half_an_answer_does_not_look_whole(self):
        owner = self.route("/half")
        for end in ("abort", "error"):
            asked = self.open("/half")
            call = owner.hear()
            writer = self.writer(call).write(b"half")
            answer = asked.result(DEADLINE)
            self.assertEqual(answer.read(4), b"half")
            if end == "abort":
                writer.abort()
            else:
                owner.answer(call, error={"code": "invocation_failed", "message": "m"})
            with self.assertRaises(http.client.IncompleteRead):
                answer.read()
        asked = self.open("/half")
        self.writer(owner.hear()).abort()
        self.assertEqual(asked.result(DEADLINE).status, 500)

    def test_05_a_client_that_is_slow_holds_the_writer(self):
        owner = self.route("/slow")
        asked = self.open("/slow")
        writer, sent = self.writer(owner.hear()), []

        async def write():
            for i in range(1000):
                await writer.socket.send(b"x" * 65536)
                sent.append(i)
            await writer.socket.close()
        before = self.engine.resident_kib()["gateway.0"]
        writing = asyncio.run_coroutine_threadsafe(write(), Loop.loop)
        answer = asked.result(DEADLINE)
        other = self.worker()

        def held():
            before = len(sent)
            for _ in range(100):
                other.silence()
            return 0 < len(sent) == before
        until(held, "the writer is held")
        self.assertLess(len(sent), 1000)
        self.assertLess(self.engine.resident_kib()["gateway.0"] - before, 32768)
        self.assertEqual(len(answer.read()), 65536000)
        writing.result(DEADLINE)

    def test_06_a_client_that_leaves_ends_the_writer(self):
        owner = self.route("/gone")
        asked = self.open("/gone")
        writer = self.writer(owner.hear()).write(b"x")
        asked.result(DEADLINE).close()
        self.doCleanups()

        async def write():
            while True:
                await writer.socket.send(b"x" * 65536)
        with self.assertRaises(websockets.ConnectionClosed):
            Loop.do(write())


    def test_07_the_engine_goes_down_when_the_answer_has_left(self):
        owner = self.route("/last")
        asked = self.open("/last")
        call = owner.hear()
        writer = self.writer(call).write(b"one ")
        answer = asked.result(DEADLINE)
        self.assertEqual(answer.read(4), b"one ")
        idle = self.worker()
        self.engine.process.terminate()
        self.assertEqual(idle.closed(), 1001)
        writer.write(b"two").close()
        owner.answer(call)
        self.assertEqual(answer.read(), b"two")
        self.assertEqual(owner.closed(), 1001)
        self.engine.down()
        self.engine.up()


    def test_08_the_engine_does_not_wait_for_ever(self):
        """Handlers that never answer, or say that they will and do not."""
        with Engine(drain_ms=600, iii_http_ms=60000) as engine:
            owner = Worker(engine).function("web::serve")
            owner.trigger("http", "web::serve", config={"api_path": "/never"})
            owner.silence()

            def ask():
                door = http.client.HTTPConnection("127.0.0.1", engine.iii_http_port,
                                                  timeout=DEADLINE)
                self.addCleanup(door.close)
                door.request("GET", "/never")
                return door.getresponse()
            asked = [POOL.submit(ask) for _ in range(3)]
            calls = [owner.hear() for _ in asked]
            owner.answer(calls[0])
            streams = Channel(engine, calls[1]["data"]["response"]).write(b"x")
            owner.silence()
            engine.down()
            for one in asked:
                try:
                    self.assertIn(one.result(DEADLINE).status, (200, 500, 503))
                except (http.client.HTTPException, ConnectionError):
                    pass
            self.assertNotIn("process_died name=gateway", engine.logs())
            streams.close()
            owner.close()


    def test_09_headers_that_are_said_again_and_again_take_no_room(self):
        owner = self.route("/again")
        asked = self.open("/again")
        writer = self.writer(owner.hear())
        before = self.engine.resident_kib()["gateway.0"]
        for n in range(600):
            writer.write({"type": "set_headers",
                          "headers": {"x-last": str(n), "x-wide": ["y" * 60] * 900}})
        writer.write({"type": "set_headers", "headers": {"x-last": "of all"}}, b"body")
        answer = asked.result(DEADLINE)
        grown = self.engine.resident_kib()["gateway.0"] - before
        self.assertEqual((answer.getheader("x-last"), answer.getheader("x-wide")),
                         ("of all", None))
        self.assertLess(grown, 16384, "33 MiB were said")
        writer.close()
        self.assertEqual(answer.read(), b"body")


class Channels(Iii):
    def create(self, **asked):
        answer = self.worker().call("engine::channels::create", asked)
        return answer["result"]

    def end(self, ref, **wrong):
        return Channel(self.engine, ref, **wrong)

    def test_01_what_is_written_is_read_in_order_and_as_it_was(self):
        both = self.create()
        self.assertEqual({name: ref["direction"] for name, ref in both.items()},
                         {"writer": "write", "reader": "read"})
        reader, writer = self.end(both["reader"]), self.end(both["writer"])
        said = [b"\x00\xff", "text é", b"", '{"type":"x"}', b"x" * 300000]
        writer.write(*said).close()
        self.assertEqual(reader.read(), (said, 1000))

    def test_02_the_writer_need_not_wait_for_the_reader(self):
        both = self.create(buffer_size=8)
        writer = self.end(both["writer"])
        writer.write(*"012345").close()
        self.assertEqual(self.end(both["reader"]).read(), (list("012345"), 1000))

    def test_03_who_may_take_an_end(self):
        both = self.create()
        for wrong in ({"channel_id": str(uuid.uuid4())}, {"access_key": "x"},
                      {"direction": "both"}):
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                self.end(both["reader"], **wrong)
            self.assertEqual(refused.exception.status_code, 404)
        self.end(both["reader"])
        with self.assertRaises(websockets.InvalidStatusCode) as refused:
            self.end(both["reader"])
        self.assertEqual(refused.exception.status_code, 409)
        for size in (0, "7", -1):
            refusal = self.worker().call("engine::channels::create",
                                         {"buffer_size": size})
            self.assertEqual(refusal["error"]["code"], "INVALID_ARGUMENTS")

    def test_04_a_reader_that_is_slow_holds_the_writer_and_nobody_else(self):
        both = self.create(buffer_size=4)
        reader, writer = self.end(both["reader"]), self.end(both["writer"])
        pieces, sent = 1000, []

        async def write():
            for i in range(pieces):
                await writer.socket.send(i.to_bytes(4, "big") * 16384)
                sent.append(i)
            await writer.socket.close()
        before = self.engine.resident_kib()["gateway.0"]
        writing = asyncio.run_coroutine_threadsafe(write(), Loop.loop)
        until(lambda: len(sent) > 8, "the writer has begun")
        other = self.worker()

        def held():
            before = len(sent)
            for _ in range(100):
                other.silence()
            return len(sent) == before
        until(held, "the writer is held")
        self.assertLess(len(sent), pieces)
        self.assertLess(self.engine.resident_kib()["gateway.0"] - before, 32768)
        heard, code = reader.read()
        writing.result(DEADLINE)
        self.assertEqual((code, len(heard)), (1000, pieces))
        self.assertEqual(b"".join(one[:4] for one in heard),
                         b"".join(i.to_bytes(4, "big") for i in range(pieces)))

    def test_05_a_reader_that_leaves_takes_the_writer_with_it(self):
        both = self.create()
        reader, writer = self.end(both["reader"]), self.end(both["writer"])
        reader.close()
        self.assertEqual(writer.read(), ([], 1000))
        with self.assertRaises(websockets.InvalidStatusCode):
            self.end(both["reader"])

    def test_06_what_is_cut_off_does_not_look_whole(self):
        both = self.create()
        reader, writer = self.end(both["reader"]), self.end(both["writer"])
        writer.write("half")
        self.assertEqual(Loop.do(reader.socket.recv()), "half")
        writer.abort()
        self.assertEqual(reader.read(), ([], 1011))

    def test_07_a_held_writer_that_vanishes_costs_nothing(self):
        both = self.create(buffer_size=1)
        writer = self.end(both["writer"])

        async def write():
            while True:
                await writer.socket.send(b"x" * 65536)
        writing = asyncio.run_coroutine_threadsafe(write(), Loop.loop)
        until(lambda: writer.socket.transport.get_write_buffer_size() > 0, "it is held")
        writer.abort()
        self.assertIsNotNone(writing.exception(DEADLINE))
        before = self.engine.cpu_seconds()
        time.sleep(1)  # what is measured
        self.assertLess(self.engine.cpu_seconds() - before, 0.2)
        heard, code = self.end(both["reader"]).read()
        self.assertEqual(code, 1011)
        self.assertEqual(set(heard), {b"x" * 65536})


class Cron(Iii):
    def job(self, worker, function, expression="* * * * * *", **config):
        return worker.trigger("cron", function,
                              config={"expression": expression, **config})

    def test_01_a_function_is_called_at_its_times(self):
        worker = self.worker().function("tick")
        id = worker.trigger("cron", "tick", config={"expression": "* * * * * *"},
                            metadata={"m": 1})
        seen = []
        for _ in range(3):
            call = worker.hear()
            self.assertEqual((call["metadata"], call["data"]["trigger"],
                              call["data"]["job_id"]), ({"m": 1}, "cron", id))
            at = [datetime.fromisoformat(call["data"][name].replace("Z", "+00:00"))
                  for name in ("scheduled_time", "actual_time")]
            self.assertEqual(at[0].microsecond, 0)
            self.assertLess(abs((at[1] - at[0]).total_seconds()), 5)
            self.assertGreaterEqual(at[1], at[0])
            seen.append(at[0])
            worker.answer(call)
        self.assertEqual(seen, sorted(set(seen)))
        worker.say("unregistertrigger", id=id)
        worker.silence()

    def test_02_one_call_at_a_time_and_none_is_made_up_for(self):
        worker, other = (self.worker().function("slow"), self.worker().function("fast"))
        id = self.job(worker, "slow")
        self.job(other, "fast")
        slow = worker.hear()
        for _ in range(3):
            other.answer(other.hear())
        worker.silence()
        log = self.engine.logs()
        self.assertEqual(
            len(re.findall(f'iii_cron_left_out job="?{id}"? function="?slow', log)), 1, log)
        worker.answer(slow)
        again = worker.hear()
        self.assertGreater(again["data"]["scheduled_time"],
                           slow["data"]["scheduled_time"])
        other.answer(other.hear())
        worker.silence()

    def test_03_a_condition_and_a_failure_leave_one_time_out(self):
        worker = self.worker().function("may").function("tick")
        self.job(worker, "tick", condition_function_id="may")
        for result in ({"result": False}, {"error": {"code": "x", "message": "y"}}):
            call = worker.hear()
            self.assertEqual(call["function_id"], "may")
            worker.answer(call, **result)
        call = worker.hear()
        self.assertEqual(call["function_id"], "may")
        worker.answer(call, result=True)
        call = worker.hear()
        self.assertEqual(call["function_id"], "tick")
        worker.answer(call, error={"code": "x", "message": "y"})
        self.assertEqual(worker.hear()["function_id"], "may")

    def test_04_what_is_no_schedule_is_refused(self):
        worker = self.worker().function("tick")
        for expression in ("* * * * *", "* * * * * 0", "often", None):
            id = self.job(worker, "tick", expression)
            refusal = worker.hear()
            self.assertEqual((refusal["id"], refusal["error"]["code"]),
                             (id, "trigger_registration_failed"))
            self.assertIn("expression", refusal["error"]["message"])
        worker.trigger("cron", "tick", config={"expression": "* * * * * *",
                                               "condition_function_id": ["may"]})
        self.assertIn("condition_function_id", worker.hear()["error"]["message"])
        rows = worker.call("engine::registered-triggers::list")["result"]
        self.assertEqual(rows["registered_triggers"], [])

    def test_05_who_left_takes_its_jobs_along_and_others_go_on(self):
        function = self.worker().function("tick")
        owner, heir = self.worker(), self.worker()
        self.job(owner, "tick")
        call = function.hear()
        owner.close()
        function.answer(call)
        id = self.job(heir, "tick")
        call = function.hear()
        self.assertEqual(call["data"]["job_id"], id)
        function.close()
        again = self.worker().function("tick")
        self.assertEqual(again.hear()["data"]["job_id"], id)


class Topics(Iii):
    def test_01_whoever_subscribes_is_called_with_the_data(self):
        first, second = self.worker().function("one"), self.worker().function("two")
        first.trigger("subscribe", "one", config={"topic": "orders"}, metadata={"m": 1})
        first.trigger("subscribe", "one", config={"topic": "other"})
        second.trigger("subscribe", "two", config={"topic": "orders"})
        first.silence(), second.silence()
        for data in ({"id": 7}, [1], None):
            answer = self.worker().call("publish", {"topic": "orders", "data": data})
            self.assertNotIn("result", answer)
            self.assertNotIn("error", answer)
            call = first.hear()
            self.assertEqual((call["data"], call["metadata"]), (data, {"m": 1}))
            first.answer(call, error={"code": "x", "message": "nobody hears of it"})
            self.assertEqual(second.hear()["data"], data)
        first.silence(), second.silence()

    def test_02_a_topic_must_be_named(self):
        worker = self.worker()
        for data in ({}, {"topic": ""}, {"topic": 7}):
            self.assertEqual(worker.call("publish", data)["error"]["code"],
                             "topic_not_set")
        worker.trigger("subscribe", "one")
        self.assertEqual(worker.hear()["error"]["code"], "trigger_registration_failed")
        self.assertNotIn("error", worker.call("publish", {"topic": "nobody"}))


    def test_03_an_event_for_one_that_does_not_read_costs_what_it_can_take(self):
        worker, caller = self.worker(max_queue=1).function("one"), self.worker()
        for n in range(4000):
            worker.trigger("subscribe", "one", str(n), {"topic": "t"})
        worker.silence()
        begin = time.monotonic()
        caller.call("publish", {"topic": "t", "data": "x" * 1000000})
        took = time.monotonic() - begin
        self.there.remove(worker)  # it could not close, as it does not read
        Loop.loop.call_soon_threadsafe(worker.socket.transport.abort)
        self.assertLess(took, 1.5)


class Records(Iii):
    def log(self, worker, level="info", **said):
        self.assertNotIn("error", worker.call("engine::log::" + level, said))

    def test_01_what_is_logged_can_be_listed(self):
        worker = self.worker().describe("calc")
        worker.call("engine::logs::clear")
        self.log(worker, "warn", message="low", data={"left": 3}, trace_id="t1")
        self.log(worker, "debug", message={"a": 1}, data=[1], service_name="mine")
        answer = worker.call("engine::logs::list")["result"]
        self.assertEqual(answer["total"], 2)
        names = ("severity_text", "severity_number", "body", "attributes", "trace_id",
                 "service_name", "worker_id")
        self.assertEqual([[row[name] for name in names] for row in answer["logs"]], [
            ["WARN", 13, "low", {"left": 3}, "t1", "calc", worker.id],
            ["DEBUG", 5, '{"a":1}', {"data": [1]}, "", "mine", worker.id]])
        for asked, bodies in (({"severity_min": 9}, ["low"]), ({"trace_id": "t1"}, ["low"]),
                              ({"severity_text": "DEBUG"}, ['{"a":1}']),
                              ({"limit": 1}, ["low"]), ({"offset": 1}, ['{"a":1}']),
                              ({"end_time": 1}, []), ({"start_time": 1}, None)):
            rows = worker.call("engine::logs::list", asked)["result"]["logs"]
            if bodies is not None:
                self.assertEqual([row["body"] for row in rows], bodies, asked)
        self.assertEqual(worker.call("engine::logs::clear")["result"], {"success": True})
        self.assertEqual(worker.call("engine::logs::list")["result"]["logs"], [])

    def test_02_the_latest_are_kept_and_no_more(self):
        worker = self.worker()
        for i in range(1100):
            worker.say("invokefunction", function_id="engine::log::info",
                       data={"message": str(i)})
        rows = worker.call("engine::logs::list")["result"]
        self.assertEqual((rows["total"], rows["logs"][0]["body"], rows["logs"][-1]["body"]),
                         (1000, "100", "1099"))
        for _ in range(70):
            self.log(worker, message="x" * 100000, data={"x": "y" * 8000},
                     trace_id="t" * 100000)
        rows = worker.call("engine::logs::list")["result"]
        self.assertLess(rows["total"], 70)
        self.assertEqual(rows["logs"][-1]["body"], "x" * 8192)

    def test_03_a_trigger_is_fired_by_its_level_and_never_by_itself(self):
        watcher, worker = self.worker().function("see").function("all"), self.worker()
        watcher.trigger("log", "see", config={"level": "error"})
        watcher.silence()
        self.log(worker, "info", message="no")
        watcher.silence()
        self.log(worker, "error", message="yes")
        call = watcher.hear()
        self.assertEqual((call["function_id"], call["data"]["body"],
                          call["data"]["severity_text"]), ("see", "yes", "ERROR"))
        self.log(watcher, "error", message="I saw it")
        watcher.answer(call)
        watcher.silence()
        watcher.ask("engine::log::error", {"message": "mine"})
        self.assertEqual(watcher.hear()["data"]["body"], "mine")
        self.assertEqual(watcher.hear()["type"], "invocationresult")
        watcher.trigger("log", "see", config={"level": "loud"})
        self.assertIn("loud", watcher.hear()["error"]["message"])

    def test_04_a_watcher_that_never_answers_is_told_so_much(self):
        watcher, worker = self.worker().function("see"), self.worker()
        watcher.trigger("log", "see")
        watcher.silence()
        for i in range(50):
            self.log(worker, message=str(i))
        calls = [watcher.hear() for _ in range(16)]
        watcher.silence()
        watcher.answer(calls[0])
        watcher.silence()
        self.log(worker, message="again")
        self.assertEqual(watcher.hear()["data"]["body"], "again")

    def test_04_two_watchers_do_not_feed_each_other(self):
        first, second = self.worker().function("see"), self.worker().function("hear")
        first.trigger("log", "see")
        second.trigger("log", "hear")
        first.silence()
        second.silence()
        self.log(self.worker(), message="once")
        calls = first.hear(), second.hear()
        self.assertEqual([call["data"]["body"] for call in calls], ["once", "once"])
        for watcher, other in ((first, second), (second, first)):
            self.log(watcher, message="I was told")
            other.silence()
        for watcher, call in zip((first, second), calls):
            watcher.answer(call)
            watcher.silence()
        first.ask("engine::log::info", {"message": "of its own"})
        for watcher in (first, second):
            self.assertEqual(watcher.hear()["data"]["body"], "of its own")

    def test_05_baggage_is_what_the_call_carries(self):
        worker = self.worker()
        self.assertEqual(worker.call("engine::baggage::get_all", baggage=
                                     "a=1;p=x, b=%C3%A9 ,=,c")["result"],
                         {"baggage": {"a": "1", "b": "é", "c": ""}})
        for key, value in (("b", "2"), ("z", None)):
            self.assertEqual(worker.call("engine::baggage::get", {"key": key},
                                         baggage="a=1,b=2")["result"], {"value": value})
        self.assertTrue(worker.call("engine::baggage::set", {"key": "a", "value": "1"})
                        ["result"]["success"])


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

    def test_03_who_comes_back_with_nothing_offers_nothing(self):
        def offered():
            return [worker for worker in self.engine.get("/workers")["items"]
                    if "math::add" in worker["actions"]
                    and worker["status"] not in ("leaving", "disconnected")]
        old = self.worker().function("math::add")
        until(offered, "it offers its function")
        new = self.worker()
        new.say("reattach", previous_worker_id=old.id, reattach_token=old.token)
        until(lambda: not offered(), offered)

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
            owner.answer(call, error={"code": "no_numbers", "message": "boom"})
        document = self.engine.wait_final(run)
        self.assertEqual((document["status"], document["error"]["type"],
                          document["error"]["message"]),
                         ("failed", "no_numbers", "boom"))

    def test_02_what_cannot_be_read_fails_the_attempt(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply("half"))["id"]
        owner.raw('{"type": "invocationresult", "invocation_id": "%s", '
                  '"result": "\\ud83d"}' % owner.hear()["invocation_id"])
        error = self.engine.wait_final(run)["error"]
        self.assertEqual(error["type"], "deserialization_error")
        self.assertIn("half a surrogate pair", error["message"])

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
        watcher = self.worker()

        def rows():
            return watcher.call("engine::workers::list")["result"]["workers"]
        until(lambda: not any(row["active_invocations"] for row in rows()), rows)
        owner.answer(call, result=1)
        owner.silence()

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

    def test_07_who_is_back_before_it_is_missed_goes_on(self):
        old = self.worker().function("math::add").describe("calc")
        run = self.engine.start(self.apply("twice-there"))["id"]
        call = old.hear()
        again = self.worker().function("math::add").describe("calc").silence()
        again.answer(call, result="late")
        self.assertEqual(self.engine.wait_final(run)["output"], "late")

    def test_08_a_lease_actor_that_begins_anew_takes_the_result(self):
        owner = self.worker().function("math::add")
        run = self.engine.start(self.apply("anew"))["id"]
        call = owner.hear()
        # What nobody was told of would be offered anew.
        until(lambda: self.engine.run(run)["status"] == "running", "it is leased")
        self.engine.wait_restarted("lease.0", self.engine.kill("lease.0"))
        until(lambda: any(row["jobs"] for row in self.engine.get("/workers")["items"]),
              "it is held again")
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
        key = self.engine.call("POST", "/capstan/v1/keys",
                               {"name": "w", "scopes": ["work"]})["key"]
        error = self.worker(f"/k/{key}/").call("capstan::runs::start",
                                               {"automation": "started"})["error"]
        self.assertEqual(error["code"], "FORBIDDEN")

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

    def test_13_who_has_too_much_to_do_is_not_asked_again_and_again(self):
        owner, caller = self.pair()
        for n in range(4096):
            caller.ask("math::add", n)
        calls = [owner.hear() for _ in range(4096)]

        def asked():
            return self.engine.counters("gateway.0")["dispatched"]
        before = asked()
        run = self.engine.start(self.apply("much"))["id"]
        until(lambda: asked() > before, "it was to be given the job")
        Loop.do(asyncio.sleep(0.5))
        for call in calls:
            owner.answer(call)
            caller.hear()
        owner.answer(owner.hear(), result=1)
        self.assertEqual(self.engine.wait_final(run)["output"], 1)
        self.assertLess(asked() - before, 5)

    def test_12_who_registers_while_a_job_is_on_its_way_is_called_once(self):
        owner = self.worker().function("math::add").silence()
        name, pid = self.apply("once"), self.engine.pid("lease.0")
        for round in range(6):
            # All of it waits for the lease actor, which hears the gateway and the
            # scheduler in turn: in some round of the job before the last function.
            os.kill(pid, signal.SIGSTOP)
            for n in range(round % 3):
                owner.function(f"before::{round}::{n}").silence()
                Loop.do(asyncio.sleep(0.05))
            run = self.engine.start(name)["id"]
            owner.function(f"after::{round}").silence()
            Loop.do(asyncio.sleep(0.1))
            os.kill(pid, signal.SIGCONT)
            owner.answer(owner.hear(), result=round)
            self.assertEqual(self.engine.wait_final(run, 5)["output"], round)
            owner.silence()




class Recall(Iii):
    """A worker that lives on when the engine, or its gateway, begins anew."""
    settings = {"lease_ms": 1500, "heartbeat_ms": 300, "iii_recall_ms": 4000}
    apply = Jobs.apply

    def begin(self, name):
        """A run whose one job is in hand, and is durably known to be."""
        owner = self.worker().function("math::add").describe("calc")
        run = self.engine.start(self.apply(
            name, ", retry: {max_attempts: 2, backoff: none}"))["id"]
        call = owner.hear()
        until(lambda: self.engine.run(run)["status"] == "running", "it is leased")
        return run, call

    def restart(self):
        self.engine.kill_all()
        self.engine.up()

    def back(self, **parts):
        """The same process, over another connection: as its client says it."""
        return self.worker().function("math::add").describe("calc", **parts)

    def ended(self, run, output, attempts=1):
        document = self.engine.wait_final(run)
        self.assertEqual((document["status"], document["output"]), ("completed", output))
        calls = [event for event in self.engine.events(run)
                 if event["event_type"] == "action.called"]
        self.assertEqual(len(calls), attempts, calls)

    def answered_late(self, run, call):
        again = self.back()
        for _ in range(10):  # a lease and more
            Loop.do(asyncio.sleep(0.25))
        again.silence().answer(call, result="late")
        self.ended(run, "late")
        again.silence()

    def test_01_a_result_that_came_before_its_worker_is_known_counts(self):
        run, call = self.begin("early")
        self.restart()
        again = self.worker().function("math::add")
        again.answer(call, result="once")
        again.describe("calc").silence()
        self.ended(run, "once")
        again.silence()

    def test_02_a_job_goes_on_past_its_lease(self):
        run, call = self.begin("long")
        self.restart()
        self.answered_late(run, call)

    def test_03_the_gateway_alone_begins_anew(self):
        run, call = self.begin("door")
        self.engine.wait_restarted("gateway.0", self.engine.kill("gateway.0"))
        self.answered_late(run, call)

    def test_04_what_is_thrown_counts_too(self):
        run, call = self.begin("thrown")
        self.restart()
        again = self.back()
        again.answer(call, error={"code": "no_numbers", "message": "boom"})
        next = again.hear()
        self.assertEqual(next["metadata"]["capstan"]["attempt"], 2)
        again.answer(next, result="second")
        self.ended(run, "second", attempts=2)

    def test_05_another_process_is_given_the_job_again(self):
        run, call = self.begin("other")
        self.restart()
        other = self.back(pid=8)
        again = other.hear()
        self.assertNotEqual(again["invocation_id"], call["invocation_id"])
        other.answer(again, result="other")
        self.ended(run, "other")
        other.answer(call, result="stale")
        other.silence()

    def test_06_who_never_answers_is_given_it_again_after_a_while(self):
        run, call = self.begin("mute")
        self.restart()
        again = self.back()
        next = again.hear()
        self.assertEqual(next["metadata"]["capstan"]["attempt"], 2)
        again.answer(next, result="again")
        self.ended(run, "again", attempts=2)

    def test_07_of_two_that_say_the_same_either_may_answer(self):
        run, call = self.begin("twins")
        self.restart()
        first, second = self.back(), self.back()
        first.silence()
        second.silence().answer(call, result="twin")
        self.ended(run, "twin")

    def test_08_an_id_that_was_never_given_changes_nothing(self):
        run, call = self.begin("forged")
        self.restart()
        again = self.back()
        last = "0" if call["invocation_id"][-1] != "0" else "1"
        for id in (str(uuid.uuid4()), call["invocation_id"][:-1] + last):
            again.say("invocationresult", invocation_id=id, function_id="math::add",
                      result="forged")
        again.silence().answer(call, result="true")
        self.ended(run, "true")

    def test_09_a_job_goes_on_through_two_restarts(self):
        run, call = self.begin("twice")
        for _ in range(2):
            self.restart()
            again = self.back().silence()
            until(lambda: any(row["jobs"] for row in self.engine.get("/workers")["items"]),
                  "it is held again")
        again.answer(call, result="thrice")
        self.ended(run, "thrice")

    def test_10_who_comes_back_without_a_word_goes_on(self):
        run, call = self.begin("silent")
        self.there[0].close()
        again = self.back()
        again.silence().answer(call, result="after all")
        self.ended(run, "after all")
        again.silence()


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

    def test_04_a_redrive_that_is_not_answered_says_so(self):
        with Engine(request_ms=1000) as engine:
            owner = Worker(engine).function("bad::one").silence()
            caller = Worker(engine)
            caller.call("queue::define", {"queue": "bad", "config": {"max_retries": 1}})
            for _ in range(2):
                self.enqueue(caller, "bad::one", 1, "bad")
                owner.answer(owner.hear(), error={"code": "E", "message": "boom"})
            letter = self.dead(caller, "bad", 2)[0]["id"]
            scheduler = engine.kill("scheduler.0", signal.SIGSTOP)
            codes = [caller.call(f"iii::queue::{what}", {
                "queue": "bad", "message_id": letter}).get("error", {}).get("code")
                for what in ("redrive", "redrive_message", "discard_message")]
            os.kill(scheduler, signal.SIGCONT)
            self.assertEqual(codes, ["timeout"] * 3)
            owner.close()
            caller.close()

    def test_04_a_large_dead_letter_is_in_the_list(self):
        owner, caller = self.pair("large::one")
        caller.call("queue::define", {"queue": "large", "config": {"max_retries": 1}})
        for size in (800000, 10):
            self.enqueue(caller, "large::one", size * "x", "large")
            owner.answer(owner.hear(), error={"code": "E", "message": "boom"})
        until(lambda: self.stats(caller, "large")["dlq_depth"] == 2, "both are dead")
        self.assertEqual([(letter["payload"], letter["size_bytes"])
                          for letter in self.dead(caller, "large", 2)],
                         [(10 * "x", 12), (None, 800002)])

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

    def test_08_who_unsubscribes_at_once_hears_nothing(self):
        owner, caller = self.pair("brief::read")
        for _ in range(2):  # also when there was one before
            id = owner.trigger("durable:subscriber", "brief::read",
                               config={"topic": "brief"})
            owner.say("unregistertrigger", id=id, trigger_type="durable:subscriber")
            owner.silence()
            self.subscribed("brief", "brief::read", False)
        caller.call("iii::durable::publish", {"topic": "brief", "data": 1})
        owner.silence()

    def test_08_a_subscription_that_is_said_anew_is_the_only_one(self):
        owner, caller = self.pair("press::read")
        owner.function("press::file")
        id = owner.trigger("durable:subscriber", "press::read", config={"topic": "press"})
        self.subscribed("press", "press::read")
        owner.trigger("queue", "press::read", id, {"queue": "press", "max_retries": 2})
        owner.trigger("queue", "press::file", id, {"queue": "press"})
        self.subscribed("press", "press::file")
        self.subscribed("press", "press::read", False)
        owner.trigger("state", "press::file", id)
        self.subscribed("press", "press::file", False)
        caller.call("iii::durable::publish", {"topic": "press", "data": 1})
        owner.silence()

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
                ("a::b", json.loads(31 * "[" + 31 * "]"),
                 {"action": {**enqueue, "queue": "a"}}, "enqueue_error"),
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

    def test_12_a_subscriber_without_an_owner(self):
        owner, caller = self.pair("own::less")
        id = caller.call("engine::register_trigger", {
            "trigger_type": "durable:subscriber", "function_id": "own::less",
            "config": {"topic": "own"}})["result"]["id"]
        self.subscribed("own", "own::less")
        caller.call("iii::durable::publish", {"topic": "own", "data": 1})
        owner.answer(owner.hear(), result=1)
        lone = json.loads(self.engine.tool("keys", "create", "k", "--scopes", "work",
                                           "--json").stdout)["key"]
        for ends, removed in ((self.worker(f"/k/{lone}/"), False), (caller, True)):
            self.assertEqual(ends.call("engine::unregister_trigger", {"id": id})["result"],
                             {"removed": removed})
        self.subscribed("own", "own::less", False)

    def test_13_what_could_not_be_seen_to_is_not_remembered(self):
        with Engine(requests_max=64) as engine:
            caller, action = Worker(engine), {"type": "enqueue", "queue": "q"}
            self.assertIn("result", caller.call("first::one", {}, action=action))
            registry = engine.kill("registry.0", signal.SIGSTOP)
            for batch in range(21):  # of 10,500, all but a few are refused at once
                for n in range(500):
                    caller.ask(f"f::{batch}::{n}", {}, action=action)
                for _ in range(500 if batch > 0 else 450):
                    self.assertIn("error", caller.hear())
            os.kill(registry, signal.SIGCONT)
            other = Worker(engine)

            def served(function):
                answer = other.call(function, {}, action=action)
                self.assertNotIn("too many queues", str(answer))
                return "result" in answer
            for function in ("first::one", "f::0::0"):
                until(lambda: served(function), function)
            caller.close()
            other.close()

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
