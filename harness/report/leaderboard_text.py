"""A leaderboard as text: CSV with every number, and Markdown with what its page says.

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
from harness.report.leaderboard import SECTIONS, facts
from harness.report.markdown import prose, sections_text
from harness.report.section import SYNTHETIC

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
    """Return the sections of the page, without their charts."""
    before = [warning.line for warning in board.warnings] + [SYNTHETIC] * board.synthetic
    lines = [f"- {prose(line)}" for line in [*before, *facts(board)]]
    return "\n".join([*lines, "", *sections_text(SECTIONS, board), ""])


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
