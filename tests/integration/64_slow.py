#!/usr/bin/python3
"""Goal: whoever connects and says nothing, or asks and does not read, costs the others
nothing: a real client is served within a second, and memory does not grow.

Method: IDLE connections, 500 unless told, that never speak, at each door, with and without
the first bytes of a greeting; workers and followers that do not read what they are sent.
A real client and a real worker are timed, and the gateway's memory is measured while far
more is owed to those who do not read than it may keep.

The controls: a gateway that is stopped for a while is found slow; and a page that keeps
what is sent, the size of what was owed, would be found large.
"""
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest

import msgpack
import zmq

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
import iii_frames  # noqa: E402
from engine import API, Engine, SMOKE, until  # noqa: E402

IDLE = int(os.environ.get("IDLE", "500"))
SERVED_S = 1
KEPT_MIB = 24    # what the gateway may keep for those who do not read
FOLLOWERS = 200
STEPS = 300
ZMTP = b"\xff\0\0\0\0\0\0\0\1\x7f\3"  # the first bytes of a greeting

JSON = "{{ key: s{n}, kind: action, config: {{ action_name: json, parameters: " \
       "{{ text: {text} }} }} }}"
WIDE = "name: wide\nsteps:\n" + "".join(
    "  - " + JSON.format(n=n, text="x" * 600) + "\n" for n in range(STEPS))
HEAVY = "name: heavy\nsteps:\n  - { key: a, kind: action, config: { action_name: heavy," \
        " parameters: { text: " + "y" * 60000 + " } } }\n"


