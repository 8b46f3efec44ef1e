#!/usr/bin/python3
"""Goal: frames, options and the reports of actions are what the protocol allows, and
mistakes are told by name."""
import asyncio
import os
import queue
import random
import re
import sys
import tempfile
import threading
import unittest
from unittest import mock

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import capstan_worker  # noqa: E402
from capstan_worker import Fatal, Refused, Worker, options, wire  # noqa: E402
from capstan_worker.job import Job, completed, failed  # noqa: E402
from capstan_worker.stage import Stage, is_async  # noqa: E402


class WireTest(unittest.TestCase):
    def test_a_frame_is_one_map(self):
        data = wire.frame("report", {"output": msgpack.packb([1])}, token=b"t")
        self.assertEqual(msgpack.unpackb(data),
                         {"type": "report", "token": b"t", "output": [1]})

    def test_a_text_is_cut_between_characters(self):
        self.assertEqual(wire.cut("aé", 2), "a")
        self.assertEqual(wire.cut("aé", 3), "aé")
        self.assertEqual(wire.cut("\udc80", 9), "?")

    def test_what_is_heard_is_checked(self):
        good = {"type": "heartbeat", "lost": [b"a", "b"], "cancel": [], "token": "t",
                "lease_ms": 7, "leave": True, "message": None, "new": {"1": 2}}
        self.assertEqual(wire.unpack(msgpack.packb(good)), {
            "type": "heartbeat", "lost": [b"a", b"b"], "cancel": [], "token": b"t",
            "lease_ms": 7, "leave": True})
        for key, value in (("type", b"x"), ("lost", b"a"), ("lost", [1]), ("token", 1),
                           ("lease_ms", -1), ("lease_ms", True), ("code", 5)):
            with self.subTest(key=key), self.assertRaises(ValueError):
                wire.unpack(msgpack.packb({"type": "x", key: value}))
        for data in (b"", msgpack.packb([]), msgpack.packb({"v": 1}), b"\x81\xa1\xff\x01",
                     msgpack.packb({"type": "x"}) + b"\x00"):
            with self.subTest(data=data), self.assertRaises(ValueError):
                wire.unpack(data)

    def test_frames_of_chance_are_read_or_are_a_value_error(self):
        chance = random.Random(1)
        frames = [wire.frame("heartbeat", lost=[b"a"], sequence=1, parameters={"a": [1]})]
        for _ in range(20000):
            data = bytearray(chance.choice(frames))
            for _ in range(chance.randrange(4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                wire.unpack(bytes(data[:chance.randrange(len(data) + 1)]))
            except ValueError:
                pass


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.job = Job({"token": b"t", "job": "job_1", "action": "greet"}, None)

    def completed(self, output, payload_max=1000):
        report = msgpack.unpackb(completed(self.job, output, payload_max))
        return report.get("error_type", report["outcome"])

    def failed(self, error):
        with self.assertLogs("capstan_worker"):
            report = msgpack.unpackb(failed(self.job, error))
        return report["outcome"], report["error_type"], report["error_message"]

    def test_outputs(self):
        for output in (None, {"a": [1, 2.5, "x", b"y", True, (1,)]}):
            self.assertEqual(self.completed(output), "completed")
        for output in ({1: 2}, {"a": {b"": 1}}, [msgpack.Timestamp(1)],
                       msgpack.ExtType(1, b""), msgpack.Timestamp(1), {1}, 1 << 64,
                       "\udc80", print):
            self.assertEqual(self.completed(output), "InvalidOutput", output)
        self.assertEqual(self.completed("x" * 8, 9), "completed")
        self.assertEqual(self.completed("x" * 8, 8), "OutputTooLarge")

    def test_a_frame_with_the_deepest_output_is_32_deep(self):
        output = 1
        for _ in range(31):
            output = {"a": output}
        self.assertEqual(self.completed(output), "completed")
        self.assertEqual(self.completed([output]), "InvalidOutput")

    def test_errors(self):
        self.assertEqual(self.failed(KeyError("a")), ("failed", "KeyError", "'a'"))
        self.assertEqual(self.failed(Fatal("A", "b")), ("fatal", "A", "b"))
        self.assertEqual(self.failed(Fatal("b")), ("fatal", "Fatal", "b"))
        long = Fatal("é" * 200, "é" * 4096)
        self.assertEqual(self.failed(long), ("fatal", "é" * 100, "é" * 2048))

    def test_another_attempt_may_be_put_off(self):
        for seconds, ms in ((0, None), (1.5, 1500), (1e9, 86400000), (-1, None)):
            self.job.retry_after(seconds)
            with self.assertLogs("capstan_worker"):
                report = msgpack.unpackb(failed(self.job, KeyError("a")))
            self.assertEqual(report.get("retry_after_ms"), ms)
        self.job.retry_after(1)
        with self.assertLogs("capstan_worker"):
            self.assertNotIn(b"retry_after", failed(self.job, Fatal("A", "b")))

    def test_who_was_cancelled_may_have_ended_otherwise(self):
        self.job.cancelled.set()
        self.assertEqual(self.completed(None), "cancelled")
        self.assertEqual(self.completed(1), "completed")
        for error in (asyncio.CancelledError(), KeyError("a"), Fatal("A", "b")):
            report = msgpack.unpackb(failed(self.job, error))
            self.assertEqual(report["outcome"], "cancelled")


class StageTest(unittest.TestCase):
    def test_an_action_that_cannot_be_called_fails_its_job(self):
        async def later():
            return 1

        for action in (later, lambda: 1):
            reports = queue.SimpleQueue()
            stage = Stage(lambda job, report: reports.put(report), lambda: 1000)
            job = Job({"token": b"t"}, None)
            with self.assertLogs("capstan_worker"):
                stage.begin(action, is_async(action), job)
                report = msgpack.unpackb(reports.get(timeout=20))
            self.assertEqual(report["error_type"], "TypeError")
            stage.end()


class OptionsTest(unittest.TestCase):
    def found(self, find, *arguments, **environment):
        with mock.patch.dict(os.environ, environment, clear=True):
            return find(*arguments)

    def test_where_the_engine_is(self):
        for given, environment, url in (
                (None, {}, "tcp://127.0.0.1:5170"),
                ("tcp://a:1", {"CAPSTAN_WORKER_URL": "tcp://b:2"}, "tcp://a:1"),
                (None, {"CAPSTAN_WORKER_URL": "tcp://b:2"}, "tcp://b:2"),
                (None, {"CAPSTAN_URL": "http://c:3000/x"}, "tcp://c:5170"),
                ("", {"CAPSTAN_URL": "https://u:p@[::1]:3000"}, "tcp://[::1]:5170"),
                (None, {"CAPSTAN_URL": "c"}, "tcp://c:5170")):
            self.assertEqual(self.found(options.find_url, given, **environment), url)
        for wrong in ("http://a", "tcp://a", "tcp://a:b", "tcp://a:65536", "ipc://"):
            with self.assertRaisesRegex(ValueError, f"url: {wrong}"):
                options.find_url(wrong)

    def test_the_key(self):
        url = "tcp://127.0.0.1:5170"
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, ".local/share/capstan"))
            for path in ("", ".local/share/capstan"):
                with open(os.path.join(folder, path, "dev.key"), "w") as file:
                    file.write(f"cap_{path[-7:]}\n")
            find = options.find_key
            self.assertEqual(self.found(find, "cap_a", url, CAPSTAN_API_KEY="b"), "cap_a")
            self.assertEqual(self.found(find, None, url, CAPSTAN_API_KEY="b"), "b")
            self.assertEqual(self.found(find, None, url, CAPSTAN_DATA=folder), "cap_")
            self.assertEqual(self.found(find, None, url, HOME=folder), "cap_capstan")
            self.assertEqual(self.found(find, None, "tcp://a:1", HOME=folder), "")
            share = os.path.join(folder, ".local/share")
            self.assertEqual(self.found(find, None, url, XDG_DATA_HOME=share),
                             "cap_capstan")
            self.assertEqual(self.found(find, None, url, XDG_DATA_HOME=folder), "")

    def test_who_it_is(self):
        find = options.find_instance
        self.assertEqual(self.found(find, "me", K_REVISION="r"), "me")
        self.assertRegex(self.found(find, None, K_REVISION="r"), "^r-[0-9a-z]{8}$")
        self.assertEqual(self.found(find, None, FLY_MACHINE_ID="f"), "f")
        pod = {"KUBERNETES_SERVICE_HOST": "k", "HOSTNAME": "pod"}
        self.assertEqual(self.found(find, None, **pod), "pod")
        self.assertRegex(self.found(find, None, HOSTNAME="pod"), "-[0-9a-z]{8}$")
        self.assertNotEqual(self.found(find, None), self.found(find, None))

    def test_who_started_the_worker_says_how_long_it_may_drain(self):
        for given, said, seconds in ((None, "", 10), (None, "4000", 4), (None, "0", 0),
                                     (7, "4000", 7), (0, "4000", 0)):
            with mock.patch.dict(os.environ, {"CAPSTAN_DRAIN_MS": said}):
                self.assertEqual(options.find_drain_s(given), seconds)
        for said in ("4s", "-1", "86400001"):
            with mock.patch.dict(os.environ, {"CAPSTAN_DRAIN_MS": said}), \
                    self.assertRaisesRegex(ValueError, "^CAPSTAN_DRAIN_MS: '" + said):
                Worker()

    def test_names_are_a_list_or_a_text(self):
        for given in (["a", "b"], "a,b", " a, b "):
            self.assertEqual(options.check_names("queues", given), ["a", "b"])

    def test_mistakes_are_told_by_name(self):
        for given, sentence in (
                ({"concurrency": 0}, "concurrency: 0 is not from 1 to 4096"),
                ({"concurrency": 4097}, "concurrency"),
                ({"queues": "a,,b"}, "queues: a name has 1 to 200 bytes"),
                ({"labels": ["a"] * 257}, "labels: 257 names are more than 256"),
                ({"name": "a\nb"}, "name: 'a\\\\nb' holds a control character"),
                ({"instance": "x" * 201}, "instance"),
                ({"server_key": "x"}, "server_key"),
                ({"version": "\x7f"}, "version"),
                ({"environment": "é" * 101}, "environment")):
            with self.subTest(given=given), self.assertRaisesRegex(ValueError, sentence):
                Worker(**given)

    def test_mistakes_of_actions(self):
        worker = Worker()
        with self.assertRaisesRegex(RuntimeError, "has actions"):
            worker.run()
        for name in ("a", "*"):
            worker.action(name)(print)
        for name, wrong in (("a", "action a: it is there already"), ("", "action: "),
                            ("*", r"action \*: it is there already"), ("x" * 201, "action: ")):
            with self.assertRaisesRegex(ValueError, "^" + wrong):
                worker.action(name)(print)
        for number in range(254):
            worker.action(f"a{number}")(print)
        with self.assertRaisesRegex(ValueError, "^action b: at most 256$"):
            worker.action("b")(print)
        with self.assertRaisesRegex(RuntimeError, "before the worker runs"):
            worker.publish("order.paid")


