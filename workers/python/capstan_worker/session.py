"""session - what a worker says and does, given what it hears and the time.

A machine without sockets, threads or a clock: time comes in as seconds of a clock that
does not jump, chance as a function.  It is told what happens (connected, broken, hear,
finished, log, publish, stop) and asked what follows: `say` has the next frame to be sent,
`orders` what else is to be done, `due` when `tick` wants to be called.

           time            connected         registered
    AWAY ---------> CALLING ---------> ASKING ----------> MEMBER
      ^                |                 | ^                | |
      +----------------+-----------------+ +--- register ---+ |
      +---------------- broken, silent, refused --------------+

A job that came waits while actions whose lease was lost (orphans) still have its place;
then it runs; then its report is said until it is acknowledged.
"""
from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .errors import Refused
from .saying import NEVER, Saying, Sayings
from .wire import MESSAGE_MAX, cut, frame

logger = logging.getLogger("capstan_worker")

AWAY, CALLING, ASKING, MEMBER = "away", "calling", "asking", "member"
ANSWER_S = 5.0  # for a connection, and for an answer to `register`
BACKOFF_S, BACKOFF_MAX_S = 0.1, 5.0  # before the second call, then twice that, …
GRACE_S = 0.5  # for actions to notice that all is over
BEATS_MAX = 4  # heartbeats without an answer that are remembered
PAYLOAD_MAX = 1 << 20  # bytes, if the engine does not say

# Codes of `error`: the worker must end; must end if it only wants to register; may hear
# another answer in time.
ENDS = {"unauthorized", "forbidden"}
ENDS_ASKING = ENDS | {"malformed", "invalid", "too_large", "unsupported"}
PASSES = {"busy", "overloaded", "unavailable", "timeout"}

Message = Mapping[str, Any]


@dataclass(eq=False)
class Lease:
    """A job that is ours: it waits, has begun, or has a report."""
    job: Message
    token: bytes
    begun: bool = False
    report: Saying | None = None
    replaced: bool = False  # the report, by one that the engine can take


