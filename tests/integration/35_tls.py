#!/usr/bin/python3
"""Goal: with a certificate the HTTP doors speak TLS, 1.2 and 1.3, for all that they carry:
requests, streams, WebSockets; who cannot or does not go on is dropped as without TLS.

Method: a real engine with certificates made here, and Python's TLS (OpenSSL) as the other
side.  The tool, and the engine's own start, are asked about certificates that are wrong.
"""
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
import iii_frames  # noqa: E402
import mobius_frames  # noqa: E402
from engine import API, DEADLINE, Engine, SMOKE, program, tls_pair, until  # noqa: E402

CONNECTIONS = 64
GREETING_MS = 10000  # as GREET_MS of gateway/exchange.h
WIDE = "z" * 1040000
ONE_STEP = "name: {0}\nsteps:\n  - {{ key: a, kind: action, config: {{ action_name: {0}, " \
           "parameters: {{ wide: \"{{{{ .inputs.wide }}}}\" }} }} }}\n"
# A worker project: it knows nothing but what its environment says.
PROJECT = "name: greeter\nscripts:\n  start: exec /usr/bin/python3 greeter.py\n"
GREETER = """
import asyncio, json, os, websockets
async def work():
    url = os.environ["III_URL"] + "/k/" + os.environ["CAPSTAN_API_KEY"] + "/"
    async with websockets.connect(url) as door:
        await door.send(json.dumps({"type": "registerfunction", "id": "greet"}))
        async for said in door:
            said = json.loads(said)
            if said["type"] == "invokefunction":
                await door.send(json.dumps({
                    "type": "invocationresult", "function_id": "greet",
                    "invocation_id": said["invocation_id"], "result": url[:16]}))
asyncio.run(work())
"""
# A ClientHello that ends in its midst.
HALF_HELLO = b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(100)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="capstan-test-tls-")
        cls.addClassCleanup(subprocess.run, ["rm", "-r", cls.folder])
        cls.certificate, cls.key = tls_pair(cls.folder)
        cls.engine = Engine(tls=ssl.create_default_context(cafile=cls.certificate),
                            tls_certificate=cls.certificate, tls_key=cls.key,
                            connections_max=CONNECTIONS, state_value_max=1048576)
        cls.engine.up()
        cls.addClassCleanup(cls.engine.close)
        # For test_9; they have all the time that the others take.
        cls.half = [cls.raw(said) for said in (b"", HALF_HELLO)]
        for action in ("mobius", "iii"):
            cls.engine.apply(ONE_STEP.format(action))

    @classmethod
    def raw(cls, said):
        peer = socket.create_connection(("127.0.0.1", cls.engine.http_port), DEADLINE)
        peer.sendall(said)
        return peer

    def connections(self):
        return self.engine.counters("gateway.0")["connections"]

    # ---- requests ----

    def test_1_many_requests_of_one_connection_by_either_version(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=self.certificate)
            context.minimum_version = context.maximum_version = version
            line = http.client.HTTPSConnection("127.0.0.1", self.engine.http_port,
                                               timeout=DEADLINE, context=context)
            with contextlib.closing(line):
                line.connect()
                peer = line.sock
                for _ in range(300):
                    line.request("GET", "/healthz")
                    self.assertEqual(line.getresponse().read() and line.sock, peer)
                self.assertEqual(peer.version(), version.name.replace("_", "."))
                self.assertIn(peer.cipher()[0].split("-")[0].split("_")[0],
                              ("ECDHE", "TLS"))

    def test_1_requests_that_wait_beside_each_other(self):
        """Each is set aside, and taken up again when its answer is there."""
        lines = [self.engine.line() for _ in range(16)]
        head = {"Authorization": "Bearer " + self.engine.key}
        for _ in range(10):
            for line in lines:
                line.request("GET", API + "/runs", None, head)
            for line in lines:
                self.assertEqual(line.getresponse().read()[:1], b"{")
        for line in lines:
            line.close()

    def test_1_a_mebibyte_each_way(self):
        path = API + "/state/wide/key"
        for value in (WIDE, WIDE[1:] + "y"):
            told = self.engine.call("PUT", path, {"value": value})
        self.assertEqual((told["old_value"], told["value"]), (WIDE, WIDE[1:] + "y"))
        took = []
        for _ in range(3):
            begin = time.monotonic()
            self.assertEqual(self.engine.call("GET", path)["value"], WIDE[1:] + "y")
            took.append(time.monotonic() - begin)
        self.assertLess(min(took), 0.5)  # record after record, at once

    def test_2_tls_1_1_is_refused(self):
        for version, refused in ((ssl.TLSVersion.TLSv1_2, False),
                                 (ssl.TLSVersion.TLSv1_1, True)):
            context = ssl.create_default_context(cafile=self.certificate)
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
            expected = self.assertRaises(OSError) if refused else contextlib.nullcontext()
            for port in (self.engine.http_port, self.engine.iii_port,
                         self.engine.iii_http_port):
                with socket.create_connection(("127.0.0.1", port), DEADLINE) as peer:
                    with expected:
                        context.wrap_socket(peer, server_hostname="localhost").close()

    def test_2_who_speaks_no_tls_hears_nothing(self):
        for port in (self.engine.http_port, self.engine.iii_port):
            with socket.create_connection(("127.0.0.1", port), DEADLINE) as peer:
                peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                heard = b""
                with contextlib.suppress(ConnectionResetError):
                    while piece := peer.recv(4096):
                        heard += piece
                self.assertLessEqual(len(heard), 7)  # an alert at most
                self.assertNotIn(b"HTTP", heard)

    # ---- what goes on ----

    def worker(self, name):
        worker = mobius_frames.Raw(self.engine)
        self.addCleanup(worker.socket.close)
        worker.register(name, actions=["mobius"])
        return worker

    def workers(self):
        return [w["instance"] for w in self.engine.get("/workers")["items"]]

    def test_3_mobius_and_a_stream(self):
        worker = self.worker("here")
        run = self.engine.start("mobius", {"wide": WIDE[:900000]})["id"]
        line = self.engine.line()
        line.request("GET", f"{API}/runs/{run}/events", headers={
            "Accept": "text/event-stream", "Authorization": "Bearer " + self.engine.key})
        stream = line.getresponse()
        self.assertEqual(stream.readline(), b"id: 1\n")  # while it goes on
        job = worker.claim_some()[0]
        self.assertIn(WIDE[:900000], json.dumps(job))
        id = worker.report(job, result={"wide": WIDE[:900000]})
        worker.wait("job.report.ack", message_id=id)
        self.assertIn(b"event: run.completed\n", stream.read())
        line.close()
        self.assertEqual(self.engine.run(run)["status"], "completed")
        # Who says that it closes is answered.
        worker.frame(8, b"\x03\xe8")
        self.assertIsNone(worker.hear())
        self.assertEqual(worker.closed, 1000)
        until(lambda: "here" not in self.workers(), "it is gone")

    def test_3_who_breaks_off_is_gone_at_once(self):
        def there():
            counters = self.engine.counters("gateway.0")
            return counters["websockets"], counters["connections"]
        until(lambda: there()[0] == 0, "nobody is there")
        before = there()[1]
        for reset in (False, True):
            worker = self.worker("gone")
            self.assertEqual(there()[0], 1)
            if reset:
                worker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
            worker.socket.close()
            until(lambda: there()[0] == 0 and there()[1] <= before, "it is gone", 10)

    def test_3_what_was_said_last_is_heard(self):
        worker = self.worker("last")
        run = self.engine.start("mobius", {"wide": "x"})["id"]
        worker.report(worker.claim_some()[0], result={"wide": WIDE[:900000]})
        worker.socket.close()
        until(lambda: self.engine.run(run)["status"] == "completed", "it was heard")

    def test_3_what_comes_with_the_greeting_is_heard(self):
        """In one record, of which libmicrohttpd reads a half."""
        word = json.dumps({"type": "ping", "wide": "x" * 12000}).encode()
        head = ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
        peer = socket.create_connection(("127.0.0.1", self.engine.iii_port), DEADLINE)
        with self.engine.tls.wrap_socket(peer, server_hostname="127.0.0.1") as line:
            line.settimeout(10)
            line.sendall(head + b"\x81\xfe" + len(word).to_bytes(2, "big") + bytes(4) + word)
            heard = b""
            while b'"pong"' not in heard:
                piece = line.recv(4096)
                self.assertNotEqual(piece, b"", heard)
                heard += piece

    def test_3_iii(self):
        worker = iii_frames.Worker(self.engine).function("iii").silence()
        self.addCleanup(worker.close)
        run = self.engine.start("iii", {"wide": WIDE[:900000]})["id"]
        call = worker.hear()
        self.assertEqual(call["data"]["wide"], WIDE[:900000])
        worker.answer(call, result={"wide": WIDE[:900000]})
        until(lambda: self.engine.run(run)["status"] == "completed", "it is done")
        worker.trigger("http", "iii", config={"api_path": "route", "http_method": "GET"})
        worker.silence()
        line = http.client.HTTPSConnection("127.0.0.1", self.engine.iii_http_port,
                                           timeout=DEADLINE, context=self.engine.tls)
        line.request("GET", "/route")
        worker.answer(worker.hear(), result={"status_code": 202, "body": "there"})
        self.assertEqual(line.getresponse().status, 202)
        line.close()

    def test_3_a_worker_that_the_engine_starts(self):
        engine = Engine(tls=self.engine.tls, env={"SSL_CERT_FILE": self.certificate},
                        tls_certificate=self.certificate, tls_key=self.key,
                        tls_name="localhost")
        self.addCleanup(engine.close)
        engine.up()
        folder = os.path.join(self.folder, "greeter")
        os.mkdir(folder)
        for name, text in (("capstan.worker.yaml", PROJECT), ("greeter.py", GREETER)):
            with open(os.path.join(folder, name), "w") as out:
                out.write(text)
        added = subprocess.run([program("capstan"), "worker", "add", folder], text=True,
                               env=engine.env, capture_output=True, timeout=DEADLINE)
        self.assertEqual(added.returncode, 0, added.stderr)
        engine.apply("name: greet\nsteps:\n"
                     "  - { key: a, kind: action, config: { action_name: greet } }\n")
        run = engine.start("greet", wait=30)
        self.assertEqual((run["status"], run["output"]), ("completed", "wss://localhost:"))

    # ---- who does not behave ----

    def resident_kib(self):
        return self.engine.resident_kib()["gateway.0"]

    def test_4_who_does_not_read_is_parted_and_costs_little(self):
        before, there = self.resident_kib(), self.connections()
        ping = bytes([0x89, 0xfd]) + bytes(4 + 125)
        peer = mobius_frames.Raw(self.engine)
        self.addCleanup(peer.socket.close)
        peer.socket.settimeout(1)
        with self.assertRaises(OSError):
            for _ in range(500):
                peer.socket.sendall(1000 * ping)
        self.assertLess(self.resident_kib(), before + 32 * 1024)
        # It still does not read, and libmicrohttpd has something for it.
        until(lambda: self.connections() <= there, "it is gone", 30)

    def test_4_answers_that_are_not_read_cost_no_more_than_they_are(self):
        self.engine.call("PUT", API + "/state/wide/slow", {"value": WIDE})
        before, lines = self.resident_kib(), [self.engine.line() for _ in range(16)]
        for line in lines:
            line.request("GET", API + "/state/wide/slow",
                         headers={"Authorization": "Bearer " + self.engine.key})
        self.engine.get("/runs")
        self.assertLess(self.resident_kib(), before + 16 * 3 * 1024)
        for line in lines:
            self.assertEqual(len(json.loads(line.getresponse().read())["value"]), len(WIDE))
            line.close()

    def test_5_half_a_handshake_counts_as_a_connection(self):
        with contextlib.ExitStack() as closing:
            while self.connections() < CONNECTIONS:
                there = self.connections()
                closing.enter_context(self.raw(HALF_HELLO))
                until(lambda: self.connections() != there, "it is there")
            with self.raw(b"") as late, self.assertRaises(TimeoutError):
                late.settimeout(0.5)
                self.engine.tls.wrap_socket(late, server_hostname="127.0.0.1")
        self.engine.get("/runs")

    def test_9_half_a_handshake_ends_in_time_and_takes_none(self):
        """libmicrohttpd would say all the time that it has something to do for it."""
        self.half.append(self.raw(HALF_HELLO))
        begin, busy = time.monotonic(), self.engine.cpu_seconds()
        for peer in self.half:
            peer.settimeout(GREETING_MS / 1000 + 15)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(peer.recv(4096), b"")
            peer.close()
        self.assertGreater(time.monotonic() - begin, GREETING_MS / 1000 - 5)
        self.assertLess(self.engine.cpu_seconds() - busy, 2)

    # ---- the tool ----

    def tool(self, *words, **environment):
        env = dict(self.engine.env, CAPSTAN_API_KEY=self.engine.key, **environment)
        env = {name: value for name, value in env.items() if value is not None}
        return subprocess.run([program("capstan"), *words], env=env, text=True,
                              capture_output=True, timeout=DEADLINE)

    def test_6_the_tool_trusts_whom_it_is_told_to(self):
        url = self.engine.env["CAPSTAN_URL"]
        said = self.tool("runs", "list")
        self.assertEqual((said.returncode, said.stdout), (1, ""))
        self.assertIn(f"{url} is not trusted: ", said.stderr)
        self.assertIn("self-signed certificate", said.stderr)
        self.assertIn("$CAPSTAN_CA", said.stderr)
        said = self.tool("events", "tail", "x")
        self.assertEqual(said.returncode, 1)
        self.assertIn("is not trusted", said.stderr)
        self.assertIn("nowhere.pem", self.tool("runs", "list", "--ca", "nowhere.pem").stderr)
        other, _ = tls_pair(self.folder, "other")
        self.assertIn("is not trusted",
                      self.tool("runs", "list", "--ca", other).stderr)
        for said in (self.tool("runs", "list", "--ca", self.certificate),
                     self.tool("runs", "list", CAPSTAN_CA=self.certificate)):
            self.assertEqual((said.returncode, said.stderr), (0, ""))
        said = self.tool("runs", "list", CAPSTAN_URL=url.replace("https", "http"))
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("https://", said.stderr)

    def test_6_the_tool_knows_the_engine_of_its_data_folder(self):
        said = self.tool("up", "--json", CAPSTAN_URL=None)
        self.assertEqual(json.loads(said.stdout)["http"], self.engine.env["CAPSTAN_URL"])
        self.assertEqual(self.tool("runs", "list", CAPSTAN_URL=None).stderr, "")
        pin = os.path.join(self.engine.data, "gateway/tls.pin")
        with open(pin) as file:
            right = file.read()
        with open(pin, "w") as file:
            file.write("sha256//" + "A" * 43 + "=")
        said = self.tool("runs", "list", CAPSTAN_URL=None)
        with open(pin, "w") as file:
            file.write(right)
        self.assertEqual(said.returncode, 1)
        self.assertIn("gateway/tls.pin", said.stderr)

    # ---- certificates ----

    def begin(self, **settings):
        engine = Engine(**settings)
        self.addCleanup(engine.close)
        engine.up()
        return engine

    def test_7_a_new_life_of_the_gateway_has_the_new_certificate(self):
        files = tls_pair(self.folder, "renewed")
        engine = self.begin(tls=ssl.create_default_context(cafile=files[0]),
                            tls_certificate=files[0], tls_key=files[1])
        engine.apply(SMOKE)
        worker = engine.worker("--queues", "default", "--actions", "print")
        until(lambda: engine.get("/workers")["items"], "it is there")
        for old, new in zip(files, tls_pair(self.folder, "new")):
            os.replace(new, old)
        engine.get("/workers")  # the old one still
        engine.wait_restarted("gateway.0", engine.kill("gateway.0", signal.SIGTERM))
        with self.assertRaises(ssl.SSLError):
            engine.get("/workers")
        engine.tls = ssl.create_default_context(cafile=files[0])
        self.assertEqual(engine.start("worker-smoke-test", wait=30)["status"], "completed")
        self.assertIsNone(worker.poll())
        del engine.env["CAPSTAN_URL"]
        engine.tool("runs", "list")

    def test_8_what_is_wrong_with_the_files_is_said_at_the_start(self):
        certificate, key = tls_pair(self.folder, "right")
        other_certificate, other_key = tls_pair(self.folder, "wrong")
        text = os.path.join(self.folder, "text")
        with open(text, "w") as out:
            out.write("no PEM\n")
        os.chmod(text, 0o600)
        for files, *why in (
                ((certificate, other_key), "tls_key: " + other_key, "is not the key of"),
                ((text, key), "tls_certificate: " + text, "no certificates as PEM"),
                ((certificate, text), "tls_key: " + text, "no private key as PEM"),
                ((text + "s", key), f"tls_certificate: {text}s: No such file"),
                ((certificate, self.folder), "tls_key: " + self.folder, "is no file")):
            with self.assertRaises(AssertionError) as said:
                self.begin(tls_certificate=files[0], tls_key=files[1])
            for words in why:
                self.assertIn(words, str(said.exception))
        for mode in (0o604, 0o620):
            os.chmod(key, mode)
            with self.assertRaises(AssertionError) as said:
                self.begin(tls_certificate=certificate, tls_key=key)
            self.assertIn(f"tls_key: {key} has mode {mode:04o}", str(said.exception))

    def test_8_an_expired_certificate_is_logged(self):
        certificate, key = tls_pair(self.folder, "expired")
        subprocess.run(["openssl", "x509", "-in", certificate, "-signkey", key, "-days",
                        "-1", "-out", certificate], check=True, capture_output=True)
        os.chmod(key, 0o640)  # as that of a group of its own
        data = os.path.join(self.folder, "data")
        os.mkdir(data, 0o700)
        # Beyond loopback, and not `insecure`.
        engine = self.begin(data=data, tls_certificate=certificate, tls_key=key,
                            http_address="0.0.0.0", iii_address="0.0.0.0")
        self.assertNotIn(" insecure ", engine.logs())
        self.assertIn("BEGIN", ssl.get_server_certificate(("127.0.0.1", engine.iii_port)))
        self.assertRegex(engine.logs(), "unusual gateway.0 tls_certificate_expired "
                         f'file="{re.escape(certificate)}" from=20.* until=20.*Z')
        expires = engine.counters("gateway.0")["tls_expires_s"]
        self.assertAlmostEqual(expires, time.time() - 86400, delta=3600)
        shown = subprocess.run([program("capstan"), "status"], env=engine.env, text=True,
                               capture_output=True, timeout=DEADLINE)
        self.assertRegex(shown.stderr, "the TLS certificate expired at 20.*Z")
        pin = os.path.join(data, "gateway/tls.pin")
        self.assertTrue(os.path.exists(pin))
        engine.down()
        self.begin(data=data)
        self.assertFalse(os.path.exists(pin))


if __name__ == "__main__":
    unittest.main()
