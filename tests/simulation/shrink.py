#!/usr/bin/python3
"""Goal: a seed that fails is made small, and what is said of it makes the same failure.

Method: let a world fail in which something rare happens; look for one, shrink it, and
live through it by the arguments that are printed; and the same is done of itself after
a seed that failed.
"""
import os
import re
import subprocess
import sys

SIM = os.path.join(os.environ.get("CAPSTAN_BUILD", "."), "tests/simulation/sim")
RARE = ("-p", "REPLACING")
FAILED = re.compile(r"^seed (\d+): REPLACING happens", re.MULTILINE)


def sim(*arguments):
    done = subprocess.run([SIM, *arguments], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False, errors="replace")
    return done.returncode, done.stdout


def main():
    status, said = sim("1", "100", "-q", "-j", "1", *RARE)
    assert status != 0, "it happens in none of 100 seeds"
    seed = FAILED.search(said)[1]
    _, whole = sim(seed, "-v", *RARE)

    status, said = sim(seed, "--shrink", *RARE)
    assert status != 0, said
    trims = re.search(r"^the same: sim \d+ -v -t (\S+)$", said, re.MULTILINE)[1]
    status, small = sim(seed, "-v", "-t", trims, *RARE)
    assert status != 0 and FAILED.search(small), f"{trims}: does not fail"
    print(f"seed {seed}: {len(whole.splitlines())} lines, "
          f"{len(small.splitlines())} with {trims}")
    assert len(small) < len(whole), "it is no smaller"

    status, said = sim(seed, *RARE)
    assert status != 0 and f"the same: sim {seed} -v -t {trims}\n" in said, said
    assert len(FAILED.findall(said)) == 2, "it is not traced"

    status, said = sim(seed, "--shrink")
    assert status == 0 and "does not fail" in said, said
    for wrong in ("heal=0", "without=rain", "starts=99", "heal"):
        assert sim(seed, "-t", wrong)[0] == 2, wrong
    return 0


if __name__ == "__main__":
    sys.exit(main())
