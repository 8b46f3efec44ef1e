"""line - the socket: a DEALER that knows whether somebody is at the other end."""
from __future__ import annotations

import contextlib
import socket
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

FRAME_MAX = 65 << 20  # bytes
LINGER_MS = 1000  # for the goodbye
DENIED = zmq.EVENT_HANDSHAKE_FAILED_AUTH
BROKEN = (zmq.EVENT_CLOSED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
          | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
# IMMEDIATE: it can be written to when, and only when, somebody is there.
OPTIONS = {
    zmq.LINGER: 0, zmq.IMMEDIATE: 1, zmq.RECONNECT_IVL: -1, zmq.MAXMSGSIZE: FRAME_MAX,
    zmq.TCP_KEEPALIVE: 1, zmq.TCP_KEEPALIVE_IDLE: 15, zmq.TCP_KEEPALIVE_INTVL: 5,
    zmq.TCP_KEEPALIVE_CNT: 3,
}


class Line:
    def __init__(self, url: str, server_key: str | None, queue_max: int):
        """`queue_max` frames wait in the socket each way: more is only more to lose."""
        self.url, self.server_key, self.queue_max = url, server_key, queue_max
        self._context = zmq.Context()
        self._door: zmq.Socket[Any] | None = None
        self._news: zmq.Socket[Any] | None = None  # tells what becomes of the connection
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._rung = False

    def open(self) -> None:
        """Begin to connect; zmq.ZMQError if that cannot be."""
        door = self._door = self._context.socket(zmq.DEALER)
        for option, value in OPTIONS.items():
            door.setsockopt(option, value)
        door.setsockopt(zmq.IPV6, int("[" in self.url))
        door.set_hwm(self.queue_max)
        if self.server_key:
            door.curve_publickey, door.curve_secretkey = zmq.curve_keypair()
            door.curve_serverkey = self.server_key.encode()
        self._news = door.get_monitor_socket(DENIED | BROKEN)
        door.connect(self.url)

    def shut(self, linger_ms: int = 0) -> None:
        if self._door:
            self._door.disable_monitor()
        if self._news:
            self._news.close(0)
        if self._door:
            self._door.close(linger_ms)
        self._door = self._news = None

    def end(self) -> None:
        """Whoever is told goodbye has LINGER_MS to hear it."""
        self.shut(LINGER_MS)
        self._context.term()
        self._bell.close()
        self._ringer.close()

    def ring(self) -> None:
        """Let `wait` return.  From any thread and from signal handlers."""
        if not self._rung:
            self._rung = True
            with contextlib.suppress(OSError):  # full: it will; closed: all is over
                self._ringer.send(b".")

    def wait(self, timeout_s: float, for_room: bool) -> bool:
        """Until something can be received, the bell rings, there is news or, if asked
        for, room to send.  Is there news?"""
        bell = self._bell.fileno()
        watched: list[tuple[Any, int]] = [(bell, zmq.POLLIN)]
        if self._door:
            watched += [(self._door, zmq.POLLIN | (zmq.POLLOUT if for_room else 0)),
                        (self._news, zmq.POLLIN)]
        ready = dict(zmq.zmq_poll(watched, int(timeout_s * 1000) + (timeout_s > 0)))
        if bell in ready:
            self._bell.recv(4096)
            self._rung = False
        return self._news in ready

    def news(self) -> tuple[bool, bool]:
        """Is the connection broken; did the other end deny it?"""
        broken = denied = False
        while self._news and self._news.poll(0):
            event = int(recv_monitor_message(self._news)["event"])
            broken, denied = broken or event & BROKEN > 0, denied or event == DENIED
        return broken, denied

    def has_room(self) -> bool:
        return self._door is not None and \
            int(self._door.getsockopt(zmq.EVENTS)) & zmq.POLLOUT > 0

    def send(self, frame: bytes) -> None:
        """When it has room; what is written to a connection that breaks now is lost."""
        assert self._door
        with contextlib.suppress(zmq.Again):
            self._door.send(frame, zmq.NOBLOCK)

    def receive(self) -> bytes | None:
        """The next frame, or None.  A message of several parts is an empty frame."""
        if not self._door:
            return None
        try:
            parts = self._door.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return parts[0] if len(parts) == 1 else b""
