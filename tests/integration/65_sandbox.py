#!/usr/bin/python3
"""Goal: the processes of a real engine are shut in, say so, and do all their work.

Method: an engine runs a job; what the kernel says of its processes is compared with what
they say themselves.  What each may do is tried by tests/unit/test_sandbox.
"""
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import Engine, SMOKE  # noqa: E402

STRANGER = 54321  # a user who need not exist


def kernel_says(pid):
    with open(f"/proc/{pid}/status") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


class Sandbox(unittest.TestCase):
    def processes(self, engine):
        """Name → what it says of its sandbox, and the kernel of it; but the supervisor,
        and the keeper, which starts what users give it."""
        rows = engine.status()
        rows.pop("capstand")
        keeper = kernel_says(rows.pop("keeper.0")["pid"])
        self.assertEqual((keeper["NoNewPrivs"], int(keeper["CapPrm"], 16)), ("1", 0))
        return {name: (re.search(r"sandbox=(\S+?)[\s\"]", row["detail"])[1],
                       kernel_says(row["pid"])) for name, row in rows.items()}

    def run_a_job(self, engine):
        engine.apply(SMOKE)
        engine.worker("--concurrency", "5")
        run = engine.start("worker-smoke-test", wait=30)
        self.assertEqual(engine.wait_final(run["id"])["status"], "completed")

    def check(self, engine, user):
        for name, (said, kernel) in self.processes(engine).items():
            if said == "off":
                self.skipTest("this build has no sandbox: a sanitizer's")
            self.assertEqual(kernel["NoNewPrivs"], "1", name)
            self.assertEqual(int(kernel["CapPrm"], 16), 0, name)
            self.assertEqual(kernel["Uid"].split(), [str(user)] * 4, name)
            self.assertEqual(kernel["Seccomp"], "0" if "no_seccomp" in said else "2", name)

    def test_every_process_is_shut_in_and_a_job_is_done(self):
        with Engine() as engine:
            self.check(engine, os.getuid())
            self.run_a_job(engine)
            said = {row["detail"] for row in engine.status().values()}
            self.assertIn("sandbox=", engine.tool("status").stdout, said)

    def test_a_setting_leaves_it_out_and_it_is_said(self):
        with Engine(sandbox=0) as engine:
            for name, (said, kernel) in self.processes(engine).items():
                self.assertEqual((said, kernel["Seccomp"]), ("off", "0"), name)

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_root_runs_the_engine_of_another_user_as_that_user(self):
        with tempfile.TemporaryDirectory(prefix="capstan-") as folder:
            os.chmod(folder, 0o755)
            data = os.path.join(folder, "data")
            os.mkdir(data, 0o700)
            os.chown(data, STRANGER, STRANGER)
            with Engine(data=data) as engine:
                self.check(engine, STRANGER)
                self.run_a_job(engine)
                self.assertEqual(kernel_says(engine.process.pid)["Uid"].split()[0],
                                 str(STRANGER))
                engine.down()
                for path, _, files in os.walk(data):
                    for name in files:
                        if name != "foreground.log":  # this test's
                            owner = os.lstat(os.path.join(path, name)).st_uid
                            self.assertEqual(owner, STRANGER, name)


if __name__ == "__main__":
    unittest.main()
