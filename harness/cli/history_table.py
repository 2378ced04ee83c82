"""A history in a terminal: a table for every track, a line for what was left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.table import Table

from harness.cli.console import print_warnings, stdout
from harness.leaderboard.history import History, Track
from harness.leaderboard.release import Release, ReleaseStep
from harness.metrics import METRICS

MARKS = {"worse": " ▼", "better": " ▲", "open": "", "not compared": " ?"}
_FAMILIES = 7


def print_history(history: History) -> None:
    """Print every track: its figures on `clean`, then what families cost."""
    console = stdout()
    print_warnings(history.warnings)
    if any(each.synthetic for track in history.tracks for each in track.releases):
        console.print(
            "Some clips or detectors are synthetic: their figures say nothing about any published "
            "model."
        )
    for track in history.tracks:
        console.print(
            f"{track.line}: suite {track.suite} ({track.conditions} conditions) on {track.data}"
        )
        if track.reason:
            console.print(f"Break: not held against the runs before: {track.reason}")
        console.print(_figures(track))
        for table in _families(track):
            console.print(table)
    console.print(
        "▼ worse, ▲ better than the run above it by more than chance at 5 % (paired on the clips "
        "of both; adjusted by Holm's method for the figures of a step, not for the number of "
        "steps); ? could not be compared. 95 % intervals over groups, "
        f"{history.resamples} resamples."
    )
    for copy, original in history.copies:
        console.print(f"the same run again: {copy}, as {original}")
    for each in history.refused:
        console.print(each.line)


def _figures(track: Track) -> Table:
    table = Table("run", "release", *(name.replace("_", " ") for name in METRICS.released))
    for column in table.columns[2:]:
        column.justify = "right"
    for release in track.releases:
        rows = {row.metric: row for row in release.figures}
        cells: list[str] = []
        for name in METRICS.released:
            row = rows.get(name)
            if row is None or math.isnan(row.value):
                cells.append("–")
                continue
            between = "" if math.isnan(row.low) else f"\n{row.low:.3f}–{row.high:.3f}"
            cells.append(f"{row.value:.3f}{_mark(release.steps, name)}{between}")
        table.add_row(_when(release), _what(release), *cells)
    return table


def _families(track: Track) -> Iterator[Table]:
    """A few families a table, as wide as a terminal."""
    names = list(dict.fromkeys(loss.family for each in track.releases for loss in each.families))
    for start in range(0, len(names), _FAMILIES):
        some = names[start : start + _FAMILIES]
        table = Table("accuracy lost", *(name.replace("_", " ") for name in some))
        for column in table.columns[1:]:
            column.justify = "right"
        for release in track.releases:
            losses = {loss.family: loss.value for loss in release.families}
            cells = [
                "–"
                if math.isnan(losses.get(name, math.nan))
                else f"{losses[name]:+.3f}{_mark(release.family_steps, name)}"
                for name in some
            ]
            table.add_row(_when(release), *cells)
        yield table


def _mark(steps: Sequence[ReleaseStep], of: str) -> str:
    return next((MARKS[step.turn] for step in steps if step.of == of), "")


def _when(release: Release) -> str:
    return release.started[:10] + ("" if release.finished else "\nunfinished")


def _what(release: Release) -> str:
    return release.version + ("\nsame scores" if release.same else "")
