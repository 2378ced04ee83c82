"""End a run early where its scores would be worthless.

A detector that works on no clip is broken, and a condition whose audio contradicts its name is not
that condition. One clip may be silence that a model has no score for, and with 66 conditions its
rows fill the first blocks of a run: so a detector is judged on several clips, and its failures are
held back until then, so that they are scored again once it is repaired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from harness.errors import UsageError
from harness.results.expectation import PREFIX, contradicts
from harness.results.scores import Row

LEAST_CLIPS = 8
"""Clips on which a detector must have failed."""
LEAST_ROWS = 20
MOST_CONTRADICTED = 0.5


class UnprovenDetectors:
    """Holds back the failures of detectors that have not scored anything yet.

    Parameters
    ----------
    has_scored
        Whether a model has a score in the table, from an earlier part of the run.
    """

    def __init__(self, has_scored: Callable[[str], bool]) -> None:
        self._has_scored = has_scored
        self._proven: set[str] = set()
        self._held: dict[str, list[Row]] = {}

    def release(self, rows: Sequence[Row], prepared: set[tuple[str, str]]) -> list[Row]:
        """Return the rows to keep now, including those of models that have now scored.

        Parameters
        ----------
        prepared
            Clip and condition of the rows for which there was audio.
        """
        self._proven.update(str(row["model"]) for row in rows if row["status"] == "ok")
        kept = [row for model in self._proven & self._held.keys() for row in self._held.pop(model)]
        for row in rows:
            model = str(row["model"])
            failed = row["status"] == "error" and (row["clip_id"], row["condition"]) in prepared
            if failed and model not in self._proven:
                self._held.setdefault(model, []).append(row)
            else:
                kept.append(row)
        return kept

    def decide(self, least_clips: int = LEAST_CLIPS) -> list[Row]:
        """Return the held rows of models that have a score in the table.

        Raises
        ------
        UsageError
            Where a detector has failed on that many clips and has never scored any.
        """
        kept: list[Row] = []
        for model, rows in list(self._held.items()):
            clips = len({row["clip_id"] for row in rows})
            if clips < least_clips:
                continue
            if not self._has_scored(model):
                raise broken_detector(model, clips, (str(row["reason"]) for row in rows))
            self._proven.add(model)
            kept += self._held.pop(model)
        return kept


def broken_detector(model: str, clips: int, reasons: Iterable[str]) -> UsageError:
    """Return the fault of a detector that works on none of the clips."""
    ((reason, _),) = Counter(reasons).most_common(1)
    tried = f"all {clips} clips that it was tried on" if clips > 1 else "the only clip"
    return UsageError(f"nothing could be scored: {reason} ({tried})", model, "mend the detector")


class ConditionMonitor:
    """Counts prepared rows that contradict their condition."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._contradicted: Counter[str] = Counter()

    def see(self, condition: str, clip_id: str, reason: str) -> None:
        """Count a prepared row, once for all models.

        Raises
        ------
        UsageError
            At a row that contradicts its condition, where more than half of at least 20 rows do.
        """
        self._rows[condition] += 1
        if not contradicts(reason):
            return
        self._contradicted[condition] += 1
        rows, contradicted = self._rows[condition], self._contradicted[condition]
        if rows >= LEAST_ROWS and contradicted > MOST_CONTRADICTED * rows:
            raise UsageError(
                f"{contradicted} of {rows} rows contradict it, the last of them {clip_id}: "
                f"{reason.removeprefix(PREFIX)}",
                f"condition {condition}",
                "listen to it with harness perturb, see harness doctor for versions, and start "
                "anew with another --out",
            )
