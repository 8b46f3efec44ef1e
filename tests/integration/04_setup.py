#!/usr/bin/python3
"""Goal: ./quickstart and ./check install what is missing, or say what a person must do;
who only builds needs nothing of the tests.

Method: .ci/setup.sh alone, with a dpkg-query that knows nothing, an apt-get that writes
down what it is asked for, and an `id` and a `sudo` as each test needs them; ./configure,
with a pkg-config that knows of no libcheck.
"""
import os
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
OLD_LISTS = """#!/bin/sh
echo "$@" >>asked
case $1 in
update) touch updated ;;
install) [ -e updated ] ;;
esac
"""
USER, ROOT = "#!/bin/sh\necho 1000\n", "#!/bin/sh\necho 0\n"
WILLING = '#!/bin/sh\n[ "$1" != -n ] || shift\nexec "$@"\n'
UNWILLING = '#!/bin/sh\nprintf "%s\\n" "$*" >>sudo-asked\nexit 1\n'
NO_CHECK = '#!/bin/sh\ncase $* in *check*) exit 1 ;; esac\nexec pkg-config "$@"\n'
NEEDED = ("cat", "env", "grep", "mkdir", "sed", "sh", "tail", "touch", "true")


class Setup(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-setup-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        os.mkdir(os.path.join(self.folder, ".ci"))
        for name in ("packages", "setup.sh"):
            shutil.copy(os.path.join(SOURCE, ".ci", name),
                        os.path.join(self.folder, ".ci", name))
        for name in NEEDED:
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        self.program("dpkg-query", "#!/bin/sh\nexit 1\n")
        self.program("apt-get", OLD_LISTS)

    def program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o755)

    def needs(self):
        return subprocess.run(["sh", "-euc", ". .ci/setup.sh; needs build"],
                              cwd=self.folder, env={"PATH": self.bin},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def asked(self):
        with open(os.path.join(self.folder, "asked")) as asked:
            return [line.split()[0] for line in asked]

    def test_lists_that_are_old_are_fetched_by_root_and_by_sudo(self):
        for identity, sudo in ((ROOT, None), (USER, WILLING)):
            with self.subTest(sudo=sudo):
                self.setUp()
                self.program("id", identity)
                if sudo:
                    self.program("sudo", sudo)
                done = self.needs()
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("libzmq3-dev", done.stdout)
                self.assertEqual(self.asked(), ["install", "update", "install"])

    def test_who_may_not_install_is_told_what_to_do(self):
        for sudo, word in ((None, "as root or with sudo"), (UNWILLING, "sudo asks for a password")):
            with self.subTest(sudo=sudo):
                self.setUp()
                self.program("id", USER)
                if sudo:
                    self.program("sudo", sudo)
                done = self.needs()
                self.assertEqual(done.returncode, 1)
                self.assertIn(word, done.stderr)
                self.assertIn("apt-get install autoconf", done.stderr)
                self.assertFalse(os.path.exists(os.path.join(self.folder, "asked")))

    @unittest.skipIf(os.path.exists(os.path.join(SOURCE, "config.status")), "built in place")
    def test_who_only_builds_needs_no_libcheck(self):
        self.program("pkg-config", NO_CHECK)
        done = subprocess.run(
            [os.path.join(SOURCE, "configure")], cwd=self.folder, text=True,
            env=dict(os.environ, PKG_CONFIG=os.path.join(self.bin, "pkg-config")),
            capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("WARNING: there is no libcheck: make will do", done.stderr)
        done = subprocess.run(["make", "tests/support/libsupport_a-trace.o"],
                              cwd=self.folder, capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, 'error: #error "make check needs libcheck')

    def test_nobody_is_asked_for_a_password(self):
        self.program("id", USER)
        self.program("sudo", UNWILLING)
        self.needs()
        with open(os.path.join(self.folder, "sudo-asked")) as asked:
            self.assertEqual(asked.read(), "-n true\n")


if __name__ == "__main__":
    unittest.main()
