"""The tables as the templates take them: cells, already worded and ordered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.formatting import MISSING, figure, interval, signed
from harness.report.glossary import GROUPS, Term, term
from harness.report.lookup import Index, Loss, names
from harness.report.narrative import claim_verdict
from harness.results.figures import ClaimCheck, Damage, MetricRow
from harness.results.record import ConditionRecord
from harness.terms import CLEAN


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
    """The head of a column; `meaning` is shown on demand."""

    title: str
    group: str
    meaning: str = ""


@dataclass(frozen=True)
class Matrix:
    """A table with a line for each condition."""

    columns: list[Column]
    lines: list[Line]


@dataclass(frozen=True)
class Strip:
    """An interval drawn to scale: positions in percent of the width, None where missing."""

    low: float | None
    high: float | None
    value: float | None
    mark: float | None = None
    zero: float | None = None


@dataclass(frozen=True)
class Scale:
    """What the ends of a strip stand for."""

    start: float
    end: float

    def strip(self, value: float, low: float, high: float, mark: float = math.nan) -> Strip:
        zero = self._place(0.0) if self.start < 0 else None
        return Strip(
            self._place(low), self._place(high), self._place(value), self._place(mark), zero
        )

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
    cells = [figure_cell(index.row(model, condition.name, t.metric), t.group) for t in terms]
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
    """The cell of a figure; `group` as in `Term`."""
    return Cell(figure(row.value), interval(row.low, row.high), _sort_key(row.value), row.n, group)


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


@dataclass(frozen=True)
class Claim:
    """A published figure beside the measured one and the one with the other class as positive.

    Parameters
    ----------
    apart
        Interval of the difference.
    mark
        Class of the verdict: whether it is for the worse, or for the better.
    """

    check: ClaimCheck
    title: str
    measured: str
    between: str
    reported: str
    difference: str
    apart: str
    verdict: str
    mark: str
    other: str
    strip: Strip


_MARKS = {"worse": "v-below", "lower": "v-below", "better": "v-above", "higher": "v-above"}


def claims(index: Index, model: str) -> tuple[Scale, list[Claim]]:
    """The published figures that the summary checked, and the scale of their strips."""
    checks = [c for c in index.summary.claims if c.model == model]
    ends = [v for c in checks for v in (c.low, c.high, c.measured, c.reported)]
    axis = scale(ends, 0.9, 1.0)
    return axis, [_claim(index, model, check, axis) for check in checks]


def _claim(index: Index, model: str, check: ClaimCheck, axis: Scale) -> Claim:
    of_real = check.metric.endswith("_real")
    name = check.metric.removesuffix("_real")
    other = index.row(model, CLEAN, name if of_real else f"{name}_real")
    verdict = claim_verdict(check)
    return Claim(
        check,
        term(name).title,
        figure(check.measured, 4),
        interval(check.low, check.high),
        figure(check.reported, 4),
        signed(check.difference, 4),
        interval(check.apart_low, check.apart_high),
        MISSING if verdict == "not measured" else verdict,
        _MARKS.get(verdict, ""),
        "same" if name == "accuracy" else figure(other.value, 4),
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
        result.append(Part(name.split("=", 1)[1], figure_cell(clean), figure_cell(changed), strip))
    return result
