"""The loop on one machine: a crew prepares, this process scores, blocks of rows go to disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from harness.engine.crew import Crew
from harness.engine.plan import Key, Task
from harness.engine.scorer import Scored, Scorer
from harness.engine.vigil import Vigil
from harness.errors import UsageError
from harness.scores import Row, ScoresWriter

_FLUSH_SECONDS = 30.0

Advance = Callable[[int], None]


def run_tasks(
    tasks: Iterator[Task],
    crew: Crew,
    scorers: Sequence[Scorer],
    writer: ScoresWriter,
    done: set[Key],
    advance: Advance,
) -> None:
    """Prepare and score every task; each finished block is handed to the writer whole.

    Parameters
    ----------
    done
        Keys that are in the table already: not scored again.
    advance
        Called with the number of rows after each block.

    Raises
    ------
    UsageError
        Where a detector fails on every row of the first block, which is no fault of the clips, or
        a condition does not do what its name says.
    """
    flushed, first, vigil = time.monotonic(), True, Vigil()
    for _, block in groupby(_scored(tasks, crew), key=lambda row: row.block):
        scored = list(block)
        rows = [row for scorer in scorers for row in scorer.rows(scored, done)]
        if first:
            _refuse_broken(rows, scored)
            first = False
        writer.append(rows)
        advance(len(rows))
        for row in scored:
            vigil.see(row.condition.name, row.clip.clip_id, row.prepared.reason)
        if time.monotonic() - flushed > _FLUSH_SECONDS:
            writer.flush()
            flushed = time.monotonic()


def _scored(tasks: Iterator[Task], crew: Crew) -> Iterator[Scored]:
    for task, prepared in crew.prepare(tasks):
        for condition, block, one in zip(task.conditions, task.blocks, prepared, strict=True):
            yield Scored(task.clip, condition, block, one)


def _refuse_broken(rows: list[Row], scored: list[Scored]) -> None:
    prepared = any(row.prepared.status == "ok" for row in scored)
    faults = {str(row["reason"]) for row in rows if row["status"] == "error"}
    if prepared and rows and all(row["status"] == "error" for row in rows):
        raise UsageError(f"nothing could be scored: {sorted(faults)[0]}", str(rows[0]["model"]))
