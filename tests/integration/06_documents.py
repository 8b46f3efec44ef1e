#!/usr/bin/python3
"""Goal: what the documents show is accepted as it stands.

Method: every ```yaml block of the pages about automations, and every example, is
compiled; those of the guides are run by 27_guides.py. A block that shows a part only
(steps, triggers, inputs …) is given the name and the step that it lacks; one that belongs
to something else says so: ```yaml capstan.yaml.
"""
import glob
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from pages import SOURCE, blocks, whole  # noqa: E402

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
COMPILER = os.path.join(BUILD, "tests/integration/compile_text")
ZONES = "/usr/share/zoneinfo"
PAGES = ["docs/automations.md", "docs/expressions.md", "docs/schedules.md",
         "docs/schema.md", "README.md", "docs/guides/*.md"]


def compiled(text):
    done = subprocess.run([COMPILER, ZONES], input=text, text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


class Documents(unittest.TestCase):
    def test_every_block_of_the_pages_compiles(self):
        pages = set()
        for page, block in blocks(*PAGES):
            pages.add(page)
            with self.subTest(page=page, block=block):
                self.assertEqual(compiled(whole(block)), (0, ""))
        for guide in ("concurrency", "first-automation", "people", "stuck", "triggers",
                      "versions", "waiting"):
            self.assertIn(f"docs/guides/{guide}.md", pages)
        self.assertIn("docs/automations.md", pages)

    def test_every_example_compiles(self):
        examples = sorted(glob.glob(os.path.join(SOURCE, "examples/*.yaml")))
        self.assertIn("triage-issues.yaml", [os.path.basename(e) for e in examples])
        for example in examples:
            with self.subTest(example=example), open(example, encoding="utf-8") as file:
                self.assertEqual(compiled(file.read()), (0, ""))

    def test_a_block_with_a_mistake_is_seen(self):
        code, told = compiled(whole("steps: [{key: a, kind: actoin}]\n"))
        self.assertEqual(code, 1)
        self.assertIn("did you mean action?", told)

    def test_a_time_zone_is_known_by_its_name(self):
        trigger = ("triggers: [{key: a, kind: schedule, cron: '0 9 * * *', "
                   "timezone: Europe/Berlni}]\n")
        code, told = compiled(whole(trigger))
        self.assertEqual(code, 1)
        self.assertIn("2:66 triggers[0].timezone", told)
        self.assertIn("Europe/Berlin?", told)
        self.assertEqual(compiled(whole(trigger.replace("lni", "lin"))), (0, ""))


if __name__ == "__main__":
    unittest.main()
