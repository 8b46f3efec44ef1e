#!/usr/bin/python3
"""Goal: the clients of workflow-graph work as they are: the Python, TypeScript and Go
workers of its guide (worker.*, whose lines are the guide's and whose indentation was
lost there) and the worker of its Rust crate.
Method: an engine on port 3000, which two of them have written down, in a network of its
own where that may be had.  What is not there (a toolchain, a registry) is said in a line
that begins with SKIPPED, and in the last line.

Each journey is a row of docs/guides/from-workflow-graph.md; the last test compares.
"""
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../support")]
from clients import install, lacks, need, those_there  # noqa: E402
from engine import BUILD, SOURCE, Engine, until  # noqa: E402
from workflow_graph import Api, Tail, job  # noqa: E402

SUITE = "workflow_graph"
LABELS = {"python": "python", "node": "node", "go": "go", "rust": "rust"}


def alone():
    """Go on in a network in which port 3000 is free, if that is allowed."""
    if "CAPSTAN_INTEROP_ALONE" in os.environ or not shutil.which("unshare"):
        return
    begin = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--net",
                                                           "--map-root-user"]
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*begin, *inside, "true"], capture_output=True).returncode != 0:
        return
    os.environ["CAPSTAN_INTEROP_ALONE"] = "1"
    os.execvp(begin[0], [*begin, *inside, sys.executable, *sys.argv])


def beside(*names):
    return {name: os.path.join(HERE, name) for name in names}


def build_python():
    try:
        import requests  # noqa: F401
    except ImportError:
        lacks("python", "there is no module requests (Debian: python3-requests)")
        return None
    return [sys.executable, os.path.join(HERE, "worker.py")]


def build_node():
    folder = install("node", SUITE, beside("package.json", "package-lock.json",
                                           "worker.mts"),
                     "npm ci --silent --no-audit --no-fund && node_modules/.bin/esbuild "
                     "worker.mts --outfile=worker.mjs --log-level=warning")
    return folder and ["node", os.path.join(folder, "worker.mjs")]


def build_go():
    folder = install("go", SUITE, beside("worker.go"), "go build -o worker worker.go")
    return folder and [os.path.join(folder, "worker")]


def build_rust():
    files = {name: os.path.join(HERE, "sdk", name)
             for name in ("Cargo.toml", "Cargo.lock", "src/main.rs")}
    folder = install("rust", SUITE, files,
                     "cargo build --locked --quiet --target-dir target")
    return folder and [os.path.join(folder, "target/debug/interop")]


BUILDERS = {"python": build_python, "node": build_node, "go": build_go,
            "rust": build_rust}
commands = {}


