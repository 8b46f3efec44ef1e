#!/usr/bin/python3
"""Goal: workers/typescript keeps what docs/protocols/worker.md and its own header promise.

Method: its example goes through the conformance list; worker.mjs does what is its own,
against a gateway that is the test itself and against a real engine whose gateway dies;
session.test.mjs asks the pure machine; the compiler reads all of it.  What a registry
does not give is said, and skipped.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from zmq.auth.thread import ThreadAuthenticator

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../support")]
from clients import NPM, NPM_INSTALL, install, need  # noqa: E402
from engine import SOURCE, Engine, until  # noqa: E402
from worker_conformance import (DEADLINE, Cancelled, Case,  # noqa: E402
                                Conformance, run_side_by_side)

SUITE, NODE = "typescript", "capstan-worker"
LIBRARY = os.path.join(SOURCE, "workers/typescript")
SOURCES = ("capstan-worker.d.ts", "examples/greet.mjs", "package-lock.json",
           "package.json", "src/job.js", "src/leases.js", "src/line.js",
           "src/options.js", "src/sayings.js", "src/session.js", "src/wire.js",
           "src/worker.js", "tsconfig.json")
RUNS = 300
GREET = """
name: greet
steps:
  - {key: greet, kind: action, action_name: nap, parameters: {n: "{{ .inputs.n }}"}}
"""
PUBLISH = """
name: publish
steps:
  - {key: tell, kind: action, action_name: publish, parameters:
      {event: order.paid, data: {order: 9007199254740993}, more: {id: order-17}}}
