"""The heat map: accuracy of every series and level, coloured by what it costs against clean."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.report.formatting import count, figure, interval, measured, quantity, signed
from harness.report.lookup import Index, Loss
from harness.results.record import ConditionRecord

# A heat-map cell's colour by how much accuracy it loses; the first step is no colour.
LOSS_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True)
class Heat:
    """One cell of the heat map.

    Parameters
    ----------
    step
        Class of its colour: `loss-0` to `loss-7`, `gain`, or `missing`.
    sure
        Whether the interval of the damage excludes 0.
    """

    tag: str
    text: str
    step: str
    sure: bool
    words: str


@dataclass(frozen=True)
class HeatRow:
    """A series, mildest level first; `title` is its name without the family's."""

    series: str
    title: str
    family: str
    unit: str
    cells: list[Heat]
    conditions: list[ConditionRecord]


def heat_rows(index: Index, model: str) -> list[HeatRow]:
    """Every series, the one that breaks most first; levels from mild to severe."""
    rows: dict[str, list[Loss]] = {}
    for loss in index.losses(model):
        rows.setdefault(loss.condition.series, []).append(loss)
    return [_heat_row(losses) for losses in rows.values()]


def _heat_row(losses: list[Loss]) -> HeatRow:
    ordered = sorted(losses, key=lambda loss: loss.condition.severity)
    conditions = [loss.condition for loss in ordered]
    series, family = conditions[0].series, conditions[0].family
    title = series.removeprefix(f"{family}:").replace("_", " ")
    axis = conditions[0].axis
    return HeatRow(
        series=series,
        title=title,
        family=family.replace("_", " "),
        unit=axis.unit if axis else "",
        cells=[_heat(loss) for loss in ordered],
        conditions=conditions,
    )


def _heat(loss: Loss) -> Heat:
    condition, accuracy, damage = loss.condition, loss.accuracy, loss.damage
    axis = condition.axis
    words = (
        f"{condition.words}: accuracy {measured(accuracy.value, accuracy.low, accuracy.high)}, "
        f"n {count(accuracy.n)}; against clean {signed(damage.value)}"
    )
    between = interval(damage.low, damage.high)
    return Heat(
        tag=quantity(axis.value) if axis else condition.name,
        text=figure(accuracy.value, 2),
        step=_step(damage.value),
        sure=damage.high < 0 or damage.low > 0,
        words=f"{words} ({between})" if between else words,
    )


def _step(damage: float) -> str:
    if not math.isfinite(damage):
        return "missing"
    if damage >= LOSS_STEPS[0]:
        return "gain"
    return f"loss-{sum(-damage >= step for step in LOSS_STEPS)}"
