"""What very many runs, items and waits cost: memory, disk, and the time of others."""
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import load
from engine import until
from meter import metered

SLEEPS = """\
name: sleeps
steps: [{ key: a, kind: sleep, duration: 720h }]
"""
WAITS = """\
name: waits
steps: [{ key: a, kind: wait_for_event, event_type: bench.done,
          match: { run: "${{ meta.run_id }}" } }]
"""
WOKEN = """\
name: woken
inputs: { who: { type: string, required: true } }
steps: [{ key: a, kind: wait_for_event, event_type: bench.done,
          match: { run: "${{ inputs.who }}" } }]
"""
DUE = """\
name: due
inputs: { until: { type: string, required: true } }
steps: [{ key: a, kind: sleep, until: "${{ inputs.until }}" }]
"""
QUEUED = """\
name: queued
concurrency: { policy: queue, max: 8 }
steps: [{ key: a, kind: action, action: json }]
"""
EACH = """\
name: each
steps:
  - key: all
    kind: each
    items: "${{ seq(%d) }}"
    concurrency: 100
    steps: [{ key: a, kind: action, action: json, with: { n: "${{ item }}" } }]
"""
TIMERS, TIMERS_S = 1000, 10  # so many that are due within that time
WOKEN_RUNS, EXPLAINED = 50, 500
MIB = 1 << 20


def folder_bytes(path):
    sizes = []
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                sizes.append(os.stat(os.path.join(folder, name)).st_blocks * 512)
            except FileNotFoundError:  # a table was merged meanwhile
                pass
    return sum(sizes)


def started(engine):
    return engine.counters("scheduler.0")["runs_started"]


def start_many(engine, automation, count):
    """Runs a second in each fifth of the way."""
    speeds = []
    for fifth in range(1, 6):
        begin, before = time.monotonic(), started(engine)
        while started(engine) < count * fifth // 5:
            load.starts(engine, automation, 256, 2)
        speeds.append((started(engine) - before) / (time.monotonic() - begin))
    return speeds


def memory(figures, engine, what):
    for kind in ("Pss", "Rss"):
        kib = sum(engine.resident_kib(kind).values())
        figures.add(f"scale: {what}: {kind.upper()} of all processes", [kib / 1024],
                    "MiB")


def seconds_of(moment):
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def timers(figures, engine, what):
    """Lateness of moments that are spread over TIMERS_S."""
    first = time.time() + 5
    moments = [first + n * TIMERS_S / TIMERS for n in range(TIMERS)]

    def start(moment):
        text = datetime.utcfromtimestamp(moment).isoformat(timespec="milliseconds") + "Z"
        return engine.start("due", inputs={"until": text})["id"], seconds_of(text)

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(start, moments))
        begun = time.time()
        late = [(seconds_of(engine.wait_final(run)["finished_at"]) - moment) * 1000
                for run, moment in runs if moment > begun]
    figures.times(f"scale: {what}: lateness of {TIMERS:,} timers in {TIMERS_S} s",
                  late)


def heard(figures, engine, what):
    """The trigger actor is told of waits in their order: the last one waits longest."""
    begin = time.monotonic()
    run = engine.start("woken", inputs={"who": what})["id"]
    engine.call("POST", "/capstan/v1/events", {"type": "bench.done", "data": {"run": what}})
    engine.wait_final(run, 600)
    figures.add(f"scale: {what}: until the last wait is heard of",
                [time.monotonic() - begin], "s")


def waking(figures, engine, what):
    """From an event's publication to the answer that says its run is over: it has the
    type that all others wait for, and another value."""
    names = [f"{what} {n}" for n in range(WOKEN_RUNS)]
    open_before = len(engine.get("/runs", automation="woken", limit=1000)["items"])
    with ThreadPoolExecutor(WOKEN_RUNS) as pool:
        runs = [pool.submit(engine.start, "woken", inputs={"who": name}, wait=60)
                for name in names]
        until(lambda: len(engine.get("/runs", automation="woken", limit=1000)["items"])
              == open_before + WOKEN_RUNS, "they wait")
        times = []
        for run, name in zip(runs, names):
            begin = time.monotonic()
            engine.call("POST", "/capstan/v1/events",
                        {"type": "bench.done", "data": {"run": name}})
            status = run.result()["status"]
            times.append((time.monotonic() - begin) * 1000)
            assert status == "completed", status
    figures.times(f"scale: {what}: event published → its run is over", times)


def explaining(figures, engine, what):
    """Of runs all over the list; the first answers find nothing in memory."""
    runs, cursor = [], ""
    while cursor is not None and len(runs) < EXPLAINED:
        page = engine.get("/runs", status="open", limit=50, cursor=cursor)
        runs += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    times = []
    for run in runs:
        begin = time.monotonic()
        engine.get(f"/runs/{run}/explain")
        times.append((time.monotonic() - begin) * 1000)
    if times:
        figures.times(f"scale: {what}: explain", times)


