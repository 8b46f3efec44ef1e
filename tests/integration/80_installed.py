#!/usr/bin/python3
"""Goal: what `make install` puts somewhere is whole, and works from where it is.

Method: install below a folder of our own, look at what is there, run a whole automation
with it, far from the build folder, and compile a worker against the installed library.
"""
import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
DEADLINE = 120  # seconds; only a broken program takes that long
LOG = ["run.started", "step.started     step=print kind=action",
       "action.called    action_name=print", "action.completed action_name=print",
       "step.completed   step=print", "run.completed"]
WORKER = """
#include <capstan_worker.h>
int
main(void)
{
    struct capstan_options options = { 0 };
    struct capstan_worker *worker = capstan_worker_new(&options);
    capstan_worker_free(&worker);
    return 0;
}
"""


class InstalledTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="capstan-")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MAKE", "MFLAGS"))}
        installed = subprocess.run(
            ["make", "-s", "-C", BUILD, "install", "DESTDIR=" + cls.folder],
            env=environment, capture_output=True, text=True, timeout=DEADLINE * 4,
            check=False)
        if installed.returncode != 0:
            raise AssertionError(installed.stderr[-2000:])
        with open(os.path.join(BUILD, "config.log"), encoding="utf-8") as log:
            prefix = [line.split("'")[1] for line in log if line.startswith("prefix=")]
        cls.root = cls.folder + prefix[0]
        cls.tool = os.path.join(cls.root, "bin/capstan")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def run_tool(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": self.folder,
                       "CAPSTAN_DATA": os.path.join(self.folder, "data")}
        result = subprocess.run([self.tool, *arguments], env=environment,
                                capture_output=True, text=True, timeout=DEADLINE,
                                cwd="/", stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_01_everything_is_there(self):
        for path in ("bin/capstan", "bin/capstand", "include/capstan_worker.h",
                     "lib/libcapstan.so", "lib/pkgconfig/libcapstan.pc",
                     "share/bash-completion/completions/capstan",
                     "share/capstan/templates/typescript/index.ts",
                     "share/capstan/workers/python/pyproject.toml",
                     "share/capstan/workers/python/capstan_worker/py.typed",
                     "share/doc/capstan/README.md", "share/doc/capstan/LICENSE",
                     "lib/systemd/system/capstan.service",
                     "lib/systemd/system/capstan-worker.service",
                     "lib/sysusers.d/capstan.conf",
                     *("libexec/capstan/" + name for name in (
                         "registry", "trigger", "scheduler", "lease", "view", "gateway",
                         "keeper", "worker", "verify", "backup", "restore"))):
            self.assertTrue(os.path.exists(os.path.join(self.root, path)), path)

    def test_02_a_run_completes_with_nothing_but_what_is_installed(self):
        self.run_tool("up", "--set", "http_port=0", "--set", "worker_port=0",
                      "--set", "iii_port=0", "--set", "iii_http_port=0")
        worker = subprocess.Popen(
            [self.tool, "worker", "--queues", "default"], cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": self.folder,
                 "CAPSTAN_DATA": os.path.join(self.folder, "data")},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            self.run_tool("apply",
                          os.path.join(SOURCE, "examples/worker-smoke-test.yaml"))
            run = self.run_tool("runs", "start", "worker-smoke-test", "--wait=60s")
            log = self.run_tool("runs", "events", run.strip())
            self.assertEqual(log.splitlines(), LOG)
            self.wait_for_an_event()
        finally:
            worker.terminate()
            worker.wait(DEADLINE)
            self.run_tool("down")

    def wait_for_an_event(self):
        """As README's tour does."""
        self.run_tool("apply", os.path.join(SOURCE, "examples/order-payment.yaml"))
        run = self.run_tool("runs", "start", "order-payment", "--inputs",
                            '{"order": "17", "amount": 250}').split()[0]
        self.run_tool("events", "publish", "payment.done", '{"order": {"id": "17"}}')
        log = self.run_tool("runs", "events", run, "--follow").splitlines()
        self.assertEqual(log[-1], "run.completed")
        self.assertIn("step.completed   step=ship", log)

    def test_03_a_worker_compiles_against_the_library(self):
        source = os.path.join(self.folder, "worker.c")
        with open(source, "w", encoding="utf-8") as out:
            out.write(WORKER)
        environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=self.folder,
                           PKG_CONFIG_PATH=os.path.join(self.root, "lib/pkgconfig"))
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libcapstan"], env=environment,
            capture_output=True, text=True, check=True).stdout.split()
        self.run_tool("worker", "init", os.path.join(self.folder, "a-c"), "-l", "c")
        subprocess.run(["make", "-s", "-C", os.path.join(self.folder, "a-c")],
                       env=dict(environment, MAKEFLAGS=""), check=True)
        program = os.path.join(self.folder, "worker")
        subprocess.run(["cc", "-Wall", "-Werror", source, "-o", program, *flags],
                       check=True)
        subprocess.run([program], check=True,
                       env={"LD_LIBRARY_PATH": os.path.join(self.root, "lib")})

    def test_04_a_worker_in_python_finds_its_library(self):
        folder = os.path.join(self.root, "share/capstan/workers/python")
        subprocess.run(["/usr/bin/python3", "-B", "-W", "error", "-c",
                        "import capstan_worker; capstan_worker.Worker()"], cwd="/",
                       env={"PYTHONPATH": folder}, check=True)


if __name__ == "__main__":
    unittest.main()
