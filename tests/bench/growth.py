"""How the cost of a run grows: with its steps, and with the runs that are open."""
import os
import re

import curve
import load
import scale
from engine import until
from meter import metered, spent

STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
OPEN = [1000, 10000, 100000, 1000000]
STEPS_CLIENTS, OPEN_CLIENTS = 16, 64


def open_runs(engine):
    count = engine.counters("scheduler.0")
    return (count["runs_started"] - count["runs_completed"] - count["runs_failed"]
            - count["runs_cancelled"])


def at_rest(engine):
    """What wrk left behind when its time was over is done too."""
    until(lambda: open_runs(engine) == 0, "started runs are over")


def with_steps(figures, given, engine):
    """All that was started is waited for: the cost is that of whole runs."""
    for steps in given.steps:
        engine.apply(load.automation(steps))
        load.runs(engine, steps, STEPS_CLIENTS, 1)
        costs = []
        for _ in range(given.rounds):
            at_rest(engine)
            before = spent(engine)
            load.runs(engine, steps, STEPS_CLIENTS, given.seconds)
            at_rest(engine)
            after = spent(engine)
            costs.append((after["cpu_us"] - before["cpu_us"]) * 1e6
                         / (after["completed"] - before["completed"]))
        what = f"curves: runs of {steps:,} step{'s' * (steps > 1)}"
        figures.add(f"{what}: engine CPU of a run", costs, "µs/run")
        figures.add(f"{what}: engine CPU of a step", [c / steps for c in costs],
                    "µs/step")


def with_open_runs(figures, given, engine):
    engine.apply(load.automation(1))
    engine.apply(scale.SLEEPS)
    load.runs(engine, 1, 16, 1)
    for count in given.open:
        while open_runs(engine) < count:
            load.starts(engine, "sleeps", min(256, max(1, count // 1000)), 1)
        count = open_runs(engine)
        rounds = [metered(engine, lambda: load.runs(engine, 1, OPEN_CLIENTS,
                                                    given.seconds))
                  for _ in range(given.rounds)]
        what = f"curves: beside {count:,} open runs: 1-step runs"
        figures.add(f"{what}, {OPEN_CLIENTS} concurrent", [r["rps"] for r in rounds],
                    "runs/s")
        figures.add(f"{what}: engine CPU of a run", [r["cpu_us"] for r in rounds],
                    "µs/run")


def points(figures, pattern):
    """(x, median, least, most) of the rows whose name is the pattern, x its number."""
    found = [(re.fullmatch(pattern, r["name"]), r) for r in figures.of("curves")]
    return sorted((int(match[1].replace(",", "")), r["median"], r["min"], r["max"])
                  for match, r in found if match)


def draw(figures, folder):
    """The curves of what was measured, as pictures of the page."""
    steps = r"curves: runs of ([\d,]+) steps?: engine CPU of a "
    beside = r"curves: beside ([\d,]+) open runs: 1-step runs"
    pictures = {
        "curve-steps.svg": ("steps of a run", [
            ("engine CPU of a run, µs", points(figures, steps + "run")),
            ("engine CPU of a step, µs", points(figures, steps + "step"))]),
        "curve-open-runs.svg": ("open runs beside", [
            ("1-step runs a second", points(
                figures, beside + rf", {OPEN_CLIENTS} concurrent")),
            ("engine CPU of a run, µs", points(
                figures, beside + ": engine CPU of a run"))]),
    }
    for name, (x, panels) in pictures.items():
        with open(os.path.join(folder, name), "w") as out:
            out.write(curve.picture(x, panels))
