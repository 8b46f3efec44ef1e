"""Ours beside a bare skeleton of the same shape, in turn: what the rules cost."""
import os
import subprocess
import tempfile

import load
from engine import BUILD
from meter import metered, process_cpu_seconds

WORK = ((1, 1), (1, 64), (1, 256), (10, 64))


class Skeleton:
    """bench_skeleton in a folder of its own; CPU without its worker."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="capstan-skeleton-")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests/bench/bench_skeleton"), self.folder.name],
            stdout=subprocess.PIPE, text=True)
        *self.pids, self.port = map(int, self.process.stdout.readline().split())
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the skeleton did not begin")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def slot(self, steps, clients, seconds):
        before = sum(process_cpu_seconds(pid) for pid in self.pids)
        result = load.wrk(f"http://127.0.0.1:{self.port}",
                          os.path.join(load.SOURCE, "tests/bench/start.lua"), clients,
                          seconds, BENCH_KEY="none", BENCH_AUTOMATION=f"bench-{steps}")
        cpu = sum(process_cpu_seconds(pid) for pid in self.pids) - before
        result["cpu_us"] = cpu * 1e6 / result["count"]
        return result


def compare(figures, given, engine):
    with Skeleton() as skeleton:
        for steps, clients in WORK:
            load.runs(engine, steps, clients, 1)
            skeleton.slot(steps, clients, 1)
            pairs = [(metered(engine, lambda: load.runs(engine, steps, clients,
                                                        given.seconds)),
                      skeleton.slot(steps, clients, given.seconds))
                     for _ in range(given.rounds)]
            what = f"skeleton: {steps} step{'s' * (steps > 1)}, {clients} concurrent"
            figures.add(f"{what}: its runs", [b["rps"] for _, b in pairs], "runs/s")
            figures.add(f"{what}: its CPU", [b["cpu_us"] for _, b in pairs], "µs/run")
            figures.add(f"{what}: its p50", [b["p50_ms"] for _, b in pairs], "ms")
            figures.add(f"{what}: ours of its runs/s",
                        [a["rps"] / b["rps"] * 100 for a, b in pairs], "%")
            figures.add(f"{what}: our CPU of its",
                        [a["cpu_us"] / max(b["cpu_us"], 1) for a, b in pairs], "times")
