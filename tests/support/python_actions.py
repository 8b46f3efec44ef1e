#!/usr/bin/python3
"""A worker with the Python SDK, workers/python, for tests: its actions do what can go
right and wrong.  Usage: python_actions.py [OPTIONS], a map of options in JSON."""
import asyncio
import json
import logging
import os
import sys
import time

from capstan_worker import Fatal, Refused, Worker

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
worker = Worker(**dict({"concurrency": 8}, **json.loads((sys.argv[1:] or ["{}"])[0])))


class OutOfStock(Fatal):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


RAISED = {"value": ValueError("no such colour"), "long": ValueError("é" * 4000),
          "fatal": Fatal("CardDeclined", "the bank says no"), "stock": OutOfStock("none"),
          "plain": Fatal("never"), "mute": Mute(), "exit": SystemExit("over"),
          "surrogate": ValueError("\udc80")}


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


OUTPUTS = {"object": lambda: object(), "key": lambda: {1: 2}, "deep": lambda: deep(32),
           "surrogate": lambda: "\udc80", "int": lambda: 1 << 64,
           "large": lambda: "x" * 100000, "deepest": lambda: deep(31)}


@worker.action
def tell(job):
    return {name: getattr(job, name) for name in (
        "id", "run", "step", "automation", "action", "queue", "attempt", "parameters",
        "deadline")}


@worker.action("raise")
def fail(job):
    raise RAISED[job.parameters["what"]]


@worker.action("raise-async")
async def fail_async(job):
    raise RAISED[job.parameters["what"]]


@worker.action
def output(job):
    return OUTPUTS[job.parameters["what"]]()


@worker.action
def wait(job):
    note("begun " + job.id)
    job.cancelled.wait(600)
    note("cancelled " + job.id)


@worker.action("after-cancel")
def after_cancel(job):
    job.log("waits")
    job.cancelled.wait(600)
    if job.parameters["how"] == "output":
        return "done"
    if job.parameters["how"] != "nothing":
        raise {"error": ValueError("no"), "fatal": Fatal("Never", "no")}[job.parameters["how"]]


@worker.action
def stubborn(job):
    note("begun " + job.id)
    time.sleep(600)


@worker.action
def spin(job):
    while not job.cancelled.is_set():
        pass


@worker.action
async def nap(job):
    note("begun " + job.id)
    try:
        await asyncio.sleep(job.parameters.get("seconds", 600))
    except asyncio.CancelledError:
        if not job.parameters.get("shrug"):
            raise
    return {"slept": True}


@worker.action
def log(job):
    for stream, text in job.parameters["texts"]:
        job.log(text, stream)


@worker.action
def flood(job):
    for n in range(job.parameters["count"]):
        job.log(f"{n} " + "x" * 60000)
    note("flooded")


@worker.action
def publish(job):
    try:
        return job.publish("order.paid", {"order": 17}, **job.parameters)
    except Refused as e:
        return [e.code, e.message]


@worker.action("publish-async")
async def publish_async(job):
    try:
        job.publish("order.paid")
    except RuntimeError:
        return await asyncio.to_thread(job.publish, "order.paid", id=job.id)


@worker.action("count")
def count(job):
    note(job.run)
    job.cancelled.wait(job.parameters["seconds"])
    return {"run": job.run}


def note(text):
    """A line of the file "notes", whole."""
    path = os.path.join(os.environ["CAPSTAN_DATA"], "notes")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, (text + "\n").encode())
    os.close(file)


if __name__ == "__main__":
    note(f"left {worker.run()}")
