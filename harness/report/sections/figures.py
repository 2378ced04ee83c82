"""All figures: every metric and every difference against clean, under every condition."""

from __future__ import annotations

from harness.metrics import Metric
from harness.report.formatting import interval, quantity
from harness.report.glossary import GROUPS, term
from harness.report.section import Content
from harness.report.table import (
    Cell,
    Column,
    Table,
    clips,
    count_cell,
    difference_cell,
    figure_cell,
    number,
    sort_key,
)
from harness.report.view import ModelView
from harness.results.figures import Damage, MetricRow
from harness.results.record import ConditionRecord


def build(view: ModelView) -> Content:
    order = list(GROUPS)
    terms = sorted(map(term, view.index.metrics), key=lambda t: order.index(t.group))
    damaged = [term(metric) for metric in view.index.damaged_metrics(view.name)]
    groups = {t.group for t in terms} | ({"damage"} if damaged else set())
    return {
        "groups": {key: title for key, title in GROUPS.items() if key in groups},
        "table": Table(
            view.anchor("all"),
            "All figures",
            f"Every condition and metric, {view.name}, with 95 % intervals for the generators of "
            "the test set and, where two or more are known, for new generators.",
            view.index.conditions,
            [
                Column("Condition", lambda c: Cell(c.words, (c.name,))),
                Column("Family", lambda c: c.family, "opt"),
                number(
                    "Severity",
                    lambda c: Cell(quantity(c.severity), sort=sort_key(c.severity)),
                    mark="opt",
                ),
                number("n", lambda c: count_cell(_n(view, c))),
                *(_figure(view, entry) for entry in terms),
                *(_damage(view, entry) for entry in damaged),
            ],
            filter="conditions",
        ),
    }


def _n(view: ModelView, condition: ConditionRecord) -> int:
    return view.row(condition.name, "accuracy").n


def _for_new(row: MetricRow | Damage) -> str:
    """The interval for new generators, where it is known and not that for these."""
    if (row.new_low, row.new_high) == (row.low, row.high):
        return ""
    between = interval(row.new_low, row.new_high)
    return f"new generators {between}" if between else ""


def _figure(view: ModelView, of: Metric) -> Column[ConditionRecord]:
    def cell(condition: ConditionRecord) -> Cell:
        row = view.row(condition.name, of.name)
        return figure_cell(row, _for_new(row), clips(row.n, _n(view, condition)))

    return number(of.title, cell, of.meaning, f"g g-{of.group}")


def _damage(view: ModelView, of: Metric) -> Column[ConditionRecord]:
    def cell(condition: ConditionRecord) -> Cell:
        damage = view.damage(condition.name, of.name)
        return difference_cell(damage, _for_new(damage), clips(damage.n, _n(view, condition)))

    return number(f"Δ {of.title}", cell, "Perturbed minus clean, paired.", "g g-damage")
