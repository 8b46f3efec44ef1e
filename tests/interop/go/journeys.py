#!/usr/bin/python3
"""Goal: the Go library keeps what docs/protocols/worker.md and its own page promise.
Method: its example goes through tests/support/worker_conformance.py; a worker of all
kinds of actions (worker.go, a module of its own as a user's would be) meets a gateway
that is the test, and a whole engine.  Both are built with Go's race detector.  Where Go,
libzmq's headers or the modules cannot be had, a line that begins with SKIPPED says so.
"""
import os
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../support")]
from clients import install  # noqa: E402
from engine import BUILD, SOURCE, Engine, until  # noqa: E402
from worker_conformance import (DEADLINE, Cancelled, Case,  # noqa: E402
                                Conformance, run_side_by_side)

SUITE = "go"
LIBRARY = os.path.join(SOURCE, "workers/go")
FOLDER = os.path.join(BUILD, "tests/interop", SUITE)
GREET, TRIAL = os.path.join(FOLDER, "greet"), os.path.join(FOLDER, "trial")
RACES = {"GORACE": "atexit_sleep_ms=0 halt_on_error=1"}


def build():
    """What a registry is needed for may be missing; what is ours must build."""
    modules = {name: os.path.join(LIBRARY, name) for name in ("go.mod", "go.sum")}
    if install("go", SUITE, modules, "go mod download && go build "
               "github.com/pebbe/zmq4 github.com/vmihailenco/msgpack/v5") is None:
        return False
    for folder, program, package in ((LIBRARY, GREET, "./examples/greet"),
                                     (HERE, TRIAL, ".")):
        subprocess.run(["go", "build", "-race", "-o", program, package], cwd=folder,
                       check=True)
    return True


class Greet(Conformance, Case):
    def begin(self):
        self.start(GREET, **RACES)

    def test_it_has_thirty_five_lines(self):
        with open(os.path.join(LIBRARY, "examples/greet/main.go")) as file:
            self.assertLessEqual(len(file.readlines()), 35)


