#!/usr/bin/python3
"""Goal: what a bench measured is kept whole, and the page says the same as the file."""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
import xml.dom.minidom

HERE = os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/bench")
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]
import curve  # noqa: E402
import figures  # noqa: E402
import goals  # noqa: E402
import growth  # noqa: E402

ROW = {"part", "name", "unit", "median", "min", "max", "rounds", "load", "measured"}


class Kept(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "bench.json")
        self.page = os.path.join(folder.name, "page.md")

    def measure(self, part, *rows):
        kept = figures.Figures(self.path, ["core", "run", "scale"])
        kept.begin(part)
        with contextlib.redirect_stdout(io.StringIO()):
            for name, values in rows:
                kept.add(name, values, "runs/s")
        kept.end()
        return kept

    def file(self):
        with open(self.path) as file:
            return json.load(file)

    def write_page(self, text):
        with open(self.page, "w") as page:
            page.write(text)

    def read_page(self):
        with open(self.page) as page:
            return page.read()

    def test_a_row_says_all(self):
        self.measure("core", ("loop", [3, 1, 2]))
        row, = self.file()["rows"]
        self.assertEqual(set(row), ROW)
        self.assertEqual((row["median"], row["min"], row["max"], row["rounds"]),
                         (2, 1, 3, 3))

    def test_parts_are_replaced_one_by_one_in_their_order(self):
        self.measure("scale", ("old", [1]))
        self.measure("run", ("kept", [1]))
        self.measure("scale", ("new", [1]))
        self.measure("core", ("first", [1]))
        self.assertEqual([r["name"] for r in self.file()["rows"]],
                         ["first", "kept", "new"])

    def test_what_another_machine_measured_goes(self):
        self.measure("run", ("theirs", [1]))
        there = self.file()
        there["machine"] = "another"
        with open(self.path, "w") as file:
            json.dump(there, file)
        self.measure("core", ("ours", [1]))
        self.assertEqual([r["name"] for r in self.file()["rows"]], ["ours"])

    def test_what_is_no_part_any_more_goes(self):
        self.measure("run", ("old", [1]))
        there = self.file()
        there["rows"][0]["part"] = "walk"
        with open(self.path, "w") as file:
            json.dump(there, file)
        self.measure("core", ("new", [1]))
        self.assertEqual([r["name"] for r in self.file()["rows"]], ["new"])

    def test_a_table_has_parts_that_were_measured_before(self):
        self.write_page("a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n")
        self.measure("core", ("loop", [2]))
        kept = self.measure("core", ("loop", [1500]))
        kept.rewrite(self.page, ["core"])
        self.assertIn("| loop | 1,500 | runs/s | 1,500 – 1,500 |\n<!-- /bench -->\nb\n",
                      self.read_page())
        self.assertNotIn("old", self.read_page())

    def test_a_goal_is_reached_or_not_or_not_measured(self):
        self.write_page("<!-- goals -->\n<!-- /goals -->\n")
        self.measure("core", ("start-up: empty folder to ready", [201]),
                     ("run: 1 step, 64 concurrent, engine CPU", [59.5]))
        goals.rewrite(self.page, os.path.dirname(self.path))
        lines = self.read_page().splitlines()
        self.assertEqual(len(lines), len(goals.GOALS) + 4)
        self.assertIn("| ≤ 200 | 201 [201–201] | runs/s | no |  |", self.read_page())
        self.assertIn("| ≤ 60 | 59.5 [59.5–59.5] | runs/s | yes |  |", self.read_page())
        self.assertIn("| ≥ 50 | not measured | | |  |", self.read_page())

    def test_what_a_bare_skeleton_would_reach_stands_beside_a_goal(self):
        self.write_page("<!-- goals -->\n<!-- /goals -->\n")
        restate = "Restate as it comes: 1 step, "
        self.measure("core", (restate + "64 concurrent: runs/s", [9]),
                     (restate + "64 concurrent: theirs", [1500]),
                     (restate + "64 concurrent: theirs, p50", [40]),
                     ("skeleton: 1 step, 64 concurrent: its runs", [30000]),
                     (restate + "1 concurrent: theirs, p50", [3]),
                     ("skeleton: 1 step, 1 concurrent: its p50", [0.5]))
        goals.rewrite(self.page, os.path.dirname(self.path))
        self.assertIn("| ≥ 50 | 9.00 [9.00–9.00] | runs/s | no | 20.0 |",
                      self.read_page())
        self.assertIn("| ≥ 12 | not measured | | | 6.00 |", self.read_page())

    def test_what_pings_alone_cost_stands_beside_those_that_ping(self):
        self.write_page("<!-- goals -->\n<!-- /goals -->\n")
        self.measure("core", ("dialects: 10,000 pings in 20 s, answered by one: CPU", [0.5]))
        goals.rewrite(self.page, os.path.dirname(self.path))
        lines = self.read_page().splitlines()
        self.assertEqual([line.split(" | ")[0] for line in lines if "| 0.50 |" in line],
                         ["| the same of Mobius", "| the same of iii"])


class Curves(unittest.TestCase):
    def test_a_line_of_slope_one_is_drawn_as_one(self):
        points = [(n, n * 5, n * 4, n * 6) for n in (1, 10, 100, 1000)]
        text = curve.picture("steps", [("µs < 9", points)])
        drawing = xml.dom.minidom.parseString(text)
        way = drawing.getElementsByTagName("polyline")[0].getAttribute("points")
        at = [tuple(map(float, p.split(","))) for p in way.split()]
        falls = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(at, at[1:])]
        self.assertLess(max(falls) - min(falls), 0.01)
        self.assertLess(at[-1][1], at[0][1])
        self.assertLess(len(text), 30000)
        self.assertIn("prefers-color-scheme: dark", text)

    def test_points_are_the_rows_in_the_order_of_their_number(self):
        kept = figures.Figures("/nonexistent", ["curves"])
        kept.begin("curves")
        with contextlib.redirect_stdout(io.StringIO()):
            for steps in (1000, 1, 10):
                kept.add(f"curves: runs of {steps:,} step{'s' * (steps > 1)}: "
                         "engine CPU of a run", [steps], "µs/run")
        found = growth.points(kept, r"curves: runs of ([\d,]+) steps?: .* run")
        self.assertEqual([x for x, *_ in found], [1, 10, 1000])


if __name__ == "__main__":
    unittest.main()
