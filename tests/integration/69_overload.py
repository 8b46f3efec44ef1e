#!/usr/bin/python3
"""Goal: asked for ten times what it does, the engine does what it admits, refuses the rest
at once and never does it, keeps within its memory, and does not let another project wait
for the flood.

Method: starts that take the scheduler long (400 steps in one turn), at ten times the rate
that it has just shown, from clients who do not wait (tests/support/flood.py), for FLOOD_S
seconds, 3 unless told; beside them a project that asks for little. All is judged by what
is seen at the same time: times of the other project by those beside as much as the engine
does and as many requests that cost nothing, before and after; counts by counts, memory by
the limit. What others do on the machine may spoil a round, so a fault is one of each of
three. The same with events, each of which starts such a run. Then a scheduler that stands still while every door is asked; workers who say more than is
read; bodies that are large together; processes without descriptors.

The controls: a gateway that lets everybody wait, and events of which none is refused, are
found; so is a trigger actor that counts no fires (tests/mutants).
"""
import collections
import contextlib
import datetime
import http.client
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
import unittest

import msgpack

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402
import worker_frames  # noqa: E402
from engine import API, Engine, Refused, until  # noqa: E402
from flood import Flood, request_bytes  # noqa: E402
from projects import make_key  # noqa: E402
from workflow_graph import Api, job  # noqa: E402

FLOOD_S = float(os.environ.get("FLOOD_S", "3"))
TIMES = 10         # what it does
QUIET_RATE = 20    # a second, of the other project
GROWN_MIB = 192    # of any process: what a batch of such turns takes, and caches
RATE_MAX = 2500    # that a flood in Python reaches
STILL_S = 4
DOOR_RATE = 150
SLACK_S = 0.02     # of what is quick anyway
ROUNDS = 3

HEAVY = "name: heavy\nsteps:\n" + "".join(
    f"  - {{ key: s{n}, kind: set, values: {{ a{n}: '${{{{ 1 + {n} }}}}' }} }}\n"
    for n in range(400))
LIGHT = "name: light\nsteps: [{ key: a, kind: set, values: { a: 1 } }]\n"
HEARD = "triggers: [{ key: e, kind: event, event_type: come, inputs: " \
    "{ at: '${{ meta.event_at }}' } }]\n"


OVERLOADED = "more is asked for than the engine does: nothing was done, try again later"


def start_of(automation, key, **more):
    return request_bytes("POST", API + "/runs", key, json.dumps(
        {"automation": automation, **more}).encode())


def event(key):
    return request_bytes("POST", API + "/events", key, b'{"type": "come", "data": {}}')


