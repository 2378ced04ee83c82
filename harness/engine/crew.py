"""Processes that prepare audio, and what becomes of a row that kills or stalls one.

Decoders and encoders are C code that reads strangers' files: one may crash, never come back, or
take all memory. Each process has a pipe and a thread of its own, so the loss of one touches no
other. Which row it was at is not known, so the clip is decoded alone and then prepared one
condition at a time: only a row that ends its process again is given up.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from harness.data.clip import Clip
from harness.engine.plan import Task
from harness.engine.prepare import Prepared, Recipe, prepare
from harness.errors import UsageError
from harness.suite import Condition

ROW_SECONDS = 120.0
_STARTS = 3
_WINDOW = 3  # tasks in flight for each process: enough to hide one slow clip, little to hold


def _quiet(line: str) -> None:
    del line


def warm_up(workers: int) -> None:
    """Have the preparing processes' imports done beside what this one does first."""
    if workers:
        _context()
        forkserver.ensure_running()


class Crew:
    """Prepares tasks in other processes, in order; a context manager that leaves none behind.

    Parameters
    ----------
    size
        Processes; 0 prepares in this one, where nothing guards against a crash.
    row_seconds
        Longest time for one row, decoding included.
    note
        Told of every process that was lost.
    """

    def __init__(
        self,
        size: int,
        recipe: Recipe,
        row_seconds: float = ROW_SECONDS,
        note: Callable[[str], None] = _quiet,
    ) -> None:
        self._recipe, self._size, self._note = recipe, size, note
        self._members = [_Member(recipe, row_seconds) for _ in range(size)]
        self._idle: SimpleQueue[_Member] = SimpleQueue()
        for member in self._members:
            self._idle.put(member)
        self._threads = ThreadPoolExecutor(max(size, 1), "preparing")

    def __enter__(self) -> Crew:
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
                yield task, list(prepare(task.clip, task.conditions, self._recipe))
            return
        waiting: deque[tuple[Task, Future[list[Prepared]]]] = deque()
        for task in tasks:
            waiting.append((task, self._threads.submit(self._guarded, task)))
            if len(waiting) >= _WINDOW * self._size:
                oldest, future = waiting.popleft()
                yield oldest, future.result()
        while waiting:
            oldest, future = waiting.popleft()
            yield oldest, future.result()

    def _guarded(self, task: Task) -> list[Prepared]:
        member = self._idle.get()
        try:
            return member.work(task.clip, task.conditions)
        except _Lost as loss:
            self._note(f"{task.clip.clip_id}: {loss}; its rows are prepared one by one")
            return self._one_by_one(member, task)
        finally:
            self._idle.put(member)

    def _one_by_one(self, member: _Member, task: Task) -> list[Prepared]:
        def lost(condition: Condition, loss: _Lost) -> Prepared:
            return Prepared(condition.name, "error", str(loss), {}, None)

        try:
            member.work(task.clip, ())
        except _Lost as loss:
            return [lost(condition, loss) for condition in task.conditions]
        rows: list[Prepared] = []
        for condition in task.conditions:
            try:
                rows += member.work(task.clip, (condition,))
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
        self._pipe = ours
        self._process = _context().Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        if self._dismissed:  # while it was being started
            self._process.kill()
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


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.engine.worker"])
    return context