class Session:
    def __init__(self, concurrency: int, drain_s: float,
                 chance: Callable[[], float] = random.random,
                 log_left: Callable[[], None] = lambda: None):
        self.concurrency, self.drain_s = concurrency, drain_s
        self.chance, self.log_left = chance, log_left
        self.state = AWAY
        self.held: dict[bytes, Lease] = {}  # by token
        self.payload_max = PAYLOAD_MAX
        self.over = False
        self.left_behind = 0  # jobs that were not finished at the end
        self.refused: Refused | None = None
        self._me: Message = {}
        self._token: bytes | None = None  # of the session
        self._lease_s = self._heartbeat_s = self._idle_s = NEVER
        self._turn_at = 0.0  # AWAY: call; CALLING, ASKING: give up
        self._asked_at: float | None = None  # when `register` was said
        self._confirmed_at = 0.0  # our leases were good then, at least
        self._heard_at = self._beat_at = 0.0
        self._beat_wanted = False
        self._sequence = 0
        self._beats: dict[int, float] = {}  # without an answer: when they were said
        self._failures = self._puzzles = 0
        self._announced = concurrency  # the capacity that the gateway knows
        self._paused = False  # the engine goes down: no new jobs before we are back
        self._leave_by = NEVER
        self._hurried = self._goodbye = False
        self._waiting: deque[Lease] = deque()
        self._running: set[bytes] = set()  # tokens of actions, orphans among them
        self._orphans: set[bytes] = set()
        self._logs: deque[tuple[bytes, bytes]] = deque()  # token and frame
        self._events: dict[str, tuple[Saying, list[Future[int]]]] = {}  # by id
        self._sayings = Sayings()
        self._orders: list[tuple[Any, ...]] = []

    # What happens.

    def connected(self, me: Message, now: float) -> None:
        """Somebody is at the other end; `me` are the pairs of `register` that stay."""
        self._me = me
        self._ask(now)

    def broken(self, why: str, now: float) -> None:
        # An engine that is away for an hour is not worth a line every five seconds.
        if self.state == MEMBER or self._failures & (self._failures - 1) == 0:
            logger.warning("%s why=%s failures=%d", "disconnected" if self.state == MEMBER
                           else "not_connected", why, self._failures)
        wait_s = min(BACKOFF_S * 2 ** min(self._failures, 10), BACKOFF_MAX_S)
        self._failures += 1
        self._hang_up(now + wait_s * (0.75 + self.chance() / 2))
        self._sayings.renew()

    def refuse(self, code: str, message: str, now: float) -> None:
        """The engine does not want us."""
        logger.error("refused %s: %s", code, message)
        self.refused = Refused(code, message)
        self._hang_up(NEVER)
        self._leave(now)

    def hear(self, message: Message, now: float) -> None:
        self._heard_at = now
        hear = getattr(self, "_hear_" + message["type"], None)
        if hear:
            hear(message, now)
        else:
            self.puzzled(message["type"])

    def puzzled(self, by: str) -> None:
        """A frame made no sense.  A line for the first, the second, the fourth, …"""
        self._puzzles += 1
        if self._puzzles & (self._puzzles - 1) == 0:
            logger.warning("frame_not_understood what=%.80s count=%d", by, self._puzzles)

    def finished(self, token: bytes, report: bytes) -> None:
        """The action is over."""
        self._running.remove(token)
        if token in self._orphans:
            self._orphans.remove(token)
        else:
            self._report(self.held[token], report)
        self._begin()

    def log(self, token: bytes, chunk: bytes) -> None:
        """Say the frame before the report.  `log_left` is called when it is gone."""
        self._logs.append((token, chunk))

    def publish(self, id: str, event: bytes, answer: Future[int]) -> None:
        """Say the frame until it is answered.  The same id is the same event."""
        if id not in self._events:
            self._events[id] = self._sayings.add(event), []
        self._events[id][1].append(answer)
        if self.over:
            self._abandon(id)

    def stop(self, now: float) -> None:
        """Take no more, finish what is at hand, leave; the second time: at once."""
        self._leave(now if self._leave_by < NEVER else now + self.drain_s)

    def end(self) -> None:
        """Nobody will ask any more: who waits for an answer hears that there is none."""
        self.over = True
        for id in list(self._events):
            self._abandon(id)

    # What follows.

    def orders(self) -> list[tuple[Any, ...]]:
        """To be done, in this order: ("call",), ("hang_up",), ("begin", job) or
        ("cancel", token)."""
        orders, self._orders = self._orders, []
        return orders

    def tick(self, now: float) -> None:
        if now >= self._fence_at():
            logger.warning("leases_given_up silent_s=%.1f", now - self._confirmed_at)
            self._lose_open()
        self._tick_leaving(now)
        if self.state == MEMBER:
            self._tick_member(now)
        elif now >= self._turn_at and not self.over:
            if self.state == AWAY:
                self.state, self._turn_at = CALLING, now + ANSWER_S
                self._orders.append(("call",))
            else:
                self.broken("no_answer", now)

    def _tick_member(self, now: float) -> None:
        if now >= self._silent_at():
            self.broken("silent", now)
            return
        if now >= self._beat_at:
            self._beat_wanted = True
            self._beat_at = now + self._early(self._beat_every())
        if now >= self._sayings.due:
            self._sayings.again(now)

    def due(self) -> float:
        due = self._fence_at()
        if self._leave_by < NEVER:
            due = min(due, 0 if self._nothing_left() else self._leave_by)
        if self.state != MEMBER:
            return min(due, self._turn_at)
        return min(due, self._beat_at, self._silent_at(), self._sayings.due)

    def say(self, now: float) -> bytes | None:
        """The next frame, if there is one.  Who takes it sends it, so ask only when the
        socket has room."""
        if self.over:
            goodbye, self._goodbye = self._goodbye, False
            return frame("goodbye") if goodbye else None
        if self.state == ASKING and self._asked_at is None:
            return self._say_register(now)
        if self.state != MEMBER:
            return None
        if self.capacity != self._announced:
            return self._say_capacity()
        if self._beat_wanted:
            return self._say_heartbeat(now)
        while self._logs:
            token, chunk = self._logs.popleft()
            self.log_left()
            if token in self.held:
                return chunk
        return self._sayings.next(now)

    # Who we are.

    def _hang_up(self, until: float) -> None:
        self.state, self._turn_at = AWAY, until
        self._orders.append(("hang_up",))

    def _ask(self, now: float) -> None:
        self.state, self._turn_at, self._asked_at = ASKING, now + ANSWER_S, None
        self._paused = self._beat_wanted = False
        # Whatever was said to a gateway that did not know us was said to nobody.
        self._sayings.renew()

    def _say_register(self, now: float) -> bytes:
        self._asked_at, self._announced = now, self.capacity
        self._beats.clear()
        return frame("register", **self._me, v=1, session=self._token,
                     concurrency=self._announced, held=list(self.held))

    def _hear_registered(self, m: Message, now: float) -> None:
        lease_ms, heartbeat_ms = m.get("lease_ms", 0), m.get("heartbeat_ms", 0)
        if self.state != ASKING or self._asked_at is None:
            return
        if not 0 < heartbeat_ms <= lease_ms:
            self.puzzled("registered")
            return
        self.state, self._confirmed_at = MEMBER, self._asked_at
        self._token = m.get("session")
        self._lease_s, self._heartbeat_s = lease_ms / 1000, heartbeat_ms / 1000
        self._idle_s = max(m.get("idle_ms", 0), heartbeat_ms) / 1000
        self.payload_max = m.get("payload_max") or PAYLOAD_MAX
        self._beat_at = now + self._early(self._beat_every())
        self._lose_listed(m)
        logger.info("registered session=%s instance=%s held=%d", m.get("session_id"),
                    self._me.get("instance"), len(self.held))

    def _hear_register(self, m: Message, now: float) -> None:
        if self.state == MEMBER:  # several in a row are one
            self._ask(now)

    @property
    def capacity(self) -> int:
        """Jobs that we hold at most, now."""
        closed = self._paused or self._leave_by < NEVER
        return 0 if closed else self.concurrency - len(self._orphans)

    def _say_capacity(self) -> bytes:
        self._announced = self.capacity
        if self._leave_by < NEVER:
            return frame("drain")
        return frame("ready", concurrency=self._announced)

    def _beat_every(self) -> float:
        """Who holds nothing need not be heard so often."""
        return self._heartbeat_s if self.held else self._idle_s

    def _early(self, every: float) -> float:
        return every * (1 - self.chance() / 10)

    def _silent_at(self) -> float:
        return self._heard_at + 2.5 * self._beat_every()

    def _say_heartbeat(self, now: float) -> bytes:
        self._beat_wanted = False
        self._sequence += 1
        self._beats.pop(self._sequence - BEATS_MAX, None)
        self._beats[self._sequence] = now
        return frame("heartbeat", sequence=self._sequence, held=list(self.held))

    def _hear_heartbeat(self, m: Message, now: float) -> None:
        answered = m.get("sequence") or min(self._beats, default=0)
        if answered in self._beats:
            # What we held when we said it was ours when it was read.
            self._confirmed_at = self._beats[answered]
            self._beats = {n: at for n, at in self._beats.items() if n > answered}
            self._failures = 0
        self._lose_listed(m)
        for token in m.get("cancel", ()):
            self._cancel(token)

    # What we hold.

    def _open(self) -> int:
        """Jobs without a report."""
        return len(self._waiting) + len(self._running) - len(self._orphans)

    def _hear_job(self, m: Message, now: float) -> None:
        token = m.get("token", b"")
        if self.state != MEMBER or token in self.held or token in self._running:
            return
        # What is not taken is not listed in heartbeats, and so goes to somebody else.
        if not token or self._open() >= self.concurrency or self._hurried:
            logger.warning("job_not_taken job=%s", m.get("job"))
            return
        lease = self.held[token] = Lease(m, token)
        if len(self.held) == 1:
            # We may not have beaten for long; the gateway has, so the lease is new.
            self._confirmed_at = max(self._confirmed_at, now - self._heartbeat_s)
        self._beat_at = min(self._beat_at, now + self._early(self._heartbeat_s))
        if self._leave_by < NEVER:
            self._report(lease, frame("report", token=token, outcome="returned"))
        else:
            self._waiting.append(lease)
            self._begin()

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self.concurrency:
            lease = self._waiting.popleft()
            lease.begun = True
            self._running.add(lease.token)
            self._orders.append(("begin", lease.job))

    def _report(self, lease: Lease, report: bytes) -> None:
        if lease.report:
            self._sayings.answered(lease.report)
        lease.report = self._sayings.add(report)

    def _forget(self, lease: Lease) -> None:
        del self.held[lease.token]
        if lease.report:
            self._sayings.answered(lease.report)

    def _lose(self, lease: Lease) -> None:
        self._forget(lease)
        if lease.begun and not lease.report:
            self._orphans.add(lease.token)
            self._orders.append(("cancel", lease.token))
        elif not lease.begun and not lease.report:
            self._waiting.remove(lease)

    def _lose_listed(self, m: Message) -> None:
        for token in m.get("lost", ()):
            if token in self.held:
                logger.warning("lease_lost job=%s", self.held[token].job.get("job"))
                self._lose(self.held[token])

    def _lose_open(self) -> None:
        for lease in list(self.held.values()):
            if not lease.report:
                self._lose(lease)

    def _fence_at(self) -> float:
        """When another worker may soon have our jobs, as nobody has heard us for long.
        Reports are kept, for the engine to judge."""
        return self._confirmed_at + 0.9 * self._lease_s if self._open() else NEVER

    def _cancel(self, token: bytes) -> None:
        lease = self.held.get(token)
        if lease is None or lease.report:
            return
        if lease.begun:
            self._orders.append(("cancel", token))
        else:
            self._waiting.remove(lease)
            self._report(lease, frame("report", token=token, outcome="cancelled"))

    def _hear_cancel(self, m: Message, now: float) -> None:
        self._cancel(m.get("token", b""))

    def _hear_ack(self, m: Message, now: float) -> None:
        lease = self.held.get(m.get("token", b""))
        if lease and m.get("verdict") == "stale":
            logger.info("report_stale job=%s", lease.job.get("job"))
            self._lose(lease)
        elif lease and lease.report:
            self._forget(lease)

    # Events, and what the gateway cannot take.

    def _hear_published(self, m: Message, now: float) -> None:
        number = m.get("number", 0)
        self._answer(m.get("id", ""), lambda answer: answer.set_result(number))

    def _abandon(self, id: str) -> None:
        why = ConnectionError("the worker ended before the engine had the event")
        self._answer(id, lambda answer: answer.set_exception(why))

    def _answer(self, id: str, settle: Callable[[Future[int]], None]) -> None:
        if id in self._events:
            saying, answers = self._events.pop(id)
            self._sayings.answered(saying)
            for answer in answers:
                settle(answer)

    def _hear_error(self, m: Message, now: float) -> None:
        code, message, about = (m.get(key, "") for key in ("code", "message", "about"))
        lease = self.held.get(m.get("token", b""))
        asking = self.state == ASKING
        if about == "publish" and "id" in m:
            if code not in PASSES:
                self._answer(m["id"], lambda a: a.set_exception(Refused(code, message)))
        elif lease is None and code in (ENDS_ASKING if asking else ENDS):
            self.refuse(code, message, now)
        elif asking:
            self.broken(code, now)
        elif lease and lease.report and about != "log" and code not in PASSES:
            self._report_refused(lease, code, message)
        elif code not in PASSES:
            logger.warning("error code=%s about=%s message=%s", code, about, message)

    def _report_refused(self, lease: Lease, code: str, message: str) -> None:
        """The gateway cannot take the report as it is: say so instead, once."""
        logger.warning("report_refused code=%s job=%s %s", code, lease.job.get("job"),
                       message)
        if lease.replaced or code == "stale_lease":
            self._forget(lease)
            return
        lease.replaced = True
        self._report(lease, frame(
            "report", token=lease.token, outcome="failed", error_type="ReportRefused",
            error_message=cut(message, MESSAGE_MAX)))

    # How it ends.

    def _hear_drain(self, m: Message, now: float) -> None:
        if m.get("leave"):
            self._leave(now + self.drain_s)
        else:
            self._paused = True  # it will want us when it is back

    def _leave(self, by: float) -> None:
        if self._leave_by == NEVER:
            logger.info("leaving held=%d", len(self.held))
        self._leave_by = min(self._leave_by, by)
        while self._waiting:
            lease = self._waiting.popleft()
            self._report(lease, frame("report", token=lease.token, outcome="returned"))

    def _nothing_left(self) -> bool:
        return not (self.held or self._running or self._events)

    def _tick_leaving(self, now: float) -> None:
        if self._leave_by == NEVER or self.over:
            return
        if self._nothing_left() or self._hurried and now >= self._leave_by:
            self._finish()
        elif now >= self._leave_by:
            # Goodbye gives them back; until then actions may notice.
            self._hurried, self._leave_by = True, now + GRACE_S
            self.left_behind = self._open()
            self._lose_open()

    def _finish(self) -> None:
        self.over = True
        self.left_behind += len(self.held)
        self._goodbye = self.state == MEMBER or \
            self.state == ASKING and self._asked_at is not None
        logger.info("left unfinished=%d", self.left_behind)
