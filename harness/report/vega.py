"""The Vega-Lite specifications of a run's page, of histories and of leaderboards, without data.

A specification is written once and drawn with many sets of rows: the page fills the data set `rows`
and the values of `params` in and draws it at the width of its place. Colours are CSS variables: the
page decides on light, dark and paper. Types are spelled out, because Altair infers them from data,
which come later.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import altair as alt

from harness.report.chart import CURVES, probit

Layered = alt.LayerChart | alt.FacetChart

ROWS = alt.NamedData("rows")  # the page fills it

# Rates that a DET axis is labelled with; the ends of the axis lie just outside of them.
_DET_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_DET_ENDS = (0.006, 0.9)


@cache
def specifications() -> dict[str, dict[str, Any]]:
    """Return the specifications by name, without data."""
    charts: dict[str, Layered] = {
        "sweep": _sweep(),
        "levels": _levels(),
        "roc": _roc(),
        "det": _det(),
        "scores": _scores(),
    }
    return {name: finished(chart) for name, chart in charts.items()}


_ACCURACY = alt.Scale(domain=[0, 1], nice=False)
_LEVEL = alt.X("x:N", sort=alt.EncodingSortField("order"), title=None)


_INTERVAL = {"value:Q": "Accuracy", "low:Q": "from", "high:Q": "to", "n:N": "n"}


def _tooltip(titles: Mapping[str, str], digits: int = 3) -> list[alt.Tooltip]:
    """Return a tooltip of fields with their titles; quantities have that many digits."""
    return [
        alt.Tooltip(name, title=title, format=f".{digits}f")
        if name.endswith(":Q")
        else alt.Tooltip(name, title=title)
        for name, title in titles.items()
    ]


def _sweep() -> Layered:
    base = alt.Chart(ROWS, height=132).encode(
        x=_LEVEL.axis(labelAngle=0).scale(type="point", padding=0.3)
    )
    y = alt.Y("value:Q", scale=_ACCURACY, title=None, axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1]))
    order = alt.Order("order:Q")
    return alt.layer(
        base.mark_area(color="var(--accent)", opacity=0.16).encode(
            y=alt.Y("low:Q", scale=_ACCURACY), y2="high:Q"
        ),
        base.mark_line(color="var(--accent)", strokeWidth=1.75).encode(y=y, order=order),
        base.mark_point(color="var(--accent)", filled=True, size=34, opacity=1).encode(
            y=y, tooltip=_tooltip({"x:N": "Level", **_INTERVAL})
        ),
    )


def _levels() -> Layered:
    axis = alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')")
    base = alt.Chart(ROWS, height=220).encode(x=_LEVEL.axis(axis).scale(type="point", padding=0.5))
    return alt.layer(
        base.mark_rule(color="var(--accent)", strokeWidth=2, opacity=0.45).encode(
            y=alt.Y("low:Q", scale=_ACCURACY), y2="high:Q"
        ),
        base.mark_point(color="var(--accent)", filled=True, size=60, opacity=1).encode(
            y=alt.Y("value:Q", scale=_ACCURACY, title="Accuracy"), tooltip=_tooltip(_INTERVAL)
        ),
    )


def _line_color() -> alt.Color:
    lines = list(range(CURVES))
    scale = alt.Scale(domain=lines, range=[f"var(--line-{line})" for line in lines])
    return alt.Color("line:O", scale=scale, legend=None)


def _roc() -> Layered:
    unit = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", scale=unit, title="False-alarm rate (real called fake)")
    y = alt.Y("y:Q", scale=unit, title="Hit rate (fake called fake)")
    chance = alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    return alt.layer(
        alt.Chart(chance)
        .mark_line(color="var(--faint)", strokeDash=[3, 3], strokeWidth=1)
        .encode(x="x:Q", y="y:Q"),
        _curve_lines(x, y),
        height=320,
    )


def _det() -> Layered:
    return alt.layer(_curve_lines(*det_axes()), height=320)


def det_axes() -> tuple[alt.X, alt.Y]:
    """Return the axes of a DET curve: probits, labelled with the rates."""
    ends = [probit(rate) for rate in _DET_ENDS]
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    axis = alt.Axis(
        values=[probit(rate) for rate in _DET_RATES],
        labelExpr="format(cumulativeNormal(datum.value), '.2~f')",
    )
    return (
        alt.X("x:Q", scale=scale, axis=axis, title="False-alarm rate (probit)"),
        alt.Y("y:Q", scale=scale, axis=axis, title="Miss rate (probit)"),
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


def _scores() -> Layered:
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
                *_tooltip({"label:N": "Label", "low:Q": "Score from", "high:Q": "to"}, digits=2),
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


def release_curve() -> dict[str, Any]:
    """Return a curve over releases, without data."""
    axis = alt.Axis(
        labelAngle=0, labelSeparation=16, labelExpr="slice(split(datum.label, '|')[0], 2)"
    )
    x = alt.X("x:N", sort=alt.EncodingSortField("order"), title=None, axis=axis)
    x = x.scale(type="point", padding=0.5)
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(ROWS, height=150).encode(x=x)
    y = alt.Y("value:Q", scale=scale, title=None, axis=alt.Axis(tickCount=5))
    numbers = list(range(CURVES))
    colors = alt.Scale(
        domain=numbers, range=["var(--accent)", *(f"var(--line-{n})" for n in numbers[1:])]
    )

    def by_turn(*values: str | int) -> dict[str, Any]:
        scale = alt.Scale(domain=["open", "worse", "better"], range=list(values))
        return {"scale": scale, "legend": None}

    color = alt.Color("line:O", scale=colors, legend=None)
    tooltip = _tooltip(
        {
            "what:N": "Release",
            "value:Q": "Value",
            "low:Q": "from",
            "high:Q": "to",
            "step:N": "Step",
            "track:N": "Of",
        }
    )
    ranges = base.mark_rule(strokeWidth=2, opacity=0.35).encode(
        y=alt.Y("low:Q", scale=scale), y2="high:Q", color=color
    )
    lines = base.mark_line(strokeWidth=1.75).encode(
        y=y, color=color, detail="track:N", order=alt.Order("order:Q")
    )
    breaks = (
        base.transform_filter("datum.begins")
        .mark_rule(color="var(--faint)", strokeDash=[3, 3], xOffset=-6)
        .encode()
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        y=y,
        fill=alt.Fill("turn:N", **by_turn("var(--accent)", "var(--grave)", "var(--pass)")),
        shape=alt.Shape("turn:N", **by_turn("circle", "triangle-down", "triangle-up")),
        size=alt.Size("turn:O", **by_turn(30, 90, 90)),
        tooltip=tooltip,
    )
    return finished(alt.layer(ranges, breaks, lines, points))


def robustness(title: str) -> dict[str, Any]:
    """Return a metric under perturbation over the same on clean clips, without data."""
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(ROWS)
    x = alt.X("x:Q", scale=scale, title=f"{title}, clean")
    y = alt.Y("y:Q", scale=scale, title=f"{title}, perturbed")
    tooltip = _tooltip({"model:N": "Model", "x:Q": "Clean", "y:Q": "Perturbed"})
    spread = base.mark_rule(color="var(--accent)", strokeWidth=1.5, opacity=0.35)
    return finished(
        alt.layer(
            base.mark_line(color="var(--faint)", strokeDash=[3, 3], strokeWidth=1).encode(
                x=x, y=alt.Y("x:Q", scale=scale)
            ),
            spread.encode(x=alt.X("x_low:Q", scale=scale), x2="x_high:Q", y=y),
            spread.encode(x=x, y=alt.Y("y_low:Q", scale=scale), y2="y_high:Q"),
            base.mark_point(color="var(--accent)", filled=True, size=70, opacity=1).encode(
                x=x, y=y, tooltip=tooltip
            ),
            base.mark_text(
                align="left", dx=8, dy=-6, fontSize=11, color="var(--ink)", limit=180
            ).encode(x=x, y=y, text="model:N"),
            height=320,
        )
    )


def finished(chart: Layered) -> dict[str, Any]:
    """Return the chart for the page: at its container's width, in the page's colours."""
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
            "labelOverlap": "greedy",
            "labelSeparation": 6,
            "titlePadding": 8,
        },
        "axisX": {"grid": False},
    }
    return spec
