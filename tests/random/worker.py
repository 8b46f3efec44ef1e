#!/usr/bin/python3
"""A worker that counts, and forgets nothing when it is killed: its session, its jobs and
what became of them are lines of a file, so the next life goes on with the same leases.

    worker.py BOOK INSTANCE      CAPSTAN_API_KEY and CAPSTAN_WORKER_URL say where

An action's parameters say what to do: `n` is its output, `fails` so many attempts that
fail first, with `error`; one that `hangs` is never reported.  A line of the book is a JSON
map: it asks for a session, has one, has a job, or is rid of it.  LIE=1: now and then n is one too many.
"""
import contextlib
import json
import os
import sys
import time

import msgpack
import zmq

CONCURRENCY = 16


class Worker:
    def __init__(self, book, instance):
        self.instance = instance
        self.session, self.held = None, {}  # token → job
        self.read_book(book)
        self.book = open(book, "a", buffering=1)
        self.registered = False
        self.asked_at = self.beat_at = self.said_at = 0
        self.count = 0
        context = zmq.Context()
        self.door = context.socket(zmq.DEALER)
        self.door.linger, self.door.immediate = 0, 1
        self.door.reconnect_ivl, self.door.reconnect_ivl_max = 20, 200
        self.door.connect(os.environ["CAPSTAN_WORKER_URL"])

    def read_book(self, book):
        if not os.path.exists(book):
            return
        with open(book) as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # it was killed while it wrote
                m = json.loads(line)
                if "asks" in m:
                    continue
                if "session" in m:
                    self.session = bytes.fromhex(m["session"])
                elif "verdict" in m:
                    self.held.pop(bytes.fromhex(m["token"]), None)
                else:
                    self.held[bytes.fromhex(m["token"])] = m

    def write(self, **line):
        self.book.write(json.dumps(line) + "\n")

    def say(self, **message):
        with contextlib.suppress(zmq.Again):
            self.door.send(msgpack.packb(message), zmq.NOBLOCK)

    def report(self, token):
        job = self.held[token]
        if job["outcome"] == "hangs":
            return
        more = ({"output": {"n": job["n"]}} if job["outcome"] == "completed" else
                {"error_type": job["error"], "error_message": "as it was told to"})
        self.say(type="report", token=token, outcome=job["outcome"], **more)

    def take(self, m):
        p = m["parameters"]
        self.count += 1
        lie = os.environ.get("LIE") == "1" and self.count % 50 == 0
        outcome = ("hangs" if p["hangs"] else
                   "failed" if m["attempt"] <= p["fails"] else "completed")
        job = {"token": m["token"].hex(), "run": m["run"], "step": m["step"],
               "attempt": m["attempt"], "outcome": outcome, "n": p["n"] + lie,
               "error": p["error"]}
        self.held[m["token"]] = job
        self.write(**job)
        self.report(m["token"])

    def close(self, token, verdict):
        job = self.held.pop(token, None)
        if job is not None:
            self.write(token=token.hex(), verdict=verdict, run=job["run"],
                       step=job["step"], attempt=job["attempt"])

    def hear(self, m):
        kind, token = m["type"], m.get("token")
        if kind == "registered":
            self.session, self.registered = m["session"], True
            self.write(session=self.session.hex())
        elif kind == "register":
            self.registered, self.asked_at = False, 0
        elif kind == "job" and token not in self.held:
            self.take(m)
        elif kind == "ack":
            self.close(token, m["verdict"])
        cancelled = m.get("cancel", []) + ([token] if kind == "cancel" else [])
        for each in cancelled:
            if each in self.held:
                self.say(type="report", token=each, outcome="cancelled")
        for lost in m.get("lost", []):
            if lost not in self.held:
                continue
            if self.held[lost]["outcome"] == "hangs":
                self.close(lost, "lost")
            else:
                self.held[lost]["lost"] = True

    def leases(self):
        """What was lost after its report may have been accepted: only an ack says so."""
        return [token for token, job in self.held.items() if not job.get("lost")]

    def speak(self):
        now = time.monotonic()
        if not self.registered:
            if now - self.asked_at > 0.5:
                self.asked_at = now
                self.write(asks=True)
                self.say(type="register", v=1, key=os.environ["CAPSTAN_API_KEY"],
                         instance=self.instance, concurrency=CONCURRENCY,
                         actions=["count"], session=self.session, held=self.leases())
            return
        if now - self.beat_at > 0.3:
            self.beat_at = now
            self.say(type="heartbeat", held=self.leases())
        if now - self.said_at > 1:
            self.said_at = now
            for token in self.held:
                self.report(token)

    def live(self):
        while True:
            self.speak()
            if self.door.poll(50):
                with contextlib.suppress(zmq.Again):
                    while True:
                        self.hear(msgpack.unpackb(self.door.recv(zmq.NOBLOCK)))


if __name__ == "__main__":
    Worker(*sys.argv[1:]).live()
