"""Curves over releases: a point for every run, a line for every track, marked steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from harness.report.chart import Chart, Columns, rounded
from harness.report.formatting import counted, figure, interval, signed
from harness.report.vega import ROWS, finished

if TYPE_CHECKING:
    from harness.leaderboard.history import Track
    from harness.leaderboard.release import Release, ReleaseStep

_LINES = 6
TURNS = {"worse": ("▼", "v-below"), "better": ("▲", "w-PASS")}


@dataclass(frozen=True)
class Point:
    """A figure of a release with the step to it from the release before."""

    value: float
    low: float
    high: float
    step: ReleaseStep | None


def title_of(track: Track) -> str:
    """Return the suite and data of a track in words."""
    return f"suite {track.suite} ({counted(track.conditions, 'condition')}) on {track.data}"


def point_of(release: Release, kind: str, of: str) -> Point | None:
    """Return a figure on `clean`, or the loss under a family; None where there is none."""
    steps = release.steps if kind == "clean" else release.family_steps
    step = next((step for step in steps if step.of == of), None)
    if kind == "clean":
        row = next((row for row in release.figures if row.metric == of), None)
    else:
        row = next((row for row in release.families if row.family == of), None)
    return row and Point(row.value, row.low, row.high, step)


def curve(title: str, tracks: Sequence[Track], kind: str, of: str) -> Chart:
    """Draw a point for every run by time, and a line for every track."""
    placed = sorted(
        (
            (release.started, number, place, release)
            for number, track in enumerate(tracks)
            for place, release in enumerate(track.releases)
        ),
        key=lambda item: item[:3],
    )
    names = (
        "x",
        "order",
        "track",
        "line",
        "value",
        "low",
        "high",
        "turn",
        "step",
        "begins",
        "what",
    )
    columns: Columns = {name: [] for name in names}
    spoken: list[str] = []
    for order, (started, number, place, release) in enumerate(placed):
        point = point_of(release, kind, of)
        if point is None:
            continue
        step = point.step
        values: dict[str, Any] = {
            "x": f"{started[:10]}|{order}",
            "order": order,
            "track": title_of(tracks[number]),
            "line": number % _LINES,
            "value": rounded(point.value),
            "low": rounded(point.low),
            "high": rounded(point.high),
            "turn": step.turn if step and step.turn in TURNS else "open",
            "step": "first on its curve" if step is None else step_text(step),
            "begins": bool(not place and tracks[number].reason),
            "what": release.version or release.run,
        }
        for name, value in values.items():
            columns[name].append(value)
        sign = TURNS.get(values["turn"], ("", ""))[0]
        spoken.append(f"{started[:10]}: {figure(point.value)}{sign}")
    return Chart("release", columns, {}, f"{title} over releases. {', '.join(spoken)}")


def step_text(step: ReleaseStep) -> str:
    """Return a step with its interval, or why there is none."""
    between = interval(step.low, step.high)
    return f"{signed(step.difference)} ({between})" if between else step.turn


def specification() -> dict[str, Any]:
    """Return the Vega-Lite of one curve, without data."""
    axis = alt.Axis(
        labelAngle=0, labelSeparation=16, labelExpr="slice(split(datum.label, '|')[0], 2)"
    )
    x = alt.X("x:N", sort=alt.EncodingSortField("order"), title=None, axis=axis)
    x = x.scale(type="point", padding=0.5)
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(ROWS, height=150).encode(x=x)
    y = alt.Y("value:Q", scale=scale, title=None, axis=alt.Axis(tickCount=5))
    numbers = list(range(_LINES))
    colors = alt.Scale(
        domain=numbers, range=["var(--accent)", *(f"var(--line-{n})" for n in numbers[1:])]
    )
    turns = ["open", "worse", "better"]
    tooltip = [
        alt.Tooltip("what:N", title="Release"),
        alt.Tooltip("value:Q", title="Value", format=".3f"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("step:N", title="Step"),
        alt.Tooltip("track:N", title="Of"),
    ]
    ranges = base.mark_rule(strokeWidth=2, opacity=0.35).encode(
        y=alt.Y("low:Q", scale=scale),
        y2="high:Q",
        color=alt.Color("line:O", scale=colors, legend=None),
    )
    lines = base.mark_line(strokeWidth=1.75).encode(
        y=y,
        color=alt.Color("line:O", scale=colors, legend=None),
        detail="track:N",
        order=alt.Order("order:Q"),
    )
    breaks = (
        base.transform_filter("datum.begins")
        .mark_rule(color="var(--faint)", strokeDash=[3, 3], xOffset=-6)
        .encode()
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        y=y,
        fill=alt.Fill(
            "turn:N",
            scale=alt.Scale(domain=turns, range=["var(--accent)", "var(--grave)", "var(--pass)"]),
            legend=None,
        ),
        shape=alt.Shape(
            "turn:N",
            scale=alt.Scale(domain=turns, range=["circle", "triangle-down", "triangle-up"]),
            legend=None,
        ),
        size=alt.Size("turn:O", scale=alt.Scale(domain=turns, range=[30, 90, 90]), legend=None),
        tooltip=tooltip,
    )
    return finished(alt.layer(ranges, breaks, lines, points))
