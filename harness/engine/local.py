"""The loop on one machine: a crew prepares, this process scores, blocks of rows go to disk."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby

from harness import provenance
from harness.detector.detector import ScoreLookup
from harness.engine.crew import Crew
from harness.engine.plan import Key, Task
from harness.engine.scorer import Scored, Scorer
from harness.engine.vigil import Vigil
from harness.errors import UsageError
from harness.scores import Row, ScoresWriter
from harness.stopwatch import WAITING, TimeSplit

_FLUSH_SECONDS = 30.0
_GPU_LANES = 2
_MOST_LANES = 8
_OURS = ("embedded", "directory", "hub")
"""Kinds of detectors whose code is known to stand it; a user's own need not."""

Advance = Callable[[int], None]
_Block = list[Scored]
_Submit = Callable[[_Block], Callable[[], list[Row]]]


def run_tasks(
    tasks: Iterator[Task],
    crew: Crew,
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
        Where a detector fails on every row of the first block, which is no fault of the clips, or
        a condition does not do what its name says.
    """
    split = split or TimeSplit(workers=1)
    flushed, first, vigil = time.monotonic(), True, Vigil()

    def score(block: _Block) -> list[Row]:
        return [row for scorer in scorers for row in scorer.rows(block, done)]

    prepared = _prepared(tasks, crew, split)
    blocks = (list(block) for _, block in groupby(prepared, key=lambda row: row.block))
    lanes = lanes or _lanes(scorers, threads)
    with _lines(score, lanes) as submit:
        for block, rows in _in_order(blocks, submit, lanes):
            if first:
                _refuse_broken(rows, block)
                first = False
            with split.scoring.timing("write"):
                writer.append(rows)
            for scorer in scorers:
                split.scoring.add(scorer.spent.take())
            advance(len(rows))
            for row in block:
                vigil.see(row.condition.name, row.clip.clip_id, row.prepared.reason)
            if time.monotonic() - flushed > _FLUSH_SECONDS:
                with split.scoring.timing("write"):
                    writer.flush()
                flushed = time.monotonic()


def _lanes(scorers: Sequence[Scorer], threads: int) -> int:
    """How many blocks are scored at once, where every detector may be called by several threads.

    Two on GPUs: one block is handed over while another is computed. On processors as many as there
    are, where a detector uses one: a small model has little to share out within a batch.
    """
    detectors = [one.detector for one in scorers if not isinstance(one.detector, ScoreLookup)]
    if not detectors or not all(one.identity.kind in _OURS for one in detectors):
        return 1
    if all(one.device.startswith("cuda") for one in detectors):
        return _GPU_LANES
    if threads == 1 and all(one.device == "cpu" for one in detectors):
        return min(provenance.processors(), _MOST_LANES)
    return 1


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


def _prepared(tasks: Iterator[Task], crew: Crew, split: TimeSplit) -> Iterator[Scored]:
    ready = crew.prepare(tasks)
    while True:
        with split.scoring.timing(WAITING):
            found = next(ready, None)
        if found is None:
            return
        task, prepared = found
        for condition, block, one in zip(task.conditions, task.blocks, prepared, strict=True):
            split.preparing.add(one.spent)
            yield Scored(task.clip, condition, block, one)


def _refuse_broken(rows: list[Row], scored: list[Scored]) -> None:
    prepared = any(row.prepared.status == "ok" for row in scored)
    faults = {str(row["reason"]) for row in rows if row["status"] == "error"}
    if prepared and rows and all(row["status"] == "error" for row in rows):
        raise UsageError(f"nothing could be scored: {sorted(faults)[0]}", str(rows[0]["model"]))
