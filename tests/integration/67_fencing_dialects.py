#!/usr/bin/python3
"""Goal: in every dialect a result counts only if it comes from who holds the lease, with
what names that lease; no other report changes anything, however many there are.

Method: as 63_fencing.py, by raw connections of each dialect: REPORTS reports, 3,000 for
each unless told, of jobs that were lost and granted again, of jobs that are done, of
others' jobs, with names that are changed or made up.  Nothing may be appended meanwhile;
then who holds the leases reports, and that counts.

The control: one report that counts, among all the others, must be found.
"""
import base64
import http.client
import json
import os
import random
import sys
import time
import unittest
import uuid

import msgpack

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402
from engine import Engine, until  # noqa: E402
from workflow_graph import Api, job  # noqa: E402

REPORTS = int(os.environ.get("REPORTS", "3000"))
CONTROL = 500
GROWS_KIB = 8192
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
JOBS = 8
WINDOW = 64  # reports that are not answered yet
TIMES = {"lease_ms": 3000, "heartbeat_ms": 1000}
HOLD = json.dumps({"name": "hold", "steps": [
    {"key": "only", "kind": "action", "action_name": "hold",
     "retry": {"max_attempts": 9, "delay": "10ms"}}]})


def changed(chance, name):
    """With one bit turned over."""
    at = chance.randrange(8 * len(name))
    turned = bytearray(name)
    turned[at // 8] ^= 1 << at % 8
    return bytes(turned)


# ---- one side of each dialect: holds, forges, reports ----

class Mobius:
    """Reports are of a connection, a job's id and a lease token."""
    accepted = 0  # by the answers

    def __init__(self, test):
        self.test, self.beaten, self.there = test, 0, []
        test.engine.apply(HOLD)

    def start(self):
        return self.test.engine.start("hold")["id"]

    def join(self, name):
        raw = mobius_frames.Raw(self.test.engine)
        self.test.addCleanup(raw.close)
        raw.register(name, slots=JOBS, actions=["hold"])
        raw.open = set()
        self.there.append(raw)
        return raw

    def take(self, raw, runs):
        jobs = []
        while len(jobs) < len(runs):
            jobs += raw.claim_some(JOBS - len(jobs))
        return {job["run_id"]: job for job in jobs}

    def hold(self, runs):
        self.author, self.thief = self.join("author"), self.join("thief")
        self.done = self.take(self.author, runs["done"])
        for run in runs["done"]:
            self.say((self.author, self.done[run]), f"first of {run}")
        self.hear()
        self.silent = self.join("silent")
        runs["open"] = [self.start() for _ in range(JOBS)]
        self.stale = self.take(self.silent, runs["open"])
        self.holder = self.join("holder")  # once nobody has spoken for the others
        self.held = self.take(self.holder, runs["open"])

    def forgeries(self, chance, runs):
        def token(job):
            return base64.b64decode(job["lease_token"])

        def named(job, token):
            return dict(job, lease_token=base64.b64encode(token).decode())
        while True:
            run, done = chance.choice(runs["open"]), chance.choice(runs["done"])
            held, stale = self.held[run], self.stale[run]
            yield self.silent, stale
            yield self.silent, held
            yield self.thief, held
            yield self.holder, stale
            yield self.holder, named(held, changed(chance, token(held)))
            yield self.silent, named(stale, changed(chance, token(stale)))
            yield self.holder, named(held, token(stale)[:28] + token(held)[28:])
            yield self.thief, named(held, chance.randbytes(60))
            yield self.thief, named(held, chance.randbytes(chance.randrange(100)))
            yield self.author, self.done[done]
            yield self.author, held

    def right(self, run):
        return self.holder, self.held[run]

    def say(self, forgery, output):
        raw, job = forgery
        raw.open.add(raw.report(job, result={"x": output}))
        if len(raw.open) >= WINDOW:
            self.hear_of(raw, WINDOW // 2)

    def hear_of(self, raw, left):
        while len(raw.open) > left:
            heard = raw.hear()
            if heard is None:
                raise AssertionError(f"{len(raw.open)} reports are not answered")
            if heard["type"] == "job.report.ack":
                raw.open.discard(heard["message_id"])
                # Who was first with a report may hear once more that it was.
                self.accepted += raw is not self.author and not heard["duplicate"]
            elif heard.get("error", {}).get("code") == "bad_request":
                raw.open.discard(heard["message_id"])

    def hear(self):
        for raw in self.there:
            self.hear_of(raw, 0)

    def beat(self):
        if time.monotonic() - self.beaten > 0.5:
            self.beaten = time.monotonic()
            for job in self.held.values():
                self.holder.say("job.heartbeat", job_id=job["id"],
                                lease_token=job["lease_token"])


class Iii(Mobius):
    """Results are of a connection and an invocation's id, and have no answer."""

    def join(self, name):
        worker = iii_frames.Worker(self.test.engine)
        self.test.addCleanup(worker.close)
        worker.unheard = 0
        self.there.append(worker)
        return worker

    def take(self, worker, runs):
        calls = [worker.hear() for _ in runs]
        return {call["metadata"]["capstan"]["run"]: call for call in calls}

    def hold(self, runs):
        self.author, self.thief = self.join("author"), self.join("thief")
        self.done = self.take(self.author.function("hold"), runs["done"])
        for run in runs["done"]:
            self.say((self.author, self.done[run]), f"first of {run}")
            self.test.engine.wait_final(run)
        self.author.say("unregisterfunction", id="hold")
        self.author.silence()
        self.silent = self.join("silent").function("hold").silence()
        runs["open"] = [self.start() for _ in range(JOBS)]
        self.stale = self.take(self.silent, runs["open"])
        self.silent.close()
        self.there.remove(self.silent)
        self.holder = self.join("holder").function("hold")
        self.held = self.take(self.holder, runs["open"])
        again = self.join("silent")
        again.say("reattach", previous_worker_id=self.silent.id,
                  reattach_token=self.silent.token)
        self.silent = again.silence()

    def forgeries(self, chance, runs):
        def named(call, id):
            return dict(call, invocation_id=str(uuid.UUID(bytes=id)))
        while True:
            run, done = chance.choice(runs["open"]), chance.choice(runs["done"])
            held, stale = self.held[run], self.stale[run]
            bytes_ = uuid.UUID(held["invocation_id"]).bytes
            yield self.silent, stale
            yield self.silent, held
            yield self.thief, held
            yield self.holder, stale
            yield self.holder, named(held, changed(chance, bytes_))
            yield self.holder, named(held, chance.randbytes(16))
            yield self.holder, self.done[done]
            yield self.author, self.done[done]
            yield self.author, held

    def say(self, forgery, output):
        worker, call = forgery
        worker.answer(call, result={"x": output})
        worker.unheard += 1
        if worker.unheard >= WINDOW:
            self.hear_of(worker)

    def hear_of(self, worker):
        worker.silence()
        worker.unheard = 0

    def hear(self):
        for worker in self.there:
            self.hear_of(worker)

    def beat(self):
        pass  # its pings are answered below us


class WorkflowGraph(Mobius):
    """Reports are of a lease id, which is all that a worker shows."""
    ttl = 86400

    def __init__(self, test):
        self.test, self.api = test, Api(test.engine)
        self.line = http.client.HTTPConnection("127.0.0.1", test.engine.http_port)
        test.addCleanup(self.line.close)

    def start(self):
        workflow = self.api.create(job("only", max_retries=9))
        self.api.run(workflow)
        return self.test.engine.get("/runs", automation=workflow)["items"][0]["id"]

    def take(self, worker, runs, ttl=ttl):
        claims = [self.api.claim(worker, ttl=ttl) for _ in runs]
        return {job["run_id"]: lease for job, lease in claims}

    def hold(self, runs):
        self.done = self.take("author", runs["done"])
        for run in runs["done"]:
            self.test.assertEqual(self.report(self.done[run], f"first of {run}"), 200)
        runs["open"] = [self.start() for _ in range(JOBS)]
        self.stale = self.take("silent", runs["open"], ttl=1)
        self.held = self.take("holder", runs["open"])

    def forgeries(self, chance, runs):
        def parts(lease):
            return msgpack.unpackb(base64.urlsafe_b64decode(lease + "=="))

        def named(parts, at, value):
            packed = msgpack.packb([*parts[:at], value, *parts[at + 1:]])
            return base64.urlsafe_b64encode(packed).decode().rstrip("=")
        session, token = 1, 2
        while True:
            run, done = chance.choice(runs["open"]), chance.choice(runs["done"])
            held, stale = parts(self.held[run]), parts(self.stale[run])
            yield self.stale[run]
            yield self.done[done]
            yield named(held, token, stale[token])
            yield named(held, token, changed(chance, held[token]))
            yield named(stale, token, changed(chance, stale[token]))
            yield named(held, token, stale[token][:28] + held[token][28:])
            yield named(held, token, chance.randbytes(60))
            yield named(stale, session, held[session])
            yield chance.randbytes(chance.randrange(1, 100)).hex()

    def right(self, run):
        return self.held[run]

    def report(self, lease, output):
        self.line.request("POST", f"/api/jobs/{lease}/complete",
                          json.dumps({"outputs": {"x": output}}),
                          {"Content-Type": "application/json"})
        answer = self.line.getresponse()
        answer.read()
        return answer.status

    def say(self, forgery, output):
        self.accepted += self.report(forgery, output) == 200

    def hear(self):
        pass

    def beat(self):
        pass


class Fencing(unittest.TestCase):
    def setUp(self):
        self.engine = Engine(**TIMES)
        self.engine.up()
        self.addCleanup(self.engine.close)

    def lay_out(self, dialect):
        """Jobs that are done, and others that were lost and are held by another."""
        side = dialect(self)
        self.runs = {"done": [side.start() for _ in range(JOBS)]}
        side.hold(self.runs)
        return side

    def facts_at_rest(self, side):
        """Who took a job last is appended after it has got it."""
        seen = [0, time.monotonic()]

        def rests():
            side.beat()
            facts = self.engine.counters("scheduler.0")["facts"]
            if facts != seen[0]:
                seen[:] = facts, time.monotonic()
            return time.monotonic() - seen[1] > 0.5
        until(rests, "nothing is appended any more")
        return seen[0]

    def attack(self, side, count, planted=None):
        forgeries = side.forgeries(random.Random(SEED), self.runs)
        for number in range(count):
            forgery = next(forgeries)
            if number == planted:
                forgery = side.right(self.runs["open"][0])
            side.say(forgery, f"forgery {number}")
            side.beat()
        side.hear()

    def outputs(self, run):
        return self.engine.wait_final(run)["outputs"]["only"]["x"]

    def check(self, dialect):
        print(f"SEED={SEED}", flush=True)
        side = self.lay_out(dialect)
        before, begin = self.facts_at_rest(side), time.monotonic()
        size = self.engine.resident_kib("Pss")
        self.attack(side, REPORTS)
        took = time.monotonic() - begin
        grown = {name: kib - size[name] for name, kib
                 in self.engine.resident_kib("Pss").items() if kib - size[name] > GROWS_KIB}
        statuses = {self.engine.run(run)["status"] for run in self.runs["open"]}
        self.assertNotIn("completed", statuses)
        self.assertEqual(side.accepted, 0)
        self.assertEqual(self.facts_at_rest(side), before, "something was appended")
        self.assertEqual(grown, {}, "KiB that reports have left behind")
        print(f"{dialect.__name__}: {REPORTS} stale, repeated, stolen and forged "
              f"reports: 0 accepted; {took:.1f} s", flush=True)
        self.control(side, before)
        for run in self.runs["open"][1:]:
            side.say(side.right(run), f"right of {run}")
        side.hear()
        for kind, word in (("open", "right"), ("done", "first")):
            for run in self.runs[kind][kind == "open":]:
                self.assertEqual(self.outputs(run), f"{word} of {run}")
                events = [e["event_type"] for e in self.engine.events(run)]
                self.assertEqual(events.count("action.completed"), 1)

    def control(self, side, before):
        self.attack(side, CONTROL, planted=CONTROL // 2)
        self.assertEqual(self.outputs(self.runs["open"][0]), f"forgery {CONTROL // 2}")
        self.assertEqual(side.accepted, type(side) is not Iii)  # it answers nothing
        self.assertGreater(self.facts_at_rest(side), before)

    def test_mobius(self):
        self.check(Mobius)

    def test_iii(self):
        self.check(Iii)

    def test_workflow_graph(self):
        self.check(WorkflowGraph)


if __name__ == "__main__":
    unittest.main()
