#!/usr/bin/python3
"""Goal: the supervisor's promises hold for real processes.

Method: one program plays every part of the engine, as well or as badly as its plan says
(fake_child.c). Nothing waits by the clock: each wait is for a line of the log, the ready
descriptor or the end of a process, and has a deadline.
"""
import fcntl
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ.get("CAPSTAN_BUILD", ".")
CAPSTAND = os.path.join(BUILD, "bin/capstand")
FAKE = os.path.join(BUILD, "tests/integration/fake_child")
PARTS = ["registry", "trigger", "scheduler", "lease", "view", "gateway", "keeper"]
ONE_OF_EACH = [part + ".0" for part in PARTS]
DEADLINE = 30  # seconds; only a broken engine takes that long


class Lines:
    """Lines of a pipe, waited for with a deadline."""

    def __init__(self, fd):
        self.fd, self.rest, self.seen = fd, b"", []

    def read(self, timeout=DEADLINE):
        """The next line, or None at the end."""
        end = time.monotonic() + timeout
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("no line in time; before: " + "\n".join(self.seen))
            piece = os.read(self.fd, 65536)
            if not piece:
                return None
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        self.seen.append(line.decode())
        return self.seen[-1]

    def until(self, pattern):
        while True:
            line = self.read()
            if line is None:
                raise AssertionError(
                    f"the end came before {pattern!r}; before: " + "\n".join(self.seen))
            if re.search(pattern, line):
                return line


def wait_gone(pid):
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([fd], [], [], DEADLINE)[0]:
            raise AssertionError(f"process {pid} is still there")
    finally:
        os.close(fd)


