"""Processes that prepare audio, and what becomes of a row that kills or stalls one.

Decoders and encoders are C code that reads strangers' files: one may crash, never come back, or
take all memory. Each process has a pipe and a thread of its own, so the loss of one touches no
other. Which row it was at is not known, so the clip is decoded alone and then prepared one
condition at a time: only a row that ends its process again is given up.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
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
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING

from harness.data.clip import Clip
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe, at_hand, prepare
from harness.errors import UsageError
from harness.suite.condition import Condition
from harness.timing import Stopwatch

if TYPE_CHECKING:  # its libraries would be loaded by every process that prepares
    from harness.engine.cache import AudioCache

ROW_SECONDS = 120.0
_STARTS = 8
_STARTING = Lock()
WINDOW = 3  # tasks in flight for each process: enough to hide one slow clip, little to hold


def _quiet(line: str) -> None:
    del line


def warm_up(workers: int) -> None:
    """Start importing in the worker processes while the parent initialises."""
    if workers:
        _context()
        with _unasked():
            forkserver.ensure_running()


@contextmanager
def _unasked() -> Generator[None]:
    """Start processes whom neither Ctrl-C nor a terminal that is closed reaches: we end them."""
    resource_tracker.ensure_running()  # which would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerPool:
    """Prepares tasks in other processes, in order; a context manager that leaves none behind.

    Parameters
    ----------
    size
        Processes; 0 prepares in this one, where nothing guards against a crash.
    row_seconds
        Longest time for one row, decoding included.
    note
        Told of every process that was lost.
    cache
        What is found in it is not prepared again. It is read here: a row that came through a pipe
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
        self._members = [_Member(recipe, row_seconds) for _ in range(size)]
        self._idle: SimpleQueue[_Member] = SimpleQueue()
        for member in self._members:
            self._idle.put(member)
        # One more than processes: it looks up and stores while the others wait for theirs.
        self._threads = ThreadPoolExecutor(size + 1, "preparing")

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for member in self._members:
            member.dismiss()
        self._threads.shutdown(wait=True)

    def prepare(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, list[Prepared]]]:
        """The tasks in their order with what was prepared, whichever process is first.

        Raises
        ------
        UsageError
            Where a process cannot even be started.
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
            return self._made(clip, task.conditions)
        watch = Stopwatch(time.thread_time)
        with watch.timing("load from cache"):
            found = self._cache.find(clip, task.conditions)
        made: list[Prepared] = []
        if found.missing:  # else the clip is not even decoded
            made = self._made(clip, found.missing)
            with watch.timing("store in cache"):
                self._cache.keep(found, made)
        first, *rest = found.completed(made)
        return [replace(first, spent={**first.spent, **watch.take()}), *rest]

    def _made(self, clip: Clip, conditions: Sequence[Condition]) -> list[Prepared]:
        if not self._size:
            return list(prepare(clip, conditions, self._recipe))
        member = self._idle.get()
        try:
            return member.work(clip, conditions)
        except _Lost as loss:
            self._note(f"{clip.clip_id}: {loss}; its rows are prepared one by one")
            return self._one_by_one(member, clip, conditions)
        finally:
            self._idle.put(member)

    def _one_by_one(
        self, member: _Member, clip: Clip, conditions: Sequence[Condition]
    ) -> list[Prepared]:
        def lost(condition: Condition, loss: _Lost) -> Prepared:
            return Prepared(condition.name, "error", str(loss), {}, None)

        try:
            member.work(clip, ())
        except _Lost as loss:
            return [lost(condition, loss) for condition in conditions]
        rows: list[Prepared] = []
        for condition in conditions:
            try:
                rows += member.work(clip, (condition,))
            except _Lost as loss:
                rows.append(lost(condition, loss))
        return rows


class _Lost(Exception):
    """A process ended while it was at work; the text says how."""


class _Member:
    """One process and this end of its pipe; started when first needed, and again when lost."""

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
            raise _Lost(self._farewell()) from fault

    def dismiss(self) -> None:
        self._dismissed = True
        if self._process is not None:
            self._process.kill()

    def _start(self) -> Connection:
        """A process that is ready; where one dies before that, another is tried."""
        for attempt in range(1, _STARTS + 1):
            try:
                return self._started()
            except _Lost as loss:
                if attempt == _STARTS and not self._dismissed:
                    raise UsageError(
                        f"no process that prepares audio can be started: {loss}",
                        "harness run",
                        "--workers 1 takes less memory; the same command with the same --out goes "
                        "on",
                    ) from loss
        raise _Lost("the run was stopped")

    def _started(self) -> Connection:
        if self._dismissed:
            raise _Lost("the run was stopped")
        ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, self._recipe, self._row_seconds)
        process = _context().Process(target=_serve, args=arguments, daemon=True)
        with _no_script(), _unasked():  # in case it is the first, and so starts the server
            process.start()  # one that cannot be started is no process to dismiss
        self._pipe, self._process = ours, process
        theirs.close()
        if self._dismissed:  # while it was being started
            process.kill()
        try:
            ours.recv()
        except (EOFError, OSError) as fault:
            raise _Lost(self._farewell()) from fault
        return ours

    def _farewell(self) -> str:
        """How the process ended, in words; it is started again when it is needed."""
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
    from harness.engine.worker import serve  # heavy, and loaded once in the fork server

    serve(pipe, recipe, row_seconds)


@contextmanager
def _no_script() -> Generator[None]:
    """Hide the caller's script: `multiprocessing` would run it again in every process.

    Nothing of it is needed there, and one without an `if __name__ == "__main__"` would begin the
    whole run once more.
    """
    with _STARTING:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = script


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.engine.worker"])
    return context
