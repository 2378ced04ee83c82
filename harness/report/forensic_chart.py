"""The charts of the forensic page: their rows, and their Vega-Lite without data.

Calibrated ratios are solid lines; raw scores, taken as ratios, are dashed ones. Ratios are in
powers of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt

from harness.report.chart import Chart, Columns, probit
from harness.report.formatting import count
from harness.report.vega import ROWS, Layered, det_axes, finished

if TYPE_CHECKING:
    from harness.forensic.calibrated import RatioCurves

KINDS = {
    "tippett": "Tippett",
    "pav": "PAV",
    "entropy": "Empirical cross-entropy",
    "reliability": "Reliability",
    "trade": "DET",
}
RAW = "raw scores"
CALIBRATED = "calibrated"

_COLORS = {
    "fake": "var(--fake)",
    "real": "var(--real)",
    "line": "var(--accent)",
    "pooled": "var(--line-3)",
    "reference": "var(--faint)",
}


def chart_of(kind: str, curves: Sequence[RatioCurves], words: str) -> Chart:
    """Draw one condition; `curves` are those of the raw scores and of the ratios."""
    columns: Columns = {name: [] for name in ("x", "y", "line", "color", "style", "order", "what")}
    for curve in curves:
        style = RAW if curve.method == "none" else CALIBRATED
        for color, name, x, y in _LINES[kind](curve):
            what = f"{name}, {style}" if name else style
            _extend(columns, x, y, color, style, what)
    return Chart(kind, columns, {}, f"{KINDS[kind]} of {words}: {_spoken(kind, curves)}")


_Line = tuple[str, str, Sequence[float], Sequence[float]]


def _tippett(curve: RatioCurves) -> list[_Line]:
    return [
        ("real", "real", curve.tippett_at, curve.tippett_real),
        ("fake", "fake", curve.tippett_at, curve.tippett_fake),
    ]


def _pav(curve: RatioCurves) -> list[_Line]:
    return [("line", "", curve.pav_at, curve.pav)]


def _entropy(curve: RatioCurves) -> list[_Line]:
    own: list[_Line] = [("line", "", curve.prior, curve.given)]
    if curve.method != "none":
        return own
    return [
        *own,
        ("pooled", "best monotone", curve.prior, curve.pooled),
        ("reference", "always 1", curve.prior, curve.reference),
    ]


def _reliability(curve: RatioCurves) -> list[_Line]:
    return [("line", "", curve.stated, curve.observed)]


def _trade(curve: RatioCurves) -> list[_Line]:
    x, y = ([probit(rate) for rate in rates] for rates in (curve.fpr, curve.fnr))
    return [("line", "", x, y)]


_LINES = {
    "tippett": _tippett,
    "pav": _pav,
    "entropy": _entropy,
    "reliability": _reliability,
    "trade": _trade,
}


def _extend(
    columns: Columns, x: Sequence[float], y: Sequence[float], color: str, style: str, what: str
) -> None:
    columns["x"] += [round(value, 3) for value in x]
    columns["y"] += [round(value, 4) for value in y]
    for name, value in (("line", what), ("color", color), ("style", style), ("what", what)):
        columns[name] += [value] * len(x)
    columns["order"] += list(range(len(x)))


def _spoken(kind: str, curves: Sequence[RatioCurves]) -> str:
    points = sum(len(x) for curve in curves for _, _, x, _ in _LINES[kind](curve))
    return f"{RAW} and {CALIBRATED}, {count(points)} points"


@cache
def forensic_specifications() -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite of the five charts, by name, without data."""
    unit = alt.Scale(domain=[0, 1], nice=False)
    ratio, free = "log10 likelihood ratio of fake", alt.Scale(zero=False)
    bits = alt.Scale(domain=[0, 1.5], nice=False)
    charts = {
        "tippett": _lines(
            alt.X("x:Q", scale=free, title=ratio), alt.Y("y:Q", scale=unit, title="Share above")
        ),
        "pav": _lines(
            alt.X("x:Q", scale=free, title=f"{ratio}, stated"),
            alt.Y("y:Q", scale=free, title="as the clips show"),
            (-1.5, 1.5),
        ),
        "entropy": _lines(
            alt.X("x:Q", title="log10 prior odds of fake"),
            alt.Y("y:Q", scale=bits, title="Remaining uncertainty (bits)"),
        ),
        "reliability": _lines(
            alt.X("x:Q", scale=unit, title="Stated share of fakes, even prior"),
            alt.Y("y:Q", scale=unit, title="Observed share"),
            (0.0, 1.0),
            dots=True,
        ),
        "trade": _lines(*det_axes()),
    }
    return {name: finished(chart) for name, chart in charts.items()}


def _lines(
    x: alt.X, y: alt.Y, identity: tuple[float, float] | None = None, dots: bool = False
) -> Layered:
    """Return lines coloured by class and dashed by method, over a faint identity line."""
    color = alt.Color(
        "color:N", scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())), legend=None
    )
    dash = alt.StrokeDash(
        "style:N", scale=alt.Scale(domain=[CALIBRATED, RAW], range=[[1, 0], [4, 3]]), legend=None
    )
    line = (
        alt.Chart(ROWS)
        .mark_line(strokeWidth=1.75, clip=True, point={"size": 22} if dots else False)
        .encode(
            x=x,
            y=y,
            color=color,
            strokeDash=dash,
            detail="line:N",
            order=alt.Order("order:Q"),
            tooltip=alt.Tooltip("what:N", title="Line"),
        )
    )
    if identity is None:
        return alt.layer(line, height=280)
    ends = alt.Data(values=[{"x": end, "y": end} for end in identity])
    calibrated = (
        alt.Chart(ends)
        .mark_line(color="var(--faint)", strokeDash=[2, 3], strokeWidth=1)
        .encode(x="x:Q", y="y:Q")
    )
    return alt.layer(calibrated, line, height=280)
