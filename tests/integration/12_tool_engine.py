#!/usr/bin/python3
"""Goal: up, status and down tell the truth about the engine on a data folder.

Method: capstand is the real one, its parts are played by fake_child.c, as well or as
badly as each test asks.
"""
import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
TOOL = os.path.join(BUILD, "bin/capstan")
FAKE = os.path.join(BUILD, "tests/integration/fake_child")
PARTS = ["registry", "trigger", "scheduler", "lease", "view", "gateway", "keeper"]
NAMES = ["capstand"] + [part + ".0" for part in PARTS]
DEADLINE = 60  # seconds; only a broken tool takes that long
WORKER = """#!/bin/sh
echo "$CAPSTAN_DATA|$CAPSTAN_URL|$CAPSTAN_WORKER_URL|$CAPSTAN_API_KEY|$*"
"""


class ToolEngineTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-")
        self.data = os.path.join(self.folder, "data")
        self.libexec = os.path.join(self.folder, "libexec")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder,
                            "CAPSTAN_LIBEXEC": self.libexec, "CAPSTAN_DATA": self.data}
        self.environment.update({name: value for name, value in os.environ.items()
                                 if name.endswith("SAN_OPTIONS")})
        os.mkdir(self.libexec)
        for part in PARTS:
            os.symlink(FAKE, os.path.join(self.libexec, part))
        worker = os.path.join(self.libexec, "worker")
        with open(worker, "w", encoding="utf-8") as out:
            out.write(WORKER)
        os.chmod(worker, 0o700)

    def tearDown(self):
        self.tool("down")
        for pid in self.lives():  # of an engine that would not go
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.tool("down")
        shutil.rmtree(self.folder)

    def lives(self):
        try:
            with open(os.path.join(self.libexec, "lives"), encoding="utf-8") as lines:
                return [int(line.split()[1]) for line in lines]
        except FileNotFoundError:
            return []

    @staticmethod
    def gone(pid):
        """Whether the process has ended; that nobody has waited for it is not its fault."""
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    @staticmethod
    def weak():
        """Before a command: what keeps root from reading whatever it likes."""
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] \
            if os.geteuid() == 0 else []

    def plan(self, part, words):
        with open(os.path.join(self.libexec, part + ".plan"), "w",
                  encoding="utf-8") as out:
            out.write(words)

    def tool(self, *arguments):
        return subprocess.run([TOOL, *arguments], env=self.environment, cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DEADLINE, check=False)

    def up(self, *arguments):
        return self.tool("up", "--set", "http_port=0", *arguments)

    def document(self, *arguments):
        result = self.tool(*arguments, "--json")
        return result.returncode, json.loads(result.stdout)

    def test_01_up_says_where_everything_is(self):
        result = self.up()
        self.assertEqual(result.returncode, 0, result.stderr)
        for word in ("http://127.0.0.1:4000", "tcp://127.0.0.1:5171", self.data,
                     "/log/capstan.log", "ready in"):
            self.assertIn(word, result.stdout)
        self.assertNotIn("key", result.stdout)

    def test_02_up_again_changes_nothing(self):
        self.up()
        with open(os.path.join(self.data, "dev.key"), "w", encoding="utf-8") as out:
            out.write("cap_x\n")
        first = self.document("status")[1]["pid"]
        code, second = self.document("up")
        self.assertEqual((code, second["started"], second["pid"]), (0, False, first))
        self.assertEqual(second["key_file"], os.path.join(self.data, "dev.key"))
        self.assertEqual(len(self.lives()), len(PARTS))
        self.assertIn("it keeps the settings", self.up("--set", "lease_ms=900").stderr)
        self.assertEqual(self.tool("up").stderr, "")

    def test_03_why_an_engine_cannot_begin_is_said_once(self):
        self.plan("gateway", "refuse")
        result = self.up()
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr.count("is in use"), 1, result.stderr)
        self.assertIn("capstan up --set http_port=0 ", result.stderr)
        self.assertEqual(self.tool("status").returncode, 1)

    def test_04_a_setting_that_is_none_is_told_before_anything_starts(self):
        result = self.tool("up", "--set", "http_prt=1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("http_prt", result.stderr)
        self.assertEqual(self.tool("up", "--set", "http_port").returncode, 2)
        with open(os.path.join(self.folder, "capstan.yaml"), "w",
                  encoding="utf-8") as out:
            out.write("lease_ms: 30000\nleese_ms: 1\n")
        result = self.tool("up")
        self.assertEqual(result.returncode, 1)
        self.assertIn("capstan.yaml: line 2", result.stderr)
        self.assertFalse(os.path.exists(self.data))

    def test_04_settings_that_do_not_go_together_are_explained_with_why(self):
        result = self.tool("config", "explain", "--set", "lease_ms=600")
        self.assertEqual(result.returncode, 1)
        self.assertIn("lease_ms: 600\n", result.stdout)
        self.assertIn("heartbeat_ms: 10000 is more than a third", result.stderr)
        self.assertEqual(self.tool("config", "explain").stderr, "")

    def test_04_settings_that_may_not_be_read_are_not_passed_over(self):
        path = os.path.join(self.folder, "capstan.yaml")
        with open(path, "w", encoding="utf-8"):
            pass
        os.chmod(path, 0)
        for words in ("up", "config explain"):
            said = subprocess.run([*self.weak(), TOOL, *words.split()],
                                  env=self.environment, cwd=self.folder,
                                  capture_output=True, text=True, timeout=DEADLINE,
                                  check=False)
            self.assertEqual(said.returncode, 1, said)
            self.assertIn("capstan.yaml: Permission denied", said.stderr)
        self.assertEqual(self.lives(), [])

    def begin(self, *arguments):
        return subprocess.Popen([TOOL, "up", *arguments], env=self.environment,
                                cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def end(self, *processes):
        said = [process.communicate(timeout=DEADLINE)[1] for process in processes]
        self.assertEqual([process.returncode for process in processes],
                         [0] * len(processes), said)

    def test_05_who_waits_for_an_engine_that_is_starting_gets_it(self):
        self.plan("view", "late")
        first = self.begin("--set", "http_port=0")
        while self.document("status")[1]["pid"] == 0:
            self.assertIsNone(first.poll())
        late = self.tool("up", "--timeout", "100ms")
        self.assertEqual(late.returncode, 5, late.stderr)
        self.assertEqual(self.tool("status").returncode, 1)
        second = self.begin()
        open(os.path.join(self.libexec, "go"), "w", encoding="utf-8").close()
        self.end(first, second)
        self.assertEqual(self.tool("status").returncode, 0)

    def test_05_of_many_at_once_one_starts_the_engine(self):
        self.end(*[self.begin("--set", "http_port=0") for _ in range(6)])
        self.assertEqual(len(self.lives()), len(PARTS))

    def test_06_status_shows_each_process(self):
        self.assertEqual(self.tool("status").returncode, 1)
        self.up()
        rows = [line.split("\t") for line in self.tool("status").stdout.splitlines()]
        self.assertEqual([row[0] for row in rows], NAMES)
        self.assertEqual({row[2] for row in rows}, {"ready"})
        code, status = self.document("status")
        self.assertEqual((code, status["ready"], status["http_port"]), (0, True, 4000))
        for process in status["processes"]:
            os.kill(process["pid"], 0)
            self.assertGreater(process["memory_bytes"], 100000)
        self.assertIn("gaps", status["processes"][1]["counters"])

    def test_07_status_counts_restarts(self):
        self.up()
        before = self.document("status")[1]["processes"][3]
        os.kill(before["pid"], signal.SIGKILL)
        while True:
            after = self.document("status")[1]["processes"][3]
            if after["restarts"] == 1 and after["state"] == "ready":
                break
        self.assertNotEqual(after["pid"], before["pid"])

    def test_07_a_process_that_is_gone_is_not_ready_whatever_was_written(self):
        self.up()
        processes = self.document("status")[1]["processes"]
        pids = {process["name"]: process["pid"] for process in processes}
        os.kill(pids["capstand"], signal.SIGSTOP)
        os.kill(pids["view.0"], signal.SIGKILL)
        while not self.gone(pids["view.0"]):
            pass
        code, status = self.document("status")
        os.kill(pids["capstand"], signal.SIGCONT)
        states = {row["name"]: row["state"] for row in status["processes"]}
        self.assertEqual((code, status["ready"], states["view.0"], states["lease.0"]),
                         (1, False, "gone", "ready"))

    def test_07_a_folder_of_another_user_is_not_one_without_an_engine(self):
        self.up()
        os.chmod(self.data, 0)
        told = [subprocess.run([*self.weak(), TOOL, *words.split()], env=self.environment,
                               cwd=self.folder, capture_output=True, text=True,
                               timeout=DEADLINE, check=False)
                for words in ("status", "down", "worker list", "backup there")]
        os.chmod(self.data, 0o700)
        for said in told:
            self.assertEqual(said.returncode, 1, said)
            self.assertIn("Permission denied: ask as the user of its engine", said.stderr)
        self.assertEqual(self.tool("status").returncode, 0)

    def test_07_what_a_killed_engine_leaves_is_not_an_engine(self):
        self.up()
        pid = self.document("status")[1]["pid"]
        os.kill(pid, signal.SIGKILL)
        with open(os.path.join(self.data, "lock"), "r+b") as lock:
            # As a process of it that takes its time to die.
            fcntl.fcntl(lock, fcntl.F_OFD_SETLKW,
                        struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            while not self.gone(pid):
                pass
            self.assertEqual(self.document("status")[1]["running"], False)
            second = self.begin("--set", "http_port=0")
        self.assertIn(b"ready in", second.communicate(timeout=DEADLINE)[0])
        self.assertNotEqual(self.document("status")[1]["pid"], pid)

    def test_08_down_waits_until_all_is_gone(self):
        self.up()
        pids = [process["pid"] for process in self.document("status")[1]["processes"]]
        result = self.tool("down")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("stopped in", result.stdout)
        for pid in pids:
            self.assertTrue(self.gone(pid), pid)
        self.assertEqual(self.document("down"), (0, {"stopped": False, "pid": 0}))

    def test_09_down_says_when_it_takes_too_long(self):
        self.plan("lease", "deaf")
        self.up("--set", "drain_ms=2000")
        result = self.tool("down", "--timeout", "100ms")
        self.assertEqual(result.returncode, 5, result.stdout)
        self.assertIn("still runs", result.stderr)
        self.assertEqual(self.tool("down").returncode, 0)

    def test_09_a_time_may_be_longer_than_any_wait(self):
        """One that ends in as many bits as a poll takes would be no time at all."""
        month = ("--timeout", f"{(1 << 32) + 1}ms")
        for result in (self.up(*month), self.tool("down", *month)):
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_10_a_worker_is_pointed_at_the_engine_that_runs_here(self):
        self.up()
        self.assertEqual(self.tool("worker", "--queues", "a").stdout,
                         f"{self.data}||tcp://127.0.0.1:5171||--queues a\n")
        self.environment["CAPSTAN_DATA"] = os.path.join(self.folder, "other")
        for flag in (f"--data={self.data}", f"--data {self.data}"):
            self.assertEqual(self.tool("worker", *flag.split()).stdout,
                             f"{self.data}||tcp://127.0.0.1:5171||{flag}\n")
        self.environment["CAPSTAN_DATA"] = self.data
        self.environment["CAPSTAN_URL"] = "http://elsewhere:1"
        self.assertEqual(self.tool("--key", "cap_k", "worker").stdout,
                         f"{self.data}|http://elsewhere:1||cap_k|\n")

    def test_11_the_engine_outlives_who_started_it(self):
        process = subprocess.Popen([TOOL, "up", "--set", "http_port=0"],
                                   env=self.environment, cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        # To the end: nobody of the engine keeps the caller's pipes.
        process.communicate(timeout=DEADLINE)
        try:
            os.killpg(process.pid, signal.SIGHUP)
        except ProcessLookupError:
            pass
        self.assertEqual(self.tool("status").returncode, 0)

    def test_12_the_engine_holds_nothing_of_who_started_it(self):
        path = os.path.join(self.folder, "only-one")
        with open(path, "wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            stray = fcntl.fcntl(held, fcntl.F_DUPFD, 100)
            started = subprocess.run([TOOL, "up", "--set", "http_port=0"],
                                     env=self.environment, cwd=self.folder,
                                     pass_fds=[stray], capture_output=True,
                                     timeout=DEADLINE, check=True)
            os.close(stray)
            self.assertIn(b"ready in", started.stdout)
        with open(path, "wb") as again:
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


if __name__ == "__main__":
    unittest.main()
