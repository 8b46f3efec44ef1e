#!/usr/bin/python3
"""Goal: the systemd units are understood, score as hardened, and the engine tells the
service manager when it is ready.

Method: systemd-analyze reads the units that are installed, without a systemd that runs;
capstand is started with a socket of ours in the place of the service manager's.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import BUILD, DEADLINE, Engine  # noqa: E402

ANALYZE = shutil.which("systemd-analyze")
# Exposure in tenths, 0 is none; more than that is a unit that lost its hardening.
SCORES = {"capstan.service": 14, "capstan-worker.service": 14}
# A unit without any of it scores above 90.
BARE = "[Service]\nExecStart=/bin/true\n"


def exposure(path):
    done = subprocess.run([ANALYZE, "security", "--offline=true", "--no-pager", path],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    last = done.stdout.strip().splitlines()[-1]  # … Overall exposure level for X: 1.1 OK
    return round(10 * float(last.split(": ")[1].split()[0]))


def calls_of(name):
    """The system calls of a set such as @file-system, or the one that it is itself."""
    if not name.startswith("@"):
        return {name}
    done = subprocess.run([ANALYZE, "syscall-filter", name], capture_output=True,
                          text=True, timeout=DEADLINE, check=True)
    words = {line.strip() for line in done.stdout.splitlines()} - {name, ""}
    return set().union(*(calls_of(word) for word in words if not word.startswith("#")))


def allowed(unit):
    """What SystemCallFilter= of the unit leaves, line after line."""
    calls = calls_of("@default")
    with open(unit, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("SystemCallFilter="):
                words = line.split("=", 1)[1].strip()
                named = set().union(*map(calls_of, words.lstrip("~").split()))
                calls = calls - named if words.startswith("~") else calls | named
    return calls


class Units(unittest.TestCase):
    @unittest.skipIf(ANALYZE is None, "systemd-analyze cannot be had here")
    def test_units_score_as_hardened(self):
        for name, most in SCORES.items():
            found = exposure(os.path.join(BUILD, "systemd", name))
            print(f"{name}: exposure {found / 10}")
            self.assertLessEqual(found, most, name)

    def test_a_stop_is_said_to_who_drains_and_to_nobody_behind_it(self):
        """Else it would be the commands of the stock worker that are ended first."""
        for name in SCORES:
            with open(os.path.join(BUILD, "systemd", name), encoding="utf-8") as unit:
                self.assertIn("\nKillMode=mixed\n", unit.read(), name)

    @unittest.skipIf(ANALYZE is None, "systemd-analyze cannot be had here")
    def test_the_engine_works_with_the_system_calls_that_its_unit_allows(self):
        calls = allowed(os.path.join(BUILD, "systemd/capstan.service"))
        self.assertNotIn("mount", calls)
        with tempfile.TemporaryDirectory(prefix="capstan-") as folder:
            said, child = os.pipe()
            with subprocess.Popen(
                    [os.path.join(BUILD, "tests/integration/filtered"),
                     os.path.join(BUILD, "bin/capstand"), "--foreground", "--data",
                     os.path.join(folder, "data"), "--ready-fd", str(child),
                     *(f"--set={name}_port=0" for name in ("http", "worker", "iii", "iii_http"))],
                    stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[child],
                    text=True) as engine:
                os.close(child)
                engine.stdin.write("\n".join(calls) + "\n")
                engine.stdin.close()
                ready = os.read(said, 500).decode()
                os.close(said)
                engine.terminate()
                log = engine.stderr.read()
            self.assertTrue(ready.startswith("ready"), ready + log)
            self.assertNotIn("process_died", log)
            self.assertNotIn("no_landlock", log)
            self.assertNotIn("no_seccomp", log)

    @unittest.skipIf(ANALYZE is None, "systemd-analyze cannot be had here")
    def test_control_a_bare_unit_scores_badly(self):
        with tempfile.TemporaryDirectory(prefix="capstan-") as folder:
            path = os.path.join(folder, "bare.service")
            with open(path, "w", encoding="utf-8") as out:
                out.write(BARE)
            self.assertGreater(exposure(path), 90)

    @unittest.skipIf(ANALYZE is None, "systemd-analyze cannot be had here")
    def test_units_have_no_word_that_systemd_does_not_know(self):
        with tempfile.TemporaryDirectory(prefix="capstan-") as folder:
            for name in SCORES:
                with open(os.path.join(BUILD, "systemd", name), encoding="utf-8") as unit:
                    text = "".join(
                        "ExecStart=/bin/true\n" if line.startswith("ExecStart=") else line
                        for line in unit)
                path = os.path.join(folder, name)
                with open(path, "w", encoding="utf-8") as out:
                    out.write(text)
                done = subprocess.run([ANALYZE, "verify", "--man=no", path], check=False,
                                      capture_output=True, text=True, timeout=DEADLINE)
                said = [line for line in done.stderr.splitlines() if name + ":" in line]
                self.assertEqual(said, [], name)


class Notify(unittest.TestCase):
    def test_the_service_manager_hears_of_the_beginning_and_the_end(self):
        for abstract in (False, True):
            with tempfile.TemporaryDirectory(prefix="capstan-") as folder, \
                    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                path = os.path.join(folder, "notify")
                manager.bind("\0" + path if abstract else path)
                manager.settimeout(DEADLINE)
                said = "@" + path if abstract else path
                with Engine(env={"NOTIFY_SOCKET": said}) as engine:
                    self.assertEqual(manager.recv(100), b"READY=1")
                    engine.down()
                self.assertEqual(manager.recv(100), b"STOPPING=1")


if __name__ == "__main__":
    unittest.main()