def beside(figures, given, engine, what):
    """Starting and listing while they sleep."""
    rates = [metered(engine, lambda: load.runs(engine, 1, 64, given.seconds))
             for _ in range(given.rounds)]
    figures.add(f"scale: {what}: 1-step runs, 64 concurrent", [r["rps"] for r in rates],
                "runs/s")
    figures.add(f"scale: {what}: engine CPU of such a run",
                [r["cpu_us"] for r in rates], "µs/run")
    for query in ("limit=50", "status=open&limit=50", "automation=bench-1&limit=50"):
        pages = [load.lists(engine, query, 4, given.seconds) for _ in range(given.rounds)]
        figures.add(f"scale: {what}: pages of ?{query}, 4 concurrent",
                    [p["rps"] for p in pages], "pages/s")


def hold(figures, given, engine, automation, how):
    """Start very many runs of it; says what they are."""
    before, base = folder_bytes(engine.data), started(engine)
    speeds = start_many(engine, automation, base + given.sleeping)
    count = started(engine) - base
    what = f"{count:,} that {how}"
    figures.add(f"scale: {what}: started, first and last fifth",
                [speeds[0], speeds[-1]], "runs/s")
    memory(figures, engine, what)
    figures.add(f"scale: {what}: on disk",
                [(folder_bytes(engine.data) - before) / count], "B/run")
    return what


def begin_again(figures, engine, what):
    memory(figures, engine, what + ", after that")
    engine.down()
    begin = time.monotonic()
    engine.up()
    figures.add(f"scale: {what}: start-up", [(time.monotonic() - begin) * 1000], "ms")


def sleeping(figures, given, engine):
    for text in (load.automation(1), SLEEPS, DUE):
        engine.apply(text)
    worker = engine.worker("--queues", "default", "--concurrency", "512")
    load.runs(engine, 1, 16, 1)
    beside(figures, given, engine, "no other runs")
    timers(figures, engine, "no other runs")
    what = hold(figures, given, engine, "sleeps", "sleep")
    timers(figures, engine, what)
    beside(figures, given, engine, what)
    explaining(figures, engine, what)
    worker.kill()
    begin_again(figures, engine, what)


def waiting(figures, given, engine):
    for text in (WAITS, WOKEN):
        engine.apply(text)
    waking(figures, engine, "no other waits")
    what = hold(figures, given, engine, "waits", "wait for an event")
    heard(figures, engine, what)
    waking(figures, engine, what)
    explaining(figures, engine, what)
    begin_again(figures, engine, what)


def queued(figures, given, engine):
    """A queue that fills while no worker is there, and drains when one comes."""
    engine.apply(QUEUED)
    total, rates = 0, []
    while total < given.queued:
        result = load.starts(engine, "queued", 256, 2)
        total += int(result["count"] - result["errors"])  # the queue may be full
        if result["errors"]:
            break
        rates.append(result["rps"])
    what = f"about {total:,} queued of one automation"
    figures.add(f"scale: {what}: started, first and last", [rates[0], rates[-1]],
                "runs/s")
    memory(figures, engine, what)
    engine.worker("--queues", "default", "--concurrency", "512")
    marks = []
    for part in range(1, 11):
        until(lambda part=part: engine.counters("scheduler.0")["runs_completed"]
              >= total * 9 // 10 * part // 10, "the queue drains", 900)
        marks.append(time.monotonic())
    for name, at in (("second", 1), ("last", 9)):
        figures.add(f"scale: {what}: drained, {name} tenth",
                    [total * .09 / (marks[at] - marks[at - 1])], "runs/s")


def each(figures, given, engine):
    """Items a second, in the first and in the last tenth of a list."""
    engine.apply(EACH % given.items)
    engine.worker("--queues", "default", "--concurrency", "512")
    run = engine.start("each")["id"]
    marks, tenth = [], given.items // 10

    def done():
        return engine.get("/runs", automation="each")["items"][0]["progress"]["completed"]

    for part in range(1, 11):
        until(lambda part=part: done() >= tenth * part, "items are done", 600)
        marks.append(time.monotonic())
    engine.wait_final(run, 600)
    for name, at in (("second", 1), ("last", 9)):
        figures.add(f"scale: each over {given.items:,} items, {name} tenth",
                    [tenth / (marks[at] - marks[at - 1])], "items/s")
    memory(figures, engine, f"each over {given.items:,} items")


PARTS = {"sleeping": sleeping, "waiting": waiting, "queued": queued, "each": each}
