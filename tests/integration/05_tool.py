#!/usr/bin/python3
"""Goal: the tool says what the API says, to people, to scripts and by its exit code.

Method: a small HTTP server plays the engine, as well or as badly as each test asks; the
tool runs as a process. What it does with real processes is tested with those.
"""
import http.server
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
TOOL = os.path.join(BUILD, "bin/capstan")
DEADLINE = 60  # seconds; only a broken tool takes that long
RUN = "run_01K9ZJ3V8Q0000000000000000"
LOG = """run.started
step.started     step=print kind=action
action.called    action_name=print
action.completed action_name=print
step.completed   step=print
run.completed
"""


def event(sequence, name, **payload):
    return {"sequence": sequence, "event_type": name, "at": "2026-05-04T12:00:00.123Z",
            "step": payload.get("step"), "payload": payload}


EVENTS = [
    event(1, "run.started", source="api"),
    event(2, "step.started", step="print", kind="action"),
    event(3, "action.called", step="print", action_name="print", attempt=1),
    event(4, "action.completed", step="print", action_name="print", result={"n": 1}),
    event(5, "step.completed", step="print"),
    event(6, "run.completed", status="completed"),
]


def sse(events):
    return "".join(f"id: {e['sequence']}\nevent: {e['event_type']}\n"
                   f"data: {json.dumps(e)}\n\n" for e in events)


class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        request = {"method": self.command, "path": self.path, "headers": self.headers,
                   "body": self.rfile.read(size).decode()}
        self.server.requests.append(request)
        status, kind, body = self.server.play(request)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if kind == "text/event-stream":
            # Without a length: shutting the connection ends the stream.
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Plays a list of answers, in order, the last one for ever."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Engine)
        self.answers, self.requests = list(answers), []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def play(self, request):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request)
        status, body = answer
        if isinstance(body, str):
            return status, "text/event-stream", body
        return status, "application/json", "" if body is None else json.dumps(body)

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


