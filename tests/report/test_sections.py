"""The lists of sections are complete, and each section stands where its list has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.report import forensic, forensic_sections, history, leaderboard, sections
from harness.report.page_base import FOLDERS, environment
from harness.report.section import Section
from tests.report.test_page import page

REPORT = Path(sections.__file__).parents[1]
LISTS: dict[str, tuple[Section[Any], ...]] = {
    "sections": (*sections.OPENING, *sections.PER_MODEL, *sections.CLOSING),
    "forensic_sections": forensic_sections.SECTIONS,
}
PAGES: list[tuple[Section[Any], ...]] = [
    *LISTS.values(),
    (*history.OPENING, *history.PER_LINE, *history.CLOSING),
    leaderboard.SECTIONS,
    forensic.CLOSING,
]


@pytest.mark.parametrize("folder", LISTS)
def test_every_file_of_a_section_is_in_the_list(folder: str) -> None:
    built = {Path(entry.build.__code__.co_filename).name for entry in LISTS[folder]}
    assert built == {path.name for path in (REPORT / folder).glob("*.py")} - {
        "__init__.py",
        "view.py",
    }
    used = {entry.template for entry in LISTS[folder]} - {"section.html.j2"}
    assert used == {path.name for path in (REPORT / folder).glob("*.j2")}


def test_no_two_templates_have_the_same_name() -> None:
    names = [path.name for folder in FOLDERS for path in (REPORT / folder).glob("*.j2")]
    assert len(names) == len(set(names))
    for name in names:
        environment().get_template(name)


@pytest.mark.parametrize("listed", PAGES)
def test_sections_of_a_page_have_distinct_names_and_titles(listed: tuple[Section[Any]]) -> None:
    assert (
        len({entry.name for entry in listed})
        == len({entry.title for entry in listed})
        == len(listed)
    )


def test_the_page_and_its_contents_follow_the_list() -> None:
    text = page()
    anchors = re.findall(r'<section id="([^"]*)" aria-labelledby', text)
    order = [*sections.OPENING, *sections.PER_MODEL, *sections.CLOSING]
    assert [anchor.removesuffix("-0") for anchor in anchors] == [
        entry.name for entry in order if entry.name not in ("gate", "against", "audio")
    ]
    (contents,) = re.findall(r'<nav class="contents".*?</nav>', text, re.S)
    assert re.findall(r'href="#([^"]*)"', contents) == anchors
