#!/usr/bin/python3
"""Goal: machines are pure, and no program can touch what is not its own.

Method: what the compiled archives and programs ask the linker for is compared with
actors/pure.allow and with the libraries that each program may have. An impure call is
planted, so that the instrument is known to see one.
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
PURE = os.path.join(BUILD, "actors/libpure.a")
# The rules of supervisor and keeper; the rest of both is their shell.
RULES = [os.path.join(BUILD, "actors", path) for path in (
    "supervisor/libsupervisor_a-supervisor.o", "keeper/libkeeper_a-keeping.o")]

# program: libraries that it must not need
FORBIDDEN = {
    "libexec/capstan/gateway": {"rocksdb"},
    "libexec/capstan/worker": {"rocksdb", "microhttpd"},
    "bin/capstan": {"rocksdb", "microhttpd", "zmq", "czmq"},
    "bin/capstand": {"rocksdb", "microhttpd", "zmq", "czmq", "curl"},
    "libexec/capstan/keeper": {"rocksdb", "microhttpd", "zmq", "czmq", "curl"},
    "libexec/capstan/registry": {"microhttpd", "curl"},
    "libexec/capstan/scheduler": {"microhttpd", "curl"},
    "libexec/capstan/lease": {"microhttpd", "curl"},
    "libexec/capstan/trigger": {"microhttpd", "curl"},
    "libexec/capstan/view": {"microhttpd", "curl"},
}


def symbols(archive, *flags):
    said = subprocess.run(["nm", "-P", *flags, archive], capture_output=True, text=True,
                          check=True)
    return {line.split()[0] for line in said.stdout.splitlines()
            if len(line.split()) > 1 and not line.endswith(":")}


def allowed():
    with open(os.path.join(SOURCE, "actors/pure.allow"), encoding="utf-8") as lines:
        rows = [line.strip() for line in lines]
    return [re.compile(row) for row in rows if row and not row.startswith("#")]


def impure(archive):
    asked = symbols(archive, "-u") - symbols(archive, "--defined-only")
    return sorted(name for name in asked
                  if not any(row.fullmatch(name) for row in allowed()))


class LinkedTest(unittest.TestCase):
    def setUp(self):
        if os.path.exists(PURE) and "__asan_init" in symbols(PURE, "-u"):
            self.skipTest("sanitizers call what machines may not")

    def test_machines_call_nothing_impure(self):
        self.assertEqual(impure(PURE), [])

    def test_the_rules_of_supervisor_and_keeper_call_nothing_impure(self):
        for rules in RULES:
            self.assertEqual(impure(rules), [])

    def test_an_impure_call_is_seen(self):
        folder = tempfile.mkdtemp(prefix="capstan-")
        self.addCleanup(shutil.rmtree, folder)
        source, planted = os.path.join(folder, "x.c"), os.path.join(folder, "x.o")
        archive = os.path.join(folder, "x.a")
        with open(source, "w", encoding="utf-8") as out:
            out.write("long time(long *); int f(void) { return (int)time(0); }\n")
        subprocess.run(["cc", "-c", source, "-o", planted], check=True)
        shutil.copy(PURE, archive)
        subprocess.run(["ar", "q", archive, planted], check=True,
                       stderr=subprocess.DEVNULL)
        self.assertEqual(impure(archive), ["time"])

    def test_programs_need_no_library_that_is_not_theirs(self):
        for program, forbidden in FORBIDDEN.items():
            with self.subTest(program=program):
                said = subprocess.run(["readelf", "-d", os.path.join(BUILD, program)],
                                      capture_output=True, text=True, check=True).stdout
                needed = re.findall(r"\(NEEDED\).*\[lib([\w+-]+?)\.so", said)
                self.assertIn("c", needed)
                self.assertEqual(forbidden & set(needed), set())


if __name__ == "__main__":
    unittest.main()
