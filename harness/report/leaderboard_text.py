"""A leaderboard as text: CSV with every number, tables and Markdown with the main ones.

A missing figure is `–`, and an empty field in CSV, where figures have all their digits.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from harness.errors import printable
from harness.leaderboard.leaderboard import Leaderboard, RankedModel
from harness.leaderboard.standing import Bounded, Standing
from harness.report.formatting import MISSING, figure, measured, share
from harness.report.markdown import code, line, prose

Named = Iterator[tuple[str, object]]

_FORMULA = ("=", "+", "-", "@")


def as_csv(board: Leaderboard) -> str:
    """Return a line for each model, by rank."""
    file = io.StringIO()
    rows = [dict(_named(board, row)) for row in board.rows]
    writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def as_markdown(board: Leaderboard) -> str:
    """Return the tables, and below them the notes on how to read them."""
    parts = [f"- {prose(warning.line)}" for warning in board.warnings]
    parts += [""] * bool(parts)
    for head, rows in tables_of(board):
        parts += [line([prose(title) for title in head]), line(["---"] * len(head))]
        parts += [line([code(row[0]), *(prose(cell) for cell in row[1:])]) for row in rows]
        parts.append("")
    parts += [f"- {prose(note)}" for note in notes_of(board)]
    return "\n".join([*parts, ""])


def notes_of(board: Leaderboard) -> list[str]:
    """Return notes on the data, the bounds of ranks, and what was left out."""
    notes: list[str] = []
    if board.synthetic:
        notes.append(
            "Clips or detectors are synthetic: these figures say nothing about any published model."
        )
    for data in board.data:
        notes.append(
            f"{data.name}, suite {data.suite}: {data.shared} of {data.clips} clips are scored by "
            f"all, in {data.groups} groups; {data.conditions} conditions of {data.families} "
            "families."
        )
    notes.append(
        f"Ranked by {board.metric} ({board.better} is better) on clean"
        + ("; the mean over data sets." if len(board.data) > 1 else ".")
        + " Ranks in brackets hold for all models of a column at once with 95 % certainty "
        f"({board.resamples} resamples of groups); models that share a letter do not differ "
        "significantly."
    )
    notes += [f"{row.model}: not ranked under perturbation: {row.note}." for row in _noted(board)]
    uneven = [row for row in board.rows if row.coverage < 1 or row.perturbed_coverage < 1]
    if uneven:
        shares = "; ".join(
            f"{row.model} {share(row.coverage)} clean, {share(row.perturbed_coverage)} perturbed"
            if not math.isnan(row.perturbed_coverage)
            else f"{row.model} {share(row.coverage)} clean"
            for row in uneven
        )
        notes.append(f"Not every clip was scored: {shares}. Figures are of clips that all scored.")
    if board.reference:
        notes.append(
            f"mCE is the mean corruption error relative to {board.reference}: lower is better."
        )
    return notes + [run.line for run in board.refused]


def _noted(board: Leaderboard) -> list[RankedModel]:
    return [row for row in board.rows if row.note]


def tables_of(board: Leaderboard) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Return head and rows of the tables: ranks; data sets, if several; cost."""
    by = board.metric
    head = ["model", "rank", "", f"{by}, clean", "rank, perturbed", f"{by}, perturbed"]
    head += [f"worst {by}", *(["mCE"] if board.reference else []), "coverage"]
    yield head, [_ranks(board, row) for row in board.rows]
    if len(board.data) > 1:
        head = ["model", f"{by}, mean", "pooled", *(data.name for data in board.data)]
        yield head, [_sets(row) for row in board.rows]
    yield (
        ["model", *board.rows[0].figures, "rows/s", "parameters"],
        [_others(row) for row in board.rows],
    )


def _ranks(board: Leaderboard, row: RankedModel) -> list[str]:
    return [
        row.model,
        rank_text(row.clean),
        row.clean.letters,
        _figure(row.clean.figure),
        f"{rank_text(row.perturbed)} {row.perturbed.letters}".strip(),
        _figure(row.perturbed.figure),
        f"{figure(row.worst_value)} ({row.worst})" if row.worst else MISSING,
        *([_figure(row.mce, 2)] if board.reference else []),
        share(row.coverage),
    ]


def _sets(row: RankedModel) -> list[str]:
    standings = [f"{_figure(standing.figure)} {rank_text(standing)}" for standing in row.data]
    return [row.model, _figure(row.clean.figure), _figure(row.pooled), *standings]


def _others(row: RankedModel) -> list[str]:
    speeds = dict.fromkeys(f"{cost.rows_per_second:.1f} {cost.device}" for cost in row.cost)
    parameters = MISSING if row.parameters is None else f"{row.parameters:,}"
    return [row.model, *map(_figure, row.figures.values()), ", ".join(speeds), parameters]


def rank_text(standing: Standing) -> str:
    """Return `2 [1–4]`."""
    if not standing.rank:
        return MISSING
    return f"{standing.rank} [{standing.best}–{standing.worst}]"


def _figure(bounded: Bounded, digits: int = 3) -> str:
    return measured(bounded.value, bounded.low, bounded.high, digits)


def _named(board: Leaderboard, row: RankedModel) -> Named:
    yield "model", row.model
    yield "release", row.release
    yield "metric", board.metric
    yield from _standing("clean", row.clean)
    yield from _standing("perturbed", row.perturbed)
    yield from _bounded("damage", row.damage)
    yield from (("worst_condition", row.worst), ("worst", row.worst_value))
    yield "mce_reference", board.reference
    yield from _bounded("mce", row.mce)
    for name, bounded in row.figures.items():
        yield from _bounded(name, bounded)
    for data, standing in zip(board.data, row.data, strict=True):
        if len(board.data) > 1:
            yield from _standing(f"{data.name}:{data.digest}", standing)
    yield from _bounded("pooled", row.pooled)
    yield from (("coverage", row.coverage), ("perturbed_coverage", row.perturbed_coverage))
    yield "parameters", row.parameters
    yield "rows_per_second", " ".join(f"{cost.rows_per_second:g}" for cost in row.cost)
    yield "device", " ".join(cost.device for cost in row.cost)
    yield "models_scored_together", " ".join(str(cost.models) for cost in row.cost)
    yield "synthetic", row.synthetic or board.synthetic
    yield "runs", " ".join(row.runs)


def _standing(name: str, standing: Standing) -> Named:
    yield f"{name}_rank", standing.rank or None
    yield f"{name}_rank_best", standing.best or None
    yield f"{name}_rank_worst", standing.worst or None
    yield f"{name}_letters", standing.letters
    yield from _bounded(name, standing.figure)


def _bounded(name: str, bounded: Bounded) -> Named:
    yield name, bounded.value
    yield f"{name}_low", bounded.low
    yield f"{name}_high", bounded.high
    yield f"{name}_n", bounded.n


def _field(value: object) -> object:
    """Return a value for CSV; text that a spreadsheet would take for a formula is quoted."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{printable(value)}"
    return printable(value) if isinstance(value, str) else value
