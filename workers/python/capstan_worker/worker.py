"""worker - the turn: wait, hear what has come, let actions run, say what there is.

The thread in `run` is the only one that touches the session and the socket; others post
it calls."""
from __future__ import annotations

import contextlib
import errno
import logging
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

import zmq

from . import options, wire
from .job import Job, refused
from .line import Line
from .session import CALLING, Session
from .stage import Action, Stage, is_async

logger = logging.getLogger("capstan_worker")

ACTIONS_MAX = 256
BATCH_MAX = 512  # frames of one turn
LOGS_MAX = 256  # pieces that wait to be sent
LOG_WAIT_S = 1.0
EVENTS_MAX = 256  # without an answer
TURN_MAX_S = 3600.0
NOT_AN_ADDRESS = {errno.EINVAL, errno.EPROTONOSUPPORT, errno.ENODEV}


class Worker:
    """Does the jobs of a Capstan engine.

        worker = Worker(concurrency=8)

        @worker.action
        def greet(job):
            return {"greeting": f"Hello, {job.parameters['name']}!"}

        worker.run()

    concurrency  jobs at once, 1 to 4096
    url          tcp://HOST:PORT; default: $CAPSTAN_WORKER_URL, else the host of
                 $CAPSTAN_URL and port 5170, else 127.0.0.1
    key          cap_…; default: $CAPSTAN_API_KEY, else, for an engine on this machine,
                 its development key
    server_key   CURVE: the engine's public key; default: $CAPSTAN_SERVER_KEY
    instance     who this is, unique in the project; default: the platform's name for it,
                 else the host's name and eight characters of chance
    name         for people; default: $III_WORKER_NAME
    version      of your program, for people
    queues       where to take jobs from; default "default"
    actions      what to take; default: all that were added
    labels       what this worker has, for jobs that ask for it
    environment  the environment that it runs in
    drain_s      how long stopping waits for jobs, in seconds; default:
                 $CAPSTAN_DRAIN_MS, else 10

    queues, actions and labels are lists, or one text with commas between.  ValueError
    names what makes no sense.
    """

    def __init__(self, *, concurrency: int = 1, url: str | None = None,
                 key: str | None = None, server_key: str | None = None,
                 instance: str | None = None, name: str | None = None,
                 version: str | None = None, queues: options.Names = None,
                 actions: options.Names = None, labels: options.Names = None,
                 environment: str | None = None, drain_s: float | None = None):
        self.url, self._key = options.find_url(url), key
        self._server_key = options.find_server_key(server_key)
        self.instance = options.find_instance(instance)
        self._me: dict[str, Any] = {
            "instance": self.instance, "name": options.find_name(name),
            "version": options.check_optional("version", version),
            "environment": options.check_optional("environment", environment),
            "queues": options.check_names("queues", queues),
            "labels": options.check_names("labels", labels),
            "actions": options.check_names("actions", actions),
        }
        self._actions: dict[str, tuple[Action, bool]] = {}  # by name; is it async?
        self._jobs: dict[bytes, Job] = {}  # those that run, by token
        self._log_room = threading.BoundedSemaphore(LOGS_MAX)
        self._event_room = threading.BoundedSemaphore(EVENTS_MAX)
        self._session = Session(options.check_concurrency(concurrency),
                                options.find_drain_s(drain_s),
                                log_left=self._log_room.release)
        self._stage = Stage(self._finished, lambda: self._session.payload_max)
        self._posted: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None  # in run
        self._line: Line  # from then on
        self._full = False  # the socket had no room

    def action(self, name: str | Action) -> Any:
        """Decorator: do jobs of that name so.  The name is the function's if none is
        given; "*" stands for every other name.

        The function gets the Job, and returns what JSON could say.  An `async def` runs
        on an event loop, where a cancel is asyncio's; other functions in threads.
        """
        if callable(name):
            return self.action(name.__name__)(name)
        options.check_name("action", name)

        def add(action: Action) -> Action:
            if name in self._actions:
                raise ValueError(f"action {name}: it is there already")
            if len(self._actions) == ACTIONS_MAX:
                raise ValueError(f"action {name}: at most {ACTIONS_MAX}")
            self._actions[name] = action, is_async(action)
            return action
        return add

    def run(self) -> int:
        """Work until SIGTERM, SIGINT or `stop`, then finish what is at hand, for drain_s
        at most.  Once per worker.  Signals are heard in the main thread only.

        Returns how many jobs were not finished: they go to other workers.
        Refused: the engine does not let this worker in.
        """
        if self._thread or not self._actions:
            raise RuntimeError("a worker runs once, and has actions")
        if not self._me["actions"] and "*" not in self._actions:
            self._me["actions"] = list(self._actions)
        self._line = Line(self.url, self._server_key, 2 * self._session.concurrency + 64)
        self._thread = threading.current_thread()
        with self._signals():
            try:
                while not self._session.over:
                    self._turn()
            finally:
                self._session.end()
                self._take_posted()
                self._stage.end()
                self._line.end()
        if self._session.refused:
            raise self._session.refused
        return self._session.left_behind

    def stop(self) -> None:
        """Let `run` return when what is at hand is finished; the second call does not
        wait for that.  From any thread and from signal handlers."""
        self._post(lambda: self._session.stop(time.monotonic()))

    def publish(self, event: str, data: Mapping[str, Any] | None = None, *,
                id: str | None = None, source: str | None = None,
                meta: Mapping[str, Any] | None = None) -> int:
        """Publish an event of the project: wake what waits for it, start what it starts.

        Returns when the event is on disk: its number in the project's stream.  Until
        then it is said again.  The same `id` is the same event; without one, each call
        is an event of its own.  Async actions await asyncio.to_thread(job.publish, …).

        Refused: the engine does not take it.  ConnectionError: the worker ended before
        the engine had it.  ValueError, TypeError: it cannot be sent.
        """
        here = threading.current_thread()
        if not self._thread or here in (self._thread, self._stage.loop_thread):
            raise RuntimeError("publish waits for the engine: not before the worker runs "
                               "nor in the thread of run or of async actions")
        packed = {name: wire.pack(dict(value)) for name, value in
                  (("data", data), ("meta", meta)) if value is not None}
        for name, value in packed.items():
            if len(value) > self._session.payload_max:
                raise ValueError(f"{name}: {len(value)} bytes; the engine takes "
                                 f"{self._session.payload_max}")
        id = options.check_name("id", id or uuid.uuid4().hex)
        said = wire.frame("publish", packed, id=id, source=source,
                          event=options.check_name("event", event))
        answer: Future[int] = Future()
        with self._event_room:
            self._post(partial(self._session.publish, id, said, answer))
            if self._session.over:
                self._take_posted()
            return answer.result()

    # From other threads.

    def _post(self, call: Callable[[], None]) -> None:
        self._posted.append(call)
        if self._thread:
            self._line.ring()

    def _finished(self, job: Job, report: bytes) -> None:
        self._post(partial(self._take_finished, job, report))

    def _log(self, job: Job, chunk: str, stream: str, may_wait: bool) -> bool:
        """Say it before the job's report; False: there is no room."""
        may_wait = may_wait and threading.current_thread() is not self._stage.loop_thread
        if not self._log_room.acquire(timeout=LOG_WAIT_S if may_wait else 0):
            return False
        said = wire.frame("log", token=job.token, stream=wire.cut(stream, wire.NAME_MAX),
                          chunk=chunk)
        self._post(partial(self._session.log, job.token, said))
        return True

    # The turn.

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        heard = [signal.SIGTERM, signal.SIGINT]
        if threading.current_thread() is not threading.main_thread():
            heard = []
        before = {each: signal.signal(each, lambda *_: self.stop()) for each in heard}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler or signal.SIG_DFL)

    def _turn(self) -> None:
        session, line = self._session, self._line
        wait_s = min(max(session.due() - time.monotonic(), 0), TURN_MAX_S)
        news = line.wait(wait_s, session.state == CALLING or self._full)
        now = time.monotonic()
        self._take_posted()
        if news:
            self._take_news(now)
        if session.state == CALLING and line.has_room():
            self._me["key"] = options.find_key(self._key, self.url)
            session.connected(self._me, now)
        for _ in range(BATCH_MAX):
            data = line.receive()
            if data is None:
                break
            self._hear(data, now)
        session.tick(now)
        while True:
            orders = session.orders()
            if not orders:
                break
            for verb, *arguments in orders:
                getattr(self, "_" + verb)(*arguments)
        self._say_all(now)

    def _take_posted(self) -> None:
        while True:
            try:
                call = self._posted.popleft()
            except IndexError:
                return
            call()

    def _take_finished(self, job: Job, report: bytes) -> None:
        del self._jobs[job.token]
        self._session.finished(job.token, report)

    def _take_news(self, now: float) -> None:
        broken, denied = self._line.news()
        if denied:
            self._session.refuse("unauthorized", "we are not let in by the gateway", now)
        elif broken:
            self._session.broken("connection", now)

    def _hear(self, data: bytes, now: float) -> None:
        try:
            message = wire.unpack(data)
        except ValueError:
            self._session.puzzled("frame")
        else:
            self._session.hear(message, now)

    def _say_all(self, now: float) -> None:
        while self._line.has_room():
            data = self._session.say(now)
            if data is None:
                self._full = False
                return
            self._line.send(data)
        self._full = True

    # Orders of the session.

    def _call(self) -> None:
        now = time.monotonic()
        try:
            self._line.open()
        except zmq.ZMQError as e:
            self._line.shut()
            if e.errno in NOT_AN_ADDRESS:
                self._session.refuse("invalid", f"url or server_key: {e}", now)
            else:
                self._session.broken(str(e), now)

    def _hang_up(self) -> None:
        self._line.shut()

    def _begin(self, message: Mapping[str, Any]) -> None:
        name = message.get("action", "")
        action = self._actions.get(name) or self._actions.get("*")
        if action:
            job = self._jobs[message["token"]] = Job(message, self)
            self._stage.begin(*action, job)
        else:
            self._session.finished(message["token"], refused(
                message["token"], "UnknownAction", f"this worker has no action {name!r}"))

    def _cancel(self, token: bytes) -> None:
        if token in self._jobs:
            self._stage.cancel(self._jobs[token])
