"""Keys of other projects than `default`: no door makes them, so the registry is asked by
its inbox, in the name of a lease actor whose next life is told apart from this."""
import base64
import contextlib
import hashlib
import os
import signal
import time

import msgpack
import zmq

from engine import Refused, until
from fake_engine import ACTORS, CATALOGUE, encode, id_text, packed

SCOPES = 1 | 2 | 4 | 8


def make_key(engine, project):
    """The text of a key of this project."""
    chance = os.urandom(32)
    with open(os.path.join(engine.data, "secret"), "rb") as file:
        secret = file.read()
    id = os.urandom(16)
    key = id_text("cap_", id) + "_" + base64.urlsafe_b64encode(chance).decode()[:43]
    head = [1, CATALOGUE["key_create"][0], 1, 0, ACTORS.index("lease"), 0,
            time.time_ns() // 1000, 1, 0,
            hashlib.blake2b(project.encode(), digest_size=16).digest(), 0, b""]
    body = {"request": 1, "key": id, "name": project, "scopes": SCOPES, "prefix": key[:10],
            "hash": hashlib.blake2b(chance, key=secret, digest_size=32).digest()}
    with zmq.Context() as context, context.socket(zmq.DEALER) as inbox:
        inbox.connect(f"ipc://{engine.data}/run/registry.0")
        inbox.send(packed(b"\x9c" + b"".join(
            msgpack.packb(part) for part in head + [encode("key_create", body)])))

        def known():
            try:
                return engine.call("GET", "/capstan/v1/runs?limit=1", key=key)
            except Refused as refused:
                assert refused.status == 401, refused
                return None
        until(known, "the key is known")
    lease = engine.pid("lease.0")
    with contextlib.suppress(ProcessLookupError):  # it dies of an answer to nothing
        os.kill(lease, signal.SIGKILL)
    engine.wait_restarted("lease.0", lease)
    return key
