"""The clients of other systems, as their registries have them: installed once in the
build folder, and again when what names them has changed.  What cannot be had is said in
a line that begins with SKIPPED; a test that needs it is skipped."""
import filecmp
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from engine import BUILD  # noqa: E402

INSTALL_S = 300
NPM = "npm ci --ignore-scripts --no-audit --no-fund --silent"
NPM_INSTALL = NPM.replace(" ci ", " install ")
PIP = f"{sys.executable} -m venv . && bin/pip install --quiet -r requirements.txt"
PASSED = "CAPSTAN_INTEROP_LACKING"
lacking = json.loads(os.environ.get(PASSED, "{}"))  # client: why it cannot be had


def lacks(name, why):
    """Once, also for the processes that follow."""
    lacking[name] = why
    os.environ[PASSED] = json.dumps(lacking)
    print(f"SKIPPED: {name}: {why}", flush=True)


def install(name, suite, files, command):
    """The folder in which the shell's `command` has installed the client `name`, beside
    copies of `files`: {name there: path}; or None."""
    if name in lacking:
        return None
    folder = os.path.join(BUILD, "tests/interop", suite, name.replace(" ", "-"))
    done = os.path.join(folder, "installed")
    there = {os.path.join(folder, to): path for to, path in files.items()}
    if os.path.exists(done) and all(os.path.exists(to) and filecmp.cmp(path, to, False)
                                    for to, path in there.items()):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    for to, path in there.items():
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(path, to)
    try:
        said = subprocess.run(["sh", "-c", command], cwd=folder, timeout=INSTALL_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except subprocess.TimeoutExpired:
        lacks(name, f"not installed within {INSTALL_S} s")
        return None
    if said.returncode != 0:
        lacks(name, " ".join(said.stdout.split())[-300:] or "its installation failed")
        return None
    with open(done, "w"):
        return folder


def need(*names):
    """Skip the test that runs if one of them cannot be had."""
    for name in names:
        if name in lacking:
            raise unittest.SkipTest(f"{name}: {lacking[name]}")


def those_there(names):
    """Those of `names` that can be had; the test that runs is skipped if none can."""
    there = [name for name in names if name not in lacking]
    if not there:
        raise unittest.SkipTest("there is no client at all")
    return there
