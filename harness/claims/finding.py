"""An answer of an audit to one question: typed, with the words for people and the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.claims.claim import Span

Verdict = Literal["fits", "does not fit", "cannot be known"]
Kind = Literal[
    "F1",
    "prevalence",
    "accuracy",
    "whole numbers",
    "validation pass",
    "positive class",
    "labels",
    "noted",
    "not read",
]


@dataclass(frozen=True)
class Finding:
    """One question to a card and its answer.

    Parameters
    ----------
    words
        The answer in sentences.
    figures
        The numbers in it, by name.
    """

    kind: Kind
    verdict: Verdict
    words: str
    figures: Mapping[str, float] = field(default_factory=dict[str, float])


def span_words(span: Span, digits: int = 4) -> str:
    """`0.9709 to 0.9710`, or one number where both look the same."""
    low, high = f"{span.low:.{digits}f}", f"{span.high:.{digits}f}"
    return low if low == high else f"{low} to {high}"