def part(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def figures(times):
    times = sorted(times)
    return f"p50 {part(times, .5) * 1000:.1f} ms, p99 {part(times, .99) * 1000:.1f}"


def slow_beside(times, others):
    """Did they take more than twice as long?  Of few, no one says what most had to
    wait."""
    times, others, late = sorted(times), sorted(others), .99 if len(times) > 500 else .9
    return any(part(times, share) > 2 * part(others, share) + SLACK_S
               for share in (.5, late))


class Watch(threading.Thread):
    """The most that each process had."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.over = engine, threading.Event()
        self.first, self.most = engine.resident_kib(), {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.wait(0.1):
            for name, size in self.engine.resident_kib().items():
                self.most[name] = max(size, self.most.get(name, 0))

    def grown_mib(self):
        return {name: (size - self.first.get(name, size)) / 1024
                for name, size in self.most.items()}


class Overload(unittest.TestCase):
    def up(self, **settings):
        self.engine = Engine(**settings)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.engine.apply(HEAVY)
        self.engine.apply(LIGHT)

    def count(self, automation):
        """Runs of it."""
        known, cursor = 0, None
        while True:
            page = self.engine.get("/runs", automation=automation, limit=1000,
                                   **({"cursor": cursor} if cursor else {}))
            known += len(page["items"])
            cursor = page["next_cursor"]
            if not cursor:
                return known

    def settle(self):
        until(lambda: not self.engine.get("/runs", status="open")["items"],
              lambda: "no run is stuck\n" + self.engine.logs())

    def capacity(self, seconds=1):
        """Starts a second, asked for by few who wait for each answer."""
        with Flood(self.engine.http_port, start_of("heavy", self.engine.key), 1e6,
                   8) as flood:
            time.sleep(max(1, seconds))
        return flood.statuses[201] / flood.seconds

    def beside(self, rate):
        """What the other project's starts take beside as much as the engine does, and as
        many requests as a flood has, which cost nothing but themselves."""
        port = self.engine.http_port
        with Flood(port, start_of("light", self.other), QUIET_RATE, 200) as quiet, \
                Flood(port, request_bytes("GET", "/healthz", self.engine.key), rate, 4000):
            self.capacity(FLOOD_S / 2)
        return quiet.times(201)

    def flood(self, rate, seconds, patience=30):
        port = self.engine.http_port
        with Flood(port, start_of("light", self.other), QUIET_RATE, 200, 2) as quiet, \
                Flood(port, start_of("heavy", self.engine.key), rate, 4000,
                      patience) as flood:
            time.sleep(seconds)
        return flood, quiet

    def faults_of_all(self, round_of):
        """What is wrong in each round: others who use the machine may spoil one."""
        wrong = round_of()
        for _ in range(ROUNDS - 1):
            if wrong:
                print("  once more:", "; ".join(sorted(wrong)), flush=True)
                wrong &= round_of()
        return wrong

    def within_memory(self, watch):
        grown = watch.grown_mib()
        print("  grown, MiB: " + ", ".join(f"{k} {v:.1f}" for k, v in grown.items()))
        self.assertLess(max(grown.values()), GROWN_MIB)

    def faults(self, flood, quiet, beside):
        """What is wrong with how they were served."""
        done, refused = flood.times(201), flood.times(429)
        found = set()
        if not done:
            return {"nobody is served"}
        if set(flood.statuses) - {201, 429} or flood.unanswered:
            found.add("some were neither served nor refused")
        # What the engine did when it was measured may have been little.
        if not refused or 4 * len(refused) < len(done) \
                or part(refused, .5) > part(done, .5) / 4:
            found.add("who is too many is not refused at once")
        if flood.retry_after != len(refused):
            found.add("who is refused is not told when to come again")
        asked = sum(quiet.statuses.values()) + quiet.unanswered
        if len(quiet.times(201)) < 0.9 * asked or slow_beside(quiet.times(201), beside):
            found.add("another project waits for the flood")
        return found

    def tell(self, rate, flood, quiet, beside):
        print(f"  quiet, beside as much as the engine does: {figures(beside)}", flush=True)
        for name, which in ("flood", flood), ("quiet", quiet):
            print(f"  {name}: " + ", ".join(
                f"{len(times)} answered {status} ({figures(times)})"
                for status, times in which.took.items())
                + f", {which.unanswered} not, {which.broken} broken", flush=True)
        print(f"  asked {rate:.0f}/s, admitted {len(flood.times(201)) / flood.seconds:.0f}"
              "/s", flush=True)

    # ---- starts ----

    def test_1_a_flood_of_starts(self):
        self.up()
        self.other = make_key(self.engine, "other")
        self.engine.call("POST", API + "/automations", LIGHT,
                         {"Content-Type": "application/yaml"}, key=self.other)
        with Flood(self.engine.http_port, start_of("light", self.other), QUIET_RATE,
                   200) as alone:
            time.sleep(1.5)
        print(f"  quiet, alone: {figures(alone.times(201))}", flush=True)
        self.assertEqual(self.faults_of_all(self.round_of_starts), set())

    def round_of_starts(self):
        rate = min(RATE_MAX, TIMES * self.capacity())
        beside = self.beside(rate)
        before = self.count("heavy")
        with Watch(self.engine) as watch:
            flood, quiet = self.flood(rate, FLOOD_S)
        admitted, unknown = len(flood.times(201)), len(flood.times(504))
        self.settle()
        runs = self.count("heavy") - before
        beside += self.beside(rate)
        self.tell(rate, flood, quiet, beside)
        self.within_memory(watch)
        self.assertIn("overloaded", flood.first["429"])
        self.assertTrue(admitted <= runs <= admitted + unknown,
                        f"{runs} runs of {admitted} that were answered 201")
        return self.faults(flood, quiet, beside)

    def test_2_control_a_gateway_that_lets_all_wait_is_found(self):
        self.up(request_wait_ms=600000, request_ms=600000, requests_max=100000)
        self.other = self.engine.key
        rate = min(RATE_MAX, TIMES * self.capacity())
        beside = self.beside(rate)
        flood, quiet = self.flood(rate, 1.5, patience=0.5)
        self.engine.kill_all()
        found = self.faults(flood, quiet, beside)
        print("control, all may wait:", "; ".join(sorted(found)), flush=True)
        self.assertLessEqual({"who is too many is not refused at once",
                              "another project waits for the flood"}, found)

    # ---- events ----

    def lags(self, automation, key):
        """How long after they came the last events had their runs, in s, sorted."""
        page = self.engine.call("GET", f"{API}/runs?automation={automation}&limit=200",
                                key=key)
        lags = []
        for run in page["items"]:
            run = self.engine.call("GET", f"{API}/runs/{run['id']}", key=key)
            came, began = (datetime.datetime.fromisoformat(at.replace("Z", "+00:00"))
                           for at in (run["inputs"]["at"], run["started_at"]))
            lags.append((began - came).total_seconds())
        return sorted(lags)

    def flood_events(self, rate, seconds):
        port = self.engine.http_port
        with Flood(port, event(self.other), QUIET_RATE, 200, 2) as heard, \
                Flood(port, start_of("light", self.other), QUIET_RATE, 200, 2) as quiet, \
                Flood(port, event(self.engine.key), rate, 4000) as flood:
            time.sleep(seconds)
        return flood, quiet, heard

    def faults_of_events(self, flood, quiet, heard, beside):
        """What is wrong with how they were served."""
        done, refused = flood.times(201), flood.times(429)
        found = set()
        if set(flood.statuses) - {201, 429} or flood.unanswered or not done:
            found.add("some were neither served nor refused")
        if not refused or 4 * len(refused) < len(done):
            found.add("events that come too fast are not refused")
        if flood.retry_after != len(refused):
            found.add("who is refused is not told when to come again")
        for name, which in ("a start", quiet), ("an event", heard):
            asked = sum(which.statuses.values()) + which.unanswered
            if len(which.times(201)) < 0.9 * asked:
                found.add(f"{name} of another project is not served")
        if slow_beside(quiet.times(201), beside):
            found.add("starts of another project wait for what events start")
        return found

    def up_with_events(self, **settings):
        self.up(**settings)
        self.engine.apply(HEAVY.replace("heavy", "heard") + HEARD)

    def test_9_a_flood_of_events(self):
        self.up_with_events()
        self.other = make_key(self.engine, "other")
        for text in LIGHT, LIGHT.replace("light", "heard_light") + HEARD:
            self.engine.call("POST", API + "/automations", text,
                             {"Content-Type": "application/yaml"}, key=self.other)
        self.assertEqual(self.faults_of_all(self.round_of_events), set())

    def round_of_events(self):
        rate = min(RATE_MAX, TIMES * self.capacity())
        beside = self.beside(rate)
        before = self.count("heard")
        with Watch(self.engine) as watch:
            flood, quiet, heard = self.flood_events(rate, FLOOD_S)
        taken, unknown = len(flood.times(201)), len(flood.times(504))
        until(lambda: self.count("heard") - before >= taken, "what was taken has its runs")
        self.settle()
        beside += self.beside(rate)
        self.tell(rate, flood, quiet, beside)
        own, others = self.lags("heard", self.engine.key), self.lags("heard_light",
                                                                     self.other)
        print(f"  an event has its run after {figures(own)}, of another project after "
              f"{figures(others)}", flush=True)
        self.within_memory(watch)
        runs = self.count("heard") - before
        self.assertTrue(taken <= runs <= taken + unknown,
                        f"{runs} runs of {taken} events that were taken")
        self.assertLess(part(others, .5), part(own, .5), "who floods waits for himself")
        return self.faults_of_events(flood, quiet, heard, beside)

    def test_9_control_a_project_that_floods_is_found(self):
        """Its own events and starts are those that wait, and nobody is refused."""
        self.up_with_events(request_wait_ms=600000)
        self.other = self.engine.key
        rate = min(RATE_MAX, TIMES * self.capacity())
        beside = self.beside(rate)
        flood, quiet, heard = self.flood_events(rate, 2)
        self.engine.kill_all()
        found = self.faults_of_events(flood, quiet, heard, beside)
        print("control, all events may wait:", "; ".join(sorted(found)), flush=True)
        self.assertIn("events that come too fast are not refused", found)

    # ---- every door ----

    def test_3_every_door_refuses_when_an_actor_stands_still(self):
        self.up(request_ms=60000)
        port, key = self.engine.http_port, self.engine.key
        loop = self.engine.call("POST", mobius_frames.P + "/loops", {
            "name": "loop", "steps": [{"key": "a", "kind": "set", "values": {"n": 1}}]})
        graph = Api(self.engine).create(job("only"))
        caller = iii_frames.Worker(self.engine)
        self.addCleanup(caller.close)
        first = caller.call("late::one", {}, action={"type": "enqueue", "queue": "late"})
        self.assertIn("result", first)
        requests = {
            "native": start_of("light", key),
            "Mobius": request_bytes("POST", f"{mobius_frames.P}/loops/{loop['id']}/runs",
                                    key, b"{}"),
            "workflow-graph": request_bytes("POST", f"/api/workflows/{graph}/run", key)}
        before = self.engine.counters("scheduler.0")["runs_started"]
        pid = self.engine.kill("scheduler.0", signal.SIGSTOP)
        floods = {name: Flood(port, request, DOOR_RATE, 2000)
                  for name, request in requests.items()}
        end, asked = time.monotonic() + STILL_S, 0
        while time.monotonic() < end:
            caller.ask("late::one", {}, action={"type": "enqueue", "queue": "late"})
            asked += 1
            time.sleep(1 / DOOR_RATE)
        os.kill(pid, signal.SIGCONT)
        answers = [caller.hear() for _ in range(asked)]
        admitted = sum("result" in answer for answer in answers)
        refused = asked - admitted
        words = {answer["error"]["message"] for answer in answers if "error" in answer}
        self.assertEqual(words, {OVERLOADED})
        told = [f"iii {admitted} and {refused}"]
        self.assertGreater(min(admitted, refused), 0)
        for name, flood in floods.items():
            flood.end()
            served = sum(n for status, n in flood.statuses.items() if status < 300)
            # A workflow that runs is not started again.
            admitted += served if name != "workflow-graph" else self.count(graph)
            told.append(f"{name} {served} and {flood.statuses.get(429, 0)}")
            self.assertEqual((flood.unanswered, flood.broken), (0, 0), name)
            self.assertGreater(min(served, flood.statuses.get(429, 0)), 0,
                               (name, flood.statuses, flood.first))
            self.assertEqual(set(flood.statuses) - {200, 201, 202, 204, 429}, set(), name)
        print("admitted and refused while a scheduler stood still: " + ", ".join(told),
              flush=True)
        self.assertEqual(
            self.engine.counters("scheduler.0")["runs_started"] - before, admitted)

    # ---- what is large, and what is much ----

    def large(self, size, sent, head=None):
        """One who says that so much follows, and says a part of it."""
        peer = socket.create_connection(("127.0.0.1", self.engine.http_port), 30)
        self.addCleanup(peer.close)
        head = head or f"Content-Length: {size}"
        with contextlib.suppress(ConnectionError):  # it was refused while it spoke
            peer.sendall((f"POST {API}/runs HTTP/1.1\r\nHost: a\r\n{head}\r\n"
                          f"Authorization: Bearer {self.engine.key}\r\n"
                          "Content-Type: application/json\r\n\r\n").encode() + sent)
        return peer

    @staticmethod
    def answer_of(peer, seconds):
        """Its status; None: there is no answer yet."""
        peer.settimeout(seconds)
        try:
            return peer.recv(4096)[9:12]
        except TimeoutError:
            return None
        except ConnectionResetError:
            return b"429"  # it was read while it spoke, and is lost

    def test_4_bodies_that_are_large_together(self):
        self.up(bodies_bytes_max=8 << 20)
        size = 1 << 20
        with Watch(self.engine) as watch:
            peers = [self.large(size, b" " * (size - 1)) for _ in range(100)]
            answers = [self.answer_of(peer, 0.05) for peer in peers]
            for _ in range(20):
                self.engine.start("light")
            time.sleep(0.3)
        grown = watch.grown_mib()["gateway.0"]
        # Who was let in, and found no room when others had grown, hears it at the end.
        for i, answer in enumerate(answers):
            if answer is None:
                peers[i].sendall(b" ")
                answers[i] = self.answer_of(peers[i], 10)
        said = collections.Counter(answers)
        refused = said[b"429"]
        print(f"100 bodies of 1 MiB, all but a byte: {refused} refused, the gateway grew by "
              f"{grown:.1f} MiB", flush=True)
        self.assertEqual(refused + said[b"400"], 100, said)
        self.assertTrue(85 <= refused <= 95, said)
        self.assertLess(grown, 32)
        for peer in peers:
            peer.close()
        until(lambda: self.large(size, b" " * size).recv(4096).startswith(
            b"HTTP/1.1 4") and self.takes(size), "there is room again")

    def takes(self, size):
        """Is a body of this size taken for what it is?"""
        body = b'{"automation":"light"' + b" " * (size - 22) + b"}"
        return b" 201 " in self.large(size, body).recv(4096)

    def test_5_a_body_without_end(self):
        self.up()
        for name, head, piece in (
                ("1 GB said", "Content-Length: 1000000000", b" " * 65536),
                ("chunks for ever", "Transfer-Encoding: chunked",
                 b"10000\r\n" + b" " * 65536 + b"\r\n")):
            with Watch(self.engine) as watch:
                peer, sent, answer = self.large(0, b"", head), 0, b""
                try:
                    while sent < 1 << 30:
                        sent += peer.send(piece)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                try:
                    answer = peer.recv(4096)
                except ConnectionResetError:
                    pass
                self.engine.start("light")
                time.sleep(0.2)
            grown = watch.grown_mib()["gateway.0"]
            print(f"{name}: cut off after {sent / 2**20:.1f} MiB, "
                  f"{answer.split(bytes([13]))[0].decode() or 'without an answer'}, the "
                  f"gateway grew by {grown:.1f} MiB", flush=True)
            self.assertLess(sent, 64 << 20)
            self.assertLess(grown, 16)

    def test_6_workers_that_say_much(self):
        self.up(lease_ms=3600000)
        self.engine.apply(json.dumps({"name": "job", "steps": [
            {"key": "a", "kind": "action", "action_name": "good"}]}))
        good = worker_frames.Session(self.engine, "good", actions=["good"])
        self.addCleanup(good.close)
        over = threading.Event()

        def say(number, frame):
            with worker_frames.context.socket(worker_frames.zmq.DEALER) as door:
                door.linger, door.sndhwm = 0, 100
                door.connect(f"tcp://127.0.0.1:{self.engine.worker_port}")
                while not over.is_set():
                    if door.poll(100, worker_frames.zmq.POLLOUT):
                        door.send(frame)

        frames = {
            "reports of 200 KB": msgpack.packb({
                "type": "report", "token": b"x" * 80, "outcome": "completed",
                "output": "y" * 200000}),
            "heartbeats": msgpack.packb({"type": "heartbeat", "held": [b"x" * 80] * 40}),
            "registrations": msgpack.packb({
                "type": "register", "v": 1, "key": self.engine.key, "instance": "much",
                "concurrency": 1, "actions": ["x"]})}
        for name, frame in frames.items():
            over.clear()
            many = [threading.Thread(target=say, args=(n, frame)) for n in range(3)]
            with Watch(self.engine) as watch:
                for thread in many:
                    thread.start()
                done, end = 0, time.monotonic() + 2
                while time.monotonic() < end:
                    self.engine.start("job")
                    good.report(good.wait("job")["token"], output=1)
                    good.wait("ack", verdict="accepted")
                    done += 1
                over.set()
                for thread in many:
                    thread.join()
            grown = {name: size for name, size in watch.grown_mib().items()
                     if name in ("gateway.0", "lease.0")}
            print(f"three workers that say {name} for ever: {done} jobs of another done, "
                  f"grown by MiB: {grown}", flush=True)
            self.assertGreater(done, 5)
            self.assertLess(max(grown.values()), 96)
            self.assertEqual(self.engine.counters("gateway.0")["refused_full"], 0)

    # ---- descriptors ----

    def test_7_a_gateway_without_descriptors(self):
        self.up()
        pid = self.engine.pid("gateway.0")
        line = http.client.HTTPConnection("127.0.0.1", self.engine.http_port, timeout=30)
        self.addCleanup(line.close)

        def served():
            line.request("GET", "/healthz")
            return line.getresponse().read() != b""
        self.assertTrue(served())
        most = len(os.listdir(f"/proc/{pid}/fd")) + 20
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        peers = [socket.create_connection(("127.0.0.1", self.engine.http_port), 30)
                 for _ in range(60)]
        until(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= most - 1, "all are taken")
        spent, begin = self.engine.cpu_seconds(), time.monotonic()
        for _ in range(20):
            self.assertTrue(served())
            time.sleep(0.05)
        busy = (self.engine.cpu_seconds() - spent) / (time.monotonic() - begin)
        print(f"a gateway without descriptors: who is connected is served; {busy:.0%} of a "
              "core", flush=True)
        for peer in peers:
            peer.close()
        # Not only when the next of those who stay is cut off, after 30 s.
        until(self.takes_starts, "who comes later is served", 15)
        self.assertEqual(self.engine.pid("gateway.0"), pid)

    def test_8_a_store_without_descriptors(self):
        """Its tables cannot be made: it says so, begins anew, and nothing is lost."""
        self.up(restart_max_ms=200, request_ms=3000, memtable_bytes=1 << 20)
        pid = self.engine.pid("scheduler.0")
        most = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        before, outcomes, runs = self.count("heavy"), {}, []
        while self.engine.status()["scheduler.0"].get("pid") == str(pid) \
                and len(runs) < 400:
            try:
                runs.append(self.engine.start("heavy")["id"])
                outcome = "served"
            except Refused as refused:
                outcome = refused.code
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self.engine.wait_restarted("scheduler.0", pid)
        until(self.takes_starts, "it serves again")
        print(f"a scheduler without descriptors: {outcomes}", flush=True)
        self.assertLessEqual(set(outcomes), {"served", "unavailable", "timeout", "io"})
        self.settle()
        self.assertGreaterEqual(self.count("heavy") - before, len(runs))
        self.assertTrue(all(self.engine.run(run)["status"] == "completed"
                            for run in runs[-20:]))
        self.assertIn("ok", self.engine.tool("verify").stdout)

    def takes_starts(self):
        try:
            return self.engine.start("light")
        except Refused:
            return None


if __name__ == "__main__":
    unittest.main()
