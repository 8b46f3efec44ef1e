#!/usr/bin/python3
"""make bench-peers: the same work, done by this engine and by others, in turn.

Both are up at once; each pair is a slot of ours and a slot of theirs, and gives one
ratio.  Both sync before they answer.
"""
import argparse
import os
import re
import sys

sys.path[:0] = [os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), folder)
                for folder in ("tests/support", "tests/bench", "tests/bench/peers")]
import goals  # noqa: E402
import load  # noqa: E402
import meter  # noqa: E402
from bullmq import BullMQ  # noqa: E402
from engine import SOURCE, Engine  # noqa: E402
from figures import Figures, cell, measured_on, number, rewrite  # noqa: E402
from restate import Restate  # noqa: E402
from temporal import Temporal  # noqa: E402

PAGE = os.path.join(SOURCE, "docs/performance.md")
PEERS = {"restate": Restate, "bullmq": BullMQ, "temporal": Temporal}
# (what it says, key of a slot's result, whether less is better, unit)
RATIOS = (("runs/s", "rps", False, "times"), ("p50", "p50_ms", True, "times less"),
          ("server CPU a run", "cpu_us", True, "times less"),
          ("CPU of all a run", "all_cpu_us", True, "times less"))
SIDES = (("ours", 0), ("theirs", 1))
HEAD = ("| against {} | steps | concurrent | runs/s, times | p50, times less "
        "| server CPU a run, times less | CPU of all, times less | ours, runs/s "
        "| theirs, runs/s |\n|---|---|---|---|---|---|---|---|---|\n")


def ratio(ours, theirs, less):
    return theirs / max(ours, 1e-3) if less else ours / max(theirs, 1e-3)


def compare(figures, peer, setting, given):
    with Engine() as engine, peer(setting) as theirs, theirs.ours(engine) as ours:
        for steps in (1, 10):
            engine.apply(load.automation(steps))
        for steps, clients in given.work or peer.work:
            ours.slot(steps, clients, 1)
            theirs.slot(steps, clients, 2)
            pairs = [(ours.slot(steps, clients, given.seconds),
                      theirs.slot(steps, clients, given.seconds))
                     for _ in range(given.pairs)]
            what = (f"{peer.name} {setting}: {steps} step{'s' * (steps > 1)}, "
                    f"{clients} concurrent")
            for name, key, less, unit in RATIOS:
                figures.add(f"{what}: {name}",
                            [ratio(a[key], b[key], less) for a, b in pairs], unit)
            for side, at in SIDES:
                figures.add(f"{what}: {side}", [pair[at]["rps"] for pair in pairs],
                            "runs/s")
                figures.add(f"{what}: {side}, p50", [pair[at]["p50_ms"] for pair in pairs],
                            "ms")
        for side, pids in (("ours", meter.pids(engine)), ("theirs", theirs.servers())):
            figures.add(f"{peer.name} {setting}: memory of the servers afterwards: {side}",
                        [sum(map(meter.memory, pids))], "MiB")


def markdown(peer, rows):
    table, memory = {}, {}
    for r in rows:
        what, _, column = r["name"].rpartition(": ")
        runs = re.match(rf"{peer.name} (.*): (\d+) steps?, (\d+) concurrent", what)
        setting = re.match(rf"{peer.name} (.*): memory", what)
        if runs:
            table.setdefault(runs.groups(), {})[column] = r
        elif setting:
            memory.setdefault(setting[1], {})[column] = r
    text = f"{peer.versions()}. {measured_on(rows)}.\n\n" + HEAD.format(peer.name)
    for what, columns in table.items():
        cells = [cell(columns[name]) for name in
                 [ratio[0] for ratio in RATIOS] + [side for side, _ in SIDES]]
        text += f"| {' | '.join(what)} | " + " | ".join(cells) + " |\n"
    text += ("\nMemory of the servers after that work, PSS: " + "; ".join(
        f"{setting}: ours {number(both['ours']['median'])} MiB, theirs "
        f"{number(both['theirs']['median'])} MiB" for setting, both in memory.items())
        + ".\n")
    return text


def arguments():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--pairs", type=int, default=6)
    parse.add_argument("--seconds", type=int, default=3)
    parse.add_argument("--against", nargs="*", choices=list(PEERS), default=list(PEERS))
    parse.add_argument("--setting", nargs="*", help="of a peer; by default each",
                       choices=[s for peer in PEERS.values() for s in peer.settings])
    parse.add_argument("--work", nargs="*", metavar="STEPS:CLIENTS", type=lambda work:
                       tuple(map(int, work.split(":"))),
                       help="by default what the page has")
    parse.add_argument("--json", metavar="FILE", default="bench-peers.json")
    parse.add_argument("--markdown", action="store_true",
                       help="put the tables into docs/performance.md")
    return parse.parse_args()


def main():
    given = arguments()
    figures = Figures(given.json, list(PEERS))
    for name in given.against:
        peer = PEERS[name]
        lacking = peer.missing()
        if lacking:
            print(f"bench-peers: {lacking}: {peer.name} is not measured", flush=True)
            continue
        print(peer.versions(), flush=True)
        figures.begin(name)
        for setting in peer.settings:
            if not given.setting or setting in given.setting:
                compare(figures, peer, setting, given)
        figures.end()
        if given.markdown:
            rewrite(PAGE, name, markdown(peer, figures.of(name)))
    if given.markdown:
        goals.rewrite(PAGE, os.path.dirname(given.json))


if __name__ == "__main__":
    main()
