"""More that Books (books.py) keep book of: each trade asks for one kind of thing until it
is acknowledged, writes that down, and compares it with the engine in the end.

    Counter    state of a project, counted up under a condition
    Whole      runs with a payload beside the log, an event that is waited for and a person
               who is asked, done by Mobius, workflow-graph and managed workers
    Queuer     what of iii is durable: state, calls enqueued, dead letters, topics
    Projects   a worker project that is told to stop and to start

lies() are what makes a trade's book wrong; compare() must find each.
"""
import asyncio
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import websockets

import iii_frames
import mobius_frames
from engine import API, DEADLINE, Refused, program, until
from workflow_graph import Api

TROUBLE = (Refused, OSError, ValueError, http.client.HTTPException,
           websockets.WebSocketException)
PAYLOAD = 9000  # bytes; lies beside the log


class Left(Exception):
    """The books are closed; nothing more is asked for."""


class Trade(threading.Thread):
    def __init__(self, books):
        super().__init__(daemon=True)
        self.books, self.engine = books, books.engine
        self.wrong = None
        self.patience = 10  # s for what need not have happened yet

    def begin(self):
        """Once, while the engine is well."""

    def run(self):
        try:
            while not self.books.stop.wait(self.books.pause):
                self.deed()
        except Left:
            pass
        except AssertionError as wrong:
            self.wrong = f"{type(self).__name__}: {wrong}"

    def close(self):
        """Once the thread has ended."""

    def again(self, deed):
        """What it returns, once nothing goes wrong; soon after nothing befalls the engine
        any more."""
        end = None
        while not self.books.leave.is_set():
            try:
                return deed()
            except TROUBLE as trouble:
                if end is None and self.books.stop.is_set():
                    end = time.monotonic() + DEADLINE
                if end is not None and time.monotonic() > end:
                    raise AssertionError(f"not in {DEADLINE} s: {trouble}") from trouble
            time.sleep(0.02)
        raise Left

    def post(self, path, body):
        return self.again(lambda: self.engine.call("POST", API + path, body))

    def all_runs(self, automation):
        """Of that name, all of them; none if there is no such automation."""
        found, cursor = [], ""
        while True:
            page = self.engine.get("/runs", automation=automation, limit=1000,
                                   cursor=cursor)
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def wait_settled(self, automation):
        def open_runs():
            return [run["id"] for run in self.engine.get(
                "/runs", status="open", automation=automation)["items"]]
        until(lambda: not open_runs(), lambda: self.books.explain(open_runs()))

    def lies(self):
        """Each as (what writes it into the book, what takes it out)."""
        return []

    def compare(self):
        """What is in the book, in words.  AssertionError: it is not in the engine."""
        return self.look()


class Hand(Trade):
    """Works as long as the books are open, not only until no more is asked for."""

    def run(self):
        while not self.books.leave.is_set():
            with contextlib.suppress(AssertionError, *TROUBLE):
                self.work()
            self.books.leave.wait(0.05)

    def look(self):
        return None


# ---- state ----

class Counter(Trade):
    """Adds one, if nobody else did; by the number it sees whether a change whose answer
    was lost has happened."""

    place = "/state/books/counter"

    def __init__(self, books):
        super().__init__(books)
        self.count = self.revision = 0
        self.doubt = False

    def deed(self):
        try:
            if self.doubt:
                found = self.engine.get(self.place)
                assert found["value"]["n"] - self.count in (0, 1), found
            else:
                found = self.engine.call("POST", API + self.place, {
                    "ops": [{"type": "increment", "path": "n", "by": 1}],
                    "if_revision": self.revision})
                assert found["value"]["n"] == self.count + 1, found
            self.count, self.revision = found["value"]["n"], found["revision"]
            self.doubt = False
        except Refused as refused:
            # It may be there before any change of it is.
            self.doubt = refused.status != 404
        except TROUBLE:
            self.doubt = True

    def look(self):
        n = self.engine.get(self.place)["value"]["n"]
        assert n - self.count in (0, self.doubt), f"counted {self.count}, {n} is there"
        return f"{n} changes of state"

    def add(self, more):
        self.count += more

    def lies(self):
        return [(lambda: self.add(2), lambda: self.add(-2))]


