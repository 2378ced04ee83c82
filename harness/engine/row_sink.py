"""What becomes of finished rows, wherever they were made: into the table, counted and watched.

Both loops end here, so that a run on a cluster is refused, kept and stopped as one on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.engine.condition_monitor import ConditionMonitor
from harness.engine.probation import Probation
from harness.engine.scorer import Scored, Scorer
from harness.results.scores import Row, ScoresWriter
from harness.timing import Stopwatch, TimeSplit

FLUSH_SECONDS = 30.0
"""After which rows that are finished are on disk, however few they are."""

Advance = Callable[[int], None]
"""Called with the number of rows that are new in the table."""


class Heard(NamedTuple):
    """How preparing a row ended, whatever the detectors made of it."""

    clip_id: str
    condition: str
    status: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Rows that were finished together, and what they cost; it holds no audio.

    Parameters
    ----------
    rows
        Of every model, as the table has them.
    heard
        How each was prepared, once for all models.
    preparing, scoring
        Seconds by stage, as `harness.timing.TimeSplit` has them.
    """

    rows: Sequence[Row]
    heard: Sequence[Heard]
    preparing: Mapping[str, float]
    scoring: Mapping[str, float]


def batch_of(
    scored: Sequence[Scored],
    rows: Sequence[Row],
    scorers: Sequence[Scorer],
    waited: Mapping[str, float],
) -> Batch:
    """What came of prepared rows, with the time that they and the scorers have spent by now."""
    preparing, scoring = Stopwatch(), Stopwatch()
    for one in scored:
        preparing.add(one.prepared.spent)
    for scorer in scorers:
        scoring.add(scorer.spent.take())
    scoring.add(waited)
    heard = [
        Heard(one.clip.clip_id, one.condition.name, one.prepared.status, one.prepared.reason)
        for one in scored
    ]
    return Batch(rows, heard, preparing.take(), scoring.take())


class Receiver:
    """Takes batches as they are finished, in the one process that writes the table."""

    def __init__(self, writer: ScoresWriter, advance: Advance, split: TimeSplit) -> None:
        self._writer, self._advance, self._split = writer, advance, split
        self._vigil, self._probation = ConditionMonitor(), Probation(writer.has_scored)
        self._flushed = time.monotonic()

    def take(self, batch: Batch) -> None:
        """Keep a batch, and put what waits on disk where that is due.

        Raises
        ------
        UsageError
            Where a detector fails on several clips and has never scored any, or a condition does
            not do what its name says.
        """
        prepared = {(one.clip_id, one.condition) for one in batch.heard if one.status == "ok"}
        self._split.preparing.add(batch.preparing)
        self._split.scoring.add(batch.scoring)
        self._keep(self._probation.passed(batch.rows, prepared))
        self._keep(self._probation.judged())
        for one in batch.heard:
            self._vigil.see(one.condition, one.clip_id, one.reason)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            with self._split.scoring.timing("write"):
                self._writer.flush()
            self._flushed = time.monotonic()

    def finish(self) -> None:
        """Keep what is left once the last batch was taken.

        Raises
        ------
        UsageError
            Where a detector has failed on everything.
        """
        self._keep(self._probation.judged(1))

    def _keep(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        with self._split.scoring.timing("write"):
            self._writer.append(rows)
        self._advance(len(rows))
