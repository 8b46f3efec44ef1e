"""What was aimed at, and how far it was reached: a table over the figures of both files."""
import json
import os
import re

from figures import cell, number, rewrite as rewrite_page

FILES = ("bench.json", "bench-peers.json")
PAGE_OF_MANY = r"pages: 1\d,[\d,]+,[\d,]+ finished runs: \?limit=100, "
IDLE = r"dialects: 10,000 idle %s workers: "
CPU, EACH = "CPU of all processes", "memory of the gateway, each, PSS"
PINGS = r"dialects: 10,000 pings in .*: CPU"
TAKES = "dialects: %s: job ready → worker has it, p50"
# (figure, pattern of the row's name, "least" or "most", goal)
GOALS = (
    ("1-step runs/s, 64 concurrent, against Restate as it comes",
     r"Restate as it comes: 1 step, 64 concurrent: runs/s", "least", 50),
    ("the same against Restate with 4 partitions",
     r"Restate 4 partitions: 1 step, 64 concurrent: runs/s", "least", 30),
    ("10-step runs/s, 64 concurrent, against Restate as it comes",
     r"Restate as it comes: 10 steps, 64 concurrent: runs/s", "least", 30),
    ("the same against Restate with 4 partitions",
     r"Restate 4 partitions: 10 steps, 64 concurrent: runs/s", "least", 20),
    ("p50 start → completed, 1 step, 1 concurrent, against Restate",
     r"Restate as it comes: 1 step, 1 concurrent: p50", "least", 12),
    ("share of a bare skeleton's 1-step runs/s, 64 concurrent",
     r"skeleton: 1 step, 64 concurrent: ours of its runs/s", "least", 60),
    ("engine CPU of a 1-step run, 64 concurrent",
     r"run: 1 step, 64 concurrent, engine CPU", "most", 60),
    ("syncs of a 1-step run, 1 concurrent", r"run: 1 step, 1 concurrent, syncs",
     "most", 2.1),
    ("syncs of a 1-step run, 64 concurrent", r"run: 1 step, 64 concurrent, syncs",
     "most", 0.1),
    ("all processes, idle, resident", r"idle: memory of all processes, PSS .*", "most",
     60),
    ("a million sleeping runs, resident", r"scale: 1,[\d,]+ that sleep: PSS .*", "most",
     256),
    ("a million sleeping runs, on disk, each", r"scale: 1,[\d,]+ that sleep: on disk",
     "most", 1024),
    ("SIGKILL of everything → serving again, a million facts",
     r"recovery: SIGKILL of all to ready, 1,.*", "most", 1000),
    ("start of the whole engine, empty", r"start-up: empty folder to ready", "most",
     200),
    ("10,000 idle ZeroMQ workers, CPU of all processes", IDLE % "ZeroMQ" + CPU, "most",
     1),
    ("the same of Mobius", IDLE % "Mobius" + CPU, "most", 1),
    ("the same of iii", IDLE % "iii" + CPU, "most", 1),
    ("an idle ZeroMQ worker, in the gateway", IDLE % "ZeroMQ" + EACH, "most", 30),
    ("the same of Mobius", IDLE % "Mobius" + EACH, "most", 30),
    ("the same of iii", IDLE % "iii" + EACH, "most", 30),
    ("job ready → a ZeroMQ worker has it, p50", TAKES % "ZeroMQ", "most", 300),
    ("job ready → a WebSocket worker has it, p50", TAKES % "Mobius WebSocket", "most",
     1000),
    ("a page of 100 runs, of 10 million, p50", PAGE_OF_MANY + "p50", "most", 5),
    ("the same, p99", PAGE_OF_MANY + "p99", "most", 5),
)


def named(rows, pattern):
    found = [r for r in rows if re.fullmatch(pattern, r["name"])]
    return found[0] if found else None


def ceiling(rows, pattern):
    """What a bare skeleton reaches of a figure; None: not known."""
    if pattern in (IDLE % "Mobius" + CPU, IDLE % "iii" + CPU):
        pings = named(rows, PINGS)
        return pings and pings["median"]
    compared = re.fullmatch(r"Restate [\w ]+: (.*): (runs/s|p50)", pattern)
    if not compared:
        return None
    what, figure = compared.groups()
    its = named(rows, f"skeleton: {what}: its {'runs' if figure == 'runs/s' else 'p50'}")
    theirs = named(rows, pattern.removesuffix(figure)
                   + ("theirs" if figure == "runs/s" else "theirs, p50"))
    if its is None or theirs is None:
        return None
    ratio = its["median"] / theirs["median"]
    return ratio if figure == "runs/s" else 1 / ratio


def markdown(rows):
    text = ("| figure | goal | measured | unit | reached | bare skeleton |\n"
            "|---|---|---|---|---|---|\n")
    for figure, pattern, bound, goal in GOALS:
        sign, row = "≥" if bound == "least" else "≤", named(rows, pattern)
        most = ceiling(rows, pattern)
        bare = "" if most is None else number(most)
        if row is None:
            text += f"| {figure} | {sign} {goal} | not measured | | | {bare} |\n"
            continue
        met = row["median"] >= goal if bound == "least" else row["median"] <= goal
        text += (f"| {figure} | {sign} {number(goal) if goal % 1 else goal} | {cell(row)} "
                 f"| {row['unit']} | {'yes' if met else 'no'} | {bare} |\n")
    return text


def rewrite(page, folder):
    """The table of the page, from the files of this folder that are there."""
    rows = []
    for name in FILES:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path) as file:
                rows += json.load(file)["rows"]
    rewrite_page(page, "goals", markdown(rows))
