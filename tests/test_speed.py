"""The page of measured speeds: what is replaced, and what stays."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bench.contest import Sheet, Times
from tests.bench.page import PAGE, TARGETS, write

SECTIONS = ("clean", "release", "second", "codecs", "features", "workers", "memory", "metrics")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    copy = tmp_path / "speed.md"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    return copy


def sheet(section: str, name: str, met: bool | None = True) -> Sheet:
    made = Sheet(section, ["what", "figure"], [[f"row of {section}", "12 ms"]], ["A note."])
    made.target(name, f"measured {section}", met)
    return made


@pytest.mark.parametrize("section", [*SECTIONS, "start", "full", "gpu", "devices"])
def test_the_page_has_a_place_for_every_table(page: Path, section: str) -> None:
    write([asdict(sheet(section, "clean"))], page)
    text = page.read_text(encoding="utf-8")
    inside = text.split(f"<!-- {section} -->")[1].split(f"<!-- /{section} -->")[0]
    assert f"| row of {section} | 12 ms |" in inside
    assert "A note." in inside
    assert "cores" in inside


def test_what_was_not_measured_stays(page: Path) -> None:
    write([asdict(sheet("clean", "clean")), asdict(sheet("codecs", "codec", met=False))], page)
    before = page.read_text(encoding="utf-8")
    write([asdict(sheet("memory", "memory", met=None))], page)
    after = page.read_text(encoding="utf-8")
    for kept in ("| row of clean | 12 ms |", "| row of codecs | 12 ms |"):
        assert kept in after
    assert before.split("<!-- memory -->")[0].split("<!-- /targets -->")[1] in after
    lines = {line.split(" | ")[0].strip("| "): line for line in after.splitlines()}
    assert lines[TARGETS["clean"][0]].endswith("| measured clean | yes |")
    assert lines[TARGETS["codec"][0]].endswith("| measured codecs | **no** |")
    assert lines[TARGETS["memory"][0]].endswith("| measured memory | – |")


def test_a_table_without_a_place_is_an_error(page: Path) -> None:
    with pytest.raises(ValueError, match="no block elsewhere"):
        write([asdict(sheet("elsewhere", "clean"))], page)


def test_ratios_are_within_rounds() -> None:
    # The second round ran on a machine half as fast: no ratio may mix the rounds.
    times = Times({"slow": [2.0, 4.0, 6.0], "fast": [1.0, 2.0, 2.0]})
    assert times.ratio("slow", "fast") == 2.0
    assert times.median("slow") == 4.0
