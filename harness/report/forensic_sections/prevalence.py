"""Section "Where fakes are rare": predictive values by prevalence, and the clips needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.report.forensic_sections.view import EvidenceView, one_in
from harness.report.formatting import MISSING, count, figure, quantity
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, number
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.forensic.prevalence import PredictiveValue, Prevalence, ThresholdTarget


def build(view: EvidenceView) -> Content:
    return {
        "threshold": view.record.threshold_of(view.name),
        "rates": [
            _rates(
                view, "precision", "Fakes among the clips called fake", lambda row: row.precision
            ),
            _rates(view, "missed", "Fakes among the clips called real", lambda row: row.missed),
        ],
        "targets": _targets(view),
    }


def _rates(
    view: EvidenceView, name: str, title: str, of: Callable[[Prevalence], PredictiveValue]
) -> Table[str]:
    own = view.own(view.content.prevalence)
    known = {(row.condition, row.prevalence): of(row) for row in own}

    def column(share: float) -> Column[str]:
        return number(one_in(share), lambda condition: _predicted(known[condition, share]))

    return Table(
        view.anchor(name),
        title,
        f"{title}, by the share of all clips that is fake. Intervals of 95 %.",
        list(dict.fromkeys(row.condition for row in own)),
        [
            view.condition(str),
            *map(column, dict.fromkeys(row.prevalence for row in own)),
        ],
        style="full tall",
    )


def _predicted(share: PredictiveValue) -> Cell:
    between = f"{_share(share.low)} to {_share(share.high)}"
    if share.known:
        return Cell(_share(share.value), (between,))
    nothing = share.low <= 0 and share.high >= 1
    return Cell("not known", (share.why if nothing else between,))


def _share(value: float) -> str:
    """Return a share that may be tiny, and is never shown as certainty."""
    if not math.isfinite(value):
        return MISSING
    if value >= 0.9995:
        return ">0.999"
    return figure(value) if value >= 0.01 or value == 0 else f"{value:.1g}"


def _targets(view: EvidenceView) -> Table[ThresholdTarget]:
    return Table(
        view.anchor("targets"),
        "Clips needed for a target",
        "“Too few”: the run has fewer real clips than it takes to show such a rate.",
        [target for target in view.own(view.content.needed) if target.condition == CLEAN],
        [
            Column("Target", _target),
            number("Threshold", lambda target: figure(target.threshold, 2)),
            number("False alarms", lambda target: figure(target.fpr)),
            number("Recall", lambda target: figure(target.recall)),
            number(
                "Real clips needed",
                lambda target: count(target.real_needed) if target.real_needed else "",
            ),
            number("Real clips", lambda target: count(target.real_clips)),
            Column("Shown", _shown),
        ],
        style="full",
    )


def _target(target: ThresholdTarget) -> str:
    if target.wanted == "precision":
        return f"precision {quantity(target.at)} where {one_in(target.prevalence)} is fake"
    return f"at most {quantity(target.at)} of the real clips called fake"


def _shown(target: ThresholdTarget) -> str:
    if target.shown:
        return "yes"
    if target.known:
        return "no: its upper bound is above"
    few = target.real_clips < target.real_needed
    return "too few to know" if few else "no threshold reaches it"
