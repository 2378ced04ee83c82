"""Abstaining: the share of clips that can be decided at a target error, and rules for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.forensic_sections.view import EvidenceView
from harness.report.formatting import figure, quantity
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, figure_cell, number, sort_key

if TYPE_CHECKING:
    from harness.forensic.abstention import RuleResult, SelectiveRisk


def build(view: EvidenceView) -> Content:
    rules = view.own(view.content.rules)
    return {
        "selections": _selections(view),
        "tuned_on": rules[0].tuned_on if rules else "nothing",
        "rules": Table(
            view.anchor("rules"),
            "Rules",
            "Error rates of all conditions together, before the rule and of what it decides.",
            rules,
            [
                Column("Target", lambda result: f"error ≤ {result.wanted}"),
                Column("Rule", _rule),
                number("Decided", lambda result: figure_cell(result.coverage)),
                number("Error before", lambda result: figure_cell(result.before)),
                number("Error after", lambda result: figure_cell(result.after)),
            ],
            style="full",
        ),
    }


def _selections(view: EvidenceView) -> Table[SelectiveRisk]:
    selections = view.own(view.content.selections)
    targets = [held.wanted for held in selections[0].held] if selections else []

    def column(place: int, target: float) -> Column[SelectiveRisk]:
        def cell(selection: SelectiveRisk) -> Cell:
            held = selection.held[place]
            in_hindsight = f"({figure(held.coverage, 2)})"
            sort = sort_key(held.sure_coverage)
            return Cell(figure(held.sure_coverage, 2), (in_hindsight,), sort)

        return number(f"Error ≤ {target}", cell)

    return Table(
        view.anchor("selections"),
        "Coverage at target error rates",
        "AURC: mean error over all shares that may be decided. Then the share of clips decided "
        "surely (in hindsight).",
        selections,
        [
            view.condition(lambda selection: selection.condition),
            number("AURC", lambda selection: figure_cell(selection.aurc)),
            *(column(place, target) for place, target in enumerate(targets)),
        ],
    )


def _rule(ruled: RuleResult) -> Cell:
    rule = ruled.rule
    if rule is None:
        return Cell("none is shown to reach it")
    return Cell(
        f"score {figure(rule.confidence, 2)} or more from the threshold",
        (
            f"{quantity(rule.seconds, 's')} or longer" if rule.seconds else "",
            f"added noise at {quantity(rule.snr_db, 'dB')} SNR or better"
            if rule.snr_db > -1000
            else "",
            f"bandwidth of {quantity(rule.bandwidth_hz, 'Hz')} or wider"
            if rule.bandwidth_hz
            else "",
        ),
    )
