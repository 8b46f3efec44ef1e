#!/usr/bin/python3
"""Goal: a worker of any dialect does the job of any other, and the run's log does not
tell which: apart from ids and times it is the same.

Method: one job, an action `shell` whose output is {"x": "1"}, started by each door and
done by each kind of worker; all cells, with one kind of worker there at a time.
"""
import json
import os
import re
import sys
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402
import worker_frames  # noqa: E402
from engine import Engine, until  # noqa: E402
from workflow_graph import Api, job  # noqa: E402

COMMAND = "echo ::set-output x=1"
PARAMETERS = {"command": COMMAND, "upstream_outputs": {}}
OUTPUT = {"x": "1"}
STEP = {"key": "only", "kind": "action",
        "config": {"action_name": "shell", "parameters": PARAMETERS}}
LOG = ["run.started", "step.started", "action.called", "action.completed",
       "step.completed", "run.completed"]
# What says which run it is and by which door it came, and which worker did it.
OF_ITS_OWN = {"automation", "automation_id", "idempotency_key", "source", "session_id"}
ID = re.compile(r"(run|aut|loop|wsess|job|step)_[0-9a-z]{26}"
                r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


# ---- who does the job ----

class Stock:
    """bin/capstan worker, in C, over ZeroMQ; it runs the command."""

    def __init__(self, test):
        self.process = test.engine.worker("--actions", "shell", "--instance-id", "it")

    def do(self, parameters_seen):
        pass

    def leave(self):
        self.process.terminate()
        self.process.wait()


class Zmq:
    def __init__(self, test):
        self.session = worker_frames.Session(test.engine, "it", actions=["shell"])

    def do(self, parameters_seen):
        got = self.session.wait("job")
        parameters_seen.append(got["parameters"])
        self.session.report(got["token"], output=OUTPUT)
        self.session.wait("ack", verdict="accepted")

    def leave(self):
        self.session.say("goodbye")
        self.session.close()


class Mobius:
    def __init__(self, test):
        self.socket = mobius_frames.Raw(test.engine)
        self.socket.register("it", actions=["shell"])

    def do(self, parameters_seen):
        got = self.socket.claim_some()[0]
        parameters_seen.append(got["spec"]["parameters"])
        id = self.socket.report(got, result=OUTPUT)
        self.socket.wait("job.report.ack", message_id=id)

    def leave(self):
        self.socket.close()


class Iii:
    def __init__(self, test):
        self.worker = iii_frames.Worker(test.engine).function("shell").silence()

    def do(self, parameters_seen):
        call = self.worker.hear()
        call["data"].pop("_caller_worker_id", None)
        parameters_seen.append(call["data"])
        self.worker.answer(call, result=OUTPUT)

    def leave(self):
        self.worker.close()


class WorkflowGraph:
    def __init__(self, test):
        self.api = test.api
        self.api.register("it")

    def do(self, parameters_seen):
        got, lease = self.api.claim("it")
        parameters_seen.append({name: got[name] for name in PARAMETERS})
        if self.api.complete(lease, **OUTPUT) != 200:
            raise AssertionError("the report was not taken")

    def leave(self):
        pass


WORKERS = (Stock, Zmq, Mobius, Iii, WorkflowGraph)  # the last stays for a while


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.engine.up()
        cls.addClassCleanup(cls.engine.close)
        cls.api = Api(cls.engine)
        cls.engine.apply(json.dumps({"name": "native", "steps": [STEP]}))
        cls.loop = cls.engine.call("POST", mobius_frames.P + "/loops",
                                   {"name": "loop", "steps": [STEP]})["id"]
        cls.caller = iii_frames.Worker(cls.engine)
        cls.addClassCleanup(cls.caller.close)
        cls.logs = {}

    # ---- who starts it ----

    def start_native(self):
        return self.engine.start("native")["id"]

    def start_loop(self):
        path = f"{mobius_frames.P}/loops/{self.loop}/runs"
        return self.engine.call("POST", path, {})["id"]

    def start_workflow(self):
        workflow = self.api.create(job("only", COMMAND))
        self.api.run(workflow)
        return self.engine.get("/runs", automation=workflow)["items"][0]["id"]

    def start_function(self):
        answer = self.caller.call("capstan::runs::start", {"automation": "native"})
        return answer["result"]["run"]

    STARTS = (start_native, start_loop, start_workflow, start_function)

    # ---- what it left ----

    def log(self, run):
        """As the tool shows it, without what is its own."""
        lines = self.engine.tool("runs", "events", run, "--json").stdout.splitlines()
        events = [json.loads(line) for line in lines]
        for event in events:
            event.pop("at")
            event["payload"] = {name: value for name, value in event["payload"].items()
                                if name not in OF_ITS_OWN}
        self.assertIsNone(ID.search(json.dumps(events)), events)
        return events

    def cell(self, start, worker):
        seen = []
        run = start(self)
        worker.do(seen)
        final = self.engine.wait_final(run)
        self.assertEqual((final["status"], final["outputs"]),
                         ("completed", {"only": OUTPUT}))
        self.assertIn(seen, ([], [PARAMETERS]))
        return self.log(run)

    def gone(self):
        return not [row for row in self.engine.get("/workers")["items"]
                    if "shell" in row["actions"] and row["status"] == "active"]

    def test_every_worker_does_the_jobs_of_every_door(self):
        for kind in WORKERS:
            until(self.gone, f"nobody is there before {kind.__name__}")
            worker = kind(self)
            for start in self.STARTS:
                with self.subTest(job=start.__name__, worker=kind.__name__):
                    self.logs[start.__name__, kind.__name__] = self.cell(start, worker)
            worker.leave()
        self.assertEqual(len(self.logs), len(self.STARTS) * len(WORKERS))
        (_, first), *others = self.logs.items()
        self.assertEqual([event["event_type"] for event in first], LOG)
        for cell, log in others:
            with self.subTest(cell=cell):
                self.assertEqual(log, first)
        print(f"{len(self.logs)} cells, one log", flush=True)


if __name__ == "__main__":
    unittest.main()
