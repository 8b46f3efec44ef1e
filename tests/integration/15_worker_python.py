#!/usr/bin/python3
"""Goal: the Python SDK, workers/python, keeps what docs/protocols/worker.md promises and
what its own documentation does.

Method: its example goes through tests/support/worker_conformance.py; the actions of
tests/support/python_actions.py do what can go right and wrong, for a gateway that is the
test, and for an engine that is killed meanwhile.
"""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

import zmq

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
PACKAGE = os.path.join(SOURCE, "workers/python")
ACTIONS = os.path.join(SOURCE, "tests/support/python_actions.py")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from engine import Engine, until  # noqa: E402
from worker_conformance import DEADLINE, Cancelled, Case, Conformance  # noqa: E402

COUNT = """
name: count
concurrency: allow
steps:
  - { key: count, kind: action, action_name: count, parameters: { seconds: 0.05 } }
"""


class Example(Conformance, Case):
    program = os.path.join(SOURCE, "examples/worker_sdk.py")

    def begin(self):
        self.start("/usr/bin/python3", self.program, PYTHONPATH=PACKAGE)

    def test_it_has_thirty_lines(self):
        with open(self.program, encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 30)


class PythonCase(Case):
    def begin(self, **options):
        self.start("/usr/bin/python3", ACTIONS, json.dumps(options), PYTHONPATH=PACKAGE)
        return self.gateway.let_in()

    def do(self, number, action, outcome="completed", **parameters):
        token = self.gateway.job(number, action, parameters)
        return self.gateway.hear_report(token, outcome)

    def fails(self, number, action, what, outcome="failed"):
        report = self.do(number, action, outcome, what=what)
        return report["error_type"], report["error_message"]

    def notes(self):
        try:
            return self.printed("notes").splitlines()
        except FileNotFoundError:
            return []

    def until_noted(self, note):
        """Heartbeats are answered meanwhile."""
        end = time.monotonic() + DEADLINE
        while note not in self.notes():
            self.assertLess(time.monotonic(), end, self.printed("err"))
            self.gateway.hear_any(0.02)


