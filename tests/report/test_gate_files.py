"""The forms that a gate is told in, whatever its names are: JUnit by a schema, Markdown parsed."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import get_args
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.compare.verdict import Gate, Verdict, Word
from harness.report.gate_files import as_json, as_junit, as_markdown
from tests.support.paths import ROOT
from tests.support.small_gate import gate as small_gate

SCHEMA = xmlschema.XMLSchema(ROOT / "tests" / "report" / "junit.xsd")
COMMENT = 65_536
"""Characters that GitHub takes in a comment; a step summary may have 16 times as many bytes."""

HOSTILE = (
    "m|n\n<b>", "`tick``s", "a\\", "\\|", "<script>alert(1)</script>", "@user", "fixes #12",
    "[a](javascript:alert(1))", "![x](https://evil.example/x.png)", "www.evil.example", "*bold*",
    "]]>", "\x00\x1b[31m\x7f", "\ud800", "\ufffe", "😀 👩‍🔬", "\u202egnp.exe", "", " ",
    "| --- |", "~~no~~", "&amp;", "<!--", "\u2028\r\n# head", "x" * 3000, "|" * 3000,
)  # fmt: skip
figures = st.floats(0, 1) | st.just(math.nan)
names = st.sampled_from(HOSTILE) | st.text(max_size=30)
verdicts = st.builds(
    Verdict,
    model=names,
    metric=st.sampled_from(["accuracy", "eer"]),
    condition=names,
    required=names,
    word=st.sampled_from(get_args(Word)),
    value=figures,
    baseline=figures,
    difference=figures,
    low=figures,
    high=figures,
    n=st.integers(0, 10**6),
    groups=st.integers(0, 10**4),
    p=figures,
    reason=names,
)
gates = st.builds(
    Gate,
    policy=names,
    run=names,
    baseline=names,
    correction=names,
    verdicts=st.lists(verdicts, min_size=1, max_size=30),
    notes=st.lists(names, max_size=3),
)


def many(number: int) -> Gate:
    """So many verdicts with long names, none of which passes."""
    whole = small_gate()
    rows = [
        replace(whole.verdicts[index % 4], model="|" * 500, condition=f"{index}-" + "@`" * 300)
        for index in range(number)
    ]
    open_ = [replace(row, word="FAIL", reason="<" * 900) for row in rows]
    return replace(whole, verdicts=open_, notes=["#" * 5000] * number)


# JUnit


def checked(gate: Gate) -> ElementTree.Element:
    text = as_junit(gate)
    SCHEMA.validate(text.encode())
    return ElementTree.fromstring(text.encode())


def assert_counted(gate: Gate) -> None:
    root = checked(gate)
    (suite,) = root
    for element in (root, suite):
        counts = {name: int(element.attrib[name]) for name in ("tests", "failures", "errors")}
        assert counts == {
            "tests": len(suite.findall("testcase")),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
        }
    words = {"failure": "FAIL", "error": "INCONCLUSIVE"}
    outcomes = [words[case[0].tag] if len(case) else "PASS" for case in suite.iter("testcase")]
    assert outcomes == [verdict.word for verdict in gate.verdicts]


@given(gates)
def test_junit_is_valid_and_adds_up_whatever_the_names(gate: Gate) -> None:
    assert_counted(gate)


def test_junit_of_2000_requirements() -> None:
    assert_counted(many(2000))
    assert_counted(replace(many(0), verdicts=small_gate().verdicts * 334))


def test_junit_says_what_is_held_against_what() -> None:
    cases = {case.attrib["name"]: case for case in checked(small_gate()).iter("testcase")}
    failed = cases["accuracy under noise:white@0dB: at most 0.02 below the baseline"]
    assert failed.attrib["classname"] == "someone/detector"
    assert (
        failed[0].attrib["message"]
        == failed[0].text
        == (
            "at most 0.02 below the baseline: WORSE, p = 0.0002, "
            "candidate 0.6000, baseline 0.7500, "
            "difference −0.1500 (−0.2100 to −0.0900), 199 clips of 25 groups"
        )
    )
    missing = cases["eer under codec:opus@6k: at most 0.02 above the baseline"]
    assert "missing: the run does not have this condition" in missing[0].attrib["message"]


def test_junit_tells_apart_what_has_one_name() -> None:
    (verdict, *_) = small_gate().verdicts
    root = checked(
        replace(small_gate(), verdicts=[verdict, replace(verdict, word="FAIL"), verdict])
    )
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert names == [verdict.name, f"{verdict.name} (2)", f"{verdict.name} (3)"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('failures="2"', 'failures="-1"'),
        ('classname="someone/detector" ', ""),
        ('classname="someone/detector"', 'classname=" "'),
        ('type="fail"', ""),
        ('time="0"', 'time="soon"'),
        ("<testsuites", "<testsuite"),
        ("codec:g711", "clean"),
        ("</failure>", "</failure><error message='a' type='b'>c</error>"),
        ('name="gate release"', ""),
    ],
)
def test_the_schema_refuses_what_readers_would_misread(before: str, after: str) -> None:
    text = as_junit(small_gate())
    assert before in text
    wrong = text.replace(before, after)
    if before == "<testsuites":
        wrong = wrong.replace("</testsuites", "</testsuite")
    with pytest.raises(xmlschema.XMLSchemaException):
        SCHEMA.validate(wrong.encode())


# Markdown


def parsed(gate: Gate) -> tuple[list[Token], list[list[str]]]:
    """All tokens, and the text of the table's cells row by row, the head first."""
    tokens = MarkdownIt("commonmark").enable("table").parse(as_markdown(gate))
    kinds = [token.type for token in tokens]
    assert kinds.count("table_open") == 1
    rows: list[list[str]] = []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("th_open", "td_open"):
            rows[-1].append(text_of(token))
    return tokens, rows


