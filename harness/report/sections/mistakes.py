"""The worst mistakes: clips that the detector got wrong with the most extreme scores."""

from __future__ import annotations

from harness.report.formatting import signed
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, number, number_cell, sort_key
from harness.report.view import ModelView


def build(view: ModelView) -> Content:
    mistakes = [mistake for mistake in view.index.summary.mistakes if mistake.model == view.name]
    return {
        "examples": [
            (example, view.run.anchors.get(example.key, ""))
            for example in view.run.examples
            if example.model == view.name and example.key in view.run.mistakes
        ],
        "left_out": view.run.left_out if view.number == 0 else 0,
        "mistakes": Table(
            view.anchor("mistake-list"),
            "Worst mistakes",
            "Confident errors, worst first.",
            mistakes,
            [
                Column("Clip", lambda m: m.clip_id, "id"),
                Column("Condition", lambda m: view.index.words(m.condition)),
                Column("Label", lambda m: m.label),
                number("Score", lambda m: Cell(signed(m.score, 2), sort=sort_key(m.score))),
                number("Seconds", lambda m: number_cell(m.seconds, 2)),
                Column("Generator", lambda m: m.generator),
                Column("Source", lambda m: m.source),
            ],
            style="sortable",
        ),
    }