# ---- runs of all kinds ----

WHOLE = """\
name: whole
inputs:
  n: { type: integer, required: true }
  text: { type: string, required: true }
steps:
  - { key: large, kind: action, action: large, retry: OFTEN }
  - key: side
    kind: parallel
    steps:
      - { key: mobius, kind: action, action: mobius, with: { n: "${{ inputs.n }}" }, retry: OFTEN }
      - { key: graph, kind: action, action: shell, with: { command: "echo ::set-output x=n${{ inputs.n }}" }, retry: OFTEN }
      - { key: kept, kind: action, action: json, queue: kept, with: { n: "${{ inputs.n }}" }, retry: OFTEN }
  - { key: nap, kind: sleep, duration: 20ms }
  - { key: event, kind: wait_for_event, event_type: whole, match: { n: "${{ inputs.n }}" } }
  - { key: person, kind: interaction, protocol: request_information, title: "which?" }
output:
  mobius: "${{ steps.side.output.mobius.n }}"
  graph: "${{ steps.side.output.graph.x }}"
  kept: "${{ steps.side.output.kept.n }}"
  event: "${{ steps.event.output.said }}"
  person: "${{ steps.person.output.value }}"
  text: "${{ len(inputs.text) }}"
""".replace("OFTEN", "{ max_attempts: 100, backoff: none }")
WHOLE_ACTIONS = ["graph", "kept", "large", "mobius"]


class Whole(Trade):
    """Starts such a run, says the event that it waits for, and answers what it asks."""

    def __init__(self, books):
        super().__init__(books)
        self.number = 0
        self.begun = {}  # n → run, of which all was acknowledged

    def begin(self):
        self.engine.apply(WHOLE)

    def question(self, run):
        """Its id, once it is asked."""
        def asked():
            for row in self.engine.get("/interactions", limit=1000)["items"]:
                if row["run_id"] == run:
                    return row["id"]
            raise ValueError("not yet")
        return self.again(asked)

    def deed(self):
        self.number += 1
        n, key = self.number, f"{self.books.name}-whole-{self.number}"
        run = self.again(lambda: self.engine.start(
            "whole", inputs={"n": n, "text": "t" * (PAYLOAD + n)}, key=key))["id"]
        self.post("/events", {"type": "whole", "id": key,
                              "data": {"n": n, "said": f"event {n}"}})
        question = self.question(run)
        self.post(f"/interactions/{question}/respond", {"value": f"person {n}"})
        self.begun[n] = run

    def look(self):
        self.wait_settled("whole")
        for n, run in self.begun.items():
            document = self.engine.run(run)
            assert document["status"] == "completed", document
            wanted = {"mobius": n, "graph": f"n{n}", "kept": n, "event": f"event {n}",
                      "person": f"person {n}", "text": PAYLOAD + n}
            assert document["output"] == wanted, (document["output"], wanted)
            done = sorted(event["step"].split(".")[-1] for event in
                          self.engine.events(run)
                          if event["event_type"] == "action.completed")
            assert done == WHOLE_ACTIONS, done
        more = len(self.all_runs("whole")) - len(self.begun)
        assert more in (0, self.number - len(self.begun)), f"{more} runs too many"
        return f"{len(self.begun)} runs of all kinds"

    def lies(self):
        return [(lambda: self.begun.update({0: self.begun[1]}),
                 lambda: self.begun.pop(0))]


class MobiusHand(Hand):
    def work(self):
        raw = mobius_frames.Raw(self.engine)
        try:
            raw.register("books-mobius", slots=4, action_names=["mobius"])
            while not self.books.leave.is_set() and raw.closed is None:
                jobs = raw.claim(4)
                for job in jobs:
                    id = raw.report(job, result=job["spec"]["parameters"])
                    raw.wait("job.report.ack", message_id=id)
                if not jobs:
                    raw.hear(0.2)
        finally:
            raw.close()


class GraphHand(Hand):
    def work(self):
        api = Api(self.engine)
        api.register("books-graph")
        while not self.books.leave.is_set():
            claimed = api.claim_once("books-graph", ttl=3)
            if not claimed:
                time.sleep(0.05)
                continue
            lease = claimed["lease"]["lease_id"]
            self.again(lambda: api.complete(
                lease, x=claimed["job"]["command"].split("x=")[1]))


