"""The page of a history: curves over releases, the steps between them, and where they break."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.chart import Chart
from harness.report.curve import TURNS, Point, curve, point_of, title_of
from harness.report.formatting import count, interval, listed, probability, signed
from harness.report.glossary import term
from harness.report.page_base import render_page
from harness.report.section import Content, Panel, Section, shown
from harness.report.table import (
    Cell,
    Column,
    Table,
    difference_cell,
    figure_cell,
    number,
    text_cell,
)
from harness.storage.storage import make_folder, write_whole

if TYPE_CHECKING:
    from harness.leaderboard.history import History, Track
    from harness.leaderboard.release import Release


@dataclass(frozen=True)
class LineView:
    """The releases of one detector."""

    name: str
    number: int
    tracks: list[Track]

    @property
    def releases(self) -> list[Release]:
        return [release for track in self.tracks for release in track.releases]


def write_history(history: History, path: Path) -> None:
    """Write the page of a history."""
    make_folder(path.parent)
    write_whole(path, render_history(history))


def render_history(history: History) -> str:
    """Return the page of a history: one file that loads nothing."""
    from harness.report.vega import release_curve  # charts are slow to import

    charts: dict[str, Chart] = {}
    days = sorted(release.started[:10] for track in history.tracks for release in track.releases)
    return render_page(
        "history.html.j2",
        charts,
        {"release": release_curve()},
        before=shown(OPENING, history, charts),
        panels=[
            Panel(line.name, shown(PER_LINE, line, charts, f"-{line.number}"))
            for line in lines_of(history)
        ],
        after=shown(CLOSING, history, charts),
        history=history,
        names=history.lines,
        span=" to ".join(dict.fromkeys([days[0], days[-1]])) if days else "no runs",
        warnings=history.warnings,
        synthetic=history.synthetic,
    )


def lines_of(history: History) -> list[LineView]:
    """Return the detectors of a history."""
    return [
        LineView(name, place, [track for track in history.tracks if track.line == name])
        for place, name in enumerate(history.lines)
    ]


def _answers(history: History) -> Content:
    several = len(history.lines) > 1
    return {
        "lead": [
            (f"{name}: " if several else "")
            + _answer([track for track in history.tracks if track.line == name])
            for name in history.lines
        ],
        "notes": [
            "A step is a run less the one before it on the same curve, paired on the clips of "
            f"both, with a 95 % interval over groups from {count(history.resamples)} resamples. It "
            "counts as worse or better where p is at most 0.05 after Holm’s correction for the "
            "figures of that step (figures on clean clips and families apart). With many releases "
            "some steps are significant by chance: up to one in ten where nothing changed. ▼ "
            "significantly worse, ▲ better than the run before, ? not compared with it."
        ],
    }


def _answer(tracks: Sequence[Track]) -> str:
    """Compare the newest run with the one before, and count significant losses."""
    releases = sum(len(track.releases) for track in tracks)
    if releases == 1:
        return "1 run; nothing to compare yet."
    track = max(tracks, key=lambda candidate: candidate.releases[-1].started)
    worse = sum(
        bool(_changed(release, "worse")) for member in tracks for release in member.releases
    )
    curves = f" on {count(len(tracks))} curves" if len(tracks) > 1 else ""
    significant = "1 is" if worse == 1 else f"{count(worse)} are"
    return (
        f"{_newest(track)} {count(releases)} runs{curves}: {significant} significantly worse than "
        "the one before."
    )


def _newest(track: Track) -> str:
    last = track.releases[-1]
    when = f"The run of {last.started[:10]}"
    if len(track.releases) == 1:
        return f"{when} has no comparable run before it."
    if last.same:
        return f"{when} has the same scores on clean clips as the one before it."
    changes = [
        f"significantly {turn} than the one before it in {listed(names)}"
        for turn in ("worse", "better")
        if (names := _changed(last, turn))
    ]
    if not changes:
        return f"{when} does not differ significantly from the one before it."
    return f"{when} is {listed(changes)}."


def _changed(release: Release, turn: str) -> list[str]:
    names = [term(step.of).prose for step in release.steps if step.turn == turn]
    return names + [
        f"loss under {step.of.replace('_', ' ')}"
        for step in release.family_steps
        if step.turn == turn
    ]


def _curves(line: LineView) -> Content:
    titles = {
        f"clean-{line.number}-{metric}": term(metric).title for metric in _metrics(line.releases)
    }
    return {
        "caption": "Figures on clean clips, with 95 % intervals. At a dashed line a new curve "
        "begins, which is not comparable with the runs before it.",
        "smalls": list(titles.items()),
        "points": [
            f"New curve on {track.releases[0].started[:10]}, {title_of(track)}: {track.reason}"
            for track in line.tracks
            if track.reason
        ],
        "charts": {
            key: curve(title, line.tracks, "clean", metric)
            for (key, title), metric in zip(titles.items(), _metrics(line.releases), strict=True)
        },
    }


def _family_curves(line: LineView) -> Content | None:
    families = [name for name in _families(line.releases) if _is_measured(line.releases, name)]
    if not families:
        return None
    titles = {f"family-{line.number}-{name}": name.replace("_", " ") for name in families}
    return {
        "caption": "Mean accuracy under each family’s conditions less accuracy on the same clips "
        "clean.",
        "smalls": list(titles.items()),
        "charts": {
            key: curve(title, line.tracks, "family", name)
            for (key, title), name in zip(titles.items(), families, strict=True)
        },
    }


def _tables(line: LineView) -> Content:
    tables: list[Table[Release]] = []
    folded: list[Table[Release]] = []
    for place, track in enumerate(line.tracks):
        title, name = title_of(track), f"{line.number}-{place}"
        caption = f"Figures on clean clips, and the step from the run before: {title}."
        tables.append(_table(track, f"clean-figures-{name}", caption, "clean"))
        lost = f"Accuracy lost by family, and the step from the run before: {title}."
        if _families(track.releases):
            folded.append(_table(track, f"family-figures-{name}", lost, "family"))
    return {"tables": tables, "folded": folded}


def _table(track: Track, name: str, caption: str, kind: str) -> Table[Release]:
    known = _metrics(track.releases) if kind == "clean" else _families(track.releases)

    def column(of: str) -> Column[Release]:
        title = term(of).title if kind == "clean" else of.replace("_", " ")
        return number(title, lambda release: _cell(point_of(release, kind, of), kind))

    def run(release: Release) -> Cell:
        unfinished = "" if release.finished else "unfinished"
        return Cell(release.started.replace("T", " ")[:16], (release.run,), alarm=unfinished)

    def version(release: Release) -> Cell:
        return text_cell(release.version, "same scores as before" if release.same else "")

    return Table(
        name,
        caption,
        caption,
        track.releases,
        [Column("Run", run), Column("Release", version, "id"), *map(column, known)],
        style="sortable full cards steps",
    )


def _cell(point: Point | None, kind: str) -> Cell:
    if point is None:
        return Cell(sort="")
    step, lines = point.step, list[str]()
    sign, mark = TURNS["open" if step is None else step.turn]
    if step is not None and step.turn == "not compared":
        lines = ["not compared:", step.reason or "no interval"]
    elif step is not None:
        lines = [
            signed(step.difference),
            interval(step.low, step.high),
            f"p {probability(step.p)}",
        ]
    cell = (difference_cell if kind == "family" else figure_cell)(point, *lines, mark=mark)
    return replace(cell, text=f"{cell.text} {sign}".rstrip())


def _metrics(releases: Sequence[Release]) -> list[str]:
    return list(dict.fromkeys(row.metric for release in releases for row in release.figures))


def _families(releases: Sequence[Release]) -> list[str]:
    return list(dict.fromkeys(row.family for release in releases for row in release.families))


def _is_measured(releases: Sequence[Release], family: str) -> bool:
    points = (point_of(release, "family", family) for release in releases)
    return any(point is not None and math.isfinite(point.value) for point in points)


def _not_shown(history: History) -> Content | None:
    points = [f"{run.run}: {run.reason}" for run in history.refused]
    points += [f"{copy}: the same run as {original}" for copy, original in history.copies]
    return {"points": points} if points else None


OPENING: tuple[Section[History], ...] = (Section("answer", "The answer", _answers),)
PER_LINE: tuple[Section[LineView], ...] = (
    Section("curves", "Figures on clean clips", _curves),
    Section("families", "What perturbations cost", _family_curves),
    Section("figures", "All figures", _tables),
)
CLOSING: tuple[Section[History], ...] = (Section("refused", "What is not shown", _not_shown),)
