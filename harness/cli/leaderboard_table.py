"""Terminal output of leaderboards and histories of releases."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.table import Table

from harness.cli.console import figure_table, print_warnings, stdout
from harness.leaderboard.history import History, Track
from harness.leaderboard.leaderboard import Leaderboard
from harness.leaderboard.release import Release, ReleaseStep
from harness.metrics import METRICS
from harness.report.formatting import MISSING, figure, signed
from harness.report.leaderboard_text import notes_of, tables_of

MARKS = {"worse": " ▼", "better": " ▲", "open": "", "not compared": " ?"}
_FAMILIES = 7
"""Families in one table, for the width of a terminal."""


def print_leaderboard(board: Leaderboard) -> None:
    """Print the tables of a leaderboard, and the notes on how to read them."""
    console = stdout()
    print_warnings(board.warnings)
    for head, rows in tables_of(board):
        table = figure_table(*head)
        for row in rows:
            table.add_row(*(cell.replace(" (", "\n(") for cell in row))
        console.print(table)
    for note in notes_of(board):
        console.print(note)


def print_history(history: History) -> None:
    """Print every track: its figures on `clean`, then the loss for each family."""
    console = stdout()
    print_warnings(history.warnings)
    if any(release.synthetic for track in history.tracks for release in track.releases):
        console.print(
            "Some clips or detectors are synthetic: their figures say nothing about any published "
            "model."
        )
    for track in history.tracks:
        console.print(
            f"{track.line}: suite {track.suite} ({track.conditions} conditions) on {track.data}"
        )
        if track.reason:
            console.print(f"Break: not compared with the runs before: {track.reason}")
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
    for run in history.refused:
        console.print(run.line)


def _figures(track: Track) -> Table:
    names = METRICS.released
    table = figure_table("run", "release", *(name.replace("_", " ") for name in names), left=2)
    for release in track.releases:
        rows = {row.metric: row for row in release.figures}
        cells: list[str] = []
        for name in names:
            row = rows.get(name)
            if row is None or math.isnan(row.value):
                cells.append(MISSING)
                continue
            bounds = "" if math.isnan(row.low) else f"\n{figure(row.low)}–{figure(row.high)}"
            cells.append(f"{figure(row.value)}{_mark(release.steps, name)}{bounds}")
        version = release.version + ("\nsame scores" if release.same else "")
        table.add_row(_date(release), version, *cells)
    return table


def _families(track: Track) -> Iterator[Table]:
    names = list(dict.fromkeys(loss.family for run in track.releases for loss in run.families))
    for start in range(0, len(names), _FAMILIES):
        some = names[start : start + _FAMILIES]
        table = figure_table("accuracy lost", *(name.replace("_", " ") for name in some))
        for release in track.releases:
            losses = {loss.family: loss.value for loss in release.families}
            cells = [
                MISSING
                if math.isnan(losses.get(name, math.nan))
                else f"{signed(losses[name])}{_mark(release.family_steps, name)}"
                for name in some
            ]
            table.add_row(_date(release), *cells)
        yield table


def _mark(steps: Sequence[ReleaseStep], of: str) -> str:
    return next((MARKS[step.turn] for step in steps if step.of == of), "")


def _date(release: Release) -> str:
    return release.started[:10] + ("" if release.finished else "\nunfinished")
