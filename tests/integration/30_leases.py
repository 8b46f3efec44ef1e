#!/usr/bin/python3
"""Goal: a lease belongs to one worker, as long as it is heard, over every restart.

Method: real processes; workers are stopped, killed and woken, and the lease actor, the
scheduler and the gateway are killed while a job is held.
"""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, until  # noqa: E402

NAP = """\
name: nap
steps:
  - { key: nap, kind: action, config: { action_name: sleep,
      parameters: { duration: 3s } } }
"""


class Leases(unittest.TestCase):
    def setUp(self):
        self.engine = Engine(lease_ms=2000, heartbeat_ms=400)
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.engine.apply(NAP)

    def held(self, run):
        return [worker for worker in self.engine.get("/workers")["items"]
                for job in worker["jobs"] if job["run"] == run]

    def start_and_wait_for_the_lease(self):
        run = self.engine.start("nap")["id"]
        until(lambda: self.held(run), "the worker holds the job")
        return run

    def types(self, run):
        return [event["event_type"] for event in self.engine.events(run)]

    def test_a_silent_workers_job_goes_to_another_and_its_late_result_changes_nothing(
            self):
        first = self.engine.worker("--instance-id", "first")
        run = self.start_and_wait_for_the_lease()
        first.send_signal(signal.SIGSTOP)
        self.engine.worker("--instance-id", "second")
        until(lambda: any(w["instance"] == "second" for w in self.held(run)),
              "the second worker holds the job")
        first.send_signal(signal.SIGCONT)
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        self.assertEqual(self.types(run).count("action.completed"), 1)
        self.assertEqual(self.types(run).count("action.failed"), 1)

    def survives(self, process):
        self.engine.worker()
        run = self.start_and_wait_for_the_lease()
        old = self.engine.kill(process)
        self.engine.wait_restarted(process, old)
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        self.assertEqual(
            self.types(run),
            ["run.started", "step.started", "action.called", "action.completed",
             "step.completed", "run.completed"])

    def test_a_restarted_lease_actor_loses_no_lease_that_is_held(self):
        self.survives("lease.0")

    def test_a_restarted_gateway_loses_no_lease_that_is_held(self):
        self.survives("gateway.0")

    def test_a_restarted_scheduler_loses_no_lease_that_is_held(self):
        self.survives("scheduler.0")

    def test_a_restarted_view_and_registry_change_nothing(self):
        self.survives("view.0")
        self.survives("registry.0")

    def test_a_worker_that_is_told_to_end_finishes_its_job(self):
        worker = self.engine.worker()
        run = self.start_and_wait_for_the_lease()
        worker.terminate()
        self.assertEqual(worker.wait(30), 0)
        self.assertEqual(self.engine.run(run)["status"], "completed")

    def test_a_cancelled_run_stops_its_job(self):
        self.engine.worker()
        run = self.start_and_wait_for_the_lease()
        self.engine.call("POST", f"/capstan/v1/runs/{run}/cancel", {})
        until(lambda: not self.held(run), "the worker let go", 2)
        self.assertEqual(self.engine.run(run)["status"], "cancelled")


if __name__ == "__main__":
    unittest.main()
