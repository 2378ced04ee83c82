"""Worker processes that prepare audio and survive rows that crash, stall or exhaust one.

Decoders and encoders are C code that reads untrusted files: one may crash, never return, or take
all memory. Each worker has a pipe and a thread of its own, so that losing one affects no other.
Which row it was at is not known, so the clip is decoded alone and then prepared one condition at a
time: only a row that ends its worker again becomes an error.

Pools with a shared queue (pebble, loky, `concurrent.futures`) break when a worker is killed while
it holds the queue.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import TYPE_CHECKING

from harness.data.clip import Clip
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe, at_hand, prepare
from harness.errors import UsageError
from harness.processes import without_script
from harness.suite.condition import Condition
from harness.timing import Stopwatch

if TYPE_CHECKING:  # every worker would load its libraries
    from harness.engine.cache import AudioCache

ROW_SECONDS = 120.0
_STARTS = 8
WINDOW = 3
"""Tasks in flight for each worker: enough to hide a slow clip, few enough to hold."""


def _quiet(line: str) -> None:
    del line


def warm_up(workers: int) -> None:
    """Start importing in the worker processes while the parent initialises."""
    if workers:
        _context()
        with _without_signals():
            forkserver.ensure_running()


@contextmanager
def _without_signals() -> Generator[None]:
    """Start processes that ignore Ctrl-C and a closed terminal: the pool ends them."""
    resource_tracker.ensure_running()  # which would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerPool:
    """Prepares tasks in worker processes, in order; as a context manager it leaves none behind.

    Parameters
    ----------
    size
        Workers; 0 prepares in this process, where nothing guards against a crash.
    row_seconds
        Longest time for one row, decoding included.
    note
        Called for every worker that was lost.
    cache
        Rows in it are not prepared again. This process reads it: a row that came through a pipe
        would be copied twice more.
    """

    def __init__(
        self,
        size: int,
        recipe: Recipe,
        row_seconds: float = ROW_SECONDS,
        note: Callable[[str], None] = _quiet,
        cache: AudioCache | None = None,
    ) -> None:
        self._recipe, self._size, self._note, self._cache = recipe, size, note, cache
        self._workers = [_Worker(recipe, row_seconds) for _ in range(size)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        # One more than workers: it looks up and stores while the others wait for theirs.
        self._threads = ThreadPoolExecutor(size + 1, "preparing")

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._note = _quiet  # workers that the pool ends itself are not lost
        for worker in self._workers:
            worker.dismiss()
        self._threads.shutdown(wait=True)

    def prepare(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, list[Prepared]]]:
        """Yield the tasks with their rows, in the order of the tasks.

        Raises
        ------
        UsageError
            Where no worker can be started.
        """
        if not self._size:
            for task in tasks:
                yield task, self._prepared(task)
            return
        waiting: deque[tuple[Task, Future[list[Prepared]]]] = deque()
        for task in tasks:
            waiting.append((task, self._threads.submit(self._prepared, task)))
            if len(waiting) >= WINDOW * self._size:
                oldest, future = waiting.popleft()
                yield oldest, future.result()
        while waiting:
            oldest, future = waiting.popleft()
            yield oldest, future.result()

    def _prepared(self, task: Task) -> list[Prepared]:
        clip = at_hand(task.clip, self._recipe)
        if self._cache is None:
            return self._prepare(clip, task.conditions)
        watch = Stopwatch(time.thread_time)
        with watch.timing("load from cache"):
            lookup = self._cache.find(clip, task.conditions)
        rows: list[Prepared] = []
        if lookup.missing:  # otherwise the clip is not even decoded
            rows = self._prepare(clip, lookup.missing)
            with watch.timing("store in cache"):
                self._cache.keep(lookup, rows)
        first, *rest = lookup.completed(rows)
        return [replace(first, spent={**first.spent, **watch.take()}), *rest]

    def _prepare(self, clip: Clip, conditions: Sequence[Condition]) -> list[Prepared]:
        if not self._size:
            return list(prepare(clip, conditions, self._recipe))
        worker = self._idle.get()
        try:
            return worker.work(clip, conditions)
        except _WorkerLost as loss:
            self._note(f"{clip.clip_id}: {loss}; its rows are prepared one by one")
            return self._one_by_one(worker, clip, conditions)
        finally:
            self._idle.put(worker)

    def _one_by_one(
        self, worker: _Worker, clip: Clip, conditions: Sequence[Condition]
    ) -> list[Prepared]:
        def lost(condition: Condition, loss: _WorkerLost) -> Prepared:
            return Prepared(condition.name, "error", str(loss), {}, None)

        try:
            worker.work(clip, ())
        except _WorkerLost as loss:
            return [lost(condition, loss) for condition in conditions]
        rows: list[Prepared] = []
        for condition in conditions:
            try:
                rows += worker.work(clip, (condition,))
            except _WorkerLost as loss:
                rows.append(lost(condition, loss))
        return rows


class _WorkerLost(Exception):
    """A worker ended while it prepared a clip; the message says how."""


class _Worker:
    """A process and this end of its pipe; started when first needed, and again when lost."""

    def __init__(self, recipe: Recipe, row_seconds: float) -> None:
        self._recipe, self._row_seconds = recipe, row_seconds
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._dismissed = False

    def work(self, clip: Clip, conditions: Sequence[Condition]) -> list[Prepared]:
        pipe = self._pipe or self._start()
        try:
            pipe.send((clip, conditions))
            return pipe.recv()
        except (EOFError, OSError) as fault:
            raise _WorkerLost(self._exit_reason()) from fault

    def dismiss(self) -> None:
        self._dismissed = True
        if self._process is not None:
            self._process.kill()

    def _start(self) -> Connection:
        """Start a process and return its pipe; where one dies first, another is tried."""
        for attempt in range(1, _STARTS + 1):
            try:
                return self._start_once()
            except _WorkerLost as loss:
                if attempt == _STARTS and not self._dismissed:
                    raise UsageError(
                        f"no process that prepares audio can be started: {loss}",
                        "harness run",
                        "--workers 1 takes less memory; the same command with the same --out goes "
                        "on",
                    ) from loss
        raise _WorkerLost("the run was stopped")

    def _start_once(self) -> Connection:
        if self._dismissed:
            raise _WorkerLost("the run was stopped")
        ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, self._recipe, self._row_seconds)
        process = _context().Process(target=_serve, args=arguments, daemon=True)
        with without_script(), _without_signals():  # the first starts the fork server
            process.start()
        self._pipe, self._process = ours, process
        theirs.close()
        if self._dismissed:  # while it was being started
            process.kill()
        try:
            ours.recv()
        except (EOFError, OSError) as fault:
            raise _WorkerLost(self._exit_reason()) from fault
        return ours

    def _exit_reason(self) -> str:
        """Describe how the process ended, and forget it."""
        process, self._process = self._process, None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if process is None:
            return "no process"
        process.join(5)
        process.kill()
        code = process.exitcode
        if code == -signal.SIGALRM:
            return f"took more than {self._row_seconds:g} s"
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            why = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
            return f"the process that prepared it was ended by {name}{why}"
        return f"the process that prepared it ended with code {code}"


def _serve(pipe: Connection, recipe: Recipe, row_seconds: float) -> None:
    from harness.engine.worker import serve  # loaded once, in the fork server

    serve(pipe, recipe, row_seconds)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.engine.worker"])
    return context
