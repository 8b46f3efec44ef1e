#!/usr/bin/python3
"""Run the long forms of tests, one after the other: run.py [NAME]...

The table is `forms` beside this file; what each says is in tests/long/NAME.log of the
build folder. The exit status is 1 if any failed.
"""
import os
import shlex
import subprocess
import sys
import time

SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))


def forms():
    """Name → (environment, command)."""
    found = {}
    with open(os.path.join(SOURCE, "tests/long/forms")) as table:
        for line in table:
            name, *words = shlex.split(line, comments=True) or [None]
            if name is None:
                continue
            env = dict(os.environ)
            while "=" in words[0]:
                variable, value = words.pop(0).split("=", 1)
                env[variable] = value
            script = words[0].endswith(".py")
            words[0] = os.path.join(SOURCE if script else BUILD, words[0])
            found[name] = env, [sys.executable] * script + words
    return found


def run(name, env, command):
    log = os.path.join(BUILD, f"tests/long/{name}.log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    begin = time.monotonic()
    with open(log, "w") as out:
        code = subprocess.run(command, env=env, stdout=out, stderr=out,
                              check=False).returncode
    print(f"{'passed' if code == 0 else 'FAILED'}  {name}, {time.monotonic() - begin:.0f}"
          f" s  ({log})", flush=True)
    return code == 0


def main(names):
    known = forms()
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"tests/long/forms has no {unknown[0]}; it has {', '.join(known)}")
    results = [run(name, *known[name]) for name in names or known]
    sys.exit(0 if all(results) else 1)


main(sys.argv[1:])
