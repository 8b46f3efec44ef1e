#!/usr/bin/python3
"""Goal: no bytes on the HTTP port hurt the gateway or another client.

Method: raw bytes against the real gateway (its actors played by fake_engine.py): what two
readers could read in two ways is refused and the connection ends, so that nothing can be
smuggled behind it; what is too much or too slow is cut off; what comes in pieces works.
After each case an honest client is served.
"""
import os
import random
import socket
import time
import unittest

from fake_engine import DEADLINE, Client, FakeEngine

HEAD = b"GET /healthz HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
POST = b"POST /capstan/v1/runs HTTP/1.1\r\n"
JSON = b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

# name, bytes, the first status there may be (0: none)
REFUSED = [
    ("length and coding", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", {400}),
    ("coding and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", {400}),
    ("two lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n", {400}),
    ("two equal lengths", b"Content-Length: 5\r\nContent-Length: 5\r\n", {400}),
    ("negative length", b"Content-Length: -5\r\n", {400}),
    ("signed length", b"Content-Length: +5\r\n", {400}),
    ("hexadecimal length", b"Content-Length: 0x5\r\n", {400}),
    ("list of lengths", b"Content-Length: 5, 5\r\n", {400}),
    ("empty length", b"Content-Length:\r\n", {400}),
    ("huge length", b"Content-Length: 99999999999999999999999\r\n", {400, 413}),
    ("large length", b"Content-Length: 99999999999\r\n", {401, 413}),
    ("other coding", b"Transfer-Encoding: xchunked\r\n", {400}),
    ("two codings", b"Transfer-Encoding: gzip, chunked\r\n", {400}),
    ("coding twice",
     b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", {400}),
    ("padded coding", b"Transfer-Encoding: \x0bchunked\r\n", {400}),
    ("space before colon", b"Content-Length : 5\r\n", {400}),
    ("NUL in a value", b"X: a\0b\r\n", {400}),
    ("control in a value", b"X: a\x01b\r\n", {400}),
    ("two hosts", b"Host: b\r\n", {400}),
    ("two keys", b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n", {400}),
]

CASES = [
    ("no host", HEAD + b"\r\n", {400}),
    ("NUL in the target", b"GET /healthz%00/x HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("raw NUL in the target", b"GET /healthz\0x HTTP/1.1\r\n" + HOST + b"\r\n", {0, 400}),
    ("dots", b"GET /capstan/../healthz HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("escaped dots", b"GET /%2e%2e/healthz HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("empty segment", b"GET //healthz HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("a user in the target", b"GET http://u@a/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
     {400}),
    ("no host in the target", b"GET http:///healthz HTTP/1.1\r\n" + HOST + b"\r\n",
     {400}),
    ("star", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("connect", b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405}),
    ("broken escape", b"GET /healthz%zz HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("bytes that are no text", b"GET /%ff HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    ("long target", b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {413}),
    ("longer target", b"GET /" + b"a" * 90000 + b" HTTP/1.1\r\n\r\n", {413, 414, 431}),
    ("large header", HEAD + HOST + b"X: " + b"a" * 100000 + b"\r\n\r\n", {431}),
    ("many headers", HEAD + HOST + b"X: a\r\n" * 5000 + b"\r\n", {431}),
    ("other version", b"GET /healthz HTTP/3.7\r\n" + HOST + b"\r\n", {400, 505}),
    ("no version", b"GET /healthz\r\n\r\n", {0, 400}),
    ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
     {0, 400}),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400, 405, 505}),
    ("bad chunk size", POST + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
     b"ZZ\r\nhello\r\n0\r\n\r\n", {400, 401}),
    ("negative chunk size", POST + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
     b"-5\r\nhello\r\n0\r\n\r\n", {400, 401}),
    ("huge chunk size", POST + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
     b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", {400, 401, 413}),
    ("body of a GET", HEAD + HOST + b"Content-Length: 5\r\n\r\nhello", {400}),
]


def talk(engine, data, wait=DEADLINE):
    """All that comes back until the gateway ends the connection."""
    found = b""
    with socket.create_connection(("127.0.0.1", engine.http), wait) as sock:
        try:
            sock.sendall(data)
            while piece := sock.recv(65536):
                found += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return found


def statuses(answer):
    return [int(part.split()[1]) for part in answer.split(b"HTTP/1.")[1:]]


class HostileHttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = FakeEngine(payload_max=4096, connections_max=600)
        try:
            cls.engine.start()
        except BaseException:
            cls.engine.close()
            raise
        cls.key = cls.engine.dev_key()

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()

    def tearDown(self):
        with Client(self.engine, self.key) as client:
            self.assertEqual(
                client.ask("POST", "/capstan/v1/runs", {"automation": "x"})[0], 201)

    def check(self, name, data, expected):
        answer = talk(self.engine, data)
        found = statuses(answer) or [0]
        self.assertIn(found[0], expected, (name, answer[:200]))
        # libmicrohttpd 0.9.75 writes the head of its own refusals twice
        twice = b"<html>" in answer and found == found[:1] * 2
        self.assertTrue(len(found) < 2 or twice, (name, "it was smuggled", answer))

    def test_a_head_with_two_meanings_is_refused_and_ends_the_connection(self):
        for name, lines, expected in REFUSED:
            with self.subTest(name):
                head = POST + HOST + JSON + lines + b"\r\n"
                self.check(name, head + b"0\r\n\r\n" + SMUGGLED, expected)

    def test_a_request_that_is_none_is_refused(self):
        for name, data, expected in CASES:
            with self.subTest(name):
                sent = data.replace(HOST, HOST + b"Connection: close\r\n", 1)
                self.check(name, sent, expected)

    def test_a_folded_header_is_not_read_as_two(self):
        data = (HEAD + HOST + b"X: a\r\n Content-Length: 5\r\nConnection: close\r\n\r\n")
        found = statuses(talk(self.engine, data))
        self.assertIn(found, ([200], [400]))

    def test_a_chunked_body_is_put_together_and_its_size_bounded(self):
        key = b"Authorization: Bearer " + self.key.encode() + b"\r\n"
        head = (POST + HOST + key + JSON + b"Connection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n")
        body = b'{"automation": "x"}'
        chunks = b"".join(b"1;name=value\r\n%c\r\n" % c for c in body)
        self.assertEqual(statuses(talk(self.engine, head + chunks + b"0\r\n\r\n")), [201])
        for size in (100, 200, 100000):
            large = (b"400\r\n" + b" " * 1024 + b"\r\n") * size + b"0\r\n\r\n"
            self.assertIn(statuses(talk(self.engine, head + large)), ([413], []))

    def test_requests_one_behind_the_other_are_answered_in_order(self):
        asks = [b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
                b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n",
                b"GET /readyz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"]
        self.assertEqual(statuses(talk(self.engine, b"".join(asks))), [200, 404, 200])

    def test_a_target_that_names_the_host_means_that_and_not_the_header(self):
        def ask(target, host):
            return statuses(talk(self.engine, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
                                 "Connection: close\r\n\r\n".encode()))
        self.assertEqual(ask("http://b/healthz", "a"), [200])
        self.assertEqual(ask("HTTPS://b:80?limit=1", "a"), [404])
        trusting = "/api/workers"
        self.assertEqual(ask(trusting, "localhost"), [200])
        self.assertEqual(ask(trusting, "elsewhere"), [401])
        self.assertEqual(ask("http://localhost" + trusting, "elsewhere"), [200])
        self.assertEqual(ask("http://elsewhere" + trusting, "localhost"), [401])

    def test_a_request_may_come_byte_by_byte(self):
        with Client(self.engine) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in HEAD + HOST + b"\r\n":
                client.send(bytes([byte]))
            self.assertEqual(client.answer()[0], 200)

    def test_whoever_expects_to_be_asked_for_the_body_is_asked_or_refused_first(self):
        with Client(self.engine, self.key) as client:
            client.put("POST", "/capstan/v1/runs", b"", Expect="100-continue",
                       Content_Length="18", Content_Type="application/json")
            self.assertEqual(client.until(b"\r\n\r\n").split()[1], b"100")
            client.send(b'{"automation":"x"}')
            self.assertEqual(client.answer()[0], 201)
        with Client(self.engine, self.key) as client:
            client.put("POST", "/capstan/v1/runs", b"", Expect="100-continue",
                       Content_Length="9999999", Content_Type="application/json")
            self.assertEqual(client.answer()[0], 413)

    def test_who_leaves_in_the_middle_leaves_nothing_behind(self):
        key = b"Authorization: Bearer " + self.key.encode() + b"\r\n"
        whole = (POST + HOST + key + JSON + b"Content-Length: 18\r\n\r\n"
                 b'{"automation":"x"}')
        clients = [Client(self.engine) for _ in range(1, len(whole), 3)]
        for i, client in enumerate(clients):
            client.send(whole[:1 + 3 * i])
        self.tearDown()  # by now they have been read
        for client in clients:
            client.socket.close()
        for _ in range(50):
            with Client(self.engine) as client:
                client.send(whole.replace(b"/runs", b"/runs?wait=1s", 1))
        with Client(self.engine, self.key) as client:
            deadline = time.monotonic() + DEADLINE
            while b'capstan_connections{process="gateway.0"} 1\n' not in client.ask(
                    "GET", "/metrics")[2]:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def test_noise_is_survived(self):
        chance = random.Random(1)
        words = [HEAD, HOST, POST, JSON, b"\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n",
                 b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"\0", b" ", b":", b"%",
                 b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"A" * 3000]
        clients = []
        for _ in range(300):
            clients.append(Client(self.engine))
            clients[-1].send(b"".join(chance.choice(words + [chance.randbytes(9)])
                                      for _ in range(chance.randrange(1, 12))))
        self.tearDown()
        for client in clients:
            client.socket.close()

    def test_idle_connections_do_not_keep_others_out(self):
        idle = [Client(self.engine) for _ in range(400)]
        try:
            for client in idle[::2]:
                client.send(HEAD)
            begin = time.monotonic()
            with Client(self.engine) as client:
                self.assertEqual(client.ask("GET", "/healthz")[0], 200)
            self.assertLess(time.monotonic() - begin, 1)
        finally:
            for client in idle:
                client.socket.close()

    @unittest.skipUnless(os.environ.get("CAPSTAN_LONG"), "takes half a minute")
    def test_who_never_ends_a_head_or_a_body_is_cut_off(self):
        slow = [Client(self.engine), Client(self.engine)]
        key = b"Authorization: Bearer " + self.key.encode() + b"\r\n"
        slow[0].send(HEAD)
        slow[1].send(POST + HOST + key + JSON + b"Content-Length: 1000\r\n\r\n")
        begin = time.monotonic()
        for client in slow:
            client.socket.settimeout(1)
            try:
                while time.monotonic() - begin < 40:
                    try:
                        if not client.fill():
                            break
                    except socket.timeout:
                        for other in slow:
                            other.send(b"a")
            except (ConnectionResetError, BrokenPipeError):
                pass
            client.socket.close()
        self.assertLess(time.monotonic() - begin, 40)


if __name__ == "__main__":
    unittest.main()
