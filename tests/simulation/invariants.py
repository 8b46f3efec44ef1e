#!/usr/bin/python3
"""Goal: the table of invariants in README.md is whole and true.

Method: each function that holds something is in it, and nothing else; each planted bug
that the simulation must find is in it, and no other.
"""
import glob
import os
import re
import sys
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
# A definition, and what is in it.
FUNCTION = re.compile(r"^(\w+)\([^;{]*\)\n\{(.*?)^\}", re.MULTILINE | re.DOTALL)


def functions():
    for path in glob.glob(os.path.join(HERE, "*.c")):
        with open(path, encoding="utf-8") as source:
            for name, body in FUNCTION.findall(source.read()):
                if "HOLDS(" in body:
                    yield name


def bugs():
    with open(os.path.join(HERE, "../mutants/mutants.toml"), "rb") as table:
        for mutant in tomllib.load(table)["mutant"]:
            if mutant["by"] == "simulation":
                yield mutant["name"]
                yield from (f"-o {name}" for name in mutant.get("also", ()))


def main():
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as page:
        rows = re.findall(r"^\| I\d+ \|[^|]*\|([^|]*)\|([^|]*)\|$", page.read(),
                          re.MULTILINE)
    said = [set(re.findall(r"`(\w+)`", " ".join(column))) for column in zip(*rows)]
    names = set(bugs())
    also = {name[3:] for name in names if name.startswith("-o ")}
    names = {name for name in names if not name.startswith("-o ")}
    wrong = [f"{name}: not in the table" for name in set(functions()) - said[0]]
    wrong += [f"{name}: no such function" for name in (said[0] | also) - set(functions())]
    wrong += [f"{name}: not in the table" for name in names - said[1]]
    wrong += [f"{name}: no such planted bug" for name in said[1] - names]
    print("\n".join(sorted(wrong)) or f"{len(said[0])} invariants, {len(names)} bugs")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
