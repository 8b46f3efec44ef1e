#!/usr/bin/python3
"""make bench: rows of name, median, unit, least and most.

The engine runs as it ships, fsync on, with the stock worker and a client (wrk) on the
same machine; a run counts when the client has the answer that says it is finished.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), folder)
                for folder in ("tests/support", "tests/bench")]
import dialects as by_dialect  # noqa: E402
import load  # noqa: E402
import scale as at_scale  # noqa: E402
from engine import BUILD, SOURCE, Engine  # noqa: E402
from figures import Figures, rewrite_all  # noqa: E402

PAGE = os.path.join(SOURCE, "docs/performance.md")
WORKER = ("--queues", "default", "--concurrency", "512")
MIB = 1 << 20


def core(figures, given):
    with tempfile.TemporaryDirectory(prefix="capstan-bench-") as folder:
        for bench, needs in (("journal", True), ("loop", False), ("each", False),
                             ("transport", True)):
            command = [os.path.join(BUILD, f"tests/bench/bench_{bench}")]
            place = tempfile.mkdtemp(dir=folder)
            for line in subprocess.run(command + [place] * needs, check=True, text=True,
                                       capture_output=True).stdout.splitlines():
                name, median, unit, least, most = line.split("\t")
                figures.keep(name, unit, float(median), float(least), float(most), 5)


def life(figures, given):
    ready, rss, pss, idle = [], [], [], []
    for _ in range(given.rounds):
        begin = time.monotonic()
        with Engine() as engine:
            ready.append((time.monotonic() - begin) * 1000)
            rss.append(sum(engine.resident_kib("Rss").values()) / 1024)
            pss.append(sum(engine.resident_kib("Pss").values()) / 1024)
            before = engine.cpu_seconds()
            time.sleep(2)
            idle.append((engine.cpu_seconds() - before) / 2 * 100)
    figures.add("start-up: empty folder to ready", ready, "ms")
    figures.add("idle: memory of all processes, PSS (shared pages counted once)", pss,
                "MiB")
    figures.add("idle: memory of all processes, RSS (shared pages in each)", rss, "MiB")
    figures.add("idle: CPU of all processes", idle, "% core")


def dispatch(figures, given):
    """One run at a time: from the request, or the report before, to the next job."""
    first, following = [], []
    with Engine() as engine:
        engine.apply(load.automation(10))
        worker = subprocess.Popen([os.path.join(BUILD, "tests/bench/bench_worker")],
                                  env=engine.env, stdout=subprocess.PIPE,
                                  stderr=engine.log, text=True)
        engine.workers.append(worker)
        for number in range(20 * given.rounds):
            begin_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1000
            run = engine.start("bench-10")["id"]
            lines = [worker.stdout.readline().split() for _ in range(10)]
            if number >= given.rounds:  # the first ones find nothing warm
                first.append(int(lines[0][1]) - begin_us)
                following += [int(line[2]) for line in lines[1:]]
            engine.wait_final(run)
    for name, us in (("request sent → worker has the first job", first),
                     ("job reported → worker has the next step's", following)):
        us.sort()
        figures.keep(f"dispatch: {name}, p50", "µs", us[len(us) // 2], us[0], us[-1],
                     len(us))
        figures.keep(f"dispatch: {name}, p99", "µs", us[len(us) * 99 // 100], us[0],
                     us[-1], len(us))


def run(figures, given):
    with Engine() as engine:
        engine.worker(*WORKER)
        for steps in (1, 10):
            engine.apply(load.automation(steps))
        load.runs(engine, 1, 16, 1)
        for steps in (1, 10):
            for clients in given.clients:
                results = [one_round(engine, steps, clients, given.seconds)
                           for _ in range(given.rounds)]
                what = f"run: {steps} step{'s' * (steps > 1)}, {clients} concurrent"
                for suffix, key, unit in (
                        ("", "rps", "runs/s"), (", p50", "p50_ms", "ms"),
                        (", p99", "p99_ms", "ms"), (", engine CPU", "cpu_us", "µs/run"),
                        (", syncs", "syncs", "per run")):
                    figures.add(what + suffix, [r[key] for r in results], unit)


def one_round(engine, steps, clients, seconds):
    cpu = engine.cpu_seconds()
    syncs = engine.counters("scheduler.0")["syncs"]
    result = load.runs(engine, steps, clients, seconds)
    result["cpu_us"] = (engine.cpu_seconds() - cpu) * 1e6 / result["count"]
    result["syncs"] = (engine.counters("scheduler.0")["syncs"] - syncs) / result["count"]
    return result


def recovery(figures, given):
    with Engine() as engine:
        worker = engine.worker(*WORKER)
        engine.apply(load.automation(10))
        while engine.counters("scheduler.0")["facts"] < given.facts:
            load.runs(engine, 10, 256, 3)
        count = engine.counters("scheduler.0")["facts"]
        worker.kill()
        ready = []
        for _ in range(given.rounds):
            engine.down(9)
            begin = time.monotonic()
            engine.up()
            ready.append((time.monotonic() - begin) * 1000)
        figures.add(f"recovery: SIGKILL of all to ready, {count:,} facts", ready, "ms")


def rates(figures, given, engine, what):
    starts = [one_round(engine, 1, 64, given.seconds) for _ in range(given.rounds)]
    figures.add(f"history: {what}: 1-step runs, 64 concurrent",
                [r["rps"] for r in starts], "runs/s")
    figures.add(f"history: {what}: engine CPU of such a run",
                [r["cpu_us"] for r in starts], "µs/run")
    for query in ("limit=50", "status=failed&limit=50", "automation=bench-1&limit=50"):
        pages = [load.lists(engine, query, 4, given.seconds) for _ in range(given.rounds)]
        figures.add(f"history: {what}: pages of ?{query}, 4 concurrent",
                    [r["rps"] for r in pages], "pages/s")


def history(figures, given):
    """The same work beside few finished runs and beside very many."""
    with Engine() as engine:
        worker = engine.worker(*WORKER)
        engine.apply(load.automation(1))
        load.runs(engine, 1, 16, 1)
        rates(figures, given, engine, "few finished runs")
        while engine.counters("scheduler.0")["runs_completed"] < given.runs:
            load.runs(engine, 1, 256, 5)
        count = engine.counters("scheduler.0")["runs_completed"]
        what = f"{count:,} finished runs"
        rates(figures, given, engine, what)
        worker.kill()
        pss = sum(engine.resident_kib("Pss").values()) / 1024
        figures.add(f"history: {what}: PSS of all processes", [pss], "MiB")
        engine.down()
        figures.add(f"history: {what}: on disk",
                    [at_scale.folder_bytes(engine.data) / count], "B/run")
        begin = time.monotonic()
        engine.up()
        figures.add(f"history: {what}: start-up",
                    [(time.monotonic() - begin) * 1000], "ms")


def scale(figures, given):
    """Very many of each, every part in an engine of its own."""
    for name in given.scale:
        with Engine() as engine:
            at_scale.PARTS[name](figures, given, engine)


def dialects(figures, given):
    """A job by a worker of each dialect; and very many workers that are idle."""
    by_dialect.measure(figures, given, Engine)


PARTS = (core, life, dispatch, run, recovery, history, scale, dialects)


def main():
    names = [part.__name__ for part in PARTS]
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--rounds", type=int, default=5)
    parse.add_argument("--seconds", type=int, default=3)
    parse.add_argument("--facts", type=int, default=1000000, help="for recovery")
    parse.add_argument("--runs", type=int, default=1000000, help="for history")
    parse.add_argument("--scale", nargs="*", choices=list(at_scale.PARTS),
                       default=list(at_scale.PARTS), help="which of them")
    parse.add_argument("--sleeping", type=int, default=1000000,
                       help="runs that sleep or wait, for scale")
    parse.add_argument("--queued", type=int, default=100000, help="runs, for scale")
    parse.add_argument("--items", type=int, default=100000, help="of an each, for scale")
    parse.add_argument("--jobs", type=int, default=10000, help="for dialects")
    parse.add_argument("--idle", type=int, default=5000, help="workers, for dialects")
    parse.add_argument("--only", nargs="*", choices=names, default=names)
    parse.add_argument("--clients", type=int, nargs="*", default=[1, 16, 64, 256])
    parse.add_argument("--json", metavar="FILE", default="bench.json")
    parse.add_argument("--markdown", action="store_true",
                       help="put the tables into docs/performance.md")
    given = parse.parse_args()
    figures = Figures()
    for part in PARTS:
        if part.__name__ in given.only:
            part(figures, given)
            figures.write_json(given.json)
    if given.markdown:
        rewrite_all(PAGE, figures)


if __name__ == "__main__":
    main()
