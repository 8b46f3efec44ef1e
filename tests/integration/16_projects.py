#!/usr/bin/python3
"""Goal: a worker project lives as the tool says: written, added, started with the engine,
started again when it dies, stopped, forgotten; and nothing of it outlives the engine,
however that one ends.

Method: a real engine and the tool; projects from the templates that need no registry, and
some of a few lines of shell. Who lives is told by a lock that each process of a project
holds.
"""
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from engine import Engine, Refused, program, until  # noqa: E402

GREET = """
name: greet
steps:
  - { key: greet, kind: action, action_name: greet, parameters: { name: Ada } }
"""
# It keeps a lock, as do its children: one in the background, one in a session of its own.
# Should they outlive the engine, they do not outlive the test by much.
STUBBORN = """
name: {name}
scripts:
  start: |
    exec 9>alive && flock -s 9
    setsid sh -c 'trap "" TERM; exec sleep 300' &
    sh -c 'trap "" TERM; exec sleep 300' &
    echo "it lives"
    {then}
"""

ONCE = """
name: once
scripts:
  start: |
    exec python3 -c '
    from signal import SIGTERM, SIG_BLOCK, pthread_sigmask, sigtimedwait, sigwait
    pthread_sigmask(SIG_BLOCK, {SIGTERM})
    sigwait({SIGTERM})
    print("heard", 2 if sigtimedwait({SIGTERM}, 0.5) else 1)'
"""


class ProjectsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-projects-")
        self.engine = Engine(drain_ms=2000)

    def tearDown(self):
        self.engine.close()
        shutil.rmtree(self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def worker(self, *words, code=0):
        done = subprocess.run([program("capstan"), "worker", *words], env=self.engine.env,
                              cwd=self.folder, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done.stdout if code == 0 else done.stderr

    def row(self, name):
        """Of the list, or None."""
        rows = json.loads(self.worker("list", "--json"))["items"]
        return next((row for row in rows if row["name"] == name), None)

    def until_state(self, name, state):
        return until(lambda: (self.row(name) or {}).get("state") == state and
                     self.row(name), lambda: f"{name} is {state}: {self.row(name)}")

    def write(self, name, text, file="capstan.worker.yaml"):
        os.makedirs(self.path(name), exist_ok=True)
        with open(self.path(name, file), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def add_env(self, name, **variables):
        with open(self.path(name, "capstan.worker.yaml"), "a", encoding="utf-8") as out:
            out.write("env:\n")
            for variable, value in variables.items():
                out.write(f"  {variable}: {json.dumps(value)}\n")

    def stubborn(self, name="stubborn", then="wait"):
        return self.write(name, STUBBORN.format(name=name, then=then))

    def lives(self, name="stubborn"):
        """Does any process of it hold its lock?"""
        try:
            with open(self.path(name, "alive"), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True

    def starts(self, name):
        return self.worker("logs", name).count(" -- start: ")

    def greets(self):
        self.engine.apply(GREET)
        run = self.engine.start("greet", wait=30)
        self.assertEqual(run["status"], "completed", run)

    def test_01_a_project_in_c_from_nothing_to_a_run(self):
        said = self.worker("init", "greeter", "--language", "c")
        self.assertIn("state     written", said)
        self.assertEqual(sorted(os.listdir(self.path("greeter"))), [
            ".gitignore", ".iii", "Makefile", "capstan.worker.yaml", "worker.c"])
        self.engine.up()
        self.assertIn("state     running", self.worker("add", "./greeter"))
        self.greets()
        self.assertEqual(self.row("greeter")["folder"], self.path("greeter"))
        self.assertEqual(
            [row["name"] for row in self.engine.get("/workers")["items"]], ["greeter"])

    def test_02_a_project_in_python_from_nothing_to_a_run(self):
        self.worker("init", "greeter", "-l", "py", "-d", "elsewhere")
        self.add_env("elsewhere", PATH="/usr/bin:/bin")
        self.engine.up()
        self.worker("add", "elsewhere")
        self.greets()
        self.assertEqual(sorted(os.listdir(self.path("elsewhere"))), [
            ".gitignore", ".iii", "capstan.worker.yaml", "requirements.txt", "worker.py"])

    def test_03_what_dies_is_started_again(self):
        self.worker("init", "greeter", "-l", "c")
        self.engine.up()
        self.worker("add", "greeter")
        pid = self.row("greeter")["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.row("greeter")["pid"] not in (0, pid), "it lives again")
        self.assertEqual(self.until_state("greeter", "running")["restarts"], 1)
        self.greets()
        self.assertIn("-- ended signal=9", self.worker("logs", "greeter"))
        self.assertEqual(self.worker("logs", "greeter").count("-- install: make"), 1)

    def test_04_what_dies_again_and_again_waits_longer_and_longer(self):
        self.write("broken", "name: broken\nscripts:\n  start: echo no luck; exit 3\n")
        self.engine.settings["restart_max_ms"] = 400
        self.engine.up()
        said = self.worker("add", "broken", code=1)
        self.assertEqual(said, "capstan: broken: exit=3: no luck\n")
        until(lambda: self.starts("broken") >= 5, "it is tried five times")
        stamps = [float(re.match(r"\S+T\d\d:\d\d:([\d.]+)Z", line)[1])
                  for line in self.worker("logs", "broken").splitlines()
                  if " -- start: " in line]
        gaps = [(b - a) % 60 for a, b in zip(stamps, stamps[1:])]
        for gap, least in zip(gaps, (0, 0.1, 0.2, 0.4)):
            self.assertGreaterEqual(gap, least, gaps)
        self.worker("status", "broken", code=1)
        self.worker("stop", "broken")
        self.assertEqual(self.row("broken")["state"], "stopped")

    def test_05_stop_ends_all_of_it_and_lasts(self):
        self.stubborn()
        self.engine.up()
        self.worker("add", "stubborn")
        self.assertTrue(self.lives())
        self.worker("stop", "stubborn")
        self.assertFalse(self.lives())
        self.worker("status", "stubborn", code=1)
        self.engine.down()
        self.engine.up()
        self.assertEqual(self.row("stubborn")["state"], "stopped")
        self.assertFalse(self.lives())
        self.worker("start", "stubborn")
        self.assertTrue(self.lives())
        self.assertEqual(self.worker("status", "stubborn").split()[3], "running")
        pid = self.row("stubborn")["pid"]
        self.worker("restart", "stubborn")
        self.assertNotEqual(self.row("stubborn")["pid"], pid)
        self.worker("remove", "stubborn")
        self.assertFalse(self.lives())
        self.assertIsNone(self.row("stubborn"))
        self.worker("start", "stubborn", code=1)

    def test_06_the_end_of_the_engine_is_the_end_of_all(self):
        self.stubborn()
        self.engine.up()
        self.worker("add", "stubborn")
        self.assertTrue(self.lives())
        self.engine.down()
        self.assertFalse(self.lives())
        self.assertFalse(self.engine.has_orphan())
        self.engine.up()
        self.until_state("stubborn", "running")
        self.assertTrue(self.lives())

    def test_07_nobody_outlives_a_killed_supervisor(self):
        self.stubborn()
        self.engine.up()
        self.worker("add", "stubborn")
        self.engine.down(signal.SIGKILL)
        self.engine.wait_no_orphan(20)
        self.assertFalse(self.lives())
        self.engine.up()
        self.until_state("stubborn", "running")

    def test_08_nobody_outlives_a_killed_keeper(self):
        self.stubborn()
        self.engine.up()
        self.worker("add", "stubborn")
        pid = self.row("stubborn")["pid"]
        self.engine.wait_restarted("keeper.0", self.engine.kill("keeper.0"))
        until(lambda: self.until_state("stubborn", "running")["pid"] != pid, "another")
        log = self.worker("logs", "stubborn")
        # One guardian at a time: the second begins when the first has ended all.
        self.assertLess(log.index("-- stopped"), log.rindex("-- start: "))
        self.worker("stop", "stubborn")
        self.assertFalse(self.lives())

    def test_09_nobody_outlives_a_killed_guardian(self):
        self.stubborn()
        self.engine.up()
        self.worker("add", "stubborn")
        pid = self.row("stubborn")["pid"]
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            guardian = int(stat.read().rsplit(")", 1)[1].split()[1])
        os.kill(guardian, signal.SIGKILL)
        until(lambda: self.row("stubborn")["pid"] not in (0, pid), "another")
        self.worker("stop", "stubborn")
        self.assertFalse(self.lives())

    def test_10_a_stop_does_not_wait_for_who_goes_at_once(self):
        self.write("quick", "name: quick\nscripts: { start: exec sleep 1000 }\n")
        self.engine.settings["drain_ms"] = 100000
        self.engine.up()
        self.worker("add", "quick")
        self.worker("stop", "quick", "--timeout", "20s")

    def test_10_a_stop_is_said_once(self):
        """A library takes the second SIGTERM for an order not to wait for its jobs."""
        self.write("once", ONCE)
        self.engine.up()
        for _ in range(2):
            self.worker("add", "once")
            self.worker("stop", "once")
        said = self.worker("logs", "once")
        self.assertEqual(re.findall(r"Z heard (\d)\n", said), ["1"] * 2, said)

    def test_10_a_job_under_way_is_given_back_before_its_worker_is_killed(self):
        self.engine.settings["drain_ms"] = 4000
        self.engine.up()
        self.worker("init", "greeter", "-l", "c")
        self.worker("add", "greeter")
        self.engine.apply(GREET.replace("Ada", "Ada, seconds: 600"))
        run = self.engine.start("greet")["id"]
        until(lambda: self.engine.run(run)["status"] == "running", "a worker has the job")
        self.worker("stop", "greeter")
        self.assertIn(" left unfinished=", self.worker("logs", "greeter"))
        # Not only when the lease has gone by, and not as another attempt.
        until(lambda: self.engine.run(run)["status"] == "suspended", "it waits for another", 10)
        self.assertEqual(self.engine.run(run)["steps"][0]["attempt"], 1)

    def test_11_capstan_yaml_names_workers(self):
        self.stubborn("one")
        self.stubborn("two")
        self.write("three", "nam: three\n")
        self.write("capstan", "workers: [" + ", ".join(
            self.path(name) for name in ("one", "two", "three", "four")) + "]\n",
            "capstan.yaml")
        self.engine.env["CAPSTAN_CONFIG"] = self.path("capstan", "capstan.yaml")
        self.engine.up()
        for name in ("one", "two"):
            self.until_state(name, "running")
            self.assertTrue(self.lives(name))
        row = self.until_state("three", "failed")
        self.assertIn("line 1, column 1: nam: unknown key 'nam'", row["detail"])
        self.assertIn("/four", self.engine.logs())
        self.assertIn("the setting workers names one", self.worker("remove", "one", code=1))
        self.write("three", "name: three\nscripts: { start: exec sleep 1000 }\n")
        self.worker("start", "three")
        os.remove(self.path("capstan", "capstan.yaml"))
        self.write("capstan", "workers: []\n", "capstan.yaml")
        self.engine.down()
        self.assertFalse(self.lives("one"))
        self.engine.up()
        self.assertIsNone(self.row("one"))

    def test_12_a_manifest_with_a_mistake_changes_nothing(self):
        self.engine.up()
        self.write("wrong", "name: wrong\nscripts:\n  strat: a\n")
        self.assertRegex(
            self.worker("add", "wrong", code=1),
            r"wrong/capstan.worker.yaml: line 3, column 3: scripts.strat: unknown key "
            r'"strat": did you mean "start"\?\n')
        self.assertIsNone(self.row("wrong"))
        self.assertIn("expected capstan.worker.yaml or iii.worker.yaml",
                      self.worker("add", ".", code=1))
        self.worker("add", "nowhere", code=1)
        self.stubborn()
        self.worker("add", "stubborn")
        pid = self.row("stubborn")["pid"]
        self.write("stubborn", "name: stubborn\nscripts: [a]\n")
        self.assertIn("line 2, column 10", self.worker("restart", "stubborn", code=1))
        self.assertEqual(self.row("stubborn")["pid"], pid)
        self.write("stubborn", "name: other\nscripts: { start: a }\n")
        self.assertIn("known as stubborn", self.worker("restart", "stubborn", code=1))
        self.write("twin", "name: stubborn\nscripts: { start: a }\n")
        self.assertIn("the name stubborn is that of", self.worker("add", "twin", code=1))

    def test_13_scripts_are_installed_once_at_a_change_of_the_manifest_and_a_restart(self):
        text = ("name: once\nscripts:\n  setup: echo setup >>done\n"
                "  install: echo install >>done\n  start: exec sleep 1000\n")
        self.write("once", text)

        def done():
            with open(self.path("once", "done"), encoding="utf-8") as lines:
                return lines.read().split()
        self.engine.up()
        self.worker("add", "once")
        self.engine.down()
        self.engine.up()
        self.until_state("once", "running")
        self.assertEqual(done(), ["setup", "install"])
        self.worker("restart", "once")
        self.assertEqual(done(), ["setup", "install"] * 2)
        self.write("once", text.replace("install: echo", "install: echo failing && exit 4; #"))
        said = self.worker("restart", "once", code=1)
        self.assertEqual(said, "capstan: once: scripts.install: exit=4: failing\n")
        self.assertEqual(self.row("once")["state"], "failed")
        self.assertEqual(done(), ["setup", "install"] * 2 + ["setup"])
        self.write("once", text + "# changed\n")
        self.worker("start", "once")
        self.assertEqual(done(), ["setup", "install"] * 2 + ["setup"] + ["setup", "install"])

    def test_13_a_restart_runs_the_code_of_now_or_says_why_not(self):
        self.worker("init", "greeter", "-l", "c")
        self.engine.up()
        self.worker("add", "greeter")

        def code(old, new):
            with open(self.path("greeter", "worker.c"), encoding="utf-8") as text:
                changed = text.read().replace(old, new)
            self.write("greeter", changed, "worker.c")
        code('"greet"', '"greet" oops')
        self.assertIn("scripts.install: exit=2", self.worker("restart", "greeter", code=1))
        self.assertEqual(self.row("greeter")["state"], "failed")
        self.assertIn("scripts.install: exit=2", self.worker("start", "greeter", code=1))
        code('"greet" oops', '"hail"')
        self.worker("start", "greeter")
        until(lambda: [row["actions"] for row in self.engine.get("/workers")["items"]]
              == [["hail"]], "the new code runs")

    def test_14_scripts_find_their_environment_and_nothing_of_the_engine(self):
        self.write("look", "name: look\nenv: { MINE: 'a b', III_URL: no, HOME: /tmp }\n"
                   "scripts:\n  start: env; ls -l /proc/self/fd; exec sleep 1000\n",
                   "iii.worker.yaml")
        self.engine.env["SECRET"] = "of the engine's caller"
        self.engine.up()
        self.worker("add", "look")
        log = self.worker("logs", "look")
        found = dict(re.findall(r"^\S+ (\w+)=(.*)$", log, re.M))
        self.assertEqual(found["MINE"], "a b")
        self.assertEqual(found["HOME"], "/tmp")
        self.assertEqual(found["III_WORKER_NAME"], "look")
        self.assertEqual(found["III_URL"], self.engine.env["III_URL"])
        self.assertEqual(found["CAPSTAN_URL"], self.engine.env["CAPSTAN_URL"])
        self.assertEqual(found["CAPSTAN_WORKER_URL"],
                         self.engine.env["CAPSTAN_WORKER_URL"])
        self.assertEqual(found["CAPSTAN_DRAIN_MS"], "0")  # of 2 s half, less a second
        self.assertNotIn("SECRET", found)
        self.assertNotIn("CAPSTAN_DATA", found)
        files = re.findall(r" (\d+) -> (\S+)$", log, re.M)
        self.assertEqual([number for number, _ in files], ["0", "1", "2", "3"])
        self.assertEqual(files[0][1], "/dev/null")
        self.assertTrue(files[3][1].startswith("/proc/"), files)

    def test_15_the_log_is_bounded_and_can_be_followed(self):
        self.write("loud", "name: loud\nscripts:\n  start: |\n"
                   "    echo first\n    yes \"$(printf %01000d 7)\" | head -n 9000\n"
                   "    echo last\n    read line <go\n    echo more\n"
                   "    exec sleep 1000\n")
        os.mkfifo(self.path("loud", "go"))
        self.engine.up()
        self.worker("add", "loud")
        folder = os.path.join(self.engine.data, "workers/loud")
        until(lambda: self.worker("logs", "loud").endswith(" last\n"), "it has said all")
        sizes = [os.path.getsize(os.path.join(folder, name)) for name in ("log", "log.1")]
        self.assertLessEqual(max(sizes), 4 << 20)
        follower = subprocess.Popen(
            [program("capstan"), "worker", "logs", "loud", "-f", "--timeout", "60s"],
            env=self.engine.env, stdout=subprocess.PIPE, text=True)
        for line in follower.stdout:
            if line.endswith(" last\n"):
                break
        with open(self.path("loud", "go"), "w", encoding="utf-8") as go:
            go.write("\n")
        self.assertTrue(next(follower.stdout).endswith(" more\n"))
        follower.kill()
        follower.wait()
        follower.stdout.close()

    def test_16_without_an_engine(self):
        self.stubborn()
        self.worker("add", "stubborn", code=6)
        self.engine.up()
        self.worker("add", "stubborn")
        self.engine.down()
        self.assertEqual(self.row("stubborn")["state"], "engine_down")
        self.worker("status", "stubborn", code=1)
        self.assertIn("it lives", self.worker("logs", "stubborn"))
        self.worker("stop", "stubborn", code=6)
        self.worker("logs", "nobody", code=1)
        self.worker("logs", "../stubborn", code=1)

    def test_17_init_keeps_what_is_there(self):
        os.makedirs(self.path("mine", ".git"))
        self.worker("init", "mine", "-l", "js")  # what begins with a dot does not count
        package = self.path("mine", "package.json")
        with open(package, "w", encoding="utf-8") as out:
            out.write("{}")
        self.assertIn("unchanged", self.worker("init", "mine", "-l", "c"))
        self.assertFalse(os.path.exists(self.path("mine", "worker.c")))
        shutil.rmtree(self.path("mine", ".iii"))
        self.worker("init", "mine", "-l", "js", code=1)
        self.worker("init", "mine", "-l", "js", "--allow-non-empty")
        with open(package, encoding="utf-8") as kept:
            self.assertEqual(kept.read(), "{}")
        self.worker("init", "other", code=2)
        self.worker("init", "other", "-l", "cobol", code=2)
        self.worker("init", "-l", "c", "../bad name", code=2)

    def test_18_every_template_is_filled_in_and_has_a_manifest(self):
        for language in ("typescript", "javascript", "python", "c"):
            self.worker("init", "a-" + language, "--language", language)
            for folder, _, files in os.walk(self.path("a-" + language)):
                for file in files:
                    with open(os.path.join(folder, file), encoding="utf-8") as text:
                        self.assertNotIn("@NAME@", text.read(), file)
            found = set(os.listdir(self.path("a-" + language)))
            self.assertEqual(
                len(found & {"iii.worker.yaml", "capstan.worker.yaml"}), 1, found)

    def key_of(self, name):
        return re.findall(r"^\S+ key=(.*)$", self.worker("logs", name), re.M)[-1]

    def may(self, key):
        """May it work, and what else?"""
        def code(method, path, body=None):
            try:
                self.engine.call(method, "/capstan/v1" + path, body, key=key)
            except Refused as refused:
                return refused.code
        self.assertEqual(code("GET", "/runs"), code("GET", "/keys"))
        self.assertEqual(code("GET", "/runs"),
                         code("POST", "/runs", {"automation": "smoke"}))
        return code("GET", "/runs")

    def test_19_their_key_is_for_work_and_for_this_life_of_the_engine(self):
        self.write("look", "name: look\n"
                   "scripts: { start: 'echo key=$CAPSTAN_API_KEY; exec sleep 1000' }\n",
                   "iii.worker.yaml")
        self.engine.up()
        self.worker("add", "look")
        key = self.key_of("look")
        self.assertEqual(self.may(key), "forbidden")
        for item in self.engine.get("/keys")["items"]:
            self.assertFalse(key.startswith(item["prefix"]), item)
        self.engine.wait_restarted("gateway.0", self.engine.kill("gateway.0"))
        self.assertEqual(self.may(key), "forbidden")
        self.engine.down()
        self.engine.up()
        self.until_state("look", "running")
        self.assertEqual(self.may(key), "unauthorized")
        self.assertNotEqual(self.key_of("look"), key)
        self.assertEqual(self.may(self.key_of("look")), "forbidden")


if __name__ == "__main__":
    unittest.main()