class Actions(Cancelled, PythonCase):
    def test_it_registers_what_it_was_told(self):
        register = self.begin(
            queues="fast,slow", labels=["gpu"], instance="here", name="mine", version="7",
            environment="env_1", concurrency=3, actions=["tell"])
        for name, value in {"queues": ["fast", "slow"], "labels": ["gpu"], "version": "7",
                            "instance": "here", "name": "mine", "environment": "env_1",
                            "concurrency": 3, "actions": ["tell"]}.items():
            self.assertEqual(register[name], value)
        self.stop()
        self.assertEqual(self.notes(), ["left 0"])

    def test_it_asks_for_the_actions_that_it_has_and_finds_the_development_key(self):
        with open(os.path.join(self.folder, "dev.key"), "w", encoding="utf-8") as file:
            file.write("cap_development\n")
        self.start("/usr/bin/python3", ACTIONS, PYTHONPATH=PACKAGE, CAPSTAN_API_KEY="")
        register = self.gateway.let_in()
        self.assertEqual(register["key"], "cap_development")
        self.assertEqual(register["actions"][:2], ["tell", "raise"])
        self.stop()

    def test_an_action_sees_its_job(self):
        self.begin()
        output = self.do(1, "tell", colour="blue")["output"]
        self.assertEqual(output, {
            "id": "job_1", "run": "run_1", "step": "first", "automation": "test",
            "action": "tell", "queue": "default", "attempt": 1, "deadline": None,
            "parameters": {"colour": "blue"}})
        self.gateway.say("job", token=b"t", job="job_2", action="tell", attempt=2,
                         deadline_ms=1500)
        output = self.gateway.hear_report(b"t", "completed")["output"]
        self.assertEqual((output["attempt"], output["deadline"], output["parameters"]),
                         (2, 1.5, None))
        self.stop()

    def test_an_exception_is_a_failure_and_fatal_is_for_good(self):
        self.begin()
        for action in ("raise", "raise-async"):
            self.assertEqual(self.fails(1, action, "value"),
                             ("ValueError", "no such colour"))
            self.assertEqual(self.fails(2, action, "long"), ("ValueError", "é" * 2048))
            self.assertEqual(self.fails(3, action, "mute")[0], "Mute")
            self.assertEqual(self.fails(4, action, "exit"), ("SystemExit", "over"))
            self.assertEqual(self.fails(5, action, "surrogate"), ("ValueError", "?"))
            self.assertEqual(self.fails(6, action, "fatal", "fatal"),
                             ("CardDeclined", "the bank says no"))
            self.assertEqual(self.fails(7, action, "stock", "fatal"),
                             ("OutOfStock", "none"))
            self.assertEqual(self.fails(8, action, "plain", "fatal"), ("Fatal", "never"))
        self.assertEqual(self.fails(9, "fly", ""),
                         ("UnknownAction", "this worker has no action 'fly'"))
        self.assertIn("ValueError: no such colour", self.printed("err"))
        self.stop()

    def test_an_output_that_cannot_be_sent_is_a_failure(self):
        self.begin()
        for number, what in enumerate(("object", "key", "deep", "surrogate", "int")):
            self.assertEqual(self.fails(number, "output", what)[0], "InvalidOutput")
        self.assertEqual(self.fails(8, "output", "large"),
                         ("OutputTooLarge", "100005 bytes; the engine takes 100000"))
        self.do(9, "output", what="deepest")
        self.stop()

    def test_async_actions_run_side_by_side_and_a_cancel_ends_them(self):
        self.begin(concurrency=3)
        first = self.gateway.job(1, "nap", {})
        second = self.gateway.job(2, "nap", {"shrug": True})
        third = self.gateway.job(3, "nap", {"seconds": 0.01})
        self.gateway.hear_report(third, "completed")
        self.until_noted("begun job_1")
        self.until_noted("begun job_2")
        self.gateway.say("cancel", token=first, reason="enough")
        self.gateway.hear_report(first, "cancelled")
        self.gateway.say("cancel", token=second, reason="enough")
        self.gateway.hear_report(second, "completed")  # it has ended otherwise
        # Cancelled before it could begin.
        self.gateway.job(4, "nap", {})
        self.gateway.say("cancel", token=b"%060d" % 4, reason="enough")
        self.gateway.hear_report(b"%060d" % 4, "cancelled")
        self.stop()

    def test_logs_come_in_pieces_before_the_report(self):
        self.begin()
        texts = [["stdout", "hello"], ["stderr", "a\nb\n"], ["stdout", "é" * 40000],
                 ["x" * 300, ""]]
        token = self.gateway.job(1, "log", {"texts": texts})
        heard = []
        message = self.gateway.hear_any()
        while message["type"] == "log":
            self.assertEqual(message["token"], token)
            self.assertLessEqual(len(message["chunk"].encode()), 65536)
            heard.append((message["stream"], message["chunk"]))
            message = self.gateway.hear_any()
        self.assertEqual((message["type"], message["outcome"]), ("report", "completed"))
        self.assertEqual(heard, [
            ("stdout", "hello\n"), ("stderr", "a\nb\n"), ("stdout", "é" * 32768),
            ("stdout", "é" * 7232 + "\n"), ("x" * 200, "\n")])
        self.gateway.ack(token)
        self.stop()

    def test_logs_that_nobody_reads_are_dropped_and_it_is_said(self):
        self.gateway.context.setsockopt(zmq.RCVHWM, 1)
        self.gateway.restart()
        self.start("/usr/bin/python3", ACTIONS, '{"concurrency": 1}', PYTHONPATH=PACKAGE)
        self.gateway.hear("register")
        self.gateway.say("registered", lease_ms=60000, heartbeat_ms=20000)
        # More than sockets and queues take: 66 and 256 pieces, and what TCP buffers.
        token = self.gateway.job(1, "flood", {"count": 700})
        until(lambda: "flooded" in self.notes(), "the action goes on", DEADLINE)
        numbers, dropped = [], 0
        message = self.gateway.hear_any()
        while message["type"] == "log":
            note = re.match(r"capstan_worker: (\d+) pieces of the log were dropped here",
                            message["chunk"])
            if note:
                dropped += int(note[1])
            else:
                numbers.append(int(message["chunk"].split()[0]))
            message = self.gateway.hear_any()
        self.assertEqual(message["type"], "report")
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertGreater(len(numbers), 256)
        self.assertLess(len(numbers), 700)
        if dropped:  # it is said if there is room for it before the report
            self.assertEqual(dropped, 700 - len(numbers))
        self.gateway.ack(token)
        self.stop()

    def test_who_logs_faster_than_is_sent_waits(self):
        self.begin(concurrency=1)
        token = self.gateway.job(1, "flood", {"count": 700})
        for number in range(700):
            message = self.gateway.hear("log")
            self.assertEqual(int(message["chunk"].split()[0]), number)
        self.gateway.hear_report(token, "completed")
        self.stop()


