"""A gateway with everything behind it played by one thread.

The parts speak the real messages, whose numbers and fields are read from the source, but
decide as little as a test needs: an automation named "quick" finishes at once, all others
wait for `finish`. Tests look at what was said (`heard`) and may say anything (`say`).
"""
import fcntl
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import tempfile
import threading
import time

import msgpack
import zmq

SOURCE = os.environ.get("CAPSTAN_SOURCE", ".")
BUILD = os.environ.get("CAPSTAN_BUILD", ".")
GATEWAY = os.path.join(BUILD, "libexec/capstan/gateway")
DEADLINE = 30  # seconds; only a broken gateway takes that long
ACTORS = ["nobody", "any", "registry", "trigger", "scheduler", "lease", "view", "gateway"]
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
DONE, SUSPENDED = 4, 3
STATUS = {1: "queued", 2: "running", 3: "suspended", 4: "completed", 5: "failed",
          6: "cancelled"}


def read_source(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def read_catalogue():
    """Code and fields of every message."""
    text = (read_source("transport/run_bodies.h")
            + read_source("transport/access_bodies.h")
            + read_source("transport/messages.h")).replace("\\\n", " ")
    fields = {}
    for name, rest in re.findall(r"#define (\w+)_FIELDS\(F, S\)(.*)", text):
        same = re.match(r"\s*(\w+)_FIELDS\(F, S\)", rest)
        fields[name] = fields[same[1]] if same else {
            field: (int(number), kind) for number, kind, field
            in re.findall(r"F\(S,\s*(\d+),\s*(\w+),\s*(\w+),", rest)}
    rows = re.findall(r"^MESSAGE\(\s*(\d+), \w+,\s*(\w+),", read_source(
        "transport/messages.def"), re.M)
    return {name: (int(number), fields[name]) for number, name in rows}


CATALOGUE = read_catalogue()
NAMES = {number: name for name, (number, _) in CATALOGUE.items()}


def encode(name, values):
    fields = CATALOGUE[name][1]
    body = {}
    for key, value in values.items():
        number, kind = fields[key]
        body[number] = msgpack.packb(value) if kind in ("payload", "list") else value
    return body


def decode(name, body):
    values = {}
    for key, (number, kind) in CATALOGUE[name][1].items():
        if number in body:
            value = body[number]
            values[key] = msgpack.unpackb(value) if kind in ("payload", "list") else value
    return values


def packed(*messages):
    """A packet, as transport/packet.h draws it."""
    return b"".join(len(m).to_bytes(4, "little") + m for m in messages)


def unpacked(packet):
    while packet:
        size = int.from_bytes(packet[:4], "little")
        yield packet[4:4 + size]
        packet = packet[4 + size:]


def id_text(prefix, value):
    number = int.from_bytes(value, "big")
    return prefix + "".join(ALPHABET[number >> 5 * i & 31] for i in reversed(range(26)))


class Message:
    def __init__(self, name, values, project, trace, part):
        for key in CATALOGUE[name][1]:
            setattr(self, "name_" if key == "name" else key, values.get(key))
        self.name, self.project, self.trace = name, project, trace
        self.to = part


class FakeEngine:
    def __init__(self, schedulers=1, lost=(), **settings):
        self.folder = tempfile.mkdtemp(prefix="capstan-")
        self.run = os.path.join(self.folder, "run")
        for name in ("run", "epoch", "gateway"):
            os.mkdir(os.path.join(self.folder, name))
        self.schedulers, self.lost = schedulers, set(lost)  # messages never answered
        self.settings = {"data": self.folder, "http_port": 0, "worker_port": 0, "iii_port": 0,
                         "iii_http_port": 0, "schedulers": schedulers, **settings}
        self.secret = os.urandom(32).hex()
        self.heard, self.changed = [], threading.Condition()
        self.runs, self.keys, self.idempotent, self.sessions = {}, {}, {}, {}
        self.pid, self.log = None, ""
        self.orders = queue.SimpleQueue()
        self.context = zmq.Context()
        self.wake_in = self.context.socket(zmq.PAIR)
        self.wake_in.bind("inproc://wake")
        self.wake_out = self.context.socket(zmq.PAIR)
        self.wake_out.connect("inproc://wake")
        self.open_links()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    # processes

    def start(self):
        """Start the gateway and wait until it is ready."""
        settings, ready = os.pipe(), os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
                for fd in (settings[0], ready[1], os.open(os.devnull, os.O_RDWR))]
        logs = os.open(os.path.join(self.folder, "gateway.log"),
                       os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        clock_ms = int(1000 * (time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)))
        text = f"secret={self.secret}\nlife={32 * '0'}\nclock={clock_ms}\n" + "".join(
            f"{name}={value}\n" for name, value in self.settings.items())
        os.write(settings[1], text.encode())
        os.close(settings[1])
        actions = [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(high)]
        actions += [(os.POSIX_SPAWN_DUP2, logs, 1), (os.POSIX_SPAWN_DUP2, logs, 2)]
        self.pid = os.posix_spawn(GATEWAY, ["gateway", "0"], os.environ,
                                  file_actions=actions)
        for fd in (settings[0], ready[1], logs, *high):
            os.close(fd)
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([ready[0]], [], [], DEADLINE)[0]:
                raise AssertionError("not ready in time: " + self.read_log())
            piece = os.read(ready[0], 1000)
            if not piece:
                raise AssertionError("the gateway ended: " + self.read_log())
            line += piece
        os.close(ready[0])
        self.ready = line.decode().strip()
        found = re.fullmatch(r"ready http=(\d+) worker=(\d+) iii=(\d+) "
                             r"iii_http=(\d+) .*", self.ready)
        if found:
            self.http, self.worker, self.iii, self.iii_http = (
                int(port) for port in found.groups())
            # as the supervisor does: the next life has the same doors
            self.settings.update(http_port=self.http, worker_port=self.worker,
                                 iii_port=self.iii, iii_http_port=self.iii_http)
        return self

    def read_log(self):
        with open(os.path.join(self.folder, "gateway.log"), encoding="utf-8") as file:
            return file.read()

    def kill(self, how=signal.SIGKILL):
        """Its exit code, or the signal that ended it, negative."""
        pid, self.pid = self.pid, None
        os.kill(pid, how)
        watch = os.pidfd_open(pid)
        late = not select.select([watch], [], [], DEADLINE)[0]
        os.close(watch)
        if late:
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if late:
            raise AssertionError("the gateway did not end: " + self.read_log())
        return code

    def close(self):
        """May be called twice."""
        if not self.thread.is_alive():
            return
        try:
            if self.pid is not None:
                self.kill()
        finally:
            self.do(None)
            self.thread.join()
            self.wake_out.close(0)
            self.context.destroy(0)
            shutil.rmtree(self.folder)

    def dev_key(self):
        with open(os.path.join(self.folder, "gateway/dev.key"), encoding="utf-8") as file:
            return file.read().strip()

    # links

    def open_links(self):
        self.inboxes, self.outs, self.spoken = {}, {}, {}
        self.epochs = {}
        self.gateway_epochs = {}
        parts = [("registry", 0), ("trigger", 0), ("lease", 0), ("view", 0)]
        parts += [("scheduler", i) for i in range(self.schedulers)]
        for part in parts:
            inbox = self.context.socket(zmq.ROUTER)
            inbox.bind(f"ipc://{self.run}/{part[0]}.{part[1]}")
            self.inboxes[inbox] = part
            self.begin(part)

    def begin(self, part):
        """A new life of `part`."""
        if part in self.outs:
            self.outs[part].close(0)
        out = self.context.socket(zmq.DEALER)
        out.setsockopt(zmq.RECONNECT_IVL, 20)
        out.setsockopt(zmq.SNDHWM, 0)  # a test says what it likes, and never waits
        out.connect(f"ipc://{self.run}/gateway.0")
        self.outs[part], self.spoken[part] = out, 0
        self.epochs[part] = time.time_ns() // 1000
        self.put(part, "hello", {}, b"")

    def put(self, part, name, values, project):
        self.spoken[part] += 1
        head = [1, CATALOGUE[name][0], self.spoken[part], 0, ACTORS.index(part[0]),
                part[1], self.epochs[part], self.spoken[part], part[1], project, 0, b""]
        self.outs[part].send(packed(
            b"".join([b"\x9c"] + [msgpack.packb(x) for x in head]
                     + [msgpack.packb(encode(name, values))])))

    def do(self, order):
        self.orders.put(order)
        self.wake_out.send(b"")

    def say(self, actor, name, instance=0, project=b"", **values):
        self.do(lambda: self.put((actor, instance), name, values, project))

    def restart(self, actor, instance=0):
        self.do(lambda: self.begin((actor, instance)))

    def serve(self):
        poller = zmq.Poller()
        poller.register(self.wake_in, zmq.POLLIN)
        for inbox in self.inboxes:
            poller.register(inbox, zmq.POLLIN)
        while True:
            for sock, _ in poller.poll():
                if sock is self.wake_in:
                    sock.recv()
                    order = self.orders.get()
                    if order is None:
                        for each in [self.wake_in, *self.inboxes, *self.outs.values()]:
                            each.close(0)
                        return
                    order()
                else:
                    for message in unpacked(sock.recv_multipart()[1]):
                        self.take(self.inboxes[sock], message)

    def take(self, part, frame):
        unpacker = msgpack.Unpacker(strict_map_key=False)
        unpacker.feed(b"\x92" + b"\x9c" + frame[1:])
        head, body = unpacker.unpack()
        name, epoch = NAMES[head[1]], head[6]
        message = Message(name, decode(name, body), head[9], head[11], part)
        with self.changed:
            self.heard.append(message)
            self.changed.notify_all()
        if name == "hello":
            if epoch != self.gateway_epochs.get(part):
                self.gateway_epochs[part] = epoch
                self.put(part, "hello", {}, b"")
                if part[0] == "registry":
                    self.offer_keys(part)
        elif name not in self.lost:
            getattr(self, "on_" + name, lambda *_: None)(part, message)

    def wait_for(self, name, count=1, since=0):
        """The `count`th message of that name since position `since` of `heard`."""
        end = time.monotonic() + DEADLINE
        with self.changed:
            while True:
                found = [m for m in self.heard[since:] if m.name == name]
                if len(found) >= count:
                    return found[count - 1]
                if not self.changed.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"no {name} was heard: " + self.read_log())

    # what the parts do

    def answer(self, part, message, document, **more):
        self.put(part, "document", {"request": message.request, "document": document,
                                    **more}, message.project)

    def refuse(self, part, message, err, detail=""):
        self.put(part, "refused", {"request": message.request, "err": err,
                                   "detail": detail}, message.project)

    def offer_keys(self, part):
        for key, (project, values) in self.keys.items():
            self.put(part, "key_offered", {"key": key, **values}, project)
        self.put(part, "keys_complete", {"count": len(self.keys)}, b"")

    def on_key_create(self, part, m):
        values = {"hash": m.hash, "scopes": m.scopes, "name": m.name_, "revoked": 0}
        self.keys[m.key] = (m.project, values)
        self.put(part, "key_offered", {"key": m.key, **values}, m.project)
        self.answer(part, m, {"id": id_text("cap_", m.key), "name": m.name_}, created=1)

    def on_key_revoke(self, part, m):
        if m.key not in self.keys:
            return self.refuse(part, m, 5)
        project, values = self.keys[m.key]
        values["revoked"] = 1
        self.put(part, "key_offered", {"key": m.key, **values}, project)
        return self.answer(part, m, {"id": id_text("cap_", m.key), "revoked": True})

    def on_key_list(self, part, m):
        self.answer(part, m, {"items": [{"id": id_text("cap_", key)} for key in self.keys]})

    def on_automation_apply(self, part, m):
        self.answer(part, m, {"name": "x", "definition": m.definition.decode()}, created=1)

    def on_automation_list(self, part, m):
        self.answer(part, m, {"items": [], "next_cursor": m.cursor, "limit": m.limit})

    def on_automation_get(self, part, m):
        if m.name_ == "unknown":
            self.refuse(part, m, 5, "there is no automation 'unknown'")
        else:
            self.answer(part, m, {"name": m.name_})

    def accept(self, part, m, run, existed):
        self.put(part, "run_accepted", {
            "request": m.request, "run": run, "automation": bytes(16),
            "name": self.runs[run]["automation"], "version": 1,
            "status": self.runs[run]["status"], "started_ms": 1700000000123,
            "existed": existed}, m.project)

    def on_run_start(self, part, m):
        if m.automation == "unknown":
            return self.refuse(part, m, 5, "there is no automation 'unknown'")
        run = self.idempotent.get((m.project, m.key), m.run)
        existed = run in self.runs
        if m.key:
            self.idempotent[m.project, m.key] = run
        if not existed:
            self.runs[run] = {"automation": m.automation, "status": SUSPENDED,
                              "inputs": m.inputs, "partition": part[1],
                              "project": m.project, "events": ["run.started"]}
        self.accept(part, m, run, int(existed))
        if m.automation == "quick":
            self.finish(run)
        return None

    def grow(self, run, event, status=SUSPENDED, hint=True):
        row = self.runs[run]
        row["events"].append(event)
        row["status"] = status
        if hint:
            self.put(("scheduler", row["partition"]), "run_changed", {
                "run": run, "sequence": len(row["events"]), "status": status},
                row["project"])

    def finish(self, run, hint=True):
        self.grow(run, "run.completed", DONE, hint)

    def on_run_cancel(self, part, m):
        if m.run not in self.runs:
            return self.refuse(part, m, 5)
        self.runs[m.run]["status"] = 6
        return self.accept(part, m, m.run, 1)

    def on_run_list(self, part, m):
        self.answer(part, m, {"items": [], "next_cursor": None,
                              "asked": [m.automation, m.status, m.limit, m.cursor]})

    def on_run_get(self, part, m):
        row = self.runs.get(m.run)
        if row is None or row["project"] != m.project:
            return self.refuse(part, m, 5)
        return self.answer(part, m, {
            "id": id_text("run_", m.run), "status": STATUS[row["status"]],
            "output": row["inputs"]})

    def on_event_list(self, part, m):
        row = self.runs.get(m.run)
        if row is None or row["project"] != m.project:
            return self.refuse(part, m, 5)
        after = m.after or 0
        items = [{"sequence": after + 1 + i, "event_type": event, "payload": {}}
                 for i, event in enumerate(row["events"][after:after + m.limit])]
        last = after + len(items)
        finished = int(row["status"] >= DONE and last == len(row["events"]))
        return self.answer(part, m, {"items": items, "last_sequence": last,
                                     "finished": bool(finished),
                                     "has_more": last < len(row["events"])},
                           position=last, finished=finished)

    def on_log_list(self, part, m):
        self.answer(part, m, {"items": []})

    def on_worker_list(self, part, m):
        self.answer(part, m, {"items": [s["instance"] for s in self.sessions.values()]})

    def on_worker_register(self, part, m):
        if m.instance == "taken":
            return self.refuse(part, m, 7, "another worker has this instance")
        session = m.session
        for known, row in self.sessions.items():
            if m.token and row["token"] == m.token:
                session = known
        row = self.sessions.setdefault(session, {"token": os.urandom(32)})
        row.update(instance=m.instance, held=m.held or [], project=m.project)
        return self.put(part, "worker_registered", {
            "request": m.request, "session": session, "token": row["token"],
            "lease_ms": 30000, "heartbeat_ms": 10000, "lost": []}, m.project)

    def on_worker_heartbeat(self, part, m):
        self.put(part, "heartbeat_answer", {
            "session": m.session, "lost": [], "cancel": [], "request": m.request,
            "known": int(m.session in self.sessions)}, m.project)

    def on_workers_idle(self, part, m):
        ids = (m.heard or b"") + (m.kept or b"")
        for at in range(0, len(ids), 16):
            if ids[at:at + 16] not in self.sessions:
                self.put(part, "heartbeat_answer", {"session": ids[at:at + 16]}, m.project)

    def on_job_report(self, part, m):
        self.put(part, "report_settled", {"session": m.session, "token": m.token,
                                          "verdict": 1}, m.project)

    def grant(self, session, token, **values):
        row = {"session": session, "run": bytes(range(16)), "step": 2, "attempt": 1,
               "offer": 1, "token": token, "key": "print", "automation": "hello",
               "action": "print", "queue": "default", "parameters": {"message": "hi"}}
        self.say("lease", "job_granted", project=self.sessions[session]["project"],
                 **{**row, **values})


