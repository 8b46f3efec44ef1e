#!/usr/bin/python3
"""make bench: rows of name, median, unit, least and most.

The engine runs as it ships, fsync on, with the stock worker and a client (wrk) on the
same machine; a run counts when the client has the answer that says it is finished.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import BUILD, SOURCE, Engine  # noqa: E402

ROWS = []


def row(name, figures, unit):
    figures = list(figures)
    ROWS.append({"name": name, "unit": unit, "median": statistics.median(figures),
                 "min": min(figures), "max": max(figures), "rounds": len(figures)})
    show(ROWS[-1])


def show(r):
    print(f"{r['name']:<58} {r['median']:>12,.2f} {r['unit']:<8} "
          f"[{r['min']:,.2f} – {r['max']:,.2f}]", flush=True)


def core(folder):
    for bench, needs in (("journal", True), ("loop", False), ("each", False),
                         ("transport", True)):
        command = [os.path.join(BUILD, f"tests/bench/bench_{bench}")]
        place = tempfile.mkdtemp(dir=folder)
        for line in subprocess.run(command + [place] * needs, check=True, text=True,
                                   capture_output=True).stdout.splitlines():
            name, median, unit, least, most = line.split("\t")
            ROWS.append({"name": name, "unit": unit, "median": float(median),
                         "min": float(least), "max": float(most), "rounds": 5})
            show(ROWS[-1])


def automation(steps):
    text = f"name: bench-{steps}\nsteps:\n"
    for i in range(steps):
        text += (f"  - key: s{i}\n    kind: action\n    config:\n"
                 f"      action_name: json\n      parameters: {{ order: 17, n: {i} }}\n")
    return text


def load(engine, steps, clients, seconds):
    env = dict(os.environ, BENCH_KEY=engine.key, BENCH_AUTOMATION=f"bench-{steps}")
    done = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "-s",
         os.path.join(SOURCE, "tests/bench/start.lua"),
         f"http://127.0.0.1:{engine.http_port}"],
        env=env, check=True, text=True, capture_output=True)
    found = re.search(r"RESULT (.*)", done.stdout)
    result = {k: float(v) for k, v in (p.split("=") for p in found[1].split())}
    if result["errors"]:
        print(f"  {int(result['errors'])} errors", file=sys.stderr)
    return result


def runs(rounds, seconds, concurrencies):
    with Engine() as engine:
        engine.worker("--queues", "default", "--concurrency", "512")
        for steps in (1, 10):
            engine.apply(automation(steps))
        load(engine, 1, 16, 1)
        for steps in (1, 10):
            for clients in concurrencies:
                results, cpu, syncs = [], [], []
                for _ in range(rounds):
                    before = engine.cpu_seconds()
                    synced = engine.counters("scheduler.0")["syncs"]
                    result = load(engine, steps, clients, seconds)
                    count = max(1.0, result["rps"] * seconds)
                    results.append(result)
                    cpu.append((engine.cpu_seconds() - before) * 1e6 / count)
                    syncs.append(
                        (engine.counters("scheduler.0")["syncs"] - synced) / count)
                what = f"run: {steps} step{'s' * (steps > 1)}, {clients} concurrent"
                row(what, [r["rps"] for r in results], "runs/s")
                row(what + ", p50", [r["p50_ms"] for r in results], "ms")
                row(what + ", p99", [r["p99_ms"] for r in results], "ms")
                row(what + ", engine CPU", cpu, "µs/run")
                row(what + ", syncs", syncs, "per run")


def life(rounds):
    ready, resident, together, again = [], [], [], []
    for _ in range(rounds):
        begin = time.monotonic()
        with Engine() as engine:
            ready.append((time.monotonic() - begin) * 1000)
            resident.append(sum(engine.resident_kib().values()) / 1024)
            together.append(sum(engine.resident_kib("Pss").values()) / 1024)
            idle = engine.cpu_seconds()
            time.sleep(2)
            again.append((engine.cpu_seconds() - idle) / 2 * 100)
    row("start-up: empty folder to ready", ready, "ms")
    row("idle: resident, all processes together", together, "MiB")
    row("idle: resident, shared pages counted for each process", resident, "MiB")
    row("idle: CPU", again, "% core")


def recovery(facts):
    with Engine() as engine:
        worker = engine.worker("--queues", "default", "--concurrency", "512")
        engine.apply(automation(10))
        while engine.counters("scheduler.0")["facts"] < facts:
            load(engine, 10, 256, 3)
        worker.kill()
        count = engine.counters("scheduler.0")["facts"]
        engine.down(9)
        begin = time.monotonic()
        engine.up()
        row(f"recovery: SIGKILL of all to ready, {count:,} facts",
            [(time.monotonic() - begin) * 1000], "ms")


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--rounds", type=int, default=5)
    parse.add_argument("--seconds", type=int, default=3)
    parse.add_argument("--facts", type=int, default=1000000)
    parse.add_argument("--only", nargs="*", default=["core", "life", "run", "recovery"])
    parse.add_argument("--clients", type=int, nargs="*", default=[1, 16, 64, 256])
    parse.add_argument("--json", metavar="FILE")
    given = parse.parse_args()
    with tempfile.TemporaryDirectory(prefix="capstan-bench-") as folder:
        if "core" in given.only:
            core(folder)
    if "life" in given.only:
        life(given.rounds)
    if "run" in given.only:
        runs(given.rounds, given.seconds, given.clients)
    if "recovery" in given.only:
        recovery(given.facts)
    if given.json:
        with open(given.json, "w") as out:
            json.dump(ROWS, out, indent=1)


if __name__ == "__main__":
    main()
