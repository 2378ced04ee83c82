"""The shortest clip: errors by length, what fills the window, and floors by condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.forensic_sections.view import EvidenceView
from harness.report.formatting import count, quantity
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, difference_cell, figure_cell, number

if TYPE_CHECKING:
    from harness.forensic.minimum_duration import (
        ConditionMinimum,
        LengthErrors,
        PaddingEffect,
        ShortestCut,
    )


def build(view: EvidenceView) -> Content | None:
    content = view.content.admissible
    lengths, floors = view.own(content.lengths), view.own(content.floors)
    if not lengths and not floors:
        return None
    shortest = view.own(content.shortest)
    return {
        "lengths": _lengths(view, lengths),
        "shortest": _shortest(view, shortest),
        "reasons": list(dict.fromkeys(cut.why for cut in shortest if cut.why)),
        "padding": _padding(view, view.own(content.padding)),
        "floors": _floors(view, floors),
    }


def _seconds(item: ShortestCut | ConditionMinimum) -> Cell:
    return Cell("none" if item.why else quantity(item.seconds, "s"), hint=item.why)


def _shortest(view: EvidenceView, shortest: list[ShortestCut]) -> Table[ShortestCut]:
    return Table(
        view.anchor("shortest"),
        "Shortest clip",
        "Shortest tested length with an upper bound of at most the target error, as all longer "
        "ones have; lengths with fewer than half of the clips of the best covered one are not "
        "tested.",
        shortest,
        [
            Column("Kept part", lambda cut: cut.placement),
            number("Target", lambda cut: str(cut.wanted)),
            number("From", _seconds),
        ],
        style="full",
    )


def _lengths(view: EvidenceView, lengths: list[LengthErrors]) -> Table[LengthErrors]:
    return Table(
        view.anchor("lengths"),
        "Error by length",
        "Error by length.",
        lengths,
        [
            Column("Kept part", lambda errors: errors.placement),
            number("Length", lambda errors: quantity(errors.seconds, "s")),
            number("Error", lambda errors: figure_cell(errors.hter)),
            number("Real called fake", lambda errors: figure_cell(errors.fpr)),
            number("Fake called real", lambda errors: figure_cell(errors.fnr)),
            number("Clips per class", lambda errors: count(errors.hter.clips)),
        ],
        style="full",
    )


def _padding(view: EvidenceView, padding: list[PaddingEffect]) -> Table[PaddingEffect]:
    return Table(
        view.anchor("padding"),
        "Padding",
        "The same clips cut to the same length, as the detector pads them and padded beforehand; "
        "paired difference.",
        padding,
        [
            Column("Filled with", lambda effect: Cell(effect.fill, (effect.condition,))),
            number("Length", lambda effect: quantity(effect.seconds, "s")),
            number("Error, as it is", lambda effect: figure_cell(effect.plain)),
            number("Error, filled", lambda effect: figure_cell(effect.filled)),
            number("Change", lambda effect: difference_cell(effect.change)),
        ],
        style="full",
    )


def _floors(view: EvidenceView, floors: list[ConditionMinimum]) -> Table[str]:
    known = {(minimum.condition, minimum.wanted): minimum for minimum in floors}

    def column(target: float) -> Column[str]:
        return number(f"error ≤ {target}", lambda condition: _seconds(known[condition, target]))

    return Table(
        view.anchor("floors"),
        "Shortest clip by condition",
        "Clips at their own length: how long they must at least be for an upper bound of at most "
        "the target error.",
        list(dict.fromkeys(minimum.condition for minimum in floors)),
        [view.condition(str), *map(column, dict.fromkeys(minimum.wanted for minimum in floors))],
        filter="conditions",
        style="full tall",
    )
