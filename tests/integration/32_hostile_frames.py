#!/usr/bin/python3
"""Goal: the ZeroMQ door keeps its word to workers, and no bytes on it hurt anybody.

Method: the real gateway with its lease actor played by fake_engine.py; workers are bare
DEALERs. After each hostile case an honest worker is served.
"""
import contextlib
import os
import random
import select
import signal
import socket
import threading
import time
import unittest

import msgpack
import zmq

from fake_engine import DEADLINE, Client, FakeEngine

TOKEN = bytes(range(60))
REGISTER = {"type": "register", "v": 1, "instance": "worker-1", "concurrency": 4,
            "queues": ["default"], "actions": ["print"], "labels": ["a"], "name": "w",
            "version": "1.0"}


class Worker:
    def __init__(self, test, key=None, **options):
        self.test, self.key = test, test.key if key is None else key
        self.socket = test.context.socket(zmq.DEALER)
        test.addCleanup(self.socket.close, 0)
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.connect(f"tcp://127.0.0.1:{test.engine.worker}")

    def send(self, kind, **fields):
        self.raw(msgpack.packb({"type": kind, **fields}))

    def raw(self, *frames):
        self.socket.send_multipart(frames)

    def hear(self, timeout=DEADLINE):
        if not self.socket.poll(timeout * 1000):
            raise AssertionError("nothing was heard: " + self.test.engine.read_log())
        return msgpack.unpackb(self.socket.recv())

    def expect(self, kind, **fields):
        found = self.hear()
        self.test.assertEqual(
            found, {**found, "type": kind, **fields}, "something else was said")
        return found

    def register(self, **fields):
        self.raw(msgpack.packb({**REGISTER, "key": self.key, **fields}))
        return self.expect("registered")

    def session(self):
        return next(id for id, row in self.test.engine.sessions.items()
                    if row["instance"] == self.instance)


