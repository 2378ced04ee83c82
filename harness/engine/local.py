"""The loop on one machine: a crew prepares, this process scores, blocks of rows go to disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby

from harness.detector.detector import audio_detectors
from harness.engine import provenance
from harness.engine.plan import Key, Task
from harness.engine.prepare import Prepared
from harness.engine.row_sink import Advance, Batch, Receiver, batch_of
from harness.engine.scorer import Scored, Scorer
from harness.engine.worker_pool import WorkerPool
from harness.results.scores import Row, ScoresWriter
from harness.timing import WAITING, Stopwatch, TimeSplit

_GPU_LANES = 2
_MOST_LANES = 8

_Block = list[Scored]
_Submit = Callable[[_Block], Callable[[], list[Row]]]


def run_tasks(
    tasks: Iterator[Task],
    crew: WorkerPool,
    scorers: Sequence[Scorer],
    writer: ScoresWriter,
    done: set[Key],
    advance: Advance,
    split: TimeSplit | None = None,
    lanes: int | None = None,
    threads: int = 0,
) -> None:
    """Prepare and score every task; each finished block is handed to the writer whole.

    Parameters
    ----------
    done
        Keys that are in the table already: not scored again.
    advance
        Called with the number of rows after each block.
    split
        Where to count the time.
    lanes
        Blocks that are scored at once, each in a thread; as the detectors' devices are, if None.
    threads
        Of each of these, within a detector.

    Raises
    ------
    UsageError
        As `Receiver.take` and `Receiver.finish`.
    """
    split = split or TimeSplit(workers=1)
    receiver = Receiver(writer, advance, split)
    lanes = lanes or _lanes(scorers, threads)
    split.scorers = lanes if _on_processors(scorers) else 1
    for batch in batches(crew.prepare(tasks), scorers, done, lanes):
        receiver.take(batch)
    receiver.finish()


def batches(
    prepared: Iterable[tuple[Task, list[Prepared]]],
    scorers: Sequence[Scorer],
    done: AbstractSet[Key],
    lanes: int = 1,
) -> Iterator[Batch]:
    """Score what is prepared block by block, in the order of the plan.

    Parameters
    ----------
    done, lanes
        As for `run_tasks`.
    """
    waiting = Stopwatch()

    def score(block: _Block) -> list[Row]:
        return [row for scorer in scorers for row in scorer.rows(block, done)]

    # While a GPU's lanes are at work it is busy; a processor's lane waits for itself.
    each = lanes > 1 and _on_processors(scorers)
    scored = _scored(iter(prepared), Stopwatch() if each else waiting)
    blocks = (list(block) for _, block in groupby(scored, key=lambda row: row.block))
    with _lines(_idling(score, waiting) if each else score, lanes) as submit:
        for block, rows in _in_order(blocks, submit, lanes):
            yield batch_of(block, rows, scorers, waiting.take())


def _lanes(scorers: Sequence[Scorer], threads: int) -> int:
    """How many blocks are scored at once, where every detector may be called by several threads.

    Two on GPUs: one block is handed over while another is computed. On processors as many as there
    are, where a detector uses one: a small model has little to share out within a batch.
    """
    detectors = audio_detectors(one.detector for one in scorers)
    if not detectors or not all(one.traits.thread_safe for one in detectors):
        return 1
    if all(one.device.startswith("cuda") for one in detectors):
        return _GPU_LANES
    if threads == 1 and _on_processors(scorers):
        return min(provenance.processors(), _MOST_LANES)
    return 1


def _on_processors(scorers: Sequence[Scorer]) -> bool:
    detectors = audio_detectors(one.detector for one in scorers)
    return all(one.device == "cpu" for one in detectors)


def _idling(
    score: Callable[[_Block], list[Row]], waiting: Stopwatch
) -> Callable[[_Block], list[Row]]:
    """Score, and count for how long each thread had nothing to score before."""
    began, lane = time.perf_counter(), threading.local()

    def scored(block: _Block) -> list[Row]:
        waiting.add({WAITING: time.perf_counter() - getattr(lane, "ended", began)})
        try:
            return score(block)
        finally:
            lane.ended = time.perf_counter()

    return scored


@contextmanager
def _lines(score: Callable[[_Block], list[Row]], lanes: int) -> Generator[_Submit]:
    """Threads that score blocks; one lane is this thread, which scores at once."""
    if lanes == 1:

        def at_once(block: _Block) -> Callable[[], list[Row]]:
            rows = score(block)
            return lambda: rows

        yield at_once
        return
    with ThreadPoolExecutor(lanes, "scoring") as threads:
        try:
            yield lambda block: threads.submit(score, block).result
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _in_order(
    blocks: Iterable[_Block], submit: _Submit, lanes: int
) -> Iterator[tuple[_Block, list[Row]]]:
    """Blocks in the order of the plan with their rows, one more under way than there are lanes."""
    under_way: deque[tuple[_Block, Callable[[], list[Row]]]] = deque()
    for block in blocks:
        under_way.append((block, submit(block)))
        if lanes == 1 or len(under_way) > lanes:
            oldest, rows = under_way.popleft()
            yield oldest, rows()
    while under_way:
        oldest, rows = under_way.popleft()
        yield oldest, rows()


def _scored(
    prepared: Iterator[tuple[Task, list[Prepared]]], waiting: Stopwatch
) -> Iterator[Scored]:
    while True:
        with waiting.timing(WAITING):
            found = next(prepared, None)
        if found is None:
            return
        task, rows = found
        for condition, block, one in zip(task.conditions, task.blocks, rows, strict=True):
            yield Scored(task.clip, condition, block, one)