class Sessions(PythonCase):
    def test_c8_what_is_more_than_it_agreed_to_waits_or_is_passed_over(self):
        self.begin(concurrency=1)
        token = self.gateway.job(1, "stubborn", {})
        self.until_noted("begun job_1")
        self.gateway.job(2, "wait", {})
        beat = self.gateway.hear("heartbeat")
        self.assertEqual(beat["held"], [token])
        # Its action cannot be stopped: who has no place says so.
        self.gateway.answer(beat, lost=[token])
        self.assertEqual(self.gateway.hear("ready")["concurrency"], 0)
        third = self.gateway.job(3, "wait", {})
        beat = self.gateway.hear("heartbeat")
        while third not in beat["held"]:
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        self.assertNotIn("begun job_3", self.notes())
        # What has not begun when it drains goes back.
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear_report(third, "returned")
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)
        self.assertEqual(self.notes()[-1], "left 0")

    def test_c19_it_stops_its_actions_before_another_may_have_them(self):
        self.gateway.lease_ms = 1500
        self.begin()
        heard = time.monotonic()
        token = self.gateway.job(1, "wait", {})
        until(lambda: "cancelled job_1" in self.notes(), "the action is told", DEADLINE)
        self.assertLess(time.monotonic() - heard, 1.5)
        self.gateway.restart()
        self.assertNotIn(token, self.gateway.let_in()["held"])
        self.gateway.hear_nothing(0.5)
        self.stop()

    def test_c21_an_event_is_said_again_until_it_is_answered(self):
        self.begin()
        token = self.gateway.job(1, "publish", {"id": "e", "meta": {"by": "test"}})
        event = self.gateway.hear("publish")
        self.assertEqual(event, {
            "type": "publish", "id": "e", "event": "order.paid", "source": "test",
            "data": {"order": 17}, "meta": {"by": "test"}})
        self.gateway.say("error", about="publish", id="e", code="busy", message="not now")
        self.assertEqual(self.gateway.hear("publish"), event)
        self.gateway.say("register")
        self.gateway.let_in()
        self.assertEqual(self.gateway.hear("publish"), event)
        self.gateway.say("published", id="e", number=41)
        self.assertEqual(self.gateway.hear_report(token, "completed")["output"], 41)
        self.gateway.hear_nothing(2.5)
        token = self.gateway.job(2, "publish", {"source": "me"})
        event = self.gateway.hear("publish")
        self.assertEqual((len(event["id"]), event["source"]), (32, "me"))
        self.gateway.say("error", about="publish", id=event["id"], code="invalid",
                         message="no such type")
        self.assertEqual(self.gateway.hear_report(token, "completed")["output"],
                         ["invalid", "no such type"])
        token = self.gateway.job(3, "publish-async", {})
        self.assertEqual(self.gateway.hear("publish")["id"], "job_3")
        self.gateway.say("published", id="job_3", number=42)
        self.assertEqual(self.gateway.hear_report(token, "completed")["output"], 42)
        self.stop()

    def test_who_waits_for_an_event_at_the_end_hears_that_there_is_no_answer(self):
        self.begin(drain_s=0.2)
        self.gateway.job(1, "publish", {"id": "e"})
        self.gateway.hear("publish")
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)
        self.assertEqual(self.notes(), ["left 1"])

    def test_what_runs_is_finished_and_what_comes_goes_back(self):
        self.begin()
        token = self.gateway.job(1, "nap", {"seconds": 1})
        self.until_noted("begun job_1")
        self.process.send_signal(signal.SIGINT)
        self.gateway.hear("drain")
        late = self.gateway.job(2, "tell", {})
        self.gateway.hear_report(late, "returned")
        self.gateway.hear_report(token, "completed")
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)
        self.assertEqual(self.notes()[-1], "left 0")

    def test_a_second_signal_ends_it_at_once(self):
        self.begin(drain_s=600)
        for number, action in ((1, "wait"), (2, "stubborn"), (3, "nap")):
            self.gateway.job(number, action, {})
            self.until_noted(f"begun job_{number}")
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        told = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)
        self.assertLess(time.monotonic() - told, 5)
        self.assertEqual(self.notes()[-2:], ["cancelled job_1", "left 3"])

    def test_actions_that_compute_delay_no_heartbeat(self):
        self.start("/usr/bin/python3", ACTIONS, PYTHONPATH=PACKAGE)
        self.gateway.hear("register")
        self.gateway.say("registered", lease_ms=30000, heartbeat_ms=600)
        tokens = [self.gateway.job(n, "spin", {}) for n in range(4)]
        beat = self.gateway.hear("heartbeat")
        while beat["held"] != tokens:
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        at = time.monotonic()
        for _ in range(4):
            self.gateway.answer(beat)
            beat = self.gateway.hear("heartbeat")
        self.assertLess(time.monotonic() - at, 4 * 2 * 0.6)
        self.gateway.answer(beat, cancel=tokens)
        for _ in tokens:
            report = self.gateway.hear("report")
            self.assertEqual(report["outcome"], "cancelled")
            self.gateway.ack(report["token"])
        self.stop()

    def test_who_waits_costs_nothing(self):
        self.begin()
        self.do(1, "tell")
        self.do(2, "nap", seconds=0)
        self.gateway.job(3, "wait", {})
        self.until_noted("begun job_3")
        before = self.ticks()
        for _ in range(5):
            self.gateway.answer(self.gateway.hear("heartbeat"))
        self.assertLess(self.ticks() - before, 0.1 * os.sysconf("SC_CLK_TCK"))
        self.process.kill()

    def ticks(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))

    def test_a_refusal_is_told_and_ends_it(self):
        self.start("/usr/bin/python3", ACTIONS, PYTHONPATH=PACKAGE)
        self.gateway.hear("register")
        self.gateway.say("error", code="invalid", message="no such queue")
        self.assertEqual(self.process.wait(DEADLINE), 1)
        self.assertIn("Refused: invalid: no such queue", self.printed("err"))

    def test_a_report_that_cannot_be_taken_is_replaced_once(self):
        self.begin()
        token = self.gateway.job(1, "tell", {})
        self.gateway.hear("report")
        self.gateway.say("error", code="malformed", about="report", token=token,
                         message="unreadable")
        report = self.gateway.hear_report(token, "failed")
        self.assertEqual((report["error_type"], report["error_message"]),
                         ("ReportRefused", "unreadable"))
        self.gateway.hear_nothing(2.5)
        self.stop()

    def test_frames_of_any_content_are_passed_over(self):
        self.begin()
        for data in (b"", b"\xc1", b"\x80", b"\x81\xa4type\x01", b"\x92\x01\x02",
                     b"\x81\xa4type\xa3job", b"\x82\xa4type\xa3job\xa5token\x05",
                     b"\x82\xa4type\xa9heartbeat\xa4lost\x91\x90", b"\xa3job" * 9):
            self.gateway.raw(data)
        self.gateway.router.send_multipart([self.gateway.peer, b"a", b"b"])
        self.do(1, "tell")
        self.assertIn("frame_not_understood", self.printed("err"))
        self.stop()


