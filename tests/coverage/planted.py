#!/usr/bin/python3
"""Goal: branches.py finds every branch that is not taken, and nothing else.

Method: small programs, run with clang's coverage, each with what must be said of it.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import branches  # noqa: E402

HEAD = """#include <assert.h>
#include <stdlib.h>
#define WRONG(why) abort()
#define EITHER(a, b) ((a) || (b))
enum way { LEFT, RIGHT };
"""
TAIL = "int main(void) { return f(0); }\n"

# name: (the body of f, what is said of it: text and outcome)
PLANTED = {
    "a condition": ("if (x) return 1; return 0;", ["x true"]),
    "operands": ("return x == 1 || x == 0 ? 0 : 2;",
                 ["x == 1 true", "x == 0 false"]),
    "what is behind a condition": ("if (x && x == 3) return 1; return 0;",
                                   ["x true", "x == 3 true", "x == 3 false"]),
    "a loop": ("for (int i = 0; i < x; i++) x = 9; return 0;", ["i < x true"]),
    "a choice": ("return x ? 1 : 0;", ["x true"]),
    "a label": ("switch ((enum way)x) { case LEFT: return 0; case RIGHT: return 1; }"
                " return 2;", ["case RIGHT true"]),
    "a default": ("switch (x) { case 0: return 0; default: return 1; }",
                  ["default true"]),
    "a macro": ("return EITHER(x, !x) ? 0 : 1;", ["(a) true", "(b) false"]),
    "an assertion": ("assert(x == 0 || x == 7); return 0;", []),
    "a bug": ("if (x == 1 || x > 2)\n        WRONG(\"no\"); return 0;", []),
    "a bug as default": ("switch (x) { case 0: return 0; default: WRONG(\"\"); }", []),
    "a bug behind another": ("if (x == 1) { x = 2; WRONG(\"no\"); } return 0;",
                             ["x == 1 true"]),
    "a reason": ("if (x) /* never: it is so */\n return 1; return 0;", []),
    "a reason before": ("\n/* never: it\n * is so */\nif (x) return 1; return 0;", []),
    "a reason elsewhere": ("\n/* never: it is so */\n;\nif (x) return 1; return 0;",
                           ["x true", "take `never` away"]),
    "no reason": ("if (x) /* never: */\n return 1; return 0;", ["needs a reason"]),
    "a reason for nothing": ("(void)x; return 0; /* never: it is so */",
                             ["take `never` away"]),
}


@unittest.skipUnless(shutil.which("clang"), "clang is missing")
class PlantedTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-")
        self.addCleanup(shutil.rmtree, self.folder)

    def said(self, text, limit=0):
        """What is said of a program that has run once."""
        path = os.path.join(self.folder, "x.c")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        program = os.path.join(self.folder, "tests/unit/x")
        os.makedirs(os.path.dirname(program), exist_ok=True)
        subprocess.run(["clang", "-w", "-fprofile-instr-generate", "-fcoverage-mapping",
                        path, "-o", program], check=True)
        subprocess.run([program], check=False, env={
            "LLVM_PROFILE_FILE": os.path.join(self.folder, "profiles/x.profraw")})
        branches.BUILD = self.folder
        lines = branches.Lines(text.encode())
        found = branches.branches(branches.measured(), {path: lines})
        return branches.judge("x.c", lines, found[path], limit)

    def test_what_is_planted_is_found(self):
        for name, (body, expected) in PLANTED.items():
            with self.subTest(name):
                _, missed, complaints = self.said(
                    HEAD + f"static int f(int x)\n{{ {body} }}\n" + TAIL)
                said = [f"{b.text} {b.outcome}" for b in missed] + complaints
                for line in expected:
                    self.assertTrue(any(line in one for one in said), (line, said))
                self.assertEqual(len(missed), sum(
                    line.endswith(("true", "false")) for line in expected), said)

    def test_a_function_that_nobody_calls_is_found(self):
        _, missed, _ = self.said(HEAD + "int g(void) { return 1; }\n"
                                 "int f(int x) { return x; }\n" + TAIL)
        self.assertEqual([(b.text, b.outcome) for b in missed], [("g", "called")])

    def test_the_number_of_a_file_neither_grows_nor_stays_behind(self):
        text = HEAD + "int f(int x) { if (x) return 1; return 0; }\n" + TAIL
        for limit, complaint in (0, "1 branches are not taken, and 0 may"), (1, None), (
                2, "lower the 2"):
            with self.subTest(limit=limit):
                complaints = self.said(text, limit)[2]
                self.assertEqual(bool(complaints), complaint is not None, complaints)
                self.assertTrue(complaint is None or complaint in complaints[-1])

    def test_the_numbers_of_the_table_only_fall(self):
        text = "# a\n\na/b.c 3\na/c.c 2\na/d.c 1\na/e.c\nf/\nf/g.c 1\nf/h.c 2\n"
        counts = {"a/b.c": 4, "a/c.c": 1, "a/d.c": 0, "a/e.c": 5, "f/g.c": 0, "f/h.c": 1}
        self.assertEqual(branches.lowered(text, counts),
                         "# a\n\na/b.c 3\na/c.c 1\na/d.c\na/e.c\nf/\nf/h.c 1\n")
        self.assertEqual(branches.allowed(branches.table(text), "a/b.c"), 3)
        self.assertIsNone(branches.allowed(branches.table("a/\n"), "a/x_main.c"))
        self.assertEqual(branches.allowed(branches.table("a/\n"), "a/x.c"), 0)


if __name__ == "__main__":
    unittest.main()
