"""The report: one HTML file that loads nothing, from figures that are finished."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.claims.published import Published
from harness.report import condition_table, formatting, glossary, narrative
from harness.report.card_limits import limitations
from harness.report.comparison import against
from harness.report.example import Example
from harness.report.heat import LOSS_STEPS
from harness.report.lookup import Index
from harness.report.model_section import PARTS, panel
from harness.report.page_base import data_uri, dress, environment
from harness.report.requirement import requirements
from harness.report.vega import specifications
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

    Examples of the worst mistakes and of clips that turned come in the order given as long as there
    is room; the page says how many were left out.

    Parameters
    ----------
    gate
        What the run was held to, for the first section.
    comparison
        With a baseline, for a section on each model. Examples of clips that turned are heard there
        where they are not among the worst mistakes.
    """
    index = Index(summary, record)
    content = _content(index, published) | _judged(index, gate, comparison)
    # A run keeps examples of what turned against one baseline, and may be held against another.
    told = content["mistaken"] | content["flipped"].keys()
    examples = [example for example in examples if example.key in told]
    template = environment().get_template("page.html.j2")
    bare = template.render(content, examples=[], left_out=len(examples), anchors={})
    room = MOST_BYTES - len(bare.encode("utf-8"))
    fitting: list[Example] = []
    for example in examples:
        if _size(example) <= room:
            room -= _size(example)
            fitting.append(example)
    anchors = {
        example.key: f"example-{place}"
        for place, example in enumerate(fitting)
        if example.key in content["flipped"]
    }
    left_out = len(examples) - len(fitting)
    return template.render(content, examples=fitting, left_out=left_out, anchors=anchors)


def _judged(index: Index, gate: Gate | None, comparison: Comparison | None) -> dict[str, Any]:
    """What the templates of the gate and of the comparison are filled with."""
    told = [] if gate is None else gate.notes
    flips = [] if comparison is None else comparison.flips
    flipped = {(flip.model, flip.condition, flip.clip_id): flip for flip in flips}
    mistakes = {(each.model, each.condition, each.clip_id) for each in index.summary.mistakes}
    return {
        "warnings": index.summary.warnings if gate is None else gate.warnings,
        "gate": gate,
        "requirements": None if gate is None else requirements(index, gate),
        "against": {
            model: against(index, model, comparison, told)
            for model in index.models
            if comparison is not None
        },
        "comparison": comparison,
        "flipped": flipped,
        "mistaken": mistakes,
    }


def _size(example: Example) -> int:
    """Bytes that an example takes on the page, rather too many: base64 and its words, escaped."""
    words = len(example.clip_id) + len(example.words) + len(example.model)
    return (len(example.audio) + len(example.spectrogram_png)) * 4 // 3 + 20 * words + 2000


def _content(index: Index, published: Published | None) -> dict[str, Any]:
    """What the templates are filled with, all but the examples."""
    record, summary = index.record, index.summary
    panels = [panel(index, place, published) for place in range(len(index.models))]
    charts = {key: chart for each in panels for key, chart in each.charts.items()}
    return {
        **dress(charts, specifications()),
        "record": record,
        "threshold": narrative.rule_words(record),
        "summary": summary,
        "tally": summary.tally,
        "missing": narrative.missing_sentence(record, summary.tally),
        "shortfalls": _shortfalls(index),
        "audio_notes": narrative.notes_sentence(summary.audio_notes),
        "unscored": narrative.POLICIES[summary.policy],
        "contradictions": summary.contradictions,
        "treatments": condition_table.treatments(index),
        "titles": condition_table.TITLES,
        "index": index,
        "panels": panels,
        "published": published,
        "limitations": limitations(index, published),
        "command": shlex.join(record.command),
        "parts": PARTS,
        "groups": glossary.GROUPS,
        "terms": [t for t in glossary.terms() if t.metric in index.metrics],
        "steps": LOSS_STEPS,
        "term": glossary.term,
        "interval": formatting.interval,
        "data_uri": data_uri,
    }


def _shortfalls(index: Index) -> list[str]:
    minimum = index.record.suite.min_coverage
    return [
        narrative.shortfall_sentence(shortfall, index.words(shortfall.condition), minimum)
        for shortfall in index.summary.shortfalls[:MOST_SHORTFALLS]
    ]
