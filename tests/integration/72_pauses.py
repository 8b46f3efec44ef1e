#!/usr/bin/python3
"""Goal: however load comes and goes, nothing stands still, no job is lost, and no worker
that lives is forgotten.

Method: for PAUSES_S seconds, 8 unless told, clients start runs of many kinds in bursts.
The time from one burst to the next is about the heartbeat for a while, then another, so
that the beats of workers, the ticks of the gateway and the load meet in every way; now
and then there is a longer burst or pause.  Workers of ZeroMQ, Mobius and iii do the jobs;
four of ZeroMQ are busy throughout a burst, so that they hold something whenever the gateway
says who does not, and nothing whenever they beat, sooner or later.
No run has to wait for long, so none may have more between two of its events than BOUND_S
and what the machine is late meanwhile, by a thread that sleeps and syncs a file.  Every
look at the list of workers, and at the lease actor's own count, must have all sessions of
the beginning: one that it forgets is told to it anew.  SEED repeats the choices.

The controls: a lease actor that stands still, and a worker that does, must be found.
"""
import bisect
import collections
import contextlib
import datetime
import functools
import os
import random
import signal
import sys
import threading
import time
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402
from engine import API, Engine, until  # noqa: E402

PAUSES_S = float(os.environ.get("PAUSES_S", "8"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
HEARTBEAT_S, LEASE_S, BOUND_S = 0.5, 1.5, 1
CLIENTS = 4
QUEUES = ["few", "busy-1", "busy-2", "busy-3"]  # of a worker each, and a client
PROBE_S, LOOK_S = 0.05, 0.02

ONE = "steps: [{ key: a, kind: action, action: json }]"
AUTOMATIONS = {
    "line": "steps: [{ key: a, kind: action, action: json },"
            " { key: b, kind: action, action: json }]",
    "each": """\
steps:
  - key: all
    kind: each
    items: "${{ 0..19 }}"
    concurrency: 5
    steps: [{ key: a, kind: action, action: json, with: { n: "${{ item }}" } }]""",
    "side": """\
steps:
  - key: side
    kind: parallel
    steps:
      - { key: stock, kind: action, action: json }
      - { key: few, kind: action, action: json, queue: few }
      - { key: mobius, kind: action, action: mobius }
      - { key: iii, kind: action, action: iii }""",
    "child": """\
steps:
  - { key: a, kind: automation, automation: line, wait: true }
  - { key: b, kind: automation, automation: each, wait: true }""",
    "waits": """\
steps:
  - { key: w, kind: wait_for_event, event_type: pong, match: { k: "${{ inputs.k }}" },
      lookback: 1m }
  - { key: a, kind: action, action: json }""",
    "again": """\
steps:
  - { key: a, kind: action, action: fail, retry: { max_attempts: 2, delay: 50ms },
      on_error: continue }
  - { key: b, kind: action, action: json }""",
    "queued": "concurrency: { policy: queue, max: 2 }\n" + ONE,
    "mobius": "steps: [{ key: a, kind: action, action: mobius }]",
    "iii": "steps: [{ key: a, kind: action, action: iii }]",
    "heard": "triggers: [{ key: t, kind: event, event_type: ding }]\n" + ONE,
    "ticks": "triggers: [{ key: t, kind: schedule, config: { interval: 1s } }]\n" + ONE,
}
BUSY = """\
steps:
  - key: all
    kind: each
    items: "${{{{ 0..9 }}}}"
    concurrency: 3
    steps: [{{ key: a, kind: action, action: sleep, with: {{ duration: 10ms }}, queue: {} }}]
"""
MIXED = [name for name in AUTOMATIONS if name != "ticks"]
AUTOMATIONS.update({queue: BUSY.format(queue) for queue in QUEUES})


class Repeater(threading.Thread):
    """Does one thing again and again; what goes wrong is a fault of the test."""

    def __init__(self, test, what, over):
        super().__init__(daemon=True)
        self.test, self.what, self.over = test, what, over
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                self.what()
        except Exception as trouble:  # of whatever library
            if not self.test.leave.is_set():
                self.test.fault("trouble", f"{self.what}: {trouble!r}"[:500])


class Pauses(unittest.TestCase):
    def setUp(self):
        self.chance = random.Random(SEED)
        self.burst, self.stop, self.leave = (threading.Event() for _ in range(3))
        self.lock = threading.Lock()
        self.faults, self.counts = {}, collections.Counter()
        self.seen, self.looks, self.longest = set(), 0, 0  # runs, of workers, s
        self.late = [(time.time(), 0)]  # (moment, seconds late until then)
        self.engine = Engine(schedulers=2, heartbeat_ms=int(1000 * HEARTBEAT_S),
                             lease_ms=int(1000 * LEASE_S), log_level="unusual")
        self.engine.up()
        self.addCleanup(self.engine.close)
        for name, text in AUTOMATIONS.items():
            self.engine.apply(f"name: {name}\n{text}\n")
        self.arrive()
        threads = self.hands + [Repeater(self, what, self.leave)
                                for what in (self.probe, self.look)]
        self.clients = [Repeater(self, what, self.stop) for what in [self.once] * CLIENTS
                        + [functools.partial(self.once, queue) for queue in QUEUES]]

        def end():
            for event in (self.stop, self.leave, self.burst):
                event.set()
            for thread in threads + self.clients:
                thread.join(1)  # one may be listening
        self.addCleanup(end)

    def fault(self, kind, text):
        self.faults.setdefault(kind, []).append(text)

    # ---- workers ----

    def arrive(self):
        self.stock = self.engine.worker("--queues", "default", "--actions", "json,fail",
                                        "--concurrency", "16")
        for queue in QUEUES:
            self.engine.worker("--queues", queue, "--actions", "json,sleep",
                               "--concurrency", "1" if queue == "few" else "2")
        self.peer = mobius_frames.Raw(self.engine)
        self.addCleanup(self.peer.close)
        self.peer.register("mobius", slots=4, actions=["mobius"])
        self.worker = iii_frames.Worker(self.engine).function("iii")
        self.addCleanup(self.worker.close)
        self.hands = [Repeater(self, what, self.leave) for what in (self.mobius, self.iii)]
        until(lambda: len(self.sessions()) == 3 + len(QUEUES), "all workers are there")
        self.known = self.sessions()

    def sessions(self):
        """Id → instance, of those that are served."""
        return {row["id"]: row["instance"] for row in self.engine.get("/workers")["items"]
                if row["status"] == "active"}

    def mobius(self):
        for job in self.peer.claim(4):
            self.peer.report(job, result={})

    def iii(self):
        with contextlib.suppress(TimeoutError):
            call = self.worker.hear()
            if call["type"] == "invokefunction":
                self.worker.answer(call, result={})

    # ---- load ----

    def once(self, name=None):
        """One run to its end, and a look at it."""
        self.burst.wait()
        if self.stop.is_set():
            return
        with self.lock:
            name = name or self.chance.choice(MIXED)
            self.counts[name] += 1
            number = self.counts[name]
        if name == "heard":
            self.engine.call("POST", API + "/events", {"type": "ding", "data": {}})
        elif name == "waits":
            run = self.engine.start(name, {"k": number})["id"]
            self.engine.call("POST", API + "/events", {"type": "pong", "data": {"k": number}})
            self.judge(self.engine.wait_final(run))
        else:
            self.judge(self.engine.start(name, wait=30))

    def live(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            period = HEARTBEAT_S * self.chance.triangular(0.6, 1.4, 0.96)
            share = self.chance.uniform(0.4, 0.7)
            if self.chance.random() < 0.2:  # a long one
                period *= self.chance.uniform(2, 6)
            for _ in range(max(1, int(2 * LEASE_S / period))):
                self.burst.set()
                time.sleep(period * share)
                self.burst.clear()
                time.sleep(period * (1 - share))

    # ---- what is looked at ----

    def probe(self):
        """How late a thread is, and the disk."""
        begin = time.monotonic()
        time.sleep(PROBE_S)
        with open(os.path.join(self.engine.data, "probe"), "wb", buffering=0) as file:
            file.write(b"x")
            os.fsync(file.fileno())
        self.late.append((time.time(), self.late[-1][1] + time.monotonic() - begin - PROBE_S))

    def late_between(self, begin, end):
        notes = self.late
        last = min(len(notes) - 1, bisect.bisect(notes, (end,)))
        return notes[last][1] - notes[max(0, bisect.bisect(notes, (begin,)) - 1)][1]

    def look(self):
        count = self.engine.counters("lease.0")["sessions"]
        if count != len(self.known):
            self.fault("worker", f"the lease actor knows {count} sessions")
        for id in self.known.keys() - self.sessions().keys():
            self.fault("worker", f"{self.known[id]} ({id}) is not in the list")
        self.looks += 1
        self.leave.wait(LOOK_S)

    def judge(self, run):
        """A run that has ended."""
        self.seen.add(run["id"])
        if run["status"] != "completed":
            self.fault("run", f"{run['id']} of {run['automation']} is {run['status']}")
        events = self.engine.events(run["id"])
        times = [datetime.datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
                 .timestamp() for event in events]
        for i, (begin, end) in enumerate(zip(times, times[1:])):
            self.longest = max(self.longest, end - begin)
            late = self.late_between(begin, end)
            if end - begin > BOUND_S + late:
                self.fault("gap", f"{end - begin:.2f} s ({late:.2f} s late) in {run['id']}"
                           f" of {run['automation']}: {events[i:i + 2]}")

    def settle(self):
        """The load ends, and so must every run; how many there are of each kind."""
        self.stop.set()
        self.burst.set()
        for client in self.clients:
            client.join()
        self.engine.call("POST", f"{API}/automations/ticks/archive")
        until(lambda: len(list(self.runs(automation="heard"))) == self.counts["heard"],
              "each event has its run")
        until(lambda: not list(self.runs(status="open")), "every run ends")
        found = collections.Counter()
        for run in self.runs():
            found[run["automation"]] += 1
            if run["id"] not in self.seen:
                self.judge(run)
        return found

    def runs(self, cursor="", **query):
        while cursor is not None:
            page = self.engine.get("/runs", limit=1000, cursor=cursor, **query)
            yield from page["items"]
            cursor = page["next_cursor"]

    def test_1_nothing_stands_still(self):
        print(f"PAUSES_S={PAUSES_S:g} SEED={SEED}", flush=True)
        self.live(PAUSES_S)
        found = self.settle()
        print(f"{sum(found.values())} runs, {self.looks} looks, no gap above "
              f"{self.longest:.2f} s, late {self.late[-1][1]:.1f} s", flush=True)
        few = {kind: (len(texts), texts[:5]) for kind, texts in self.faults.items()}
        self.assertFalse(few, few)
        wanted = self.counts + collections.Counter(
            line=self.counts["child"], each=self.counts["child"], ticks=found["ticks"])
        self.assertEqual(found, wanted)
        self.assertGreater(min(found[name] for name in AUTOMATIONS), 0, found)
        self.assertGreater(self.looks, PAUSES_S)
        self.assertEqual(self.engine.counters("lease.0")["jobs_lost"], 0)

    def test_2_control_who_stands_still_is_found(self):
        self.burst.set()
        pid = self.engine.kill("lease.0", signal.SIGSTOP)
        time.sleep(1.3 * BOUND_S)
        os.kill(pid, signal.SIGCONT)
        self.stock.send_signal(signal.SIGSTOP)
        until(lambda: "worker" in self.faults, "the worker is missed")
        self.stock.send_signal(signal.SIGCONT)
        self.settle()
        self.assertIn("gap", self.faults)


if __name__ == "__main__":
    unittest.main()
