"""The result of a gate as files: JSON, JUnit and Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from xml.etree import ElementTree

from harness.compare.verdict import Gate, Verdict, as_plain, ranked
from harness.plain_json import json_text
from harness.report.formatting import DIGITS, MISSING, figure, measured
from harness.report.markdown import clean, code, line, prose

_MARKS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔"}
_LONGEST = 60_000
"""Characters; a comment on GitHub takes 65,536."""


def as_json(gate: Gate) -> str:
    """Return `gate.json`."""
    return json_text(as_plain(gate))


def as_junit(gate: Gate) -> str:
    """Return one suite with a test case for each requirement; inconclusive ones are errors.

    No two cases have the same name, because readers may merge those.
    """
    words = Counter(verdict.word for verdict in gate.verdicts)
    counts = {
        "tests": str(len(gate.verdicts)),
        "failures": str(words["FAIL"]),
        "errors": str(words["INCONCLUSIVE"]),
        "skipped": "0",
        "time": "0",
    }
    root = ElementTree.Element("testsuites", counts)
    title = f"gate {clean(gate.policy)}"
    suite = ElementTree.SubElement(root, "testsuite", {"name": title, **counts})
    entries = [("finding", f"{gate.finding}: {gate.in_words}")]
    entries += [
        (f"tier: {tally.title}", f"{tally.passed} of {tally.requirements} pass: {tally.finding}")
        for tally in gate.tiers
        if tally.tier
    ]
    entries += [("warning", clean(warning.line)) for warning in gate.warnings]
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in entries:
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    seen: Counter[tuple[str, str]] = Counter()
    for verdict in gate.verdicts:
        place, name = clean(verdict.model) or title, clean(verdict.name)
        seen[place, name] += 1
        again = f" ({seen[place, name]})" if seen[place, name] > 1 else ""
        attributes = {"classname": place, "name": name + again, "time": "0"}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        if verdict.word != "PASS":
            tag = "failure" if verdict.word == "FAIL" else "error"
            why = clean(_details(verdict))
            outcome = ElementTree.SubElement(
                case, tag, {"message": why, "type": verdict.word.lower()}
            )
            outcome.text = why  # some show the message, some the text
        elif verdict.undecided:
            ElementTree.SubElement(case, "system-out").text = clean(_details(verdict))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_markdown(gate: Gate, most: int = 20) -> str:
    """Return a summary for a pull request: the verdict, and what did not pass.

    Names in it are neither markup nor links nor mentions, and it is short enough for a comment.
    """
    several = len({verdict.model for verdict in gate.verdicts if verdict.model}) > 1
    open_ = [verdict for verdict in ranked(gate.verdicts) if verdict.outcome != "PASS"]
    shown = open_ or ranked(gate.verdicts)
    head = [
        f"## {_MARKS[gate.word]} Detector gate: {gate.word}",
        "",
        *_warned(gate, most),
        f"{gate.tally[0].upper()}{gate.tally[1:]}. {gate.meaning}",
        "",
        *_by_tier(gate),
    ]
    columns = ["verdict", *(["model"] if several else []), "condition", "required"]
    columns += ["candidate", "baseline", "difference, or why", "clips (groups)"]
    rows = _fitting([_row(verdict, several) for verdict in shown[:most]], _LONGEST // 2)
    table = [line(columns), line(["---"] * len(columns)), *rows]
    left = len(shown) - len(rows)
    if left:
        table += ["", f"… and {left} more in `junit.xml` and the report."]
    return "\n".join([*head, *table, "", *_basis(gate, several, most), ""])


def _by_tier(gate: Gate) -> list[str]:
    """Return the finding in words, and how many requirements of every tier pass."""
    tiers = [tally for tally in gate.tiers if tally.tier]
    lines = [f"{gate.finding}: {gate.in_words}", ""] if gate.finding != gate.word else []
    if len(tiers) > 1:
        lines += [
            f"- {tally.title}: {tally.passed} of {tally.requirements} pass; {tally.finding.lower()}"
            for tally in tiers
        ]
        lines.append("")
    return lines


def _warned(gate: Gate, most: int) -> list[str]:
    lines = [f"- ⚠️ {prose(warning.line)}" for warning in gate.warnings[:most]]
    lines = _fitting(lines, _LONGEST // 8)
    return [*lines, ""] if lines else []


def _basis(gate: Gate, several: bool, most: int) -> list[str]:
    """Return a list of the compared runs and the method."""
    models = [verdict.model for verdict in gate.verdicts if verdict.model][:1]
    notes = _fitting([f"- {prose(note)}" for note in gate.notes[:most]], _LONGEST // 4)
    left = len(gate.notes) - len(notes)
    return [
        *(f"- Model: {code(model)}" for model in models if not several),
        f"- Run: {code(gate.run)}; all figures are in its `report.html`",
        f"- Baseline: {code(gate.baseline)}; policy: {code(gate.policy)}",
        f"- {prose(gate.correction)}",
        *([f"- {prose(gate.outlook)}"] if gate.outlook else []),
        *notes,
        *([f"- … and {left} more notes in the report"] if left else []),
    ]


def _row(verdict: Verdict, several: bool) -> str:
    model = [code(verdict.model) if verdict.model else MISSING] if several else []
    clips = f"{verdict.n} ({verdict.groups})" if verdict.groups else str(verdict.n)
    parts = [part for part in (_difference(verdict), prose(_why(verdict))) if part != MISSING]
    return line(
        [
            f"{_MARKS[verdict.word]} {verdict.word}{_finding(verdict)}",
            *model,
            "all" if verdict.condition == "*" else code(verdict.condition),
            f"{verdict.metric} {prose(verdict.required)}",
            _candidate(verdict),
            figure(verdict.baseline, DIGITS),
            ", ".join(part for part in parts if part) or MISSING,
            clips if verdict.n else MISSING,
        ]
    )


def _finding(verdict: Verdict) -> str:
    return "" if verdict.finding == verdict.word else f", {verdict.finding.lower()}"


def _fitting(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines that fit into that many characters."""
    lengths = accumulate(len(line) + 1 for line in lines)
    return [line for line, length in zip(lines, lengths, strict=True) if length <= most]