class Trial(Cancelled, Case):
    failures = ("error", "fatal", "panic")

    """What the library does beyond the list."""

    def begin(self, concurrency=4, drain_ms=300, **more):
        self.start(TRIAL, TRIAL_CONCURRENCY=str(concurrency),
                   TRIAL_DRAIN_MS=str(drain_ms), **RACES, **more)
        return self.gateway.let_in()

    def do(self, number, action, outcome="completed", **parameters):
        token = self.gateway.job(number, action, parameters)
        return self.gateway.hear_report(token, outcome)

    def fails(self, number, action, **parameters):
        report = self.do(number, action, "failed", **parameters)
        return report["error_type"], report["error_message"]

    def begun(self, number, action, **parameters):
        """A job that is under way, as its action prints."""
        token = self.gateway.job(number, action, parameters)
        until(lambda: "waits" in self.printed("out"), "the action runs")
        return token

    def until_held(self, token):
        while token not in self.gateway.held:
            self.gateway.answer(self.gateway.hear("heartbeat"))

    def test_it_registers_what_its_options_say(self):
        register = self.begin(TRIAL_ENVIRONMENT="e")
        expected = {"concurrency": 4, "name": "trial", "version": "1", "labels": ["go"],
                    "queues": ["default", "q"], "environment": "e", "held": []}
        for name, value in expected.items():
            self.assertEqual(register[name], value)
        self.assertEqual(register["actions"], sorted(register["actions"]))
        self.assertIn("publish", register["actions"])
        self.stop()

    def test_an_action_knows_its_job_and_its_parameters(self):
        self.begin()
        data = {"a": [1, -2.5, None, True], "b": {"ü": "é"}, "big": 1 << 40}
        self.assertEqual(self.do(1, "say", data=data)["output"], {
            "id": "job_1", "run": "run_1", "step": "first", "automation": "test",
            "action": "say", "queue": "default", "attempt": 1, "data": data})
        kind, message = self.fails(2, "say", count="many")
        self.assertEqual(kind, "InvalidInput")
        self.assertIn("parameters", message)
        self.stop()

    def test_an_outcome_is_said_at_once(self):
        self.begin()
        began = time.monotonic()
        for number in range(20):
            self.do(number, "say")
        self.assertLess(time.monotonic() - began, 2.5, "it waits for heartbeats")
        self.stop()

    def test_each_way_to_fail_has_its_own_report(self):
        self.begin()
        self.assertEqual(self.fails(1, "fail", text="no"), ("Error", "no"))
        self.assertEqual(self.fails(2, "fail", text="no", type="Declined"),
                         ("Declined", "no"))
        self.assertEqual(self.fails(3, "fail", text="é" * 4000)[1], "é" * 2048)
        self.assertEqual(self.do(4, "fatal", "fatal", text="never", type="Gone")[
            "error_type"], "Gone")
        self.assertEqual(self.fails(5, "panic", text="why"), ("Panic", "why"))
        self.assertEqual(self.fails(6, "vanish")[0], "Panic")
        self.assertEqual(self.fails(7, "time")[0], "InvalidOutput")
        self.assertEqual(self.fails(8, "large", count=100000)[0], "OutputTooLarge")
        self.assertEqual(len(self.do(9, "large", count=99000)["output"]), 99000)
        self.assertEqual(self.fails(10, "fly")[0], "UnknownAction")
        for number, (count, ms) in enumerate(((7, 7000), (10 ** 6, 86400000), (-1, None))):
            report = self.do(11 + number, "later", "failed", text="no", count=count)
            self.assertEqual(report.get("retry_after_ms"), ms)
        self.assertIn("worker.go", self.printed("err"))  # where it panicked
        self.stop()

    def test_a_context_says_why_it_is_done(self):
        self.begin()
        token = self.begun(1, "wait")
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.assertIn("cancelled: enough", self.printed("out"))
        token = self.gateway.job(2, "wait", {})
        self.until_held(token)
        self.gateway.answer(self.gateway.hear("heartbeat"), lost=[token])
        until(lambda: "lease was lost" in self.printed("out"), "it is told")
        self.gateway.say("job", token=b"3", job="job_3", action="wait", parameters={},
                         deadline_ms=int(time.time() * 1000) + 200)
        report = self.gateway.hear_report(b"3", "failed")
        self.assertEqual(report["error_type"], "Timeout")
        self.stop()

    def test_a_worker_that_is_cut_off_stops_its_actions_in_time(self):
        """C19: at nine tenths of the lease, while the gateway says nothing."""
        self.gateway.lease_ms = 3000
        self.begin()
        self.begun(1, "wait")
        began = time.monotonic()
        until(lambda: "lease was lost" in self.printed("out"), "it stops the action")
        self.assertLess(time.monotonic() - began, 2.99)
        self.process.kill()

    def test_no_more_than_agreed_run_although_one_has_lost_its_lease(self):
        self.begin(concurrency=1)
        gate = os.path.join(self.folder, "gate")
        token = self.gateway.job(1, "stubborn", {"path": gate})
        self.until_held(token)
        self.gateway.answer(self.gateway.hear("heartbeat"), lost=[token])
        self.assertEqual(self.gateway.hear("ready")["concurrency"], 0)
        token = self.gateway.job(2, "say", {})
        self.gateway.hear_nothing(1)
        self.assertEqual(self.gateway.held, [token])
        with open(gate, "w"):
            self.assertEqual(self.gateway.hear("ready")["concurrency"], 1)
        self.gateway.hear_report(token, "completed")
        self.stop()

    def test_logs_come_in_pieces_before_the_report(self):
        self.begin()
        token = self.gateway.job(1, "log", {"text": "äöü\n", "count": 20000, "type": "x"})
        text = ""
        while True:
            message = self.gateway.hear_any()
            if message["type"] == "report":
                break
            self.assertEqual((message["type"], message["token"], message["stream"]),
                             ("log", token, "x"))
            self.assertLessEqual(len(message["chunk"].encode()), 65536)
            text += message["chunk"]
        self.assertEqual(text, "äöü\n" * 20000)
        self.gateway.ack(token)
        self.stop()

    def test_c21_an_event_is_said_again_until_it_is_answered(self):
        self.begin()
        token = self.gateway.job(1, "publish", {"id": "e-1", "data": {"a": 1}})
        first = self.gateway.hear("publish")
        self.assertEqual(first, {"type": "publish", "id": "e-1", "event": "trial.done",
                                 "source": "trial", "data": {"a": 1},
                                 "meta": {"attempt": 1}})
        self.gateway.say("error", code="busy", about="publish", id="e-1", message="soon")
        self.assertEqual(self.gateway.hear("publish"), first)
        self.gateway.say("register")
        self.gateway.let_in()
        self.assertEqual(self.gateway.hear("publish"), first)
        self.gateway.say("published", id="e-1", number=42)
        self.assertEqual(self.gateway.hear_report(token, "completed")["output"], 42)
        token = self.gateway.job(2, "publish", {"id": "e-2"})
        self.gateway.hear("publish")
        self.gateway.say("error", code="forbidden", about="publish", id="e-2",
                         message="not you")
        report = self.gateway.hear_report(token, "failed")
        self.assertEqual((report["error_type"], report["error_message"]),
                         ("EngineError", "forbidden: not you"))
        kind, message = self.fails(3, "publish", id="e-3", data={"x": "x" * 100000})
        self.assertEqual(kind, "EngineError")
        self.assertIn("too_large", message)
        self.assertIn("1 to 200 bytes", self.fails(4, "publish", id="")[1])
        self.stop()

    def test_what_comes_after_the_drain_is_given_back(self):
        self.begin(drain_ms=60000)
        gate = os.path.join(self.folder, "gate")
        held = self.gateway.job(1, "stubborn", {"path": gate})
        self.until_held(held)
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        self.gateway.hear_report(self.gateway.job(2, "say", {}), "returned")
        with open(gate, "w"):
            self.gateway.hear_report(held, "completed")
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)

    def test_the_end_of_its_context_lets_actions_finish(self):
        self.begin(drain_ms=60000, TRIAL_CONTEXT="1")
        token = self.begun(1, "wait")
        self.until_held(token)
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        self.gateway.hear_nothing(0.5)
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)
        self.assertIn("cancelled: enough", self.printed("out"))

    def test_what_is_not_finished_in_time_is_not_reported(self):
        self.begin(drain_ms=300)
        token = self.begun(1, "wait")
        self.until_held(token)
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 1)
        self.assertIn("lease was lost", self.printed("out"))
        self.assertIn("jobs under way", self.printed("err"))

    def test_a_second_signal_does_not_wait_for_jobs(self):
        self.begin(drain_ms=60000)
        self.until_held(self.begun(1, "wait"))
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        told = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 1)
        self.assertLess(time.monotonic() - told, 8)

    def test_frames_that_nobody_should_send_harm_nothing(self):
        self.begin()
        for frame in (b"", b"\xc1", b"\x91" * 100000, b"\xdd\xff\xff\xff\xff",
                      b"\x81\xa4type\xa3job", b"\x82\xa4type\xa3job\xa5token\xc4\x01"):
            self.gateway.raw(frame)
        self.gateway.router.send_multipart([self.gateway.peer, b"", b"\x81\xa4type\xa8register"])
        self.do(1, "say")
        self.assertIn("not understood", self.printed("err"))
        self.stop()


