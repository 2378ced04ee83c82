"""Section "Where it breaks": accuracy by series and level, over severity, and by family."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.report import chart
from harness.report.formatting import count, counted, figure, measured, quantity
from harness.report.lookup import Loss
from harness.report.section import Content
from harness.report.table import (
    Cell,
    Column,
    Table,
    clips,
    difference_cell,
    figure_cell,
    number,
    text_cell,
)
from harness.report.view import ModelView
from harness.results.figures import FamilyDamage
from harness.results.record import ConditionRecord
from harness.terms import CLEAN, POOLED

LOSS_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
"""Losses of accuracy from which on a cell of the heat map has its next darker colour."""


@dataclass(frozen=True)
class HeatCell:
    """One cell of the heat map.

    Parameters
    ----------
    level
        The value of the axis at this level.
    color
        Class of its colour: `loss-0` to `loss-7`, `gain`, or `missing`.
    excludes_zero
        Whether the interval of the damage does.
    words
        Everything about it in a sentence.
    """

    level: str
    text: str
    color: str
    excludes_zero: bool
    words: str


@dataclass(frozen=True)
class Series:
    """Levels of a series, mildest first; `title` is its name without the family's."""

    title: str
    family: str
    unit: str
    cells: list[HeatCell]
    conditions: list[ConditionRecord]


def build(view: ModelView) -> Content:
    rows = heat_map(view)
    sweeps = [row for row in rows if len(row.cells) > 1]
    charts = {
        view.anchor("sweep") + f"-{place}": chart.sweep(view.index, view.name, row.conditions)
        for place, row in enumerate(sweeps)
    }
    return {
        "clean": view.row(CLEAN, "accuracy"),
        "steps": LOSS_STEPS,
        "sweeps": sweeps,
        "singles": [row for row in rows if len(row.cells) == 1],
        "smalls": list(zip(sweeps, charts, strict=True)),
        "families": _families(view),
        "charts": charts,
    }


def heat_map(view: ModelView) -> list[Series]:
    """Return every series, the one that costs most first; levels from mild to severe."""
    series: dict[str, list[Loss]] = {}
    for loss in view.index.losses(view.name):
        series.setdefault(loss.condition.series, []).append(loss)
    return [_series(losses) for losses in series.values()]


def _series(losses: list[Loss]) -> Series:
    ordered = sorted(losses, key=lambda loss: loss.condition.severity)
    first = ordered[0].condition
    return Series(
        title=first.series.removeprefix(f"{first.family}:").replace("_", " "),
        family=first.family.replace("_", " "),
        unit=first.axis.unit if first.axis else "",
        cells=[_heat_cell(loss) for loss in ordered],
        conditions=[loss.condition for loss in ordered],
    )


def _heat_cell(loss: Loss) -> HeatCell:
    condition, accuracy, damage = loss.condition, loss.accuracy, loss.damage
    return HeatCell(
        level=quantity(condition.axis.value) if condition.axis else condition.name,
        text=figure(accuracy.value, 2),
        color=_color(damage.value),
        excludes_zero=damage.high < 0 or damage.low > 0,
        words=(
            f"{condition.words}: accuracy {measured(accuracy.value, accuracy.low, accuracy.high)}, "
            f"n {count(accuracy.n)}; against clean "
            f"{measured(damage.value, damage.low, damage.high, sign=True)}"
        ),
    )


def _color(damage: float) -> str:
    if not math.isfinite(damage):
        return "missing"
    if damage >= LOSS_STEPS[0]:
        return "gain"
    return f"loss-{sum(-damage >= step for step in LOSS_STEPS)}"


def _families(view: ModelView) -> Table[FamilyDamage]:
    families = [
        family
        for family in view.index.summary.families
        if family.model == view.name and family.metric == "accuracy"
    ]
    families.sort(key=lambda f: f.value if math.isfinite(f.value) else math.inf)

    def family(f: FamilyDamage) -> Cell:
        return text_cell(f.family, counted(f.conditions, "condition"))

    def accuracy(f: FamilyDamage) -> Cell:
        row = view.row(POOLED, "accuracy", f"family={f.family}")
        return figure_cell(row, clips(row.n))

    return Table(
        view.anchor("families"),
        "Damage by family",
        "All conditions of a family together, and the mean of what they cost in accuracy.",
        families,
        [
            Column("Family", family),
            number("Accuracy", accuracy),
            number("Against clean", difference_cell),
            Column("Worst of them", lambda f: view.index.words(f.worst), "opt"),
        ],
        style="sortable",
    )
