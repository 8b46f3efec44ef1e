#!/usr/bin/python3
"""Goal: an engine that works for long, and to which everything happens, does not grow,
leaves no run behind, and its journals are whole.

Method: for SOAK_S seconds, 12 unless told, clients start runs, cancel some, let some
sleep and some wait for events, publish, and change state; workers of ZeroMQ, Mobius and
iii do the jobs, one of them is stopped beyond its lease now and then; runs are kept for a
few seconds only; and every few seconds a process of the engine or a worker is killed.
Memory and descriptors of each process are noted throughout. How they grow is one slope
for each process, over all of its lives, without the first part of each, where caches
fill. Then starts end, and every run must.

The control: clients that connect and never leave must be found, by the memory of the
gateway and by its descriptors. SEED repeats the choices.
"""
import contextlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402
from books import TROUBLE, BookWorker  # noqa: E402
from engine import API, DEADLINE, Engine, until  # noqa: E402

SOAK_S = int(os.environ.get("SOAK_S", "12"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
LONG = SOAK_S >= 300
KILL_S = 40 if LONG else 5       # from one mishap to the next
WARM_S = 240 if LONG else 3      # of each life, in which caches fill
NOTE_S = 1 if LONG else 0.25
KIB_PER_S = 6 if LONG else 600   # that a process may grow: 21 MiB in an hour
FILES_PER_S = 0.005 if LONG else 0.5
LEAKS_PER_S = 200                # of the control

AUTOMATIONS = ["""\
name: mixed
steps:
  - { key: a, kind: action, action: json, with: { n: 1 } }
  - { key: nap, kind: sleep, duration: 1s, needs: [a] }
  - { key: b, kind: action, needs: [a], action: mobius }
  - { key: c, kind: action, needs: [a], action: iii }
  - { key: sum, kind: set, needs: [nap, b, c], values: { n: "${{ 1 + 1 }}" } }
""", """\
name: endless
steps: [{ key: a, kind: action, action: nobody }]
""", """\
name: waits
steps:
  - { key: w, kind: wait_for_event, event_type: paid,
      timeout: { duration: 5s, on_timeout: continue } }
""", """\
name: listens
triggers: [{ key: t, kind: event, config: { event_type: paid } }]
steps: [{ key: a, kind: action, action: json }]
""", """\
name: ticks
triggers: [{ key: t, kind: schedule, config: { interval: 1s } }]
steps: [{ key: a, kind: action, action: print, with: { message: x } }]
"""]


class Repeater(threading.Thread):
    """Does one thing after another; what the engine refuses meanwhile, or cannot answer,
    is passed over."""

    def __init__(self, soak, what, pause):
        super().__init__(daemon=True)
        self.soak, self.what, self.pause, self.count = soak, what, pause, 0

    def run(self):
        while not self.soak.stop.wait(self.pause):
            with contextlib.suppress(*TROUBLE):
                self.what(self)
                self.count += 1


class Dialect(threading.Thread):
    """A worker of one of the WebSockets, which comes again whenever it is sent away."""

    def __init__(self, soak, work):
        super().__init__(daemon=True)
        self.soak, self.work, self.count = soak, work, 0

    def run(self):
        while not self.soak.leave.is_set():
            try:
                self.work(self)
            except Exception:  # of whatever library: the connection is gone
                self.soak.leave.wait(0.2)


def mobius(self):
    with contextlib.closing(mobius_frames.Raw(self.soak.engine)) as peer:
        peer.register("mobius-1", slots=4, actions=["mobius"])
        while not self.soak.leave.is_set():
            for job in peer.claim(4):
                peer.report(job, result={})
                self.count += 1
            if peer.closed is not None:
                return
            self.soak.leave.wait(0.02)


def iii(self):
    worker = iii_frames.Worker(self.soak.engine)
    try:
        worker.function("iii")
        while not self.soak.leave.is_set():
            call = worker.hear()
            if call["type"] == "invokefunction":
                worker.answer(call, result={"n": self.count})
                self.count += 1
    finally:
        worker.close()


def descriptors(pid):
    """Without the tables of stores, which grow with what is kept, up to a limit."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            count += not os.readlink(f"/proc/{pid}/fd/{name}").endswith(".sst")
    return count


def sizes_of(pid):
    """Resident KiB and open descriptors; None if it is gone."""
    try:
        with open(f"/proc/{pid}/statm") as sizes:
            pages = int(sizes.read().split()[1])
        if pages == 0:  # it has ended, and nobody has asked how
            return None
        return pages * os.sysconf("SC_PAGESIZE") / 1024, descriptors(pid)
    except (OSError, ValueError, IndexError):
        return None


class Notes(threading.Thread):
    """What each process had, when: (name, pid) → [(s, KiB, descriptors)]."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.lives, self.over = engine, {}, threading.Event()

    def run(self):
        begin = time.monotonic()
        while not self.over.wait(NOTE_S):
            with contextlib.suppress(OSError):
                for name, row in self.engine.status().items():
                    sizes = sizes_of(row.get("pid", 0))
                    if sizes:
                        self.lives.setdefault((name, row["pid"]), []).append(
                            (time.monotonic() - begin, *sizes))

    def end(self):
        self.over.set()
        self.join()

    def slopes(self, warm=WARM_S):
        """Name → (KiB/s, descriptors/s, lives, s looked at): one slope in each, over all
        lives of a process, each of which begins where it begins."""
        found = {}
        for name in sorted({name for name, _ in self.lives}):
            lives = [[note for note in notes if note[0] >= notes[0][0] + warm]
                     for (whose, _), notes in self.lives.items() if whose == name]
            lives = [notes for notes in lives if len(notes) >= 3]
            seconds = sum(notes[-1][0] - notes[0][0] for notes in lives)
            if lives:
                found[name] = (slope(lives, 1), slope(lives, 2), len(lives), seconds)
        return found


def slope(lives, column):
    up = down = 0.0
    for notes in lives:
        middle = sum(note[0] for note in notes) / len(notes)
        level = sum(note[column] for note in notes) / len(notes)
        up += sum((note[0] - middle) * (note[column] - level) for note in notes)
        down += sum((note[0] - middle) ** 2 for note in notes)
    return up / down


def grows(slopes):
    """Names of those that grow by more than they may, and by what."""
    return {f"{name}: {unit}" for name, (kib, files, _, _) in slopes.items()
            for unit, value, most in (("memory", kib, KIB_PER_S),
                                      ("descriptors", files, FILES_PER_S)) if value > most}


class Soak(unittest.TestCase):
    def setUp(self):
        self.stop, self.leave = threading.Event(), threading.Event()
        self.chance = random.Random(SEED)
        self.engine = Engine(schedulers=2, lease_ms=2000, heartbeat_ms=400,
                             restart_max_ms=100, drain_ms=1000, runs_kept_ms=5000,
                             events_kept_ms=5000, memtable_bytes=1 << 20,
                             cache_bytes=1 << 20, state_cache_bytes=1 << 16, log_level="unusual")
        self.engine.up()
        self.addCleanup(self.engine.close)
        for text in AUTOMATIONS:
            self.engine.apply(text)

    # ---- the load ----

    def once(self, me):
        self.engine.start("mixed", key=f"{me.name}-{me.count}")

    def to_its_end(self, me):
        run = self.engine.start("mixed", wait=10)
        self.engine.events(run["id"])

    def cancelled(self, me):
        run = self.engine.start("endless")["id"]
        self.engine.call("POST", f"{API}/runs/{run}/cancel")

    def waited_for(self, me):
        self.engine.start("waits")
        self.engine.call("POST", API + "/events", {"type": "paid", "data": {"n": 1}})

    def changed(self, me):
        place = f"{API}/state/soak/{me.count % 50}"
        self.engine.call("POST", place, {"ops": [
            {"type": "increment", "path": "n", "by": 1}]})
        self.engine.call("GET", place)
        if me.count % 7 == 0:
            self.engine.call("DELETE", place)

    def looked_at(self, me):
        self.engine.get("/runs", status="failed", limit=20)
        self.engine.get("/workers")

    def published(self, me):
        self.engine.apply(f"name: page\ndescription: page {me.count % 40}\n"
                          "steps: [{ key: a, kind: set, values: { n: 1 } }]\n")

    def begin(self):
        self.name, self.pause = "soak", 0
        self.doers = [Repeater(self, what, pause) for what, pause in (
            (self.once, .1), (self.once, .1), (self.to_its_end, .1), (self.cancelled, .1),
            (self.waited_for, .1), (self.changed, .05), (self.looked_at, .2),
            (self.published, 1))]
        self.workers = [BookWorker(self, "zmq-1"), Dialect(self, mobius), Dialect(self, iii)]
        self.stock = [self.stock_worker() for _ in range(2)]
        for thread in self.doers + self.workers:
            thread.start()

        def end():
            self.stop.set()
            self.leave.set()
            for thread in self.doers + self.workers:
                thread.join(1)  # one may be listening
        self.addCleanup(end)

    def stock_worker(self):
        return self.engine.worker("--queues", "default", "--actions", "print,json",
                                  "--concurrency", "4")

    # ---- what befalls it ----

    def kill_process(self):
        names = [name for name, row in self.engine.status().items()
                 if name != "capstand" and row.get("state") == "ready"]
        name = self.chance.choice(names)
        pid = self.engine.kill(name)
        self.engine.wait_restarted(name, pid)
        return name

    def kill_worker(self):
        victim = self.stock.pop(0)
        victim.kill()
        victim.wait()
        self.engine.workers.remove(victim)
        self.stock.append(self.stock_worker())
        return "worker"

    def stop_worker(self):
        """Beyond its lease."""
        self.stock[0].send_signal(signal.SIGSTOP)
        self.leave.wait(3)
        self.stock[0].send_signal(signal.SIGCONT)
        return "stop"

    def live(self, seconds):
        end, befell = time.monotonic() + seconds, {}
        while time.monotonic() < end:
            self.leave.wait(min(KILL_S, max(0, end - time.monotonic())))
            what = self.chance.choices(
                (self.kill_process, self.kill_worker, self.stop_worker), (6, 2, 2))[0]
            name = what()
            befell[name] = befell.get(name, 0) + 1
        return befell

    def settle(self):
        """Starts end, and then every run does."""
        self.stop.set()
        for thread in self.doers:
            thread.join(DEADLINE)
        for name in ("ticks", "listens"):
            self.engine.call("POST", f"{API}/automations/{name}/archive")
        # Those whose cancelling was refused, or not answered.
        for run in self.engine.get("/runs", status="open", automation="endless",
                                   limit=1000)["items"]:
            self.engine.call("POST", f"{API}/runs/{run['id']}/cancel")

        def open_runs():
            return self.engine.get("/runs", status="open", limit=1000)["items"]
        until(lambda: not open_runs(), lambda: f"no run is stuck: {open_runs()[:3]}\n"
              + self.engine.logs())

    def tell(self, slopes):
        for name, (kib, files, lives, seconds) in slopes.items():
            print(f"  {name}: {kib:+.2f} KiB/s, {files:+.4f} descriptors/s, over {lives} "
                  f"lives and {seconds:.0f} s", flush=True)

    def test_1_it_does_not_grow(self):
        print(f"SOAK_S={SOAK_S} SEED={SEED}", flush=True)
        self.begin()
        notes = Notes(self.engine)
        notes.start()
        befell = self.live(SOAK_S)
        notes.end()
        begin = time.monotonic()
        self.settle()
        print(f"settled in {time.monotonic() - begin:.1f} s", flush=True)
        done = {thread.what.__name__ if isinstance(thread, Repeater) else
                type(thread).__name__: thread.count for thread in self.doers + self.workers}
        print(f"befell: {json.dumps(befell)}\ndone: {json.dumps(done)}", flush=True)
        self.assertGreater(min(done.values()), 0, done)
        slopes = notes.slopes()
        self.tell(slopes)
        self.assertEqual(grows(slopes), set())
        self.assertIn("ok", self.engine.tool("verify").stdout)

    def test_2_control_what_is_never_given_back_is_found(self):
        notes = Notes(self.engine)
        notes.start()
        with contextlib.ExitStack() as closing:
            for _ in range(50):
                for _ in range(LEAKS_PER_S // 10):
                    peer = socket.create_connection(("127.0.0.1", self.engine.http_port))
                    closing.enter_context(peer).sendall(b"GET / HTTP/1.1\r\n")
                self.leave.wait(0.1)
            notes.end()
        slopes = notes.slopes(warm=0)
        self.tell(slopes)
        self.assertLessEqual({"gateway.0: memory", "gateway.0: descriptors"},
                             grows(slopes))


if __name__ == "__main__":
    unittest.main()
