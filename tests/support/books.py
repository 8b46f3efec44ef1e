"""Who keeps books of what the engine has acknowledged, and compares them with it.

    books = Books(engine)
    books.begin(clients=4, workers=2)
    ...whatever befalls the engine...
    books.end()
    print(books.compare(engine))

Clients start runs with keys of their own, a publisher applies new versions of an
automation, workers report results that nobody else could; each writes down what was
acknowledged. compare() raises AssertionError for each kind of loss.
"""
import contextlib
import http.client
import json
import threading
import time

import msgpack
import zmq

from engine import API, DEADLINE, Refused, until
from trades import Hand, PAYLOAD, Whole, trades_of

GRAPH = """\
name: graph
steps:
  - { key: a, kind: action, config: { action_name: json, parameters: { n: 1 } } }
  - { key: b, kind: action, needs: [a], config: { action_name: json } }
  - { key: c, kind: action, needs: [a], config: { action_name: json } }
  - { key: d, kind: action, needs: [b, c], config: { action_name: json } }
"""
STEPS = ["a", "b", "c", "d"]
HOLD = """\
name: hold
steps: [{ key: hold, kind: action, config: { action_name: hold } }]
"""
BOOK = """\
name: book
description: page {}
steps: [{{ key: a, kind: action, config: {{ action_name: json }} }}]
"""
TICK = """\
name: tick
triggers: [{ key: t, kind: schedule, config: { interval: 1s } }]
steps: [{ key: a, kind: action, config: { action_name: json } }]
"""
TROUBLE = (Refused, OSError, ValueError, http.client.HTTPException)


class Client(threading.Thread):
    """Starts runs one after another; asks with the same key until it is answered."""

    def __init__(self, books, number):
        super().__init__(daemon=True)
        self.books, self.number = books, number
        self.acknowledged = {}  # key → run
        self.last = None        # run
        self.begun = 0          # monotonic, of the start that was acknowledged last

    def run(self):
        count = 0
        while not self.books.stop.wait(self.books.pause):
            key = f"{self.books.name}-{self.number}-{count}"
            count += 1
            while not self.books.stop.is_set():
                begun = time.monotonic()
                try:
                    self.last = self.books.engine.start("graph", key=key)["id"]
                    self.acknowledged[key] = self.last
                    self.begun = begun
                    break
                except TROUBLE:
                    self.books.stop.wait(0.02)


class Publisher(threading.Thread):
    """Applies one version after another; the last acknowledged one is in its book."""

    def __init__(self, books):
        super().__init__(daemon=True)
        self.books = books
        self.page = self.acknowledged = 0

    def run(self):
        while not self.books.stop.wait(0.2):
            self.page += 1
            with contextlib.suppress(*TROUBLE):
                self.books.engine.apply(BOOK.format(self.page))
                self.acknowledged = self.page


class Follower(threading.Thread):
    """Reads what was just acknowledged: it must be there."""

    def __init__(self, books):
        super().__init__(daemon=True)
        self.books = books
        self.missing = []

    def run(self):
        while not self.books.stop.wait(0.1):
            for client in self.books.clients:
                run = client.last
                try:
                    if run is not None:
                        self.books.engine.run(run)
                except Refused as refused:
                    if refused.code == "not_found":
                        self.missing.append(run)
                except TROUBLE:
                    pass


