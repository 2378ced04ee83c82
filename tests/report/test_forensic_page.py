"""The forensic page: whole, inert, and never saying more than the figures."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.forensic.analysis import Forensic, ForensicOptions, forensic
from harness.report.forensic import publish_forensic, render_forensic
from harness.report.forensic_sections.view import one_in
from tests.support.evidence_run import MODEL, finished

FEW = ForensicOptions(resamples=100)


@pytest.fixture(scope="module")
def content() -> Forensic:
    return forensic(finished(), options=FEW)


@pytest.fixture(scope="module")
def page(content: Forensic) -> str:
    return render_forensic(content, finished().record)


def body(page: str) -> str:
    """What a reader sees: no style, no scripts."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


def test_it_first_says_what_a_score_is_worth_and_what_it_cannot_say(page: str) -> None:
    text = body(page)
    assert text.index("What a score is worth") < text.index("What this run cannot say")
    assert text.index("What this run cannot say") < text.index("Calibration</h2>")
    assert "leave it to the reader" in text
    assert "The data is synthetic" not in text
    assert not re.search(r"\d ?% (fake|real)|(fake|real) \d+ ?%", text, re.IGNORECASE)


def test_every_condition_is_in_every_table(content: Forensic, page: str) -> None:
    text = body(page)
    for name in {quality.condition for quality in content.worth}:
        assert text.count(f"<small>{name}") >= 4, name
    for part in content.envelopes[0].parts:
        assert part.band in text


def test_charts_are_of_the_page_and_finite(page: str) -> None:
    match = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.S)
    assert match
    charts = json.loads(match.group(1))
    keys = set(re.findall(r'data-chart="([^"]+)"', page))
    assert keys <= set(charts["charts"])
    assert {chart["spec"] for chart in charts["charts"].values()} <= set(charts["specs"])
    for chart in charts["charts"].values():
        assert len({len(column) for column in chart["columns"].values()}) == 1


def test_nothing_is_loaded_and_text_stays_text(content: Forensic) -> None:
    record = finished().record
    evil = record.suite.conditions[0].model_copy(update={"words": "<img src=x onerror=alert(1)>"})
    suite = record.suite.model_copy(
        update={"conditions": [evil, *record.suite.conditions[1:]], "name": "<script>"}
    )
    changed = replace(content, data="<b>data</b>", suite="<script>")
    page = render_forensic(changed, record.model_copy(update={"suite": suite}))
    assert "<img" not in body(page)
    assert "<b>data" not in body(page)
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(src|href)="(?!#|data:)', body(page))


def test_synthetic_data_says_so(content: Forensic) -> None:
    page = render_forensic(replace(content, synthetic=True), finished().record)
    assert "no statement about any recording" in page


def test_published_files_are_whole(tmp_path: Path) -> None:
    run = replace(finished(groups=12), folder=tmp_path)
    content, path = publish_forensic(run)
    assert content.models == [MODEL]
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert json.loads((tmp_path / "forensic.json").read_text())["groups"] == 12


def test_a_run_with_next_to_nothing_is_a_page() -> None:
    run = finished(groups=2, each=1)
    page = render_forensic(forensic(run, options=FEW), run.record)
    assert "not known" in body(page)


def test_prevalences_are_said_as_people_do() -> None:
    assert [one_in(share) for share in (0.5, 0.01, 0.0001)] == ["1 in 2", "1 in 100", "1 in 10,000"]
