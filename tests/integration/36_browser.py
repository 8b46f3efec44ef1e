#!/usr/bin/python3
"""Goal: the console shows what happens while it happens, does what it is told to, says
what is wrong, and runs nothing that data says.

Method: a real engine and Debian's chromium, which ./check installs. Where there is none
the suite is skipped.
"""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from browser import CHROMIUM, Browser  # noqa: E402
from engine import API, SMOKE, Engine  # noqa: E402

HOSTILE = ("<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
           "\"'><svg onload='window.hit = 1'> javascript:window.hit=1 \u202egnol")
ECHO = """\
name: echo
description: {about}
steps:
  - {{ key: say, kind: set, config: {{ values: {{ said: "${{{{ inputs.word }}}}" }} }} }}
  - key: ask
    kind: interaction
    protocol: request_approval
    title: "${{{{ inputs.word }}}}"
    prompt: "${{{{ inputs.word }}}}"
"""
KINDS = ["run.started", "step.started", "action.called", "action.completed",
         "step.completed", "run.completed"]


class BrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.close)
        cls.engine.up()
        cls.engine.apply(SMOKE)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.place = cls.engine.env["CAPSTAN_URL"] + "/console/"

    def open(self, words="", key=None):
        """A new tab, at this page of the console."""
        page = self.browser.page(f"{self.place}#key={key or self.engine.key}")
        page.shows("Status")
        if words:
            self.turn(page, words)
        return page

    def turn(self, page, words):
        """To another page of the console."""
        page.value(f"location.hash = {json.dumps('#/' + words)}")
        name = words.split("?")[0].split("/")[-1]
        page.until(f"document.title === decodeURIComponent('{name} - Capstan')")

    def key(self, *scopes):
        return self.engine.call("POST", API + "/keys",
                                {"name": "k", "scopes": list(scopes)})["key"]

    def numbers(self, page):
        return page.value("[...document.querySelectorAll('.events li')].map("
                          "(one) => [one.value, one.querySelector('b').innerText])")

    def test_a_run_is_found_and_followed_while_it_runs(self):
        run = self.engine.start("worker-smoke-test")["id"]
        address = self.engine.tool("console").stdout.strip()
        self.assertEqual(address, f"{self.place}#key={self.engine.key}")
        page = self.browser.page(address)
        page.press(run)
        page.shows("no worker is connected")
        page.until("document.querySelectorAll('.events li').length === 3")
        worker = self.engine.worker()
        page.shows("run.completed")
        page.until("document.querySelector('h1 .state').innerText === 'completed'")
        self.assertEqual(self.numbers(page), [list(pair) for pair in enumerate(KINDS, 1)])
        self.assertNotIn("Why it does not move", page.text())
        self.assertGreater(page.value("document.querySelector('.bar').offsetWidth"), 0)
        worker.terminate()
        worker.wait()
        self.assertEqual(page.wrong, [])

    def test_the_key_is_kept_in_the_tab_alone(self):
        page = self.open()
        page.value(f"location.hash = '#key={self.engine.key}'")
        page.until(f"location.href === '{self.place}#/runs'")
        past = page.ask("Page.getNavigationHistory")["entries"]
        self.assertNotIn("cap_", " ".join(entry["url"] for entry in past))
        self.assertEqual(page.value("document.cookie + localStorage.length"), "0")
        page.ask("Page.reload")
        page.shows("Status")
        page.press("Forget the key")
        page.shows("Which key?")
        self.assertEqual(page.value("sessionStorage.length"), 0)
        self.assertNotIn("worker-smoke-test", page.text())

    def test_events_go_on_without_a_gap_when_the_engine_was_away(self):
        run = self.engine.start("worker-smoke-test")["id"]
        page = self.open(f"run/{run}")
        page.until("document.querySelectorAll('.events li').length === 3")
        gateway = self.engine.kill("gateway.0")
        page.shows("trying again in")
        self.engine.wait_restarted("gateway.0", gateway)
        self.engine.call("POST", f"{API}/runs/{run}/cancel", {"reason": "enough"})
        page.shows("run.cancelled")
        self.assertEqual([number for number, _ in self.numbers(page)], [1, 2, 3, 4, 5])
        page.until("document.getElementById('trouble').hidden")

    def test_what_runs_say_is_text(self):
        self.engine.apply(ECHO.format(about=json.dumps(HOSTILE)))
        run = self.engine.start("echo", {"word": HOSTILE})["id"]
        page = self.open()
        for words in (f"run/{run}", "automation/echo", "automations", "people",
                      f"run/{'%3Cimg src=x onerror=window.hit=1%3E'}"):
            self.turn(page, words)
            page.shows("expected run_" if words.endswith("%3E") else "onerror=")
            self.assertIsNone(page.value("window.hit"), words)
            self.assertEqual(page.value(
                "[document.scripts.length, document.images.length,"
                " document.querySelectorAll('svg, iframe, main script').length]"),
                [1, 1, 0], words)
        self.assertIsNone(page.value(
            "document.head.append(Object.assign(document.createElement('script'),"
            " { textContent: 'window.hit = 2' })), window.hit"))
        self.assertIn("Content Security Policy", " ".join(page.wrong))

    def test_people_answer(self):
        self.engine.apply(ECHO.format(about="asks"))
        run = self.engine.start("echo", {"word": "Ship it?"})["id"]
        page = self.open("people")
        page.shows(run)
        page.value(f"document.querySelector('a[href=\"#/run/{run}\"]')"
                   ".closest('section').querySelector('button').click()")
        page.fill("comment", "looks good")
        page.press("Answer")
        self.assertEqual(self.engine.wait_final(run)["status"], "completed")
        page.until(f"!document.body.innerText.includes('{run}')")
        self.assertEqual(page.wrong, [])

    def test_a_run_is_started_cancelled_and_forked(self):
        page = self.open("automation/worker-smoke-test")
        page.press("Start…")
        page.fill("inputs", "{,}")
        page.press("Start")
        page.shows("The inputs are no JSON")
        page.fill("inputs", '{"to": "Ada", "sum": 9007199254740993}')
        page.press("Start")
        page.shows("9007199254740993")
        page.press("Cancel…")
        page.fill("reason", "a mistake")
        page.press("Cancel the run")
        page.shows("a mistake")
        run = page.value("location.hash").split("/")[-1]
        document = self.engine.run(run)
        self.assertEqual((document["inputs"], document["cancel_reason"]),
                         ({"to": "Ada", "sum": 9007199254740993}, "a mistake"))
        page.press("Fork…")
        page.press("Fork")
        page.shows("Forked from")
        page.press(run)
        page.press("Retry…")
        page.press("Retry")
        page.shows("no worker is connected")
        for one in (run, self.engine.get("/runs")["items"][0]["id"]):
            self.engine.call("POST", f"{API}/runs/{one}/cancel", {})
        self.assertEqual(page.wrong, [])

    def test_what_is_wrong_is_said(self):
        page = self.browser.page(f"{self.place}#key={self.engine.key[:-3]}AAA")
        page.shows("The engine does not take this key.")
        page.value("document.getElementById('key').value = 'é'")
        page.press("Open")
        page.shows("This is no key.")
        page.value(f"document.getElementById('key').value = '{self.engine.key}'")
        page.press("Open")
        page.shows("Status")
        page = self.open("automation/worker-smoke-test", self.key("read"))
        page.press("Pause…")
        page.press("Pause")
        page.shows("the key has not the scope admin")
        page = self.browser.page(f"{self.place}#key={self.key('work')}")
        page.shows("the key has not the scope read")
        page = self.open("run/" + "run_01k9zj3v8q0000000000000000")
        page.shows("no such run")

    def test_the_rest_of_the_engine_is_there(self):
        page = self.open("engine")
        page.shows("The engine is ready.")
        page.shows("scheduler.0")
        self.engine.call("POST", API + "/events", {"type": "order.paid"})
        page.shows("order.paid")
        self.turn(page, "workers")
        page.shows("Nobody is there to work")
        self.turn(page, "runs?status=failed")
        page.shows("No run fits.")
        self.assertEqual(page.wrong, [])


if __name__ == "__main__":
    if CHROMIUM is None:
        print("SKIPPED: there is no chromium: apt-get install chromium")
        sys.exit(77)
    unittest.main()
