#!/usr/bin/python3
"""Goal: every setting may be as low and as high as base/config.def says: the engine begins,
does a worker's job and takes payloads as large as they may be, and no process dies of it.

Method: the table itself.  All settings at their lowest in one engine, all at their highest
in another, and those that exclude others in one of their own; a row that is in none of
them is an error of this test.
"""
import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from engine import API, DEADLINE, Engine, Refused, program, until  # noqa: E402

LATER = ("busy", "overloaded", "timeout", "unavailable")
SMALL = """
name: small
triggers: [{key: h, kind: http, handle: h}]
steps: [{kind: action, action: print, parameters: {message: hello}}]
"""


def table():
    """Name → type, lowest and highest: numbers, or bytes of a text."""
    with open(os.path.join(SOURCE, "base/config.def")) as file:
        rows = re.findall(r'^SETTING\((\w+),\s*(\w+),\s*(?:"[^"]*"|\d+),'
                          r"\s*(\w+),\s*(\w+),", file.read(), re.M)
    with open(os.path.join(SOURCE, "base/config.h")) as file:
        named = dict(re.findall(r"(\w+_MAX) = (\d+)", file.read()))
    return {name: (type, int(named.get(least, least)), int(named.get(most, most)))
            for type, name, least, most in rows}


TABLE = table()
NUMBERS = [name for name, row in TABLE.items() if row[0] in ("u32", "u64")]
PORTS = [name for name in NUMBERS if name.endswith("_port")]
# Where one end is an engine of its own: it takes long, or another client.
ALONE = ("schedulers", "worker_curve", *PORTS)


def repeated(word, size):
    """As often as there is room, with spaces between, and filled up with them."""
    return " ".join([word] * ((size + 1) // (len(word) + 1))).ljust(size)


# Texts that mean something else when they are longer, to the system or to us.
SHORT = ("data", "log_level", "zoneinfo", "workflows", "workers",
         "tls_certificate", "tls_key",
         *[name.replace("port", "address") for name in PORTS])
TEXTS = {
    "iii_http_origins": lambda size: repeated("https://app.example:8443", size),
    "iii_http_methods": lambda size: ", ".join(["DELETE"] * 40)[:size],
    "tls_name": lambda size: "n" * size,
    "iii_http_middleware": lambda size: repeated("a::b", size),
}


class Settings(unittest.TestCase):
    def ask(self, what):
        """Its answer: limits that are so low that it had to wait are no mistake."""
        def answered():
            try:
                return what()
            except Refused as refused:
                if refused.code not in LATER:
                    raise
                return None
        return until(answered, "it is answered")

    def finish(self, payload, client=None, **settings):
        """Begin such an engine, and do with it what it is for."""
        with Engine(**settings) as engine:
            try:
                engine.env.update(client(engine) if client else {})
                self.work(engine, payload)
            except BaseException:
                engine.kill_all()  # it might wait for long
                raise

    def work(self, engine, payload):
        self.ask(lambda: engine.apply(SMALL))
        engine.worker("--concurrency", "1")
        for size in (payload + 1, payload, payload - 10):  # the last one fits for certain
            with contextlib.suppress(Refused, ConnectionError):
                self.ask(lambda: self.hook(engine, size))
        inputs = {"x": "x" * (payload - 10)}
        self.ask(lambda: engine.start("small", inputs, key="once"))
        runs = self.ask(lambda: engine.get("/runs"))["items"]
        self.assertGreaterEqual(len(runs), 2)
        for run in [item["id"] for item in runs]:
            until(lambda: self.ask(lambda: engine.run(run))["status"] == "completed",
                  lambda: f"{run} is over\n" + engine.logs())
        again = {name: row["restarts"] for name, row in engine.status().items()
                 if row.get("restarts", "0") != "0"}
        self.assertEqual(again, {}, engine.logs())

    @staticmethod
    def hook(engine, size):
        return engine.call("POST", API + "/hooks/h", "x" * size,
                           {"Content-Type": "text/plain"})

    def test_the_table_was_read(self):
        with open(os.path.join(SOURCE, "base/config.def")) as file:
            self.assertEqual(len(TABLE), len(re.findall(r"^SETTING\(", file.read(), re.M)))
        self.assertEqual(sorted(TABLE), sorted([*NUMBERS, *SHORT, *TEXTS]))

    def test_the_lowest(self):
        settings = {name: TABLE[name][1] for name in NUMBERS}
        self.finish(settings["payload_max"], **settings)

    def test_the_highest(self):
        settings = {name: TABLE[name][2] for name in NUMBERS if name not in ALONE}
        self.finish(settings["payload_max"], **settings, **{
            name: of_size(TABLE[name][2]) for name, of_size in TEXTS.items()})

    def test_the_highest_of_what_needs_more(self):
        def client(engine):
            with open(engine.data + "/gateway/curve.public") as file:
                return {"CAPSTAN_SERVER_KEY": file.read().strip()}
        settings = {name: TABLE[name][2] for name in ("worker_curve", "schedulers")}
        self.finish(1024, client, **settings)

    def test_who_has_a_port_is_said(self):
        def up(port):
            with tempfile.TemporaryDirectory() as data:
                done = subprocess.run(
                    [program("capstan"), "up", "--data", data, "--set", f"iii_port={port}",
                     *[word for name in PORTS if name != "iii_port"
                       for word in ("--set", name + "=0")]],
                    capture_output=True, text=True, timeout=DEADLINE)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(f"iii_port: {port} on 127.0.0.1 is in use", done.stderr)
            self.assertIn("capstan up --set http_port=0 ", done.stderr)
            return done.stderr
        with socket.socket() as listener, socket.socket() as outgoing:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            self.assertRegex(up(port), f"process {os.getpid()} .* listens there")
            outgoing.bind(("127.0.0.1", 0))
            own = outgoing.getsockname()[1]
            outgoing.connect(("127.0.0.1", port))
            self.assertRegex(up(own), f"connection of process {os.getpid()} ")
            outgoing.close()
            listener.accept()[0].close()
            self.assertIn("ended less than a minute ago", up(own))

    def test_the_highest_ports(self):
        hosts = {name: "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
                 for name in PORTS}
        with Engine(**{name: TABLE[name][2] for name in PORTS},
                    **{name.replace("port", "address"): hosts[name] for name in PORTS}):
            for name in PORTS:
                with socket.create_connection((hosts[name], TABLE[name][2])):
                    pass


if __name__ == "__main__":
    unittest.main()
