"""The report: one HTML file that loads nothing, from figures that are finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.claims.published import Published
from harness.report import narrative
from harness.report.chart import Chart
from harness.report.example import Example
from harness.report.lookup import Index
from harness.report.page_base import render_page
from harness.report.section import Panel, shown
from harness.report.sections import CLOSING, OPENING, PER_MODEL
from harness.report.vega import specifications
from harness.report.view import ModelView, RunView
from harness.results.figures import Summary
from harness.results.record import RunRecord

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare.compare import Comparison
    from harness.compare.verdict import Gate

MOST_BYTES = 3_000_000
MOST_SHORTFALLS = 200


def render(
    summary: Summary,
    record: RunRecord,
    published: Published | None,
    examples: Sequence[Example],
    gate: Gate | None = None,
    comparison: Comparison | None = None,
) -> str:
    """Write the page of one run, in less than `MOST_BYTES` bytes of UTF-8.

    Examples of the worst mistakes and of clips that changed verdict come in the order given as long
    as there is room; the page says how many were left out. An example of anything else is not
    shown: a run keeps clips that changed verdict against one baseline, and may be compared with
    another.
    """
    view = RunView(Index(summary, record), published, gate, comparison)
    examples = [
        example for example in examples if example.key in view.mistakes or example.key in view.flips
    ]
    room = MOST_BYTES - len(_page(view, len(examples)).encode("utf-8"))
    fitting: list[Example] = []
    for example in examples:
        if _size(example) <= room:
            room -= _size(example)
            fitting.append(example)
    if not examples:
        return _page(view, 0)
    return _page(replace(view, examples=fitting), len(examples) - len(fitting))


def _size(example: Example) -> int:
    """Return an upper bound of the bytes that an example takes on the page."""
    words = len(example.clip_id) + len(example.words) + len(example.model)
    return (len(example.audio) + len(example.spectrogram_png)) * 4 // 3 + 20 * words + 2000


def _page(view: RunView, left_out: int) -> str:
    view = replace(view, left_out=left_out)
    index, summary = view.index, view.index.summary
    charts: dict[str, Chart] = {}
    models = [ModelView(view, number, name) for number, name in enumerate(index.models)]
    return render_page(
        "page.html.j2",
        charts,
        specifications(),
        before=shown(OPENING, view, charts),
        panels=[
            Panel(model.name, shown(PER_MODEL, model, charts, f"-{model.number}"))
            for model in models
        ],
        after=shown(CLOSING, view, charts),
        record=index.record,
        summary=summary,
        tally=summary.tally,
        names=", ".join(index.models),
        conditions=len(index.conditions),
        warnings=summary.warnings if view.gate is None else view.gate.warnings,
        missing=narrative.missing_sentence(index.record, summary.tally),
        shortfalls=_shortfalls(index),
        audio_notes=narrative.notes_sentence(summary.audio_notes),
        unscored=narrative.POLICIES[summary.policy],
    )


def _shortfalls(index: Index) -> list[str]:
    minimum = index.record.suite.min_coverage
    return [
        narrative.shortfall_sentence(shortfall, index.words(shortfall.condition), minimum)
        for shortfall in index.summary.shortfalls[:MOST_SHORTFALLS]
    ]
