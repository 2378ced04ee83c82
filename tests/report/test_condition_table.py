"""The table of what was done to the audio, and the banner where it is not what names say."""

import math
from dataclasses import replace

import pytest

from harness.report.condition_table import Treatment, treatments
from harness.report.lookup import Index
from harness.report.page import render
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
    made = record()
    conditions = [
        c.model_copy(update={"expects": EXPECTS.get(c.name)}) for c in made.suite.conditions
    ]
    suite = made.suite.model_copy(update={"conditions": conditions})
    return made.model_copy(update={"suite": suite})


def measured(condition: str, **changes: object) -> Attested:
    made = Attested(
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
    return replace(made, **changes)  # type: ignore[arg-type]


def shown(*attested: Attested) -> list[Treatment]:
    return treatments(Index(replace(summary(), attested=list(attested)), run()))


def test_each_cell_has_its_measurement_and_what_was_expected() -> None:
    (line,) = shown(measured("noise:white@10dB", snr_db=Spread(10.0, 9.96, 10.04, 120)))
    assert [(cell.text, cell.between, cell.expected) for cell in line.cells] == [
        ("120 of 120", "", "each"),
        ("10.00", "9.96 to 10.04", "10"),
        ("1.000 ×", "", "as before"),
        ("0.0", "−0.2 to 0.1", "in place"),
        ("3.90", "3.80 to 3.94", ""),
    ]
    assert (line.verdict, line.grave) == ("as expected", False)


def test_a_length_that_is_no_multiple_is_in_seconds() -> None:
    (line,) = shown(measured("crop@0.1s", seconds=Spread(0.1, 0.05, 0.1, 9), delay_ms=NONE))
    length, delay = line.cells[2], line.cells[3]
    assert (length.text, length.between, length.expected) == (
        "0.10 s",
        "0.05 to 0.10",
        "at most 0.1 s",
    )
    assert (delay.text, delay.between, delay.expected) == ("–", "", "")


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
    (line,) = shown(measured("codec:g711", **changes))
    assert (line.verdict, line.grave) == (verdict, False)
    (clean,) = shown(measured("clean", changed=0))
    assert clean.verdict == "as expected"


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
    lines = shown(*attested)
    assert [line.condition.name for line in lines] == ["codec:g711", "clean"]
    assert (lines[0].verdict, lines[0].grave) == ("sound up to 8 kHz", True)
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
