"""wire - the frames of the worker protocol: one msgpack map each."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgpack

NAME_MAX = 200  # bytes of a name, of an error's type
MESSAGE_MAX = 4096  # bytes of an error's message
RETRY_AFTER_MAX_S = 86400
CHUNK_MAX = 65536  # bytes of a log
DEPTH_MAX = 31  # maps and lists in each other; the frame around them is one more


def cut(text: str, size: int) -> str:
    """At most `size` bytes, in whole characters; what is not Unicode becomes `?`."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def frame(kind: str, packed: Mapping[str, bytes] = {}, **pairs: Any) -> bytes:
    """A message; `packed` are pairs whose values are msgpack already.  At most 15 pairs:
    their number is the low half of the first byte."""
    head: bytes = msgpack.packb({"type": kind, **pairs})
    tail = b"".join(msgpack.packb(key) + value for key, value in packed.items())
    return bytes((head[0] + len(packed),)) + head[1:] + tail


def pack(value: Any) -> bytes:
    """A value that an action or a program made.

    TypeError, ValueError, OverflowError: the engine could not read it.
    """
    _check(value, 0)
    packed: bytes = msgpack.packb(value)
    return packed


def _check(value: Any, depth: int) -> None:
    if isinstance(value, (msgpack.ExtType, msgpack.Timestamp)):
        raise TypeError(f"can not serialize {type(value).__name__!r} object")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} of a map is not a text")
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    if depth == DEPTH_MAX:
        raise ValueError(f"more than {DEPTH_MAX} maps and lists in each other")
    for each in value:
        if isinstance(each, (dict, list, tuple, msgpack.Timestamp)):
            _check(each, depth + 1)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a count")
    return value


def _token(value: Any) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    if not isinstance(value, bytes):
        raise ValueError("not bytes")
    return value


def _tokens(value: Any) -> list[bytes]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return [_token(each) for each in value]


# What a gateway says, and how it is read; other keys are passed over.
KEYS: dict[str, Callable[[Any], Any]] = {
    "type": _text, "code": _text, "message": _text, "about": _text, "reason": _text,
    "token": _token, "session": _token, "lost": _tokens, "cancel": _tokens,
    "session_id": _text, "lease_ms": _count, "heartbeat_ms": _count, "idle_ms": _count,
    "payload_max": _count, "sequence": _count, "verdict": _text, "leave": bool,
    "job": _text, "run": _text, "step": _text, "automation": _text, "action": _text,
    "queue": _text, "attempt": _count, "deadline_ms": _count, "id": _text,
    "number": _count, "parameters": lambda anything: anything,
}


def unpack(data: bytes) -> dict[str, Any]:
    """The message in a frame, without what is nil.

    ValueError: there is none.
    """
    found = msgpack.unpackb(data)
    if not isinstance(found, dict):
        raise ValueError("not a map")
    message = {key: KEYS[key](value) for key, value in found.items()
               if key in KEYS and value is not None}
    if "type" not in message:
        raise ValueError("no type")
    return message
