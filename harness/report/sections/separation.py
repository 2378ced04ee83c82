"""Section on the separation of the classes' scores, and the cost of a threshold set beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from harness.report import chart, narrative
from harness.report.glossary import term
from harness.report.section import Content
from harness.report.table import Cell, Column, Interval, Table, difference_cell, number, number_cell
from harness.report.view import ModelView
from harness.results.figures import Hindsight
from harness.results.record import ConditionRecord
from harness.terms import CLEAN


class _Costs(NamedTuple):
    """Error rates and cost at the threshold under one condition."""

    condition: ConditionRecord
    rates: Hindsight
    cost: Hindsight


def build(view: ModelView) -> Content:
    index, model = view.index, view.name
    curved = chart.curved(index, model, index.losses(model))
    beside = view.beside("scores", lambda condition: chart.scores(index, model, condition))
    return {
        "curved": [index.words(name) for name in curved],
        "roc": view.anchor("roc"),
        "det": view.anchor("det"),
        "scores": beside,
        "bar": index.record.threshold_of(model),
        "threshold": narrative.threshold_sentence(index, model),
        "costs": _costs(view),
        "charts": {
            view.anchor("roc"): chart.roc(index, model, curved),
            view.anchor("det"): chart.det(index, model, curved),
            **beside.drawn,
        },
    }


def _costs(view: ModelView) -> Table[_Costs]:
    """Return every condition with both classes, clean first, then where most is hidden."""
    known = {
        (row.condition, row.metric): row
        for row in view.index.summary.hindsight
        if row.model == view.name and math.isfinite(row.hidden)
    }
    lines = [
        _Costs(condition, known[condition.name, "hter"], known[condition.name, "act_dcf"])
        for condition in view.index.conditions
        if (condition.name, "hter") in known and (condition.name, "act_dcf") in known
    ]
    lines.sort(key=lambda line: (line.condition.name != CLEAN, -line.rates.hidden))
    return Table(
        view.anchor("threshold"),
        "What the threshold costs",
        "Clean, then the conditions where most is hidden. Intervals of 95 %, from the same draws.",
        lines,
        [
            Column("Condition", lambda c: Cell(c.condition.words, (c.condition.name,))),
            *_columns("hter", "eer", lambda c: c.rates),
            *_columns("act_dcf", "min_dcf", lambda c: c.cost),
        ],
    )


def _columns(set_before: str, best: str, of: Callable[[_Costs], Hindsight]) -> list[Column[_Costs]]:
    def hidden(costs: _Costs) -> Cell:
        row = of(costs)
        return difference_cell(Interval(row.hidden, row.low, row.high))

    first, second = term(set_before), term(best)
    return [
        number(first.title, lambda c: number_cell(of(c).value), first.meaning),
        number(second.title, lambda c: number_cell(of(c).best), second.meaning),
        number("Hidden", hidden),
    ]
