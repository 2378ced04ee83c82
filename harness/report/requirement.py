"""The table of the gate: every requirement with the figures that it was judged by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.compare.verdict import Gate, Verdict, ranked
from harness.report import table
from harness.report.formatting import figure, interval, probability, signed
from harness.report.glossary import term
from harness.report.lookup import Index
from harness.terms import POOLED

DIGITS = 4
"""A margin is often 0.01: the end of an interval has to be told from it."""


@dataclass(frozen=True)
class Line:
    """One requirement.

    Parameters
    ----------
    model
        Empty where all requirements are on one model.
    around, between
        Interval of the value or of the difference; a requirement has one of them, or none.
    strip
        Of the difference; None where there is none.
    """

    verdict: Verdict
    model: str
    words: str
    title: str
    value: str
    around: str
    baseline: str
    difference: str
    between: str
    p: str
    strip: table.Strip | None


@dataclass(frozen=True)
class Requirements:
    """What did not pass and what did, either in the order of a gate, worst first."""

    scale: table.Scale
    open: list[Line]
    passed: list[Line]


def requirements(index: Index, gate: Gate) -> Requirements:
    """All requirements of a gate, with the scale of the strips of their differences."""
    compared = [each for each in gate.verdicts if math.isfinite(each.difference)]
    axis = table.scale([end for each in compared for end in (each.low, each.high)], -0.05, 0.05)
    several = len({each.model for each in gate.verdicts if each.model}) > 1
    lines = [_line(index, each, axis, several) for each in ranked(gate.verdicts)]
    return Requirements(
        axis,
        [line for line in lines if line.verdict.outcome != "PASS"],
        [line for line in lines if line.verdict.outcome == "PASS"],
    )


def _line(index: Index, verdict: Verdict, axis: table.Scale, several: bool) -> Line:
    compared = math.isfinite(verdict.difference)
    between = interval(verdict.low, verdict.high, DIGITS)
    every = verdict.condition == POOLED
    return Line(
        verdict,
        verdict.model if several else "",
        "every condition" if every else index.words(verdict.condition),
        term(verdict.metric).title,
        figure(verdict.value, DIGITS),
        "" if compared else between,
        figure(verdict.baseline, DIGITS),
        signed(verdict.difference, DIGITS),
        between if compared else "",
        probability(verdict.p) if math.isfinite(verdict.p) else "",
        axis.strip(verdict.difference, verdict.low, verdict.high) if compared else None,
    )
