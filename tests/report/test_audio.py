"""The table of what was done to the audio, and the banner where it is not what names say."""

import math
from dataclasses import replace

import pytest

from harness.report.lookup import Index
from harness.report.page import render
from harness.report.sections.audio import build
from harness.report.table import Cell
from harness.report.view import RunView
from harness.results.expectation import AS_IT_IS, Expectation, Length
from harness.results.figures import Attested, Contradiction, Spread
from harness.results.record import RunRecord
from tests.support.small_run import published, record, summary

NONE = Spread(math.nan, math.nan, math.nan, 0)
EXPECTS = {
    "clean": AS_IT_IS,
    "noise:white@10dB": Expectation(snr_db=10),
    "codec:g711": Expectation(changes="some", band_hz=4000),
    "crop@0.1s": Expectation(changes="maybe", length=Length(at_most_s=0.1), in_place=False),
}
HOSTILE = "</li><script>alert(1)</script>{{ 7*7 }}\u202e.wav"


def run() -> RunRecord:
    base = record()
    conditions = [
        c.model_copy(update={"expects": EXPECTS.get(c.name)}) for c in base.suite.conditions
    ]
    suite = base.suite.model_copy(update={"conditions": conditions})
    return base.model_copy(update={"suite": suite})


def measured(condition: str, **changes: object) -> Attested:
    attested = Attested(
        condition=condition,
        clips=120,
        changed=120,
        silent=0,
        contradicted=0,
        snr_db=NONE,
        seconds=Spread(2.0, 1.0, 4.0, 120),
        factor=Spread(1.0, 1.0, 1.0, 120),
        delay_ms=Spread(0.0, -0.25, 0.125, 120),
        bandwidth_hz=Spread(3900.0, 3800.0, 3940.0, 120),
        contradictions=[],
    )
    return replace(attested, **changes)  # type: ignore[arg-type]


def shown(*attested: Attested) -> list[list[Cell]]:
    content = build(RunView(Index(replace(summary(), attested=list(attested)), run())))
    return [] if content is None else [row.cells for row in content["table"].rows]


def words(cell: Cell) -> tuple[str, ...]:
    return (cell.text, *cell.below)


def test_each_cell_has_its_measurement_and_what_was_expected() -> None:
    (cells,) = shown(measured("noise:white@10dB", snr_db=Spread(10.0, 9.96, 10.04, 120)))
    assert [words(cell) for cell in cells[1:]] == [
        ("120 of 120", "(each)"),
        ("10.00", "9.96 to 10.04", "(10)"),
        ("1.000 ×", "", "(as before)"),
        ("0.0", "−0.2 to 0.1", "(in place)"),
        ("3.90", "3.80 to 3.94", ""),
        ("as expected",),
    ]
    assert cells[-1].mark == ""


def test_a_length_that_is_no_multiple_is_in_seconds() -> None:
    (cells,) = shown(measured("crop@0.1s", seconds=Spread(0.1, 0.05, 0.1, 9), delay_ms=NONE))
    assert words(cells[3]) == ("0.10 s", "0.05 to 0.10", "(at most 0.1 s)")
    assert words(cells[4]) == ("–", "", "")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"changed": 0}, "changed nothing"),
        ({"contradicted": 1}, "as expected but for 1, not scored"),
    ],
)
def test_what_is_remarkable_but_no_contradiction_is_said(
    changes: dict[str, object], verdict: str
) -> None:
    (cells,) = shown(measured("codec:g711", **changes))
    assert (cells[-1].text, cells[-1].mark) == (verdict, "")
    (clean,) = shown(measured("clean", changed=0))
    assert clean[-1].text == "as expected"


def test_what_was_not_measured_has_no_line() -> None:
    assert shown(measured("codec:g711", clips=0)) == []
    page = render(replace(summary(), attested=[]), run(), published(), [])
    assert "What was done to the audio" not in page


def test_contradictions_come_first_on_the_page_and_in_the_table() -> None:
    wrong = Contradiction(
        "codec:g711", f"G.711 {HOSTILE}", "nothing above 4 kHz", "sound up to 8 kHz", 120, HOSTILE
    )
    attested = [
        measured("clean", changed=0),
        measured("codec:g711", contradictions=[wrong]),
    ]
    rows = shown(*attested)
    assert [cells[0].below for cells in rows] == [("codec:g711",), ("clean",)]
    assert (rows[0][-1].text, rows[0][-1].mark) == ("sound up to 8 kHz", "v-below")
    page = render(replace(summary(), attested=attested), run(), published(), [])
    main = page[page.index("<main>") :]
    assert main.index("1 condition did not do what its name says.") < main.index("The answer")
    assert "expected nothing above 4 kHz; measured sound up to 8 kHz, of 120." in main
    assert "<script>alert" not in page
    assert "{{ 7*7 }}\\u202e.wav" in page
    assert "<details open>" in main


def test_a_page_without_contradictions_says_so_where_it_shows_the_measurements() -> None:
    page = render(replace(summary(), attested=[measured("clean", changed=0)]), run(), None, [])
    assert "did not do what" not in page
    assert "No condition contradicts its name." in page
    assert '<a href="#audio">What was done to the audio</a>' in page
