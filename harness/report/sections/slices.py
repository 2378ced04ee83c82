"""Section "On which clips": figures by every property that divides the clips."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.metrics import METRICS, Metric
from harness.report import chart
from harness.report.formatting import figure
from harness.report.glossary import term
from harness.report.section import Content
from harness.report.table import (
    Cell,
    Column,
    Scale,
    Strip,
    Table,
    clips,
    count_cell,
    figure_cell,
    number,
    strips,
)
from harness.report.view import Beside, ModelView
from harness.results.record import ConditionRecord
from harness.summary.cells import Slice, slice_of
from harness.terms import CLEAN


def build(view: ModelView) -> Content | None:
    parts = dict.fromkeys(
        row.slice.partition("=")[0]
        for row in view.index.summary.rows
        if row.model == view.name and row.condition == CLEAN and "=" in row.slice
    )
    if not parts:
        return None
    by_length = view.beside(
        "length", lambda condition: chart.levels(view.index, view.name, condition, "length")
    )
    return {
        "divisions": [_division(view, slice_of(fact), by_length) for fact in parts],
        "charts": by_length.drawn,
    }


def _division(view: ModelView, by: Slice, by_length: Beside) -> Content:
    """Return the figures of clips divided by one property; only lengths have charts."""
    note = (
        "These clips are all fake: recall is the share of them that was detected; EER and AUC "
        "compare them with every real clip."
    )
    return {
        "title": f"By {by.title.lower()}",
        "clean": _clean(view, by),
        "everywhere": _everywhere(view, by),
        "charts": by_length if by.fact == "length" and by_length.charts else None,
        "note": note if by.against_real is not None else "",
    }


def _clean(view: ModelView, by: Slice) -> Table[str]:
    """Return the figures of every slice on clean clips, and one under the worst condition."""
    slices = view.index.slices(view.name, by.fact)
    metrics = [*METRICS.chosen(by.elsewhere)]
    metrics += METRICS.chosen(by.against_real) if by.against_real else ()
    leading, *others = map(term, metrics)
    worst = view.worst

    def n(part: str) -> int:
        return view.row(CLEAN, leading.name, part).n

    def metric(of: Metric, condition: str) -> Callable[[str], Cell]:
        def cell(part: str) -> Cell:
            row = view.row(condition, of.name, part)
            return figure_cell(row, clips(row.n, n(part)))

        return cell

    def strip(part: str) -> Strip:
        clean = view.row(CLEAN, leading.name, part)
        other = math.nan if worst is None else view.row(worst.name, leading.name, part).value
        words = f"{_value(part)}: clean {figure(clean.value)}, worst condition {figure(other)}"
        return Scale(0.0, 1.0).strip(clean.value, clean.low, clean.high, other, words)

    under = f", and under {worst.words} (bar)" if worst else ""
    return Table(
        view.anchor(f"slice-{by.fact}"),
        f"By {by.title.lower()}",
        f"Clean clips. The strip, from 0 to 1, is {leading.title} with its 95 % interval{under}.",
        slices,
        [
            Column(by.title, _value),
            number("Clips", lambda part: count_cell(n(part))),
            number(leading.title, metric(leading, CLEAN), leading.meaning),
            strips(strip),
            *(
                [number(f"{leading.title}, worst condition", metric(leading, worst.name))]
                if worst
                else []
            ),
            *(number(entry.title, metric(entry, CLEAN), entry.meaning) for entry in others),
        ],
        style="sortable full slices",
    )


def _everywhere(view: ModelView, by: Slice) -> Table[ConditionRecord]:
    """Return the leading metric of every slice under every condition."""
    metric = by.leading
    title = f"{term(metric).title} by {by.title.lower()} and condition"

    def column(part: str) -> Column[ConditionRecord]:
        def cell(condition: ConditionRecord) -> Cell:
            row = view.row(condition.name, metric, part)
            return figure_cell(row, clips(row.n))

        return number(_value(part), cell)

    return Table(
        view.anchor(f"slices-{by.fact}"),
        title,
        f"{title}.",
        view.index.conditions,
        [
            Column("Condition", lambda condition: condition.words),
            *map(column, view.index.slices(view.name, by.fact)),
        ],
        filter="conditions",
    )


def _value(part: str) -> str:
    return part.split("=", 1)[1] or "unknown"