class RealEngine(unittest.TestCase):
    def worker(self, engine, options="{}", **environment):
        env = dict(engine.env, PYTHONPATH=PACKAGE, CAPSTAN_API_KEY=engine.key,
                   PYTHONDONTWRITEBYTECODE="1", **environment)
        worker = subprocess.Popen(["/usr/bin/python3", ACTIONS, options], env=env,
                                  stderr=engine.log)
        engine.workers.append(worker)
        return worker

    @staticmethod
    def noted(engine):
        try:
            with open(os.path.join(engine.data, "notes"), encoding="utf-8") as file:
                return [line for line in file.read().splitlines() if line[:4] == "run_"]
        except FileNotFoundError:
            return []

    def test_each_run_completes_once_while_gateway_and_engine_are_killed(self):
        with Engine() as engine:
            engine.apply(COUNT)
            runs = [engine.start("count")["id"] for _ in range(300)]
            worker = self.worker(engine)
            until(lambda: len(self.noted(engine)) > 50, engine.logs)
            engine.wait_restarted("gateway.0", engine.kill("gateway.0"))
            until(lambda: len(self.noted(engine)) > 120, engine.logs)
            engine.kill_all()
            engine.up()
            for run in runs:
                self.assertEqual(engine.wait_final(run)["status"], "completed")
            done = collections.Counter(self.noted(engine))
            self.assertEqual(done, collections.Counter(runs))
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(DEADLINE), 0)

    def test_it_speaks_curve(self):
        with Engine(worker_curve=1) as engine:
            engine.apply(COUNT)
            path = os.path.join(engine.data, "curve.public")
            with open(path, encoding="utf-8") as file:
                public = file.read().strip()
            self.worker(engine, CAPSTAN_SERVER_KEY=public)
            self.assertEqual(engine.start("count", wait=30)["status"], "completed")


def main():
    """In processes side by side: most of the time is waiting."""
    names = unittest.TestLoader().getTestCaseNames(Example)
    parts = [[f"Example.{name}" for name in names[n::3]] for n in range(3)]
    parts += [["Actions"], ["Sessions"], ["RealEngine"]]
    running = [subprocess.Popen([sys.executable, sys.argv[0], *part]) for part in parts]
    return max(part.wait() for part in running)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    unittest.main(verbosity=2)
