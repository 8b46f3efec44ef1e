#!/usr/bin/python3
"""make bench: rows of name, median, unit, least and most.

The engine runs as it ships, fsync on, with the stock worker and a client (wrk) on the
same machine; a run counts when the client has the answer that says it is finished.
"""
import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), folder)
                for folder in ("tests/support", "tests/bench")]
import dialects as by_dialect  # noqa: E402
import goals  # noqa: E402
import growth  # noqa: E402
import load  # noqa: E402
import scale as at_scale  # noqa: E402
import skeletal  # noqa: E402
from engine import BUILD, SOURCE, Engine  # noqa: E402
from figures import Figures  # noqa: E402
from meter import metered, settled, syscalls  # noqa: E402

PAGE = os.path.join(SOURCE, "docs/performance.md")
WORKER = ("--queues", "default", "--concurrency", "512")
PAGES = 1000  # of a list, each the next one's


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
    figures.times("dispatch: request sent → worker has the first job", first, "µs")
    figures.times("dispatch: job reported → worker has the next step's", following, "µs")


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
                        (", syncs", "syncs", "per run"),
                        (", written", "written_kib", "KiB/run"),
                        (", switches", "switches", "per run")):
                    figures.add(what + suffix, [r[key] for r in results], unit)
        for clients in given.clients:
            calls = [syscalls(engine, lambda: load.runs(engine, 1, clients, 1))
                     for _ in range(given.rounds)]
            if None not in calls:
                figures.add(f"syscalls of a 1-step run, {clients} concurrent", calls,
                            "per run")


def one_round(engine, steps, clients, seconds):
    return metered(engine, lambda: load.runs(engine, steps, clients, seconds))


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


def finish(engine, least):
    """Runs that are over: at least so many; says how many."""
    def completed():
        return engine.counters("scheduler.0")["runs_completed"]

    while completed() < least:
        load.runs(engine, 1, 256, 5)
    return completed()


def history(figures, given):
    """The same work beside few finished runs and beside very many."""
    with Engine() as engine:
        worker = engine.worker(*WORKER)
        engine.apply(load.automation(1))
        load.runs(engine, 1, 16, 1)
        rates(figures, given, engine, "few finished runs")
        count = finish(engine, given.runs)
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


def pages(figures, given):
    """Pages of a list of very many runs, one after another as a reader turns them."""
    with Engine() as engine:
        engine.worker(*WORKER)
        engine.apply(load.automation(1))
        for least in (PAGES * 100, given.listed):
            count = finish(engine, least)
            settled(engine)
            for query in ("", "&status=completed", "&automation=bench-1"):
                figures.times(f"pages: {count:,} finished runs: ?limit=100{query}",
                              load.walk(engine, query, PAGES))


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def beside(figures, given, word, engines, work):
    """The same work given to several engines in turn; all are up at once, and each round
    begins with another: what one leaves to be merged falls to all alike."""
    names = list(engines)
    for engine in engines.values():
        for steps in (1, 10):
            engine.apply(load.automation(steps))
        load.runs(engine, 1, 16, 1)
    for steps, clients in work:
        rounds = [{name: one_round(engines[name], steps, clients, given.seconds)
                   for name in rotated(names, turn)} for turn in range(given.rounds)]
        for name in names:
            what = (f"{word}: {name}: {steps} step{'s' * (steps > 1)}, "
                    f"{clients} concurrent")
            for suffix, key, unit in (("", "rps", "runs/s"),
                                      (", engine CPU", "cpu_us", "µs/run"),
                                      (", syncs", "syncs", "per run")):
                figures.add(what + suffix, [r[name][key] for r in rounds], unit)
            figures.add(f"{what}, runs/s against {names[0]}",
                        [r[name]["rps"] / r[names[0]]["rps"] for r in rounds], "times")


def partitions(figures, given):
    with contextlib.ExitStack() as stack:
        engines = {}
        for count in given.schedulers:
            engines[count] = stack.enter_context(Engine(schedulers=count))
            engines[count].worker(*WORKER)
        beside(figures, given, "partitions", engines, ((1, 64), (10, 64)))


def batch(figures, given):
    """Processes that do not interrupt each other, beside those that do; then the former
    beside a skeleton that does not, either."""
    under = ("chrt", "--batch", "0")
    with Engine() as plain, Engine(under=under) as patient:
        plain.worker(*WORKER)
        patient.worker(*WORKER, under=under)
        beside(figures, given, "batch", {"no": plain, "yes": patient}, skeletal.WORK)
        skeletal.compare(figures, given, patient, "skeleton, batch", under)


def skeleton(figures, given):
    """Against processes that say the same messages and sync as often, without rules."""
    with Engine() as engine:
        engine.worker(*WORKER)
        for steps in (1, 10):
            engine.apply(load.automation(steps))
        skeletal.compare(figures, given, engine, "skeleton")


def curves(figures, given):
    """How the cost of a run grows with its steps, and with the runs that are open."""
    for part in (growth.with_steps, growth.with_open_runs):
        with Engine() as engine:
            engine.worker(*WORKER)
            part(figures, given, engine)


PARTS = (core, life, dispatch, run, recovery, history, scale, dialects, partitions,
         batch, skeleton, curves, pages)
NAMES = [part.__name__ for part in PARTS]
LONG = ("pages",)  # measured only if asked for


def arguments():
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
    parse.add_argument("--idle", type=int, default=10000, help="workers, for dialects")
    parse.add_argument("--schedulers", type=int, nargs="*", default=[1, 2, 4],
                       help="for partitions")
    parse.add_argument("--listed", type=int, default=10000000, help="runs, for pages")
    parse.add_argument("--steps", type=int, nargs="*", default=growth.STEPS,
                       help="of a run, for curves")
    parse.add_argument("--open", type=int, nargs="*", default=growth.OPEN,
                       help="runs, for curves")
    parse.add_argument("--only", nargs="*", choices=NAMES,
                       default=[name for name in NAMES if name not in LONG],
                       help=f"by default all but {', '.join(LONG)}")
    parse.add_argument("--clients", type=int, nargs="*", default=[1, 16, 64, 256])
    parse.add_argument("--json", metavar="FILE", default="bench.json")
    parse.add_argument("--markdown", action="store_true",
                       help="put the tables into docs/performance.md")
    return parse.parse_args()


def main():
    given = arguments()
    figures = Figures(given.json, NAMES)
    for part in PARTS:
        if part.__name__ in given.only:
            begin = time.monotonic()
            figures.begin(part.__name__)
            part(figures, given)
            figures.end()
            print(f"  {part.__name__} took {time.monotonic() - begin:.0f} s",
                  file=sys.stderr)
    if given.markdown:
        figures.rewrite(PAGE, given.only)
        goals.rewrite(PAGE, os.path.dirname(given.json))
    if given.markdown and "curves" in given.only:
        growth.draw(figures, os.path.dirname(PAGE))


if __name__ == "__main__":
    main()
