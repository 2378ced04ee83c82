"""The gate and the comparison on the page: what was decided comes first and nothing is lost."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from harness.compare.compare import Comparison
from harness.compare.flips import FlipCount
from harness.compare.verdict import Gate
from harness.metrics import METRICS
from harness.report.example import Example
from harness.report.lookup import Index
from harness.report.page import MOST_BYTES, render
from harness.report.sections import comparison, gate
from harness.report.sections.comparison import MOST_FLIPS
from harness.report.table import Cell, Table
from harness.report.view import ModelView, RunView
from tests.report.test_browser import WIDTHS, Opened
from tests.report.test_browser import browser as browser
from tests.report.test_page import Document, page
from tests.support import hostile_run, small_gate
from tests.support.hostile_run import HOSTILE, OWN, parts, spoiled
from tests.support.small_gate import COMPARED, GONE, MODEL, NOISE
from tests.support.small_run import example, published, record, summary

OTHER = "another/model"
WORDS = {"PASS", "FAIL", "INCONCLUSIVE", "compared", "missing", "new", "not comparable", "no data"}
WORDS |= {"mcnemar", "delong", "mce", "relative_mce", "right", "wrong", *COMPARED}


def judged(
    gate: Gate | None = None,
    comparison: Comparison | None = None,
    examples: tuple[Example, ...] = (),
) -> str:
    return render(summary(), record(), published(), examples, gate, comparison)


def section(text: str, name: str) -> str:
    """The text of a section, as it is read."""
    (html,) = re.findall(rf'<section id="{name}".*?</section>', text, flags=re.DOTALL)
    return " ".join(Document(html).visible.split())


def requirements(ruling: Gate, models: tuple[str, ...] = (MODEL,)) -> tuple[list[list[Cell]], ...]:
    """The cells of what did not pass, and of what did."""
    content = gate.build(RunView(Index(summary(models), record(models)), gate=ruling))
    assert content is not None
    return cells(content["open"]), cells(content["passed"])


def compared(result: Comparison) -> dict[str, Any]:
    view = ModelView(RunView(Index(summary(), record()), comparison=result), 0, MODEL)
    content = comparison.build(view)
    assert content is not None
    return dict(content)


def cells(table: Table[Any]) -> list[list[Cell]]:
    return [row.cells for row in table.rows]


def texts(table: Table[Any]) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


@pytest.fixture(scope="module")
def text() -> str:
    return judged(small_gate.gate(), small_gate.comparison(), (example(), example("fake/1.wav")))


def test_without_a_gate_there_is_none() -> None:
    document = Document(page())
    ids = document.attributes("id")
    assert "gate" not in ids
    assert "against-0" not in ids
    assert "#gate" not in document.attributes("href")


def test_the_gate_is_the_first_section(text: str) -> None:
    sections = [a["id"] for tag, a, _ in Document(text).elements if tag == "section"]
    assert sections[:2] == ["gate", "answer"]
    assert sections.index("damage-0") + 1 == sections.index("against-0")
    hrefs = Document(text).attributes("href")
    assert "#gate" in hrefs
    assert "#against-0" in hrefs


@pytest.mark.parametrize(
    ("left_out", "word"),
    [((), "FAIL"), (("FAIL",), "INCONCLUSIVE"), (("FAIL", "INCONCLUSIVE"), "PASS")],
)
def test_the_verdict_is_one_plain_word(left_out: tuple[str, ...], word: str) -> None:
    ruling = small_gate.gate()
    ruling = replace(ruling, verdicts=[v for v in ruling.verdicts if v.word not in left_out])
    words = [
        (attributes["class"], "".join(text))
        for tag, attributes, text in Document(judged(ruling)).elements
        if tag == "p" and attributes.get("class", "").startswith("word")
    ]
    assert words == [(f"word w-{word}", word)]


def test_the_gate_says_by_what_it_was_decided(text: str) -> None:
    read = section(text, "gate")
    ruling = small_gate.gate()
    for phrase in (
        ruling.policy,
        ruling.baseline,
        ruling.tally,
        ruling.correction,
        *ruling.notes,
    ):
        assert phrase in read
    assert "missing: the run does not have this condition" in read
    assert read.index("What did not pass") < read.index("3 requirements pass")


def test_what_failed_comes_first_and_what_passed_is_apart() -> None:
    not_passed, passed = requirements(small_gate.gate())
    assert [row[1].text for row in not_passed] == ["FAIL", "FAIL", "INCONCLUSIVE"]
    assert [row[1].text for row in passed] == ["PASS"] * 3
    title, word, value, baseline, _, difference, _ = not_passed[0]
    assert title.text == "Accuracy, white noise at 0 dB"
    assert title.below[0] == ""  # one model needs no name
    assert word.below == ("worse", "p <0.001")
    assert (value.text, baseline.text, difference.text) == ("0.6000", "0.7500", "−0.1500")
    assert (difference.below, value.below) == (("−0.2100 to −0.0900",), ("",))


def test_an_absolute_requirement_has_the_interval_of_its_figure() -> None:
    _, passed = requirements(small_gate.gate())
    auc = next(row for row in passed if row[0].text.startswith("AUC"))
    assert auc[2].below == ("0.9600 to 0.9900",)
    assert [auc[place].text for place in (3, 4, 5)] == ["–", "", "–"]
    assert auc[4].strip is None
    assert any(row[0].text == "Coverage, every condition" for row in passed)


def test_models_are_named_where_there_are_several() -> None:
    ruling = small_gate.gate()
    ruling = replace(ruling, verdicts=[*ruling.verdicts, replace(ruling.verdicts[0], model=OTHER)])
    not_passed, passed = requirements(ruling, (MODEL, OTHER))
    assert {row[0].below[0] for row in (*not_passed, *passed)} == {MODEL, OTHER}


def test_what_was_not_compared_is_listed_with_its_reason(text: str) -> None:
    rows = cells(compared(small_gate.comparison())["not_compared"])
    names = [(row[1].text, (row[0].below or (row[0].text,))[0]) for row in rows]
    assert names == [
        ("missing", GONE),
        ("not comparable", "clean"),
        ("no data", "crop@0.1s"),
        ("new", "noise:white@20dB"),
    ]
    figures = rows[0][3].text
    assert figures.startswith("Accuracy (was 0.890), EER (was 0.890), AUC (was")
    assert figures.count("was 0.890") == len(COMPARED)
    read = section(text, "against-0")
    for row in rows:
        assert row[2].text in read
    assert read.index("What was not compared") < read.index("What differs")
    assert "someone/withdrawn" in read


def test_the_table_has_the_largest_loss_first_and_marks_what_is_worse() -> None:
    content = compared(small_gate.comparison())
    leading = content["leading"]
    assert leading.items == [NOISE, "codec:g711", "clean"]
    titles = [column.title for column in leading.columns]
    assert titles == ["Condition", "Δ Accuracy", "Δ EER", "Δ AUC", "Clips"]
    _, accuracy, eer, _, _ = cells(leading)[0]
    assert accuracy.text == "−0.150"
    assert accuracy.below[:4] == (
        "−0.180 to −0.120",
        "0.750, was 0.900",
        "p <0.001, McNemar <0.001",
        "smallest detectable difference 0.044",
    )
    assert accuracy.mark == "sure v-below"
    assert eer.mark == "sure", "a lower EER is better"
    assert eer.below[2] == "p <0.001"
    assert cells(leading)[1][1].mark == ""
    others = [column.title for column in content["others"].columns[1:-1]]
    assert len(others) == len(COMPARED) - 3


def test_a_line_keeps_its_columns_where_a_figure_was_not_compared() -> None:
    others = compared(small_gate.comparison())["others"]
    place = [column.title for column in others.columns].index("Δ F1")
    clean = cells(others)[others.items.index("clean")]
    assert clean[place].text == "not comparable"


def test_summaries_are_told_in_sentences() -> None:
    prose = " ".join(compared(small_gate.comparison())["sentences"])
    count = 3 * len(COMPARED) - 1  # of three conditions, and one was not comparable
    assert f"of {count} figures compared with the baseline clip by clip" in prose
    lower = sum(METRICS[metric].better == "lower" for metric in COMPARED)
    assert prose.startswith(f"{len(COMPARED) - lower} of")
    assert f"are significantly worse and {lower} better" in prose
    # Two conditions that one side lacks, the one of clean, and one that is new.
    assert f"{2 * len(COMPARED) + 2} more could not be compared" in prose
    assert "mean corruption error 1.23 (1.10 to 1.37) and relative mCE 1.50" in prose
    assert "Left out of one or both: crop." in prose
    assert "most was lost under “white noise at 0 dB” (−0.150)" in prose
    assert "degrade significantly more than in the baseline: noise −0.070 (−0.090 to" in prose


def test_nothing_to_compare_is_said() -> None:
    result = small_gate.comparison()
    barred = [
        replace(cell, status="not comparable", reason="other data", difference=math.nan)
        for cell in result.cells
    ]
    empty = replace(result, cells=barred, flips=[], flip_counts=[], corruption=[], worst=[])
    read = section(judged(comparison=replace(empty, families=[], identical=[])), "against-0")
    assert "No figure could be compared with the baseline." in read
    assert "What differs" not in read
    assert "No clip that both runs scored changed verdict." in read


def test_a_note_stands_once(text: str) -> None:
    assert text.count("device is cuda, was cpu") == 1
    assert "precision is bfloat16, was float32" in section(text, "against-0")


def test_turned_clips_are_listed_wrong_ones_first_and_the_rest_counted() -> None:
    result = small_gate.comparison(flips=MOST_FLIPS + 20)
    flips = compared(result)["flips"].items
    assert len(flips) == MOST_FLIPS
    assert {flip.turned for flip in flips} == {"wrong"}
    moves = [abs(flip.score - flip.baseline_score) for flip in flips]
    assert moves == sorted(moves, reverse=True)
    read = section(judged(comparison=result), "against-0")
    assert f"{MOST_FLIPS} of {MOST_FLIPS + 20} that changed" in read
    assert "20 more are not listed." in read


def test_a_turned_clip_is_heard_once_and_linked(text: str) -> None:
    """A mistake stays among the worst mistakes; any other turned clip is heard where it is told."""
    read = section(text, "against-0")
    assert "turned wrong: score −1.51, was +0.75" in read
    assert Document(text).attributes("href").count("#example-1") == 1
    assert text.count("<audio") == 2
    both = judged(comparison=small_gate.comparison(), examples=(example("fake/0.wav"),))
    assert 'id="example-0"' in both
    assert both.count("<audio") == 1


def test_a_turned_clip_among_the_worst_mistakes_is_linked_there() -> None:
    result = small_gate.comparison()
    turned = replace(result.flips[1], clip_id="fake/a.wav")
    text = judged(comparison=replace(result, flips=[turned]), examples=(example(),))
    mistakes = text[text.index('id="mistakes-0"') :]
    assert '<li id="example-0">' in mistakes
    assert text.count('<a href="#example-0">listen</a>') == 1


def test_clips_without_audio_are_listed_and_the_page_says_why() -> None:
    silent = judged(comparison=small_gate.comparison())
    read = section(silent, "against-0")
    assert "None can be played here" in read
    assert "To listen to" not in read
    assert "fake/0.wav" in read
    assert ">listen</a>" not in silent
    html = judged(comparison=small_gate.comparison(), examples=(example("fake/0.wav"),))
    read = section(html, "against-0")
    assert "None can be played here" not in read
    assert "1 of them, those that turned wrong first" in read


def test_flips_are_counted_by_generator_over_all_conditions() -> None:
    result = small_gate.comparison()
    counts = [
        *result.flip_counts,
        FlipCount(MODEL, NOISE, "", 0, 1, 100),
        FlipCount(MODEL, "codec:g711", "WORLD", 3, 2, 99),
        FlipCount(MODEL, "codec:g711", "LPC", 0, 5, 10),
        FlipCount(MODEL, "codec:g711", "", 4, 40, 100),
        FlipCount(OTHER, "clean", "WORLD", 7, 7, 99),
    ]
    assert texts(compared(replace(result, flip_counts=counts))["by_generator"]) == [
        ["LPC", "5", "0", "10"],
        ["WORLD", "4", "3", "198"],
        ["none (real clips, some fakes)", "41", "4", "200"],
    ]
    read = section(judged(comparison=replace(result, flip_counts=counts)), "against-0")
    assert "LPC 0 5" not in read
    assert "LPC 5 0 10 WORLD 4 3 198" in read
    assert "By generator" not in section(judged(comparison=result), "against-0"), "of one alone"


def test_the_page_keeps_within_its_size() -> None:
    many = tuple(example(f"fake/{number}.wav", seconds=20.0) for number in range(40))
    text = judged(small_gate.gate(), small_gate.comparison(flips=5000), many)
    assert len(text.encode("utf-8")) < MOST_BYTES


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(hostile_run, "OWN", OWN | WORDS)
    run = (*parts(), small_gate.gate(), small_gate.comparison())
    return render(*(spoiled(part) for part in run))


def test_no_text_becomes_an_element_or_an_attribute(hostile: str) -> None:
    tame = Document(render(*parts(), small_gate.gate(), small_gate.comparison()))
    spoilt = Document(hostile)
    shapes = [
        [(tag, sorted(attributes)) for tag, attributes, _ in document.elements]
        for document in (tame, spoilt)
    ]
    assert shapes[0] == shapes[1]
    for value in (*spoilt.attributes("href"), *spoilt.attributes("src")):
        assert value.startswith(("#", "data:"))
    for name in ("release", "fake/0.wav", "someone/withdrawn", "the threshold is 1, was 0"):
        assert f"{name}{HOSTILE[:20]}" in spoilt.visible


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_says_nothing(
    browser: Browser, hostile: str, width: int, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(hostile, encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})
    opened = Opened(page, path.as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.locator("#gate .word").inner_text() == "FAIL"
    page.locator("#differences-0 th button", has_text="AUC").dispatch_event("click")
    assert page.locator("#differences-0 th[aria-sort=descending]").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []
    page.close()
