"""Likelihood ratios in words.

The scale of the European Network of Forensic Science Institutes, Guideline for evaluative reporting
in forensic science, 2015, appendix: what a finding is to how much it supports one proposition
rather than the other. The words say nothing of how likely either proposition is: that also takes
what is known beside the recording, which is not the examiner's to say.
"""

from __future__ import annotations

import math
from typing import Literal

Side = Literal["fake", "real", "neither"]

SCALE = (
    (1.0, 2.0, "no support for either over the other"),
    (2.0, 10.0, "weak support"),
    (10.0, 100.0, "moderate support"),
    (100.0, 1_000.0, "moderately strong support"),
    (1_000.0, 10_000.0, "strong support"),
    (10_000.0, 1_000_000.0, "very strong support"),
    (1_000_000.0, math.inf, "extremely strong support"),
)
"""From a ratio, up to below another, and its words."""


def side(llr: float) -> Side:
    """Which proposition a log-likelihood ratio (natural logarithm) supports; neither below 2."""
    if abs(llr) < math.log(2):
        return "neither"
    return "fake" if llr > 0 else "real"


def verbal(llr: float) -> str:
    """How much a log-likelihood ratio (natural logarithm) supports its side."""
    size = abs(llr)
    return next((words for _, to, words in SCALE[:-1] if size < math.log(to)), SCALE[-1][2])


def sentence(llr: float) -> str:
    """The finding in the form that the guideline has it, for people."""
    supported = side(llr)
    if supported == "neither":
        return (
            "The score is about as probable if the recording is real as if it is fake: it supports "
            "neither over the other."
        )
    other = "real" if supported == "fake" else "fake"
    return (
        f"The score is {ratio(llr)} times as probable if the recording is {supported} as if it is "
        f"{other}: {verbal(llr)} for {supported} over {other}."
    )


def ratio(llr: float) -> str:
    """The ratio of the supported side, to two figures and never below 1: `1.5`, `17`, `2,400`."""
    size = abs(llr)
    if size >= math.log(SCALE[-1][0]):
        return f"more than {SCALE[-1][0]:,.0f}"
    value = float(f"{math.exp(size):.2g}")
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