class BookWorker(threading.Thread):
    """Does every job at once, with a result of its own making."""

    actions = ["json"]
    patience = 0  # s that it does each job for

    def __init__(self, books, instance):
        super().__init__(daemon=True)
        self.books, self.instance = books, instance
        self.accepted = []  # (run, step, result)
        self.stale = 0
        self.held = {}      # token → (run, step, result)
        self.done_at = {}   # token → monotonic
        self.lost = []      # tokens that the engine took away
        self.session = None
        self.registered = False
        self.count = self.asked_at = self.beat_at = self.said_at = 0

    def say(self, **message):
        with contextlib.suppress(zmq.Again):
            self.door.send(msgpack.packb(message), zmq.NOBLOCK)

    def result(self):
        return f"{self.books.name}-{self.instance}-{self.count}"

    def report(self, token):
        self.say(type="report", token=token, outcome="completed",
                 output=self.held[token][2])

    def hear(self, m):
        kind, token = m["type"], m.get("token")
        if kind == "registered":
            self.session, self.registered = m["session"], True
        elif kind == "register":
            self.registered, self.asked_at = False, 0
        elif kind == "job" and token not in self.held:
            self.count += 1
            result = self.result()
            self.held[token] = (m["run"], m["step"], result)
            self.done_at[token] = time.monotonic() + self.patience
            if not self.patience:
                self.report(token)
        elif kind == "ack" and token in self.held:
            if m["verdict"] == "accepted":
                self.accepted.append(self.held[token])
            else:
                self.stale += 1
            del self.held[token]
        for lost in m.get("lost", []):
            if self.held.pop(lost, None):
                self.lost.append(lost)

    def speak(self):
        now = time.monotonic()
        if not self.registered:
            if now - self.asked_at > 0.5:
                self.asked_at = now
                self.say(type="register", v=1, key=self.books.engine.key,
                         instance=self.instance, concurrency=8, actions=self.actions,
                         session=self.session, held=list(self.held))
            return
        if now - self.beat_at > 0.3:
            self.beat_at = now
            self.say(type="heartbeat", held=list(self.held))
        if now - self.said_at > 1:
            self.said_at = now
            for token in self.held:
                if now >= self.done_at[token]:
                    self.report(token)

    def run(self):
        context = zmq.Context()
        self.door = context.socket(zmq.DEALER)
        self.door.linger, self.door.immediate = 0, 1
        self.door.reconnect_ivl, self.door.reconnect_ivl_max = 20, 200
        self.door.connect(f"tcp://127.0.0.1:{self.books.engine.worker_port}")
        while not self.books.leave.is_set():
            self.speak()
            if self.door.poll(50):
                with contextlib.suppress(zmq.Again):
                    while True:
                        self.hear(msgpack.unpackb(self.door.recv(zmq.NOBLOCK)))
        self.say(type="goodbye")
        self.door.close(200)
        context.destroy(200)


class LargeWorker(BookWorker):
    """Its results lie beside the log."""

    actions = ["large"]

    def result(self):
        return super().result() + "x" * PAYLOAD


class Holder(BookWorker):
    """Holds each job for longer than a lease lasts, and says that it does."""

    actions = ["hold"]
    patience = 3


