"""job - what an action sees of its job, and the report that is made of what it did."""
from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import Fatal
from .wire import (CHUNK_MAX, MESSAGE_MAX, NAME_MAX, RETRY_AFTER_MAX_S, cut, frame,
                   pack)

if TYPE_CHECKING:
    from .worker import Worker

logger = logging.getLogger("capstan_worker")


class Job:
    """One call of an action, for a step of a run; what the action is given.

    id          job_…, the same for each attempt: pass it on as an idempotency key
    run, step   run_… and the key of the step
    automation, action, queue: their names
    attempt     1 for the first
    parameters  for the action, usually a dict
    deadline    when the engine gives the attempt up, as time.time() counts; None: never
    cancelled   is set when the action should stop: somebody cancelled the run, the time
                is over, or the job has gone to another worker
    """

    def __init__(self, message: Mapping[str, Any], worker: Worker):
        self.id: str = message.get("job", "")
        self.run: str = message.get("run", "")
        self.step: str = message.get("step", "")
        self.automation: str = message.get("automation", "")
        self.action: str = message.get("action", "")
        self.queue: str = message.get("queue", "")
        self.attempt: int = message.get("attempt", 1)
        self.parameters: Any = message.get("parameters")
        deadline_ms = message.get("deadline_ms")
        self.deadline: float | None = deadline_ms / 1000 if deadline_ms else None
        self.cancelled = threading.Event()
        self.token: bytes = message["token"]  # of the lease: a secret
        self._worker = worker
        self.retry_after_ms = 0  # 0: as the step says
        self._dropped = 0  # pieces of log

    def __repr__(self) -> str:
        return f"<Job {self.id} action={self.action!r} attempt={self.attempt}>"

    def log(self, text: str, stream: str = "stdout") -> None:
        """A line, or several, for the run's log; the newline at the end may be left out.
        `stream` is stdout, stderr or a name of yours.

        Best effort: who logs faster than can be sent waits for up to a second, an async
        action does not; what then still has no room is dropped, and the log says so.
        """
        text = text if text.endswith("\n") else text + "\n"
        while text:
            chunk = cut(text[:CHUNK_MAX], CHUNK_MAX)
            text = text[len(chunk):]
            self.say_dropped()
            if not self._worker._log(self, chunk, stream, may_wait=not self._dropped):
                self._dropped += 1

    def say_dropped(self) -> None:
        """Of what was dropped, the log says here that it was, if it has room again."""
        note = f"capstan_worker: {self._dropped} pieces of the log were dropped here\n"
        if self._dropped and self._worker._log(self, note, "stderr", may_wait=False):
            self._dropped = 0

    def retry_after(self, seconds: float) -> None:
        """If this attempt fails, another one should wait at least so long, a day at most.
        The engine waits as long, up to the longest delay of the step's retries."""
        self.retry_after_ms = round(max(0, min(seconds, RETRY_AFTER_MAX_S)) * 1000)

    def publish(self, event: str, data: Mapping[str, Any] | None = None, *,
                id: str | None = None, source: str | None = None,
                meta: Mapping[str, Any] | None = None) -> int:
        """As Worker.publish.  The source is the automation if none is given; name `id`
        after the job, and the event is one however often the job is tried."""
        return self._worker.publish(event, data, id=id, source=source or self.automation,
                                    meta=meta)


def completed(job: Job, output: Any, payload_max: int) -> bytes:
    """The report of a job whose action returned."""
    if output is None and job.cancelled.is_set():
        return frame("report", token=job.token, outcome="cancelled")
    try:
        packed = pack(output)
    except Exception as e:
        return refused(job.token, "InvalidOutput", str(e))
    if len(packed) > payload_max:
        return refused(job.token, "OutputTooLarge",
                       f"{len(packed)} bytes; the engine takes {payload_max}")
    return frame("report", {"output": packed}, token=job.token, outcome="completed")


def failed(job: Job, error: BaseException) -> bytes:
    """The report of a job whose action raised."""
    fatal = isinstance(error, Fatal)
    if job.cancelled.is_set():
        return frame("report", token=job.token, outcome="cancelled")
    logger.warning("failed job=%s action=%s", job.id, job.action, exc_info=error)
    try:
        kind = error.error_type if isinstance(error, Fatal) else type(error).__name__
        message = str(error)
    except Exception as e:
        kind, message = type(error).__name__, f"its text raised {type(e).__name__}"
    return refused(job.token, kind, message, "fatal" if fatal else "failed",
                   0 if fatal else job.retry_after_ms)


def refused(token: bytes, kind: str, message: str, outcome: str = "failed",
            retry_after_ms: int = 0) -> bytes:
    later = {"retry_after_ms": retry_after_ms} if retry_after_ms > 0 else {}
    return frame("report", token=token, outcome=outcome, error_type=cut(kind, NAME_MAX),
                 error_message=cut(message, MESSAGE_MAX), **later)
