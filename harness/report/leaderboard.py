"""The page of a leaderboard: ranks and their bounds, robustness, data sets, cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.chart import Chart, rounded
from harness.report.formatting import count, figure, interval, listed, share
from harness.report.glossary import term
from harness.report.page_base import render_page
from harness.report.section import Content, Section, shown
from harness.report.table import (
    Cell,
    Column,
    Scale,
    Strip,
    Table,
    count_cell,
    difference_cell,
    figure_cell,
    number,
    number_cell,
    sort_key,
    strips,
)
from harness.storage.storage import make_folder, write_whole

if TYPE_CHECKING:
    from harness.leaderboard.leaderboard import Leaderboard
    from harness.leaderboard.leaderboard import RankedModel as Model
    from harness.leaderboard.standing import Standing

_NAMED = 4


def write_leaderboard(board: Leaderboard, path: Path) -> None:
    """Write the page of a leaderboard."""
    make_folder(path.parent)
    write_whole(path, render_leaderboard(board))


def render_leaderboard(board: Leaderboard) -> str:
    """Return the page of a leaderboard: one file that loads nothing."""
    from harness.report.vega import robustness  # charts are slow to import

    by = term(board.metric)
    charts: dict[str, Chart] = {}
    return render_page(
        "leaderboard.html.j2",
        charts,
        {"robust": robustness(by.title)},
        before=shown(SECTIONS, board, charts),
        panels=[],
        after=[],
        board=board,
        by=by,
        facts=facts(board),
        synthetic=board.synthetic,
        warnings=board.warnings,
    )


def facts(board: Leaderboard) -> list[str]:
    """Say what the models are ranked on."""
    return [
        f"{data.name}, suite {data.suite}: {count(data.shared)} of {count(data.clips)} clips were "
        f"scored by all, in {count(data.groups)} groups; {data.conditions} conditions of "
        f"{data.families} families."
        for data in board.data
    ]


def _ranks(board: Leaderboard) -> Content:
    by = term(board.metric)
    ends = [end for row in board.rows for end in (row.clean.figure.low, row.clean.figure.high)]
    middle = [row.clean.figure.value for row in board.rows if row.clean.rank]
    scale = Scale.around(ends, min(middle, default=0.0), max(middle, default=1.0))
    mean = ", the mean over data sets" if len(board.data) > 1 else ""

    def strip(row: Model) -> Strip:
        clean = row.clean.figure
        between = interval(clean.low, clean.high)
        words = f"{by.title} {figure(clean.value)}, interval {between}"
        return scale.strip(clean.value, clean.low, clean.high, words=words)

    def coverage(row: Model) -> Cell:
        perturbed = row.perturbed_coverage
        below = f"{share(perturbed)} perturbed" if perturbed < 1 else ""
        return Cell(share(row.coverage), (below,), sort_key(row.coverage))

    columns: list[Column[Model]] = [
        number("Rank", lambda row: _rank(row.clean)),
        Column("Group", lambda row: row.clean.letters),
        number(f"{by.title}, clean", lambda row: figure_cell(row.clean.figure)),
        strips(strip, "opt"),
        number("Rank", lambda row: _rank(row.perturbed), "Under perturbation"),
        Column("Group", lambda row: row.perturbed.letters, "", "Under perturbation"),
        number(
            "Perturbed",
            lambda row: figure_cell(row.perturbed.figure),
            f"{by.title} under perturbation",
        ),
        number("Coverage", coverage, "Share of its clips that it scored"),
    ]
    shares = [
        f"{row.model} {share(row.coverage)} clean, {share(row.perturbed_coverage)} perturbed"
        for row in board.rows
        if row.coverage < 1 or row.perturbed_coverage < 1
    ]
    uneven = (
        f"Not every clip was scored: {'; '.join(shares)}. Figures are of clips that all scored."
    )
    return {
        "lead": [_answer(board)],
        "caption": f"The line is the 95 % interval of {by.title} on a scale from "
        f"{figure(scale.start, 2)} to {figure(scale.end, 2)}.",
        "tables": [_table(board, "ranks", "Clean and under perturbation.", columns)],
        "points": [
            f"{row.model} is not ranked under perturbation: {row.note}."
            for row in board.rows
            if row.note
        ],
        "notes": [
            f"Ranks are by {by.title} ({board.better} is better){mean}. Below a rank are its "
            "bounds: with 95 % certainty they hold for all models of the column at once, over "
            f"groups ({count(board.resamples)} resamples, the same for all models; the largest "
            "studentised difference, step by step). Models that share a letter do not differ "
            "significantly.",
            *([uneven] if shares else []),
        ],
    }


def _robustness(board: Leaderboard) -> Content:
    title, with_mce = term(board.metric).title, bool(board.reference)
    columns: list[Column[Model]] = [
        number("Perturbed", lambda row: figure_cell(row.perturbed.figure)),
        number("Δ", lambda row: difference_cell(row.damage), "Perturbed less clean"),
        Column("Worst condition", lambda row: row.worst),
        number(title, lambda row: number_cell(row.worst_value), "Under the worst condition"),
    ]
    if with_mce:
        columns.append(number("mCE", lambda row: figure_cell(row.mce, digits=2)))
    return {
        "caption": f"{title} under perturbation (mean over the means of the families) over {title} "
        "on clean clips, with 95 % intervals. On the line nothing is lost.",
        "figure": "robust",
        "charts": {"robust": _robust(board)},
        "tables": [_table(board, "losses", "What perturbations cost.", columns)],
        "notes": [
            f"mCE is the mean corruption error relative to {board.reference}: 1 is as good, "
            "lower is better."
        ]
        * with_mce,
    }


def _data_sets(board: Leaderboard) -> Content | None:
    if len(board.data) < 2:
        return None
    columns: list[Column[Model]] = [
        number("Mean", lambda row: figure_cell(row.clean.figure)),
        number("Pooled", lambda row: figure_cell(row.pooled)),
    ]
    for place, data in enumerate(board.data):
        columns += _data_set(place, data.name)
    caption = f"{term(board.metric).title} on clean clips."
    return {
        "text": [
            "Each data set by itself; their plain mean, by which models are ranked; and all clips "
            "pooled as one test set with one threshold."
        ],
        "tables": [_table(board, "data-sets", caption, columns)],
    }


def _data_set(place: int, name: str) -> list[Column[Model]]:
    return [
        number(name, lambda row: figure_cell(row.data[place].figure)),
        number("Rank", lambda row: _rank(row.data[place])),
    ]


def _costs(board: Leaderboard) -> Content:
    def column(metric: str) -> Column[Model]:
        return number(term(metric).title, lambda row: figure_cell(row.figures[metric]))

    def speed(row: Model) -> Cell:
        speeds = [cost.rows_per_second for cost in row.cost]
        return Cell(listed([f"{speed:.1f}" for speed in speeds]), (), sort_key(min(speeds)))

    def device(row: Model) -> str:
        devices = dict.fromkeys(
            f"{cost.device}, {cost.precision}"
            + (f", with {cost.models - 1} more" if cost.models > 1 else "")
            for cost in row.cost
        )
        return "; ".join(devices)

    columns: list[Column[Model]] = [
        *map(column, board.rows[0].figures),
        number("Rows/s", speed),
        Column("Device", device),
        number(
            "Parameters",
            lambda row: Cell(sort="") if row.parameters is None else count_cell(row.parameters),
        ),
    ]
    mean = ", the mean over data sets" if len(board.data) > 1 else ""
    caption = (
        f"On clean clips{mean}. Rows per second are of a whole run, of all the models that it "
        "scored together, preparation included: compare them on one device only."
    )
    return {"tables": [_table(board, "costs", caption, columns, runs=True)]}


def _left_out(board: Leaderboard) -> Content | None:
    points = [f"{run.run}: {run.reason}" for run in board.refused]
    return {"points": points} if points else None


SECTIONS: tuple[Section[Leaderboard], ...] = (
    Section("answer", "The answer", _ranks),
    Section("robustness", "Robustness and clean performance", _robustness),
    Section("data", "By data set", _data_sets),
    Section("figures", "Other figures, and the cost", _costs),
    Section("refused", "What is left out", _left_out),
)


def _table(
    board: Leaderboard,
    name: str,
    caption: str,
    columns: Sequence[Column[Model]],
    *,
    runs: bool = False,
) -> Table[Model]:
    """Return a table with a row for each model, its release or runs below its name."""

    def model(row: Model) -> Cell:
        return Cell(row.model, row.runs if runs else (row.release,))

    columns = [Column("Model", model), *columns]
    return Table(name, caption, caption, board.rows, columns, style="sortable full")


def _rank(standing: Standing) -> Cell:
    if not standing.rank:
        return Cell(sort="")
    bounds = f"{standing.best} to {standing.worst}"
    return Cell(count(standing.rank), (bounds,), str(standing.rank))


def _answer(board: Leaderboard) -> str:
    """Say who is first, who is not significantly worse, and who is."""
    by = term(board.metric).prose
    sentences = [_first(board, "clean", f"By {by} on clean clips")]
    if any(row.perturbed.rank for row in board.rows):
        sentences.append(_first(board, "perturbed", "Under perturbation"))
    return " ".join(sentences)


def _first(board: Leaderboard, which: str, where: str) -> str:
    places = [(row.model, getattr(row, which)) for row in board.rows]
    ranked = sorted((place for place in places if place[1].rank), key=lambda place: place[1].rank)
    if not ranked:
        return f"{where} nothing could be ranked."
    first = [name for name, standing in ranked if standing.rank == 1]
    letters = {
        letter
        for _, standing in ranked
        if standing.rank == 1
        for letter in standing.letters.split()
    }
    near = [
        name
        for name, standing in ranked
        if standing.rank > 1 and letters & set(standing.letters.split())
    ]
    behind = [name for name, _ in ranked if name not in {*first, *near}]
    are = "is" if len(first) == 1 else "are"
    sentence = f"{where} {_names(first)} {are} first"
    if near:
        sentence += f", and not significantly better than {_names(near)}"
    if behind:
        sentence += f"; {_names(behind)} {'is' if len(behind) == 1 else 'are'} significantly worse"
    return f"{sentence}."


def _names(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return listed([*names[:_NAMED], f"{count(rest)} more"] if rest > 0 else names)


def _robust(board: Leaderboard) -> Chart:
    known = [row for row in board.rows if row.perturbed.rank]
    models = [(row.model, row.clean.figure, row.perturbed.figure) for row in known]
    columns = {
        "model": [name for name, _, _ in models],
        **{
            f"{axis}{end}": [rounded(getattr(pair[at], field)) for _, *pair in models]
            for axis, at in (("x", 0), ("y", 1))
            for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
    }
    spoken = ", ".join(
        f"{name}: {figure(clean.value)} clean, {figure(perturbed.value)} perturbed"
        for name, clean, perturbed in models
    )
    title = term(board.metric).title
    return Chart("robust", columns, {}, f"{title} under perturbation over clean. {spoken}")
