"""Section that explains the page's terms."""

from __future__ import annotations

from harness.report import glossary, narrative
from harness.report.section import Content
from harness.report.view import RunView


def build(view: RunView) -> Content:
    summary = view.index.summary
    return {
        "summary": summary,
        "unscored": narrative.POLICIES[summary.policy],
        "terms": [term for term in glossary.terms() if term.name in view.index.metrics],
    }
