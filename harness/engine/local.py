"""Run on one machine: workers prepare, this process scores, finished rows go to disk."""

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
from harness.engine.plan import Key, Task
from harness.engine.prepare import Prepared
from harness.engine.row_sink import Advance, FinishedBatch, RowSink, batch_of
from harness.engine.scorer import PreparedRow, Scorer
from harness.engine.worker_pool import WorkerPool
from harness.processor import usable_processors
from harness.results.scores import Row, ScoresWriter
from harness.timing import WAITING, Stopwatch, TimeSplit

_GPU_LANES = 2
_MOST_LANES = 8

_Block = list[PreparedRow]
_Submit = Callable[[_Block], Callable[[], list[Row]]]


def run_tasks(
    tasks: Iterator[Task],
    pool: WorkerPool,
    scorers: Sequence[Scorer],
    writer: ScoresWriter,
    done: set[Key],
    advance: Advance,
    split: TimeSplit | None = None,
    lanes: int | None = None,
    threads: int = 0,
) -> None:
    """Prepare and score every task; every finished block goes to the writer as a whole.

    Parameters
    ----------
    done
        Keys of rows that are in the table already.
    lanes
        Blocks that are scored at once, each in a thread; None chooses by the detectors' devices.
    threads
        Threads of a detector within each of these.

    Raises
    ------
    UsageError
        As `RowSink.take` and `RowSink.finish`.
    """
    split = split or TimeSplit(workers=1)
    sink = RowSink(writer, advance, split)
    lanes = lanes or _lanes(scorers, threads)
    split.scorers = lanes if _on_processors(scorers) else 1
    for batch in batches(pool.prepare(tasks), scorers, done, lanes):
        sink.take(batch)
    sink.finish()


def batches(
    prepared: Iterable[tuple[Task, list[Prepared]]],
    scorers: Sequence[Scorer],
    done: AbstractSet[Key],
    lanes: int = 1,
) -> Iterator[FinishedBatch]:
    """Score prepared rows block by block, in the order of the plan."""
    waiting = Stopwatch()

    def score(block: _Block) -> list[Row]:
        return [row for scorer in scorers for row in scorer.rows(block, done)]

    # On a GPU this thread waits for audio; on processors every lane waits for itself.
    by_lane = lanes > 1 and _on_processors(scorers)
    ready = _prepared_rows(iter(prepared), Stopwatch() if by_lane else waiting)
    blocks = (list(block) for _, block in groupby(ready, key=lambda row: row.block))
    with _lane_threads(_idling(score, waiting) if by_lane else score, lanes) as submit:
        for block, rows in _in_order(blocks, submit, lanes):
            yield batch_of(block, rows, scorers, waiting.take())


def _lanes(scorers: Sequence[Scorer], threads: int) -> int:
    """Return how many blocks to score at once; one where a detector may not be thread-safe.

    Two on GPUs: one block is copied while another is computed. On processors, one for each where a
    detector uses one thread: a small model has little to parallelise within a batch.
    """
    detectors = audio_detectors(scorer.detector for scorer in scorers)
    if not detectors or not all(detector.traits.thread_safe for detector in detectors):
        return 1
    if all(detector.device.startswith("cuda") for detector in detectors):
        return _GPU_LANES
    if threads == 1 and _on_processors(scorers):
        return min(usable_processors(), _MOST_LANES)
    return 1


def _on_processors(scorers: Sequence[Scorer]) -> bool:
    return all(
        detector.device == "cpu"
        for detector in audio_detectors(scorer.detector for scorer in scorers)
    )


def _idling(
    score: Callable[[_Block], list[Row]], waiting: Stopwatch
) -> Callable[[_Block], list[Row]]:
    """Wrap `score` to count for how long each thread had nothing to score before."""
    began, lane = time.perf_counter(), threading.local()

    def scored(block: _Block) -> list[Row]:
        waiting.add({WAITING: time.perf_counter() - getattr(lane, "ended", began)})
        try:
            return score(block)
        finally:
            lane.ended = time.perf_counter()

    return scored


@contextmanager
def _lane_threads(score: Callable[[_Block], list[Row]], lanes: int) -> Generator[_Submit]:
    """Start threads that score blocks; a single lane scores in this thread, at once."""
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
    """Yield blocks with their rows in the order of the plan, one more in flight than lanes."""
    in_flight: deque[tuple[_Block, Callable[[], list[Row]]]] = deque()
    for block in blocks:
        in_flight.append((block, submit(block)))
        if lanes == 1 or len(in_flight) > lanes:
            oldest, rows = in_flight.popleft()
            yield oldest, rows()
    while in_flight:
        oldest, rows = in_flight.popleft()
        yield oldest, rows()


def _prepared_rows(
    prepared: Iterator[tuple[Task, list[Prepared]]], waiting: Stopwatch
) -> Iterator[PreparedRow]:
    while True:
        with waiting.timing(WAITING):
            item = next(prepared, None)
        if item is None:
            return
        task, rows = item
        for condition, block, row in zip(task.conditions, task.blocks, rows, strict=True):
            yield PreparedRow(task.clip, condition, block, row)
