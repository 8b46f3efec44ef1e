#!/usr/bin/python3
"""Goal: the state of a project is what was last acknowledged, by every door, through
crashes and into verify; its changes start automations.

Method: a real engine, its API and the tool; kill -9 of everything while many clients
change one counter each and one together.
"""
import http.client
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import API, Engine, Refused, until  # noqa: E402

ON_ORDER = """\
name: on-order
triggers:
  - key: changed
    kind: event
    config: { event_type: "state.*", match: { scope: orders } }
    inputs: { key: "${{ event.key }}", was: "${{ event.old_value }}" }
steps:
  - { key: a, kind: set, config: { values: { seen: "${{ inputs.key }}" } } }
"""
WRITERS, KILLS = 4, 3


def increment(by):
    return {"ops": [{"type": "increment", "path": "n", "by": by}]}


class State(unittest.TestCase):
    def refused(self, status, code, *arguments, **more):
        with self.assertRaises(Refused) as caught:
            self.engine.call(*arguments, **more)
        self.assertEqual(caught.exception.status, status)
        self.assertEqual(caught.exception.body["error"]["code"], code)
        return caught.exception.body["error"]["message"]

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.engine.up()

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()

    def at(self, *names):
        return "/".join([API + "/state", *names])

    def test_01_a_value_is_set_read_changed_and_forgotten(self):
        call, place = self.engine.call, self.at("users", "a%2Fb%20%C3%A9")
        first = call("PUT", place, {"value": {"n": 1, "big": 2**53 + 1, "real": 1.0}})
        self.assertEqual((first["key"], first["old_value"]), ("a/b é", None))
        self.assertEqual(call("GET", place)["value"],
                         {"n": 1, "big": 2**53 + 1, "real": 1.0})
        self.assertEqual(call("GET", place)["revision"], first["revision"])
        changed = call("POST", place, {"ops": [
            {"type": "increment", "path": "n", "by": 2},
            {"type": "remove", "path": "big"}, {"type": "remove", "path": "real"},
            {"type": "increment", "path": ["n", "m"], "by": 2}]})
        self.assertEqual(changed["value"], {"n": 3})
        self.assertEqual([(e["op_index"], e["code"]) for e in changed["errors"]],
                         [(3, "increment.target_not_object")])
        call("PUT", place, {"value": None})
        self.assertIsNone(call("GET", place)["value"])
        gone = call("DELETE", place)
        self.assertEqual((gone["deleted"], gone["old_value"]), (True, None))
        self.assertFalse(call("DELETE", place)["deleted"])
        self.refused(404, "not_found", "GET", place)

    def test_02_what_is_no_change_is_refused(self):
        place = self.at("wrong", "k")
        self.refused(422, "invalid", "PUT", place, {})
        self.refused(422, "invalid", "PUT", place, {"value": 1, "more": 2})
        self.refused(422, "invalid", "PUT", place, {"value": 1, "if_revision": "x"})
        said = self.refused(422, "invalid", "POST", place, {"ops": [{"type": "burn"}]})
        self.assertIn("ops[0]: type must be set, merge", said)
        self.refused(413, "too_large", "PUT", place, {"value": "x" * 300000})
        self.refused(422, "invalid", "PUT", self.at("wrong", "k" * 129), {"value": 1})
        self.refused(400, "malformed", "GET", self.at("wrong") + "?values=yes")
        self.assertEqual(self.engine.get("/state/wrong")["items"], [])

    def test_03_a_condition_on_the_revision(self):
        call, place = self.engine.call, self.at("locks", "one")
        mine = call("PUT", place, {"value": "me", "if_revision": 0})["revision"]
        said = self.refused(409, "conflict", "PUT", place,
                            {"value": "you", "if_revision": 0})
        self.assertIn(f"the key has revision {mine}", said)
        self.refused(409, "conflict", "DELETE", place + f"?if_revision={mine + 1}")
        call("DELETE", place + f"?if_revision={mine}")
        call("PUT", place, {"value": "you", "if_revision": 0})

    def test_04_pages(self):
        for i in range(7):
            self.engine.call("PUT", self.at("pages", f"k{i}"), {"value": i})
        seen, cursor = [], None
        while True:
            page = self.engine.get("/state/pages", limit=3, values="true",
                                   **({"cursor": cursor} if cursor else {}))
            seen += [(item["key"], item["value"]) for item in page["items"]]
            cursor = page["next_cursor"]
            self.assertEqual(page["has_more"], cursor is not None)
            if cursor is None:
                break
        self.assertEqual(seen, [(f"k{i}", i) for i in range(7)])
        self.assertEqual(page["keys"], 7)
        scopes = {s["scope"]: s["keys"] for s in self.engine.get("/state")["items"]}
        self.assertEqual(scopes["pages"], 7)

    def test_05_keys_may_do_what_their_scopes_say(self):
        key = json.loads(self.engine.tool(
            "keys", "create", "reader", "--scopes", "read", "--json").stdout)["key"]
        place = self.at("keys", "k")
        self.engine.call("PUT", place, {"value": 1})
        self.assertEqual(self.engine.call("GET", place, key=key)["value"], 1)
        for method, body in (("PUT", {"value": 2}), ("POST", increment(1)),
                             ("DELETE", None)):
            self.refused(403, "forbidden", method, place, body, key=key)
        self.assertEqual(self.engine.call("GET", place)["value"], 1)

    def test_06_the_tool(self):
        tool = self.engine.tool
        self.assertEqual(tool("state", "set", "tool", "a b", '{"n": 1}').stdout,
                         "a b\tset\n")
        self.assertEqual(tool("state", "update", "tool", "a b",
                              json.dumps(increment(4)["ops"])).stdout, '{"n": 5}\n')
        self.assertEqual(tool("state", "get", "tool", "a b").stdout, '{"n": 5}\n')
        wrong = tool("state", "update", "tool", "a b",
                     '[{"type":"append","path":"n","value":1}]', check=False)
        self.assertEqual((wrong.returncode, wrong.stdout), (1, '{"n": 5}\n'))
        self.assertIn("ops[0]: append.type_mismatch", wrong.stderr)
        row = tool("state", "list", "tool").stdout.split("\t")
        self.assertEqual((row[0], row[-1]), ("a b", '{"n":5}\n'))
        self.assertIn("tool\t1\t", tool("state", "list").stdout)
        late = tool("state", "set", "tool", "a b", "1", "--if-revision", "0",
                    check=False)
        self.assertEqual(late.returncode, 1)
        self.assertEqual(tool("state", "delete", "tool", "a b").stdout, "a b\tdeleted\n")
        self.assertEqual(tool("state", "delete", "tool", "a b").stdout,
                         "a b\tnot there\n")
        self.assertEqual(tool("state", "get", "tool", "a b", check=False).returncode, 1)

    def test_07_a_change_starts_an_automation_and_is_an_event_only_then(self):
        call = self.engine.call
        last = self.engine.get("/events")["last"]
        call("PUT", self.at("orders", "1"), {"value": "new"})
        self.assertEqual(self.engine.get("/events")["last"], last)
        self.engine.apply(ON_ORDER)
        call("PUT", self.at("customers", "1"), {"value": "new"})
        self.assertEqual(self.engine.get("/events")["last"], last)
        call("PUT", self.at("orders", "1"), {"value": "paid"})

        def run():
            items = self.engine.get("/runs", automation="on-order")["items"]
            return items[0]["id"] if items else None
        document = self.engine.wait_final(until(run, "a run"))
        self.assertEqual(document["inputs"], {"key": "1", "was": "new"})
        event = self.engine.get("/events", after=last)["items"][0]
        self.assertEqual((event["type"], event["source"]), ("state.updated", "state"))
        self.assertEqual(event["data"], {"scope": "orders", "key": "1",
                                         "old_value": "new", "new_value": "paid"})

    def test_08_what_was_acknowledged_survives_kill_9_of_everything(self):
        """Each writer adds to a counter of its own, and knows by the revision whether a
        change whose answer was lost has happened."""
        with Engine() as engine:
            sums, over, key = [0] * WRITERS, threading.Event(), engine.key

            def write(i):
                place, revision, doubt = self.at("counters", str(i)), 0, False
                while not over.is_set():
                    try:
                        if doubt:
                            found = engine.call("GET", place, key=key)
                            value, revision = found["value"], found["revision"]
                            self.assertIn(value["n"], (sums[i], sums[i] + 1))
                        else:
                            found = engine.call("POST", place, {
                                **increment(1), "if_revision": revision}, key=key)
                            value, revision = found["value"], found["revision"]
                            self.assertEqual(value["n"], sums[i] + 1)
                        sums[i], doubt = value["n"], False
                    except Refused as refused:
                        doubt = doubt or refused.status == 409
                    except (OSError, http.client.HTTPException):
                        pass

            def watched(i):
                try:
                    write(i)
                except AssertionError as error:
                    wrong.append(error)
            wrong = []
            writers = [threading.Thread(target=watched, args=(i,))
                       for i in range(WRITERS)]
            for writer in writers:
                writer.start()
            for _ in range(KILLS):
                before = sum(sums)
                until(lambda: sum(sums) > before + 20, "they write")
                engine.kill_all()
                engine.up()
            over.set()
            for writer in writers:
                writer.join()
            self.assertEqual(wrong, [])
            for i in range(WRITERS):
                found = engine.call("GET", self.at("counters", str(i)))
                # The last answer may have been lost.
                self.assertIn(found["value"]["n"], (sums[i], sums[i] + 1))
            engine.down()
            engine.tool("verify")


if __name__ == "__main__":
    unittest.main(verbosity=2)
