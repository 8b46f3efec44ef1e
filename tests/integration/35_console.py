#!/usr/bin/python3
"""Goal: the console is served as its files are, by names only, and what it is made of can
run nothing that data says.

Method: the real gateway, alone; each file of gateway/console beside what is served, and
the sources searched for ways in which text becomes markup or code. What the page does is
in 36_browser.py.
"""
import os
import re
import unittest

from fake_engine import Client, FakeEngine, SOURCE, read_source

FOLDER = os.path.join(SOURCE, "gateway/console")
TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
         "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
FILES = sorted(name for name in os.listdir(FOLDER)
               if name.rsplit(".", 1)[-1] in TYPES)
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src 'self' data:; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
GUARDS = {"content-security-policy": POLICY, "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer", "cache-control": "no-cache"}
NAMES = [  # that are no file of it
    "/console/none.js", "/console/api.js/x", "/console/API.js",
    "/console/console.c", "/console/files.inc", "/console/%2e%2e%2fopenapi.json",
    "/console/..%2f..%2fsecret", "/console/%2fetc%2fpasswd", "/console/api.js%00",
    "/console/../healthz", "/console/./api.js", "/console//api.js", "/console\\api.js",
    "/console/api%2ejs%2f", "/console/" + "a" * 4000]
# Ways for a text to become markup, style or code, and for a page to ask elsewhere.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|DOMParser|srcdoc|"
    r"createContextualFragment|\beval\b|\bFunction\s*\(|javascript:|\bimport\s*\(|"
    r"cssText|document\.cookie|localStorage|setTimeout\(\s*[\"'`]|"
    r"//(?!www\.w3\.org/2000/svg\")[\w.-]+\.\w+/")
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|<style|\s(style|on\w+)\s*=", re.I)
REFERENCE = re.compile(r"""(?:from|import)\s+"\./([^"]+)"|(?:src|href)="([^"#][^"]*)\"""")


def source(name):
    return read_source("gateway/console/" + name)


class ConsoleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = FakeEngine()
        cls.addClassCleanup(cls.engine.close)
        cls.engine.start()

    def ask(self, path, method="GET", **headers):
        with Client(self.engine) as client:
            return client.ask(method, path, **headers)

    def test_each_file_is_served_as_it_is_without_a_key(self):
        for name in FILES:
            with self.subTest(name=name):
                status, headers, body = self.ask("/console/" + name)
                self.assertEqual((status, body.decode()), (200, source(name)))
                self.assertEqual(headers["content-type"], TYPES[name.rsplit(".")[-1]])
                self.assertEqual({**headers, **GUARDS}, headers)
                self.assertRegex(headers["etag"], r'^"[0-9a-f]{64}"$')
        self.assertEqual(self.ask("/console/")[2].decode(), source("index.html"))

    def test_what_a_browser_has_is_not_sent_again(self):
        tag = self.ask("/console/main.js")[1]["etag"]
        self.assertNotEqual(self.ask("/console/api.js")[1]["etag"], tag)
        for known in (tag, f'"x", W/{tag}', "*"):
            status, headers, body = self.ask("/console/main.js", If_None_Match=known)
            self.assertEqual((status, headers["etag"], body), (304, tag, b""), known)
            self.assertEqual({**headers, **GUARDS}, headers)
        for known in ('"x"', tag[:-2] + '"', ""):
            self.assertEqual(self.ask("/console/main.js", If_None_Match=known)[0], 200)

    def test_there_is_nothing_to_do_to_it(self):
        whole = self.ask("/console/")[1]
        with Client(self.engine) as client:
            status, headers, _ = client.ask("HEAD", "/console/")
            self.assertEqual(status, 200)
            for name in ("content-length", "content-type", "etag"):
                self.assertEqual(headers[name], whole[name])
            self.assertEqual(client.ask("GET", "/healthz")[0], 200)  # no body was sent
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            status, headers, body = self.ask("/console/main.js", method)
            self.assertEqual((status, headers["allow"]), (405, "GET"))
            self.assertEqual({**headers, **GUARDS}, headers)
        self.assertEqual(self.ask("/console/?key=cap_x")[0], 400)

    def test_no_other_name_leads_anywhere(self):
        for path in NAMES:
            status, _, body = self.ask(path)
            self.assertIn((status, body["error"]["code"]),
                          ((404, "not_found"), (400, "malformed")), path)

    def test_browsers_are_led_to_it(self):
        html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
        status, headers, _ = self.ask("/console")
        self.assertEqual((status, headers["location"]), (302, "console/"))
        status, headers, _ = self.ask("/", Accept=html)
        self.assertEqual((status, headers["location"]), (302, "/console/"))
        for accept in (None, "*/*", "application/json"):
            status, headers, body = self.ask("/", Accept=accept)
            self.assertEqual((status, body["error"]["code"]), (404, "not_found"))
            self.assertNotIn("location", headers)

    def test_what_it_refers_to_is_there(self):
        referred = {"index.html"}
        for name in FILES:
            there = {one or two for one, two in REFERENCE.findall(source(name))}
            self.assertEqual(there - set(FILES), set(), name)
            referred |= there
        self.assertEqual(referred, set(FILES))  # and nothing else is

    def test_no_text_can_become_markup_style_or_code(self):
        for name in FILES:
            for number, line in enumerate(source(name).split("\n"), 1):
                self.assertIsNone(FORBIDDEN.search(line), f"{name}:{number}: {line}")
        self.assertIsNone(INLINE.search(source("index.html")))


if __name__ == "__main__":
    unittest.main()
