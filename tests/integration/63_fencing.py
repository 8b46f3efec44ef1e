#!/usr/bin/python3
"""Goal: a result counts only if it comes from the session that holds the lease, with the
token of that lease; no other report changes anything, however many there are.

Method: jobs whose lease was given back, lost by silence and granted again; then REPORTS
reports, 50,000 unless told, by those who once held them, by others, with old tokens,
changed ones, tokens of others, in any order, and again for jobs that are done. Nothing
may be appended meanwhile; then the one who holds the leases reports, and that counts.
Real workers are stopped beyond their lease and woken as well.

The control: one report with the token that counts, among all the others, must be found.
"""
import collections
import os
import random
import signal
import sys
import time
import unittest

import msgpack
import zmq

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import DEADLINE, Engine, until  # noqa: E402

REPORTS = int(os.environ.get("REPORTS", "50000"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
JOBS = 20
WINDOW = 128  # reports of one session that are not answered yet

HOLD = """\
name: hold
steps:
  - { key: a, kind: action, retry: { max_attempts: 5, delay: 10ms },
      config: { action_name: hold } }
"""
NAP = """\
name: nap
steps:
  - { key: a, kind: action, retry: { max_attempts: 9, delay: 10ms },
      config: { action_name: sleep, parameters: { duration: 1500ms } } }
"""
Answer = collections.namedtuple("Answer", "kind verdict")


class Session:
    """A worker that says what the test tells it to."""

    def __init__(self, test, name):
        self.test, self.name = test, name
        self.jobs = {}  # run → token
        self.door = test.context.socket(zmq.DEALER)
        self.door.linger = 0
        self.door.connect(f"tcp://127.0.0.1:{test.engine.worker_port}")
        self.open = 0   # reports that are not answered
        self.beat_at = 0
        self.answers = collections.Counter()

    def say(self, kind, **fields):
        self.door.send(msgpack.packb({"type": kind, **fields}))

    def register(self, concurrency):
        self.say("register", v=1, key=self.test.engine.key, instance=self.name,
                 concurrency=concurrency, actions=["hold"])
        self.hear_until(lambda m: m["type"] == "registered", "it is registered")

    def hear_until(self, found, what):
        end = time.monotonic() + DEADLINE
        while True:
            if not self.door.poll(max(0, 1000 * (end - time.monotonic()))):
                raise AssertionError(f"{self.name}: not heard that {what}")
            m = msgpack.unpackb(self.door.recv())
            self.take(m)
            if found(m):
                return

    def take(self, m):
        if m["type"] == "job":
            self.jobs[m["run"]] = m["token"]
        elif m["type"] == "register":
            raise AssertionError(f"{self.name} was silent for too long")
        elif m["type"] in ("ack", "error"):
            self.open -= 1
            self.answers[Answer(m["type"], m.get("verdict") or m.get("code"))] += 1

    def take_jobs(self, runs):
        self.register(len(runs))
        self.hear_until(lambda _: set(runs) <= set(self.jobs), "it has every job")

    def beat(self, tokens=None):
        """It is there, and holds what it ever got, unless told otherwise."""
        if time.monotonic() - self.beat_at > 0.3:
            self.beat_at = time.monotonic()
            self.say("heartbeat", held=list(self.jobs.values()) if tokens is None
                     else tokens)

    def report(self, token, output):
        self.say("report", token=token, outcome="completed", output=output)
        self.open += 1
        while self.door.poll(0):
            self.take(msgpack.unpackb(self.door.recv()))
        if self.open >= WINDOW:
            self.hear_until(lambda _: self.open < WINDOW, "a report is answered")

    def drain(self):
        if self.open > 0:
            self.hear_until(lambda _: self.open == 0, "every report is answered")


def changed(chance, token):
    at = chance.randrange(8 * len(token))
    bytes_ = bytearray(token)
    bytes_[at // 8] ^= 1 << at % 8
    return bytes(bytes_)


class Fencing(unittest.TestCase):
    def setUp(self):
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)
        self.engine = Engine(lease_ms=4000, heartbeat_ms=1000)
        self.engine.up()
        self.addCleanup(self.engine.close)

    def lay_out(self):
        """Jobs that were held by two others before, and jobs that are done."""
        self.engine.apply(HOLD)
        done = [self.engine.start("hold")["id"] for _ in range(JOBS)]
        self.author = Session(self, "author")
        self.author.take_jobs(done)
        for run in done:
            self.author.report(self.author.jobs[run], f"first of {run}")
        self.author.drain()
        self.assertEqual(self.author.answers, {Answer("ack", "accepted"): JOBS})
        self.author.answers.clear()
        self.author.say("ready", concurrency=0)
        self.open_runs = [self.engine.start("hold")["id"] for _ in range(JOBS)]
        self.gave_back, self.silent, self.holder, self.thief = (
            Session(self, name) for name in ("gave-back", "silent", "holder", "thief"))
        self.thief.register(0)
        self.there = [self.author, self.thief]
        self.gave_back.take_jobs(self.open_runs)
        # What it does not name has never arrived: the same attempt is offered again.
        self.gave_back.say("ready", concurrency=0)
        self.wait_lost(self.gave_back, beats=True)
        self.there.append(self.gave_back)
        self.silent.take_jobs(self.open_runs)
        self.silent.say("ready", concurrency=0)
        self.wait_lost(self.silent, beats=False)
        self.there.append(self.silent)
        self.holder.take_jobs(self.open_runs)
        self.there.append(self.holder)
        self.done_runs = done

    def wait_lost(self, session, beats):
        def lost():
            for other in self.there:
                other.beat()
            if beats:
                session.beat([])
            return not [worker for worker in self.engine.get("/workers")["items"]
                        if worker["instance"] == session.name and worker["jobs"]]
        until(lost, f"{session.name} has lost its leases")

    def forgeries(self, chance):
        """Who reports which token, for ever."""
        gave_back, silent, thief, author = (
            self.gave_back, self.silent, self.thief, self.author)
        while True:
            run = chance.choice(self.open_runs)
            held = self.holder.jobs[run]
            yield gave_back, gave_back.jobs[run]            # an offer of before
            yield silent, silent.jobs[run]                  # a zombie
            yield thief, held                               # somebody else's
            yield self.holder, silent.jobs[run]             # somebody else's, of before
            yield self.holder, changed(chance, held)
            yield silent, changed(chance, silent.jobs[run])
            yield self.holder, silent.jobs[run][:28] + held[28:]
            yield thief, chance.randbytes(60)
            yield thief, chance.randbytes(chance.randrange(1, 200))
            yield author, author.jobs[chance.choice(self.done_runs)]  # done, once more
            yield author, held

    def attack(self, count, chance, planted=None):
        for number, (session, token) in enumerate(self.forgeries(chance)):
            if number == count:
                break
            if number == planted:
                session, token = self.holder, self.holder.jobs[self.open_runs[0]]
            session.report(token, f"forgery {number}")
            if number % 50 == 0:
                for other in self.there:
                    other.beat()
        for session in self.there:
            session.drain()

    def facts(self):
        return self.engine.counters("scheduler.0")["facts"]

    def facts_at_rest(self):
        """Who took a job last is appended after it has got it."""
        seen = [self.facts(), time.monotonic()]

        def rests():
            for session in self.there:
                session.beat()
            if self.facts() != seen[0]:
                seen[:] = self.facts(), time.monotonic()
            return time.monotonic() - seen[1] > 0.5
        until(rests, "nothing is appended any more")
        return seen[0]

    def accepted(self):
        """Reports that should not have counted."""
        return [run for run in self.open_runs
                if self.engine.run(run)["status"] == "completed"]

    def test_1_no_report_but_the_holders_counts(self):
        print(f"SEED={SEED}", flush=True)
        self.lay_out()
        before, begin = self.facts_at_rest(), time.monotonic()
        self.attack(REPORTS, random.Random(SEED))
        took = time.monotonic() - begin
        self.assertEqual(self.accepted(), [])
        self.assertEqual(self.facts(), before, "something was appended")
        answers = sum((s.answers for s in self.there), collections.Counter())
        for session in (self.gave_back, self.silent, self.thief, self.holder):
            self.assertEqual(session.answers[Answer("ack", "accepted")], 0, session.name)
        for run in self.open_runs:
            self.holder.report(self.holder.jobs[run], f"right of {run}")
        self.holder.drain()
        for runs, output in ((self.open_runs, "right"), (self.done_runs, "first")):
            for run in runs:
                final = self.engine.wait_final(run)
                self.assertEqual(final["outputs"]["a"], f"{output} of {run}")
                events = [e["event_type"] for e in self.engine.events(run)]
                self.assertEqual(events.count("action.completed"), 1)
        print(f"{REPORTS} stale, repeated, forged and reordered reports: 0 accepted; "
              f"{took:.0f} s; answers: "
              + ", ".join(f"{kind} {verdict} {n}" for (kind, verdict), n
                          in sorted(answers.items())))

    def test_2_control_one_report_that_counts_is_found(self):
        self.lay_out()
        before = self.facts_at_rest()
        self.attack(2000, random.Random(SEED), planted=1000)
        self.assertEqual(self.accepted(), [self.open_runs[0]])
        self.assertGreater(self.facts(), before)
        print("control, one report with the token that counts: found")

    def test_3_workers_that_sleep_beyond_their_lease_and_wake(self):
        self.engine.apply(NAP)
        zombies = [self.engine.worker("--instance-id", f"zombie-{n}", "--concurrency", "4")
                   for n in range(3)]
        runs = [self.engine.start("nap")["id"] for _ in range(12)]

        def held_by(name):
            return {job["run"] for worker in self.engine.get("/workers")["items"]
                    if worker["instance"].startswith(name) for job in worker["jobs"]}
        until(lambda: held_by("zombie") == set(runs), "the zombies have every job")
        for zombie in zombies:
            zombie.send_signal(signal.SIGSTOP)
        self.engine.worker("--instance-id", "heir", "--concurrency", "12")
        until(lambda: held_by("heir") == set(runs), "another has every job")
        for zombie in zombies:
            zombie.send_signal(signal.SIGCONT)
        for run in runs:
            self.assertEqual(self.engine.wait_final(run)["status"], "completed")
            events = [e["event_type"] for e in self.engine.events(run)]
            self.assertEqual((events.count("action.completed"),
                              events.count("action.failed")), (1, 1), events)
        print(f"{len(runs)} jobs of workers that were stopped beyond their lease: each "
              f"completed once, by another")


if __name__ == "__main__":
    unittest.main()
