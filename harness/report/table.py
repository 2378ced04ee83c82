"""The tables and the heat map as the templates take them: cells, already worded and ordered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.record import ConditionRecord
from harness.report.glossary import GROUPS, Term, term
from harness.report.index import CLEAN, Index, Loss, names
from harness.report.number import MISSING, count, figure, interval, measured, quantity, signed
from harness.figure import ClaimCheck, Damage, MetricRow

# A heat-map cell's colour by how much accuracy it loses; the first step is no colour.
LOSS_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True)
class Cell:
    """One figure of a table: what is read, and what it is sorted by (empty where missing)."""

    text: str
    between: str
    sort: str
    n: int
    group: str = ""


@dataclass(frozen=True)
class Line:
    """One row of a table about conditions."""

    condition: ConditionRecord
    n: int
    cells: list[Cell]


@dataclass(frozen=True)
class Column:
    title: str
    group: str
    meaning: str = ""


@dataclass(frozen=True)
class Matrix:
    """A table with a line for each condition."""

    columns: list[Column]
    lines: list[Line]


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
    cells: list[Heat]
    conditions: list[ConditionRecord]


@dataclass(frozen=True)
class Strip:
    """An interval drawn to scale: positions in percent of the width, None where missing."""

    low: float | None
    high: float | None
    value: float | None
    mark: float | None = None


@dataclass(frozen=True)
class Scale:
    """What the ends of a strip stand for."""

    start: float
    end: float

    def strip(
        self, value: float, low: float, high: float, mark: float = math.nan
    ) -> Strip:
        return Strip(self._place(low), self._place(high), self._place(value), self._place(mark))

    def _place(self, value: float) -> float | None:
        if not math.isfinite(value):
            return None
        share = (value - self.start) / (self.end - self.start)
        return round(100 * min(max(share, 0.0), 1.0), 2)


def scale(values: Sequence[float], start: float, end: float, step: float = 0.05) -> Scale:
    """The scale from `start` to `end`, stretched outwards to hold every finite value."""
    finite = [v for v in values if math.isfinite(v)]
    first = math.floor(min([start, *finite]) / step) * step
    last = math.ceil(max([end, *finite]) / step) * step
    return Scale(round(first, 6), round(last, 6))


def figures(index: Index, model: str) -> Matrix:
    """Every metric of the whole under every condition, then every paired difference."""
    terms = sorted((term(m) for m in index.metrics), key=lambda t: list(GROUPS).index(t.group))
    damaged = [term(m) for m in index.damaged_metrics(model)]
    columns = [Column(t.title, t.group, t.meaning) for t in terms]
    columns += [Column(f"Δ {t.title}", "damage", "Perturbed minus clean, paired.") for t in damaged]
    return Matrix(columns, [_line(index, model, c, terms, damaged) for c in index.conditions])


def _line(
    index: Index,
    model: str,
    condition: ConditionRecord,
    terms: Sequence[Term],
    damaged: Sequence[Term],
) -> Line:
    cells = [
        figure_cell(index.row(model, condition.name, t.metric), t.group) for t in terms
    ]
    cells += [_damage_cell(index.damage(model, condition.name, t.metric)) for t in damaged]
    return Line(condition, index.row(model, condition.name, "accuracy").n, cells)


def slices(index: Index, model: str, kind: str, metric: str) -> Matrix:
    """One metric of every slice of a kind under every condition."""
    parts = index.slices(model, kind)
    lines = [
        Line(
            condition,
            index.row(model, condition.name, "accuracy").n,
            [figure_cell(index.row(model, condition.name, metric, p)) for p in parts],
        )
        for condition in index.conditions
    ]
    return Matrix([Column(name, "") for name in names(parts)], lines)


def figure_cell(row: MetricRow, group: str = "") -> Cell:
    return Cell(
        figure(row.value), interval(row.low, row.high), _sort_key(row.value), row.n, group
    )


def _damage_cell(damage: Damage) -> Cell:
    return Cell(
        signed(damage.value),
        interval(damage.low, damage.high),
        _sort_key(damage.value),
        damage.n,
        "damage",
    )


def _sort_key(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


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
    return HeatRow(series, title, family.replace("_", " "), [_heat(loss) for loss in ordered], conditions)


def _heat(loss: Loss) -> Heat:
    condition, accuracy, damage = loss.condition, loss.accuracy, loss.damage
    axis = condition.axis
    words = (
        f"{condition.words}: accuracy {measured(accuracy.value, accuracy.low, accuracy.high)}, "
        f"n {count(accuracy.n)}; against clean {signed(damage.value)}"
    )
    between = interval(damage.low, damage.high)
    return Heat(
        tag=quantity(axis.value, axis.unit) if axis else condition.name,
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


@dataclass(frozen=True)
class Claim:
    """A published figure beside the measured one and the one with real as positive."""

    check: ClaimCheck
    title: str
    measured: str
    between: str
    reported: str
    difference: str
    verdict: str
    real: str
    strip: Strip


VERDICTS = {
    "covered": "within",
    "below": "lower",
    "above": "higher",
    "not measured": MISSING,
}


def claims(index: Index, model: str) -> tuple[Scale, list[Claim]]:
    """The published figures that the summary checked, and the scale of their strips."""
    checks = [c for c in index.summary.claims if c.model == model]
    ends = [v for c in checks for v in (c.low, c.high, c.measured, c.reported)]
    axis = scale(ends, 0.9, 1.0)
    return axis, [_claim(index, model, check, axis) for check in checks]


def _claim(index: Index, model: str, check: ClaimCheck, axis: Scale) -> Claim:
    real = index.row(model, CLEAN, f"{check.metric}_real")
    return Claim(
        check,
        term(check.metric).title,
        figure(check.measured, 4),
        interval(check.low, check.high),
        figure(check.reported, 4),
        signed(check.difference, 4),
        VERDICTS[check.verdict],
        "same" if check.metric == "accuracy" else figure(real.value, 4),
        axis.strip(check.measured, check.low, check.high, check.reported),
    )


@dataclass(frozen=True)
class Worst:
    """One of the conditions that cost most accuracy."""

    loss: Loss
    accuracy: str
    damage: str
    between: str
    strip: Strip


def worst(index: Index, model: str, most: int = 8) -> tuple[Scale, list[Worst]]:
    """The conditions that cost most accuracy, and the scale of their strips."""
    losses = [loss for loss in index.losses(model) if loss.measured][:most]
    axis = scale([v for x in losses for v in (x.damage.low, x.damage.high)], -0.1, 0.0)
    return axis, [
        Worst(
            x,
            figure(x.accuracy.value),
            signed(x.damage.value),
            interval(x.damage.low, x.damage.high),
            axis.strip(x.damage.value, x.damage.low, x.damage.high),
        )
        for x in losses
    ]


@dataclass(frozen=True)
class Part:
    """One slice on clean clips beside the same slice under another condition."""

    name: str
    clean: Cell
    other: Cell
    strip: Strip


def parts(index: Index, model: str, kind: str, metric: str, other: str) -> list[Part]:
    """One metric of every slice of a kind, clean and under one other condition."""
    axis = Scale(0.0, 1.0)
    result: list[Part] = []
    for name in index.slices(model, kind):
        clean = index.row(model, CLEAN, metric, name)
        changed = index.row(model, other, metric, name)
        strip = axis.strip(clean.value, clean.low, clean.high, changed.value)
        result.append(
            Part(name.split("=", 1)[1], figure_cell(clean), figure_cell(changed), strip)
        )
    return result
