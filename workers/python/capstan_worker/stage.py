"""stage - where actions run: functions in threads, coroutines on one event loop.

Threads begin when they are needed and stay; none keeps the program from ending."""
from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from .job import Job, completed, failed

Action = Callable[[Job], Any]


def is_async(action: Action) -> bool:
    return inspect.iscoroutinefunction(action) or \
        inspect.iscoroutinefunction(getattr(action, "__call__", None))


class Stage:
    def __init__(self, finished: Callable[[Job, bytes], None],
                 payload_max: Callable[[], int]):
        """`finished` gets the report, in whatever thread."""
        self._finished, self._payload_max = finished, payload_max
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[Job, asyncio.Task[Any]] = {}
        self.loop_thread: threading.Thread | None = None
        self._ended = False

    def begin(self, action: Action, as_task: bool, job: Job) -> None:
        if as_task:
            self._the_loop().call_soon_threadsafe(self._begin_task, action, job)
            return
        self._work.put((action, job))
        if not self._idle.acquire(blocking=False):
            self._threads.append(self._start(self._do_jobs))

    def cancel(self, job: Job) -> None:
        job.cancelled.set()
        if self._loop:
            self._loop.call_soon_threadsafe(self._cancel_task, job)

    def end(self) -> None:
        """Idle threads end; an action that still runs is left alone."""
        self._ended = True
        for _ in self._threads:
            self._work.put(None)
        if self._loop:
            with contextlib.suppress(RuntimeError):  # it is closed already
                self._loop.call_soon_threadsafe(self._loop.stop)

    @staticmethod
    def _start(run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run, name="capstan-action", daemon=True)
        thread.start()
        return thread

    def _do_jobs(self) -> None:
        for action, job in iter(self._work.get, None):
            report = self._do(action, job)
            # First: or the next job would begin a thread that nobody needs.
            self._idle.release()
            self._report(job, report)
            del action, job, report

    def _do(self, action: Action, job: Job) -> bytes:
        try:
            output = action(job)
        except BaseException as e:
            return failed(job, e)
        return completed(job, output, self._payload_max())

    def _report(self, job: Job, report: bytes) -> None:
        job.say_dropped()
        self._finished(job, report)

    # Coroutines; all but _the_loop in the loop's thread.

    def _the_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self.loop_thread = self._start(partial(self._do_tasks, self._loop))
        return self._loop

    def _do_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._ended:
            # An action that raises one of them stops the loop; its task has it, too.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
        if not self._tasks:
            loop.close()

    def _begin_task(self, action: Action, job: Job) -> None:
        task = self._tasks[job] = asyncio.ensure_future(self._call(action, job))
        task.add_done_callback(lambda _: self._task_done(job))

    @staticmethod
    async def _call(action: Action, job: Job) -> Any:
        return await action(job)  # what cannot be called fails as a task, too

    def _cancel_task(self, job: Job) -> None:
        if job in self._tasks:
            self._tasks[job].cancel()

    def _task_done(self, job: Job) -> None:
        task = self._tasks.pop(job)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._report(job, failed(job, error) if error else
                     completed(job, task.result(), self._payload_max()))