class FramesTest(unittest.TestCase):
    def setUp(self):
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)
        self.open()

    def open(self, **settings):
        self.engine = FakeEngine(**{"payload_max": 4096, **settings})
        self.addCleanup(self.engine.close)
        self.engine.start()
        self.key = self.engine.dev_key()

    def worker(self, instance="worker-1", **fields):
        worker = Worker(self)
        worker.instance = instance
        worker.registered = worker.register(instance=instance, **fields)
        return worker

    def test_a_worker_gets_a_job_and_its_report_is_acknowledged(self):
        worker = self.worker(held=[])
        self.assertEqual(set(worker.registered), {
            "type", "session", "session_id", "lease_ms", "heartbeat_ms", "idle_ms",
            "payload_max", "lost"})
        self.assertEqual(worker.registered["payload_max"], 4096)
        asked = self.engine.wait_for("worker_register")
        self.assertEqual(
            (asked.instance, asked.queues, asked.actions, asked.labels, asked.capacity),
            ("worker-1", ["default"], ["print"], ["a"], 4))
        self.engine.grant(worker.session(), TOKEN)
        job = worker.expect("job", token=TOKEN, step="print", automation="hello",
                            action="print", queue="default", attempt=1,
                            parameters={"message": "hi"})
        self.assertRegex(job["job"], "^job_[0-9a-z]{26}$")
        self.assertRegex(job["run"], "^run_[0-9a-z]{26}$")
        self.assertNotIn("deadline_ms", job)
        worker.send("heartbeat", held=[TOKEN])
        worker.expect("heartbeat", lost=[], cancel=[])
        worker.send("log", token=TOKEN, stream="stderr", chunk="half \u00e9\n")
        self.assertEqual(self.engine.wait_for("job_log").chunk, "half \u00e9\n")
        for _ in range(2):
            worker.send("report", token=TOKEN, outcome="completed", output={"a": [1.5]})
            worker.expect("ack", token=TOKEN, verdict="accepted")
        report = self.engine.wait_for("job_report", 2)
        self.assertEqual((report.outcome, report.output), (1, {"a": [1.5]}))
        worker.send("report", token=TOKEN, outcome="failed", error_type="T",
                    error_message="why")
        report = self.engine.wait_for("job_report", 3)
        self.assertEqual((report.outcome, report.error_message), (2, "why"))
        self.engine.say("lease", "job_cancel", session=worker.session(), token=TOKEN,
                        reason="enough")
        worker.expect("ack")
        worker.expect("cancel", token=TOKEN, reason="enough")
        worker.send("ready", concurrency=9)
        self.assertEqual(self.engine.wait_for("worker_ready").capacity, 9)
        worker.send("drain")
        self.assertIsNone(self.engine.wait_for("worker_ready", 2).capacity)
        worker.send("goodbye")
        self.assertEqual(self.engine.wait_for("worker_gone").goodbye, 1)
        worker.send("heartbeat", held=[])
        worker.expect("register")

    def test_only_a_key_that_may_work_registers(self):
        with Client(self.engine, self.key) as client:
            made = client.ask("POST", "/capstan/v1/keys",
                              {"name": "r", "scopes": ["read", "start", "admin"]})[2]
        for key, code in (("", "unauthorized"), (None, "unauthorized"),
                          (self.key[:-2] + "AA", "unauthorized"),
                          (made["key"], "forbidden")):
            worker = Worker(self)
            fields = {**REGISTER, "key": key}
            worker.raw(msgpack.packb(fields))
            worker.expect("error", code=code)
            worker.send("heartbeat", held=[])
            worker.expect("register")
        self.assertFalse([m for m in self.engine.heard if m.name == "worker_register"])

    def test_a_revoked_key_ends_its_sessions(self):
        with Client(self.engine, self.key) as client:
            made = client.ask("POST", "/capstan/v1/keys",
                              {"name": "w", "scopes": ["work"]})[2]
            worker = Worker(self, made["key"])
            worker.register()
            client.ask("DELETE", "/capstan/v1/keys/" + made["id"])
        worker.expect("error", code="unauthorized")
        self.assertEqual(self.engine.wait_for("worker_gone").goodbye, 1)
        worker.send("heartbeat", held=[])
        worker.expect("register")

    def test_nobody_works_for_a_project_that_is_deleted(self):
        worker, project = self.worker(), self.engine.wait_for("worker_register").project
        for deleted, word, code in ((1, "error", "unauthorized"), (0, "registered", None)):
            self.engine.say("registry", "project_offered", project=project, deleted=deleted)
            if deleted:
                worker.expect("error", code="unauthorized")
            again = Worker(self)
            again.raw(msgpack.packb({**REGISTER, "key": self.key}))
            self.assertEqual(again.expect(word).get("code"), code)

    def test_a_refused_registration_is_told(self):
        worker = Worker(self)
        worker.raw(msgpack.packb({**REGISTER, "key": self.key, "instance": "taken"}))
        found = worker.expect("error", code="conflict")
        self.assertIn("instance", found["message"])

    def test_malformed_frames_are_answered_and_change_nothing(self):
        worker, other = self.worker(), self.worker("other")
        deep = b"\x81\xa4type" + b"\x91" * 40 + b"\xc0"
        map_of = lambda **fields: msgpack.packb(fields)
        for frame, code in (
                (b"", "malformed"), (b"\xc1", "malformed"), (b"\x80", "malformed"),
                (b"\x93\x01\x02", "malformed"), (b"\xdd\xff\xff\xff\xff", "malformed"),
                (b"\xdf\xff\xff\xff\xff", "malformed"), (deep, "malformed"),
                (b"\xc6\xff\xff\xff\xff", "malformed"), (b"\x81\xa4type\xa1\xff", "malformed"),
                (b"\x81\xa4type\xd4\x01a", "malformed"), (map_of(type=7), "malformed"),
                (map_of(type="nonsense"), "unsupported"), (map_of(a=1), "malformed"),
                (map_of(type="n" + "ö" * 40), "unsupported"),  # shown in part
                (map_of(type="ready"), "malformed"),
                (map_of(type="ready", concurrency=-1), "malformed"),
                (map_of(type="ready", concurrency=1.5), "malformed"),
                (map_of(type="ready", concurrency=10**6), "too_large"),
                (map_of(type="heartbeat", held=7), "malformed"),
                (map_of(type="heartbeat", held=[b"short"]), "malformed"),
                (map_of(type="heartbeat", held=[TOKEN] * 5000), "too_large"),
                (map_of(type="report", token=TOKEN), "malformed"),
                (map_of(type="report", token=TOKEN, outcome="maybe"), "malformed"),
                (map_of(type="report", token=b"x", outcome="failed"), "malformed"),
                (map_of(type="report", token=TOKEN, outcome="completed",
                        output="a" * 5000), "too_large"),
                (map_of(type="log", token=TOKEN, chunk="a" * 70000), "too_large"),
                (map_of(type="log", token=TOKEN, chunk=b"a"), "malformed"),
                (b"\x82\xa4held\x90\xa4held\x90", "malformed"),
                (map_of(**REGISTER, key=self.key, v2=2) + b"\x00", "malformed"),
                (msgpack.packb({**REGISTER, "key": self.key, "v": 2}), "unsupported"),
                (msgpack.packb({**REGISTER, "key": self.key, "queues": "a"}), "malformed"),
                (msgpack.packb({**REGISTER, "key": self.key, "queues": ["a" * 300]}),
                 "too_large"),
                (msgpack.packb({**REGISTER, "key": self.key, "instance": ""}), "invalid")):
            worker.raw(frame)
            worker.expect("error", code=code)
        report = {"type": "report", "outcome": "completed", "output": "a" * 5000,
                  "token": TOKEN}
        worker.raw(msgpack.packb(report))
        self.assertEqual(worker.expect("error")["token"], TOKEN)
        worker.raw(b"two", b"frames")
        worker.expect("error", code="malformed")
        other.send("heartbeat", held=[])
        other.expect("heartbeat")
        said = {m.name for m in self.engine.heard}
        self.assertFalse(said & {"job_report", "job_log", "worker_ready", "worker_gone"})

    def test_unknown_keys_are_passed_over(self):
        worker = self.worker(novelty={"a": [1, None]})
        worker.send("heartbeat", held=[], novelty=1)
        worker.expect("heartbeat")

    def test_a_routing_id_of_ones_own_is_refused(self):
        worker = Worker(self, ROUTING_ID=b"mine")
        worker.raw(msgpack.packb({**REGISTER, "key": self.key}))
        worker.expect("error", code="malformed")

    def test_a_frame_that_is_far_too_large_costs_the_connection_only(self):
        worker, other = self.worker(), self.worker("other")
        worker.raw(b"\0" * (2 << 20))
        other.send("heartbeat", held=[])
        other.expect("heartbeat")

    def test_noise_is_survived(self):
        chance, worker, other = random.Random(2), self.worker(), self.worker("other")
        good = [msgpack.packb({**REGISTER, "key": self.key, "held": [TOKEN]}),
                msgpack.packb({"type": "report", "token": TOKEN, "outcome": "completed",
                               "output": {"a": [1, 2.5, None, b"x"]}})]
        for _ in range(2000):
            frame = bytearray(chance.choice(good))
            for _ in range(chance.randrange(1, 4)):
                frame[chance.randrange(len(frame))] = chance.randrange(256)
            worker.raw(bytes(frame[:chance.randrange(len(frame) + 1)]))
        other.send("heartbeat", held=[])
        other.expect("heartbeat")

    def test_who_does_not_read_is_dropped_and_others_are_served(self):
        self.engine.close()
        self.open(session_jobs_max=16)
        worker, other = self.worker(), self.worker("other")
        worker.socket.setsockopt(zmq.RCVHWM, 1)
        session = worker.session()
        for i in range(20000):
            self.engine.grant(session, bytes([i & 255, i >> 8]) + TOKEN[2:],
                              parameters={"a": "a" * 1000})
        self.assertIsNone(self.engine.wait_for("worker_gone").goodbye)
        other.send("heartbeat", held=[])
        other.expect("heartbeat")

    def test_who_says_much_at_once_is_heard_to_the_end(self):
        worker = self.worker()
        for _ in range(10000):
            worker.send("ready", concurrency=4)
        worker.send("heartbeat", held=[])
        self.assertEqual(worker.expect("heartbeat")["lost"], [])

    def test_what_is_published_has_room_or_is_refused(self):
        self.open(payload_max=1 << 20, lost=["event_publish"], request_ms=600000,
                  request_wait_ms=600000)
        worker = self.worker()
        for n in range(90):
            worker.send("publish", id=str(n), event="e.x", data={"text": 900000 * "x"})
        for n in range(80, 90):  # the others wait
            worker.expect("error", code="overloaded", about="publish", id=str(n))
        asked = self.engine.wait_for("event_publish")
        self.engine.do(lambda: self.engine.refuse(("trigger", 0), asked, 17))
        worker.expect("error", about="publish", id=asked.id)
        for id in ("room", "none"):
            worker.send("publish", id=id, event="e.x", data={"text": 900000 * "x"})
        worker.expect("error", code="overloaded", about="publish", id="none")

    def test_who_does_not_register_may_not_stay(self):
        self.engine.close()
        self.open(heartbeat_ms=100)
        worker, strangers = self.worker(), [Worker(self) for _ in range(3)]
        watches = []
        for each in (worker, *strangers):
            watches.append(each.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED))
            self.addCleanup(watches[-1].close)
        for watch in watches[1:]:
            self.assertTrue(watch.poll(DEADLINE * 1000), "a stranger stays")
        self.assertFalse(watches[0].poll(0), "a worker was sent away")
        worker.send("heartbeat", held=[])
        worker.expect("heartbeat")

    def test_a_message_without_end_is_cut_off(self):
        """Its parts are kept until the last has come, which never does."""
        worker = self.worker()
        with socket.create_connection(("127.0.0.1", self.engine.worker)) as endless:
            ready = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
            endless.sendall(b"\xff" + 8 * b"\0" + b"\x7f\x03\0NULL" + 48 * b"\0"
                            + b"\x04" + bytes([len(ready)]) + ready)
            part = b"\x03" + (1 << 20).to_bytes(8, "big") + (1 << 20) * b"x"
            with self.assertRaises((ConnectionResetError, BrokenPipeError)):
                for _ in range(512):
                    endless.sendall(part)
                    time.sleep(0.006)  # no faster: all of it is kept
        said, begun = 0, time.monotonic()
        while said < 160 or time.monotonic() - begun < 2:  # as much in whole ones is right
            worker.send("heartbeat", held=[], more=bytes(1 << 20))
            worker.expect("heartbeat")
            said += 1

    def test_many_find_a_place_until_the_gateway_comes_to_them(self):
        """Who finds none asks again after a second."""
        with contextlib.ExitStack() as crowd:
            os.kill(self.engine.pid, signal.SIGSTOP)
            crowd.callback(os.kill, self.engine.pid, signal.SIGCONT)
            for _ in range(500):
                crowd.enter_context(
                    socket.create_connection(("127.0.0.1", self.engine.worker), 0.9))

    def test_garbage_on_the_port_keeps_nobody_out(self):
        idle = [socket.create_connection(("127.0.0.1", self.engine.worker))
                for _ in range(300)]
        try:
            for i, sock in enumerate(idle[::3]):
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n" if i & 1 else b"\xff" + b"\0" * 99)
            begin = time.monotonic()
            self.worker()
            self.assertLess(time.monotonic() - begin, 1)
            ended = 0
            for sock in idle:  # the handshake has a limit
                if select.select([sock], [], [], DEADLINE)[0]:
                    try:
                        while sock.recv(1000):
                            pass
                    except ConnectionResetError:
                        pass
                    ended += 1
            self.assertEqual(ended, 300)
        finally:
            for sock in idle:
                sock.close()

    def test_a_new_life_of_the_gateway_asks_who_is_there(self):
        worker = self.worker()
        self.engine.grant(worker.session(), TOKEN)
        worker.expect("job")
        self.engine.kill()
        self.engine.start()
        worker.send("heartbeat", held=[TOKEN])
        worker.expect("register")
        again = worker.register(session=worker.registered["session"], held=[TOKEN])
        self.assertEqual(again["session_id"], worker.registered["session_id"])
        asked = self.engine.wait_for("worker_register", 2)
        self.assertEqual((asked.held, asked.token),
                         ([TOKEN], worker.registered["session"]))
        worker.send("report", token=TOKEN, outcome="completed")
        worker.expect("ack")

    def test_a_new_life_of_the_lease_actor_is_told_every_session_and_lease(self):
        worker = self.worker()
        other = bytes([1]) + TOKEN[1:]
        for token in (TOKEN, other):
            self.engine.grant(worker.session(), token)
            worker.expect("job", token=token)
        worker.send("ready", concurrency=7)
        worker.send("report", token=other, outcome="completed")
        worker.expect("ack", token=other)
        since = len(self.engine.heard)
        self.engine.restart("lease")
        asked = self.engine.wait_for("worker_register", since=since)
        self.assertEqual((asked.held, asked.capacity, asked.token),
                         ([TOKEN], 7, worker.registered["session"]))
        worker.send("heartbeat", held=[TOKEN])
        worker.expect("heartbeat")  # and not "registered": it is nothing new to it

    def test_a_session_unknown_to_the_lease_actor_is_registered_again(self):
        self.engine.close()
        self.open(heartbeat_ms=1000)
        worker = self.worker()
        row = self.engine.sessions.pop(worker.session())
        since = len(self.engine.heard)
        asked = self.engine.wait_for("worker_register", since=since)
        self.assertEqual(asked.token, row["token"])

    def test_a_newer_connection_takes_the_session_over(self):
        old = self.worker()
        new = Worker(self)
        again = new.register(session=old.registered["session"])
        self.assertEqual(again["session_id"], old.registered["session_id"])
        old.expect("error", code="conflict")
        old.send("report", token=TOKEN, outcome="completed")
        old.expect("register")
        self.engine.grant(old.session(), TOKEN)
        new.expect("job")

    def test_a_grant_to_somebody_gone_is_returned(self):
        worker = self.worker()
        session = worker.session()
        worker.send("goodbye")
        self.engine.wait_for("worker_gone")
        self.engine.grant(session, TOKEN)
        self.assertIsNone(self.engine.wait_for("worker_gone", 2).goodbye)

    def test_who_leaves_before_it_is_registered_is_named_as_it_named_itself(self):
        first = self.worker()
        token = first.registered["session"]
        first.send("goodbye")
        known = self.engine.wait_for("worker_gone")
        self.assertEqual((known.token, known.goodbye), (None, 1))
        since = len(self.engine.heard)
        self.engine.lost.add("worker_register")  # the answer is late
        again = Worker(self)
        again.raw(msgpack.packb({**REGISTER, "key": self.key, "session": token}))
        again.send("goodbye")
        gone = self.engine.wait_for("worker_gone", since=since)
        self.assertEqual((gone.token, gone.instance, gone.goodbye),
                         (token, REGISTER["instance"], 1))

    def test_a_broken_connection_is_noticed_when_something_is_to_be_said(self):
        worker = self.worker()
        session = worker.session()
        worker.socket.close(0)
        end = time.monotonic() + DEADLINE
        while not [m for m in self.engine.heard if m.name == "worker_gone"]:
            self.assertLess(time.monotonic(), end)
            self.engine.say("lease", "job_cancel", session=session, token=TOKEN)
            time.sleep(0.02)

    def test_workers_are_asked_to_leave_and_waited_for(self):
        worker = self.worker()
        self.engine.grant(worker.session(), TOKEN)
        worker.expect("job")
        ending = threading.Thread(target=lambda: self.codes.append(
            self.engine.kill(signal.SIGTERM)))
        self.codes = []
        ending.start()
        worker.expect("drain")
        worker.send("report", token=TOKEN, outcome="completed")
        worker.expect("ack")
        ending.join()
        self.assertEqual(self.codes, [0])

    def test_curve_workers_need_the_public_key_of_the_engine(self):
        self.engine.close()
        self.open(worker_curve=1)
        with open(self.engine.folder + "/gateway/curve.public", "rb") as file:
            public = file.read()
        mine, secret = zmq.curve_keypair()
        plain = Worker(self)
        plain.raw(msgpack.packb({**REGISTER, "key": self.key}))
        worker = Worker(self, CURVE_SERVERKEY=public, CURVE_PUBLICKEY=mine,
                        CURVE_SECRETKEY=secret)
        worker.register()
        wrong = Worker(self, CURVE_SERVERKEY=mine, CURVE_PUBLICKEY=mine,
                       CURVE_SECRETKEY=secret)
        wrong.raw(msgpack.packb({**REGISTER, "key": self.key}))
        worker.send("heartbeat", held=[])
        worker.expect("heartbeat")
        registered = [m for m in self.engine.heard if m.name == "worker_register"]
        self.assertEqual(len(registered), 1)
        self.engine.kill()
        self.engine.start()  # with the same keys
        worker.send("heartbeat", held=[])
        worker.expect("register")


if __name__ == "__main__":
    unittest.main()
