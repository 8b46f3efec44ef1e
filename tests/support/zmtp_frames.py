"""A worker of the native protocol that is one descriptor: it speaks ZMTP 3.1 itself, so
that one process can be ten thousand of them."""
import socket
import time

import msgpack

GREETING = (b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0")
            + bytes(32))
READY = (b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0")
MORE, LONG, COMMAND = 1, 2, 4


class Raw:
    def __init__(self, engine):
        self.socket = socket.create_connection(("127.0.0.1", engine.worker_port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.closed = b"", False
        self.socket.sendall(GREETING)
        self.take(len(GREETING), 30)
        self.frame(READY, COMMAND)
        flags, body = self.part(30)
        assert flags & COMMAND and body.startswith(b"\x05READY"), body

    def frame(self, body, flags=0):
        size = len(body)
        head = (bytes([flags, size]) if size < 256
                else bytes([flags | LONG]) + size.to_bytes(8, "big"))
        self.socket.sendall(head + body)

    def take(self, size, timeout):
        self.socket.settimeout(timeout)
        while len(self.buffer) < size:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self.buffer += piece
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def part(self, timeout):
        flags = self.take(1, timeout)[0]
        size = int.from_bytes(self.take(8 if flags & LONG else 1, timeout), "big")
        return flags, self.take(size, timeout)

    def say(self, kind, **parts):
        self.frame(msgpack.packb({"type": kind, **parts}))

    def hear(self, timeout=10):
        """The next message; None if there is none, or nobody to say one.  Who asks
        whether we live is answered."""
        end = time.monotonic() + timeout
        while not self.closed:
            try:
                flags, body = self.part(max(0.001, end - time.monotonic()))
            except (TimeoutError, socket.timeout):
                return None
            except (ConnectionError, OSError):
                self.closed = True
                return None
            if not flags & COMMAND:
                return msgpack.unpackb(body)
            if body.startswith(b"\x04PING"):
                self.frame(b"\x04PONG" + body[7:], COMMAND)
        return None

    def wait(self, kind, timeout=10):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            m = self.hear(end - time.monotonic())
            if m is None:
                break
            if m["type"] == kind:
                return m
        raise AssertionError(f"no {kind}")

    def register(self, engine, instance, **parts):
        self.say("register", v=1, key=engine.key, instance=instance,
                 **dict({"concurrency": 1}, **parts))
        self.told = self.wait("registered")
        return self.told

    def close(self):
        self.socket.close()
