"""options - what was not said, found in the environment; what was said, checked.

The same names and defaults as those of workers/c."""
from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterable
from typing import Union
from urllib.parse import urlsplit

from .wire import NAME_MAX

PORT = 5170
NAMES_MAX = 256
CONCURRENCY_MAX = 4096  # no engine lets one session hold more
DRAIN_S = 10.0
DRAIN_MAX_MS = 86400000  # that the environment may say
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Names = Union[str, Iterable[str], None]


def _environment(*names: str) -> str | None:
    return next(filter(None, map(os.environ.get, names)), None)


def _host(url: str) -> str:
    """With brackets, if it is an address of IPv6."""
    there = urlsplit(url if "://" in url else "//" + url).netloc.rpartition("@")[2]
    return re.sub(r":\d*$", "", there)


def find_url(given: str | None) -> str:
    url = given or _environment("CAPSTAN_WORKER_URL")
    if not url:
        engine = _environment("CAPSTAN_URL")
        url = f"tcp://{_host(engine) if engine else '127.0.0.1'}:{PORT}"
    tcp = re.fullmatch(r"tcp://[^/]+:(\d+)", url)
    if not (re.fullmatch("ipc://.+", url) or tcp and 0 < int(tcp[1]) < 65536):
        raise ValueError(f"url: {url} is not tcp://HOST:PORT or ipc://PATH")
    return url


def find_key(given: str | None, url: str) -> str:
    """The API key; that of development for an engine on this machine."""
    key = given or _environment("CAPSTAN_API_KEY")
    if key:
        return key
    local = url.startswith(("ipc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:"))
    data = _environment("CAPSTAN_DATA")
    if not data:
        share = _environment("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
        data = os.path.join(share, "capstan")
    try:
        with open(os.path.join(data, "dev.key"), encoding="utf-8") as file:
            return file.readline().strip() if local else ""
    except OSError:
        return ""


def find_server_key(given: str | None) -> str | None:
    key = given or _environment("CAPSTAN_SERVER_KEY")
    if key and len(key.encode()) != 40:
        raise ValueError("server_key: a key of CURVE has 40 characters")
    return key


def find_instance(given: str | None) -> str:
    """Who this process is: said, or of the platform, or the host's name and chance."""
    chance = "".join(secrets.choice(ALPHABET) for _ in range(8))
    pod = "HOSTNAME" if _environment("KUBERNETES_SERVICE_HOST") else ""
    found = given or _environment(pod, "FLY_MACHINE_ID", "RAILWAY_REPLICA_ID",
                                  "RENDER_INSTANCE_ID")
    # A revision of Cloud Run has many instances; they all have the same host name.
    revision = _environment("K_REVISION")
    if revision and not given:
        found = f"{revision[:180]}-{chance}"
    return check_name("instance", found or f"{socket.gethostname()[:180]}-{chance}")


def find_drain_s(given: float | None) -> float:
    """The engine tells those that it starts when it will kill them."""
    said = _environment("CAPSTAN_DRAIN_MS")
    if given is not None or not said:
        return DRAIN_S if given is None else given
    if not re.fullmatch("[0-9]{1,18}", said) or int(said) > DRAIN_MAX_MS:
        raise ValueError(
            f"CAPSTAN_DRAIN_MS: '{said}' is no number of ms up to {DRAIN_MAX_MS}")
    return int(said) / 1000


def find_name(given: str | None) -> str | None:
    return check_optional("name", given or _environment("III_WORKER_NAME"))


def check_optional(what: str, name: str | None) -> str | None:
    return check_name(what, name) if name else None


def check_name(what: str, name: str) -> str:
    if not 0 < len(name.encode("utf-8", "replace")) <= NAME_MAX:
        raise ValueError(f"{what}: a name has 1 to {NAME_MAX} bytes")
    if re.search(r"[\x00-\x1f\x7f]", name):
        raise ValueError(f"{what}: {name!r} holds a control character")
    return name


def check_names(what: str, names: Names) -> list[str]:
    """A list of names; one text is names with commas between, and spaces if need be."""
    found = [each.strip(" ") for each in names.split(",")] \
        if isinstance(names, str) and names else list(names or ())
    if len(found) > NAMES_MAX:
        raise ValueError(f"{what}: {len(found)} names are more than {NAMES_MAX}")
    for name in found:
        check_name(what, name)
    return found


def check_concurrency(count: int) -> int:
    if not 1 <= count <= CONCURRENCY_MAX:
        raise ValueError(f"concurrency: {count} is not from 1 to {CONCURRENCY_MAX}")
    return count
