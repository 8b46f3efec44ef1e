#!/usr/bin/python3
"""Goal: workers that speak iii's frames find each other, and the traps that a server of
this protocol meets are not met; their functions are actions of automations.

Method: connections that say each frame themselves, to a real engine.  That nothing comes
is seen by a ping whose pong comes next.  tests/interop/iii has the real clients.
"""
import asyncio
import os
import re
import signal
import sys
import unittest
import uuid

import websockets

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from engine import Engine, until  # noqa: E402
from iii_frames import Loop, Worker  # noqa: E402

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
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
        worker = self.worker().function("math::add")
        for function, parts, code in (
                ("nobody::has", {}, "function_not_found"),
                ("state::get", {}, "function_not_found"),
                ("engine::no::such", {}, "function_not_found"),
                ("math::add", {"action": {"type": "enqueue", "queue": "q"}},
                 "invocation_error"),
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
        self.assertIn("does not serve it", worker.call("state::get")["error"]["message"])

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
        for type in ("http", "cron", "state", "durable:subscriber", "subscribe"):
            id = worker.trigger(type, "f")
            refusal = worker.hear()
            self.assertEqual((refusal["id"], refusal["function_id"],
                              refusal["error"]["code"]),
                             (id, "f", "trigger_type_not_found"), type)


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
            owner.answer(call, error={"code": "no_numbers", "message": "boom"})
        document = self.engine.wait_final(run)
        self.assertEqual((document["status"], document["error"]["type"],
                          document["error"]["message"]),
                         ("failed", "no_numbers", "boom"))

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



if __name__ == "__main__":
    unittest.main()
