"""A worker of the native protocol, docs/protocols/worker.md, whose every message the
test says itself."""
import time

import msgpack
import zmq

from engine import DEADLINE

context = zmq.Context()


class Session:
    def __init__(self, engine, instance, **parts):
        self.instance, self.held = instance, []
        self.door = context.socket(zmq.DEALER)
        self.door.linger = 0
        self.door.connect(f"tcp://127.0.0.1:{engine.worker_port}")
        self.say("register", v=1, key=engine.key, instance=instance,
                 **dict({"concurrency": 1}, **parts))
        self.token = self.wait("registered")["session"]

    def say(self, kind, **parts):
        self.door.send(msgpack.packb({"type": kind, **parts}))

    def hear(self, timeout=DEADLINE):
        """The next message, or None."""
        if not self.door.poll(max(0, 1000 * timeout)):
            return None
        return msgpack.unpackb(self.door.recv())

    def wait(self, kind, timeout=DEADLINE, **parts):
        """The next of this kind; others are passed over."""
        end = time.monotonic() + timeout
        while True:
            m = self.hear(end - time.monotonic())
            if m is None:
                raise AssertionError(f"{self.instance}: no {kind} {parts}")
            if m["type"] == kind and all(m.get(k) == v for k, v in parts.items()):
                return m

    def report(self, token, outcome="completed", **parts):
        self.say("report", token=token, outcome=outcome, **parts)

    def beat(self, *tokens):
        self.say("heartbeat", held=list(tokens))

    def close(self):
        self.door.close()
