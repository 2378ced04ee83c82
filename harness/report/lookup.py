"""A summary by key; figures that were not measured are missing, not an error."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.results.figures import Damage, MetricRow, Summary
from harness.results.record import ConditionRecord, RunRecord
from harness.terms import CLEAN

WHOLE = "all"


@dataclass(frozen=True)
class Loss:
    """A condition and its effect on accuracy."""

    condition: ConditionRecord
    accuracy: MetricRow
    damage: Damage

    @property
    def shown(self) -> bool:
        """True if the loss is measurable: the whole interval lies below 0."""
        return self.damage.high < 0

    @property
    def measured(self) -> bool:
        return math.isfinite(self.damage.value)


class Index:
    """Look-up of figures; a key that the summary lacks gives NaN with n = 0.

    Parameters
    ----------
    summary, record
        Of the same run. Conditions come in the record's order; one that only the summary has is
        put after them.
    """

    def __init__(self, summary: Summary, record: RunRecord) -> None:
        self.summary, self.record = summary, record
        self._rows = {(r.model, r.condition, r.slice, r.metric): r for r in summary.rows}
        self._damage = {(d.model, d.condition, d.metric): d for d in summary.damage}
        self.metrics = list(dict.fromkeys(r.metric for r in summary.rows if r.slice == WHOLE))
        self.models = list(
            dict.fromkeys([m.name for m in record.models] + [r.model for r in summary.rows])
        )
        known = {c.name: c for c in record.suite.conditions}
        for row in summary.rows:
            if row.slice == WHOLE:
                known.setdefault(row.condition, _unrecorded(row.condition))
        self.conditions = list(known.values())
        self._known = known

    def row(self, model: str, condition: str, metric: str, part: str = WHOLE) -> MetricRow:
        """Return one figure; `part` is its slice."""
        nan = math.nan
        row = self._rows.get((model, condition, part, metric))
        return row or MetricRow(model, condition, part, metric, nan, nan, nan, 0)

    def damage(self, model: str, condition: str, metric: str = "accuracy") -> Damage:
        nan = math.nan
        damage = self._damage.get((model, condition, metric))
        return damage or Damage(model, condition, metric, nan, nan, nan, 0)

    def damaged_metrics(self, model: str) -> list[str]:
        """Return the metrics that have a paired difference against clean."""
        return list(dict.fromkeys(d.metric for d in self.summary.damage if d.model == model))

    def words(self, condition: str) -> str:
        known = self._known.get(condition)
        return known.words if known else condition

    def losses(self, model: str) -> list[Loss]:
        """Return every perturbed condition, largest loss of accuracy first, unmeasured last."""
        losses = [
            Loss(c, self.row(model, c.name, "accuracy"), self.damage(model, c.name))
            for c in self.conditions
            if c.name != CLEAN
        ]
        return sorted(losses, key=lambda x: x.damage.value if x.measured else math.inf)

    def slices(self, model: str, kind: str) -> list[str]:
        """Return the slices of a kind: lengths by size, others in the summary's order."""
        prefix = f"{kind}="
        slices = list(
            dict.fromkeys(
                r.slice
                for r in self.summary.rows
                if r.model == model and r.slice.startswith(prefix)
            )
        )
        return sorted(slices, key=_shortest) if kind == "length" else slices


def _unrecorded(name: str) -> ConditionRecord:
    return ConditionRecord(
        name=name,
        family="",
        series=name,
        severity=0.0,
        axis=None,
        words=name,
        chain=[],
        digest="",
    )


def _shortest(length: str) -> float:
    """Return the start of `length=0.5-1 s` in seconds."""
    start = re.search(r"=([\d.]+)", length)
    return float(start.group(1)) if start else math.inf


def names(rows: Sequence[str]) -> list[str]:
    """Return slices without their kind: `generator=WORLD` is `WORLD`."""
    return [row.split("=", 1)[1] for row in rows]
