"""Whether a detector works at all: judged on several clips, and on those of no other detector.

One clip may be silence that a model has no number for, and with 66 conditions its rows fill the
first blocks of a run. A detector that fails on everything else too is broken. Until it has scored
something its failures are held back, so that they are owed again once it is mended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from harness.errors import UsageError
from harness.results.scores import Row

SEVERAL = 8
"""Clips that a detector must have failed on."""


class Probation:
    """Holds back the failures of detectors that have not scored anything yet.

    Parameters
    ----------
    has_scored
        Whether a model has a score in the table, from an earlier part of the run.
    """

    def __init__(self, has_scored: Callable[[str], bool]) -> None:
        self._has_scored = has_scored
        self._works: set[str] = set()
        self._held: dict[str, list[Row]] = {}

    def passed(self, rows: Sequence[Row], prepared: set[tuple[str, str]]) -> list[Row]:
        """Which rows are to be kept now, those that were held back until now included.

        Parameters
        ----------
        prepared
            Clip and condition of the rows that detectors had audio of.
        """
        self._works.update(str(row["model"]) for row in rows if row["status"] == "ok")
        kept = [row for model in self._works & self._held.keys() for row in self._held.pop(model)]
        for row in rows:
            model = str(row["model"])
            failed = row["status"] == "error" and (row["clip_id"], row["condition"]) in prepared
            if failed and model not in self._works:
                self._held.setdefault(model, []).append(row)
            else:
                kept.append(row)
        return kept

    def judged(self, least: int = SEVERAL) -> list[Row]:
        """Which held rows are to be kept after all, for a score in the table.

        Raises
        ------
        UsageError
            Where a detector has failed on at least so many clips, and has never scored any.
        """
        kept: list[Row] = []
        for model, rows in list(self._held.items()):
            clips = len({row["clip_id"] for row in rows})
            if clips < least:
                continue
            if not self._has_scored(model):
                raise broken(model, clips, (str(row["reason"]) for row in rows))
            self._works.add(model)
            kept += self._held.pop(model)
        return kept


def broken(model: str, clips: int, reasons: Iterable[str]) -> UsageError:
    """What is said of a detector that works on none of several clips."""
    ((reason, _),) = Counter(reasons).most_common(1)
    tried = f"all {clips} clips that it was tried on" if clips > 1 else "the only clip"
    return UsageError(
        f"nothing could be scored: {reason} ({tried})",
        model,
        "mend the detector",
    )
