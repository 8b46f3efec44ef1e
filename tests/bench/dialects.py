"""The same job by a worker of each dialect, whose frames the bench says itself: one
process in Python, so jobs a second are what such a worker can do, not the engine."""
import concurrent.futures
import heapq
import http.client
import json
import os
import random
import resource
import select
import socket
import subprocess
import time

import iii_frames
import load
import mobius_frames
import worker_frames
import zmtp_frames
from engine import BUILD, until
from meter import process_cpu_seconds

SHELL = json.dumps({"name": "shell", "steps": [
    {"key": "only", "kind": "action", "action_name": "shell",
     "parameters": {"command": "true", "upstream_outputs": {}}}]})
AT_ONCE = 32
# At least the longest time between two words of one that is idle.
IDLE_S = {"ZeroMQ": 180, "Mobius": 60, "iii": 60, "workflow-graph": 60}


class Zmq:
    about = "ZeroMQ"

    def __init__(self, engine):
        self.session = worker_frames.Session(
            engine, "bench", actions=["shell"], concurrency=AT_ONCE)

    def take(self):
        """A job, when it has come."""
        return self.session.wait("job")["token"]

    def give(self, job):
        self.session.report(job, output={})


class Mobius:
    about = "Mobius WebSocket"

    def __init__(self, engine):
        self.socket = mobius_frames.Raw(engine)
        self.socket.register("bench", slots=AT_ONCE, actions=["shell"])
        self.jobs = []
        self.socket.say("jobs.claim", available_slots=AT_ONCE)

    def take(self):
        while not self.jobs:
            heard = self.socket.hear()
            if heard and heard["type"] == "jobs.claimed":
                self.jobs = heard["jobs"]
                if not self.jobs:
                    self.claim()
            elif heard and heard["type"] == "work.available":
                self.claim()
        return self.jobs.pop()

    def claim(self):
        self.socket.say("jobs.claim", available_slots=AT_ONCE)

    def give(self, job):
        self.socket.report(job, result={})
        if not self.jobs:
            self.claim()


class Iii:
    about = "iii function"

    def __init__(self, engine):
        self.worker = iii_frames.Worker(engine).function("shell")

    def take(self):
        return self.worker.hear()

    def give(self, job):
        self.worker.answer(job, result={})


class WorkflowGraph:
    about = "workflow-graph HTTP"

    def __init__(self, engine):
        self.line = http.client.HTTPConnection("127.0.0.1", engine.http_port)
        self.ask("/api/workers/register", worker_id="bench", labels=[])

    def ask(self, path, **body):
        self.line.request("POST", path, json.dumps(body),
                          {"Content-Type": "application/json"})
        return json.loads(self.line.getresponse().read() or "null")

    def take(self):
        while True:
            claim = self.ask("/api/jobs/claim", worker_id="bench", labels=[])
            if claim:
                return claim["lease"]["lease_id"]

    def give(self, job):
        self.ask(f"/api/jobs/{job}/complete", outputs={})


KINDS = (Zmq, Mobius, Iii, WorkflowGraph)


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def ready(engine, before):
    """When the job that was said since then had become ready, and when it was said."""
    after = until(lambda: (now := engine.counters("gateway.0"))["dispatched"]
                  > before["dispatched"] and now, "it is counted")
    said_us = after["dispatched_at_us"]
    return said_us - (after["dispatch_us"] - before["dispatch_us"]), said_us


def dispatch(figures, given, engine, kind):
    """One at a time: from the request that starts a run until the worker has its job, and
    of that the span from when the job is ready, durably: all processes and we go by one
    clock.  Who takes the job does not wait for the answer to the request."""
    worker, asked, took, said = kind(engine), [], [], []
    other = concurrent.futures.ThreadPoolExecutor(1)
    for number in range(60 * given.rounds):
        before, begin_us = engine.counters("gateway.0"), boot_us()
        taken = other.submit(lambda: (worker.take(), boot_us()))
        run = engine.start("shell")["id"]
        job, has_us = taken.result()
        ready_us, said_us = ready(engine, before)
        if number >= 10:  # the first ones find nothing warm
            asked.append((has_us - begin_us) / 1000)
            took.append(has_us - ready_us)
            said.append(said_us - ready_us)
        worker.give(job)
        engine.wait_final(run)
    other.shutdown()
    what = f"dialects: {kind.about}: "
    figures.times(what + "request sent → worker has the job", asked)
    figures.times(what + "job ready → worker has it", took, "µs")
    figures.times(what + "job ready → the gateway says it", said, "µs")