def needs(*names):
    """The journey is skipped, and says so, where a client is missing."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            need(*names)
            test(self)
        return run
    return decorate


def each(test):
    """The journey with every client there is."""
    @functools.wraps(test)
    def run(self):
        for name in those_there(LABELS):
            with self.subTest(name):
                test(self, name)
    return run


class Journeys(unittest.TestCase):
    def engine(self, **settings):
        engine = Engine(http_port=3000, lease_ms=10000, heartbeat_ms=3000, **settings)
        engine.up()
        self.addCleanup(engine.close)
        self.api = Api(engine)
        return engine

    def client(self, engine, name, labels=None, **how):
        """A client at work; it is gone at the end of the test."""
        env = dict(os.environ, SERVER_URL=f"http://127.0.0.1:{engine.http_port}",
                   WORKER_LABELS=labels or LABELS[name], PYTHONUNBUFFERED="1")
        process = subprocess.Popen(commands[name], env=env, stdout=engine.log,
                                   stderr=engine.log, start_new_session=True, **how)

        def end():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.addCleanup(end)
        return process

    def do(self, *jobs):
        workflow = self.api.create(*jobs)
        self.api.run(workflow)
        return workflow

    def run_of(self, engine, workflow):
        return engine.get("/runs", automation=workflow)["items"][0]["id"]

    @each
    def test_a_worker_registers_and_does_jobs(self, name):
        engine = self.engine()
        self.client(engine, name)
        workflow = self.do(job("ok", "echo it is done", required_labels=[LABELS[name]]))
        self.api.wait(workflow, ok="success")
        self.assertIn([LABELS[name]], [w["labels"] for w in self.api.workers().values()])
        if name != "go":  # which sends no logs
            self.assertEqual("it is done\n", self.api.printed(workflow, "ok"))
        engine.close()

    @each
    def test_a_failing_command_fails_its_job_with_what_it_said(self, name):
        engine = self.engine()
        self.client(engine, name)
        workflow = self.do(job("bad", "echo no luck >&2; exit 7",
                               required_labels=[LABELS[name]]),
                           job("after", "true", ["bad"]))
        self.assertEqual({"bad": "failure", "after": "skipped"},
                         self.api.wait_over(workflow))
        said = self.api.status(workflow)["bad"]["output"]
        # The crate's worker does not always read what a command says last.
        self.assertIn({"node": "Command failed", "rust": "exit code 7"}.get(
            name, "no luck"), said)
        engine.close()

    @needs("python", "rust")
    def test_retries_are_as_many_as_the_job_says(self):
        engine = self.engine()
        self.client(engine, "python")
        self.client(engine, "rust")
        mark = os.path.join(engine.data, "tried")
        once = f"test -e {mark} || {{ touch {mark}; exit 1; }}"
        workflow = self.do(
            job("root", "true", required_labels=["rust"]),
            job("flaky", once, ["root"], max_retries=1, required_labels=["python"]),
            job("never", "exit 1", ["root"], max_retries=2, required_labels=["rust"]))
        self.assertEqual({"root": "success", "flaky": "success", "never": "failure"},
                         self.api.wait_over(workflow))
        self.assertEqual(2, self.api.status(workflow)["never"]["attempt"])

    @needs("python", "go")
    def test_labels_choose_the_worker_of_every_job(self):
        engine = self.engine()
        self.client(engine, "python")
        self.client(engine, "go")
        workflow = self.do(job("a", "true", required_labels=["python"]),
                           job("b", "true", ["a"], required_labels=["go"]),
                           job("c", "true", ["b"], required_labels=["python"]))
        self.assertEqual({"success"}, set(self.api.wait_over(workflow).values()))
        steps = engine.run(self.run_of(engine, workflow))["steps"]
        workers = [step["worker"] for step in steps]
        self.assertEqual(["py", "go", "py"], [worker[:2] for worker in workers])

    @needs("python", "rust")
    def test_outputs_of_lines_reach_all_jobs_behind(self):
        engine = self.engine()
        self.client(engine, "python")
        self.client(engine, "rust")
        workflow = self.do(
            job("a", "echo ::set-output v=1.2.3", required_labels=["rust"]),
            job("b", "echo ::set-output w=a=b", ["a"], required_labels=["python"]),
            job("c", "true", ["b"], required_labels=["mine"]))
        claimed, lease = self.api.claim("mine", "mine")
        self.assertEqual({"a": {"v": "1.2.3"}, "b": {"w": "a=b"}},
                         claimed["upstream_outputs"])
        self.assertEqual(200, self.api.complete(lease))
        self.assertEqual({"success"}, set(self.api.wait_over(workflow).values()))

    @needs("python", "go", "rust")
    def test_heartbeats_keep_a_job_longer_than_its_ttl(self):
        """Past the 30 s of the Rust worker; the others ask for 60 s and 10 s beats."""
        engine = self.engine()
        for name in ("python", "go", "rust"):
            self.client(engine, name)
        began = time.monotonic()
        workflow = self.do(*[job(name, "sleep 34", required_labels=[LABELS[name]])
                             for name in ("python", "go", "rust")])
        self.assertEqual({"success"}, set(self.api.wait_over(workflow, 90).values()))
        self.assertGreater(time.monotonic() - began, 33)
        self.assertEqual({0}, {j["attempt"] for j in self.api.status(workflow).values()})

    @needs("rust")
    def test_a_worker_that_is_killed_loses_its_job_to_another(self):
        engine = self.engine()
        first = self.client(engine, "rust")
        workflow = self.do(job("only", "echo begun; sleep 3", required_labels=["rust"]))
        until(lambda: "begun" in self.api.printed(workflow, "only"), "it has begun")
        os.killpg(first.pid, signal.SIGKILL)
        self.client(engine, "rust")
        self.api.wait(workflow, 90, only="success")
        self.assertEqual(1, self.api.status(workflow)["only"]["attempt"])

    @needs("rust")
    def test_a_worker_that_was_stopped_for_too_long_is_fenced(self):
        """Its lease of 30 s passes; what it says then counts for nothing."""
        engine = self.engine()
        first = self.client(engine, "rust")
        workflow = self.do(job("only", "echo begun; sleep 1", required_labels=["rust"]))
        until(lambda: "begun" in self.api.printed(workflow, "only"), "it has begun")
        os.kill(first.pid, signal.SIGSTOP)
        second = self.client(engine, "rust")
        self.api.wait(workflow, 90, only="success")
        events = len(engine.events(self.run_of(engine, workflow)))
        os.killpg(second.pid, signal.SIGKILL)
        os.kill(first.pid, signal.SIGCONT)
        # It has reported, and been told 409, when it has done another job.
        other = self.do(job("other", "true", required_labels=["rust"]))
        self.api.wait(other, other="success")
        self.assertEqual(1, self.api.status(workflow)["only"]["attempt"])
        self.assertEqual(events, len(engine.events(self.run_of(engine, workflow))))

    @needs("rust")
    def test_a_cancelled_job_is_killed_and_the_workflow_runs_again(self):
        engine = self.engine()
        self.client(engine, "rust")
        mark = os.path.join(engine.data, "second")
        workflow = self.do(job("a", f"test -e {mark} && exit 0; echo begun; sleep 100",
                               required_labels=["rust"], max_retries=2),
                           job("b", "true", ["a"]))
        until(lambda: "begun" in self.api.printed(workflow, "a"), "it has begun")
        self.api.cancel(workflow)
        self.assertEqual({"a": "cancelled", "b": "cancelled"},
                         self.api.statuses(workflow))
        until(lambda: self.api.workers() and all(
            w["current_job"] is None for w in self.api.workers().values()),
            "the worker is free")
        open(mark, "w").close()
        self.api.run(workflow)
        self.client(engine, "rust", "any")
        self.api.wait(workflow, 30, a="success", b="success")

    @needs("rust")
    def test_logs_arrive_while_the_job_runs(self):
        engine = self.engine()
        self.client(engine, "rust")
        gate = os.path.join(engine.data, "gate")
        workflow = self.do(job("only", f"echo one; echo two >&2; while ! test -e {gate};"
                               " do sleep 0.1; done; echo three",
                               required_labels=["rust"]))
        tail = Tail(self.api, workflow, "only")
        until(lambda: len(tail.chunks) == 2, lambda: tail.chunks)
        self.assertEqual({"stdout": "one\n", "stderr": "two\n"},
                         {chunk["stream"]: chunk["data"] for chunk in tail.chunks})
        open(gate, "w").close()
        until(lambda: tail.ended, "the stream ends with the job")
        self.assertIn("three\n", tail.text())
        self.assertEqual(tail.chunks, self.api.logs(workflow, "only"))

    @needs("rust", "go")
    def test_jobs_go_on_when_the_engine_is_killed_in_mid_job(self):
        """Python and TypeScript workers end with their connection, as they always did;
        these two come back, and what they do is not done twice."""
        engine = self.engine()
        self.client(engine, "rust")
        self.client(engine, "go")
        trace = os.path.join(engine.data, "trace")
        gate = os.path.join(engine.data, "gate")
        workflow = self.do(*[
            job(name, f"echo {name} >> {trace}; while ! test -e {gate}; do sleep 0.1;"
                " done; echo ::set-output v=1", required_labels=[name])
            for name in ("rust", "go")],
            job("sink", "true", ["rust", "go"], required_labels=["rust"]))
        self.api.wait(workflow, rust="running", go="running")

        def begun():
            with open(trace, "a+") as lines:
                lines.seek(0)
                return sorted(lines)
        until(lambda: len(begun()) == 2, "both have begun")
        engine.kill_all()
        engine.up()
        self.assertEqual("running", self.api.statuses(workflow)["rust"])
        open(gate, "w").close()
        self.assertEqual({"success"}, set(self.api.wait_over(workflow, 60).values()))
        self.assertEqual(["go\n", "rust\n"], begun())

    @needs("rust")
    def test_a_worker_that_could_not_reach_the_engine_goes_on(self):
        engine = self.engine()
        self.client(engine, "rust")
        workflow = self.do(job("only", "echo begun; sleep 4", required_labels=["rust"]))
        until(lambda: "begun" in self.api.printed(workflow, "only"), "it has begun")
        engine.wait_restarted("gateway.0", engine.kill("gateway.0"))
        self.api.wait(workflow, 60, only="success")
        self.assertEqual(0, self.api.status(workflow)["only"]["attempt"])

    @each
    def test_a_workflow_of_a_file_is_done(self, name):
        folder = os.path.join(BUILD, "tests/interop", SUITE, "files")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "ci.yml"), "w") as file:
            file.write("name: CI\non: push\nenv: {G: \"it's\"}\njobs:\n"
                       f"  lint: {{run: 'test \"$G\" = \"it''s\"', labels: [{name}]}}\n"
                       "  build:\n    needs: lint\n"
                       f"    labels: [{name}]\n    steps:\n"
                       "      - {name: one, run: X=1}\n"
                       "      - {run: test $X = 1}\n")
        engine = self.engine(workflows=folder)
        self.client(engine, name)
        until(lambda: self.api.ask("GET", "/api/workflows/ci/status")[0] == 200, "loaded")
        self.api.run("ci")
        self.assertEqual({"success"}, set(self.api.wait_over("ci").values()))
        engine.close()

    def test_three_thousand_parallel_jobs_and_a_sink_finish(self):
        engine = self.engine()
        roots = [f"j{i}" for i in range(3000)]
        workflow = self.do(*[job(name, "x") for name in roots], job("sink", "x", roots))

        def work(number):
            done = 0
            while True:
                claim = self.api.claim_once(f"w{number}")
                if claim is None:
                    return done
                lease = claim["lease"]["lease_id"]
                self.assertEqual(200, self.api.complete(lease))
                done += 1
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            done = sum(pool.map(work, range(8)))
        print(f"  3,001 jobs in {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.assertEqual(3001, done)
        self.assertEqual({"success"}, set(self.api.statuses(workflow).values()))


class Guide(unittest.TestCase):
    def test_the_guide_has_a_row_for_each_journey(self):
        with open(os.path.join(SOURCE, "docs/guides/from-workflow-graph.md")) as guide:
            named = set(re.findall(r"`(test_\w+)`", guide.read()))
        journeys = {name for name in dir(Journeys) if name.startswith("test_")}
        self.assertEqual(journeys, named)


def main():
    for name, build in BUILDERS.items():  # the registries are outside, see alone()
        commands[name] = build()
    sys.stdout.flush()
    alone()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 3000))
        except OSError:
            print("SKIPPED everything: port 3000 is in use, and no network of our own "
                  "can be had")
            sys.exit(77)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
