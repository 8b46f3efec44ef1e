#!/usr/bin/python3
"""Goal: a worker that holds nothing is let alone for eighteen heartbeats, is there all the
same, and costs no job anything if it died meanwhile.

Method: workers whose every word the test says, silent for longer than a lease."""
import json
import os
import sys
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import mobius_frames  # noqa: E402
import worker_frames  # noqa: E402
from engine import Engine, until  # noqa: E402

BEAT_MS, LEASE_MS = 1000, 3000
IDLE_MS = 18 * BEAT_MS
ONE = json.dumps({"name": "one", "steps": [
    {"key": "only", "kind": "action", "action_name": "work"}]})


class Idle(unittest.TestCase):
    def setUp(self):
        self.engine = Engine(lease_ms=LEASE_MS, heartbeat_ms=BEAT_MS)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.engine.apply(ONE)

    def session(self, instance):
        session = worker_frames.Session(self.engine, instance, actions=["work"])
        self.addCleanup(session.close)
        return session

    @staticmethod
    def connections(port):
        """To that port, that the gateway has not closed: which timer of the system each
        has, 02 that of TCP's own question."""
        local, listening, timers = f":{port:04X}", "0A", []
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table) as rows:
                for row in rows:
                    fields = row.split()
                    if fields[1].endswith(local) and fields[3] != listening:
                        timers.append(fields[5][:2])
        return timers

    def statuses(self):
        return [one["status"] for one in self.engine.get("/workers")["items"]]

    def test_01_a_zmq_worker_may_be_silent_for_longer_than_a_lease(self):
        session = self.session("quiet")
        session.say("register", v=1, key=self.engine.key, instance="quiet",
                    concurrency=1, actions=["work"], session=session.token)
        self.assertEqual(session.wait("registered")["idle_ms"], IDLE_MS)
        self.assertIsNone(session.hear(1.9 * LEASE_MS / 1000))
        self.assertEqual(self.statuses(), ["active"])
        session.beat()
        self.assertEqual(session.wait("heartbeat")["lost"], [])
        self.engine.start("one")
        self.assertEqual(session.wait("job")["attempt"], 1)

    def test_02_with_a_job_it_may_not(self):
        session = self.session("quiet")
        self.engine.start("one")
        session.wait("job")
        until(lambda: self.engine.counters("lease.0")["jobs_lost"] == 1, "it is lost")

    def test_03_a_grant_to_who_has_broken_off_goes_back_as_the_same_attempt(self):
        gone = self.session("gone")
        self.assertEqual(len(self.connections(self.engine.worker_port)), 1)
        gone.door.close()
        until(lambda: not self.connections(self.engine.worker_port),
              "its connection is closed")
        # Whoever hears another one has heard of that before.
        worker_frames.Session(self.engine, "poke", concurrency=0).close()
        self.engine.start("one")
        until(lambda: self.engine.counters("lease.0")["jobs_granted"] > 0, "granted")
        self.assertEqual(self.session("other").wait("job")["attempt"], 1)
        self.assertEqual(self.engine.counters("lease.0")["jobs_lost"], 0)

    def test_04_a_mobius_worker_without_a_job_is_let_alone(self):
        raw = mobius_frames.Raw(self.engine)
        self.addCleanup(raw.close)
        raw.register("mobius", actions=["work"])
        raw.say("jobs.claim", available_slots=1)
        self.assertIsNone(raw.hear(1.8 * LEASE_MS / 1000))
        self.assertIsNone(raw.closed)
        self.assertEqual(self.statuses(), ["active"])
        self.engine.start("one")
        self.assertEqual(len(raw.wait("jobs.claimed")["jobs"]), 1)

    def test_05_how_long_jobs_took_to_their_workers_is_counted(self):
        session = self.session("counted")
        self.engine.start("one")
        session.wait("job")
        seen = until(lambda: (now := self.engine.counters("gateway.0"))["dispatched"]
                     and now, "it is counted")
        self.assertEqual(seen["dispatched"], 1)
        self.assertGreater(seen["dispatch_us"], 0)
        within = seen["dispatch_us"] <= 100000
        self.assertEqual(seen["dispatched_100ms"], int(within))
        self.assertGreater(seen["dispatched_at_us"], seen["dispatch_us"])

    def test_06_tcp_asks_whether_the_host_of_a_silent_client_is_there(self):
        self.session("zmq")
        mobius = mobius_frames.Raw(self.engine)
        self.addCleanup(mobius.close)
        for port in (self.engine.worker_port, self.engine.http_port):
            until(lambda at=port: set(self.connections(at)) == {"02"},
                  lambda at=port: f"they will be asked: {self.connections(at)}", 20)

    def test_07_a_job_that_is_over_keeps_nobody_busy(self):
        """A worker lists what it holds until it has read the engine's word."""
        session = self.session("crossing")
        self.engine.start("one")
        token = session.wait("job")["token"]
        session.report(token)
        self.assertEqual(session.wait("ack")["verdict"], "accepted")
        session.beat(token)
        session.wait("heartbeat")
        self.engine.start("one")
        second = session.wait("job")["token"]
        session.report(second)
        session.wait("ack")
        heard = session.hear(1.8 * LEASE_MS / 1000)
        self.assertIn(heard and heard["type"], (None, "cancel"))
        self.assertEqual(self.statuses(), ["active"])
        self.engine.start("one")
        self.assertEqual(session.wait("job")["attempt"], 1)

    def test_08_a_zmq_worker_that_dies_without_a_job_is_soon_gone(self):
        """Long before its silence would tell."""
        gone = self.session("worker")
        stays = self.session("stays")
        gone.door.close()
        until(lambda: sorted(self.statuses()) == ["active", "disconnected"],
              "it is known", IDLE_MS / 1000)
        until(lambda: self.statuses() == ["active"], "it is forgotten")
        self.engine.start("one")
        self.assertEqual(stays.wait("job")["attempt"], 1)

    def test_09_one_that_dies_with_a_job_keeps_it_for_when_it_is_back(self):
        gone = self.session("worker")
        self.engine.start("one")
        job = gone.wait("job")["token"]
        gone.beat(job)
        gone.wait("heartbeat")
        gone.door.close()
        until(lambda: self.statuses() == ["disconnected"], "it is known")
        back = worker_frames.Session(self.engine, "worker", actions=["work"],
                                     session=gone.token, held=[job])
        self.addCleanup(back.close)
        back.report(job)
        self.assertEqual(back.wait("ack")["verdict"], "accepted")
        self.assertEqual(self.engine.counters("lease.0")["jobs_lost"], 0)

    def test_10_one_whose_jobs_are_short_is_there_by_its_reports(self):
        """It holds one whenever the gateway says who holds none, and never beats."""
        session = worker_frames.Session(self.engine, "busy", actions=["work"],
                                        concurrency=2)
        self.addCleanup(session.close)
        self.engine.start("one")
        held = session.wait("job")
        for _ in range(6):
            self.engine.start("one")
            following = session.wait("job")
            self.assertIsNone(session.hear(LEASE_MS / 4000))
            session.report(held["token"])
            session.wait("ack")
            held = following
        self.assertEqual(self.engine.counters("lease.0")["jobs_lost"], 0)
        self.assertEqual(self.statuses(), ["active"])


if __name__ == "__main__":
    unittest.main()