def drain(figures, given, engine, kind):
    """What has waited is done by one worker."""
    load.starts(engine, "shell", 64, 1)
    total = int(engine.counters("scheduler.0")["runs_started"])
    count = min(given.jobs, total) // given.rounds
    worker, rates, cpus = kind(engine), [], []
    for _ in range(given.rounds):
        begin, cpu = time.monotonic(), engine.cpu_seconds()
        for _ in range(count):
            worker.give(worker.take())
        rates.append(count / (time.monotonic() - begin))
        cpus.append((engine.cpu_seconds() - cpu) / count * 1e6)
    figures.add(f"dialects: {kind.about}: jobs done by one worker", rates, "jobs/s")
    figures.add(f"dialects: {kind.about}: engine CPU of a job", cpus, "µs/job")


# ---- many that are idle ----

PING_S = 20   # so often the clients of Mobius (Go, Python) and of iii ping of themselves
AGAIN_S = 10  # Mobius' Go client claims again so long after an empty answer
POLL_S = 2    # workflow-graph's workers ask again so long after an empty one


class Sleeper:
    """An idle worker that keeps the times of the real ones: `turn` is due at `next_s`."""
    next_s = float("inf")

    def fileno(self):
        return self.raw.socket.fileno()

    def closed(self):
        return self.raw.closed not in (None, False)

    def close(self):
        self.raw.close()


class IdleZmq(Sleeper):
    about = "ZeroMQ"

    def __init__(self, engine, number):
        self.raw = zmtp_frames.Raw(engine)
        told = self.raw.register(engine, f"idle-{number}",
                                 actions=[f"nothing-{number % 16}"])
        self.every_s = told.get("idle_ms", told["heartbeat_ms"]) / 1000
        self.next_s = time.monotonic() + self.every_s * random.uniform(0.05, 1)

    def turn(self):
        self.raw.say("heartbeat", held=[])
        self.next_s += self.every_s * random.uniform(0.9, 1)

    def hear(self):
        self.raw.hear(0.001)


class IdleWebSocket(Sleeper):
    def __init__(self):
        self.ping_s = time.monotonic() + random.uniform(0, PING_S)
        self.next_s, self.claim_s = self.ping_s, float("inf")

    def turn(self):
        now = time.monotonic()
        if now >= self.ping_s:
            self.raw.frame(9, b"")
            self.ping_s += PING_S
        if now >= self.claim_s:
            self.raw.say("jobs.claim", available_slots=1)
            self.claim_s = float("inf")
        self.next_s = min(self.ping_s, self.claim_s)

    def hear(self):
        """All that has come; nothing is waited for, as ten thousand others are served."""
        raw = self.raw
        raw.socket.setblocking(False)
        try:
            came = raw.socket.recv(65536)
        except OSError as e:
            came = b"" if not isinstance(e, BlockingIOError) else None
        if came == b"":
            raw.closed = 1006
        raw.buffer += came or b""
        while len(raw.buffer) >= 2 and raw.closed is None:
            head, size = 2, raw.buffer[1] & 127
            if size == 126:
                head, size = 4, int.from_bytes(raw.buffer[2:4], "big")
            if len(raw.buffer) < head + size:
                break
            self.take(raw.buffer[0] & 15, raw.buffer[head:head + size])
            raw.buffer = raw.buffer[head + size:]
        raw.socket.setblocking(True)

    def take(self, opcode, payload):
        if opcode == 8:
            self.raw.closed = int.from_bytes(payload[:2], "big")
        elif opcode == 9:
            self.raw.frame(10, payload)
        elif b'"jobs.claimed"' in payload:
            self.claim_s = time.monotonic() + AGAIN_S
            self.next_s = min(self.ping_s, self.claim_s)


class IdleBare(IdleWebSocket):
    """One that only pings, over a connection to bench_pong."""

    def __init__(self, port):
        super().__init__()
        self.raw = Plain(port)


class Plain:
    closed = None

    def __init__(self, port):
        self.socket, self.buffer = socket.create_connection(("127.0.0.1", port)), b""

    def frame(self, opcode, _payload):
        self.socket.sendall(bytes((0x80 | opcode, 0x80)) + b"mask")

    def close(self):
        self.socket.close()


class IdleMobius(IdleWebSocket):
    about = "Mobius"

    def __init__(self, engine, number):
        super().__init__()
        self.raw = mobius_frames.Raw(engine)
        self.raw.register(f"idle-{number}", slots=1, actions=[f"nothing-{number % 16}"])
        self.raw.say("jobs.claim", available_slots=1)


class IdleIii(IdleWebSocket):
    about = "iii"

    def __init__(self, engine, number):
        super().__init__()
        self.raw = mobius_frames.Raw(engine, "/", port=engine.iii_port)
        self.raw.wait("workerregistered")
        self.raw.frame(1, json.dumps({"type": "registerfunction",
                                      "id": f"idle::{number}"}).encode())


