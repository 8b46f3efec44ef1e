#!/usr/bin/python3
"""Goal: the tree keeps the rules of style that a machine can check."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import rules  # noqa: E402


def main():
    root = os.environ.get("CAPSTAN_SOURCE", os.path.join(HERE, "../.."))
    found = list(rules.complaints(rules.Tree(os.path.abspath(root)),
                                  rules.excused(os.path.join(HERE, "allow"))))
    print("\n".join(found) or "tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