def _details(verdict: Verdict) -> str:
    parts = [verdict.finding, _why(verdict)]
    if not math.isnan(verdict.value):
        parts.append(f"candidate {_candidate(verdict)}")
    if not math.isnan(verdict.baseline):
        parts.append(f"baseline {figure(verdict.baseline, DIGITS)}")
    if not math.isnan(verdict.difference):
        parts.append(f"difference {_difference(verdict)}")
    if verdict.n:
        groups = f" of {verdict.groups} groups" if verdict.groups else ""
        parts.append(f"{verdict.n} clips{groups}")
    return f"{verdict.required}: {', '.join(part for part in parts if part)}"


def _why(verdict: Verdict) -> str:
    if verdict.reason:
        return verdict.reason
    if verdict.word == "INCONCLUSIVE":
        known = not math.isnan(verdict.low)
        return "the interval reaches beyond it" if known else "there is no interval"
    if verdict.word == "FAIL" and not math.isnan(verdict.p):
        return "p < 0.0001" if verdict.p < 0.0001 else f"p = {verdict.p:.4f}"
    return ""


def _candidate(verdict: Verdict) -> str:
    """Return the candidate's figure, with the interval where that is of the figure itself."""
    if math.isfinite(verdict.difference):
        return figure(verdict.value, DIGITS)
    return measured(verdict.value, verdict.low, verdict.high, DIGITS)


def _difference(verdict: Verdict) -> str:
    return measured(verdict.difference, verdict.low, verdict.high, DIGITS, sign=True)
