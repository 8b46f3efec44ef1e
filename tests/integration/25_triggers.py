#!/usr/bin/python3
"""Goal: what starts runs starts each of them once: events, webhooks and schedules, while
processes of the engine die.

Method: real processes; events are published by the API and the tool, some twice, while
trigger actor, scheduler and gateway are killed; then runs and events are compared, one
by one.  Webhooks are signed here.  SEED may be set.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

import msgpack
import zmq

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import API, Engine, Refused, program, until  # noqa: E402

SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
EVENTS, KILLS = 60, 8

ON_ORDER = """\
name: on-order
triggers:
  - key: paid
    kind: event
    config: { event_type: "order.*", match: { kind: book } }
    inputs: { order: "${{ event.order }}", number: "${{ meta.event_number }}" }
steps:
  - { key: a, kind: action, config: { action_name: json } }
"""

HOOKS = """\
name: hooks
triggers:
  - { key: open, kind: http, config: { handle: open-hook } }
  - { key: std, kind: http, config: { handle: std, scheme: standard, secret: std } }
  - { key: gh, kind: http, config: { handle: gh, scheme: github, secret: gh } }
  - key: own
    kind: http
    config: { handle: own, scheme: shared_secret, secret: own, header: X-Token }
  - { key: guess, kind: http }
  - { key: answers, kind: http, config: { handle: answers, wait: 30s } }
  - key: mapped
    kind: http
    config: { handle: mapped, wait: 30s }
    inputs: { n: "${{ event.n }}" }
steps:
  - { key: a, kind: action, config: { action_name: json } }
"""

EVERY = """\
name: every
triggers:
  - { key: tick, kind: schedule, config: { interval: 1s } }
  - { key: cron, kind: schedule, config: { cron: "*/2 * * * * *", timezone: Europe/Berlin } }
steps:
  - { key: a, kind: action, config: { action_name: json } }
"""


LOUD = """\
name: loud
triggers:
  - { key: a, kind: event, config: { event_type: a } }
steps:
  - { key: a, kind: sleep, config: { duration: 1ms } }
"""

ASKS = """\
name: asks
steps:
  - key: first
    kind: wait_for_event
    config: { event_type: "reply*", match: { n: "${{ inputs.n }}" } }
  - key: second
    kind: wait_for_event
    config: { event_type: "reply*", condition: "event.n > 0", match: { n: "${{ inputs.n }}" } }
  - key: both
    kind: action
    config:
      action_name: json
      parameters:
        n: "${{ steps.first.output.n }}"
        first: "${{ steps.first.output.which }}"
        second: "${{ steps.second.output.which }}"
