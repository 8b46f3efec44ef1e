"""Clients who do not wait: so many requests a second, whether they are answered or not.

    with Flood(port, request, rate=2000, connections=500) as flood:
        ...
    flood.statuses     # HTTP status → answers
    flood.times(201)   # s, of each answer of this status, sorted

A flood is a process of its own. Each request has a connection to itself until it is
answered; when all are taken the request is not sent, and counted in `held_back`. At the
end it waits `patience` s for the answers to what was sent; others are `unanswered`.
"""
import collections
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time

def request_bytes(method, path, key, body=b"", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1",
             f"Authorization: Bearer {key}", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Flood:
    def __init__(self, port, request, rate, connections, patience=30):
        plan = {"port": port, "request": request.decode("latin1"), "rate": rate,
                "connections": connections, "patience": patience}
        self.process = subprocess.Popen([sys.executable, __file__],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.process.stdin.write(json.dumps(plan))
        self.process.stdin.close()
        self.process.stdout.readline()  # on a busy machine it takes long to begin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        told = json.loads(self.process.stdout.read())
        self.process.stdout.close()
        self.process.wait()
        for name in ("held_back", "broken", "unanswered", "retry_after", "first",
                     "seconds"):
            setattr(self, name, told[name])
        self.took = {int(status): sorted(times)
                     for status, times in told["times"].items()}
        self.statuses = {status: len(times) for status, times in self.took.items()}

    def times(self, status):
        return self.took.get(status, [])


class Peer:
    __slots__ = ("socket", "begun", "heard")

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.heard = b""


class Stream:
    """What the process does."""

    def __init__(self, port, request, rate, connections, patience):
        self.port, self.request = port, request.encode("latin1")
        self.rate, self.connections, self.patience = rate, connections, patience
        self.idle, self.peers, self.poll = [], {}, select.epoll()
        self.times = collections.defaultdict(list)
        self.first = {}  # status → the first answer with it
        self.held_back = self.broken = self.retry_after = 0
        self.over = False

    def send(self):
        if self.idle:
            peer = self.idle.pop()
        elif len(self.peers) < self.connections:
            try:
                peer = Peer(self.port)
            except OSError:
                self.broken += 1
                return
            self.peers[peer.socket.fileno()] = peer
            self.poll.register(peer.socket, select.EPOLLIN)
        else:
            self.held_back += 1
            return
        peer.begun = time.monotonic()
        try:
            peer.socket.sendall(self.request)
        except OSError:
            self.forget(peer)

    def forget(self, peer):
        self.broken += peer not in self.idle
        if peer in self.idle:
            self.idle.remove(peer)
        self.poll.unregister(peer.socket)
        del self.peers[peer.socket.fileno()]
        peer.socket.close()

    def hear(self, peer):
        try:
            piece = peer.socket.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            self.forget(peer)
            return
        peer.heard += piece
        head, end, body = peer.heard.partition(b"\r\n\r\n")
        size = head.lower().partition(b"content-length: ")[2].split(b"\r")[0]
        if not end or len(body) < int(size or 0):
            return
        status = int(head[9:12])
        self.times[status].append(time.monotonic() - peer.begun)
        self.first.setdefault(status, body.decode(errors="replace")[:300])
        self.retry_after += b"retry-after:" in head.lower()
        peer.heard = b""
        self.idle.append(peer)

    def hear_some(self):
        for file, _ in self.poll.poll(0.001, 512):
            self.hear(self.peers[file])

    def run(self):
        begin, sent = time.monotonic(), 0
        while not self.over:
            due = int((time.monotonic() - begin) * self.rate)
            while sent < due:
                self.send()
                sent += 1
            self.hear_some()
        seconds = time.monotonic() - begin
        end = begin + seconds + self.patience
        while len(self.idle) < len(self.peers) and time.monotonic() < end:
            self.hear_some()
        return {"times": self.times, "held_back": self.held_back, "broken": self.broken,
                "unanswered": len(self.peers) - len(self.idle), "seconds": seconds,
                "retry_after": self.retry_after, "first": self.first}


def main():
    stream = Stream(**json.loads(sys.stdin.read()))

    def leave(*_):
        stream.over = True
    signal.signal(signal.SIGTERM, leave)
    print("begins", flush=True)
    os.nice(5)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    json.dump(stream.run(), sys.stdout)


if __name__ == "__main__":
    main()