class RunTest(unittest.TestCase):
    def test_in_another_thread_until_it_is_stopped(self):
        worker = Worker(url="ipc:///nowhere/capstan", key="cap_x")
        worker.action("a")(print)
        left = []
        thread = threading.Thread(target=lambda: left.append(worker.run()))
        with self.assertLogs("capstan_worker"):
            thread.start()
            worker.stop()
            thread.join(20)
        self.assertEqual(left, [0])
        with self.assertRaisesRegex(RuntimeError, "runs once"):
            worker.run()
        with self.assertRaises(ConnectionError):
            worker.publish("order.paid")

    def test_a_key_of_the_server_that_is_none_is_refused(self):
        worker = Worker(server_key="~" * 40)
        worker.action("a")(print)
        with self.assertLogs("capstan_worker"), self.assertRaises(Refused) as refused:
            worker.run()
        self.assertEqual(refused.exception.code, "invalid")

    def test_its_version_is_that_of_the_engine(self):
        path = os.path.join(HERE, "../../../configure.ac")
        with open(path, encoding="utf-8") as file:
            version = re.search(r"AC_INIT\(\[capstan\], \[([^\]]+)\]", file.read())[1]
        self.assertEqual(capstan_worker.__version__, version)


if __name__ == "__main__":
    unittest.main()
