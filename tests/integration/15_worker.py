#!/usr/bin/python3
"""Goal: the stock worker, the C example and the Python example keep what
docs/protocols/worker.md promises; C1 to C20 are its conformance list.

Method: all three programs go through tests/support/worker_conformance.py, the C library
through what it makes of a cancel, and the stock worker through what its actions, flags
and commands promise.
"""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

BUILD = os.environ.get("CAPSTAN_BUILD", ".")
SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
STOCK = os.path.join(BUILD, "libexec/capstan/worker")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from worker_conformance import (BEAT_MS, DEADLINE, Cancelled, Case,  # noqa: E402
                                Conformance, run_side_by_side)


class PythonExample(Conformance, Case):
    program = os.path.join(SOURCE, "examples/worker.py")

    def begin(self):
        self.start("/usr/bin/python3", self.program)

    def test_it_has_sixty_lines(self):
        with open(self.program, encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 60)


class CExample(Conformance, Case):
    def begin(self):
        self.start(os.path.join(BUILD, "tests/integration/example_worker"))


class CLibrary(Cancelled, Case):
    failures = ("error", "result")

    def begin(self):
        self.start(os.path.join(BUILD, "tests/integration/after_cancel"))
        self.gateway.let_in()


class Stock(Conformance, Case):
    quick = ("json", {"name": "Ada"})
    long = ("sleep", {"duration": "10m"})

    def begin(self, *flags, **more):
        self.start(STOCK, "--drain-ms", "300", *flags, **more)

    def do(self, number, action, parameters, outcome="completed"):
        token = self.gateway.job(number, action, parameters)
        return self.gateway.hear_report(token, outcome)

    def test_it_does_what_its_actions_say(self):
        self.begin()
        self.gateway.let_in()
        parameters = {"message": "Hello from Acme platform."}
        output = self.do(1, "print", parameters)["output"]
        self.assertEqual(output, {"output": "Hello from Acme platform."})
        self.assertEqual(self.printed("out"), "Hello from Acme platform.\n")
        self.do(2, "print", {"message": {"a": [1, None, True]}})
        self.assertTrue(self.printed("out").endswith('{"a":[1,null,true]}\n'))
        self.assertEqual(self.do(3, "json", {"a": [1, 2]})["output"], {"a": [1, 2]})
        now = self.do(4, "time", {})["output"]
        self.assertRegex(now["now"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLess(abs(now["unix_ms"] - time.time() * 1000), 60000)
        failed = self.do(5, "fail", {"message": "no", "type": "Declined"}, "failed")
        self.assertEqual((failed["error_type"], failed["error_message"]),
                         ("Declined", "no"))
        self.assertEqual(self.do(6, "sleep", {"duration": 0.01})["output"],
                         {"slept_ms": 10})
        wrong = self.do(7, "sleep", {"duration": "soon"}, "failed")
        self.assertEqual(wrong["error_type"], "InvalidInput")
        wrong = self.do(8, "fly", {}, "failed")
        self.assertEqual(wrong["error_type"], "UnknownAction")
        self.stop()

    def test_what_is_in_env_is_no_part_of_the_command(self):
        self.begin("--actions", "shell", BOTH="of the worker", OWN="here")
        self.gateway.let_in()
        command = ('echo "::set-output all=$OWN $BOTH $SHA $COUNT $ON [$NONE] $LIST $RATE"; '
                   'env | grep -c ^BOTH=')
        env = {"BOTH": "of the job", "SHA": "$(exit 3); `exit 4`", "COUNT": 17, "ON": True,
               "NONE": None, "LIST": [1, "a"], "RATE": 0.1}
        said = self.do(1, "shell", {"command": command, "env": env})
        self.assertEqual(said["output"]["all"], 'here of the job $(exit 3); `exit 4` 17 '
                                                'true [] [1,"a"] 0.1')
        self.assertEqual(self.do(2, "shell", {"command": "echo $OWN", "env": None})["output"],
                         {})
        for number, wrong in enumerate(([1], {"a b": 1}, {"": 1}, {"1a": 1}, {5: 1},
                                        {"a": "b\0c"}, {f"v{i}": 1 for i in range(65)})):
            said = self.do(3 + number, "shell", {"command": "true", "env": wrong}, "failed")
            self.assertEqual(said["error_type"], "InvalidInput", wrong)
        self.stop()

    def test_what_a_command_prints_is_text_whatever_its_bytes(self):
        self.begin("--actions", "shell")
        self.gateway.let_in()
        said = self.do(1, "shell", {"command": "printf '::set-output a=1\\n'; "
                                               "printf '::set-output b=\\351t\\n::set-output c=3'"})
        self.assertEqual(said["output"], {"a": "1", "b": "?t", "c": "3"})
        said = self.do(2, "shell", {"command": "printf 'caf\\351\\n' >&2; exit 1"}, "failed")
        self.assertEqual(said["error_message"], "caf?")
        self.stop()

    def test_a_command_that_no_program_can_be_given_is_a_mistake(self):
        self.begin("--actions", "shell")
        self.gateway.let_in()
        for number, long in enumerate(({"command": ":" + " " * 131071},
                                       {"command": "true", "env": {"V": "x" * 131072}})):
            said = self.do(1 + number, "shell", long, "failed")
            self.assertEqual((said["error_type"], said["error_message"]),
                             ("InvalidInput", "`command` and each variable of `env` have at "
                                              "most 131071 bytes"))
        said = self.do(3, "shell", {"command": "true \0 && false"}, "failed")
        self.assertEqual(said["error_type"], "InvalidInput")
        self.stop()

    def test_random_values_are_what_was_asked_for(self):
        self.begin()
        self.gateway.let_in()
        for value in self.do(1, "random", {"min": -2, "max": 2, "count": 200})[
                "output"]["values"]:
            self.assertTrue(-2 <= value <= 2)
        value = self.do(2, "random", {"type": "hex", "length": 8})["output"]["value"]
        self.assertRegex(value, "^[0-9a-f]{16}$")
        value = self.do(3, "random", {"type": "uuid"})["output"]["value"]
        self.assertRegex(value, "^[0-9a-f-]{36}$")
        value = self.do(4, "random", {"type": "float"})["output"]["value"]
        self.assertTrue(0 <= value < 1)
        self.do(5, "random", {"min": 3, "max": 2}, "failed")
        self.do(6, "random", {"type": "dice"}, "failed")
        self.do(7, "random", {"count": 1001}, "failed")
        value = self.do(8, "random", {"min": 3.0, "max": 3})["output"]["value"]
        self.assertEqual(value, 3)
        for number, odd in enumerate(({"max": 2.5}, {"type": "float", "min": 2},
                                      {"max": 2 ** 53, "min": 2 ** 53 + 1},
                                      {"type": "float", "min": -1e308, "max": 1e308})):
            self.do(9 + number, "random", odd, "failed")
        self.stop()

    def test_with_no_time_to_drain_it_ends_at_once(self):
        self.start(STOCK, "--drain-ms", "0")
        self.gateway.let_in()
        token = self.gateway.job(1, *self.long)
        while token not in self.gateway.held:
            self.gateway.answer(self.gateway.hear("heartbeat"))
        told = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("goodbye")
        self.process.wait(DEADLINE)
        self.assertLess(time.monotonic() - told, 8)

    def test_its_flags_are_what_it_registers(self):
        self.begin("--queues", "fast, slow ", "--concurrency=7", "--actions", "print",
                   "--labels", "gpu", "--environment", "env_1", "--instance-id",
                   "here", "--name", "mine", "--key", "cap_flag")
        register = self.gateway.let_in()
        expected = {"queues": ["fast", "slow"], "concurrency": 7, "actions": ["print"],
                    "labels": ["gpu"], "environment": "env_1", "instance": "here",
                    "name": "mine", "key": "cap_flag"}
        for name, value in expected.items():
            self.assertEqual(register[name], value)
        self.stop()

    def test_the_usual_actions_can_be_named_with_others(self):
        self.begin("--actions", "shell, default,print")
        self.assertEqual(self.gateway.let_in()["actions"],
                         ["print", "json", "time", "random", "fail", "sleep", "shell"])
        self.stop()

    def test_workers_are_sessions_of_their_own(self):
        self.begin("--workers", "3", "--instance-id", "pool")
        instances = set()
        for _ in range(3):
            instances.add(self.gateway.let_in()["instance"])
        self.assertEqual(instances, {"pool-1", "pool-2", "pool-3"})
        self.process.send_signal(signal.SIGTERM)
        for _ in range(3):
            self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)

    def test_it_finds_the_development_key(self):
        with open(os.path.join(self.folder, "dev.key"), "w", encoding="utf-8") as file:
            file.write("cap_development\n")
        self.begin(CAPSTAN_API_KEY="")
        self.assertEqual(self.gateway.let_in()["key"], "cap_development")
        self.stop()

    def test_a_reader_that_does_not_read_costs_no_heartbeat(self):
        read_end, write_end = os.pipe()
        self.begin("--concurrency", "64", stdout=write_end)
        os.close(write_end)
        self.gateway.let_in()
        tokens = {self.gateway.job(n, "print", {"message": f"{n} " + "x" * 60000})
                  for n in range(60)}
        # 60 of 60,000 bytes are more than pipe and memory take: some must wait.
        beats = 0
        while beats < 5:
            message = self.gateway.hear_any(beats=True)
            if message["type"] == "report":
                self.gateway.ack(message["token"])
                tokens.remove(message["token"])
            elif message["type"] == "heartbeat":
                self.gateway.answer(message)
                beats += 1
        self.assertGreater(len(tokens), 0)
        with open(os.path.join(self.folder, "read"), "wb") as file:
            reader = subprocess.Popen(["cat"], stdin=read_end, stdout=file)
        os.close(read_end)
        while tokens:
            token = self.gateway.hear("report")["token"]
            self.gateway.ack(token)
            tokens.discard(token)
        self.stop()
        reader.wait(DEADLINE)
        lines = self.printed("read").splitlines()
        self.assertEqual(sorted(int(line.split()[0]) for line in lines),
                         list(range(60)))

    def test_jobs_under_way_are_finished_before_it_ends(self):
        self.start(STOCK, "--drain-ms", "60000")
        self.gateway.let_in()
        token = self.gateway.job(1, "sleep", {"duration": "1s"})
        while token not in self.gateway.held:
            self.gateway.answer(self.gateway.hear("heartbeat"))
        self.process.send_signal(signal.SIGTERM)
        self.gateway.hear("drain")
        self.gateway.hear_report(token, "completed")
        self.gateway.hear("goodbye")
        self.assertEqual(self.process.wait(DEADLINE), 0)

    def run_it(self, *flags):
        return subprocess.run([STOCK, *flags], capture_output=True, text=True,
                              timeout=DEADLINE, check=False)

    def test_a_wrong_flag_is_named(self):
        for flags, named in [(("--concurrency", "0"), "concurrency"),
                             (("--concurrency", "5x"), "concurrency"),
                             (("--workers", "257"), "workers"),
                             (("--drain-ms", "-1"), "drain-ms"),
                             (("--queues", "a,,b"), "queues"),
                             (("--colour", "blue"), "colour"),
                             (("--queue", "a"), "did you mean '--queues'?"),
                             (("--action=print",), "did you mean '--actions'?"),
                             (("--name",), "--name: a value was expected"),
                             (("--actions", "print, shel"), "did you mean shell?"),
                             (("--actions", "frobnicate"), "no action 'frobnicate'"),
                             (("--actions", "print shell"), "no action 'print shell'"),
                             (("surplus",), "surplus")]:
            done = self.run_it(*flags)
            self.assertEqual(done.returncode, 2, flags)
            self.assertIn(named, done.stderr)

    def test_commands_end_with_a_worker_that_is_killed(self):
        for closed in ("", " >&-"):
            with self.subTest(closed=closed):
                self.start("/bin/sh", "-c", f"exec {STOCK} --actions shell{closed}")
                self.gateway.let_in()
                path = os.path.join(self.folder, "pid")
                done = self.gateway.job(1, "shell", {"command": "true"})
                self.gateway.hear_report(done, "completed")
                self.gateway.job(2, "shell", {
                    "command": f"sleep 100 & echo $! >{path}.new; mv {path}.new {path}; wait"})
                end = time.monotonic() + DEADLINE
                while not os.path.exists(path):
                    self.assertLess(time.monotonic(), end)
                with open(path, encoding="utf-8") as file:
                    pid = int(file.read())
                os.unlink(path)
                # Whoever has begun another command has told of this one.
                done = self.gateway.job(3, "shell", {"command": "true"})
                self.gateway.hear_report(done, "completed")
                os.kill(pid, 0)
                self.process.kill()
                self.process.wait(DEADLINE)
                while self.lives(pid):
                    self.assertLess(time.monotonic(), end)

    @staticmethod
    def lives(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_help_has_every_action_and_an_example(self):
        done = self.run_it("--help")
        self.assertEqual(done.returncode, 0)
        for word in ("print", "sleep", "--queues", "Example:"):
            self.assertIn(word, done.stdout)

    def test_a_refused_key_ends_it_with_1(self):
        self.begin()
        self.gateway.hear("register")
        self.gateway.say("error", code="unauthorized", message="no such key")
        self.assertEqual(self.process.wait(DEADLINE), 1)
        self.assertTrue(re.search("unauthorized: no such key", self.printed("err")))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(run_side_by_side("PythonExample", "CExample", "CLibrary", "Stock"))
    unittest.main(verbosity=2)
