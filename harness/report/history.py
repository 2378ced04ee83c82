"""The page of a history: curves over releases, the steps between them, and where they break."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.chart import Chart
from harness.report.curve import TURNS, Point, curve, point_of, specification, title_of, told
from harness.report.formatting import count, figure, interval, listed, probability, signed
from harness.report.glossary import term
from harness.report.page_base import dress, environment
from harness.storage.storage import make_folder, write_whole

if TYPE_CHECKING:
    from harness.leaderboard.history import History, Track
    from harness.leaderboard.release import Release


@dataclass(frozen=True)
class Cell:
    """A figure with its interval and the step to it; `mark` is a class of the style."""

    text: str
    between: str
    step: str
    mark: str
    sort: str
    p: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """A run in a table."""

    when: str
    run: str
    version: str
    finished: bool
    same: bool
    cells: list[Cell]


@dataclass(frozen=True)
class Matrix:
    """A table of runs."""

    titles: list[str]
    rows: list[MatrixRow]


@dataclass(frozen=True)
class TrackView:
    """The tables of a track."""

    title: str
    reason: str
    clean: Matrix
    families: Matrix


@dataclass(frozen=True)
class Line:
    """One detector; `headline` and `families` are charts: key, title, words."""

    name: str
    answer: str
    headline: list[tuple[str, str, str]]
    families: list[tuple[str, str, str]]
    breaks: list[str]
    tracks: list[TrackView]


def write_history(history: History, path: Path) -> None:
    """Write the page of a history."""
    make_folder(path.parent)
    write_whole(path, render_history(history))


def render_history(history: History) -> str:
    """The page of a history: one file that loads nothing."""
    charts: dict[str, Chart] = {}
    lines = [
        _line(name, number, [track for track in history.tracks if track.line == name], charts)
        for number, name in enumerate(history.lines)
    ]
    days = sorted(each.started[:10] for track in history.tracks for each in track.releases)
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            **dress(charts, {"release": specification()}),
            history=history,
            lines=lines,
            span=" to ".join(dict.fromkeys([days[0], days[-1]])) if days else "no runs",
            warnings=history.warnings,
            synthetic=any(each.synthetic for track in history.tracks for each in track.releases),
        )
    )


def _line(name: str, number: int, tracks: Sequence[Track], charts: dict[str, Chart]) -> Line:
    metrics = _once(
        row.metric for track in tracks for each in track.releases for row in each.figures
    )
    families = _once(
        row.family for track in tracks for each in track.releases for row in each.families
    )

    def drawn(kind: str, of: str, title: str) -> tuple[str, str, str]:
        key = f"{kind}-{number}-{of}"
        charts[key] = curve(title, tracks, kind, of)
        return key, title, charts[key].words

    return Line(
        name=name,
        answer=_answer(tracks),
        headline=[drawn("clean", each, term(each).title) for each in metrics],
        families=[
            drawn("family", each, each.replace("_", " "))
            for each in families
            if any(_measured(release, each) for track in tracks for release in track.releases)
        ],
        breaks=[
            f"{track.releases[0].started[:10]}, {title_of(track)}: {track.reason}"
            for track in tracks
            if track.reason
        ],
        tracks=[
            TrackView(
                title_of(track),
                track.reason,
                _matrix(track, "clean", metrics),
                _matrix(track, "family", families),
            )
            for track in tracks
        ],
    )


def _once(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _answer(tracks: Sequence[Track]) -> str:
    """What the newest run is against the one before, and what happened on the way."""
    track = max(tracks, key=lambda each: each.releases[-1].started)
    last = track.releases[-1]
    when = f"The run of {last.started[:10]}"
    if len(track.releases) == 1:
        said = f"{when} has no comparable run before it."
    elif last.same:
        said = f"{when} has the same scores on clean clips as the one before it."
    else:
        worse, better = (_named(last, turn) for turn in ("worse", "better"))
        said = f"{when} is " + (
            "neither worse nor better than the one before it in anything that these clips can show"
            if not worse and not better
            else listed(
                [
                    f"{word} than the one before it in {listed(names)}"
                    for word, names in (("worse", worse), ("better", better))
                    if names
                ]
            )
        )
        said += "."
    many = sum(len(each.releases) for each in tracks)
    if many == 1:
        return "1 run; nothing to compare yet."
    fell = sum(bool(_named(each, "worse")) for one in tracks for each in one.releases)
    curves = f" of {count(len(tracks))} detectors" if len(tracks) > 1 else ""
    worse = "1 is" if fell == 1 else f"{count(fell)} are"
    return f"{said} {count(many)} runs{curves}: {worse} significantly worse than the one before."


def _named(release: Release, turn: str) -> list[str]:
    names = [term(step.of).prose for step in release.steps if step.turn == turn]
    return names + [
        f"{step.of.replace('_', ' ')} (what it costs)"
        for step in release.family_steps
        if step.turn == turn
    ]


def _measured(release: Release, family: str) -> bool:
    point = point_of(release, "family", family)
    return point is not None and math.isfinite(point.value)


def _matrix(track: Track, kind: str, names: Sequence[str]) -> Matrix:
    had = [name for name in names if any(point_of(each, kind, name) for each in track.releases)]
    titles = [term(name).title if kind == "clean" else name.replace("_", " ") for name in had]
    rows = [
        MatrixRow(
            release.started.replace("T", " ")[:16],
            release.run,
            release.version,
            release.finished,
            release.same,
            [_cell(point_of(release, kind, name), signs=kind == "family") for name in had],
        )
        for release in track.releases
    ]
    return Matrix(titles, rows)


def _cell(point: Point | None, *, signs: bool) -> Cell:
    if point is None:
        return Cell("–", "", "", "", "")
    text = signed(point.value) if signs else figure(point.value)
    between = interval(point.low, point.high)
    sort = f"{point.value}" if math.isfinite(point.value) else ""
    step = point.step
    if step is None:
        return Cell(text, between, "", "", sort)
    if step.turn == "not compared":
        return Cell(text, between, f"not compared: {step.reason or 'no interval'}", "", sort)
    sign, mark = TURNS.get(step.turn, ("", ""))
    apart = f"{sign} {told(step)}".strip()
    return Cell(text, between, apart, mark, sort, probability(step.p))
