"""The forensic page: weight of the scores as evidence, and its limits."""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.forensic.analysis import Forensic, ForensicOptions, forensic, forensic_json
from harness.report.chart import Chart
from harness.report.forensic_chart import forensic_specifications
from harness.report.forensic_sections import SECTIONS
from harness.report.forensic_sections.view import EvidenceView
from harness.report.formatting import count
from harness.report.page_base import render_page
from harness.report.section import Content, Panel, Section, shown
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.storage.storage import write_whole


def publish_forensic(
    run: RunFolder, development: RunFolder | None = None, options: ForensicOptions | None = None
) -> tuple[Forensic, Path]:
    """Write `forensic.json` and `forensic.html` in the run directory.

    Returns the figures and the path of the page; raises as `forensic`.
    """
    content = forensic(run, development, options or ForensicOptions())
    write_whole(run.folder / "forensic.json", forensic_json(content))
    path = run.folder / "forensic.html"
    write_whole(path, render_forensic(content, run.record))
    return content, path


def render_forensic(content: Forensic, record: RunRecord) -> str:
    """Write the page of one run."""
    charts: dict[str, Chart] = {}
    views = [EvidenceView(content, record, place) for place in range(len(content.models))]
    return render_page(
        "forensic.html.j2",
        charts,
        forensic_specifications(),
        before=[],
        panels=[Panel(v.name, shown(SECTIONS, v, charts, f"-{v.number}")) for v in views],
        after=shown(CLOSING, (content, record), charts),
        record=record,
        content=content,
    )


def _provenance(of: tuple[Forensic, RunRecord]) -> Content:
    content, record = of
    return {
        "text": [
            f"From the scores of {shlex.join(record.command)}, with {count(content.resamples)} "
            "resamples of groups. Cllr: Brümmer & du Preez 2006. Cross-entropy: Ramos & "
            "Gonzalez-Rodriguez 2008. Bounds: Vergeer et al. 2016. devPAV: Vergeer et al. 2021. "
            "Every figure is in forensic.json."
        ]
    }


CLOSING: tuple[Section[tuple[Forensic, RunRecord]], ...] = (
    Section("made", "How it was made", _provenance),
)
