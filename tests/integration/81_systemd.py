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
SCORES = {"capstan.service": 13, "capstan-worker.service": 14}
# A unit without any of it scores above 90.
BARE = "[Service]\nExecStart=/bin/true\n"


def exposure(path):
    done = subprocess.run([ANALYZE, "security", "--offline=true", "--no-pager", path],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    last = done.stdout.strip().splitlines()[-1]  # … Overall exposure level for X: 1.1 OK
    return round(10 * float(last.split(": ")[1].split()[0]))


class Units(unittest.TestCase):
    @unittest.skipIf(ANALYZE is None, "systemd-analyze cannot be had here")
    def test_units_score_as_hardened(self):
        for name, most in SCORES.items():
            found = exposure(os.path.join(BUILD, "systemd", name))
            print(f"{name}: exposure {found / 10}")
            self.assertLessEqual(found, most, name)

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
