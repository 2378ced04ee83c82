"""What was not scored, and why."""

from __future__ import annotations

from harness.report import narrative
from harness.report.section import Content
from harness.report.table import Column, Table, count_cell, number
from harness.report.view import ModelView


def build(view: ModelView) -> Content:
    summary = view.index.summary
    rows = [each for each in summary.unscored if each.model == view.name]
    if not rows:
        return {"text": ["Nothing: every clip has a score under every condition."]}
    table = Table(
        view.anchor("unscored-rows"),
        "What was not scored",
        f"Rows without a score. {narrative.POLICIES[summary.policy]}",
        rows,
        [
            Column("Condition", lambda each: view.index.words(each.condition)),
            Column("Status", lambda each: each.status),
            Column("Reason", lambda each: each.reason, "id"),
            number("Rows", lambda each: count_cell(each.rows)),
        ],
        filter="reasons",
    )
    return {"tables": [table]}
