"""Section on rows without a score and their reasons."""

from __future__ import annotations

from harness.report import narrative
from harness.report.section import Content
from harness.report.table import Column, Table, count_cell, number
from harness.report.view import ModelView


def build(view: ModelView) -> Content:
    summary = view.index.summary
    rows = [row for row in summary.unscored if row.model == view.name]
    if not rows:
        return {"text": ["Nothing: every clip has a score under every condition."]}
    table = Table(
        view.anchor("unscored-rows"),
        "What was not scored",
        f"Rows without a score. {narrative.POLICIES[summary.policy]}",
        rows,
        [
            Column("Condition", lambda row: view.index.words(row.condition)),
            Column("Status", lambda row: row.status),
            Column("Reason", lambda row: row.reason, "id"),
            number("Rows", lambda row: count_cell(row.rows)),
        ],
        filter="reasons",
    )
    return {"tables": [table]}
