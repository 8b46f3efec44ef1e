#!/usr/bin/python3
"""Goal: the session says what the protocol asks for, at the time that it asks for.

Method: no sockets and no clock: messages and seconds are given, frames and orders
compared.
"""
import logging
import os
import sys
import unittest
from concurrent.futures import Future

import msgpack

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from capstan_worker.errors import Refused  # noqa: E402
from capstan_worker.session import Session  # noqa: E402
from capstan_worker.wire import frame  # noqa: E402


class SessionTest(unittest.TestCase):
    def setUp(self):
        self.now, self.logs_left = 100.0, 0
        self.session = Session(2, drain_s=10, chance=lambda: 0.5, log_left=self.log_left)

    def log_left(self):
        self.logs_left += 1

    def at(self, seconds):
        """Let the time come; what is said then, and what is ordered."""
        self.now = 100.0 + seconds
        self.session.tick(self.now)
        return self.said()

    def said(self):
        messages = []
        while True:
            data = self.session.say(self.now)
            if data is None:
                return messages
            messages.append(msgpack.unpackb(data))

    def kinds(self):
        return [message["type"] for message in self.said()]

    def hear(self, kind, **pairs):
        self.session.hear(dict(pairs, type=kind), self.now)

    def connect(self):
        self.at(self.now - 100)
        self.assertEqual(self.session.orders(), [("call",)])
        self.session.connected({"key": "cap_test", "instance": "i"}, self.now)
        return self.said()[0]

    def let_in(self, **pairs):
        register = self.connect()
        self.register(**pairs)
        return register

    def register(self, **pairs):
        self.hear("registered", **dict({
            "session": b"s", "lease_ms": 30000, "heartbeat_ms": 10000}, **pairs))

    def job(self, token):
        job = {"type": "job", "token": token, "job": "job_1", "action": "greet"}
        self.session.hear(job, self.now)
        return job

    def begin(self, token):
        job = self.job(token)
        self.assertEqual(self.session.orders(), [("begin", job)])

    def finish(self, token):
        report = frame("report", token=token, outcome="completed")
        self.session.finished(token, report)
        return msgpack.unpackb(report)

    # Who we are.

    def test_it_calls_registers_and_is_a_member(self):
        register = self.connect()
        self.assertEqual(register, {
            "type": "register", "key": "cap_test", "instance": "i", "v": 1,
            "session": None, "concurrency": 2, "held": []})
        self.assertEqual(self.said(), [])
        self.register()
        self.assertEqual((self.session.state, self.said()), ("member", []))

    def test_without_a_connection_or_an_answer_it_hangs_up_after_five_seconds(self):
        self.at(0)
        self.assertEqual(self.session.orders(), [("call",)])
        self.at(4.9)
        self.assertEqual(self.session.orders(), [])
        self.at(5)
        self.assertEqual(self.session.orders(), [("hang_up",)])
        self.at(5.1)
        self.assertEqual(self.session.orders(), [("call",)])
        self.session.connected({}, self.now)
        self.said()
        self.at(10.2)
        self.assertEqual(self.session.orders(), [("hang_up",)])

    def test_it_calls_ever_more_rarely_until_a_heartbeat_is_answered(self):
        waits = []
        for _ in range(8):
            self.session.broken("test", self.now)
            self.session.orders()
            waits.append(round(self.session.due() - self.now, 3))
        self.assertEqual(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])
        self.at(10)
        self.session.orders()
        self.session.connected({}, self.now)
        self.said()
        self.register()
        self.at(20)
        self.hear("heartbeat", sequence=1)
        self.session.broken("test", self.now)
        self.assertAlmostEqual(self.session.due() - self.now, 0.1)

    def test_a_registration_that_makes_no_sense_is_passed_over(self):
        self.connect()
        for pairs in ({"lease_ms": 0}, {"heartbeat_ms": 0}, {"heartbeat_ms": 30001}):
            self.register(**pairs)
            self.assertEqual(self.session.state, "asking")

    def test_a_gateway_that_does_not_know_it_is_told_once(self):
        self.let_in()
        self.begin(b"a")
        report = self.finish(b"a")
        self.assertEqual(self.said(), [report])
        for _ in range(3):
            self.hear("register")
        register, = self.said()
        self.assertEqual((register["session"], register["held"]), (b"s", [b"a"]))
        self.register()
        self.assertEqual(self.said(), [report])

    def test_a_registration_names_what_is_lost(self):
        self.let_in()
        self.begin(b"a")
        self.session.broken("test", self.now)
        self.assertEqual(self.session.orders(), [("hang_up",)])
        self.now += 1
        self.let_in(lost=[b"a", b"?"])
        self.assertEqual(self.session.orders(), [("cancel", b"a")])

    def test_a_report_whose_lease_is_lost_meanwhile_is_not_said(self):
        self.let_in()
        self.begin(b"a")
        self.finish(b"a")
        self.hear("registered", lease_ms=1, heartbeat_ms=1)  # nobody has asked
        self.said()
        self.session.broken("test", self.now)
        self.session.orders()
        self.now += 1
        self.let_in(lost=[b"a"])
        self.assertEqual((self.said(), self.session.orders()), ([], []))

    def test_errors_that_end_it(self):
        for code, asking, ends in (
                ("unauthorized", True, True), ("forbidden", False, True),
                ("invalid", True, True), ("invalid", False, False),
                ("conflict", True, False), ("conflict", False, False)):
            with self.subTest(code=code, asking=asking):
                self.setUp()
                self.connect()
                if not asking:
                    self.register()
                self.hear("error", code=code, message="why")
                self.assertEqual(self.session.refused is not None, ends)
                self.at(1)
                self.assertEqual(self.session.over, ends)
                self.assertEqual(self.said(), [])
                if not ends:
                    state = "calling" if asking else "member"
                    self.assertEqual(self.session.state, state)

    # Heartbeats.

    def test_who_holds_nothing_is_heard_more_rarely(self):
        self.let_in(idle_ms=180000)
        self.assertEqual(self.at(170), [])
        self.assertEqual(self.at(171), [{"type": "heartbeat", "sequence": 1, "held": []}])
        self.hear("heartbeat", sequence=1)
        self.begin(b"a")
        self.assertEqual(self.at(180), [])
        self.assertEqual(self.at(180.5)[0]["held"], [b"a"])

    def test_a_silent_connection_is_given_up(self):
        self.let_in()
        self.begin(b"a")
        self.at(24.9)
        self.assertEqual(self.session.state, "member")
        self.at(25)
        self.assertEqual(self.session.orders(), [("hang_up",)])

    def test_an_idle_one_has_longer(self):
        self.let_in(idle_ms=180000)
        self.at(449)
        self.assertEqual(self.session.state, "member")
        self.at(450)
        self.assertEqual(self.session.state, "away")

    def test_it_gives_its_leases_up_before_the_engine_does(self):
        self.let_in()
        self.begin(b"a")
        self.begin(b"b")
        report = self.finish(b"b")
        self.assertEqual([m["type"] for m in self.at(9.5)], ["report", "heartbeat"][::-1])
        self.hear("heartbeat", sequence=1)
        self.at(34.5)
        self.assertEqual(self.session.orders(), [("hang_up",)])
        self.at(36.4)
        self.session.orders()
        self.assertEqual(list(self.session.held), [b"a", b"b"])
        self.at(36.5)  # 9.5 s and nine tenths of 30 s
        self.assertIn(("cancel", b"a"), self.session.orders())
        self.assertEqual(list(self.session.held), [b"b"])
        self.session.connected({}, self.now)
        self.assertEqual(self.said()[0]["concurrency"], 1)  # one has no lease, and runs
        self.register()
        self.assertEqual(self.said(), [report])
        self.session.finished(b"a", b"too late")
        self.assertEqual(self.kinds(), ["ready"])

    def test_only_a_heartbeat_that_is_answered_counts(self):
        self.let_in()
        self.begin(b"a")
        for seconds in (10, 20):
            self.at(seconds)
            self.hear("heartbeat", sequence=77)  # somebody else's
        self.at(27)
        self.assertIn(("cancel", b"a"), self.session.orders())

    def test_a_job_that_comes_after_long_idleness_has_a_new_lease(self):
        self.let_in(idle_ms=180000)
        self.at(150)
        self.begin(b"a")
        self.at(150 + 16.9)
        self.hear("fanfare")
        self.assertEqual(self.session.orders(), [])
        self.at(150 + 17)
        self.assertIn(("cancel", b"a"), self.session.orders())

    # Jobs.

    def test_a_job_runs_is_reported_and_forgotten(self):
        self.let_in()
        self.begin(b"a")
        self.assertEqual(self.said(), [])
        report = self.finish(b"a")
        self.assertEqual(self.said(), [report])
        self.hear("ack", token=b"?", verdict="accepted")
        self.assertEqual(list(self.session.held), [b"a"])
        self.hear("ack", token=b"a", verdict="accepted")
        self.assertEqual(list(self.session.held), [])

    def test_an_ack_of_a_job_that_runs_is_passed_over(self):
        self.let_in()
        self.begin(b"a")
        self.hear("ack", token=b"a", verdict="accepted")
        self.assertEqual(list(self.session.held), [b"a"])

    def test_a_token_is_one_job(self):
        self.let_in()
        self.begin(b"a")
        self.job(b"a")
        self.hear("heartbeat", lost=[b"a"])
        self.assertEqual(self.session.orders(), [("cancel", b"a")])
        self.job(b"a")
        self.assertEqual(self.session.orders(), [])

    def test_no_more_jobs_than_agreed(self):
        self.let_in()
        self.begin(b"a")
        self.begin(b"b")
        self.job(b"c")
        self.hear("job", job="without a token")
        self.assertEqual(self.session.orders(), [])
        self.assertEqual(list(self.session.held), [b"a", b"b"])

    def test_a_report_is_said_after_2_4_8_and_then_each_10_seconds(self):
        self.let_in()
        self.begin(b"a")
        self.finish(b"a")
        said = []
        for tenth in range(360):
            for message in self.at(tenth / 10):
                if message["type"] == "report":
                    said.append(tenth / 10)
                else:
                    self.assertEqual(message["held"], [b"a"])
            self.hear("heartbeat")
        self.assertEqual(said, [0, 2, 6, 14, 24, 34])
        self.hear("ack", token=b"a", verdict="stale")
        self.assertEqual([m["type"] for m in self.at(60)], ["heartbeat"])

    def test_a_cancel_reaches_what_runs_and_what_waits(self):
        self.let_in()
        self.begin(b"a")
        self.begin(b"b")
        self.hear("cancel", token=b"a")
        self.hear("cancel", token=b"?")
        self.assertEqual(self.session.orders(), [("cancel", b"a")])
        self.hear("heartbeat", lost=[b"a"], cancel=[b"b"])
        self.assertEqual(self.session.orders(), [("cancel", b"a"), ("cancel", b"b")])
        self.job(b"c")
        self.assertEqual(self.session.orders(), [])
        self.hear("cancel", token=b"c")
        self.assertEqual(self.said()[-1], {
            "type": "report", "token": b"c", "outcome": "cancelled"})
        self.job(b"d")
        self.hear("heartbeat", lost=[b"d"])
        self.finish(b"a")
        self.assertEqual(self.session.orders(), [])

    def test_what_waits_begins_when_there_is_a_place(self):
        self.let_in()
        self.begin(b"a")
        self.begin(b"b")
        self.hear("heartbeat", lost=[b"a"])
        self.session.orders()
        job = self.job(b"c")
        self.assertEqual(self.session.orders(), [])
        self.session.finished(b"a", b"too late")
        self.assertEqual(self.session.orders(), [("begin", job)])

    def test_a_report_that_is_refused_is_replaced_once(self):
        self.let_in()
        self.begin(b"a")
        self.finish(b"a")
        self.said()
        for code in ("busy", "overloaded", "unavailable", "timeout"):
            self.hear("error", code=code, token=b"a", about="report")
        self.hear("error", code="stale_lease", token=b"a", about="log")
        self.assertEqual(self.said(), [])
        self.hear("error", code="malformed", token=b"a", about="report", message="why")
        report, = self.said()
        self.assertEqual((report["error_type"], report["error_message"]),
                         ("ReportRefused", "why"))
        self.hear("error", code="malformed", token=b"a", about="report", message="why")
        self.assertEqual((self.said(), list(self.session.held)), ([], []))

    # Logs and events.

    def test_logs_leave_before_reports_and_not_without_a_lease(self):
        self.let_in()
        self.begin(b"a")
        self.session.log(b"?", frame("log", chunk="lost"))
        self.session.log(b"a", frame("log", chunk="one"))
        self.finish(b"a")
        self.assertEqual(self.kinds(), ["log", "report"])
        self.assertEqual(self.logs_left, 2)

    def test_logs_wait_for_a_connection(self):
        self.let_in()
        self.begin(b"a")
        self.session.broken("test", self.now)
        self.session.log(b"a", frame("log", chunk="one"))
        self.assertEqual((self.said(), self.logs_left), ([], 0))

    def test_an_event_is_said_until_it_is_answered(self):
        self.let_in()
        first, second, third = Future(), Future(), Future()
        self.session.publish("e", frame("publish", id="e"), first)
        self.session.publish("e", frame("publish", id="e"), second)
        self.session.publish("f", frame("publish", id="f"), third)
        self.assertEqual([m["id"] for m in self.said()], ["e", "f"])
        self.hear("error", about="publish", id="e", code="timeout")
        self.assertEqual([m["id"] for m in self.at(2)], ["e", "f"])
        self.hear("published", id="e", number=7)
        self.hear("published", id="e", number=8)
        self.assertEqual((first.result(0), second.result(0)), (7, 7))
        self.hear("error", about="publish", id="f", code="unauthorized", message="no")
        with self.assertRaisesRegex(Refused, "unauthorized: no"):
            third.result(0)
        self.assertEqual([m["type"] for m in self.at(9.9)], ["heartbeat"])

    def test_events_without_an_answer_hear_of_the_end(self):
        self.let_in()
        early, late = Future(), Future()
        self.session.publish("e", b"", early)
        self.session.end()
        self.session.publish("f", b"", late)
        for answer in (early, late):
            with self.assertRaises(ConnectionError):
                answer.result(0)

    # The end.

    def test_it_drains_and_says_goodbye(self):
        self.let_in()
        self.begin(b"a")
        self.session.stop(self.now)
        self.assertEqual(self.at(0), [{"type": "drain"}])
        self.job(b"b")
        self.assertEqual(self.at(1), [
            {"type": "report", "token": b"b", "outcome": "returned"}])
        self.assertEqual(self.session.orders(), [])
        report = self.finish(b"a")
        self.assertEqual(self.at(2), [report])
        self.hear("ack", token=b"a", verdict="accepted")
        self.assertFalse(self.session.over)
        self.hear("ack", token=b"b", verdict="stale")
        self.assertEqual(self.session.due(), 0)
        self.assertEqual(self.at(3), [{"type": "goodbye"}])
        self.assertEqual((self.session.over, self.session.left_behind), (True, 0))
        self.assertEqual(self.said(), [])

    def test_when_time_is_over_actions_are_stopped(self):
        self.let_in()
        self.begin(b"a")
        self.session.publish("e", frame("publish", id="e"), Future())
        self.session.stop(self.now)
        self.at(9.9)
        self.assertEqual(self.session.orders(), [])
        self.at(10)
        self.assertEqual(self.session.orders(), [("cancel", b"a")])
        self.job(b"b")
        self.assertEqual((self.at(10.4), self.session.over), ([], False))
        self.assertEqual(self.at(10.5), [{"type": "goodbye"}])
        self.assertEqual(self.session.left_behind, 1)

    def test_the_second_stop_does_not_wait(self):
        self.let_in()
        self.begin(b"a")
        self.session.stop(self.now)
        self.at(1)
        self.session.stop(self.now)
        self.at(1)
        self.assertEqual(self.session.orders(), [("cancel", b"a")])
        self.session.finished(b"a", b"not said")
        self.assertEqual(self.at(1.1), [{"type": "goodbye"}])

    def test_without_a_connection_there_is_nothing_to_say(self):
        self.session.stop(self.now)
        self.assertEqual((self.at(0), self.session.over), ([], True))

    def test_a_drain_of_the_engine(self):
        self.let_in()
        self.hear("drain")
        self.assertEqual(self.said(), [{"type": "ready", "concurrency": 0}])
        self.session.broken("test", self.now)
        self.session.orders()
        self.now += 1
        self.assertEqual(self.let_in()["concurrency"], 2)
        self.hear("drain", leave=True)
        self.assertEqual(self.at(2), [{"type": "goodbye"}])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    unittest.main()