def text_of(inline: Token) -> str:
    """As a reader sees it."""
    shown = [child.content for child in inline.children or [] if child.type != "html_inline"]
    return "".join(shown).replace("\N{ZERO WIDTH SPACE}", "")


def plain(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name).strip()


def assert_harmless(tokens: list[Token]) -> None:
    """Our own heading, paragraphs, list and table; in them text and code, and nothing else."""
    blocks = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    assert blocks <= {
        "heading", "paragraph", "inline", "table", "thead", "tbody", "tr", "th", "td",
        "bullet_list", "list_item",
    }  # fmt: skip
    inline = [child for token in tokens for child in token.children or []]
    assert {token.type for token in inline} <= {
        "text",
        "text_special",
        "code_inline",
        "html_inline",
    }
    assert {token.content for token in inline if token.type == "html_inline"} <= {
        "<code>",
        "</code>",
    }
    coded = False
    for token in inline:
        coded = token.content == "<code>" if token.type == "html_inline" else coded
        if token.type.startswith("text") and not coded:
            assert not re.search(r"@\w|#\d|://|www\.", token.content), token.content


@given(gates)
def test_markdown_is_one_table_whatever_the_names(gate: Gate) -> None:
    tokens, (head, *rows) = parsed(gate)
    assert_harmless(tokens)
    open_ = sum(verdict.word != "PASS" for verdict in gate.verdicts)
    listed = open_ or len(gate.verdicts)
    assert 0 < len(rows) <= min(listed, 20)
    assert {len(row) for row in rows} == {len(head)}
    left = [text_of(token) for token in tokens if "more in" in token.content]
    assert len(rows) == listed or f"{listed - len(rows)} more" in left[0]
    assert len(as_markdown(gate)) < COMMENT


@pytest.mark.parametrize("name", [name for name in HOSTILE if plain(name)])
def test_markdown_shows_names_as_they_are(name: str) -> None:
    verdict = Verdict(name, "auc", name, "at least 0.9", "FAIL", reason=name)
    other = replace(verdict, model="another", condition="clean", reason="x", word="PASS")
    _, (_, row) = parsed(replace(small_gate(), verdicts=[verdict, other]))
    shown = plain(name)
    shown = shown if len(shown) <= 200 else f"{shown[:199]}…"
    assert row == [
        "❌ FAIL", shown, shown, "auc at least 0.9", "–", "–", shown, "–",
    ]  # fmt: skip


def test_markdown_of_one_model_says_first_what_fails_and_why() -> None:
    text = as_markdown(small_gate())
    assert text.startswith(
        "## ❌ Detector gate: FAIL\n\nOf 6 requirements 2 fail, 1 is inconclusive"
    )
    _, rows = parsed(small_gate())
    assert rows == [
        [
            "verdict", "condition", "required", "candidate", "baseline", "difference, or why",
            "clips (groups)",
        ],
        [
            "❌ FAIL, worse", "noise:white@0dB",
            "accuracy at most 0.02 below the baseline", "0.6000",
            "0.7500", "−0.1500 (−0.2100 to −0.0900), p = 0.0002", "199 (25)",
        ],
        [
            "❌ FAIL", "codec:opus@6k", "eer at most 0.02 above the baseline", "–", "0.1100",
            "missing: the run does not have this condition", "–",
        ],
        [
            "❔ INCONCLUSIVE, too few clips", "codec:g711",
            "accuracy at most 0.02 below the baseline", "0.9400",
            "0.9600", "−0.0200 (−0.0500 to 0.0100), the interval reaches beyond it", "199 (25)",
        ],
    ]  # fmt: skip
    assert "- Run: `reports/runs/one`; all figures are in its `report.html`" in text
    assert "- device is cuda, was cpu" in text


def test_markdown_of_what_passes_lists_it() -> None:
    passed = [verdict for verdict in small_gate().verdicts if verdict.word == "PASS"]
    _, (_, *rows) = parsed(replace(small_gate(), verdicts=passed))
    assert [row[0] for row in rows] == ["✅ PASS"] * 3
    assert rows[1][3] == "0.9800 (0.9600 to 0.9900)"  # an absolute requirement has this interval
    assert rows[2][1] == "all"


def test_markdown_of_2000_requirements_fits_a_comment() -> None:
    gate = many(2000)
    text = as_markdown(gate)
    assert len(text) < COMMENT
    assert len(text.encode()) < 2**20
    _, (_, *rows) = parsed(gate)
    assert f"… and {2000 - len(rows)} more in `junit.xml`" in text
    notes = [len(line) + 1 for line in text.splitlines() if line.startswith("- #")]
    assert f"… and {2000 - len(notes)} more notes" in text
    assert sum(notes) < COMMENT / 2


# JSON


@given(gates)
def test_json_has_no_nan(gate: Gate) -> None:
    content = json.loads(as_json(gate), parse_constant=pytest.fail)
    assert (content["verdict"], content["exit_code"]) == (gate.word, gate.exit_code)
    for requirement, verdict in zip(content["requirements"], gate.verdicts, strict=True):
        assert requirement["value"] == (None if math.isnan(verdict.value) else verdict.value)