class Engine:
    """capstand in the foreground."""

    def __init__(self, world, *arguments):
        ready_read, ready_write = os.pipe()
        stray = fcntl.fcntl(ready_write, fcntl.F_DUPFD, 100)  # promised to nobody
        self.process = subprocess.Popen(
            [CAPSTAND, "--data", world.data, "--foreground", "--set", "http_port=0",
             "--ready-fd", str(ready_write), *arguments],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=world.folder,
            env=world.environment, pass_fds=[ready_write, stray])
        os.close(ready_write)
        os.close(stray)
        self.log = Lines(self.process.stderr.fileno())
        self.ready = Lines(ready_read)
        world.engines.append(self)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self):
        """Its exit code, with all of its log read."""
        while self.log.read() is not None:
            pass
        return self.process.wait(DEADLINE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        os.close(self.ready.fd)


class SupervisorTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-")
        self.data = os.path.join(self.folder, "data")
        self.libexec = os.path.join(self.folder, "libexec")
        self.environment = dict(os.environ, CAPSTAN_LIBEXEC=self.libexec)
        self.environment.pop("CAPSTAN_CONFIG", None)
        self.environment["HOME"] = self.folder
        self.environment.pop("XDG_CONFIG_HOME", None)
        self.engines = []
        os.mkdir(self.libexec)
        for part in PARTS:
            os.symlink(os.path.abspath(FAKE), os.path.join(self.libexec, part))

    def tearDown(self):
        for engine in self.engines:
            engine.close()
        for _, pid, _ in self.lives():
            wait_gone(pid)
        shutil.rmtree(self.folder)

    def plan(self, part, words):
        with open(os.path.join(self.libexec, part + ".plan"), "w") as out:
            out.write(words)

    def lines(self, name):
        try:
            with open(os.path.join(self.libexec, name)) as lines:
                return [line.split() for line in lines]
        except FileNotFoundError:
            return []

    def lives(self):
        return [(name, int(pid), int(count)) for name, pid, count in self.lines("lives")]

    def status(self):
        with open(os.path.join(self.data, "run/status")) as lines:
            rows = [dict(re.findall(r'(\w+)=("[^"]*"|\S*)', line)) for line in lines]
        return {row["name"]: row for row in rows}

    def start(self, *arguments):
        engine = Engine(self, *arguments)
        self.assertEqual(engine.ready.read(),
                         "ready http=4000 worker=5171 iii=5172 iii_http=5173")
        return engine

    def refused(self, *arguments):
        """The sentence of an engine that exits 2."""
        engine = Engine(self, *arguments)
        said = engine.ready.read()
        self.assertEqual(engine.end(), 2, engine.log.seen)
        self.assertRegex(said, "^failed ")
        self.assertIn(said[len("failed "):], engine.log.seen[-1])
        return said

    def test_01_processes_start_in_order_and_end_in_reverse(self):
        engine = self.start("--set", "schedulers=3")
        order = ["registry.0", "trigger.0", "scheduler.0", "scheduler.1", "scheduler.2",
                 "lease.0", "view.0", "gateway.0", "keeper.0"]
        self.assertEqual([name for name, _, _ in self.lives()], order)
        self.assertEqual(engine.stop(), 0)
        self.assertEqual([line[0] for line in self.lines("ends")], order[::-1])

    def test_02_status_says_what_is(self):
        engine = self.start()
        status = self.status()
        self.assertEqual(list(status), ["capstand"] + ONE_OF_EACH)
        self.assertEqual({row["state"] for row in status.values()}, {"ready"})
        self.assertEqual(status["capstand"]["pid"], str(engine.process.pid))
        self.assertEqual(status["capstand"]["http"], "4000")
        self.assertEqual(status["capstand"]["worker"], "5171")
        for name, pid, _ in self.lives():
            self.assertEqual(status[name]["pid"], str(pid))
        engine.stop()
        self.assertEqual({row["state"] for row in self.status().values()}, {"stopped"})

    def test_03_each_waits_until_the_one_before_is_ready(self):
        self.plan("trigger", "late")
        engine = Engine(self)
        engine.log.until("trigger.0 playing")
        self.assertEqual([name for name, _, _ in self.lives()], ONE_OF_EACH[:2])
        status = self.status()
        self.assertEqual(status["registry.0"]["state"], "ready")
        self.assertEqual(status["trigger.0"]["state"], "starting")
        self.assertEqual(status["scheduler.0"]["state"], "stopped")
        self.assertEqual(status["capstand"]["state"], "starting")
        open(os.path.join(self.libexec, "go"), "w").close()
        self.assertEqual(engine.ready.read(),
                         "ready http=4000 worker=5171 iii=5172 iii_http=5173")
        self.assertEqual(engine.stop(), 0)

    def test_04_a_killed_process_comes_back_and_the_others_stay(self):
        engine = self.start()
        before = self.status()
        os.kill(int(before["scheduler.0"]["pid"]), signal.SIGKILL)
        engine.log.until("process_died name=scheduler.0 .*signal=9")
        engine.log.until("process_ready name=scheduler.0")
        os.kill(int(before["gateway.0"]["pid"]), signal.SIGKILL)
        # The port that strangers know by now is kept.
        engine.log.until("process_ready name=gateway.0 .*http=4000")
        engine.stop()
        after = self.status()
        self.assertEqual(after["scheduler.0"]["restarts"], "1")
        self.assertEqual(after["lease.0"]["restarts"], "0")
        self.assertEqual([name for name, _, _ in self.lives()],
                         ONE_OF_EACH + ["scheduler.0", "gateway.0"])

    def test_05_five_deaths_before_ready_are_the_end(self):
        self.plan("lease", "die")
        engine = Engine(self)
        said = engine.ready.read()
        self.assertRegex(said, "^failed lease.0 died 5 times in a row before it was ready: "
                         "exit=3: something a library says")
        self.assertEqual(engine.end(), 111)
        self.assertEqual([name for name, _, _ in self.lives()].count("lease.0"), 5)
        self.assertEqual([line[0] for line in self.lines("ends")],
                         ["scheduler.0", "trigger.0", "registry.0"])
        faults = [line for line in engine.log.seen if "configuration_fault" in line]
        self.assertEqual(len(faults), 5)
        self.assertIn("died 5 times", self.status()["capstand"]["detail"])

    def test_06_a_death_or_two_before_ready_is_not(self):
        self.plan("lease", "die die ready")
        engine = self.start()
        self.assertEqual(engine.stop(), 0)

    def test_07_a_refusal_is_said_and_not_tried_again(self):
        self.plan("gateway", "refuse")
        engine = Engine(self, "--set", "http_port=4711")
        self.assertEqual(engine.ready.read(),
                         "failed gateway.0: http_port: 4711 on 127.0.0.1 is in use")
        self.assertEqual(engine.end(), 1)
        self.assertEqual([name for name, _, _ in self.lives()], ONE_OF_EACH[:-1])

    def test_08_a_program_that_cannot_run_is_named(self):
        path = os.path.join(self.libexec, "view")
        os.remove(path)
        with open(path, "w") as out:
            out.write("not a program")
        os.chmod(path, 0o755)
        engine = Engine(self)
        self.assertRegex(engine.ready.read(), "^failed view.0: cannot run .*/view: Exec")
        self.assertEqual(engine.end(), 1)
        os.remove(path)
        self.assertIn("the program view is not in", self.refused())

    def test_09_a_killed_supervisor_leaves_nothing(self):
        engine = self.start()
        engine.process.kill()
        engine.process.wait()
        for _, pid, _ in self.lives():
            wait_gone(pid)

    def test_10_a_killed_engine_starts_again_at_once(self):
        for _ in range(5):
            engine = self.start()
            engine.process.kill()
            engine.process.wait()
        self.assertEqual(self.start().stop(), 0)

    def test_11_a_second_engine_says_so_and_changes_nothing(self):
        engine = self.start()
        before = self.status()
        said = self.refused()
        self.assertIn(f"another engine (pid {engine.process.pid}) runs on", said)
        self.assertEqual(self.status(), before)
        self.assertEqual(len(self.lives()), len(PARTS))
        self.assertEqual(engine.stop(), 0)

    def test_11_who_reads_the_folder_is_no_other_engine(self):
        self.assertEqual(self.start().stop(), 0)
        with open(os.path.join(self.data, "lock")) as lock:
            fcntl.lockf(lock, fcntl.LOCK_SH)  # as a backup does
            self.assertIn("is in use: it is read, as by a backup", self.refused())
        self.assertEqual(self.start().stop(), 0)

    def test_12_a_wrong_setting_is_placed_and_nothing_starts(self):
        path = os.path.join(self.folder, "our.yaml")
        with open(path, "w") as out:
            out.write("# ours\nlease_ms: 5000\nhearbeat_ms: 1000\n")
        self.assertIn("our.yaml: line 3, column 1: there is no setting 'hearbeat_ms': did "
                      "you mean 'heartbeat_ms'?", self.refused("--config", path))
        self.assertIn("schedulers: 65 is out of bounds", self.refused("--set", "schedulers=65"))
        self.assertIn("not NAME=VALUE", self.refused("--set", "schedulers"))
        self.assertIn("heartbeat_ms: 10000 is more than a third",
                      self.refused("--set", "lease_ms=600"))
        self.assertIn("none.yaml: No such file",
                      self.refused("--config", os.path.join(self.folder, "none.yaml")))
        self.assertFalse(os.path.exists(self.data))

    def test_13_settings_of_the_file_reach_the_processes(self):
        with open(os.path.join(self.folder, "capstan.yaml"), "w") as out:
            out.write("schedulers: 2\nlog_level: unusual\n")
        engine = self.start("--set", "schedulers=3")
        self.assertEqual(len(self.lives()), len(PARTS) + 2)
        engine.stop()
        self.assertEqual(engine.log.seen, [])

    def test_14_the_number_of_schedulers_is_fixed(self):
        self.start("--set", "schedulers=3").stop()
        said = self.refused("--set", "schedulers=2")
        self.assertIn("schedulers: 2, but the data in", said)
        self.assertIn("was made with 3", said)
        self.start("--set", "schedulers=3").stop()

    def test_15_beyond_loopback_must_be_meant(self):
        self.assertIn("http_address: 0.0.0.0 is beyond loopback",
                      self.refused("--set", "http_address=0.0.0.0"))
        self.assertIn("worker_address: 0.0.0.0 is beyond loopback",
                      self.refused("--set", "worker_address=0.0.0.0"))
        for _ in range(2):
            engine = self.start("--set", "http_address=0.0.0.0", "--set", "insecure=true")
            engine.stop()
            self.assertTrue(any("unusual capstand insecure http_address=0.0.0.0" in line
                                for line in engine.log.seen))
        wide = "--set", "http_address=0.0.0.0", "--set", "iii_http_address=0.0.0.0"
        engine = self.start(*wide, "--set", "tls_certificate=c", "--set", "tls_key=k")
        engine.stop()
        self.assertFalse(any(" insecure " in line for line in engine.log.seen))
        engine = self.start(*wide, "--set", "insecure=1")
        engine.stop()
        self.assertTrue(any("insecure iii_http_address=0.0.0.0 tls=no" in line
                            for line in engine.log.seen))

    def test_16_a_deaf_process_is_killed_after_the_drain_time(self):
        self.plan("lease", "deaf")
        engine = self.start("--set", "drain_ms=100")
        self.assertEqual(engine.stop(), 0)
        self.assertTrue(any("process_killed name=lease.0" in line
                            for line in engine.log.seen))

    def test_17_a_second_signal_does_not_wait(self):
        self.plan("lease", "deaf")
        engine = self.start("--set", "drain_ms=600000")
        engine.process.send_signal(signal.SIGTERM)
        engine.log.until("process_stopping name=lease.0")
        self.assertEqual(engine.stop(), 0)

    def test_18_a_stop_during_the_start_is_heard(self):
        self.plan("scheduler", "late")
        engine = Engine(self)
        engine.log.until("scheduler.0 playing")
        engine.process.send_signal(signal.SIGINT)
        self.assertEqual(engine.ready.read(),
                         "failed it was told to stop before it was ready")
        engine.process.send_signal(signal.SIGINT)
        self.assertEqual(engine.end(), 0)

    def test_19_in_the_background_it_returns_when_ready(self):
        done = subprocess.run([CAPSTAND, "--data", self.data], env=self.environment,
                              cwd=self.folder, capture_output=True, timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, b"ready http=3000 worker=5171 iii=5172 iii_http=5173\n", b""))
        pid = int(self.status()["capstand"]["pid"])
        second = subprocess.run([CAPSTAND, "--data", self.data], env=self.environment,
                                cwd=self.folder, capture_output=True, timeout=DEADLINE)
        self.assertEqual(second.returncode, 2)
        self.assertIn(f"capstand: another engine (pid {pid}) runs on", second.stderr.decode())
        os.kill(pid, signal.SIGTERM)
        wait_gone(pid)
        with open(os.path.join(self.data, "log/capstan.log")) as log:
            lines = log.read().splitlines()
        self.assertRegex(lines[-1], "Z info capstand stopped exit=0$")
        self.assertTrue(any("info gateway.0 playing" in line for line in lines))

    def test_20_children_have_what_they_need_and_no_more(self):
        engine = self.start()
        for name, pid, surprises in self.lives():
            self.assertEqual(surprises, 0, name)
            with open(f"/proc/{pid}/status") as status:
                self.assertIn("NoNewPrivs:\t1", status.read())
            self.assertEqual(os.getpgid(pid), pid)
        engine.stop()
        for name in ("secret", "lock", "partitions", "run/status", "log/capstan.log"):
            mode = os.stat(os.path.join(self.data, name)).st_mode & 0o777
            self.assertEqual(mode, 0o600, name)
        self.assertEqual(os.stat(self.data).st_mode & 0o777, 0o700)
        self.assertEqual(sorted(os.listdir(os.path.join(self.data, "journal"))),
                         ["registry.0", "scheduler.0", "trigger.0", "views"])

    def test_21_the_secret_is_made_once_and_never_replaced(self):
        path = os.path.join(self.data, "secret")
        self.start().stop()
        with open(path, "rb") as secret:
            first = secret.read()
        self.assertEqual(len(first), 32)
        self.start().stop()
        with open(path, "rb") as secret:
            self.assertEqual(secret.read(), first)
        with open(path, "wb") as secret:
            secret.write(first[:31])
        self.assertIn("secret: not the 32 bytes", self.refused())

    def test_22_a_data_path_too_long_for_sockets_is_refused(self):
        self.data = os.path.join(self.folder, "x" * 100)
        self.assertIn("sockets in it leave room for", self.refused())

    def test_23_a_part_started_by_hand_says_so(self):
        done = subprocess.run([os.path.join(self.libexec, "lease"), "0"],
                              capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"started by capstand, not by hand", done.stderr)

    def test_24_a_flag_that_is_cut_short_is_none(self):
        for program, short, whole in (
                (CAPSTAND, "--foregr", "--foreground"), (CAPSTAND, "--dat=x", "--data"),
                (os.path.join(BUILD, "libexec/capstan/verify"), "--js", "--json"),
                (os.path.join(BUILD, "libexec/capstan/replay"), "--verif", "--verify"),
                (os.path.join(BUILD, "libexec/capstan/worker"), "--queue", "--queues")):
            done = subprocess.run([program, short, "x"], env=self.environment, text=True,
                                  stderr=subprocess.PIPE, timeout=DEADLINE)
            self.assertEqual(done.returncode, 2, (program, done.stderr))
            self.assertIn(f": there is no flag '{short.split('=')[0]}': did you mean '{whole}'?\n",
                          done.stderr)


if __name__ == "__main__":
    unittest.main()
