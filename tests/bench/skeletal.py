"""Ours beside a bare skeleton of the same shape, in turn: what the rules cost."""
import os
import subprocess
import tempfile

import load
from engine import BUILD
from meter import process_cpu_seconds

PROCESSES = ("gateway", "scheduler", "lease")  # as bench_skeleton says their pids
WORK = ((1, 1), (1, 64), (1, 256), (10, 64))


class Skeleton:
    """bench_skeleton in a folder of its own."""

    def __init__(self, under=()):
        self.under = under

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="capstan-skeleton-")
        self.process = subprocess.Popen(
            [*self.under, os.path.join(BUILD, "tests/bench/bench_skeleton"),
             self.folder.name], stdout=subprocess.PIPE, text=True)
        *self.pids, self.port = map(int, self.process.stdout.readline().split())
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the skeleton did not begin")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def pid(self, name):
        return self.pids[PROCESSES.index(name)]

    def work(self, steps, clients, seconds):
        return load.wrk(f"http://127.0.0.1:{self.port}",
                        os.path.join(load.SOURCE, "tests/bench/start.lua"), clients,
                        seconds, BENCH_KEY="none", BENCH_AUTOMATION=f"bench-{steps}")


def slot(work, pids):
    """What work() says, with CPU a run of these processes, by name, and of all."""
    before = {name: process_cpu_seconds(pid) for name, pid in pids.items()}
    result = work()
    for name, pid in pids.items():
        result[name] = ((process_cpu_seconds(pid) - before[name]) * 1e6
                        / result["count"])
    result["cpu_us"] = sum(result[name] for name in pids)
    return result


def compare(figures, given, engine, word, under=()):
    """CPU is that of the processes which both have."""
    ours = {name: engine.pid(name + ".0") for name in PROCESSES}
    with Skeleton(under) as skeleton:
        its = {name: skeleton.pid(name) for name in PROCESSES}
        for steps, clients in WORK:
            load.runs(engine, steps, clients, 1)
            skeleton.work(steps, clients, 1)
            pairs = [(slot(lambda: load.runs(engine, steps, clients, given.seconds), ours),
                      slot(lambda: skeleton.work(steps, clients, given.seconds), its))
                     for _ in range(given.rounds)]
            what = f"{word}: {steps} step{'s' * (steps > 1)}, {clients} concurrent"
            tell(figures, what, pairs)


def tell(figures, what, pairs):
    figures.add(f"{what}: its runs", [b["rps"] for _, b in pairs], "runs/s")
    figures.add(f"{what}: its p50", [b["p50_ms"] for _, b in pairs], "ms")
    figures.add(f"{what}: ours of its runs/s", [a["rps"] / b["rps"] * 100
                                                for a, b in pairs], "%")
    figures.add(f"{what}: our CPU of its",
                [a["cpu_us"] / max(b["cpu_us"], 1) for a, b in pairs], "times")
    for name in PROCESSES:
        figures.add(f"{what}: {name}, its CPU", [b[name] for _, b in pairs], "µs/run")
        figures.add(f"{what}: {name}, our CPU", [a[name] for a, _ in pairs], "µs/run")
