"""Section "How it was made": everything needed to repeat the run, and the model card's claims."""

from __future__ import annotations

import re
import shlex

from harness.report import narrative
from harness.report.formatting import counted
from harness.report.lookup import Index
from harness.report.section import Content
from harness.report.table import Column, Table
from harness.report.view import RunView
from harness.results.record import ConditionRecord
from harness.terms import CLEAN

_POLICIES = {
    "excluded": "excluded",
    "wrong": "counted as wrong",
    "real": "counted as called real",
}

_TESTED_BY: tuple[tuple[str, frozenset[str] | None], ...] = (
    (r"sole|only evidence|determin|replace .*judg", frozenset()),
    (r"sampl\w+ rate|\bk?hz\b", frozenset({"resample"})),
    (r"short|second|\b\d+ ?s\b|duration|length", frozenset({"crop", "pad", "trim"})),
    (r"noise|noisy|background", frozenset({"noise"})),
    (r"codec|compress|mp3|telephone", frozenset({"codec"})),
    (r"manipulat|unseen|training data|processing", None),  # None: every perturbation
)
"""Perturbations that test a limitation of a card, by its topic (None: all).

Cards word their limitations freely; the first pattern that matches counts, and a limitation that
matches none is shown as not tested.
"""


def build(view: RunView) -> Content:
    record, published = view.index.record, view.published
    return {
        "record": record,
        "summary": view.index.summary,
        "tally": view.index.summary.tally,
        "command": shlex.join(record.command),
        "threshold": narrative.rule_words(record),
        "unscored": _POLICIES[view.index.summary.policy],
        "published": published,
        "limits": _limits(view.index, () if published is None else published.limitations),
        "conditions": _conditions(view.index),
    }


def _conditions(index: Index) -> Table[ConditionRecord]:
    def chain(condition: ConditionRecord) -> str:
        steps = (
            " ".join(f"{key}={value}" for key, value in step.items()) for step in condition.chain
        )
        return " → ".join(steps) or "none"

    return Table(
        "conditions",
        "Conditions",
        "Conditions, their perturbations in order, and the digest of each.",
        index.conditions,
        [
            Column("Condition", lambda c: c.name),
            Column("Perturbations", chain, "id"),
            Column("Digest", lambda c: c.digest, "id"),
        ],
        style="full tall",
    )


def _limits(index: Index, limitations: tuple[str, ...]) -> Table[str]:
    return Table(
        "limits",
        "Limitations",
        "Its own limitations, and the conditions of this suite that test them.",
        limitations,
        [Column("Limitation", str), Column("Tested here", lambda text: _tested(index, text))],
        style="limits",
    )


def _tested(index: Index, limitation: str) -> str:
    """Return how many conditions test a limitation, and the worst of them for each model."""
    tested_by = _tested_by(limitation)
    conditions = {
        c.name
        for c in index.conditions
        if c.name != CLEAN
        and (tested_by is None or any(step.get("perturb") in tested_by for step in c.chain))
    }
    if not conditions:
        return "not by any condition of this suite"
    worst: list[str] = []
    for model in index.models:
        losses = [
            loss for loss in index.losses(model) if loss.condition.name in conditions and loss.shown
        ]
        worst += [loss.condition.words for loss in losses[:1]]
    costliest = ", ".join(dict.fromkeys(worst))
    by = f"by {counted(len(conditions), 'condition')}"
    return f"{by}; {f'most damage: {costliest}' if worst else 'none shows a measurable loss'}"


def _tested_by(text: str) -> frozenset[str] | None:
    for pattern, perturbations in _TESTED_BY:
        if re.search(pattern, text, re.IGNORECASE):
            return perturbations
    return frozenset()
