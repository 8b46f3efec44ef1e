"""A worker of the Mobius socket whose every frame the test says itself."""
import json
import socket
import time

P = "/v1/projects/platform"


class Raw:
    """A WebSocket client with the habits that a test gives it."""

    def __init__(self, engine, path=P + "/workers/socket", key=None, headers=(),
                 port=None):
        port = port or engine.http_port
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        if getattr(engine, "tls", None):
            self.socket = engine.tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}",
                 "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                 "Sec-WebSocket-Version: 13", *headers]
        if key:
            lines.append("Authorization: Bearer " + key)
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(1)
            if not piece:
                self.socket.close()
                raise ConnectionError("closed")
            head += piece
        self.status = int(head.split()[1])
        self.buffer, self.closed, self.reason, self.number = b"", None, "", 0

    def frame(self, opcode, payload, last=True):
        size = len(payload)
        head = bytes([(0x80 if last else 0) | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
        self.socket.sendall(head + b"\0\0\0\0" + payload)

    def say(self, type, **fields):
        self.number += 1
        message = dict(fields, type=type, message_id=f"msg_{self.number}")
        self.frame(1, (json.dumps(message) + "\n").encode())
        return message["message_id"]

    def take(self, size, deadline):
        while len(self.buffer) < size:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self.buffer += piece
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def hear(self, timeout=10):
        """The next frame; None when nothing came, or the peer closed."""
        deadline = time.monotonic() + timeout
        while self.closed is None:
            try:
                first, second = self.take(2, deadline)
                size = second & 127
                if size == 126:
                    size = int.from_bytes(self.take(2, deadline), "big")
                elif size == 127:
                    size = int.from_bytes(self.take(8, deadline), "big")
                payload = self.take(size, deadline)
            except (TimeoutError, socket.timeout):
                return None
            except (ConnectionError, OSError):
                self.closed = 1006
                return None
            if first & 15 == 9:
                self.frame(10, payload)
            elif first & 15 == 8:
                self.closed = int.from_bytes(payload[:2], "big")
                self.reason = payload[2:].decode()
                try:
                    self.frame(8, payload)
                except OSError:
                    pass
            elif first & 15 == 1:
                return json.loads(payload)
        return None

    def wait(self, type, timeout=10, **fields):
        """The next frame of this type; others are passed over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.hear(deadline - time.monotonic())
            if message is None:
                break
            if message["type"] == type and all(
                    message.get(name) == value for name, value in fields.items()):
                return message
        raise AssertionError(f"no {type} {fields} within {timeout} s, closed={self.closed}")

    def register(self, instance="go-1", slots=1, **fields):
        id = self.say("worker.register", worker_instance_id=instance,
                      concurrency_limit=slots, available_slots=slots, **fields)
        answer = self.wait("worker.registered", message_id=id)
        self.token = answer["worker_session_token"]
        return answer

    def claim(self, slots=1, timeout=10):
        id = self.say("jobs.claim", available_slots=slots)
        return self.wait("jobs.claimed", timeout, message_id=id)["jobs"]

    def claim_some(self, slots=1, timeout=20):
        """Claim until there is work, as announced."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            jobs = self.claim(slots, timeout)
            if jobs:
                return jobs
            self.wait("work.available", timeout)
        raise AssertionError("no work")

    def report(self, job, status="completed", **fields):
        return self.say("job.report", job_id=job["id"], lease_token=job["lease_token"],
                        status=status, **fields)

    def beat(self, job):
        id = self.say("job.heartbeat", job_id=job["id"], lease_token=job["lease_token"])
        return self.wait("job.heartbeat.ack", message_id=id)

    def close(self):
        self.socket.close()
