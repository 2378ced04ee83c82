"""What a gate found, and the forms it is told in: JSON, JUnit, Markdown."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from xml.etree import ElementTree

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
_MARKS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔"}


@dataclass(frozen=True)
class Verdict:
    """One requirement on one figure of one model.

    Parameters
    ----------
    required
        In words: `at most 0.02 below the baseline`, `at least 0.9`.
    value, baseline, difference, low, high
        The candidate's figure, the baseline's, candidate minus baseline on the paired clips with
        its 95 % interval; for an absolute requirement the interval is of the figure itself. NaN
        where there is none.
    n, groups
        Clips and groups that it rests on.
    p
        Of the hypothesis that the requirement is fulfilled, adjusted for all requirements; NaN
        where it was decided without one.
    reason
        Why, in words, where the figures alone do not say it.
    """

    model: str
    metric: str
    condition: str
    required: str
    word: Word
    value: float = math.nan
    baseline: float = math.nan
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    groups: int = 0
    p: float = math.nan
    reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.metric} under {self.condition}: {self.required}"


@dataclass(frozen=True)
class Gate:
    """All verdicts of a policy on a run, and what they come to."""

    policy: str
    run: str
    baseline: str
    correction: str
    verdicts: list[Verdict]
    notes: list[str]

    @property
    def word(self) -> Word:
        words = {verdict.word for verdict in self.verdicts}
        return "FAIL" if "FAIL" in words else "INCONCLUSIVE" if "INCONCLUSIVE" in words else "PASS"

    @property
    def exit_code(self) -> int:
        return EXIT[self.word]

    @property
    def tally(self) -> str:
        """`of 68 requirements 3 fail, 2 are inconclusive, 63 pass`."""
        words = Counter(verdict.word for verdict in self.verdicts)
        total = len(self.verdicts)
        parts = [
            f"{words[word]} {told}"
            for word, told in (
                ("FAIL", "fail"),
                ("INCONCLUSIVE", "are inconclusive"),
                ("PASS", "pass"),
            )
            if words[word]
        ]
        return f"of {total} requirements {', '.join(parts)}"


def ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """What fails first, then what is undecided; within these the worst first."""
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}

    def harm(verdict: Verdict) -> float:
        return math.inf if math.isnan(verdict.p) else verdict.p

    def apart(verdict: Verdict) -> float:
        return 0.0 if math.isnan(verdict.difference) else -abs(verdict.difference)

    return sorted(
        verdicts, key=lambda verdict: (order[verdict.word], harm(verdict), apart(verdict))
    )


def as_json(gate: Gate) -> str:
    """The gate as JSON, NaN as null."""
    return json.dumps(_without_nan(as_plain(gate)), indent=1, allow_nan=False) + "\n"


def as_plain(gate: Gate) -> dict[str, Any]:
    """Plain content; NaN stays."""
    return {
        "verdict": gate.word,
        "exit_code": gate.exit_code,
        "policy": gate.policy,
        "run": gate.run,
        "baseline": gate.baseline,
        "correction": gate.correction,
        "notes": gate.notes,
        "requirements": [asdict(verdict) for verdict in gate.verdicts],
    }


def as_junit(gate: Gate) -> str:
    """One suite, one test case a requirement; what is inconclusive is an error, not a failure."""
    words = Counter(verdict.word for verdict in gate.verdicts)
    counts = {
        "tests": str(len(gate.verdicts)),
        "failures": str(words["FAIL"]),
        "errors": str(words["INCONCLUSIVE"]),
    }
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"gate {gate.policy}", **counts})
    for verdict in gate.verdicts:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _clean(verdict.model), "name": _clean(verdict.name)},
        )
        if verdict.word != "PASS":
            tag = "failure" if verdict.word == "FAIL" else "error"
            told = {"message": _clean(_told(verdict)), "type": verdict.word.lower()}
            ElementTree.SubElement(case, tag, told).text = _clean(_told(verdict))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_markdown(gate: Gate, most: int = 20) -> str:
    """For a pull request: the answer, what fails and what is undecided, the rest counted."""
    lines = [
        f"## {_MARKS[gate.word]} Detector gate: {gate.word}",
        "",
        f"Policy `{_cell(gate.policy)}`: {gate.tally}. Run `{_cell(gate.run)}` against "
        f"`{_cell(gate.baseline)}`.",
        "",
    ]
    shown = [verdict for verdict in ranked(gate.verdicts) if verdict.word != "PASS"]
    rows = (shown or ranked(gate.verdicts))[:most]
    lines += [
        "| | model | condition | metric | required | baseline | candidate | difference | n |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for verdict in rows:
        why = f" {_cell(verdict.reason)}" if verdict.reason else ""
        lines.append(
            f"| {_MARKS[verdict.word]} {verdict.word} | {_cell(verdict.model)} | "
            f"{_cell(verdict.condition)} | {verdict.metric} | {_cell(verdict.required)}{why} | "
            f"{_figure(verdict.baseline)} | {_figure(verdict.value)} | {_span(verdict)} | "
            f"{verdict.n} |"
        )
    left = (len(shown) or len(gate.verdicts)) - len(rows)
    if left > 0:
        lines.append(f"\n… and {left} more in `junit.xml` and the report.")
    lines += ["", gate.correction, *(f"- {_cell(note)}" for note in gate.notes), ""]
    return "\n".join(lines)


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


def _told(verdict: Verdict) -> str:
    if verdict.reason:
        return f"{verdict.required}: {verdict.reason}"
    return (
        f"{verdict.required}: candidate {_figure(verdict.value)}, baseline "
        f"{_figure(verdict.baseline)}, difference {_span(verdict)}, {verdict.n} clips of "
        f"{verdict.groups} groups"
    )


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _span(verdict: Verdict) -> str:
    if math.isnan(verdict.difference):
        return "–"
    if math.isnan(verdict.low):
        return f"{verdict.difference:+.4f}"
    return f"{verdict.difference:+.4f} ({verdict.low:+.4f} to {verdict.high:+.4f})"


def _cell(text: str) -> str:
    """Text that neither ends a table cell nor becomes markup."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    for letter in "\\`*_[]<>|":
        plain = plain.replace(
            letter, f"\\{letter}" if letter not in "<>" else f"&{'lg'[letter == '>']}t;"
        )
    return plain


def _clean(text: str) -> str:
    """Text that XML can hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
