"""Curves over releases: a point for every run, a line for every track, marked steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.chart import CURVES, Chart, Columns, rounded
from harness.report.formatting import counted, figure, interval, signed

if TYPE_CHECKING:
    from harness.leaderboard.history import Track
    from harness.leaderboard.release import Release, ReleaseStep

TURNS: dict[str, tuple[str, str]] = {
    "worse": ("▼", "v-below"),
    "better": ("▲", "w-PASS"),
    "open": ("", ""),
    "not compared": ("?", ""),
}
"""Sign and class of a step by its turn."""


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
    rows: list[dict[str, Any]] = []
    spoken: list[str] = []
    for order, (started, number, place, release) in enumerate(placed):
        point = point_of(release, kind, of)
        if point is None:
            continue
        step = point.step
        row: dict[str, Any] = {
            "x": f"{started[:10]}|{order}",
            "order": order,
            "track": title_of(tracks[number]),
            "line": number % CURVES,
            "value": rounded(point.value),
            "low": rounded(point.low),
            "high": rounded(point.high),
            "turn": step.turn if step and step.turn in ("worse", "better") else "open",
            "step": "first on its curve" if step is None else step_text(step),
            "begins": bool(not place and tracks[number].reason),
            "what": release.version or release.run,
        }
        rows.append(row)
        spoken.append(f"{started[:10]}: {figure(point.value)}{TURNS[row['turn']][0]}")
    columns: Columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    return Chart("release", columns, {}, f"{title} over releases. {', '.join(spoken)}")


def step_text(step: ReleaseStep) -> str:
    """Return a step with its interval, or why there is none."""
    between = interval(step.low, step.high)
    return f"{signed(step.difference)} ({between})" if between else step.turn