class WithEngine(unittest.TestCase):
    STEP = """
schema_version: "1"
name: trial
steps:
  - key: first
    kind: action
    config: {{ action_name: {action}, parameters: {{ {parameters} }} }}
    {more}
"""

    def engine(self, **settings):
        engine = Engine(**settings)
        engine.up()
        self.addCleanup(engine.close)
        return engine

    def trial(self, engine, **environment):
        env = dict(engine.env, **RACES, TRIAL_CONCURRENCY="16", **environment)
        worker = subprocess.Popen([TRIAL], env=env, stdout=engine.log, stderr=engine.log)
        engine.workers.append(worker)
        return worker

    def run_one(self, engine, action, parameters="", more=""):
        engine.apply(self.STEP.format(action=action, parameters=parameters, more=more))
        return engine.run(engine.start("trial", wait=20)["id"])

    def test_it_works_with_curve(self):
        engine = self.engine(worker_curve=1)
        with open(os.path.join(engine.data, "curve.public")) as file:
            key = file.read().strip()
        wrong = self.trial(engine, CAPSTAN_SERVER_KEY="not of Z85".ljust(40))
        self.assertEqual(1, wrong.wait(DEADLINE))
        self.assertIn("ServerKey", engine.logs())
        self.trial(engine, CAPSTAN_SERVER_KEY=key)
        run = self.run_one(engine, "say")
        self.assertEqual("completed", run["status"], run)

    def test_errors_logs_and_events_arrive(self):
        engine = self.engine()
        worker = self.trial(engine)
        retry = "retry: { max_attempts: 3, delay: 1ms }"
        run = self.run_one(engine, "fail", 'text: "no", type: Declined', retry)
        self.assertEqual(("failed", 3), (run["status"], run["steps"][0]["attempt"]), run)
        self.assertEqual("Declined", run["error"]["type"], run)
        run = self.run_one(engine, "fatal", 'text: "never"', retry)
        self.assertEqual(("failed", 1), (run["status"], run["steps"][0]["attempt"]), run)
        run = self.run_one(engine, "log", 'text: "a line", type: stderr, count: 1')
        logs = engine.get(f"/runs/{run['id']}/logs")["items"]
        self.assertEqual([("stderr", "a line")],
                         [(log["stream"], log["text"]) for log in logs], logs)
        run = self.run_one(engine, "publish", "id: e-1, data: { a: 1 }")
        first = run["steps"][0]["output"]
        self.assertGreater(first, 0)
        run = self.run_one(engine, "publish", "id: e-1, data: { a: 1 }")
        self.assertEqual(first, run["steps"][0]["output"])
        worker.terminate()
        self.assertEqual(0, worker.wait(DEADLINE))

    def test_a_worker_without_actions_takes_no_jobs_and_publishes(self):
        engine = self.engine()
        engine.apply(self.STEP.format(action="say", parameters="", more=""))
        run = engine.start("trial")["id"]
        teller = self.trial(engine, TRIAL_TELL="e-1")
        self.assertEqual(0, teller.wait(DEADLINE), engine.logs())
        self.assertEqual(1, engine.run(run)["steps"][0]["attempt"])
        self.assertEqual("suspended", engine.run(run)["status"])
        self.assertRegex(engine.logs(), r"(?m)^\d+ <nil>$")
        self.trial(engine)
        self.assertEqual("completed", engine.wait_final(run)["status"])

    def test_nothing_is_lost_or_done_twice_when_the_gateway_is_killed_under_load(self):
        engine = self.engine()
        worker = self.trial(engine)
        done = os.path.join(engine.data, "done")
        with open(done + ".gate", "w"):
            engine.apply(self.STEP.format(action="append", more="",
                                          parameters=f"path: {done}"))

        def count():
            with open(done, "a+") as lines:
                lines.seek(0)
                return lines.read().split()
        runs = [engine.start("trial")["id"] for _ in range(400)]
        engine.wait_restarted("gateway.0", engine.kill("gateway.0"))  # 16 under way
        os.unlink(done + ".gate")
        until(lambda: len(count()) >= 50, lambda: len(count()))
        engine.wait_restarted("gateway.0", engine.kill("gateway.0"))  # reports, too
        for run in runs:
            document = engine.wait_final(run)
            self.assertEqual("completed", document["status"], document)
            self.assertEqual(1, document["steps"][0]["attempt"], document)
        self.assertEqual(400, len(count()))
        self.assertEqual(400, len(set(count())))
        worker.terminate()
        self.assertEqual(0, worker.wait(DEADLINE))


class Sources(unittest.TestCase):
    def go(self, *command):
        said = subprocess.run(command, cwd=LIBRARY, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(0, said.returncode, said.stdout)
        return said.stdout

    def test_they_are_formatted_and_vetted(self):
        self.assertEqual("", self.go("gofmt", "-l", LIBRARY, HERE))
        self.go("go", "vet", "./...")

    def test_its_own_tests_pass_with_the_race_detector(self):
        self.assertIn("ok", self.go("go", "test", "-race", "./..."))

    def test_the_session_knows_no_socket(self):
        known = self.go("go", "list", "-deps", "./internal/session").split()
        self.assertEqual([], [p for p in known if "zmq" in p or p == "net"])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    if not build():
        sys.exit(77)
    sys.stdout.flush()
    sys.exit(run_side_by_side("Greet", "Trial", "WithEngine", "Sources"))