class Reader:
    """Asks over one connection."""

    def __init__(self, engine):
        self.engine = engine
        self.connection = http.client.HTTPConnection("127.0.0.1", engine.http_port,
                                                     timeout=DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def get(self, path):
        self.connection.request("GET", API + path, headers={
            "Authorization": "Bearer " + self.engine.key})
        answer = self.connection.getresponse()
        value = json.loads(answer.read())
        if answer.status != 200:
            raise Refused(answer.status, value)
        return value

    def all_runs(self):
        """Run → document, of the automation that clients start."""
        found, cursor = {}, None
        while True:
            page = self.get("/runs?automation=graph&limit=1000"
                            + (f"&cursor={cursor}" if cursor else ""))
            found.update((run["id"], run) for run in page["items"])
            cursor = page["next_cursor"]
            if not cursor:
                return found


class Books:
    def __init__(self, engine, name="book", pause=0.02):
        self.engine, self.name, self.pause = engine, name, pause
        self.stop, self.leave = threading.Event(), threading.Event()
        self.clients, self.workers, self.others = [], [], []
        self.publisher = self.follower = None
        self.trades = []

    def begin(self, clients=4, workers=2, trades=False):
        """With `trades`, those of trades.py too."""
        self.engine.apply(GRAPH)
        self.engine.apply(TICK)
        self.clients = [Client(self, n) for n in range(clients)]
        self.workers = [BookWorker(self, f"worker-{n}") for n in range(workers)]
        self.publisher, self.follower = Publisher(self), Follower(self)
        self.others = [self.publisher, self.follower]
        if trades:
            self.workers.append(LargeWorker(self, "large"))
            self.trades = trades_of(self)
            for trade in self.trades:
                trade.begin()
        for thread in self.threads():
            thread.start()

    def threads(self):
        return self.clients + self.workers + self.others + self.trades

    def acknowledged(self):
        return {k: run for c in self.clients for k, run in list(c.acknowledged.items())}

    def serves_since(self, moment):
        """Was every client acknowledged a start that it began after that moment?"""
        return all(client.begun > moment for client in self.clients)

    def wait_whole(self):
        """Until one more run of all kinds was acknowledged in all its parts."""
        whole = next(trade for trade in self.trades if isinstance(trade, Whole))
        before = len(whole.begun)
        until(lambda: len(whole.begun) > before,
              lambda: "a run of all kinds goes through\n" + self.engine.logs())

    def end(self):
        """No more starts.  The workers go on until compare() is done."""
        self.stop.set()
        for thread in self.clients + self.others:
            thread.join()
        for trade in self.trades:
            if not isinstance(trade, Hand):
                trade.join()

    def close(self):
        self.stop.set()
        self.leave.set()
        for thread in self.threads():
            if thread.ident is not None:
                thread.join()
        for trade in self.trades:
            trade.close()

    # ---- against the engine ----

    def lost_runs(self):
        """Keys whose run, once acknowledged, is not there."""
        acknowledged, known = self.acknowledged(), {}
        with Reader(self.engine) as reader, contextlib.suppress(Refused):
            known = reader.all_runs()  # refused: even the automation is gone
        return [key for key, run in acknowledged.items() if run not in known]

    def explain(self, runs):
        said = [self.engine.tool("runs", "explain", run, check=False).stdout
                for run in runs[:3]]
        return "\n".join([f"no run is stuck, but {len(runs)} are", *said,
                          self.engine.logs()])

    def wait_settled(self, deadline=DEADLINE):
        """Every run is finished, and every report acknowledged."""
        names = ["graph", "whole"] if self.trades else ["graph"]

        def open_runs():
            return [run["id"] for name in names for run in self.engine.get(
                "/runs", status="open", automation=name)["items"]]
        until(lambda: not open_runs(), lambda: self.explain(open_runs()), deadline)
        until(lambda: not any(worker.held for worker in self.workers),
              lambda: "every report is acknowledged, but of "
              f"{[(w.instance, w.registered, list(w.held.values())) for w in self.workers]}"
              f"\n{self.engine.logs()}")

    def compare(self):
        books = self.acknowledged()
        assert len(books) == len(set(books.values())), "two keys have one run"
        lost = self.lost_runs()
        assert not lost, f"{len(lost)} acknowledged starts are lost, such as {lost[:3]}"
        missing = self.follower.missing
        assert not missing, f"acknowledged, but not to be read: {missing[:3]}"
        wrong = [trade.wrong for trade in self.trades if trade.wrong]
        assert not wrong, wrong
        self.wait_settled()
        with Reader(self.engine) as reader:
            self.compare_runs(reader.all_runs(), books)
            results = self.compare_results(reader)
            self.compare_logs(reader, sorted(books.items()))
        self.compare_publisher()
        self.compare_trades()
        return f"{len(books)} starts and {results} results acknowledged, 0 lost, " \
               f"0 accepted twice, 0 stuck"

    def compare_runs(self, runs, books):
        unfinished = [run for run in books.values()
                      if runs[run]["status"] != "completed"]
        assert not unfinished, f"did not complete: {unfinished[:3]}"
        more = len(runs) - len(books)
        assert more <= len(self.clients), f"{more} runs that nobody asked for"

    def compare_results(self, reader):
        """What a worker was told is accepted is the one result of that step."""
        accepted = {}
        for worker in self.workers:
            for run, step, result in worker.accepted:
                assert accepted.setdefault((run, step), result) == result, \
                    f"two results of {run} {step} were accepted"
        by_run = {}
        for (run, step), result in accepted.items():
            by_run.setdefault(run, {})[step] = result
        for run, results in by_run.items():
            outputs = reader.get("/runs/" + run)["outputs"]
            for step, result in results.items():
                assert outputs.get(step) == result, \
                    f"{run} {step}: {result} was accepted, {outputs.get(step)} is there"
        return len(accepted)

    def compare_logs(self, reader, books):
        for key, run in books[::max(1, len(books) // 200)]:
            assert self.engine.start("graph", key=key)["id"] == run, f"{key}: a new run"
            events = reader.get(f"/runs/{run}/events?limit=1000")["items"]
            numbers = [event["sequence"] for event in events]
            assert numbers == list(range(1, len(events) + 1)), f"{run}: {numbers}"
            done = [event["step"] for event in events
                    if event["event_type"] == "action.completed"]
            assert sorted(done) == STEPS, f"{run}: completed {done}"
            assert events[-1]["event_type"] == "run.completed", events[-1]

    def compare_trades(self):
        said = [trade.compare() for trade in self.trades]
        for words in filter(None, said):
            print(f"  {words}, 0 lost, 0 twice", flush=True)

    def compare_lies(self):
        """The control: one wrong line in each book, and it is found.  How many."""
        found = 0
        for trade in self.trades:
            trade.patience = 0
            for write, take_out in trade.lies():
                write()
                with contextlib.suppress(AssertionError):
                    trade.compare()
                    raise RuntimeError(f"a lie in the book of {type(trade).__name__}")
                take_out()
                found += 1
            trade.compare()
        return found

    def compare_publisher(self):
        if self.publisher.acknowledged == 0:
            return
        text = self.engine.get("/automations/book")["definition"]
        page = int(text.split("page ")[1].split()[0])
        assert self.publisher.acknowledged <= page <= self.publisher.page, \
            f"page {self.publisher.acknowledged} was acknowledged, {page} is there"