# ---- worker projects ----

PROJECT = """\
name: {name}
scripts:
  start: |
    exec {start}
"""


class Projects(Trade):
    """One project does jobs of its own queue, another is told to stop and to start."""

    def __init__(self, books):
        super().__init__(books)
        self.folder = tempfile.mkdtemp(prefix="capstan-projects-")
        self.said, self.orders = "running", 0

    def tool(self, *words):
        done = subprocess.run([program("capstan"), "worker", *words], text=True,
                              env=self.engine.env, cwd=self.folder, capture_output=True,
                              timeout=60, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise OSError(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def begin(self):
        for name, start in (("kept", f"{program('capstan')} worker --queues kept"),
                            ("other", "sleep 1000")):
            os.mkdir(os.path.join(self.folder, name))
            path = os.path.join(self.folder, name, "capstan.worker.yaml")
            with open(path, "w", encoding="utf-8") as out:
                out.write(PROJECT.format(name=name, start=start))
            self.tool("add", name)

    def deed(self):
        wanted = "stopped" if self.said == "running" else "running"
        self.said = None  # nobody knows
        self.again(lambda: self.tool("stop" if wanted == "stopped" else "start", "other"))
        self.said, self.orders = wanted, self.orders + 1
        self.books.stop.wait(0.5)

    def states(self):
        rows = json.loads(self.tool("list", "--json"))["items"]
        return {row["name"]: row["state"] for row in rows}

    def look(self):
        wanted = {"kept": "running", "other": self.said}
        if self.said is None:
            del wanted["other"]
        seen = {}

        def right():
            seen.update(self.states())
            return wanted.items() <= seen.items()
        until(right, lambda: f"projects are {wanted}: {seen}", self.patience)
        return f"{self.orders} orders to worker projects"

    def lies(self):
        def turn():
            self.said = "running" if self.said == "stopped" else "stopped"
        return [(turn, turn)]

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- iii ----

class Door:
    """A connection that is made again when it was lost."""

    def __init__(self, engine, arrive=lambda worker: None):
        self.engine, self.arrive, self.worker = engine, arrive, None

    def __enter__(self):
        if self.worker is None:
            self.worker = iii_frames.Worker(self.engine, open_timeout=5)
            self.arrive(self.worker)
        return self.worker

    def __exit__(self, *what):
        if what[0] is not None:
            self.close()

    def close(self):
        if self.worker is not None:
            with contextlib.suppress(Exception):
                self.worker.close()
            self.worker = None


class Queuer(Trade):
    """Asks for what iii promises to keep."""

    def __init__(self, books, hand):
        super().__init__(books)
        self.hand, self.number, self.set = hand, 0, 0
        self.door = Door(self.engine)
        self.enqueued, self.failing, self.published = [], [], []

    def begin(self):
        self.call("queue::define", {"queue": "fails", "config": {
            "max_retries": 2, "backoff_ms": 10}})

    def close(self):
        self.door.close()

    def call(self, function, data):
        def deed():
            with self.door as worker:
                answer = worker.call(function, data)
            if "error" in answer:
                raise ValueError(answer["error"])
            return answer.get("result")
        return self.again(deed)

    def enqueue(self, queue, n):
        self.call("engine::queue::enqueue", {
            "queue": queue, "function_id": f"books::{queue}", "data": {"n": n},
            "messageReceiptId": f"{self.books.name}-{queue}-{n}"})

    def deed(self):
        self.number += 1
        n = self.number
        self.call("state::set", {"scope": "books", "key": "set", "value": n})
        self.set = n
        self.enqueue("work", n)
        self.enqueued.append(n)
        if n % 4 == 0:
            self.enqueue("fails", n)
            self.failing.append(n)
        self.call("iii::durable::publish", {"topic": "books", "data": {"n": n}})
        self.published.append(n)

    def depth(self, queue):
        return self.call("engine::queue::topic_stats", {"queue": queue})["depth"]

    def dead(self):
        letters, page = [], None
        while page is None or page:
            page = self.call("engine::queue::dlq_messages", {
                "topic": "fails", "offset": len(letters), "limit": 50})
            letters += page
        return sorted(letter["payload"]["n"] for letter in letters)

    def look(self):
        value = self.call("state::get", {"scope": "books", "key": "set"})
        assert self.set <= value <= self.number, f"set {self.set}, {value} is there"
        for queue in ("work", "fails"):
            until(lambda: self.depth(queue) == 0, f"all of {queue} is done")
        runs = self.all_runs("iii.queue work -> books::work")
        assert all(run["status"] == "completed" for run in runs), runs
        assert len(runs) - len(self.enqueued) in (0, self.number - len(self.enqueued)), \
            f"{len(self.enqueued)} calls enqueued, {len(runs)} runs"
        missing = set(self.enqueued) - self.hand.heard["books::work"]
        assert not missing, f"enqueued, and nobody was called: {sorted(missing)[:3]}"
        dead = self.dead()
        assert dead == sorted(set(dead)), f"a dead letter twice: {dead}"
        assert set(dead) - set(self.failing) <= {self.number}, (dead, self.failing)
        assert set(self.failing) <= set(dead), f"no dead letters: {self.failing} {dead}"

        def heard():
            return set(self.published) <= self.hand.heard["books::topic"]
        until(heard, lambda: "all that was published is heard: "
              f"{sorted(set(self.published) - self.hand.heard['books::topic'])[:3]}", self.patience)
        return f"{len(self.enqueued)} calls enqueued, {len(dead)} dead letters, " \
               f"{len(self.published)} words published, {value} values set"

    def lies(self):
        def of(book):
            return lambda: book.append(0), book.pop

        def set_ahead():
            self.set += 1

        def set_back():
            self.set -= 1
        return [of(self.enqueued), of(self.failing), of(self.published),
                (set_ahead, set_back)]


class IiiHand(Hand):
    """Is called: for what was enqueued, published, and by the clock."""

    functions = ["books::work", "books::fails", "books::topic", "books::tick",
                 "books::echo"]

    def __init__(self, books):
        super().__init__(books)
        self.heard = {function: set() for function in self.functions}
        self.ticks = []  # (scheduled time, monotonic)
        self.door = Door(self.engine, self.arrive)

    def arrive(self, worker):
        for function in self.functions:
            worker.function(function)
        worker.trigger("durable:subscriber", "books::topic", config={"topic": "books"})
        worker.trigger("cron", "books::tick", config={"expression": "* * * * * *"})

    def close(self):
        self.door.close()

    def begin(self):
        with self.door as worker:
            worker.silence()
        path = "/automations/iii.topic%20books%20-%3E%20books::topic/triggers"

        def known():
            with contextlib.suppress(Refused):
                return self.engine.get(path)["items"][0]["active"]
        until(known, "the topic has its subscriber")

    def work(self):
        with self.door as worker:
            while not self.books.leave.is_set():
                with contextlib.suppress(TimeoutError):
                    self.do(worker, json.loads(iii_frames.Loop.do(hear_soon(worker))))

    def do(self, worker, call):
        if call["type"] != "invokefunction":
            return
        function = call["function_id"]
        if function == "books::tick":
            self.ticks.append((call["data"]["scheduled_time"], time.monotonic()))
        else:
            self.heard[function].add(call["data"]["n"])
        if function == "books::fails":
            worker.answer(call, error={"code": "E", "message": "as told"})
        else:
            worker.answer(call, result=1)

    def look(self):
        moment = time.monotonic()
        until(lambda: any(at > moment for _, at in list(self.ticks)), "the clock goes on")
        times = [at for at, _ in list(self.ticks)]
        assert len(times) == len(set(times)), "a time of the clock came twice"
        return f"{len(times)} times of a clock"

    def lies(self):
        return [(lambda: self.ticks.insert(0, self.ticks[0]), lambda: self.ticks.pop(0))]


async def hear_soon(worker):
    return await asyncio.wait_for(worker.socket.recv(), 0.3)


def trades_of(books):
    """One of each, hands and all."""
    hand = IiiHand(books)
    return [Projects(books), hand, MobiusHand(books), GraphHand(books), Counter(books),
            Whole(books), Queuer(books, hand)]
