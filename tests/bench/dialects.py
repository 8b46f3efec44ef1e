"""The same job by a worker of each dialect, whose frames the bench says itself: one
process in Python, so jobs a second are what such a worker can do, not the engine."""
import http.client
import json
import resource
import select
import time

import iii_frames
import load
import mobius_frames
import worker_frames
from engine import until

SHELL = json.dumps({"name": "shell", "steps": [
    {"key": "only", "kind": "action", "action_name": "shell",
     "parameters": {"command": "true", "upstream_outputs": {}}}]})
AT_ONCE = 32
IDLE_S = 30


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


def dispatch(figures, given, engine, kind):
    """One at a time: from the request that starts a run until the worker has its job."""
    worker, ms = kind(engine), []
    for number in range(60 * given.rounds):
        begin = time.monotonic()
        run = engine.start("shell")["id"]
        job = worker.take()
        if number >= 10:  # the first ones find nothing warm
            ms.append((time.monotonic() - begin) * 1000)
        worker.give(job)
        engine.wait_final(run)
    figures.times(f"dialects: {kind.about}: request sent → worker has the job", ms)


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

def mobius_idle(engine, number):
    raw = mobius_frames.Raw(engine)
    raw.register(f"idle-{number}", slots=1, actions=[f"nothing-{number % 16}"])
    raw.say("jobs.claim", available_slots=1)
    return raw


def iii_idle(engine, number):
    raw = mobius_frames.Raw(engine, "/", port=engine.iii_port)
    raw.wait("workerregistered")
    raw.frame(1, json.dumps({"type": "registerfunction",
                             "id": f"idle::{number}"}).encode())
    return raw


def answer(there, seconds):
    """They live: pings are answered, and a claim that is over is made again."""
    poll, end = select.epoll(), time.monotonic() + seconds
    by_fd = {raw.socket.fileno(): raw for raw in there}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    while time.monotonic() < end:
        for fd, _ in poll.poll(0.1):
            heard = by_fd[fd].hear(0.01)
            if heard and heard["type"] == "jobs.claimed":
                by_fd[fd].say("jobs.claim", available_slots=1)
            if by_fd[fd].closed:
                raise AssertionError("an idle worker was sent away")
    poll.close()


def idle(figures, given, engine, about, one):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(given.idle, hard - 200)
    size = sum(engine.resident_kib("Pss").values())
    there = []
    for number in range(count):
        there.append(one(engine, number))
        if number % 500 == 0:
            answer(there, 0.01)
    until(lambda: engine.counters("lease.0")["sessions"] >= count, "they are known")
    answer(there, 2)
    grown = sum(engine.resident_kib("Pss").values()) - size
    cpu = engine.cpu_seconds()
    answer(there, IDLE_S)
    what = f"dialects: {count:,} idle {about} workers"
    figures.add(f"{what}: memory of all processes, each, PSS", [grown / count], "KiB")
    figures.add(f"{what}: CPU of all processes",
                [(engine.cpu_seconds() - cpu) / IDLE_S * 100], "% core")
    for raw in there:
        raw.close()


def measure(figures, given, new_engine):
    """Each part in an engine of its own."""
    for part in (dispatch, drain):
        for kind in KINDS:
            with new_engine() as engine:
                engine.apply(SHELL)
                part(figures, given, engine, kind)
    for about, one in (("Mobius", mobius_idle), ("iii", iii_idle)):
        with new_engine(connections_max=given.idle + 1000) as engine:
            idle(figures, given, engine, about, one)
