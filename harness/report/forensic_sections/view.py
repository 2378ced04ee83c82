"""View of one model's scores as evidence, from which the forensic sections are built."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.report.formatting import count, measured
from harness.report.table import Cell, Column
from harness.results.record import RunRecord

if TYPE_CHECKING:
    from harness.forensic.analysis import Forensic
    from harness.forensic.calibrated import RatioQuality
    from harness.forensic.run_view import ForensicFigure


class _OfModel(Protocol):
    @property
    def model(self) -> str: ...


Own = TypeVar("Own", bound=_OfModel)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Calibration:
    """Ratios under one condition, by calibration method."""

    condition: str
    words: str
    by_method: dict[str, RatioQuality]

    @property
    def best(self) -> RatioQuality:
        return self.by_method["logistic"]

    @property
    def known(self) -> bool:
        return math.isfinite(self.best.cllr.value)


@dataclass(frozen=True)
class EvidenceView:
    """One model of the analysis; `number` is its place among the models."""

    content: Forensic
    record: RunRecord
    number: int

    @property
    def name(self) -> str:
        return self.content.models[self.number]

    def own(self, items: Sequence[Own]) -> list[Own]:
        """Return the items of this model."""
        return [item for item in items if item.model == self.name]

    def anchor(self, name: str) -> str:
        """Return the name of a table or chart, unique to this model."""
        return f"{name}-{self.number}"

    @cached_property
    def words(self) -> dict[str, str]:
        return {condition.name: condition.words for condition in self.record.suite.conditions}

    @cached_property
    def calibration(self) -> list[Calibration]:
        by_condition: dict[str, dict[str, RatioQuality]] = {}
        for worth in self.own(self.content.worth):
            by_condition.setdefault(worth.condition, {})[worth.method] = worth
        return [
            Calibration(name, self.words.get(name, name), methods)
            for name, methods in by_condition.items()
        ]

    def condition(self, of: Callable[[Item], str]) -> Column[Item]:
        """Return the column that names the condition of an item."""

        def cell(item: Item) -> Cell:
            name = of(item)
            return Cell(self.words.get(name, name), (name,))

        return Column("Condition", cell)


def one_in(share: float) -> str:
    """Return a prevalence as `1 in 100`."""
    return f"1 in {count(round(1 / share))}"


def with_interval(figure: ForensicFigure) -> str:
    """Return a figure with its interval, for a sentence."""
    return measured(figure.value, figure.low, figure.high)
