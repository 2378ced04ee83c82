"""The charts: five Vega-Lite specifications, and for every chart its rows and parameters.

A specification is written once and drawn with many sets of rows: the page fills `data` and the
values of `params` in and draws it at the width of its place. Colours are CSS variables, so that the
page decides on light, dark and paper. Rows are kept by column (`{"x": [...], "y": [...]}`), which is
a fifth of the size of a list of objects. Nothing here computes a figure; the probit of a rate is
where a DET chart draws it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import altair as alt

from harness.record import ConditionRecord
from harness.report.index import CLEAN, Index, Loss, names
from harness.report.number import count, figure, quantity
from harness.figure import Curve, Histogram

Columns = dict[str, list[Any]]
ROWS = alt.NamedData("rows")  # the page fills it

# Rates that a DET axis is labelled with; the ends of the axis lie just outside of them.
_DET_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_DET_ENDS = (0.006, 0.9)
_FAR = 1e-5
CURVES = 6


@dataclass(frozen=True)
class Chart:
    """One chart on the page.

    Parameters
    ----------
    spec
        Which of `specifications()` it is drawn with.
    words
        What is to be seen, for those who cannot see it.
    """

    spec: str
    columns: Columns
    params: dict[str, float | bool]
    words: str


def specifications() -> dict[str, dict[str, Any]]:
    """Vega-Lite, by name, without data."""
    charts: dict[str, alt.LayerChart] = {
        "sweep": _sweep(),
        "levels": _levels(),
        "roc": _roc(),
        "det": _det(),
        "scores": _scores(),
    }
    return {name: _plain(chart) for name, chart in charts.items()}


def sweep(index: Index, model: str, series: Sequence[ConditionRecord]) -> Chart:
    """Accuracy over the values of one series, from clean to the most severe."""
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


def levels(index: Index, model: str, condition: str, kind: str) -> Chart:
    """Accuracy of every slice of a kind under one condition."""
    parts = index.slices(model, kind)
    rows = [index.row(model, condition, "accuracy", part) for part in parts]
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
    """The conditions whose ROC is drawn: clean, then the worst of each family, worst first."""
    had = {c.condition for c in index.summary.curves if c.model == model}
    chosen, families = [CLEAN] if CLEAN in had else [], set[str]()
    for loss in losses:
        if loss.condition.family not in families and loss.condition.name in had and loss.measured:
            families.add(loss.condition.family)
            chosen.append(loss.condition.name)
    return chosen[:CURVES]


def roc(index: Index, model: str, conditions: Sequence[str]) -> Chart:
    """Hit rate over false-alarm rate of fake, a line for each condition."""
    columns: Columns = {"x": [], "y": [], "line": [], "order": [], "condition": []}
    for line, curve in enumerate(_curves(index, model, conditions)):
        _extend(columns, curve.fpr, curve.tpr, line, index.words(curve.condition))
    return Chart("roc", columns, {}, _curve_words(index, "ROC", conditions))


def det(index: Index, model: str, conditions: Sequence[str]) -> Chart:
    """Miss rate over false-alarm rate of fake, both as probits."""
    columns: Columns = {"x": [], "y": [], "line": [], "order": [], "condition": []}
    for line, curve in enumerate(_curves(index, model, conditions)):
        false_alarm = [_probit(rate) for rate in curve.fpr]
        miss = [_probit(1 - rate) for rate in curve.tpr]
        _extend(columns, false_alarm, miss, line, index.words(curve.condition))
    return Chart("det", columns, {}, _curve_words(index, "DET", conditions))


def scores(index: Index, model: str, condition: str) -> Chart:
    """How often each score was given, fake clips upwards and real clips downwards."""
    every = [h for h in index.summary.histograms if h.model == model and h.counts]
    own = [h for h in every if h.condition == condition]
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
        {"threshold": index.record.suite.threshold, **_extent(every)},
        f"Scores of fake and of real clips, {index.words(condition)}.",
    )


def _extent(histograms: Sequence[Histogram]) -> dict[str, float | bool]:
    """The same axes for every condition, so that a shift is seen as a shift."""
    if not histograms:
        return {}
    edges = [edge for h in histograms for edge in (h.edges[0], h.edges[-1])]
    most = max(max(h.counts) for h in histograms)
    return {"low": min(edges), "high": max(edges), "most": max(most, 1)}


def _curves(index: Index, model: str, conditions: Sequence[str]) -> list[Curve]:
    found = {c.condition: c for c in index.summary.curves if c.model == model}
    return [found[name] for name in conditions]


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
        "value": [_number(r.value) for r in rows],
        "low": [_number(r.low) for r in rows],
        "high": [_number(r.high) for r in rows],
        "n": [r.n for r in rows],
    }


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def _probit(rate: float) -> float:
    return NormalDist().inv_cdf(min(max(rate, _FAR), 1 - _FAR))


# The specifications. Types are spelled out: Altair infers them from data, which come later.

_ACCURACY = alt.Scale(domain=[0, 1], nice=False)
_LEVEL = alt.X("x:N", sort=alt.EncodingSortField("order"), title=None)


def _sweep() -> alt.LayerChart:
    base = alt.Chart(ROWS, height=132).encode(
        x=_LEVEL.axis(labelAngle=0, labelOverlap="greedy", labelSeparation=5).scale(type="point", padding=0.3)
    )
    tooltip = [
        alt.Tooltip("x:N", title="Level"),
        alt.Tooltip("value:Q", title="Accuracy", format=".3f"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("n:Q", title="n"),
    ]
    y = alt.Y("value:Q", scale=_ACCURACY, title=None, axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1]))
    order = alt.Order("order:Q")
    return alt.layer(
        base.mark_area(color="var(--accent)", opacity=0.16).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(color="var(--accent)", strokeWidth=1.75).encode(y=y, order=order),
        base.mark_point(color="var(--accent)", filled=True, size=34, opacity=1).encode(
            y=y, tooltip=tooltip
        ),
    )


def _levels() -> alt.LayerChart:
    axis = alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", labelOverlap=True)
    base = alt.Chart(ROWS, height=220).encode(x=_LEVEL.axis(axis).scale(type="point", padding=0.5))
    tooltip = [
        alt.Tooltip("value:Q", title="Accuracy", format=".3f"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("n:Q", title="n"),
    ]
    return alt.layer(
        base.mark_rule(color="var(--accent)", strokeWidth=2, opacity=0.45).encode(
            y=alt.Y("low:Q"), y2="high:Q"
        ),
        base.mark_point(color="var(--accent)", filled=True, size=60, opacity=1).encode(
            y=alt.Y("value:Q", scale=_ACCURACY, title="Accuracy"), tooltip=tooltip
        ),
    )


def _line_color() -> alt.Color:
    lines = list(range(CURVES))
    scale = alt.Scale(domain=lines, range=[f"var(--line-{line})" for line in lines])
    return alt.Color("line:O", scale=scale, legend=None)


def _roc() -> alt.LayerChart:
    unit = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", scale=unit, title="False-alarm rate (real called fake)")
    y = alt.Y("y:Q", scale=unit, title="Hit rate (fake called fake)")
    chance = alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    return alt.layer(
        alt.Chart(chance).mark_line(color="var(--faint)", strokeDash=[3, 3], strokeWidth=1)
        .encode(x="x:Q", y="y:Q"),
        _curve_lines(x, y),
        height=320,
    )


def _det() -> alt.LayerChart:
    ends = [_probit(rate) for rate in _DET_ENDS]
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    axis = alt.Axis(
        values=[_probit(rate) for rate in _DET_RATES],
        labelExpr="format(cumulativeNormal(datum.value), '.2~f')",
        labelOverlap="greedy",
        labelSeparation=6,
    )
    return alt.layer(
        _curve_lines(
            alt.X("x:Q", scale=scale, axis=axis, title="False-alarm rate (probit)"),
            alt.Y("y:Q", scale=scale, axis=axis, title="Miss rate (probit)"),
        ),
        height=320,
    )


def _curve_lines(x: alt.X, y: alt.Y) -> alt.Chart:
    return (
        alt.Chart(ROWS)
        .mark_line(strokeWidth=1.75, clip=True)
        .encode(
            x=x,
            y=y,
            color=_line_color(),
            order=alt.Order("order:Q"),
            tooltip=alt.Tooltip("condition:N", title="Condition"),
        )
    )


def _scores() -> alt.LayerChart:
    low, high = alt.param("low", value=-10), alt.param("high", value=10)
    threshold, most = alt.param("threshold", value=0), alt.param("most", value=1)
    colors = alt.Scale(domain=["fake", "real"], range=["var(--fake)", "var(--real)"])
    scale = alt.Scale(domainMin=alt.expr("low"), domainMax=alt.expr("high"), nice=False, zero=False)
    bars = (
        alt.Chart(ROWS)
        .mark_bar(binSpacing=1, orient="vertical")
        .encode(
            x=alt.X("low:Q", bin="binned", scale=scale, title="Score (log-odds of fake)"),
            x2="high:Q",
            y=alt.Y(
                "clips:Q",
                title="Clips",
                stack=None,
                scale=alt.Scale(domainMin=alt.expr("-most"), domainMax=alt.expr("most")),
                axis=alt.Axis(labelExpr="format(abs(datum.value), '~s')", tickMinStep=1),
            ),
            color=alt.Color("label:N", scale=colors, legend=None),
            tooltip=[
                alt.Tooltip("label:N", title="Label"),
                alt.Tooltip("low:Q", title="Score from", format=".2f"),
                alt.Tooltip("high:Q", title="to", format=".2f"),
                alt.Tooltip("clips:Q", title="Clips", format="(d"),
            ],
        )
    )
    line = (
        alt.Chart(alt.Data(values=[{"unused": 0}]))
        .transform_calculate(at="threshold")
        .mark_rule(color="var(--ink)", strokeDash=[4, 3])
        .encode(x="at:Q")
    )
    return alt.layer(bars, line, height=220).add_params(low, high, threshold, most)


def _plain(chart: alt.LayerChart) -> dict[str, Any]:
    """The chart as the page takes it: at its container's width, its text in the page's colours."""
    spec = chart.properties(width="container", background="transparent").to_dict(validate=True)
    del spec["$schema"]  # an address, and nothing on the page may look like it loads one
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["config"] = {
        "aria": False,
        "font": "inherit",
        "view": {"stroke": None},
        "axis": {
            "domain": False,
            "ticks": False,
            "labelColor": "var(--muted)",
            "titleColor": "var(--muted)",
            "titleFontWeight": "normal",
            "gridColor": "var(--grid)",
            "labelFontSize": 11,
            "titleFontSize": 12,
            "labelPadding": 6,
            "titlePadding": 8,
        },
        "axisX": {"grid": False},
    }
    return spec