"""


def contents_of(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                yield file.read()


def size_of(folder):
    """Bytes; its files come and go."""
    size = 0
    for file in os.scandir(folder):
        try:
            size += os.stat(file.path).st_size
        except FileNotFoundError:
            pass
    return size


def runs_of(engine, name):
    runs, cursor = [], ""
    while True:
        page = engine.get("/runs", automation=name, limit=1000, cursor=cursor)
        runs += page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return runs


class Triggers(unittest.TestCase):
    def publish(self, engine, event):
        """Until it is acknowledged, however often that is said."""
        while True:
            try:
                return engine.call("POST", API + "/events", event)
            except (Refused, OSError, ValueError, http.client.HTTPException) as wrong:
                if isinstance(wrong, Refused) and wrong.status < 429:
                    raise
                time.sleep(0.02)

    def call(self, engine, handle, body=b"{}", headers=None):
        return engine.call("POST", f"{API}/hooks/{handle}", body,
                           {"Authorization": "", **(headers or {})})

    def test_each_event_starts_one_run_whatever_dies(self):
        chance = random.Random(SEED)
        with Engine(schedulers=2) as engine:
            engine.worker("--concurrency", "10")
            engine.apply(ON_ORDER)
            stop = threading.Event()

            def kill():
                try:
                    for _ in range(KILLS):
                        name = chance.choice(sorted(
                            name for name in engine.status()
                            if name.startswith(("trigger", "scheduler", "gateway"))))
                        engine.wait_restarted(name, engine.kill(name))
                finally:
                    stop.set()

            killer = threading.Thread(target=kill, daemon=True)
            killer.start()
            numbers = {}
            count = 0
            while count < EVENTS or not stop.is_set():
                event = {"id": f"order-{count}", "type": "order.paid",
                         "data": {"order": count, "kind": "book" if count % 3 else "pen"}}
                numbers[count] = self.publish(engine, event)["number"]
                if count % 4 == 0:
                    again = self.publish(engine, event)
                    self.assertEqual(again["number"], numbers[count], f"SEED={SEED}")
                    self.assertTrue(again["deduped"])
                count += 1
            killer.join()
            self.assertEqual(sorted(numbers.values()), list(range(1, count + 1)))
            wanted = {numbers[i] for i in range(count) if i % 3}
            until(lambda: len(runs_of(engine, "on-order")) >= len(wanted),
                  lambda: f"SEED={SEED}: {len(runs_of(engine, 'on-order'))} of "
                          f"{len(wanted)} runs\n" + engine.logs())
            runs = runs_of(engine, "on-order")
            got = sorted(engine.run(run["id"])["inputs"]["number"] for run in runs)
            self.assertEqual(got, sorted(wanted), f"SEED={SEED}")
            for run in runs:
                self.assertEqual(engine.wait_final(run["id"])["status"], "completed")
            shown = engine.get("/automations/on-order/triggers")["items"][0]
            self.assertEqual(shown["fires"], len(wanted))
            engine.down()
            engine.tool("verify")

    def test_a_wait_never_misses_whatever_dies(self):
        """Events come before, while and after waits are registered; each run takes two
        that are its own, in their order."""
        chance = random.Random(SEED)
        with Engine(schedulers=2) as engine:
            engine.worker("--concurrency", "10")
            engine.apply(ASKS)
            stop = threading.Event()

            def kill():
                try:
                    for _ in range(KILLS):
                        name = chance.choice(sorted(
                            name for name in engine.status()
                            if name.startswith(("trigger", "scheduler"))))
                        engine.wait_restarted(name, engine.kill(name))
                finally:
                    stop.set()

            killer = threading.Thread(target=kill, daemon=True)
            killer.start()
            runs, n = {}, 0
            while n < EVENTS or not stop.is_set():
                n += 1
                while n not in runs:
                    try:
                        runs[n] = engine.start("asks", {"n": n}, key=f"run-{n}")["id"]
                    except (Refused, OSError, ValueError, http.client.HTTPException):
                        time.sleep(0.02)
                if n % 2:
                    self.publish(engine, {"id": f"a-{n}", "type": "reply",
                                          "data": {"n": n, "which": 1}})
                if n % 5 == 0:
                    time.sleep(0.1)
                if n > 10:
                    self.publish(engine, {"id": f"a-{n - 10}", "type": "reply",
                                          "data": {"n": n - 10, "which": 1}})
                    self.publish(engine, {"id": f"b-{n - 10}", "type": "reply.again",
                                          "data": {"n": n - 10, "which": 2}})
            killer.join()
            for i in range(n - 9, n + 1):
                for which, kind in ((1, "a"), (2, "b")):
                    self.publish(engine, {
                        "id": f"{kind}-{i}", "type": "reply" + ".again" * (which - 1),
                        "data": {"n": i, "which": which}})
            for i, run in runs.items():
                document = engine.wait_final(run)
                self.assertEqual(document["status"], "completed", f"SEED={SEED}")
                self.assertEqual(document["output"], {"n": i, "first": 1, "second": 2},
                                 f"SEED={SEED}")
            engine.down()
            engine.tool("verify")

    def test_webhooks_of_each_scheme(self):
        with Engine() as engine:
            engine.apply(HOOKS)
            engine.tool("secrets", "set", "own", "open sesame")
            engine.tool("secrets", "set", "gh", "hub")
            secret = b"0123456789abcdef"
            engine.call("POST", API + "/secrets", {
                "name": "std", "value": "whsec_" + base64.b64encode(secret).decode()})
            listed = engine.tool("secrets", "list").stdout
            self.assertEqual([line.split("\t")[0] for line in listed.splitlines()],
                             ["gh", "own", "std"])
            self.assertNotIn("sesame", json.dumps(engine.get("/secrets")))

            # With a key or without: the gateway does not ask.
            first = self.call(engine, "open-hook?a=1", b'{"x": 1}',
                              {"Idempotency-Key": "k1"})
            again = self.call(engine, "open-hook", b'{"x": 1}', {"Idempotency-Key": "k1"})
            self.assertEqual((first["run"], first["deduped"]), (again["run"], False))
            self.assertTrue(again["deduped"])
            until(lambda: len(runs_of(engine, "hooks")) == 1, "its run")

            body = b'{"action": "opened", "n": 7}'
            now = str(int(time.time()))
            mac = hmac.new(secret, b"m1." + now.encode() + b"." + body, hashlib.sha256)
            signed = {"webhook-id": "m1", "webhook-timestamp": now, "webhook-signature":
                      "v1,AAAA v1," + base64.b64encode(mac.digest()).decode()}
            self.assertFalse(self.call(engine, "std", body, signed)["deduped"])
            self.assertTrue(self.call(engine, "std", body, signed)["deduped"])

            mac = hmac.new(b"hub", body, hashlib.sha256).hexdigest()
            github = {"X-Hub-Signature-256": "sha256=" + mac, "X-GitHub-Delivery": "d1",
                      "X-GitHub-Event": "issues", "Content-Type": "application/json"}
            self.call(engine, "gh", body, github)
            types = [item["type"] for item in engine.get("/events")["items"]]
            self.assertEqual(types, ["http.open", "http.std", "github.issues.opened"])

            self.call(engine, "own", b"not json", {"X-TOKEN": "open sesame"})

            # What was received can be read where it is stored, but no secret.
            stored = b"".join(contents_of(os.path.join(engine.data, "journal")))
            self.assertTrue(b"github.issues.opened" in stored)
            self.assertFalse(b"sesame" in stored, "a secret lies in clear")

            # Whoever has no right learns nothing.
            answers = []
            for handle, headers in (("std", {**signed, "webhook-id": "m2"}),
                                    ("gh", {**github, "X-Hub-Signature-256": "sha256=0"}),
                                    ("own", {"X-Token": "open sesam"}),
                                    ("nobody", {})):
                with self.assertRaises(Refused) as refused:
                    self.call(engine, handle, body, headers)
                answers.append((refused.exception.status, str(refused.exception.body)))
            self.assertEqual(len(set(answers)), 1)
            self.assertEqual(answers[0][0], 404)

            guess = [t for t in engine.get("/automations/hooks/triggers")["items"]
                     if t["key"] == "guess"][0]
            self.assertGreaterEqual(len(guess["url"].split("/")[-1]), 26)
            engine.call("POST", guess["url"], b"", {"Authorization": ""})
            until(lambda: len(runs_of(engine, "hooks")) == 5, "five runs")

            # Of what starts nothing no run is named, and nobody waits for its end.
            for deduped in (False, True):
                answer = self.call(engine, "mapped", b"{}", {"Idempotency-Key": "k2"})
                self.assertEqual(
                    (answer["status"], answer["deduped"], answer["run"], answer["refusal"]),
                    ("accepted", deduped, None, "inputs: n: there is no event.n"))

            # And one whose answer is that of its run.
            engine.worker("--concurrency", "10")
            self.assertEqual(self.call(engine, "answers", b"{}")["status"], "completed")

    def test_schedules_go_on_over_restarts(self):
        with Engine() as engine:
            engine.apply(EVERY)
            lines = engine.tool("automations", "next", "every", "4").stdout.splitlines()
            self.assertEqual(len(lines), 4)
            self.assertEqual(sorted(lines), lines)
            # The clock of their zone leaps from 02:00 to 03:00.
            slots = engine.get("/automations/every/next", count=6, after=1806195597000)["items"]
            self.assertEqual([slot for slot in slots if slot["trigger"] == "cron"][:2], [
                {"trigger": "cron", "timezone": "Europe/Berlin",
                 "at": f"2027-03-28T{utc}.000Z", "local": f"2027-03-28T{local}"}
                for utc, local in (("00:59:58", "01:59:58.000+01:00"),
                                   ("01:00:00", "03:00:00.000+02:00"))])
            self.assertEqual({len(slot) for slot in slots if slot["trigger"] == "tick"}, {2})
            until(lambda: len(runs_of(engine, "every")) >= 3, "slots come")
            engine.wait_restarted("trigger.0", engine.kill("trigger.0"))
            count = len(runs_of(engine, "every"))
            until(lambda: len(runs_of(engine, "every")) >= count + 3, "slots go on")
            engine.down()
            engine.up()
            count = len(runs_of(engine, "every"))
            until(lambda: len(runs_of(engine, "every")) >= count + 3, "slots go on")
            table = engine.tool("automations", "triggers", "every").stdout
            self.assertIn("tick\tschedule", table)
            engine.down()
            engine.tool("verify")

    def test_slots_of_one_second_fire_together(self):
        """Each is looked for where the one before was, not behind all that are gone."""
        automations, each = 120, 64  # as many as one may have
        with Engine() as engine:
            due = int(time.time()) + 7
            cron = time.strftime("%S %M %H * * *", time.gmtime(due))
            slots = "".join(f"  - {{ key: t{i}, kind: schedule, cron: '{cron}' }}\n"
                            for i in range(each))
            for i in range(automations):
                engine.apply(f"name: s{i}\ntriggers:\n{slots}"
                             "steps:\n  - { key: a, kind: set, values: {} }\n")
            until(lambda: engine.counters("scheduler.0")["runs_completed"]
                  == automations * each, "not all have fired")
            self.assertLess(time.time() - due, 2)

    def test_workers_publish_events(self):
        with Engine() as engine:
            context = zmq.Context()
            door = context.socket(zmq.DEALER)
            door.linger = 0
            door.connect(f"tcp://127.0.0.1:{engine.worker_port}")

            def say(**frame):
                door.send(msgpack.packb(frame))

            def hear():
                self.assertTrue(door.poll(60000), engine.logs())
                return msgpack.unpackb(door.recv())

            say(type="register", v=1, key=engine.key, instance="i", concurrency=1)
            self.assertEqual(hear()["type"], "registered")
            for _ in range(2):
                say(type="publish", id="e", event="a.b", data={"n": 1})
                self.assertEqual(hear(), {"type": "published", "id": "e", "number": 1})
            say(type="publish", id="f", event="a b")
            wrong = hear()
            self.assertEqual((wrong["code"], wrong["about"], wrong["id"]),
                             ("invalid", "publish", "f"))
            # Asked again of the trigger actor's next life.
            os.kill(engine.pid("trigger.0"), signal.SIGSTOP)
            say(type="publish", id="g", event="a.b")
            engine.wait_restarted("trigger.0", engine.kill("trigger.0"))
            self.assertEqual(hear(), {"type": "published", "id": "g", "number": 2})
            door.close()
            context.term()

    def test_a_paused_automation_is_not_started(self):
        with Engine() as engine:
            engine.apply(ON_ORDER)

            def active():
                return engine.get("/automations/on-order/triggers")["items"][0]["active"]

            def order(number):
                return engine.call("POST", API + "/events", {
                    "type": "order.paid", "data": {"order": number, "kind": "book"}})

            engine.tool("automations", "pause", "on-order")
            until(lambda: not active(), "the trigger actor knows")
            order(1)
            engine.tool("automations", "resume", "on-order")
            until(active, "the trigger actor knows")
            order(2)
            until(lambda: runs_of(engine, "on-order"), "a run")
            self.assertEqual([engine.run(run["id"])["inputs"]["order"]
                              for run in runs_of(engine, "on-order")], [2])

    def test_events_are_listed_and_followed(self):
        with Engine() as engine:
            number = engine.tool("events", "publish", "a.b", '{"n": 1}', "--id", "x",
                                 "--source", "here").stdout.strip()
            self.assertEqual(number, "1")
            tail = engine.tool("events", "tail", "a.*", "--after", "0", "--timeout", "2s",
                               "--json")
            self.assertEqual(json.loads(tail.stdout.splitlines()[0])["data"], {"n": 1})
            lines = []
            connection = http.client.HTTPConnection("127.0.0.1", engine.http_port,
                                                    timeout=60)
            connection.request("GET", API + "/events?type=b.*&after=0", headers={
                "Authorization": "Bearer " + engine.key, "Accept": "text/event-stream"})
            answer = connection.getresponse()
            for i in range(3):
                engine.call("POST", API + "/events", {"type": "a.b"})
                engine.call("POST", API + "/events", {"type": "b.c", "data": {"i": i}})
            while len(lines) < 3:
                line = answer.readline().decode()
                if line.startswith("data: "):
                    lines.append(json.loads(line[6:]))
            connection.close()
            self.assertEqual([line["data"]["i"] for line in lines], [0, 1, 2])
            self.assertEqual([line["number"] for line in lines], [3, 5, 7])
            with self.assertRaises(Refused) as refused:
                engine.call("POST", API + "/events", {"type": "a b"})
            self.assertEqual(refused.exception.status, 422)
            listed = engine.tool("events", "list", "b.*", "--limit", "2").stdout
            self.assertEqual(len(listed.splitlines()), 2)

    def test_the_disk_has_no_more_of_what_expired(self):
        """Small ones lie in records, large ones beside them; so do the fires of each."""
        with Engine(events_kept_ms=1000, memtable_bytes=1 << 20) as engine:
            engine.apply(LOUD)
            folder = os.path.join(engine.data, "journal", "trigger.0")
            published = 0

            def publish(size):
                nonlocal published
                engine.call("POST", API + "/events", {
                    "type": "a", "data": {"x": os.urandom(size // 2).hex()}})
                published += size

            def is_small():
                publish(4000)
                return size_of(folder) < published / 2

            for size, count in ((4000, 1500), (300000, 20)):
                for _ in range(count):
                    publish(size)
                until(is_small, "little remains of what was published", 20)
            engine.down()
            checked = subprocess.run([program("verify"), "--data", engine.data],
                                     capture_output=True, text=True, timeout=60)
            self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
