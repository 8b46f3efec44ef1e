#!/usr/bin/python3
"""Goal: the API of workflow-graph is there, with the statuses, bodies and rules that its
clients know, and without its bugs.
Method: an engine of its own, asked over HTTP without a key; workers are this test."""
import concurrent.futures
import http.client
import json
import os
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

from engine import Engine, until  # noqa: E402
from iii_frames import Worker  # noqa: E402
from projects import make_key  # noqa: E402
from workflow_graph import Api, Tail, job  # noqa: E402


class Dialect(unittest.TestCase):
    """One engine for all."""

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine(heartbeat_ms=500)  # an idle claim is answered after six
        cls.engine.up()
        cls.api = Api(cls.engine)

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()

    def test_a_workflow_is_shown_with_all_keys_in_order(self):
        created = self.api.must("POST", "/api/workflows", {
            "name": "W", "trigger": "on: [push, manual]", "more": 1, "jobs": [
                job("a b", "docker inspect -f '{{.Id}}' x", metadata={"icon": "box"},
                    ports=[{"id": "p", "label": "P", "direction": "input"}]),
                job("c", needs=["a b"], required_labels=["linux"], max_retries=2)]})
        self.assertEqual(["id", "name", "trigger", "jobs"], list(created))
        self.assertEqual("on: [push, manual]", created["trigger"])
        first, second = created["jobs"]
        self.assertEqual(
            ["id", "name", "status", "command", "duration_secs", "started_at",
             "depends_on", "output", "required_labels", "max_retries", "attempt",
             "metadata", "ports", "children", "collapsed"], list(first))
        self.assertEqual("docker inspect -f '{{.Id}}' x", first["command"])
        self.assertEqual({"icon": "box"}, first["metadata"])
        self.assertEqual("P", first["ports"][0]["label"])
        self.assertEqual(["a b"], second["depends_on"])
        self.assertEqual(["linux"], second["required_labels"])
        self.assertEqual(2, second["max_retries"])
        self.assertEqual(created,
                         self.api.must("GET", f"/api/workflows/{created['id']}/status"))
        listed = self.api.must("GET", "/api/workflows?limit=1000&what=ever")
        self.assertIn(created, listed)

    def test_lists_have_limit_offset_and_status(self):
        for _ in range(3):
            self.api.create(job("only"))
        every = self.api.must("GET", "/api/workflows")
        self.assertEqual(every[1:3], self.api.must("GET", "/api/workflows?limit=2&offset=1"))
        self.assertEqual([], self.api.must("GET", "/api/workflows?status=odd"))
        self.assertEqual(every, self.api.must("GET", "/api/workflows"))
        status, text = self.api.ask("GET", "/api/workflows?limit=x")
        self.assertEqual(400, status)
        self.assertIn("limit", text)

    def test_what_is_wrong_is_answered_as_its_clients_know(self):
        ask = self.api.ask
        self.assertEqual((404, ""), ask("GET", "/api/workflows/nope/status"))
        self.assertEqual((404, ""), ask("POST", "/api/workflows/nope/run"))
        self.assertEqual((404, ""), ask("POST", "/api/workflows/nope/cancel"))
        self.assertEqual((404, ""), ask("POST", "/api/workers/nope/heartbeat"))
        self.assertEqual((405, ""), ask("PUT", "/api/workflows"))
        self.assertEqual((409, ""), ask("POST", "/api/jobs/nope/heartbeat"))
        self.assertEqual(409, self.api.complete("nope"))
        self.assertEqual(409, self.api.fail("nope", "x"))
        self.assertEqual(200, self.api.say("nope", "x"))
        self.assertEqual([], self.api.logs("nope", "x"))
        self.assertEqual((200, False), ask("GET", "/api/jobs/nope/x/cancelled"))
        status, text = ask("POST", "/api/workers/register", {"worker_id": "w"})
        self.assertEqual((422, True), (status, "missing field `labels`" in text), text)
        for path in ("/api/workers/register", "/api/jobs/claim"):
            status, text = ask("POST", path, {"worker_id": "w", "labels": ["l" * 20000]})
            self.assertEqual((422, True), (status, "labels" in text), text)
        self.assertEqual(422, ask("POST", "/api/jobs/x/complete", {"outputs": {"a": 1}})[0])
        self.assertEqual(422, ask("POST", "/api/jobs/claim", {
            "worker_id": "w", "labels": [], "lease_ttl_secs": None})[0])
        self.assertEqual(400, ask("POST", "/api/workers/register", "{",
                                  {"Content-Type": "application/json"})[0])
        self.assertEqual(400, ask("POST", "/api/workers/register", "",
                                  {"Content-Type": "application/json"})[0])
        self.assertEqual(415, ask("POST", "/api/workers/register", "{}",
                                  {"Content-Type": "text/plain"})[0])
        for jobs in ([job("a", needs=["a"])], [job("a", needs=["b"])], [job("a"), job("a")],
                     [{"id": "a"}], ["a"], [job("a", ports=["p"])],
                     [job("a", children=[1])]):
            status, text = ask("POST", "/api/workflows",
                               {"name": "x", "trigger": "", "jobs": jobs})
            self.assertEqual(422, status, (jobs, text))
            self.assertTrue(text)

    def test_words_that_are_none_are_refused(self):
        for more, word in (({"status": "done"}, "cancelled"), ({"status": ""}, "queued"),
                           ({"ports": [{"direction": "up"}]}, "output"),
                           ({"children": [{"status": "done"}]}, "cancelled"),
                           ({"children": [{"children": [{"status": "x"}]}]}, "queued")):
            status, text = self.api.ask("POST", "/api/workflows", {
                "name": "x", "trigger": "", "jobs": [{**job("a"), **more}]})
            self.assertEqual((422, True), (status, word in text), (more, text))
        self.api.create(job("a", status="success", children=[job("b", status="failure")],
                            ports=[{"id": "p", "direction": "output"}, {"id": "q"}]))

    def test_pages_of_other_sites_may_ask_but_need_a_key(self):
        status, _ = self.api.ask("OPTIONS", "/api/workflows", headers={
            "Origin": "http://example.com", "Access-Control-Request-Method": "POST"})
        self.assertEqual(200, status)
        self.assertEqual("*", self.api.headers["Access-Control-Allow-Origin"])
        origin = {"Origin": "http://example.com"}
        self.assertEqual(401, self.api.ask("GET", "/api/workflows", headers=origin)[0])
        self.assertEqual("*", self.api.headers["Access-Control-Allow-Origin"])
        here = {"Origin": "http://localhost:8080"}
        self.assertEqual(200, self.api.ask("GET", "/api/workflows", headers=here)[0])

    def test_who_comes_through_a_proxy_that_says_so_needs_a_key(self):
        for name in ("Forwarded", "Via", "X-Forwarded-For", "x-real-ip"):
            through = {name: "203.0.113.7"}
            self.assertEqual(401, self.api.ask("GET", "/api/workflows", headers=through)[0])
            through["Authorization"] = "Bearer " + self.engine.key
            self.assertEqual(200, self.api.ask("GET", "/api/workflows", headers=through)[0])
        self.assertEqual(200, self.api.ask("GET", "/api/workflows", headers={
            "X-Forwarded": "203.0.113.7"})[0])

    def test_bodies_that_are_not_looked_at_may_be_anything(self):
        workflow = self.api.create(job("only"))
        for headers, body in (({}, None), ({"Content-Type": "application/json"}, ""),
                              ({"Content-Type": "text/plain"}, "odd")):
            status, _ = self.api.ask("POST", f"/api/workflows/{workflow}/run", body,
                                     headers)
            self.assertEqual(202, status)
        self.assertEqual({"only": "queued"}, self.api.statuses(workflow))
        self.api.cancel(workflow)
        self.assertEqual({"only": "cancelled"}, self.api.statuses(workflow))

    def test_a_claim_has_all_keys(self):
        workflow = self.api.create(job("only", "echo {{x}}", required_labels=["keys"]))
        self.api.run(workflow)
        claim = until(lambda: self.api.claim_once("w-keys", "keys", ttl=45), "a claim")
        self.assertLessEqual(
            {"job_id", "workflow_id", "command", "required_labels", "retry_policy",
             "attempt", "upstream_outputs", "enqueued_at_ms", "delayed_until_ms"},
            set(claim["job"]))
        self.assertEqual({"lease_id", "job_id", "workflow_id", "worker_id", "ttl_secs",
                          "granted_at_ms"}, set(claim["lease"]))
        self.assertEqual("echo {{x}}", claim["job"]["command"])
        self.assertEqual(["keys"], claim["job"]["required_labels"])
        self.assertEqual({"max_retries": 0, "backoff": "None"},
                         claim["job"]["retry_policy"])
        self.assertEqual(45, claim["lease"]["ttl_secs"])
        self.assertEqual("w-keys", claim["lease"]["worker_id"])
        self.assertEqual(200, self.api.complete(claim["lease"]["lease_id"]))

    def test_an_idle_claim_is_null_and_a_job_ends_the_wait_at_once(self):
        began = time.monotonic()
        self.assertIsNone(self.api.claim_once("w-idle", "idle"))
        self.assertGreaterEqual(time.monotonic() - began, 3)
        workflow = self.api.create(job("only", required_labels=["wait"]))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            claim = pool.submit(self.api.claim_once, "w-wait", "wait")
            until(lambda: "w-wait" in self.api.workers(), "the claim is open")
            self.api.run(workflow)
        self.assertEqual(200, self.api.complete(claim.result()["lease"]["lease_id"]))

    def test_a_lease_ends_once(self):
        workflow = self.api.create(job("only", required_labels=["once"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-once", "once")
        self.api.wait(workflow, only="running")
        self.assertEqual(200, self.api.heartbeat(lease))
        self.assertEqual(200, self.api.complete(lease))
        self.assertEqual(409, self.api.complete(lease))
        self.assertEqual(409, self.api.fail(lease, "late"))
        self.assertEqual(409, self.api.heartbeat(lease))
        self.api.wait(workflow, only="success")
        shown = self.api.status(workflow)["only"]
        self.assertIsNone(shown["output"])
        self.assertIsInstance(shown["duration_secs"], int)
        self.assertGreater(shown["started_at"], 1.7e12)

    def test_a_lease_that_nobody_heartbeats_is_lost_though_its_worker_polls(self):
        workflow = self.api.create(job("only", required_labels=["ttl"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-ttl", "ttl", ttl=1)
        again, second = self.api.claim("w-ttl", "ttl", ttl=30)
        self.assertEqual("only", again["job_id"])
        self.assertEqual(1, again["attempt"])
        self.assertEqual(409, self.api.heartbeat(lease))
        self.assertEqual(409, self.api.complete(lease))
        self.assertEqual(200, self.api.complete(second))
        self.api.wait(workflow, only="success")

    def test_heartbeats_keep_a_lease_for_the_ttl_that_was_asked_for(self):
        workflow = self.api.create(job("only", required_labels=["kept"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-kept", "kept", ttl=2)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            self.assertEqual(200, self.api.heartbeat(lease))
        self.assertEqual(200, self.api.complete(lease))

    def test_labels_are_a_subset_on_every_job(self):
        workflow = self.api.create(
            job("root", required_labels=["l1"]),
            job("next", needs=["root"], required_labels=["l1", "l2"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-l1", "l1", "other")
        self.api.complete(lease)
        self.assertIsNone(self.api.claim_once("w-l1", "l1", "other"))
        claimed, lease = self.api.claim("w-l2", "l2", "l1")
        self.assertEqual("next", claimed["job_id"])
        self.assertEqual(200, self.api.complete(lease))
        self.assertEqual({"success"}, set(self.api.wait_over(workflow).values()))

    def test_retries_count_on_every_job_and_then_dependants_are_skipped(self):
        workflow = self.api.create(
            job("root", required_labels=["re"]),
            job("next", needs=["root"], required_labels=["re"], max_retries=1),
            job("last", needs=["next"], required_labels=["re"]),
            job("beside", required_labels=["re"]))
        self.api.run(workflow)
        attempts = []
        for _ in range(4):
            claimed, lease = self.api.claim("w-re", "re")
            if claimed["job_id"] == "next":
                attempts.append(claimed["attempt"])
                self.assertEqual(200, self.api.fail(lease, f"no {claimed['attempt']}"))
            else:
                self.assertEqual(200, self.api.complete(lease))
        self.assertEqual([0, 1], attempts)
        self.assertEqual({"root": "success", "next": "failure", "last": "skipped",
                          "beside": "success"}, self.api.wait_over(workflow))
        shown = self.api.status(workflow)["next"]
        self.assertEqual(("no 1", 1), (shown["output"], shown["attempt"]))

    def test_what_is_not_retryable_is_not_retried(self):
        workflow = self.api.create(job("only", required_labels=["nr"], max_retries=3))
        self.api.run(workflow)
        _, lease = self.api.claim("w-nr", "nr")
        self.assertEqual(200, self.api.fail(lease, "bad config", retryable=False))
        self.api.wait(workflow, only="failure")
        self.assertEqual("bad config", self.api.status(workflow)["only"]["output"])
        run, = self.engine.get("/runs", automation=workflow)["items"]
        failed, = [event["payload"] for event in self.engine.events(run["id"])
                   if event["event_type"] == "action.failed"]
        self.assertEqual(("failed", "ActionError", 1),
                         (run["status"], failed["error_type"], failed["attempt"]))

    def test_outputs_reach_all_jobs_behind_as_texts(self):
        workflow = self.api.create(
            job("a", required_labels=["out"]), job("b", needs=["a"], required_labels=["out"]),
            job("c d", needs=["b"], required_labels=["out"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-out", "out")
        self.api.say(lease, "x\n::set-out", "put v=1\n::set-output w=a=b\r\n")
        self.api.say(lease, "::set-output never=1\n", stream="stderr")
        self.api.say(lease, "::set-output v=2")
        self.api.complete(lease)
        claimed, lease = self.api.claim("w-out", "out")
        self.assertEqual({"a": {"v": "2", "w": "a=b"}}, claimed["upstream_outputs"])
        self.api.say(lease, "::set-output mine=printed\n")
        self.api.complete(lease, mine="said")
        claimed, lease = self.api.claim("w-out", "out")
        self.assertEqual({"a": {"v": "2", "w": "a=b"}, "b": {"mine": "said"}},
                         claimed["upstream_outputs"])
        self.assertEqual("c d", claimed["job_id"])
        self.assertEqual(200, self.api.complete(lease))

    def test_a_cancelled_run_is_over_for_good_and_can_be_run_again(self):
        workflow = self.api.create(job("a", required_labels=["can"], max_retries=3),
                                   job("b", needs=["a"], required_labels=["can"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-can", "can")
        self.assertFalse(self.api.cancelled(workflow, "a"))
        self.api.cancel(workflow)
        self.assertEqual({"a": "cancelled", "b": "cancelled"}, self.api.statuses(workflow))
        until(lambda: self.api.cancelled(workflow, "a"), "its worker can see it")
        self.assertEqual(409, self.api.heartbeat(lease))
        self.assertEqual(409, self.api.fail(lease, "cancelled"))
        self.assertEqual({"a": "cancelled", "b": "cancelled"}, self.api.statuses(workflow))
        self.api.run(workflow)
        claimed, lease = self.api.claim("w-can", "can")
        self.assertEqual("a", claimed["job_id"])
        self.assertFalse(self.api.cancelled(workflow, "a"))
        self.assertEqual(200, self.api.complete(lease))
        _, lease = self.api.claim("w-can", "can")
        self.assertEqual(200, self.api.complete(lease))
        self.assertEqual({"success"}, set(self.api.wait_over(workflow).values()))
        runs = self.engine.get("/runs", automation=workflow)["items"]
        self.assertEqual(["completed", "cancelled"], [run["status"] for run in runs])

    def test_running_twice_starts_one_run(self):
        workflow = self.api.create(job("only", required_labels=["twice"]))
        self.api.run(workflow)
        self.api.run(workflow)
        _, lease = self.api.claim("w-twice", "twice")
        self.assertIsNone(self.api.claim_once("w-twice", "twice"))
        self.assertEqual(200, self.api.complete(lease))
        self.api.wait(workflow, only="success")
        self.assertEqual(1, len(self.engine.get("/runs", automation=workflow)["items"]))

    def test_logs_are_listed_and_streamed_until_the_job_is_over(self):
        workflow = self.api.create(job("only", required_labels=["log"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-log", "log")
        self.assertEqual(200, self.api.say(lease, "one\n", "two\n"))
        tail = Tail(self.api, workflow, "only")
        until(lambda: tail.text() == "one\ntwo\n", lambda: tail.chunks)
        self.assertEqual(200, self.api.say(lease, "three\n", stream="stderr"))
        until(lambda: len(tail.chunks) == 3, lambda: tail.chunks)
        self.assertFalse(tail.ended)
        self.assertEqual(200, self.api.complete(lease))
        until(lambda: tail.ended, "the stream ends")
        self.assertEqual([0, 1, 2], [chunk["sequence"] for chunk in tail.chunks])
        self.assertEqual(tail.chunks, self.api.logs(workflow, "only"))
        self.assertEqual("stderr", tail.chunks[2]["stream"])
        again = Tail(self.api, workflow, "only", last=tail.ids[1])
        until(lambda: again.ended, "it ends again")
        self.assertEqual(["three\n"], [chunk["data"] for chunk in again.chunks])
        nothing = Tail(self.api, workflow, "only", last=tail.ids[2])
        until(lambda: nothing.ended, "who has all is told to stay away")
        self.assertEqual(204, nothing.status)
        self.api.run(workflow)
        _, lease = self.api.claim("w-log", "log")
        self.assertEqual(200, self.api.say(lease, "one again\n"))
        self.assertEqual(200, self.api.complete(lease))
        later = Tail(self.api, workflow, "only", last=tail.ids[2])
        until(lambda: later.ended, "the next run's ends")
        self.assertEqual("one again\n", later.text())

    def test_a_stream_may_begin_before_the_run_and_be_left(self):
        workflow = self.api.create(job("only", required_labels=["early"]))
        tails = [Tail(self.api, workflow, "only") for _ in range(20)]
        until(lambda: all(tail.status == 200 for tail in tails), "they have begun")
        for tail in tails[1:]:
            tail.leave()
        self.api.run(workflow)
        _, lease = self.api.claim("w-early", "early")
        self.api.say(lease, "hello\n")
        self.api.complete(lease)
        until(lambda: tails[0].ended, "it ends")
        self.assertEqual("hello\n", tails[0].text())

    def test_a_stream_outlives_a_view_that_does_not_answer(self):
        with Engine(request_ms=200) as engine:
            api = Api(engine)
            workflow = api.create(job("only", required_labels=["still"]))
            tail = Tail(api, workflow, "only")
            until(lambda: tail.status == 200, "it has begun, and there is no run yet")
            gateway, end = engine.pid("gateway.0"), time.monotonic() + 3
            view = engine.kill("view.0", signal.SIGSTOP)
            # The stream asks once a second, and has been told so too by then.
            until(lambda: api.ask("GET", f"/api/workflows/{workflow}/status")[0] == 504
                  and time.monotonic() > end, "the view does not answer")
            os.kill(view, signal.SIGCONT)
            self.assertEqual(engine.pid("gateway.0"), gateway)
            api.run(workflow)
            _, lease = api.claim("w-still", "still")
            api.say(lease, "hello\n")
            api.complete(lease)
            until(lambda: tail.ended, "it ends")
            self.assertEqual("hello\n", tail.text())

    def test_a_log_of_megabytes_is_taken(self):
        workflow = self.api.create(job("only", required_labels=["big"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-big", "big")
        # A piece of 64 KiB would end within a letter.
        text = "abc" + "0123456789abcdé\n" * 200000
        self.assertEqual(200, self.api.say(lease, text + "::set-output end=here\n"))
        self.assertEqual(200, self.api.complete(lease))
        self.api.wait(workflow, only="success")
        printed = self.api.printed(workflow, "only")
        self.assertGreater(len(printed), 100000)
        self.assertTrue(text.startswith(printed[:100000]))
        run = self.engine.get("/runs", automation=workflow)["items"][0]["id"]
        self.assertEqual({"end": "here"}, self.engine.run(run)["output"])

    def test_workers_are_listed_as_they_are(self):
        workflow = self.api.create(job("only", required_labels=["list"]))
        self.api.register("w-list", "list", "more")
        self.assertEqual(200, self.api.ask("POST", "/api/workers/w-list/heartbeat")[0])
        shown = self.api.workers()["w-list"]
        self.assertEqual(("idle", None, ["list", "more"]),
                         (shown["status"], shown["current_job"], shown["labels"]))
        self.api.run(workflow)
        _, lease = self.api.claim("w-list", "list", "more")
        shown = self.api.workers()["w-list"]
        self.assertEqual(("busy", "only"), (shown["status"], shown["current_job"]))
        self.api.register("w-list", "list", "more")
        self.assertEqual(200, self.api.heartbeat(lease))
        self.assertEqual(200, self.api.complete(lease))
        self.assertEqual("idle", self.api.workers()["w-list"]["status"])
        until(lambda: self.api.workers().get("w-list", {}).get("status") == "offline",
              "a silent worker is offline", 30)

    def test_a_job_of_the_same_name_in_another_project_is_another_job(self):
        key = make_key(self.engine, "other")
        theirs = {"Authorization": f"Bearer {key}"}
        text = json.dumps({"name": "shared", "steps": [
            {"key": "job", "kind": "action", "action": "shell", "timeout": "1s",
             "parameters": {"command": "true"},
             "retry": {"max_attempts": 2, "delay": "10m"}}]})
        kind = {"Content-Type": "application/json"}
        for headers in ({}, theirs):
            self.engine.call("POST", "/capstan/v1/automations", text, {**kind, **headers})
            self.assertEqual(202, self.api.ask(
                "POST", "/api/workflows/shared/run", headers=headers)[0])
            claim = {"worker_id": "w-shared", "labels": []}

            def claimed():
                given = self.api.ask("POST", "/api/jobs/claim", claim, headers)[1]
                return given and given["lease"]["workflow_id"] == "shared"
            until(claimed, "the job is claimed")
        for headers in ({}, theirs):
            until(lambda: self.api.ask("GET", "/api/jobs/shared/job/cancelled",
                                       headers=headers)[1], "its time is over", 10)

    def test_a_worker_may_change_its_key_in_mid_job(self):
        made = [json.loads(self.engine.tool("keys", "create", "k", "--scopes", "work",
                                            "--json").stdout) for _ in range(2)]
        first, second = ({"Authorization": f"Bearer {key['key']}"} for key in made)
        workflow = self.api.create(job("only", required_labels=["key"]))
        self.api.run(workflow)
        claim = {"worker_id": "w-key", "labels": ["key"]}
        lease = until(lambda: self.api.ask("POST", "/api/jobs/claim", claim, first)[1],
                      "it is claimed")["lease"]["lease_id"]
        said = f"/api/jobs/{lease}/"
        self.assertEqual(200, self.api.ask("POST", said + "heartbeat", headers=second)[0])
        self.engine.tool("keys", "revoke", made[0]["id"])
        until(lambda: self.api.ask("GET", "/api/jobs/x/y/cancelled", headers=first)[0]
              == 401, "the first key is refused")
        self.assertEqual(200, self.api.ask("POST", said + "complete", {}, second)[0])
        self.api.wait(workflow, only="success")

    def test_the_sample_can_be_loaded_and_loaded_again(self):
        first = self.api.must("POST", "/api/workflows/sample")
        self.assertEqual(("ci-1", 8), (first["id"], len(first["jobs"])))
        self.assertEqual(["unit-tests", "lint", "typecheck"],
                         first["jobs"][3]["depends_on"])
        self.api.run("ci-1")
        self.api.cancel("ci-1")
        self.assertEqual({"cancelled"}, set(self.api.statuses("ci-1").values()))
        self.api.must("POST", "/api/workflows/sample")
        self.assertEqual({"queued"}, set(self.api.statuses("ci-1").values()))


class Lives(unittest.TestCase):
    """Processes are killed in mid-job."""

    def test_a_lease_outlives_every_process(self):
        with Engine(lease_ms=10000, heartbeat_ms=3000) as engine:
            api = Api(engine)
            workflow = api.create(job("a", required_labels=["x"]),
                                  job("b", needs=["a"], required_labels=["x"]))
            api.run(workflow)
            _, lease = api.claim("w", "x", ttl=60)
            api.wait(workflow, a="running")
            api.say(lease, "::set-output u=0\n::set-output v=0\n::set-output w=0\n")
            until(lambda: api.logs(workflow, "a"), "it is in the log")
            engine.kill_all()
            engine.up()
            self.assertEqual(200, api.heartbeat(lease))
            self.assertEqual({"a": "running", "b": "queued"}, api.statuses(workflow))
            self.assertEqual(200, api.say(lease, "::set-output v=1\n"))
            self.assertEqual(200, api.complete(lease))
            self.assertEqual(409, api.heartbeat(lease))
            claimed, lease = api.claim("w", "x")
            self.assertEqual({"a": {"u": "0", "v": "1", "w": "0"}},
                             claimed["upstream_outputs"])
            self.assertEqual(0, claimed["attempt"])
            self.assertEqual(200, api.complete(lease))
            self.assertEqual({"success"}, set(api.wait_over(workflow).values()))

    def test_all_leases_of_a_worker_outlive_the_gateway(self):
        for names in (["gateway.0"], None):
            with self.subTest(names), \
                    Engine(lease_ms=10000, heartbeat_ms=3000) as engine, \
                    concurrent.futures.ThreadPoolExecutor() as pool:
                api = Api(engine)
                workflow = api.create(*(job(name) for name in "abcd"))
                api.run(workflow)
                leases = [api.claim("w", ttl=60)[1] for _ in range(3)]
                for name in names or []:
                    engine.wait_restarted(name, engine.kill(name))
                if names is None:
                    engine.kill_all()
                    engine.up()
                first = pool.submit(api.claim, "w", ttl=60)
                known = [pool.submit(api.heartbeat, lease) for lease in leases]
                self.assertEqual([200] * 3, [each.result() for each in known])
                for lease in (*leases, first.result()[1]):
                    self.assertEqual(200, api.complete(lease))
                self.assertEqual({"success"}, set(api.wait_over(workflow).values()))
                self.assertEqual([409] * 3, [api.heartbeat(each) for each in leases])

    def test_what_was_printed_before_a_restart_waits_for_the_view(self):
        with Engine(lease_ms=10000, heartbeat_ms=3000, request_ms=300) as engine, \
                concurrent.futures.ThreadPoolExecutor() as pool:
            api = Api(engine)
            workflow = api.create(job("a"), job("b", needs=["a"]))
            api.run(workflow)
            _, lease = api.claim("w", ttl=60)
            api.say(lease, "::set-output v=1\n")
            until(lambda: api.logs(workflow, "a"), "it is in the log")
            engine.wait_restarted("gateway.0", engine.kill("gateway.0"))
            until(lambda: api.heartbeat(lease) == 200, "the lease is known again")
            view, end = engine.kill("view.0", signal.SIGSTOP), time.monotonic() + 1
            done = pool.submit(api.complete, lease)
            until(lambda: done.done() or time.monotonic() > end, "it was asked in vain")
            os.kill(view, signal.SIGCONT)
            self.assertEqual(200, done.result())
            claimed, _ = api.claim("w")
            self.assertEqual({"a": {"v": "1"}}, claimed["upstream_outputs"])

    def test_a_report_is_the_first_word_after_a_restart(self):
        for name in ("gateway.0", "lease.0", "scheduler.0"):
            with self.subTest(name), Engine(lease_ms=10000, heartbeat_ms=3000) as engine:
                api = Api(engine)
                workflow = api.create(job("only", required_labels=["x"]))
                api.run(workflow)
                _, lease = api.claim("w", "x", ttl=60)
                api.wait(workflow, only="running")
                engine.wait_restarted(name, engine.kill(name))
                until(lambda: api.complete(lease) == 200, "it is taken")
                api.wait(workflow, only="success")
                self.assertEqual(0, api.status(workflow)["only"]["attempt"])

    def test_who_leaves_a_poll_gets_no_job(self):
        with Engine() as engine:
            api = Api(engine)
            workflow = api.create(job("only"))
            gone = http.client.HTTPConnection("127.0.0.1", engine.http_port)
            gone.request("POST", "/api/jobs/claim", '{"worker_id": "gone", "labels": []}',
                         {"Content-Type": "application/json"})
            until(lambda: "gone" in api.workers(), "it is there")
            gone.close()
            api.run(workflow)
            began = time.monotonic()
            _, lease = api.claim("here")
            self.assertLess(time.monotonic() - began, 15)
            self.assertEqual(200, api.complete(lease))


    def test_who_found_no_room_takes_none_from_others(self):
        with Engine(sessions_max=1, heartbeat_ms=300) as engine:
            api = Api(engine)
            other = Worker(engine).function("f")
            until(api.workers, "another worker is there")

            def claim(worker):
                return api.ask("POST", "/api/jobs/claim",
                               {"worker_id": worker, "labels": []})[0]
            self.assertEqual([429] * 3, [claim(f"w{n}") for n in range(3)])
            other.close()
            until(lambda: claim("w9") == 200, "there is room again")


class Shell(unittest.TestCase):
    """The stock worker does the jobs of workflows, where it is told to."""

    def test_commands_run_print_give_outputs_fail_and_are_killed(self):
        with Engine() as engine:
            api = Api(engine)
            engine.worker("--actions", "shell", "--labels", "docker,linux")
            workflow = api.create(
                job("a", "printf 'one\\nhalf '; echo ::set-output v=1 >&2; echo;"
                         " echo '::set-output w=2'", required_labels=["linux"]),
                job("b", "echo gone; echo why >&2; echo this >&2; exit 3", ["a"]),
                job("c", "true", ["b"]), job("d", "kill -9 $$", ["a"]))
            api.run(workflow)
            self.assertEqual({"a": "success", "b": "failure", "c": "skipped",
                              "d": "failure"}, api.wait_over(workflow))
            shown = api.status(workflow)
            self.assertEqual("this", shown["b"]["output"])
            self.assertEqual("killed by signal 9", shown["d"]["output"])
            self.assertEqual("one\nhalf \n::set-output w=2\n", "".join(
                chunk["data"] for chunk in api.logs(workflow, "a")
                if chunk["stream"] == "stdout"))
            run = engine.get("/runs", automation=workflow)["items"][0]["id"]
            outputs = {step["key"]: step.get("output") for step in engine.run(run)["steps"]}
            self.assertEqual({"w": "2"}, outputs["a"])

    def test_a_cancelled_command_is_killed_with_what_it_began(self):
        with Engine() as engine:
            api = Api(engine)
            engine.worker("--actions", "shell")
            workflow = api.create(
                job("a", "sleep 1000 & echo pid $! $$; trap '' TERM; wait; sleep 1000"))
            api.run(workflow)
            until(lambda: "pid" in api.printed(workflow, "a"), "it has begun")
            pids = [int(pid) for pid in api.printed(workflow, "a").split()[1:]]
            api.cancel(workflow)

            def gone():
                for pid in pids:
                    try:
                        with open(f"/proc/{pid}/stat") as stat:
                            if stat.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                                return False
                    except OSError:
                        pass
                return True
            until(gone, "both are gone", 20)

    def test_it_is_not_there_unless_it_is_named(self):
        with Engine() as engine:
            api = Api(engine)
            engine.worker()
            until(lambda: [w for w in engine.get("/workers")["items"]
                           if "print" in w["actions"]], "it is there")
            self.assertNotIn("shell", engine.get("/workers")["items"][0]["actions"])

    def test_it_and_a_worker_that_polls_serve_the_same_workflow(self):
        with Engine() as engine:
            api = Api(engine)
            workflow = api.create(job("a", required_labels=["polls"]),
                                  job("b", "test 1 = 1", ["a"]))
            api.run(workflow)
            _, lease = api.claim("w", "polls")
            self.assertEqual(200, api.complete(lease))
            engine.worker("--actions", "shell")
            self.assertEqual({"success"}, set(api.wait_over(workflow).values()))


class Folder(unittest.TestCase):
    def test_files_are_loaded_and_watched(self):
        with tempfile.TemporaryDirectory() as folder:
            def write(name, text):
                with open(os.path.join(folder, name), "w") as file:
                    file.write(text)
            write("ci.yml", "name: CI\non: push\nenv: {G: it's}\njobs:\n"
                            "  lint: {run: echo hi}\n"
                            "  build: {needs: lint, run: make, labels: [linux],"
                            " retries: 2}\n")
            write("bad.yaml", "name: Bad\njobs:\n  a: {needs: b, run: x}\n")
            write("notes.txt", "name: no\njobs: {a: {run: x}}\n")
            with Engine(workflows=folder) as engine:
                api = Api(engine)
                until(lambda: [w["id"] for w in api.must("GET", "/api/workflows")]
                      == ["ci"], lambda: engine.logs())
                shown = api.must("GET", "/api/workflows/ci/status")
                self.assertEqual(("CI", "on: push"), (shown["name"], shown["trigger"]))
                self.assertEqual("export G='it'\\''s' && echo hi",
                                 shown["jobs"][0]["command"])
                self.assertEqual((["linux"], 2), (shown["jobs"][1]["required_labels"],
                                                  shown["jobs"][1]["max_retries"]))
                until(lambda: "workflow_refused" in engine.logs(), "it says which is bad")
                self.assertIn('bad.yaml" why="1 mistake, the first in line 3',
                              engine.logs())
                write("bad.yaml", "name: Good\njobs: {a: {run: x}}\n")
                write("ci.yml", "name: CI 2\non: [push, manual]\njobs: {one: {run: x}}\n")
                until(lambda: list(api.statuses("ci")) == ["one"], engine.logs)
                until(lambda: api.ask("GET", "/api/workflows/bad/status")[0] == 200,
                      engine.logs)
                self.assertEqual({"bad", "ci"}, {
                    w["id"] for w in api.must("GET", "/api/workflows")})
                self.assertEqual("on: [push, manual]", api.must(
                    "GET", "/api/workflows/ci/status")["trigger"])
                engine.down(signal.SIGTERM)
                engine.up()
                until(lambda: api.statuses("ci") == {"one": "queued"}, engine.logs)


if __name__ == "__main__":
    unittest.main(verbosity=2)
