"""An engine of its own for a test: real processes, a folder of its own, free ports.

    with Engine(schedulers=3) as engine:
        engine.apply(SMOKE)
        worker = engine.worker("--concurrency", "5")
        run = engine.start("worker-smoke-test", wait=True)

Nothing waits by the clock: each wait is for a line, an answer or the end of a process,
and has a deadline that only a broken engine meets.
"""
import fcntl
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
DEADLINE = 60
API = "/capstan/v1"


def program(name):
    return os.path.join(BUILD, "bin" if name.startswith("capstan") else
                        "libexec/capstan", name)


def until(condition, what, deadline=DEADLINE):
    """The first true value of condition(); asks again 100 times a second."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(
                f"not within {deadline} s: {what() if callable(what) else what}")
        time.sleep(0.01)


reserved = {}  # port → a socket whose name tells other tests that it is taken


def free_port():
    """A port that nobody has and no other test was given, and that no outgoing
    connection will be given: a gateway that is killed must find its own again."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as given:
        end = int(given.read().split()[0])
    while True:
        port = random.randrange(10000, max(end, 10100))
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0capstan-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        reserved[port] = mark
        return port


def give_back(port):
    if port in reserved:
        reserved.pop(port).close()


def tls_pair(folder, name="tls"):
    """Paths of a new certificate for this machine, and of its key; by openssl."""
    paths = [os.path.join(folder, name + end) for end in (".crt", ".key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=engine.test",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-days", "30", "-out", paths[0], "-keyout", paths[1]],
                   check=True, capture_output=True)
    os.chmod(paths[1], 0o600)
    return paths


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body
        self.code = body.get("error", {}).get("code") if isinstance(body, dict) else None


class Engine:
    def __init__(self, data=None, env=None, power=None, tls=None, under=(), **settings):
        self.under = under  # a program that starts it, such as chrt
        self.tls = tls  # with which its HTTP doors are called: an ssl.SSLContext
        self.own = data is None
        self.data = data or tempfile.mkdtemp(prefix="capstan-test-")
        self.settings = {"http_port": free_port(), "worker_port": free_port(),
                         "iii_port": free_port(), "iii_http_port": free_port(),
                         **settings}
        if power and power.trace:  # each process writes down what it does
            self.settings["sandbox"] = 0
        self.env = dict(os.environ, CAPSTAN_DATA=self.data, **(env or {}))
        self.power = power  # of power.py: strikes at the engine, not at its workers
        self.process, self.workers = None, []
        self.http_port = self.worker_port = self.iii_port = None
        self.iii_http_port = None

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.close()

    def up(self):
        ready, child = os.pipe()
        command = [*self.under, program("capstand"), "--data", self.data, "--foreground",
                   "--ready-fd", str(child)]
        for name, value in self.settings.items():
            command += ["--set", f"{name}={value}"]
        self.log = open(os.path.join(self.data, "foreground.log"), "ab")
        env = dict(self.env, **self.power.begin(self.data)) if self.power else self.env
        self.process = subprocess.Popen(command, pass_fds=[child], env=env,
                                        stdout=self.log, stderr=self.log)
        os.close(child)
        line = b""
        end = time.monotonic() + DEADLINE
        while not line.endswith(b"\n"):
            if not select.select([ready], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("the engine is not ready in time\n" + self.logs())
            piece = os.read(ready, 4096)
            if not piece:
                break
            line += piece
        os.close(ready)
        match = re.match(rb"ready http=(\d+) worker=(\d+) iii=(\d+) iii_http=(\d+)",
                         line)
        if not match:
            raise AssertionError(f"the engine did not begin: {line!r}\n" + self.logs())
        self.http_port, self.worker_port, self.iii_port, self.iii_http_port = (
            int(port) for port in match.groups())
        # A port found once is kept, so that clients find the engine again.
        self.settings.update(http_port=self.http_port, worker_port=self.worker_port,
                             iii_port=self.iii_port, iii_http_port=self.iii_http_port)
        key = os.path.join(self.data, "dev.key")
        self.key = None
        if os.path.exists(key):
            with open(key) as file:
                self.key = file.read().strip()
        s = "s" if self.tls else ""
        self.env.update(CAPSTAN_URL=f"http{s}://127.0.0.1:{self.http_port}",
                        CAPSTAN_WORKER_URL=f"tcp://127.0.0.1:{self.worker_port}",
                        III_URL=f"ws{s}://127.0.0.1:{self.iii_port}")

    def down(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process:
            self.process.wait(DEADLINE)
            self.log.close()
        self.process = None

    def close(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        self.down()
        for port in (self.http_port, self.worker_port, self.iii_port,
                     self.iii_http_port):
            give_back(port)
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)

    def logs(self):
        with open(os.path.join(self.data, "foreground.log"), errors="replace") as log:
            return log.read()[-6000:]

    def status(self):
        """Process name → fields of run/status."""
        rows = {}
        with open(os.path.join(self.data, "run/status")) as status:
            for line in status:
                fields = dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line))
                rows[fields.pop("name", "capstand")] = fields
        return rows

    def pid(self, name):
        """Once it has one: a process that is about to be started again has 0, and to
        kill() that is everybody of our group."""
        return until(lambda: int(self.status()[name]["pid"]), f"{name} has a pid")

    def kill(self, name, how=signal.SIGKILL):
        """Kill one process of the engine; returns the pid that it had."""
        pid = self.pid(name)
        os.kill(pid, how)
        return pid

    def kill_all(self):
        """Kill every process at once; returns when the last is gone."""
        for row in self.status().values():
            if int(row.get("pid", 0)) > 0:
                try:
                    os.kill(int(row["pid"]), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.down(signal.SIGKILL)
        self.wait_no_orphan()

    def has_orphan(self):
        """Every process of the engine holds the lock of its folder."""
        with open(os.path.join(self.data, "lock"), "rb") as lock:
            asked = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            found = fcntl.fcntl(lock, fcntl.F_OFD_GETLK, asked)
        return struct.unpack_from("h", found)[0] != fcntl.F_UNLCK

    def wait_no_orphan(self, deadline=2):
        until(lambda: not self.has_orphan(), "no process outlives its supervisor",
              deadline)

    def wait_restarted(self, name, old):
        def again():
            row = self.status().get(name, {})
            return row.get("state") == "ready" and int(row.get("pid", old)) != old
        until(again, lambda: f"{name} lives again\n" + self.logs())

    def line(self, timeout=DEADLINE):
        """A connection to its HTTP door."""
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.http_port,
                                               timeout=timeout, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)

    def call(self, method, path, body=None, headers=None, timeout=DEADLINE, key=None):
        connection = self.line(timeout)
        headers = dict(headers or {})
        headers.setdefault("Authorization", "Bearer " + (key or self.key or ""))
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        kind = answer.getheader("Content-Type") or ""
        value = json.loads(text) if "json" in kind and text else text.decode()
        if answer.status >= 400:
            raise Refused(answer.status, value)
        return value

    def get(self, path, **query):
        query = urllib.parse.urlencode(query)
        return self.call("GET", API + path + ("?" + query if query else ""))

    def apply(self, text):
        return self.call("POST", API + "/automations", text,
                         {"Content-Type": "application/yaml"})

    def start(self, automation, inputs=None, key=None, wait=None):
        body = {"automation": automation}
        if inputs is not None:
            body["inputs"] = inputs
        if key is not None:
            body["idempotency_key"] = key
        path = API + "/runs" + (f"?wait={wait}s" if wait else "")
        return self.call("POST", path, body)

    def run(self, run):
        return self.get("/runs/" + run)

    def events(self, run):
        return self.get(f"/runs/{run}/events", limit=1000)["items"]

    def wait_final(self, run, deadline=DEADLINE):
        def final():
            document = self.run(run)
            return document if document["status"] in (
                "completed", "failed", "cancelled") else None
        return until(final, lambda: f"{run} is final\n" + self.logs(), deadline)

    def worker(self, *flags, quiet=True, under=()):
        command = [*under, program("capstan"), "worker", *flags]
        out = subprocess.DEVNULL if quiet else None
        worker = subprocess.Popen(command, env=self.env, stdout=out, stderr=self.log)
        self.workers.append(worker)
        return worker

    def tool(self, *arguments, check=True):
        done = subprocess.run([program("capstan"), *arguments], env=self.env,
                              capture_output=True, text=True, timeout=DEADLINE)
        if check and done.returncode != 0:
            raise AssertionError(f"capstan {' '.join(arguments)}: {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}\n{self.logs()}")
        return done

    def counters(self, name):
        """Counter name → value, of one process, from its shared file."""
        with open(os.path.join(SOURCE, "base/counters.def")) as table:
            names = re.findall(r"^COUNTER\((\w+)", table.read(), re.M)
        with open(os.path.join(self.data, f"run/{name}.counters"), "rb") as file:
            file.readline()
            values = file.read(8 * len(names))
        return {name: int.from_bytes(values[8 * i:8 * i + 8], "little")
                for i, name in enumerate(names)}

    def cpu_seconds(self):
        """Of all processes of the engine, so far."""
        ticks = 0
        for row in self.status().values():
            if int(row.get("pid", 0)) > 0:
                with open(f"/proc/{row['pid']}/stat") as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_kib(self, kind="Rss"):
        """Process name → resident memory; kind Pss shares what several processes map."""
        sizes = {}
        for name, row in self.status().items():
            if int(row.get("pid", 0)) > 0:
                with open(f"/proc/{row['pid']}/smaps_rollup") as rollup:
                    match = re.search(rf"^{kind}:\s+(\d+)", rollup.read(), re.M)
                sizes[name] = int(match[1])
        return sizes


with open(os.path.join(SOURCE, "examples/worker-smoke-test.yaml")) as smoke:
    SMOKE = smoke.read()