def refusal(status, code, message, details=None):
    error = {"code": code, "message": message}
    if details:
        error["details"] = details
    return status, {"error": error}


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder,
                            "CAPSTAN_API_KEY": "cap_test", "LC_ALL": "C.UTF-8"}
        # Sanitizers speak through the environment.
        self.environment.update({name: value for name, value in os.environ.items()
                                 if name.endswith("SAN_OPTIONS")})
        self.server = None

    def tearDown(self):
        if self.server is not None:
            self.server.close()
        shutil.rmtree(self.folder)

    def play(self, *answers):
        self.server = Server(*answers)
        self.environment["CAPSTAN_URL"] = self.server.url

    def tool(self, *arguments, stdin=None):
        return subprocess.run([TOOL, *arguments], env=self.environment, cwd=self.folder,
                              input=stdin, capture_output=True, text=True,
                              timeout=DEADLINE)

    def expect(self, code, stdout, *arguments, **options):
        result = self.tool(*arguments, **options)
        self.assertEqual((result.returncode, result.stdout), (code, stdout),
                         result.stderr)
        return result.stderr

    def on_terminal(self, *arguments):
        """What a person sees, with both outputs on one terminal."""
        try:
            leader, follower = pty.openpty()
        except OSError as why:
            self.skipTest(f"no terminal can be had: {why}")
        process = subprocess.Popen([TOOL, *arguments], env=self.environment,
                                   stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        seen = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # the other end is shut
                break
            if not piece:
                break
            seen += piece
        os.close(leader)
        return process.wait(DEADLINE), seen.decode().replace("\r\n", "\n")

    def path(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    # What every call has

    def test_01_a_key_goes_with_every_request(self):
        self.play((200, {"items": [], "next_cursor": None}))
        self.expect(0, "", "automations", "list", "--project", "p1")
        sent = self.server.requests[0]
        self.assertEqual(sent["headers"]["Authorization"], "Bearer cap_test")
        self.assertEqual(sent["headers"]["Capstan-Project"], "p1")
        self.assertEqual(sent["path"], "/capstan/v1/automations")

    def test_02_the_development_key_is_read_and_only_for_this_machine(self):
        self.play((200, {"items": []}))
        del self.environment["CAPSTAN_API_KEY"]
        data = os.path.join(self.folder, "data")
        os.mkdir(data)
        self.path("data/dev.key", "cap_development\n")
        self.expect(0, "", "--data", data, "runs", "list")
        self.assertEqual(self.server.requests[0]["headers"]["Authorization"],
                         "Bearer cap_development")
        self.environment["CAPSTAN_URL"] = "http://nowhere.invalid:1"
        stderr = self.expect(6, "", "--data", data, "runs", "list")
        self.assertIn("no engine answers", stderr)

    def test_03_a_data_folder_that_is_named_means_no_other_engine(self):
        self.play((200, {"items": []}))
        del self.environment["CAPSTAN_URL"]
        self.path("capstan.yaml", f"http_port: {self.server.url.rsplit(':', 1)[1]}\n")
        other = os.path.join(self.folder, "other")
        why = f"capstan: no engine runs on {other} (capstan up)\n"
        self.assertEqual(self.expect(6, "", "runs", "cancel", "--all", "--data", other), why)
        self.environment["CAPSTAN_DATA"] = other
        self.assertEqual(self.expect(6, "", "runs", "list"), why)
        self.assertEqual(self.server.requests, [])
        self.expect(0, "", "runs", "list", "--url", self.server.url)
        del self.environment["CAPSTAN_DATA"]
        self.expect(0, "", "runs", "list")

    def test_03_nobody_there_is_exit_6(self):
        self.play((200, {}))
        self.server.close()
        self.server = None
        self.assertIn("capstan up", self.expect(6, "", "runs", "list"))

    def test_04_a_refusal_is_exit_1_with_code_and_message(self):
        self.play(refusal(404, "not_found", "there is no such thing in this project"))
        said = "not_found: there is no such thing in this project\n"
        self.assertEqual(self.expect(1, "", "runs", "get", RUN), f"capstan: {RUN}: {said}")
        self.assertEqual(self.expect(1, "", "runs", "skip", RUN, "a"),
                         f"capstan: {RUN} a: {said}")
        self.assertEqual(self.expect(1, "", "secrets", "set", "name", "hush"),
                         f"capstan: name: {said}")
        self.assertEqual(self.expect(1, "", "runs", "list"), f"capstan: {said}")

    def test_04_an_automation_that_was_probably_meant_is_named(self):
        none = refusal(404, "not_found", "there is no automation of this name")
        names = 200, {"items": [{"name": "nightly"}, {"name": "order"}], "next_cursor": None}
        for words in (("runs", "start", "ordr"), ("automations", "pause", "ordr")):
            self.play(none, names)
            self.assertEqual(self.expect(1, "", *words),
                             "capstan: ordr: not_found: there is no automation of this name\n"
                             "capstan: did you mean order?\n")
            self.server.close()
        for name, answers in (("zzz", (none, names)), ("ordr", (none, none)),
                              ("order", (refusal(404, "not_found", "no such version"), names))):
            self.play(*answers)
            self.assertNotIn("did you mean", self.expect(1, "", "runs", "start", name))
            self.server.close()
        self.play(none)
        self.expect(1, "", "runs", "get", RUN)
        self.assertEqual(len(self.server.requests), 1)

    def test_04_a_key_that_is_refused_is_said_to_be_whose(self):
        self.play(refusal(401, "unauthorized", "no valid API key was given"))
        self.assertIn("that of $CAPSTAN_API_KEY\n", self.expect(1, "", "runs", "list"))
        self.server.answers = [refusal(403, "forbidden", "the key has not the scope admin")]
        self.assertIn("that of --key\n",
                      self.expect(1, "", "runs", "list", "--key", "cap_other"))
        self.server.answers = [refusal(401, "unauthorized", "no valid API key was given")]
        del self.environment["CAPSTAN_API_KEY"]
        self.assertIn("no key was given", self.expect(1, "", "runs", "list"))
        self.path("dev.key", "cap_development\n")
        self.assertIn(f"that of {self.folder}/dev.key\n",
                      self.expect(1, "", "runs", "list", "--data", self.folder))

    def test_05_an_answer_that_is_none_is_exit_1(self):
        self.play((200, "hello"), (502, "bad gateway"))
        self.assertIn("not as a Capstan engine", self.expect(1, "", "runs", "list"))
        self.assertIn("502", self.expect(1, "", "runs", "list"))

    def test_06_a_command_line_that_is_none_is_exit_2(self):
        for line, near in (("runs lits", "did you mean 'runs list'?"),
                           ("runs list --jsn", "did you mean '--json'?"),
                           ("runs list --limit x", "whole number"),
                           ("runs start x --wait=soon", "a number and a unit"),
                           ("runs start x --inputs [1]", "JSON object"),
                           ("runs start x --inputs a=1", "a file @FILE"),
                           ("runs start x --inputs {1", "not JSON: 1:2: "),
                           ("runs start x --inputs=", "is empty"),
                           ("--url ftp://x runs list", "is no URL")):
            self.assertIn(near, self.expect(2, "", *line.split()))

    def test_06_nothing_is_no_value_and_no_word(self):
        """What a script forgot to set must not mean all, or another engine."""
        self.play((200, {"items": [], "id": RUN, "status": "cancelled"}))
        for line, why in ((("runs", "cancel", "--all", "--automation", ""),
                           "--automation is empty: NAME is wanted"),
                          (("runs", "cancel", "--all", "--status="), "--status is empty"),
                          (("runs", "start", "a", "--idempotency-key", ""), "is empty"),
                          (("runs", "list", "--project", ""), "--project is empty"),
                          (("down", "--data", ""), "--data is empty: FOLDER is wanted"),
                          (("runs", "get", ""), "RUN is empty: capstan runs get [RUN]"),
                          (("state", "delete", "users", ""), "KEY is empty: "),
                          (("apply", "a.yaml", "b.yaml", ""), "FILE... is empty: ")):
            self.assertIn(why, self.expect(2, "", *line))
        self.assertEqual(self.server.requests, [])
        self.expect(0, f"{RUN}\tcancelled\n", "runs", "cancel", RUN, "--reason", "")

    def test_06_what_does_not_fit_into_a_request_is_not_left_out(self):
        self.play((200, {"items": []}))
        self.assertIn("is too long", self.expect(2, "", "runs", "cancel", "--all",
                                                 "--automation", "<" * 1400))
        self.assertEqual(self.server.requests, [])

    def test_06_what_is_counted_from_one_is_not_left_out_at_none(self):
        self.play((200, {"id": RUN, "items": []}))
        for line, most in ((("runs", "start", "a", "--version", "0"), (1 << 32) - 1),
                           (("runs", "fork", RUN, "--version", "00"), (1 << 32) - 1),
                           (("runs", "fork", RUN, "--at", "0"), (1 << 32) - 1),
                           (("runs", "list", "--limit", "0"), 1000)):
            self.assertIn(f"{line[-2]}: '{line[-1]}' is not a whole number from 1 to {most}",
                          self.expect(2, "", *line))
        self.assertEqual(self.server.requests, [])

    def test_06_what_is_no_text_is_not_left_out(self):
        self.play((200, {"id": RUN}))
        for line in (("runs", "start", "a", "--idempotency-key", b"\xff"),
                     ("keys", "create", "a", "--scopes", b"read,\xff"),
                     ("keys", "create", "a", "--principal", b"\xff"),
                     ("webhooks", "create", "a", "http://x", "--events", b"run.failed,\xff"),
                     ("runs", "retry", RUN, "--step", b"\xff"),
                     ("runs", "fork", RUN, "--at", "1", "--set", b"\xff.output=1")):
            self.assertIn("not valid UTF-8", self.expect(2, "", *line))
        self.assertEqual(self.server.requests, [])

    def test_06_what_was_understood_of_it_is_where_help_begins(self):
        for line, hint in (("frobnicate", "capstan help says what"),
                           ("runs strat", "capstan help runs says what"),
                           ("runs signal x", "capstan help runs signal says how"),
                           ("help runs strat", "capstan help runs says what")):
            self.assertIn(hint, self.expect(2, "", *line.split()))

    def test_07_names_cannot_leave_their_place_in_the_path(self):
        self.play((200, {}))
        self.tool("runs", "get", "../keys?x=1#y z")
        self.assertEqual(self.server.requests[0]["path"],
                         "/capstan/v1/runs/..%2Fkeys%3Fx%3D1%23y%20z")
        self.tool("state", "delete", "users", "..")
        self.assertEqual(self.server.requests[1]["path"], "/capstan/v1/state/users/..")

    def test_08_what_is_printed_for_others_is_as_it_is_in_the_tree(self):
        with open(os.path.join(SOURCE, "workers/cli/capstan.bash")) as there:
            self.expect(0, there.read(), "completion", "bash")
        with open(os.path.join(SOURCE, "docs/cli.md")) as there:
            self.expect(0, there.read(), "help", "--markdown")

    def test_09_completion_offers_what_may_follow(self):
        script = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _capstan capstan "${COMP_WORDS[COMP_CWORD]}"; echo "${COMPREPLY[@]}" """
        for line, offered in (("ru", "runs"), ("runs l", "list logs"),
                              ("runs list --st", "--status"), ("worker l", "logs list"),
                              ("help ru", "runs"), ("help runs st", "start"),
                              ("apply fi", "")):
            done = subprocess.run(
                ["bash", "-c", script, "-",
                 os.path.join(SOURCE, "workers/cli/capstan.bash"), "capstan",
                 *line.split(" ")], capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual((done.stdout.strip(), done.stderr), (offered, ""), line)

    # Automations

    def test_10_apply_sends_the_text_as_it_is(self):
        text = "name: x\nsteps: []\n# é\n"
        self.play((201, {"name": "x", "version": 1}), (200, {"name": "x", "version": 1}))
        path = self.path("a.yaml", text)
        self.expect(0, "x\t1\tapplied\n", "apply", path)
        self.expect(0, "x\t1\tunchanged\n", "apply", "-", stdin=text)
        for sent in self.server.requests:
            self.assertEqual((sent["body"], sent["headers"]["Content-Type"]),
                             (text, "application/yaml"))

    def test_11_every_mistake_is_told_with_file_line_and_column(self):
        self.play(refusal(422, "invalid", "the input was read but breaks a rule", [
            {"line": 3, "column": 5, "path": "/steps/0/kind", "message": "no such kind"},
            {"path": "/name", "message": "missing"}]))
        good, bad = self.path("good.yaml", "a"), self.path("bad.yaml", "a")
        stderr = self.expect(1, "", "apply", bad, good)
        self.assertIn(f"{bad}:3:5: /steps/0/kind: no such kind\n{bad}: /name: missing\n"
                      f"capstan: {bad}: invalid: ", stderr)
        self.assertIn(f"{good}:3:5: ", stderr)
        self.server.answers = [refusal(422, "invalid", "1 mistake, the first in line 3",
                                       [{"line": 3, "column": 5, "message": "no kind"}])]
        self.assertEqual(self.expect(1, "", "apply", bad), f"{bad}:3:5: no kind\n")
        self.assertIn("is empty", self.expect(1, "", "apply", self.path("c.yaml", "")))

    def test_11_mistakes_are_json_for_programs(self):
        answer = refusal(422, "invalid", "one mistake", [
            {"line": 3, "column": 5, "path": "steps", "message": "wrong"}])
        self.play(answer)
        result = self.tool("apply", "--check", "--json", self.path("a.yaml", "name: x\n"))
        self.assertEqual((result.returncode, json.loads(result.stdout)), (1, answer[1]))
        self.assertIn("a.yaml:3:5: steps: wrong", result.stderr)

    def test_12_a_file_that_is_not_there_is_named_and_the_others_are_applied(self):
        self.play((201, {"name": "x", "version": 2}))
        stderr = self.expect(1, "x\t2\tapplied\n", "apply", "none.yaml",
                             self.path("a.yaml", "name: x\n"))
        self.assertIn("none.yaml: No such file", stderr)

    def test_13_lists_are_tabs_for_scripts_and_tables_for_people(self):
        page = {"items": [{"id": "aut_1", "name": "a\tb\x1b[2J", "version": 3,
                           "status": "active", "updated_at": "2026-05-04T12:00:00Z"}],
                "next_cursor": "c2"}
        self.play((200, page))
        stderr = self.expect(
            0, "a\\tb\\x1b[2J\t3\tactive\t2026-05-04T12:00:00.000Z\taut_1\n",
            "automations", "list", "--limit", "1")
        self.assertIn("--cursor c2", stderr)
        self.assertEqual(self.server.requests[0]["path"],
                         "/capstan/v1/automations?limit=1")
        code, seen = self.on_terminal("automations", "list")
        self.assertEqual(code, 0)
        self.assertRegex(seen, r"NAME +VERSION STATUS CHANGED +ID\n")
        self.assertNotIn("\x1b[2J", seen)
        self.assertEqual(json.loads(self.tool("automations", "list", "--json").stdout),
                         page)

    def test_13_what_keeps_a_trigger_from_firing_is_beside_it(self):
        hook = {"key": "a", "kind": "http", "active": True, "fires": 0, "refusals": 0,
                "url": "/hooks/a", "secret": "s", "secret_set": False, "last_refusal": ""}
        timer = {"key": "b", "kind": "schedule", "active": True, "fires": 0, "refusals": 1,
                 "last_refusal": "inputs: x: there is no event.x"}
        good = {**hook, "key": "c", "secret_set": True}
        self.play((200, {"items": [hook, timer, good], "next_cursor": None}))
        self.expect(0, "a\thttp\t\t\t\t\t0\t0\t/hooks/a\tsecret s is not set\n"
                    "b\tschedule\t\t\t\t\t0\t1\t\tinputs: x: there is no event.x\n"
                    "c\thttp\t\t\t\t\t0\t0\t/hooks/a\t\n", "automations", "triggers", "x")

    def test_13_slots_of_what_rests_are_called_so(self):
        slots = 200, {"items": [{"at": "2027-03-28T01:00:00.000Z", "trigger": "a"}]}
        shown = "2027-03-28T01:00:00.000Z\ta\t2027-03-27T21:30:00.000-03:30\n"
        self.environment["TZ"] = "<-0330>3:30"
        self.play(slots, (200, {"name": "x", "status": "paused"}))
        stderr = self.expect(0, shown, "automations", "next", "x")
        self.assertEqual(stderr, "x is paused: its triggers rest\n")
        self.server.close()
        self.play(slots, (200, {"name": "x", "status": "active"}))
        self.assertEqual(self.expect(0, shown, "automations", "next", "x"), "")
        self.server.close()
        slots[1]["items"][0].update(local="2027-03-28T03:00:00.000+02:00",
                                    timezone="Europe/Berlin")
        self.play(slots, (200, {"name": "x", "status": "active"}))
        self.expect(0, "2027-03-28T01:00:00.000Z\ta\t2027-03-28T03:00:00.000+02:00 "
                    "Europe/Berlin\n", "automations", "next", "x")

    def test_14_the_text_of_an_automation_can_be_had_alone(self):
        self.play((200, {"name": "x", "definition": "name: x\n"}))
        self.expect(0, "name: x\n", "automations", "get", "x", "--definition")

    # Runs

    def test_20_start_prints_the_id_alone(self):
        self.play((201, {"id": RUN, "status": "running"}))
        self.expect(0, RUN + "\n", "runs", "start", "x", "--idempotency-key", "k",
                    "--inputs", '{"a": {"b": 1}}')
        self.assertEqual(json.loads(self.server.requests[0]["body"]),
                         {"automation": "x", "idempotency_key": "k",
                          "inputs": {"a": {"b": 1}}})

    def test_20_fork_prints_the_id_alone_and_waits(self):
        self.play((201, {"id": RUN, "status": "suspended"}))
        self.expect(0, RUN + "\n", "runs", "fork", RUN, "--at", "3", "--version", "2")
        self.assertEqual(json.loads(self.server.requests[0]["body"]),
                         {"event": 3, "version": 2, "outputs": {}})
        self.server.close()
        self.play((201, {"id": RUN, "status": "suspended"}), (200, sse(EVENTS)))
        self.assertEqual(self.expect(0, RUN + "\n", "runs", "fork", RUN, "--wait"),
                         RUN + " completed\n")
        self.assertIn("'5' is no time", self.expect(2, "", "runs", "fork", RUN, "--wait=5"))

    def test_20_a_fork_at_the_last_event_finds_it(self):
        def forked_at(status, *pages):
            self.play((200, {"status": status, "last_sequence": 6}), *pages,
                      (201, {"id": RUN, "status": "suspended"}))
            self.expect(0, RUN + "\n", "runs", "fork", RUN, "--at", "last")
            event = json.loads(self.server.requests[-1]["body"])["event"]
            self.server.close()
            return event
        self.assertEqual(forked_at("failed"), 6)
        # A page may be short.
        pages = [(200, {"items": part}) for part in (EVENTS[:1], EVENTS[1:3], EVENTS[3:])]
        self.assertEqual(forked_at("completed", *pages), 1)
        self.assertEqual(forked_at("completed", (200, {"items": []})), 6)
        self.play((404, {"error": {"code": "not_found", "message": "no such run"}}))
        self.assertIn("no such run", self.expect(1, "", "runs", "fork", RUN, "--at", "last"))

    def test_21_inputs_come_from_a_file_or_from_standard_input(self):
        self.play((201, {"id": RUN}))
        path = self.path("in.json", '{"from": "file"}')
        self.tool("runs", "start", "x", "--inputs", "@" + path)
        self.tool("runs", "start", "x", "--inputs", "@-", stdin='{"from": "stdin"}')
        self.assertEqual([json.loads(sent["body"])["inputs"]["from"]
                          for sent in self.server.requests], ["file", "stdin"])

    def start_and_wait(self, *events, more=()):
        self.play((201, {"id": RUN, "status": "running"}), (200, sse(events)), *more)
        return self.tool("runs", "start", "x", "--wait=30s")

    def test_22_wait_ends_with_the_run(self):
        result = self.start_and_wait(*EVENTS)
        self.assertEqual((result.returncode, result.stdout), (0, RUN + "\n"))
        self.assertEqual(result.stderr, RUN + " completed\n")

    def test_23_a_failed_run_is_exit_3_and_says_why(self):
        result = self.start_and_wait(
            EVENTS[0], event(2, "run.failed", error_type="ActionError",
                             error="no\x1b[1m", step="print"))
        self.assertEqual((result.returncode, result.stdout), (3, RUN + "\n"))
        self.assertEqual(result.stderr, f"capstan: {RUN} failed: ActionError: "
                                        "no\\x1b[1m, in step print\n")

    def test_24_a_cancelled_run_is_exit_4_and_says_by_whom_and_why(self):
        result = self.start_and_wait(event(1, "run.cancelled", reason="wrong", by="cap_1"))
        self.assertEqual(result.returncode, 4)
        self.assertIn(RUN + " was cancelled by cap_1: wrong\n", result.stderr)
        self.server.close()
        result = self.start_and_wait(event(1, "run.cancelled"))
        self.assertIn(RUN + " was cancelled\n", result.stderr)

    def test_25_a_run_that_takes_too_long_is_exit_5(self):
        self.play((201, {"id": RUN}), (200, {"id": RUN, "status": "suspended"}))
        result = self.tool("runs", "start", "x", "--wait=300ms")
        self.assertEqual((result.returncode, result.stdout), (5, RUN + "\n"))
        self.assertIn("it goes on", result.stderr)

    def test_25_no_time_at_all_is_not_for_ever(self):
        self.play((201, {"id": RUN}), (200, {"id": RUN, "status": "suspended"}))
        self.expect(5, RUN + "\n", "runs", "start", "x", "--wait=0s")

    def test_26_a_broken_stream_is_taken_up_where_it_broke(self):
        broken = sse(EVENTS[:2]) + "id: 3\nevent: x\ndata: {\"sequ"
        self.play((200, broken), refusal(503, "unavailable", "restarting"),
                  (200, sse(EVENTS[2:])))
        stderr = self.expect(0, LOG, "runs", "watch", RUN)
        self.assertEqual(stderr, RUN + " completed\n")
        streams = [sent["headers"]["Last-Event-ID"] for sent in self.server.requests
                   if sent["path"].endswith("/events")]
        self.assertEqual((streams[0], set(streams[1:])), (None, {"2"}))

    def test_26_a_run_that_is_silent_for_long_is_not_an_engine_that_is_away(self):
        def silent(_):
            time.sleep(16)  # longer than an engine may be away
            return 200, ": still here\n\n"
        self.play(silent, (200, {"id": RUN, "status": "suspended"}), (200, sse(EVENTS)))
        self.expect(0, LOG, "runs", "watch", RUN)

    def test_26_an_end_that_was_none_is_passed_over(self):
        retried = [EVENTS[0], event(2, "run.failed", error_type="E", error="no"),
                   event(3, "run.resumed", by="retry"), event(4, "step.completed", step="s")]
        self.play((200, sse(retried[:2])))
        self.expect(3, "run.started\nrun.failed       error_type=E error=no\n",
                    "runs", "watch", RUN)
        self.server.close()
        goes_on = 200, {"id": RUN, "status": "running"}
        for answers in ([(200, sse(retried + EVENTS[5:]))],
                        [(200, sse(retried[:3])), goes_on,
                         (200, sse([retried[3], EVENTS[5]]))]):
            self.play(*answers)
            result = self.tool("runs", "watch", RUN)
            self.assertEqual((result.returncode, result.stderr), (0, RUN + " completed\n"))
            self.assertIn("run.failed", result.stdout)
            self.server.close()

    def test_26_numbers_that_are_large_are_numbers(self):
        large = [2**64 - 1, -2**63 - 1, 2**63 - 1, "\\\"18446744073709551615"]
        self.play((200, {"id": RUN, "version": 3, "output": large}))
        shown = json.loads(self.tool("runs", "get", RUN, "--json").stdout)
        self.assertEqual(shown, {"id": RUN, "version": 3, "output": large})
        self.server.close()
        self.play((201, {"id": RUN, "status": "suspended"}))
        self.expect(0, RUN + "\n", "runs", "start", "w", "--inputs",
                    json.dumps({"n": large}))
        self.assertEqual(json.loads(self.server.requests[0]["body"])["inputs"],
                         {"n": large})
        self.server.close()
        self.play((200, sse([*EVENTS[:5], event(6, "run.completed", output=large)])))
        self.expect(0, LOG, "runs", "watch", RUN)

    def test_27_a_run_that_was_finished_before_is_not_waited_for(self):
        self.play((200, ""), (200, {"id": RUN, "status": "failed",
                                    "error": {"type": "Timeout", "message": "late"}}))
        self.assertIn("failed: Timeout: late", self.expect(3, "", "runs", "events", RUN, "--follow",
                                             "--after", "6"))

    def test_28_the_log_reads_as_promised(self):
        # A page may be short of its limit, and a finished run have more of them.
        self.play((200, {"items": EVENTS[:2], "finished": True, "has_more": True}),
                  (200, {"items": EVENTS[2:], "finished": True, "has_more": False}))
        self.expect(0, LOG, "runs", "events", RUN)
        self.assertEqual([sent["path"].split("?")[1] for sent in self.server.requests],
                         ["after=0&limit=1000", "after=2&limit=1000"])

    def test_29_all_of_an_event_can_be_seen(self):
        self.play((200, {"items": EVENTS[2:3], "has_more": False}))
        self.expect(0, "     3  2026-05-04T12:00:00.123Z  action.called    step=print "
                       "action_name=print attempt=1\n", "runs", "events", RUN, "--all")
        result = self.tool("runs", "events", RUN, "--json")
        self.assertEqual(json.loads(result.stdout), EVENTS[2])

    def test_29_a_run_that_cannot_be_had_costs_no_file(self):
        self.play(refusal(404, "not_found", "there is no such run"))
        file = self.path("kept.capstan", "an earlier export")
        self.assertIn("not_found", self.expect(1, "", "runs", "export", RUN, "-o", file))
        with open(file) as kept:
            self.assertEqual(kept.read(), "an earlier export")

    def test_29_a_device_is_not_taken_away(self):
        self.play((200, {"data": "", "has_more": False}))
        device = os.path.join(self.folder, "full")
        try:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.stat("/dev/full").st_rdev)
            open(device, "wb").close()
        except PermissionError as why:
            self.skipTest(f"no device can be had: {why}")
        stderr = self.expect(1, "", "runs", "export", RUN, "-o", device)
        self.assertIn("No space left", stderr)
        self.assertTrue(os.path.exists(device))

    def test_30_on_a_terminal_progress_is_shown_and_taken_away(self):
        self.play((201, {"id": RUN}), (200, sse(EVENTS)))
        code, seen = self.on_terminal("runs", "start", "x", "--wait")
        self.assertEqual(code, 0)
        self.assertIn("action.called    action_name=print", seen)
        self.assertEqual(re.split("\r\x1b\\[K", seen)[-1], f"{RUN} completed\n")
        code, seen = self.on_terminal("runs", "watch", RUN, "--quiet")
        self.assertEqual((code, seen), (0, LOG))

    def test_31_a_wait_for_json_gives_the_whole_run(self):
        run = {"id": RUN, "status": "completed", "output": {"a": 1}}
        self.play((201, {"id": RUN}), (200, sse(EVENTS)), (200, run))
        result = self.tool("runs", "start", "x", "--wait", "--json")
        self.assertEqual((result.returncode, json.loads(result.stdout)), (0, run))

    def test_31_who_is_interrupted_is_told_that_the_run_goes_on(self):
        self.play((201, {"id": RUN}), (200, {"id": RUN, "status": "running"}))
        for quiet in ([], ["--quiet"]):
            with subprocess.Popen([TOOL, "runs", "start", "x", "--wait", *quiet],
                                  env=self.environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as tool:
                self.assertEqual(tool.stdout.readline(), RUN + "\n")
                while not self.server.requests[-1]["path"].endswith(RUN):
                    time.sleep(0.01)  # its handler is there before it asks
                tool.send_signal(signal.SIGINT)
                said = tool.communicate(timeout=DEADLINE)[1]
            self.assertEqual(tool.returncode, -signal.SIGINT)
            self.assertEqual(said, "" if quiet else
                             f"\n{RUN} goes on; capstan runs cancel {RUN} ends it\n")
            self.server.requests.append({"path": ""})

    def test_32_a_run_that_is_still_being_cancelled_is_called_so(self):
        self.play((200, {"id": RUN, "status": "suspended"}))
        self.assertEqual(self.expect(0, RUN + "\tsuspended\n", "runs", "cancel", RUN),
                         f"{RUN} is being cancelled: what is under way ends, and cleanup "
                         "runs\n")
        self.server.close()
        self.play((200, {"id": RUN, "status": "cancelled"}))
        self.assertEqual(self.expect(0, RUN + "\tcancelled\n", "runs", "cancel", RUN), "")

    def test_32_cancel_sends_the_reason(self):
        self.play((200, {"id": RUN, "status": "cancelled"}))
        self.expect(0, RUN + "\tcancelled\n", "runs", "cancel", RUN, "--reason", "why")
        self.assertEqual(json.loads(self.server.requests[0]["body"]), {"reason": "why"})

    def test_33_filters_go_with_the_list(self):
        self.play((200, {"items": [{
            "id": RUN, "automation": "x", "version": 1, "status": "completed",
            "started_at": "2026-05-04T12:00:00.000Z",
            "finished_at": "2026-05-04T12:00:01.500Z"}]}))
        self.expect(0, f"{RUN}\tx\t1\tcompleted\t2026-05-04T12:00:00.000Z\t1.50 s\n",
                    "runs", "list", "--status", "completed", "--automation", "a&b")
        self.assertEqual(self.server.requests[0]["path"],
                         "/capstan/v1/runs?automation=a%26b&status=completed")

    def test_33_without_a_run_the_newest_that_fits_is_meant(self):
        page, run = (200, {"items": [{"id": RUN}]}), (200, {"id": RUN, "status": "failed"})
        for command, below in (("get", ""), ("explain", "/explain")):
            self.play(page, run)
            self.assertIn("status         failed\n", self.tool(
                "runs", command, "--status", "failed", "--automation", "x").stdout)
            self.assertEqual([request["path"] for request in self.server.requests],
                             ["/capstan/v1/runs?automation=x&status=failed&limit=1",
                              f"/capstan/v1/runs/{RUN}{below}"])
            self.server.close()
        self.play((200, {"items": []}))
        self.assertIn("there is no such run", self.expect(
            1, "", "runs", "get", "--status", "failed"))
        self.assertIn("RUN, or --automation or --status", self.expect(
            2, "", "runs", "explain"))
        self.assertIn("one of them", self.expect(
            2, "", "runs", "get", RUN, "--status", "failed"))

    def test_33_all_reasons_of_explain_are_clean(self):
        stalls = [{"reason": "waits\x1b[1m"}, {"reason": "more\nrun_id done"}]
        self.play((200, {"run_id": RUN, "reason": "no\x1b[2J", "also": stalls}))
        self.expect(0, f"run_id         {RUN}\nreason         no\\x1b[2J\n\n"
                       "also\n  waits\\x1b[1m\n  more\\nrun_id done\n",
                    "runs", "explain", RUN)

    def test_34_a_reader_that_leaves_ends_the_tool(self):
        self.play((200, sse([event(n + 1, "step.started", step="s" * 60)
                             for n in range(9000)])))
        process = subprocess.Popen([TOOL, "runs", "watch", RUN], env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.wait(DEADLINE), 1)
        process.stderr.close()

    def test_35_who_waits_is_told_for_what_once(self):
        asked = threading.Event()
        reason = {"code": "job_open", "reason": "no worker\x1b[1m is connected"}

        def answer(request):
            if request["path"].endswith("/explain"):
                asked.set()
                return 200, reason
            if request["path"].endswith("/events"):
                asked.wait(DEADLINE)
                return 200, sse(EVENTS)
            return 201, {"id": RUN}
        self.play(answer)
        stderr = self.expect(0, RUN + "\n", "runs", "start", "x", "--wait")
        self.assertEqual(stderr, f"no worker\\x1b[1m is connected\n{RUN} completed\n")
        asked.clear()
        reason["code"] = "leased"
        stderr = self.expect(0, RUN + "\n", "runs", "start", "x", "--wait")
        self.assertEqual((stderr, asked.is_set()), (f"{RUN} completed\n", True))

    def test_35_what_jobs_printed_is_shown_with_the_step_that_printed_it(self):
        def page(last, finished, more, *items):
            return 200, {"items": [{"sequence": n, "step": step, "text": text}
                                   for n, step, text in items],
                         "last_sequence": last, "finished": finished, "has_more": more}
        first = page(7, False, True, (3, "a", "one\ntwo\n"), (7, "b", "\x1b[1mthree"))
        self.play(first, page(9, False, False, (9, "a", "four\n")))
        self.expect(0, "a | one\na | two\nb | \x1b[1mthree\na | four\n",
                    "runs", "logs", RUN)
        self.assertEqual([sent["path"].split("?")[1] for sent in self.server.requests],
                         ["after=0&limit=1000", "after=7&limit=1000"])
        self.expect(0, "four\n", "runs", "logs", RUN, "--step", "a", "--after", "7")
        self.server.answers = [first, page(7, False, False),
                               refusal(503, "unavailable", "it restarts"),
                               page(9, False, False),
                               page(9, True, False, (9, "b", "end\n"))]
        self.expect(0, "\x1b[1mthree\nend\n", "runs", "logs", RUN, "--step", "b",
                    "--follow")
        self.server.answers = [first, page(9, True, False)]
        self.assertIn("b | \\x1b[1mthree\n", self.on_terminal("runs", "logs", RUN)[1])
        self.server.answers = [page(7, True, False, (7, "b", "three"))]
        self.assertEqual(json.loads(self.tool("runs", "logs", RUN, "--json").stdout),
                         {"sequence": 7, "step": "b", "text": "three"})
        self.server.answers = [page(7, True, False, (7, "b", "three"))]
        self.assertEqual(self.expect(0, "", "runs", "logs", RUN, "--step", "c"),
                         "a step c has printed nothing here\n")
        self.server.answers = [page(7, True, False)]
        self.assertEqual(self.expect(0, "", "runs", "logs", RUN),
                         "no job has printed anything here\n")

    # Keys and workers

    def test_40_a_key_is_alone_on_standard_output(self):
        self.play((201, {"id": "cap_1", "key": "cap_1_secret"}))
        stderr = self.expect(0, "cap_1_secret\n", "keys", "create", "ci", "--scopes",
                             "read,start")
        self.assertIn("shown this once", stderr)
        self.assertEqual(json.loads(self.server.requests[0]["body"]),
                         {"name": "ci", "scopes": ["read", "start"]})

    def test_40_the_address_of_the_console_has_the_key_where_nobody_is_sent_it(self):
        self.play((500, {}))
        address = self.server.url + "/console/"
        result = self.tool("console", "--key", "cap_a/b")
        self.assertEqual((result.returncode, result.stdout),
                         (0, address + "#key=cap_a%2Fb\n"))
        self.assertIn("keep it to yourself: who has this address may do all that the key "
                      "of --key may", result.stderr)
        result = self.tool("console", "--json")
        self.assertEqual(json.loads(result.stdout), {"address": address + "#key=cap_test"})
        del self.environment["CAPSTAN_API_KEY"]
        result = self.tool("console")
        self.assertEqual((result.returncode, result.stdout), (0, address + "\n"))
        self.assertIn("the page asks for one", result.stderr)
        self.assertEqual(self.server.requests, [])

    def test_41_an_empty_answer_is_an_answer(self):
        self.play((200, None))
        self.expect(0, "cap_1\trevoked\n", "keys", "revoke", "cap_1")
        self.assertEqual(self.server.requests[-1]["method"], "DELETE")

    def test_41_the_last_key_that_may_make_others_is_kept(self):
        self.play((409, {"error": {"code": "conflict", "message": "none would be left"}}))
        stderr = self.expect(1, "", "keys", "revoke", "cap_1")
        self.assertIn("cap_1: conflict: none would be left", stderr)
        self.assertIn("keys create NAME --scopes admin", stderr)
        self.server.close()
        self.play((404, {"error": {"code": "not_found", "message": "no such key"}}))
        self.assertNotIn("keys create", self.expect(1, "", "keys", "revoke", "cap_1"))

    def test_42_workers_are_listed_with_what_they_hold(self):
        self.play((200, {"items": [{
            "id": "wsess_1", "name": "w", "instance": "host", "status": "active",
            "queues": ["default", "slow"], "actions": [], "concurrency": 5, "busy": 2,
            "heard_ms": 1777896000123, "jobs": [{"run": RUN}, {"run": RUN}]}]}))
        self.expect(0, "wsess_1\tw\thost\tactive\tdefault,slow\t\t2/5\t"
                       f"2026-05-04T12:00:00.123Z\t{RUN},{RUN}\n", "workers", "list")

    def test_43_a_run_is_shown_with_its_steps_error_and_output(self):
        self.play((200, {
            "id": RUN, "automation": "x", "version": 1, "status": "failed",
            "error": {"type": "Timeout", "message": "late", "step": "a"},
            "steps": [{"key": "a", "kind": "action", "status": "failed", "attempt": 2,
                       "error": {"type": "Timeout", "message": "late"}}],
            "output": {"n": 1}}))
        shown = self.tool("runs", "get", RUN).stdout
        self.assertIn("status         failed\n", shown)
        self.assertIn("error          Timeout: late\n", shown)
        self.assertIn("\na\taction\tfailed\t2\t\t\t\tTimeout: late\n", shown)
        self.assertIn('output\n{\n  "n": 1\n}\n', shown)


if __name__ == "__main__":
    unittest.main()
