"""The page of a leaderboard: ranks and their bounds, robustness, data sets, cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt

from harness.report import table
from harness.report.chart import Chart
from harness.report.formatting import MISSING, count, figure, interval, listed, signed
from harness.report.glossary import term
from harness.report.page_base import dress, environment
from harness.report.vega import ROWS, finished
from harness.storage.storage import make_folder, write_whole

if TYPE_CHECKING:
    from harness.leaderboard.leaderboard import Leaderboard
    from harness.leaderboard.leaderboard import RankedModel as Ranked
    from harness.leaderboard.rank import Bounded, Standing

_NAMED = 4


@dataclass(frozen=True)
class Cell:
    """A figure as text, with its interval and what it is sorted by."""

    text: str
    between: str
    sort: str


@dataclass(frozen=True)
class RowView:
    """A model as the tables show it."""

    model: str
    release: str
    runs: list[str]
    rank: Cell
    letters: str
    clean: Cell
    strip: table.Strip
    perturbed_rank: Cell
    perturbed_letters: str
    perturbed: Cell
    damage: Cell
    worst: str
    worst_value: str
    worst_sort: str
    mce: Cell
    coverage: str
    coverage_sort: str
    perturbed_coverage: str
    pooled: Cell
    data: list[tuple[Cell, Cell]]
    figures: list[Cell]
    speed: str
    speed_sort: str
    device: str
    parameters: str
    parameters_sort: str


def write_leaderboard(board: Leaderboard, path: Path) -> None:
    """Write the page of a leaderboard."""
    make_folder(path.parent)
    write_whole(path, render_leaderboard(board))


def render_leaderboard(board: Leaderboard) -> str:
    """The page of a leaderboard: one file that loads nothing."""
    by = term(board.metric)
    ends = [end for row in board.rows for end in (row.clean.figure.low, row.clean.figure.high)]
    middle = [row.clean.figure.value for row in board.rows if row.clean.rank]
    scale = table.scale(ends, min(middle, default=0.0), max(middle, default=1.0))
    robust = _robust(board)
    return (
        environment()
        .get_template("leaderboard.html.j2")
        .render(
            **dress({"robust": robust}, {"robust": _specification(by.title)}),
            board=board,
            by=by,
            title=", ".join(each.name for each in board.data),
            rows=[_view(row, scale) for row in board.rows],
            titles=[term(name).title for name in board.rows[0].figures],
            scale=scale,
            answer=_answer(board),
            words=robust.words,
            synthetic=board.synthetic,
            warnings=board.warnings,
        )
    )


def _answer(board: Leaderboard) -> str:
    """Who is first, who is not significantly worse, and who is."""
    by = term(board.metric).prose
    told = [_first(board, "clean", f"By {by} on clean clips")]
    if any(row.perturbed.rank for row in board.rows):
        told.append(_first(board, "perturbed", "Under perturbation"))
    return " ".join(told)


def _first(board: Leaderboard, which: str, where: str) -> str:
    places = [(row.model, getattr(row, which)) for row in board.rows]
    ranked = sorted((place for place in places if place[1].rank), key=lambda each: each[1].rank)
    if not ranked:
        return f"{where} nothing could be ranked."
    first = [name for name, standing in ranked if standing.rank == 1]
    letters = {letter for _, one in ranked if one.rank == 1 for letter in one.letters.split()}
    near = [
        name
        for name, standing in ranked
        if standing.rank > 1 and letters & set(standing.letters.split())
    ]
    behind = [name for name, _ in ranked if name not in {*first, *near}]
    are = "is" if len(first) == 1 else "are"
    told = f"{where} {_names(first)} {are} first"
    if near:
        told += f", and not told apart from {_names(near)}"
    if behind:
        told += f"; {_names(behind)} {'is' if len(behind) == 1 else 'are'} significantly worse"
    return f"{told}."


def _names(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return listed([*names[:_NAMED], f"{count(rest)} more"] if rest > 0 else names)


def _view(row: Ranked, scale: table.Scale) -> RowView:
    clean, speeds = row.clean.figure, [each.rows_per_second for each in row.cost]
    devices = dict.fromkeys(
        f"{each.device}, {each.precision}"
        + (f", with {each.models - 1} more" if each.models > 1 else "")
        for each in row.cost
    )
    perturbed_coverage = row.perturbed_coverage
    return RowView(
        model=row.model,
        release=row.release,
        runs=row.runs,
        rank=_rank(row.clean),
        letters=row.clean.letters,
        clean=_cell(clean),
        strip=scale.strip(clean.value, clean.low, clean.high),
        perturbed_rank=_rank(row.perturbed),
        perturbed_letters=row.perturbed.letters,
        perturbed=_cell(row.perturbed.figure),
        damage=_cell(row.damage, signs=True),
        worst=row.worst or MISSING,
        worst_value=figure(row.worst_value),
        worst_sort=_sort(row.worst_value),
        mce=_cell(row.mce, digits=2),
        coverage=f"{row.coverage:.1%}",
        coverage_sort=_sort(row.coverage),
        perturbed_coverage=f"{perturbed_coverage:.1%}" if perturbed_coverage < 1 else "",
        pooled=_cell(row.pooled),
        data=[(_cell(each.figure), _rank(each)) for each in row.data],
        figures=[_cell(each) for each in row.figures.values()],
        speed=listed([f"{speed:.1f}" for speed in speeds]),
        speed_sort=_sort(min(speeds)),
        device="; ".join(devices),
        parameters=MISSING if row.parameters is None else count(row.parameters),
        parameters_sort="" if row.parameters is None else str(row.parameters),
    )


def _rank(standing: Standing) -> Cell:
    if not standing.rank:
        return Cell(MISSING, "", "")
    return Cell(count(standing.rank), f"{standing.best} to {standing.worst}", str(standing.rank))


def _cell(bounded: Bounded, digits: int = 3, *, signs: bool = False) -> Cell:
    text = (signed if signs else figure)(bounded.value, digits)
    return Cell(text, interval(bounded.low, bounded.high, digits), _sort(bounded.value))


def _sort(value: float) -> str:
    return str(value) if math.isfinite(value) else ""


def _robust(board: Leaderboard) -> Chart:
    known = [row for row in board.rows if row.perturbed.rank]
    each = [(row.model, row.clean.figure, row.perturbed.figure) for row in known]
    columns = {
        "model": [name for name, _, _ in each],
        **{
            f"{axis}{end}": [_number(getattr(pair[at], field)) for _, *pair in each]
            for axis, at in (("x", 0), ("y", 1))
            for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
    }
    spoken = ", ".join(
        f"{name}: {figure(clean.value)} clean, {figure(perturbed.value)} perturbed"
        for name, clean, perturbed in each
    )
    title = term(board.metric).title
    return Chart("robust", columns, {}, f"{title} under perturbation over clean. {spoken}")


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _specification(title: str) -> dict[str, Any]:
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(ROWS)
    x = alt.X("x:Q", scale=scale, title=f"{title}, clean")
    y = alt.Y("y:Q", scale=scale, title=f"{title}, perturbed")
    tooltip = [
        alt.Tooltip("model:N", title="Model"),
        alt.Tooltip("x:Q", title="Clean", format=".3f"),
        alt.Tooltip("y:Q", title="Perturbed", format=".3f"),
    ]
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