class IdleWorkflowGraph(Sleeper):
    about = "workflow-graph"

    def __init__(self, engine, number):
        self.raw = http.client.HTTPConnection("127.0.0.1", engine.http_port)
        self.raw.connect()
        self.raw.closed = False
        self.said = json.dumps({"worker_id": f"idle-{number}", "labels": []}).encode()
        self.turn()

    def fileno(self):
        return self.raw.sock.fileno()

    def turn(self):
        self.raw.sock.sendall(
            b"POST /api/jobs/claim HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
            b"application/json\r\nContent-Length: %d\r\n\r\n" % len(self.said)
            + self.said)
        self.next_s = float("inf")

    def hear(self):
        self.raw.closed = not self.raw.sock.recv(65536)
        self.next_s = time.monotonic() + POLL_S


IDLE = (IdleZmq, IdleMobius, IdleIii, IdleWorkflowGraph)


class Crowd:
    """All of them, each in its time."""

    def __init__(self):
        self.poll, self.by_fd, self.due = select.epoll(), {}, []

    def add(self, one):
        self.by_fd[one.fileno()] = one
        self.poll.register(one.fileno(), select.EPOLLIN)
        self.wait(one)

    def wait(self, one):
        """What is in the list for another time than its own is passed over."""
        if one.next_s < float("inf"):
            heapq.heappush(self.due, (one.next_s, one.fileno()))

    def live(self, seconds):
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            next_s = min(self.due[0][0] if self.due else end, end)
            for fd, _ in self.poll.poll(max(next_s - now, 0)):
                one = self.by_fd[fd]
                was_s = one.next_s
                one.hear()
                if one.closed():
                    raise AssertionError(f"an idle worker was sent away: {one.closed()}")
                if one.next_s != was_s:
                    self.wait(one)
            while self.due and self.due[0][0] <= time.monotonic():
                at_s, fd = heapq.heappop(self.due)
                if self.by_fd[fd].next_s == at_s:
                    self.by_fd[fd].turn()
                    self.wait(self.by_fd[fd])

    def close(self):
        self.poll.close()
        for one in self.by_fd.values():
            one.close()


def idle(figures, given, engine, kind):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(given.idle, hard - 200)
    size, crowd = engine.resident_kib("Pss"), Crowd()
    for number in range(count):
        crowd.add(kind(engine, number))
        if number % 200 == 0:
            crowd.live(0.05)
    until(lambda: engine.counters("lease.0")["sessions"] >= count, "they are known")
    crowd.live(2)
    grown = engine.resident_kib("Pss")
    what = f"dialects: {count:,} idle {kind.about} workers"
    figures.add(f"{what}: memory of the gateway, each, PSS",
                [(grown["gateway.0"] - size["gateway.0"]) / count], "KiB")
    figures.add(f"{what}: memory of all processes, each, PSS",
                [(sum(grown.values()) - sum(size.values())) / count], "KiB")
    shares = []
    for _ in range(given.rounds):
        cpu = engine.cpu_seconds()
        crowd.live(IDLE_S[kind.about])
        shares.append((engine.cpu_seconds() - cpu) / IDLE_S[kind.about] * 100)
    figures.add(f"{what}: CPU of all processes", shares, "% core")
    crowd.close()


def bare(figures, given):
    """What the pings alone cost a process that does nothing but answer them."""
    pong = subprocess.Popen([os.path.join(BUILD, "tests/bench/bench_pong")],
                            stdout=subprocess.PIPE, text=True)
    port, crowd, shares = int(pong.stdout.readline()), Crowd(), []
    for number in range(given.idle):
        crowd.add(IdleBare(port))
        if number % 200 == 0:
            crowd.live(0.05)
    for _ in range(given.rounds):
        cpu = process_cpu_seconds(pong.pid)
        crowd.live(IDLE_S["iii"])
        shares.append((process_cpu_seconds(pong.pid) - cpu) / IDLE_S["iii"] * 100)
    crowd.close()
    pong.kill()
    pong.wait()
    pong.stdout.close()
    figures.add(f"dialects: {given.idle:,} pings in {PING_S} s, answered by a program that "
                "does nothing else: CPU", shares, "% core")


def measure(figures, given, new_engine):
    """Each part in an engine of its own."""
    for part in (dispatch, drain):
        for kind in KINDS:
            with new_engine() as engine:
                engine.apply(SHELL)
                part(figures, given, engine, kind)
    for kind in IDLE:
        with new_engine(connections_max=given.idle + 1000) as engine:
            idle(figures, given, engine, kind)
    bare(figures, given)
