"""A page of a run whose every text is hostile is the page of any run, with other text in it."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tests.report.test_page import ATTRIBUTES, Document
from tests.support.hostile_run import HOSTILE, PAYLOADS, hostile_page, parts, spoiled, tame_page


@pytest.fixture(scope="module")
def tame() -> Document:
    return Document(tame_page())


@pytest.fixture(scope="module")
def text() -> str:
    return hostile_page()


@pytest.fixture(scope="module")
def hostile(text: str) -> Document:
    return Document(text)


def test_the_run_is_hostile_in_every_text() -> None:
    """What is spoiled here is all that a page is made of, and nothing that the harness checks."""
    figures, run, card, examples = spoiled(parts())
    for value in (
        figures.mistakes[0].clip_id,
        figures.mistakes[0].generator,
        figures.unscored[0].reason,
        figures.shortfalls[0].reasons[0].words,
        run.suite.name,
        run.suite.description,
        run.suite.conditions[1].name,
        run.suite.conditions[1].words,
        run.data.notes[0],
        run.models[0].name,
        run.models[0].labels["0" + HOSTILE],
        run.machine.packages["numpy" + HOSTILE],
        card.limitations[0],
        card.wording[0],
        examples[0].clip_id,
    ):
        assert HOSTILE in value or value in ("fake", "real")


def test_no_text_becomes_an_element_or_an_attribute(tame: Document, hostile: Document) -> None:
    shapes = [
        [(tag, sorted(attributes)) for tag, attributes, _ in document.elements]
        for document in (tame, hostile)
    ]
    assert shapes[0] == shapes[1]


def test_scripts_styles_and_policy_are_those_of_any_page(tame: Document, hostile: Document) -> None:
    assert hostile.texts("script")[1:] == tame.texts("script")[1:]
    assert hostile.texts("style") == tame.texts("style")
    policies = [
        [a["content"] for tag, a, _ in document.elements if tag == "meta" and "http-equiv" in a]
        for document in (tame, hostile)
    ]
    assert policies[0] == policies[1]
    assert len(policies[0]) == 1


def test_no_address_comes_from_a_text(hostile: Document) -> None:
    for name in ATTRIBUTES:
        for value in hostile.attributes(name):
            assert value.startswith(("data:", "#"))
    assert not [value for value in hostile.attributes("href") if "localhost" in value]


def test_every_text_is_there_to_be_read(hostile: Document) -> None:
    for payload in PAYLOADS:
        if payload.isprintable():
            assert payload in hostile.visible
    assert "\\u001b[31m" in hostile.visible
    assert "\\ud800\\udcff" in hostile.visible


def test_nothing_on_the_page_controls_how_it_is_shown(text: str, hostile: Document) -> None:
    text.encode("utf-8")
    values = [value for _, attributes, _ in hostile.elements for value in attributes.values()]
    for character in set(hostile.visible).union(*values) - {"\n"}:
        assert unicodedata.category(character) not in ("Cc", "Cs"), repr(character)
        assert character not in "\u202e\u2066\u200f"


def test_the_data_of_the_charts_stays_data(hostile: Document) -> None:
    block = hostile.texts("script")[0]
    assert block.isascii()
    assert not set(block) & set("<>&")
    charts = json.loads(block)["charts"]
    assert set(charts["roc-0"]) == {"spec", "columns", "params", "words"}
    assert any(
        "</script><script>alert(2)" in name for name in charts["roc-0"]["columns"]["condition"]
    )
