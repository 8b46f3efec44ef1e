"""What every worker must do, in any language: C1 to C20 of docs/protocols/worker.md, as
tests.  The gateway is a ROUTER and the test itself, so that words can be withheld,
repeated and invented.  A test class adds `begin`, which starts its worker."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack
import zmq

DEADLINE = 20  # seconds; only a broken worker takes that long
BEAT_MS = 300


class Gateway:
    """A ROUTER whose every word the test says itself."""

    def __init__(self, lease_ms=30000):
        self.context, self.port, self.lease_ms = zmq.Context(), None, lease_ms
        self.peer, self.held, self.beats = None, [], 0
        self.open()

    def open(self):
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger, self.router.router_mandatory = 0, 1
        end = time.monotonic() + DEADLINE
        while True:  # the port is free when libzmq's thread has closed it
            try:
                if self.port is None:
                    self.port = self.router.bind_to_random_port("tcp://127.0.0.1")
                else:
                    self.router.bind(self.url)
                return
            except zmq.ZMQError:
                if time.monotonic() > end:
                    raise
                self.router.poll(10)

    @property
    def url(self):
        return f"tcp://127.0.0.1:{self.port}"

    def restart(self):
        self.router.close()
        self.open()

    def close(self):
        self.router.close()
        self.context.term()

    def say(self, kind, **pairs):
        self.router.send_multipart([self.peer, msgpack.packb(dict(pairs, type=kind))])

    def raw(self, frame):
        self.router.send_multipart([self.peer, frame])

    def receive(self, timeout):
        """The next message, checked against C1 to C3; None when time is over."""
        if not self.router.poll(max(0, timeout * 1000)):
            return None
        parts = self.router.recv_multipart()
        assert len(parts) == 2, "C1: one frame"
        assert len(parts[0]) == 5 and parts[0][0] == 0, "C3: no routing id"
        message = msgpack.unpackb(parts[1])
        assert isinstance(message["type"], str), "C2: a map with a type"
        self.peer = parts[0]
        self.held = message.get("held", self.held)
        return message

    def hear_any(self, timeout=DEADLINE, beats=False):
        """The next message; heartbeats are answered, not given, unless asked for."""
        end = time.monotonic() + timeout
        while True:
            message = self.receive(end - time.monotonic())
            if message is None or beats or message["type"] != "heartbeat":
                return message
            self.beats += 1
            self.answer(message)

    def answer(self, beat, lost=(), cancel=()):
        self.say("heartbeat", lost=lost, cancel=cancel, sequence=beat.get("sequence"))

    def hear(self, kind):
        while True:
            message = self.hear_any(beats=kind == "heartbeat")
            if message is None:
                raise AssertionError(f"no {kind} came")
            if message["type"] == kind:
                return message
            # Each worker may drain and log as it sees fit.
            assert message["type"] in ("drain", "ready", "log"), message

    def hear_nothing(self, seconds):
        message = self.hear_any(seconds)
        assert message is None or message["type"] == "log", message

    def registered(self, lost=()):
        self.say("registered", session=b"session", session_id="wsess_1",
                 lease_ms=self.lease_ms, heartbeat_ms=BEAT_MS, payload_max=100000,
                 lost=lost)

    def let_in(self):
        register = self.hear("register")
        self.registered()
        return register

    def job(self, number, action, parameters):
        token = b"%060d" % number
        self.say("job", token=token, job=f"job_{number}", run="run_1", step="first",
                 automation="test", action=action, queue="default", attempt=1,
                 parameters=parameters, surprise={"C5": [1, None]})
        return token

    def ack(self, token, verdict="accepted"):
        self.say("ack", token=token, verdict=verdict)

    def hear_report(self, token, outcome):
        report = self.hear("report")
        assert report["token"] == token, report
        assert report["outcome"] == outcome, report
        self.ack(token)
        return report


class Case(unittest.TestCase):
    """A gateway and a worker; the folder holds what the worker prints."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-worker-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.gateway = Gateway()
        self.addCleanup(self.gateway.close)
        self.process = None

    def start(self, *command, stdout=None, **environment):
        known = {k: v for k, v in os.environ.items() if not k.startswith("CAPSTAN_")}
        known.update(CAPSTAN_WORKER_URL=self.gateway.url, CAPSTAN_API_KEY="cap_test",
                     CAPSTAN_DATA=self.folder, PYTHONDONTWRITEBYTECODE="1")
        known.update(environment)
        with open(os.path.join(self.folder, "out"), "wb") as out, \
                open(os.path.join(self.folder, "err"), "wb") as err:
            self.process = subprocess.Popen(command, env=known, stdout=stdout or out,
                                            stderr=err)
        self.addCleanup(self.end)

    def end(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()

    def printed(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)


class Conformance:
    """What every worker must do; `begin`, `quick` and `long` differ."""

    quick = ("greet", {"name": "Ada"})
    long = ("greet", {"name": "Ada", "seconds": 600})

    def test_c6_it_registers_first_and_says_who_it_is(self):
        self.begin()
        register = self.gateway.let_in()
        self.assertEqual(register["v"], 1)
        self.assertEqual(register["key"], "cap_test")
        self.assertTrue(0 < len(register["instance"]) <= 200)
        self.assertGreater(register["concurrency"], 0)
        self.stop()

    def test_c5_it_passes_over_what_it_does_not_understand(self):
        self.begin()
        self.gateway.let_in()
        self.gateway.say("fanfare", volume=11)
        self.gateway.say("ack", token=b"unheard of", verdict="accepted")
        self.gateway.say("cancel", token=b"unheard of", reason="none")
        token = self.gateway.job(1, *self.quick)
        self.gateway.hear_report(token, "completed")
        self.stop()

    def test_c9_heartbeats_list_what_is_held_while_an_action_runs(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        for beat in range(4):
            message = self.gateway.hear("heartbeat")
            self.gateway.answer(message)
            self.assertEqual(message["held"], [token] if beat else message["held"])
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.stop()

    def test_c10_a_report_is_said_again_until_it_is_acknowledged(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.quick)
        first = self.gateway.hear("report")
        again = self.gateway.hear("report")
        self.assertEqual(first, again)
        self.assertIn(token, self.gateway.held)
        self.gateway.ack(token)
        self.gateway.hear_nothing(5)  # C13
        self.stop()

    def test_c12_a_job_that_comes_twice_is_one(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        self.gateway.job(1, *self.long)
        beat = self.gateway.hear("heartbeat")
        while token not in beat["held"]:
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        self.assertEqual(beat["held"], [token])
        self.gateway.answer(beat)
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.gateway.hear_nothing(1)
        self.stop()

    def test_c13_a_stale_verdict_closes_the_matter_too(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.quick)
        self.gateway.hear("report")
        self.gateway.ack(token, "stale")
        self.gateway.hear_nothing(3)
        self.assertEqual(self.gateway.held, [])
        self.stop()

    def test_c14_a_cancel_in_the_answer_to_a_heartbeat_reaches_the_action(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        beat = self.gateway.hear("heartbeat")
        while token not in beat["held"]:
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        self.gateway.answer(beat, cancel=[token])
        self.gateway.hear_report(token, "cancelled")
        self.stop()

    def test_a_lost_lease_is_let_go_without_a_report(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        beat = self.gateway.hear("heartbeat")
        while token not in beat["held"]:
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        self.gateway.answer(beat, lost=[token])
        beat = self.gateway.hear("heartbeat")
        self.assertEqual(beat["held"], [])
        self.gateway.answer(beat)
        self.gateway.hear_any(1)  # perhaps a `ready`, but no report
        self.stop()

    def test_c15_a_gateway_that_does_not_know_it_is_told(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        beat = self.gateway.hear("heartbeat")
        while token not in beat["held"]:
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        self.gateway.say("register")
        register = self.gateway.let_in()
        self.assertEqual(register["session"], b"session")
        self.assertEqual(register["held"], [token])
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.stop()

    def test_c18_jobs_and_reports_survive_a_restart_of_the_gateway(self):
        self.begin()
        self.gateway.let_in()
        done = self.gateway.job(1, *self.quick)
        self.gateway.hear("report")
        under_way = self.gateway.job(2, *self.long)
        while under_way not in self.gateway.held:
            self.gateway.answer(self.gateway.hear("heartbeat"))
        self.gateway.restart()
        # Who does not watch its connection hears it in answer to a heartbeat.
        message = self.gateway.hear_any(beats=True)
        if message["type"] != "register":
            self.gateway.say("register")
            message = self.gateway.hear("register")
        self.assertEqual(message["session"], b"session")
        self.assertEqual(sorted(message["held"]), [done, under_way])
        self.gateway.registered()
        self.gateway.hear_report(done, "completed")
        self.gateway.say("cancel", token=under_way, reason="enough")
        self.gateway.hear_report(under_way, "cancelled")
        self.stop()

    def test_c16_it_leaves_when_asked_to(self):
        self.begin()
        self.gateway.let_in()
        self.gateway.say("drain", leave=True)
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)

    def test_c16_it_outlives_the_end_of_the_engine(self):
        self.begin()
        self.gateway.let_in()
        self.gateway.say("drain")
        self.gateway.restart()
        message = self.gateway.hear_any(beats=True)
        if message["type"] != "register":
            self.gateway.say("register")
            message = self.gateway.hear("register")
        self.assertGreater(message["concurrency"], 0)
        self.gateway.registered()
        token = self.gateway.job(1, *self.quick)
        self.gateway.hear_report(token, "completed")
        self.stop()

    def test_c17_it_ends_when_its_key_is_refused(self):
        self.begin()
        self.gateway.hear("register")
        self.gateway.say("error", code="unauthorized", message="no such key")
        self.assertNotEqual(self.process.wait(DEADLINE), 0)
        self.assertIn("no such key", self.printed("err"))

    def test_c17_it_tries_again_when_it_comes_at_a_bad_moment(self):
        self.begin()
        for code in ("conflict", "busy", "overloaded", "unavailable"):
            self.gateway.hear("register")
            self.gateway.say("error", code=code, message="not now")
        self.gateway.let_in()
        token = self.gateway.job(1, *self.quick)
        self.gateway.hear_report(token, "completed")
        self.stop()

    def test_c20_told_to_stop_it_does_in_time(self):
        self.begin()
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        while token not in self.gateway.held:
            self.gateway.answer(self.gateway.hear("heartbeat"))
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.process.wait(DEADLINE)


class Cancelled:
    """What a library makes of how an action ends after a cancel.  `begin` starts a worker
    and lets it in; its action after-cancel logs, waits for the cancel, and then ends as
    its parameter `how` says: with an output, with nothing, or in one of `failures`."""

    failures = ("error", "fatal")

    def test_c14_after_a_cancel_an_output_counts_and_all_else_is_cancelled(self):
        self.begin()
        for number, how in enumerate(("output", "nothing") + self.failures):
            token = self.gateway.job(number, "after-cancel", {"how": how})
            self.gateway.hear("log")
            self.gateway.say("cancel", token=token, reason="enough")
            report = self.gateway.hear("report")
            self.gateway.ack(token)
            self.assertEqual((report["outcome"], report.get("output")),
                             ("completed", "done") if how == "output" else
                             ("cancelled", None), how)
        self.stop()


def run_side_by_side(*classes):
    """The test classes of the program that was started, each in a process of its own: most
    of the time is waiting."""
    parts = [subprocess.Popen([sys.executable, sys.argv[0], name]) for name in classes]
    return max(part.wait() for part in parts)
