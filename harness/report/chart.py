"""The charts of a page: their rows, parameters and descriptions.

Rows are kept by column (`{"x": [...], "y": [...]}`), in a fraction of the room that a list of
objects takes. Nothing here computes a figure; the probit of a rate is where a DET chart draws it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from harness.report.formatting import count, figure, quantity
from harness.report.lookup import Index, Loss, names
from harness.results.figures import Curve, Histogram
from harness.results.record import ConditionRecord
from harness.terms import CLEAN

Columns = dict[str, list[Any]]

CURVES = 6
_FAR = 1e-5


@dataclass(frozen=True)
class Chart:
    """One chart on the page.

    Parameters
    ----------
    spec
        Which of `specifications()` it is drawn with.
    words
        What it shows, for those who cannot see it.
    """

    spec: str
    columns: Columns
    params: dict[str, float | bool]
    words: str


def sweep(index: Index, model: str, series: Sequence[ConditionRecord]) -> Chart:
    """Draw accuracy over the values of one series, from clean to the most severe."""
    rows = [(CLEAN, index.row(model, CLEAN, "accuracy"))]
    for condition in series:
        tag = quantity(condition.axis.value) if condition.axis else condition.name
        rows.append((tag, index.row(model, condition.name, "accuracy")))
    columns: Columns = {
        "x": [tag for tag, _ in rows],
        "order": list(range(len(rows))),
        **_interval_columns([row for _, row in rows]),
    }
    spoken = ", ".join(f"{tag}: {figure(row.value)}" for tag, row in rows)
    return Chart("sweep", columns, {}, f"Accuracy over {series[0].series}. {spoken}")


def levels(index: Index, model: str, condition: str, kind: str) -> Chart | None:
    """Draw accuracy of every slice of a kind under one condition; None where there is none."""
    parts = index.slices(model, kind)
    rows = [index.row(model, condition, "accuracy", part) for part in parts]
    if not any(row.n for row in rows):
        return None
    columns: Columns = {
        "x": [f"{name}|n {count(r.n)}" for name, r in zip(names(parts), rows, strict=True)],
        "order": list(range(len(rows))),
        **_interval_columns(rows),
    }
    spoken = ", ".join(
        f"{name}: {figure(r.value)}" for name, r in zip(names(parts), rows, strict=True)
    )
    return Chart("levels", columns, {}, f"Accuracy by {kind}. {spoken}")


def curved(index: Index, model: str, losses: Sequence[Loss]) -> list[str]:
    """Return the conditions whose ROC is drawn: clean, then the worst of each family."""
    known = {c.condition for c in index.summary.curves if c.model == model}
    chosen, families = [CLEAN] if CLEAN in known else [], set[str]()
    for loss in losses:
        if loss.condition.family not in families and loss.condition.name in known and loss.measured:
            families.add(loss.condition.family)
            chosen.append(loss.condition.name)
    return chosen[:CURVES]


def roc(index: Index, model: str, conditions: Sequence[str]) -> Chart:
    """Draw hit rate over false-alarm rate of fake, a line for each condition."""
    columns: Columns = {"x": [], "y": [], "line": [], "order": [], "condition": []}
    for line, curve in enumerate(_curves(index, model, conditions)):
        _extend(columns, curve.fpr, curve.tpr, line, index.words(curve.condition))
    return Chart("roc", columns, {}, _curve_words(index, "ROC", conditions))


def det(index: Index, model: str, conditions: Sequence[str]) -> Chart:
    """Draw miss rate over false-alarm rate of fake, both as probits."""
    columns: Columns = {"x": [], "y": [], "line": [], "order": [], "condition": []}
    for line, curve in enumerate(_curves(index, model, conditions)):
        false_alarm = [probit(rate) for rate in curve.fpr]
        miss = [probit(1 - rate) for rate in curve.tpr]
        _extend(columns, false_alarm, miss, line, index.words(curve.condition))
    return Chart("det", columns, {}, _curve_words(index, "DET", conditions))


def scores(index: Index, model: str, condition: str) -> Chart | None:
    """Draw the histogram of scores, fake upwards and real downwards; None where there is none."""
    every = [h for h in index.summary.histograms if h.model == model and h.counts]
    own = [h for h in every if h.condition == condition]
    if not own:
        return None
    columns: Columns = {"low": [], "high": [], "clips": [], "label": []}
    for histogram in own:
        sign = 1 if histogram.label == "fake" else -1
        columns["low"] += _rounded(histogram.edges[:-1])
        columns["high"] += _rounded(histogram.edges[1:])
        columns["clips"] += [sign * clips for clips in histogram.counts]
        columns["label"] += [histogram.label] * len(histogram.counts)
    return Chart(
        "scores",
        columns,
        {"threshold": index.record.threshold_of(model), **_extent(every)},
        f"Scores of fake and of real clips, {index.words(condition)}.",
    )


def _extent(histograms: Sequence[Histogram]) -> dict[str, float | bool]:
    """Return the same axes for every condition, so that a shift of scores is visible."""
    if not histograms:
        return {}
    edges = [edge for h in histograms for edge in (h.edges[0], h.edges[-1])]
    most = max(max(h.counts) for h in histograms)
    return {"low": min(edges), "high": max(edges), "most": max(most, 1)}


def _curves(index: Index, model: str, conditions: Sequence[str]) -> list[Curve]:
    curves = {c.condition: c for c in index.summary.curves if c.model == model}
    return [curves[name] for name in conditions]


def _curve_words(index: Index, kind: str, conditions: Sequence[str]) -> str:
    return f"{kind} curves: {', '.join(index.words(name) for name in conditions)}."


def _extend(
    columns: Columns, x: Sequence[float], y: Sequence[float], line: int, condition: str
) -> None:
    columns["x"] += _rounded(x)
    columns["y"] += _rounded(y)
    columns["line"] += [line] * len(x)
    columns["order"] += list(range(len(x)))
    columns["condition"] += [condition] * len(x)


def _interval_columns(rows: Sequence[Any]) -> Columns:
    return {
        "value": [rounded(r.value) for r in rows],
        "low": [rounded(r.low) for r in rows],
        "high": [rounded(r.high) for r in rows],
        "n": [r.n for r in rows],
    }


def rounded(value: float) -> float | None:
    """Return a number rounded for charts; None where it is missing."""
    return round(value, 4) if math.isfinite(value) else None


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def probit(rate: float) -> float:
    """Return the place of a rate on a DET axis; 0 and 1 lie far outside, not at infinity."""
    return NormalDist().inv_cdf(min(max(rate, _FAR), 1 - _FAR))