class Slow(unittest.TestCase):
    def setUp(self):
        self.engine = Engine(heartbeat_ms=200, lease_ms=2000)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.engine.apply(SMOKE)
        self.closing = contextlib.ExitStack()
        self.addCleanup(self.closing.close)

    def resident_mib(self):
        with open(f"/proc/{self.engine.pid('gateway.0')}/statm") as sizes:
            return int(sizes.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

    def served(self):
        """Seconds until a new client and a new worker have done a run together; the best
        of three, as the machine has other work too."""
        took = self.serve()
        for _ in range(2):
            if took >= SERVED_S:
                took = min(took, self.serve())
        return took

    def serve(self):
        begin = time.monotonic()
        worker = self.engine.worker("--queues", "default", "--actions", "print")
        run = self.engine.start("worker-smoke-test", wait=30)
        took = time.monotonic() - begin
        self.assertEqual(run["status"], "completed")
        worker.terminate()
        worker.wait()
        return took

    def connect(self, port, first=b""):
        peer = socket.create_connection(("127.0.0.1", port))
        self.closing.enter_context(peer)
        peer.sendall(first)
        return peer

    def dealer(self):
        context = self.closing.enter_context(zmq.Context())
        door = self.closing.enter_context(context.socket(zmq.DEALER))
        door.linger = 0
        door.rcvhwm = 1
        door.rcvbuf = 4096
        door.connect(f"tcp://127.0.0.1:{self.engine.worker_port}")
        return door

    def test_1_connections_that_never_speak(self):
        for name, port, first in (
                ("http", self.engine.http_port, b""),
                ("http, half a head", self.engine.http_port, b"GET / HTTP/1.1\r\n"),
                ("worker", self.engine.worker_port, b""),
                ("worker, half a greeting", self.engine.worker_port, ZMTP)):
            peers = [self.connect(port, first) for _ in range(IDLE)]
            took = self.served()
            print(f"{IDLE} connections that never speak ({name}): a client and a worker "
                  f"served in {took * 1000:.0f} ms", flush=True)
            self.assertLess(took, SERVED_S)
            if port == self.engine.worker_port:
                self.wait_closed(peers)
            for peer in peers:
                peer.close()

    def wait_closed(self, peers):
        """Who does not finish the greeting is sent away."""
        for peer in peers:
            peer.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(4096):
                    pass

    def test_2_control_a_slow_gateway_is_found(self):
        pid = self.engine.kill("gateway.0", signal.SIGSTOP)
        waker = threading.Timer(SERVED_S + 0.5, os.kill, (pid, signal.SIGCONT))
        waker.start()
        took = self.serve()
        waker.join()
        self.assertGreater(took, SERVED_S)
        print(f"control, a gateway that stood still: {took * 1000:.0f} ms")

    def test_3_followers_that_do_not_read(self):
        self.engine.apply(WIDE)
        self.engine.worker("--queues", "default", "--concurrency", "16")
        run = self.engine.start("wide", wait=60)
        self.assertEqual(run["status"], "completed")
        log = len(json.dumps(self.engine.events(run["id"]))) \
            * self.event_pages(run["id"])
        before = self.resident_mib()
        ask = (f"GET {API}/runs/{run['id']}/events HTTP/1.1\r\nHost: a\r\n"
               f"Authorization: Bearer {self.engine.key}\r\n"
               f"Accept: text/event-stream\r\n\r\n").encode()
        for _ in range(FOLLOWERS):
            peer = socket.socket()
            self.closing.enter_context(peer)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", self.engine.http_port))
            peer.sendall(ask)
            until(lambda: peer.recv(1, socket.MSG_PEEK), "the stream has begun")
        took = self.served()
        grown, owed = self.resident_mib() - before, log * FOLLOWERS / 2**20
        print(f"{FOLLOWERS} followers that do not read: owed {owed:.0f} MiB, the gateway "
              f"grew by {grown:.1f} MiB; a client served in {took * 1000:.0f} ms")
        self.assertGreater(owed, 2 * KEPT_MIB, "too little to show anything")
        self.assertLess(grown, KEPT_MIB)
        self.assertLess(took, SERVED_S)

    def event_pages(self, run):
        last = self.engine.get(f"/runs/{run}/events", limit=1)["last_sequence"]
        return max(1, last / 1000)

    def register(self, door, instance, **fields):
        door.send(msgpack.packb({"type": "register", "v": 1, "key": self.engine.key,
                                 "instance": instance, **fields}))
        self.assertEqual(msgpack.unpackb(door.recv())["type"], "registered")

    def test_4_a_worker_that_asks_and_does_not_read(self):
        door = self.dealer()
        self.register(door, "deaf", concurrency=0)
        beat = msgpack.packb({"type": "heartbeat", "held": [bytes(60)] * 20})
        sizes = [self.resident_mib()]
        for _ in range(3):
            for _ in range(20000):
                door.send(beat)
            sizes.append(self.resident_mib())
        took = self.served()
        owed = 60000 * 20 * 62 / 2**20
        print(f"a worker that does not read: owed {owed:.0f} MiB of answers, the gateway "
              f"has {', '.join(f'{size:.1f}' for size in sizes)} MiB; a client served in "
              f"{took * 1000:.0f} ms")
        self.assertGreater(owed, 2 * KEPT_MIB, "too little to show anything")
        self.assertLess(sizes[-1] - sizes[0], KEPT_MIB)
        self.assertLess(took, SERVED_S)

    def test_5_a_worker_that_takes_jobs_and_does_not_read(self):
        self.engine.apply(HEAVY)
        door = self.dealer()
        self.register(door, "deaf", concurrency=64, actions=["heavy"])
        for _ in range(64):
            self.engine.start("heavy")
        before = self.resident_mib()

        def granted():
            door.send(msgpack.packb({"type": "heartbeat", "held": []}))
            return self.engine.counters("lease.0")["jobs_granted"] > 1000
        until(granted, "its jobs are granted again and again")
        took, grown = self.served(), self.resident_mib() - before
        print(f"a worker that takes jobs and does not read: 1000 grants of 60 KB, "
              f"the gateway grew by {grown:.1f} MiB; a client served in "
              f"{took * 1000:.0f} ms")
        self.assertLess(grown, KEPT_MIB)
        self.assertLess(took, SERVED_S)

    def test_6_who_reads_hears_all_though_others_left_no_room(self):
        small, large, deaf = "x" * 10000, "y" * 100000, 4
        with Engine(payload_max=131072, bodies_bytes_max=65536) as engine:
            reader = iii_frames.Worker(engine)
            for key, value in (("small", small), ("large", large)):
                reader.call("state::set", {"scope": "s", "key": key, "value": value})
            for _ in range(deaf):
                worker = iii_frames.Worker(engine, max_queue=1)
                self.closing.callback(worker.socket.transport.abort)
                for _ in range(600):
                    worker.ask("state::get", {"scope": "s", "key": "small"})

            def some_are_gone():
                heard = reader.call("state::get", {"scope": "s", "key": "large"})
                self.assertEqual(heard["result"], large)
                return engine.counters("gateway.0")["websockets"] <= deaf
            until(some_are_gone, "who does not read makes room")
            some_are_gone()
            reader.close()


if __name__ == "__main__":
    unittest.main()