class Client:
    """One HTTP connection, with nothing between the test and the bytes."""

    def __init__(self, engine, key=None):
        self.socket = socket.create_connection(("127.0.0.1", engine.http), DEADLINE)
        self.key, self.rest = key, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method, path, body=None, **headers):
        """Status, headers and body of one request."""
        self.put(method, path, body, **headers)
        return self.answer(method)

    def put(self, method, path, body=None, **headers):
        lines = {"Host": "here"}
        if self.key:
            lines["Authorization"] = "Bearer " + self.key
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            lines["Content-Type"] = "application/json"
        if body is not None:
            lines["Content-Length"] = str(len(body))
        lines.update({name.replace("_", "-"): value for name, value in headers.items()})
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.send(head.encode() + b"\r\n" + (body or b""))

    def fill(self):
        piece = self.socket.recv(65536)
        self.rest += piece
        return bool(piece)

    def until(self, mark):
        while mark not in self.rest:
            if not self.fill():
                raise EOFError(self.rest)
        found, self.rest = self.rest.split(mark, 1)
        return found

    def take(self, size):
        while len(self.rest) < size:
            if not self.fill():
                raise EOFError(self.rest)
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def head(self):
        first, *lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        if first.split()[1] == "100":
            return self.head()
        headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip()
                   for line in lines}
        return int(first.split()[1]), headers

    def chunk(self):
        """The next chunk of a body that is sent so; b"" at the end."""
        size = int(self.until(b"\r\n"), 16)
        piece = self.take(size)
        self.until(b"\r\n")
        return piece

    def answer(self, method="GET"):
        status, headers = self.head()
        body = b""
        if method == "HEAD":
            return status, headers, body
        if "content-length" in headers:
            body = self.take(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            while piece := self.chunk():
                body += piece
        if headers.get("content-type") == "application/json":
            body = json.loads(body)
        return status, headers, body
