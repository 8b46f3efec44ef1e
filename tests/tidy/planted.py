#!/usr/bin/python3
"""Goal: each rule of the tidy test finds what it is there for, and nothing else.

Method: per rule, texts that break it and texts that almost do, each alone in a tree.
"""
import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import rules  # noqa: E402

FUNCTION = "static int\n{name}(void)\n{{\n{body}}}\n"
MESSAGES = 'WIRE(a, b, "things")\n'

# rule: (trees that break it once, trees that do not)
PLANTED = {
    "layer": (
        [{"base/x.c": '#include "store/journal.h"\n'},
         {"transport/x.h": '  #  include "actors/loop.h"\n'},
         {"store/x.c": '#include "transport/link.h"\n'},
         {"gateway/x.c": '#include "store/journal.h"\n'},
         {"workers/stock/x.c": '#include "gateway/json.h"\n'},
         {"actors/lease/x.c": '#include "actors/view/view.h"\n'},
         {"base/x.c": '#include "bytes.h"\n'}],
        [{"actors/lease/x.c": '#include "actors/plan/plan.h"\n#include "actors/loop.h"\n'
                              '#include "store/journal.h"\n#include "base/err.h"\n'},
         {"tests/x.c": '#include "actors/view/view.h"\n'},
         {"base/x.c": "#include <stdio.h>\n"}]),
    "own_header_first": (
        [{"base/x.c": '#include "base/err.h"\n#include "base/x.h"\n', "base/x.h": ""}],
        [{"base/x.c": '/* x */\n#include "base/x.h"\n', "base/x.h": ""},
         {"base/x.c": '#include "base/err.h"\n'}]),
    "long_line": (
        [{"base/x.c": "x" * 89 + "\n"},
         {"base/x.h": "/* clang-format off */\n/* clang-format on */\n" + "x" * 89},
         {"gateway/console/x.js": "x" * 89}],
        [{"base/x.c": "x" * 88 + "\n"}, {"base/x.def": "x" * 200},
         {"workers/x.js": "x" * 89}, {"gateway/console/x.html": "x" * 88},
         {"base/x.c": "é" * 88 + "\n"},
         {"base/x.c": "/* clang-format off */\n" + "x" * 99}]),
    "long_function": (
        [{"base/x.c": FUNCTION.format(name="f", body="    ;\n" * 68)},
         {"tests/x.c": "START_TEST(f)\n{\n" + "    ;\n" * 68 + "}\nEND_TEST\n"}],
        [{"base/x.c": FUNCTION.format(name="f", body="    ;\n" * 67)},
         {"base/x.c": "int f(void);\n" * 90},
         {"base/x.c": FUNCTION.format(name="f", body="    ;\n" * 40) * 3}]),
    "long_file": ([{"base/x.c": "\n" * 901}, {"gateway/console/x.css": "\n" * 901}],
                  [{"base/x.c": "\n" * 900}]),
    "unlisted": (
        [{"base/x.c": "", "base/module.am": "\t%D%/y.c\n"},
         {"base/x.c": "", "module.am": "x.c\n"}],
        [{"base/x.c": "", "base/module.am": "\t%D%/y.c %D%/x.c \\\n"}]),
    "alloc": (
        [{"base/x.c": FUNCTION.format(name="f", body="    g(malloc(3));\n")},
         {"base/x.c": FUNCTION.format(name="x_new", body="    return malloc(3);\n")
                      + FUNCTION.format(name="f", body="    g(strdup (a));\n")}],
        [{"base/x.c": FUNCTION.format(name="x_new", body="    return malloc(3);\n")},
         {"base/x.c": FUNCTION.format(name="x_open", body="    return malloc(3);\n")},
         {"base/x.c": FUNCTION.format(name="f", body="    /* malloc(3) */ g(\"calloc(\");"
                                                     "\n    x.malloc(3); my_malloc(3);\n")},
         {"tests/x.c": FUNCTION.format(name="f", body="    g(malloc(3));\n")}]),
    "unsafe": (
        [{"base/x.c": FUNCTION.format(name="f", body='    sprintf(a, "b");\n')},
         {"base/x.c": FUNCTION.format(name="f", body="    strcpy(a, b);\n")}],
        [{"base/x.c": FUNCTION.format(name="f", body="    snprintf(a, 1, b);\n")}]),
    "clock": (
        [{"base/x.c": FUNCTION.format(name="f", body="    return time(NULL);\n")}],
        [{"base/x.c": FUNCTION.format(name="f", body="    run_time(x.time(3));\n")},
         {"base/x.c": FUNCTION.format(name="time", body="    ;\n")}]),
    "chance": (
        [{"base/x.c": FUNCTION.format(name="f", body="    return rand ();\n")}],
        [{"base/x.c": FUNCTION.format(name="f", body="    return grand();\n")}]),
    "sleep": (
        [{"tests/x.c": FUNCTION.format(name="f", body="    usleep(3);\n")}],
        [{"tests/x.c": FUNCTION.format(name="f", body="    asleep(3);\n")}]),
    "mark": (
        [{"base/x.c": "/* TO" "DO: more */\n"}, {"docs/x.md": "FIX" "ME\n"}],
        [{"base/x.c": "/* TODOS */\n"}]),
    "setting": (
        [{"base/config.def": 'SETTING(u32, a, 1, 0, 9, "", "how long it takes")\n'},
         {"base/config.def": 'SETTING(u32, a, 1, 0, 9, "ms", "")\n'}],
        [{"base/config.def": 'SETTING(u32, a, 1, 0, 9, "ms", "how long, at most, it '
                             'takes")\n'}]),
    "message": (
        [{"transport/messages.def": 'MESSAGE(1, A, a, FACT, a, b, "")\n',
          "transport/wires.def": MESSAGES},
         {"transport/messages.def": 'MESSAGE(1, A, a, FACT, b, a, "it has happened")\n',
          "transport/wires.def": MESSAGES},
         {"transport/messages.def": 'MESSAGE(1, A, a, FACT, a, b, "it has happened")\n'
                                    'MESSAGE(1, B, b, FACT, a, b, "it has happened")\n',
          "transport/wires.def": MESSAGES}],
        [{"transport/messages.def": 'MESSAGE(1, A, a, FACT, a, b, "it has, happened")\n'
                                    'MESSAGE(2, B, b, FACT, b, nobody, "it is so now")\n'
                                    'MESSAGE(3, C, c, FACT, any, a, "it is so now")\n',
          "transport/wires.def": MESSAGES}]),
    "heading": (
        [{"docs/x.md": "# a\n\n# b\n"}, {"docs/x.md": "## a\n"}],
        [{"docs/x.md": "# a\n```\n# b\n```\n## c\n"}]),
    "link": (
        [{"docs/x.md": "# a\n[b](none.md)\n"}],
        [{"docs/x.md": "# a\n[b](y.md#c) [d](#e) [f](https://example.com/g)\n",
          "docs/y.md": "# y\n"}]),
    "machine": (
        [{"docs/x.md": "# a\nsee /home/" "ada/x\n"}, {"x.sh": "cd /wo" "rk/main\n"},
         {"x.yaml": "https://regis" "try.example.com/x\n"}],
        [{"docs/x.md": "# a\n/usr/bin/x, docs/work/x, /tmp/x, ~/x\n"}]),
    "vague": (
        [{"base/utils.c": ""}, {"store/common.h": ""}, {"store/x.cpp": ""}],
        [{"base/bytes.c": ""}, {"docs/data.md": ""}]),
    "layout": (
        [{"base/x.c": "int x ;\n", ".clang-format": "BasedOnStyle: LLVM\n"}],
        [{"base/x.c": "int x;\n", ".clang-format": "BasedOnStyle: LLVM\n"}]),
}


class PlantedTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def tree(self, files):
        root = tempfile.mkdtemp(dir=self.folder)
        for path, text in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as out:
                out.write(text)
        return rules.Tree(root)

    def test_every_rule_has_something_planted(self):
        self.assertEqual({rule.__name__ for rule in rules.RULES}, set(PLANTED))

    def test_each_rule_finds_what_breaks_it_and_nothing_else(self):
        for rule in rules.RULES:
            if rule is rules.layout and not shutil.which("clang-format"):
                continue
            broken, kept = PLANTED[rule.__name__]
            for files in broken:
                with self.subTest(rule=rule.__name__, breaks=files):
                    self.assertEqual(len(list(rule(self.tree(files)))), 1)
            for files in kept:
                with self.subTest(rule=rule.__name__, keeps=files):
                    self.assertEqual(list(rule(self.tree(files))), [])

    def test_an_excuse_holds_for_one_rule_and_one_file(self):
        tree = self.tree({"base/x.c": "x" * 89, "base/y.c": "x" * 89,
                          "module.am": "base/x.c base/y.c"})
        found = list(rules.complaints(tree, {("long_line", "base/x.c")}))
        self.assertEqual(found, ["base/y.c:1: 89 columns, 88 at most [long_line]"])

    def test_an_excuse_that_nobody_needs_is_a_complaint(self):
        found = list(rules.complaints(self.tree({}), {("long_line", "base/x.c")}))
        self.assertEqual(len(found), 1)
        self.assertIn("nobody needs", found[0])


if __name__ == "__main__":
    unittest.main()
