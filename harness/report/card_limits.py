"""A card's own limitations beside the conditions that put them to the test.

Cards word their limitations freely; they are matched by what they speak of, and one that is matched
to nothing is shown as not tested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.claims.published import Published
from harness.report.lookup import Index
from harness.terms import CLEAN

# What a sentence speaks of, and the perturbations that test it. The first match counts.
_TESTED_BY: tuple[tuple[str, frozenset[str] | None], ...] = (
    (r"sole|only evidence|determin|replace .*judg", frozenset()),
    (r"sampl\w+ rate|\bk?hz\b", frozenset({"resample"})),
    (r"short|second|\b\d+ ?s\b|duration|length", frozenset({"crop", "pad", "trim"})),
    (r"noise|noisy|background", frozenset({"noise"})),
    (r"codec|compress|mp3|telephone", frozenset({"codec"})),
    (r"manipulat|unseen|training data|processing", None),  # None: every perturbation
)


@dataclass(frozen=True)
class Limitation:
    """A limitation, how many conditions test it, and the worst of them for each model."""

    text: str
    conditions: int
    worst: list[str]


def limitations(index: Index, published: Published | None) -> list[Limitation]:
    """The card's limitations in its order; none without a card."""
    if published is None:
        return []
    return [_limitation(index, text) for text in published.limitations]


def _limitation(index: Index, text: str) -> Limitation:
    tested_by = _tested_by(text)
    conditions = {
        c.name
        for c in index.conditions
        if c.name != CLEAN
        and (tested_by is None or any(step.get("perturb") in tested_by for step in c.chain))
    }
    worst: list[str] = []
    for model in index.models:
        losses = [
            loss for loss in index.losses(model) if loss.condition.name in conditions and loss.shown
        ]
        worst += [loss.condition.name for loss in losses[:1]]
    return Limitation(text, len(conditions), list(dict.fromkeys(worst)))


def _tested_by(text: str) -> frozenset[str] | None:
    for pattern, perturbations in _TESTED_BY:
        if re.search(pattern, text, re.IGNORECASE):
            return perturbations
    return frozenset()