"""
folder = None


def setUpModule():
    global folder
    files = {name: os.path.join(LIBRARY, name) for name in SOURCES}
    files.update({name: os.path.join(HERE, name)
                  for name in ("session.test.mjs", "types.ts", "worker.mjs")})
    folder = install(NODE, SUITE, files, NPM)
    need(NODE)


def run_in(where, *command):
    return subprocess.run(command, cwd=where, timeout=DEADLINE * 3, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Sources(unittest.TestCase):
    def test_the_compiler_has_no_complaint(self):
        with open(os.path.join(folder, "all.json"), "w") as project:
            json.dump({"extends": "./tsconfig.json", "files": [
                "capstan-worker.d.ts", "examples/greet.mjs", "src/worker.js", "types.ts"]},
                project)
        done = run_in(folder, "node_modules/.bin/tsc", "-p", "all.json")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_session_alone_does_as_the_protocol_says(self):
        done = run_in(folder, "node", "--test", "session.test.mjs")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(int(re.search(r"^# pass (\d+)", done.stdout, re.M)[1]), 30)

    def test_the_example_has_thirty_lines(self):
        with open(os.path.join(LIBRARY, "examples/greet.mjs"), encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 30)

    def test_what_is_installed_from_the_folder_works_without_a_build(self):
        user = install("a-user", SUITE, {"greet.mjs": os.path.join(
            LIBRARY, "examples/greet.mjs"), **{
                os.path.join("library", name): os.path.join(LIBRARY, name)
                for name in SOURCES}},
            "echo '{}' >package.json && " + NPM_INSTALL + " --install-links ./library "
            "&& rm -r library")
        need("a-user")
        done = subprocess.run(["node", "greet.mjs"], cwd=user, timeout=DEADLINE, env=dict(
            os.environ, CAPSTAN_WORKER_URL="nowhere", CAPSTAN_API_KEY="cap_x"),
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Refused: invalid: url nowhere", done.stderr)


class Example(Conformance, Case):
    def begin(self):
        self.start("node", os.path.join(folder, "examples/greet.mjs"))


class Own(Cancelled, Case):
    def begin(self, **options):
        options.setdefault("drainMs", 300)
        self.start("node", os.path.join(folder, "worker.mjs"), OPTIONS=json.dumps(options))
        return self.gateway.let_in()

    def do(self, number, action, parameters=None, outcome="completed"):
        token = self.gateway.job(number, action, parameters)
        return self.gateway.hear_report(token, outcome)

    def wait_printed(self, line):
        """Heartbeats are not answered meanwhile."""
        until(lambda: line in self.printed("out").splitlines(),
              lambda: f"{line}: {self.printed('out')}{self.printed('err')}", DEADLINE)

    def end_of(self, process):
        return process.wait(DEADLINE)

    def test_what_actions_return_is_the_output(self):
        self.begin()
        values = {"ms": 1764182400000, "big": 2 ** 63, "least": -2 ** 63, "real": 1.5,
                  "exact": 2 ** 53 + 1, "list": [1, None, "ü", {"a": b"\0\xff"}]}
        self.assertEqual(self.do(1, "echo", values)["output"], values)
        self.assertEqual(self.do(2, "echo")["output"], {})
        self.assertEqual(self.do(3, "describe")["output"], {
            "id": "job_3", "run": "run_1", "step": "first", "automation": "test",
            "action": "describe", "queue": "default", "attempt": 1})
        self.assertNotIn("output", self.do(4, "block", {"ms": 1}))
        self.stop()

    def test_what_actions_throw_is_the_error(self):
        self.begin()
        for number, (action, outcome, type, message) in enumerate([
                ("decline", "failed", "CardDeclined", "no money"),
                ("decline-later", "failed", "CardDeclined", "ü" * 2048),
                ("throw-text", "failed", "Error", "just a text"),
                ("throw-nothing", "failed", "Error", "what was thrown has no text"),
                ("fatal", "fatal", "NoSuchCard", "never"),
                ("fly", "failed", "UnknownAction", "this worker has no action fly"),
                ("odd", "failed", "InvalidOutput",
                 "output.list[1]: a function cannot be sent"),
        ]):
            report = self.do(number, action, outcome=outcome)
            self.assertEqual((report["error_type"], report["error_message"]),
                             (type, message))
        self.stop()

    def test_another_attempt_may_be_put_off(self):
        self.begin()
        for number, (asked, said) in enumerate(((1500, 1500), (1e12, 86400000), (-1, None),
                                                ("x", None))):
            report = self.do(number, "put-off", {"ms": asked}, "failed")
            self.assertEqual(report.get("retry_after_ms"), said)
        self.stop()

    def test_an_output_that_is_too_large_is_not_sent(self):
        self.begin()
        self.assertEqual(len(self.do(1, "large", {"size": 99995})["output"]), 99995)
        report = self.do(2, "large", {"size": 99996}, "failed")
        self.assertEqual((report["error_type"], report["error_message"]),
                         ("OutputTooLarge", "100001 bytes, 100000 at most"))
        self.stop()

    def test_options_are_what_it_registers(self):
        options = {"queues": ["fast", "slow.*"], "concurrency": 7, "actions": ["echo"],
                   "labels": ["gpu"], "environment": "env_1", "instance": "here",
                   "name": "mine", "version": "2", "key": "cap_option"}
        register = self.begin(**options)
        self.assertEqual({name: register[name] for name in options}, options)
        self.stop()

    def test_every_action_is_named_and_the_development_key_found(self):
        with open(os.path.join(self.folder, "dev.key"), "w", encoding="utf-8") as file:
            file.write("cap_development\n")
        self.start("node", os.path.join(folder, "worker.mjs"), CAPSTAN_API_KEY="")
        register = self.gateway.let_in()
        self.assertEqual(register["key"], "cap_development")
        self.assertIn("publish-many", register["actions"])
        self.assertEqual(register["concurrency"], 1)
        self.stop()

    def test_a_cancel_aborts_the_signal(self):
        self.begin(concurrency=2)
        token = self.gateway.job(1, "hold", None)
        other = self.gateway.job(2, "finish-anyway", None)
        self.wait_printed("begun job_1")
        for each in (token, other):
            self.gateway.say("cancel", token=each, reason="enough")
        # What is finished nevertheless is told as such.
        reports = {m["token"]: m for m in (self.gateway.hear("report") for _ in range(2))}
        self.assertEqual(reports[token]["outcome"], "cancelled")
        self.assertEqual((reports[other]["outcome"], reports[other]["output"]),
                         ("completed", "it was done"))
        self.wait_printed("aborted job_1 Cancelled: enough")
        for each in (token, other):
            self.gateway.ack(each)
        self.stop()

    def test_c8_no_more_jobs_than_it_agreed_to(self):
        self.begin(concurrency=2)
        tokens = [self.gateway.job(n, "hold", None) for n in range(3)]
        self.wait_printed("begun job_1")
        beat = self.gateway.hear("heartbeat")
        self.assertEqual(beat["held"], tokens[:2])
        self.gateway.answer(beat)
        self.gateway.answer(beat, lost=tokens[:1])
        self.wait_printed("aborted job_0 LeaseLost: the engine has taken the lease back")
        again = self.gateway.job(3, "hold", None)
        self.wait_printed("begun job_3")
        self.assertNotIn("begun job_2", self.printed("out"))
        while self.gateway.held != [tokens[1], again]:
            self.gateway.answer(self.gateway.hear("heartbeat"))
        self.process.kill()

    def test_c8_a_lost_action_that_does_not_end_keeps_its_place(self):
        self.begin(concurrency=2)
        token = self.gateway.job(0, "deaf", None)
        self.wait_printed("begun job_0")
        self.gateway.answer(self.gateway.hear("heartbeat"), lost=[token])
        message = self.gateway.hear_any()
        self.assertEqual((message["type"], message["concurrency"]), ("ready", 1))
        self.process.kill()

    def hear_register(self):
        """Whatever is said before, perhaps on a connection that is gone."""
        while (message := self.gateway.receive(DEADLINE))["type"] != "register":
            pass
        return message

    def test_c19_it_stops_its_actions_before_the_lease_can_be_another_s(self):
        self.gateway.lease_ms = 5000
        self.begin()
        token = self.gateway.job(1, "hold", None)
        beat = self.gateway.hear("heartbeat")
        heard = time.monotonic()
        self.gateway.answer(beat)
        self.wait_printed(
            "aborted job_1 LeaseLost: the engine has not been heard for too long")
        self.assertGreater(time.monotonic() - heard, 4)
        self.assertLess(time.monotonic() - heard, 5)
        self.assertEqual(self.hear_register()["held"], [token])  # said while it was so
        self.gateway.registered()
        while self.gateway.hear("heartbeat")["held"]:
            pass  # one from before that was still under way
        self.stop()

    def test_logs_come_before_the_report_in_pieces(self):
        self.begin()
        texts = [["greeting\n"], ["ü€😀" * 30000, "stderr"], ["x" * 65536, "own"], [""]]
        token = self.gateway.job(1, "log", {"texts": texts})
        heard = {}
        while (message := self.gateway.hear_any())["type"] == "log":
            self.assertEqual(message["token"], token)
            self.assertLessEqual(len(message["chunk"].encode()), 65536)
            heard.setdefault(message["stream"], []).append(message["chunk"])
        self.assertEqual(message["type"], "report")
        self.gateway.ack(token)
        self.assertEqual({stream: "".join(chunks) for stream, chunks in heard.items()}, {
            "stdout": "greeting\n", "stderr": "ü€😀" * 30000, "own": "x" * 65536})
        self.assertEqual(len(heard["own"]), 1)
        self.stop()

    def test_logs_that_nobody_takes_are_bounded(self):
        self.begin()
        texts = [["x" * 60000]] * 100
        token = self.gateway.job(1, "log", {"texts": texts})
        size = 0
        while (message := self.gateway.hear_any())["type"] == "log":
            size += len(message["chunk"])
        self.assertEqual(message["type"], "report")
        self.assertGreater(size, 900000)
        self.assertLess(size, 3 << 20)  # what lay in the socket, and one MiB
        self.gateway.ack(token)
        self.stop()

    def test_c21_an_event_is_said_until_it_is_answered(self):
        self.begin(resendMs=200)
        token = self.gateway.job(1, "publish", {
            "event": "order.paid", "data": {"order": 2 ** 53 + 1},
            "more": {"id": "order-17", "source": "shop", "meta": {"a": 1}}})
        said = self.gateway.hear("publish")
        self.assertEqual(said, {
            "type": "publish", "id": "order-17", "event": "order.paid", "source": "shop",
            "data": {"order": 2 ** 53 + 1}, "meta": {"a": 1}})
        self.gateway.say("error", code="busy", about="publish", id="order-17")
        self.assertEqual(self.gateway.hear("publish"), said)
        self.gateway.say("register")
        self.gateway.let_in()
        self.assertEqual(self.gateway.hear("publish"), said)
        self.gateway.say("published", id="order-17", number=41)
        self.assertEqual(self.gateway.hear_report(token, "completed")["output"], 41)
        self.gateway.hear_nothing(1)
        self.stop()

    def test_an_event_that_is_refused_rejects(self):
        self.begin()
        token = self.gateway.job(1, "publish", {"event": "e"})
        said = self.gateway.hear("publish")
        self.assertTrue(0 < len(said["id"]) <= 200)
        self.gateway.say("error", code="forbidden", about="publish", id=said["id"],
                         message="this key may not")
        report = self.gateway.hear_report(token, "failed")
        self.assertEqual((report["error_type"], report["error_message"]),
                         ("Refused", "forbidden: this key may not"))
        report = self.do(2, "publish", {"event": ""}, "failed")
        self.assertEqual(report["error_type"], "TypeError")
        report = self.do(3, "publish", {"event": "e", "data": [1]}, "failed")
        self.assertEqual(report["error_message"], "data: not an object")
        report = self.do(4, "publish", {"event": "e", "data": {"x": "x" * 100000}}, "failed")
        self.assertTrue(report["error_message"].startswith("too_large: data of "), report)
        self.stop()

    def test_an_event_that_was_not_answered_rejects_when_the_worker_ends(self):
        self.begin()
        token = self.gateway.job(1, "publish-aside", None)
        self.gateway.hear("publish")
        self.gateway.hear_report(token, "completed")
        self.stop()
        self.wait_printed("not published: unavailable")

    def test_what_the_gateway_is_slow_to_read_is_said_once_each(self):
        """20 MB are more than the sockets take: sending has to wait, in one place."""
        self.gateway.context.rcvhwm = 2
        self.gateway.restart()
        self.begin(resendMs=60000)
        token = self.gateway.job(1, "publish-many", {"count": 220, "size": 90000})
        self.wait_printed("waits")
        for n in range(220):
            self.assertEqual(self.gateway.hear("publish")["id"], f"event-{n}")
            self.gateway.say("published", id=f"event-{n}", number=n)
        self.assertEqual(self.gateway.hear_report(token, "completed")["output"], 220)
        self.stop()

    def test_c20_it_ends_in_time_although_nobody_reads(self):
        """The last word waits for room like any other, but not for long."""
        self.gateway.context.rcvhwm = 2
        self.gateway.restart()
        self.begin(drainMs=0)
        self.gateway.job(1, "publish-many", {"count": 220, "size": 90000})
        self.wait_printed("waits")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end_of(self.process), 1)

    def test_jobs_under_way_are_finished_and_others_returned(self):
        self.begin(drainMs=60000, concurrency=2)
        token = self.gateway.job(1, "hold", None)
        self.wait_printed("begun job_1")
        self.process.send_signal(signal.SIGINT)
        self.gateway.hear("drain")
        late = self.gateway.job(2, "hold", None)
        self.gateway.hear_report(late, "returned")
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.gateway.hear("goodbye")
        self.assertEqual(self.end_of(self.process), 0)
        self.assertNotIn("begun job_2", self.printed("out"))

    def test_a_second_signal_ends_it_at_once(self):
        self.begin(drainMs=60000)
        self.gateway.job(1, "deaf", None)
        self.wait_printed("begun job_1")
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        told = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.assertEqual(self.end_of(self.process), 1)
        self.assertLess(time.monotonic() - told, 5)
        self.wait_printed("left 1")

    def test_stop_ends_it_and_signals_may_be_another_s(self):
        self.begin(signals=False, drainMs=60000)
        token = self.gateway.job(1, "stop", None)
        self.gateway.hear_report(token, "completed")
        self.gateway.hear("goodbye")
        self.assertEqual(self.end_of(self.process), 0)
        self.gateway.restart()
        self.begin(signals=False)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end_of(self.process), -signal.SIGTERM)

    def test_signals_are_left_alone_when_it_has_ended(self):
        self.start("node", os.path.join(folder, "worker.mjs"), STAY="yes")
        self.gateway.let_in()
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.wait_printed("left 0")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end_of(self.process), -signal.SIGTERM)

    def test_a_refused_key_rejects(self):
        self.start("node", os.path.join(folder, "worker.mjs"))
        self.gateway.hear("register")
        self.gateway.say("error", code="forbidden", message="no such right")
        self.assertEqual(self.end_of(self.process), 70)
        self.assertIn("Refused forbidden", self.printed("out"))

    def test_with_plain_the_key_is_the_password(self):
        doorkeeper = ThreadAuthenticator(self.gateway.context)
        doorkeeper.start()
        doorkeeper.configure_plain(passwords={"worker": "cap_test"})
        try:
            self.gateway.context.plain_server = 1
            self.gateway.restart()
            self.begin(plain=True)
            self.stop()
            self.start("node", os.path.join(folder, "worker.mjs"),
                       OPTIONS=json.dumps({"plain": True, "key": "cap_wrong"}))
            self.assertEqual(self.end_of(self.process), 70)
            self.assertIn("Refused unauthorized", self.printed("out"))
        finally:
            doorkeeper.stop()

    def test_a_fallback_does_every_other_action(self):
        self.start("node", os.path.join(folder, "worker.mjs"), FALLBACK="yes")
        self.assertEqual(self.gateway.let_in()["actions"], [])
        self.assertEqual(self.do(1, "fly")["output"], "fly")
        self.assertEqual(self.do(2, "echo", {"a": 1})["output"], {"a": 1})
        self.stop()

    def test_an_event_loop_that_was_blocked_is_survived(self):
        """It cannot be heard meanwhile; afterwards it shows what it holds."""
        self.begin(concurrency=2)
        hold = self.gateway.job(1, "hold", None)
        self.wait_printed("begun job_1")
        token = self.gateway.job(2, "block", {"ms": 1500})
        self.assertEqual(self.hear_register()["held"], [hold, token])
        self.gateway.registered()
        self.gateway.hear_report(token, "completed")
        self.gateway.say("cancel", token=hold, reason="enough")
        self.gateway.hear_report(hold, "cancelled")
        self.stop()


    def test_what_arrived_while_it_was_blocked_is_heard_before_it_judges(self):
        self.begin()
        token = self.gateway.job(1, "block-and-hold", {"ms": 1500})
        self.wait_printed("begun job_1")
        blocked = time.monotonic()
        self.gateway.say("fanfare")  # it has not been silent
        while time.monotonic() - blocked < 1.5:
            beat = self.gateway.hear_any(beats=True)
            self.assertEqual(beat["type"], "heartbeat")
            self.gateway.answer(beat)
        self.gateway.say("cancel", token=token, reason="enough")
        self.gateway.hear_report(token, "cancelled")
        self.stop()


class Real(unittest.TestCase):
    """Against an engine, whose gateway dies."""

    def setUp(self):
        self.printed = tempfile.TemporaryFile("w+")
        self.addCleanup(self.printed.close)

    def worker(self, engine, **options):
        worker = subprocess.Popen(
            ["node", os.path.join(folder, "worker.mjs")], stdout=self.printed,
            stderr=engine.log, env=dict(engine.env, OPTIONS=json.dumps(options)))
        engine.workers.append(worker)
        return worker

    def test_every_run_completes_once_while_the_gateway_is_killed(self):
        with Engine() as engine:
            engine.apply(GREET)
            worker = self.worker(engine, concurrency=32)
            runs = []
            for n in range(RUNS):
                if n in (RUNS // 3, 2 * RUNS // 3):
                    pid = engine.kill("gateway.0")
                    engine.wait_restarted("gateway.0", pid)
                runs.append((n, self.start_surely(engine, n)))
            for n, run in runs:
                document = engine.wait_final(run)
                self.assertEqual((document["status"], document["output"]),
                                 ("completed", {"n": n}), document)
                types = [event["event_type"] for event in engine.events(run)]
                self.assertEqual([types.count(type) for type in (
                    "action.completed", "step.completed", "run.completed")], [1, 1, 1])
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(DEADLINE), 0)
            self.printed.seek(0)
            self.assertEqual(sorted(self.printed.read().splitlines()), sorted(
                ["left 0", *(f"napped {n}" for n in range(RUNS))]))

    @staticmethod
    def start_surely(engine, n):
        """The gateway may be away: the key makes it one run, however often it is asked."""
        def start():
            try:
                return engine.start("greet", {"n": n}, key=f"greet-{n}")["id"]
            except OSError:
                return None
        return until(start, lambda: "it is started\n" + engine.logs())

    def test_with_the_engine_s_public_key_it_speaks_curve(self):
        with Engine(worker_curve=1) as engine:
            found = [os.path.join(where, "curve.public")
                     for where, _, names in os.walk(engine.data) if "curve.public" in names]
            with open(found[0], encoding="utf-8") as file:
                key = file.read().strip()
            engine.apply(PUBLISH)
            worker = self.worker(engine, serverKey=key)
            run = engine.start("publish", wait=DEADLINE)
            self.assertEqual((run["status"], run["output"]), ("completed", 1), run)
            event = engine.get("/events")["items"][0]
            self.assertEqual((event["id"], event["data"]),
                             ("order-17", {"order": 9007199254740993}))
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(DEADLINE), 0)
            wrong = self.worker(engine, serverKey="A" * 40)
            until(lambda: "not_connected why=" in engine.logs(), "it is not let in")
            wrong.send_signal(signal.SIGTERM)
            self.assertEqual(wrong.wait(DEADLINE), 0)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        try:
            setUpModule()
        except unittest.SkipTest:
            sys.exit(77)
        sys.exit(run_side_by_side("Sources", "Example", "Own", "Real"))
    unittest.main(verbosity=2)
