"""Watches a run while it goes: a condition that does not do what its name says ends it soon."""

from __future__ import annotations

from collections import Counter

from harness.errors import UsageError
from harness.results.expectation import PREFIX, contradicts

LEAST_ROWS = 20
MOST_SHARE = 0.5


class ConditionMonitor:
    """Counts what contradicts its condition, so that a night is not spent on a broken codec."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._contradicted: Counter[str] = Counter()

    def see(self, condition: str, clip_id: str, reason: str) -> None:
        """Take note of a prepared row, once for all models.

        Raises
        ------
        UsageError
            At a row that contradicts its condition, where more than half of at least 20 rows of it
            do.
        """
        self._rows[condition] += 1
        if not contradicts(reason):
            return
        self._contradicted[condition] += 1
        rows, contradicted = self._rows[condition], self._contradicted[condition]
        if rows >= LEAST_ROWS and contradicted > MOST_SHARE * rows:
            raise UsageError(
                f"{contradicted} of {rows} rows contradict it, the last of them {clip_id}: "
                f"{reason.removeprefix(PREFIX)}",
                f"condition {condition}",
                "listen to it with harness perturb, see harness doctor for versions, and start "
                "anew with another --out",
            )
