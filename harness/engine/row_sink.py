"""Finished rows on their way into the table: written, counted and watched.

Rows of this machine and of a cluster take the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.engine.early_abort import ConditionMonitor, UnprovenDetectors
from harness.engine.scorer import PreparedRow, Scorer
from harness.results.scores import Row, ScoresWriter
from harness.timing import Stopwatch, TimeSplit

FLUSH_SECONDS = 30.0
"""After this time finished rows are on disk, however few they are."""

Advance = Callable[[int], None]
"""Called with the number of new rows in the table."""


class PreparedStatus(NamedTuple):
    """Outcome of preparing a row, once for all detectors."""

    clip_id: str
    condition: str
    status: str
    reason: str


@dataclass(frozen=True)
class FinishedBatch:
    """Rows of all models that were finished together, and the seconds they took by stage."""

    rows: Sequence[Row]
    prepared: Sequence[PreparedStatus]
    preparing: Mapping[str, float]
    scoring: Mapping[str, float]


def batch_of(
    scored: Sequence[PreparedRow],
    rows: Sequence[Row],
    scorers: Sequence[Scorer],
    waited: Mapping[str, float],
) -> FinishedBatch:
    """Return finished rows with the time that they and the scorers have spent since the last."""
    preparing, scoring = Stopwatch(), Stopwatch()
    for row in scored:
        preparing.add(row.prepared.spent)
    for scorer in scorers:
        scoring.add(scorer.spent.take())
    scoring.add(waited)
    prepared = [
        PreparedStatus(
            row.clip.clip_id, row.condition.name, row.prepared.status, row.prepared.reason
        )
        for row in scored
    ]
    return FinishedBatch(rows, prepared, preparing.take(), scoring.take())


class RowSink:
    """Takes finished batches in the one process that writes the table."""

    def __init__(self, writer: ScoresWriter, advance: Advance, split: TimeSplit) -> None:
        self._writer, self._advance, self._split = writer, advance, split
        self._monitor = ConditionMonitor()
        self._unproven = UnprovenDetectors(writer.has_scored)
        self._flushed = time.monotonic()

    def take(self, batch: FinishedBatch) -> None:
        """Keep a batch, and flush waiting rows to disk when that is due.

        Raises
        ------
        UsageError
            Where a detector fails on several clips and has never scored any, or a condition does
            not do what its name says.
        """
        prepared = {(row.clip_id, row.condition) for row in batch.prepared if row.status == "ok"}
        self._split.preparing.add(batch.preparing)
        self._split.scoring.add(batch.scoring)
        self._keep(self._unproven.release(batch.rows, prepared))
        self._keep(self._unproven.decide())
        for row in batch.prepared:
            self._monitor.see(row.condition, row.clip_id, row.reason)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            with self._split.scoring.timing("write"):
                self._writer.flush()
            self._flushed = time.monotonic()

    def finish(self) -> None:
        """Keep the held rows after the last batch.

        Raises
        ------
        UsageError
            Where a detector has failed on every clip.
        """
        self._keep(self._unproven.decide(1))

    def _keep(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        with self._split.scoring.timing("write"):
            self._writer.append(rows)
        self._advance(len(rows))
