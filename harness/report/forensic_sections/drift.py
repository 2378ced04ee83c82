"""One threshold, one calibration: where they hold, and where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.forensic.drift import COST_TOLERANCE, ERROR_TOLERANCE
from harness.report.forensic_sections.view import EvidenceView
from harness.report.formatting import count, figure, listed, signed
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, difference_cell, figure_cell, number, sort_key

if TYPE_CHECKING:
    from harness.forensic.drift import CalibrationDrift, ThresholdDrift, Verdict

_NAMED = 4
"""Conditions that are named in a sentence; more are counted."""


def build(view: EvidenceView) -> Content | None:
    thresholds = view.own(view.content.drift.thresholds)
    calibrations = view.own(view.content.drift.calibrations)
    if not thresholds and not calibrations:
        return None
    return {
        "answer": [
            _sentence(view, "The threshold", thresholds),
            _sentence(view, "The calibration of clean clips", calibrations),
        ],
        "threshold": view.record.threshold_of(view.name),
        "error_tolerance": f"{ERROR_TOLERANCE:g}",
        "cost_tolerance": f"{COST_TOLERANCE:g}",
        "thresholds": _thresholds(view, thresholds),
        "calibrations": _calibrations(view, calibrations),
    }


def _sentence(
    view: EvidenceView, what: str, drifts: Sequence[ThresholdDrift] | Sequence[CalibrationDrift]
) -> str:
    broken = [drift.condition for drift in drifts if drift.verdict == "does not hold"]
    held = sum(drift.verdict == "holds" for drift in drifts)
    unknown = len(drifts) - held - len(broken)
    if not broken:
        start = f"{what} is not shown to fail under any condition"
    else:
        words = [f"“{view.words.get(name, name)}”" for name in broken]
        named = listed(words) if len(words) <= _NAMED else f"{count(len(words))} conditions"
        start = f"{what} does not hold under {named}"
    held_words = count(held) if held else "none"
    return (
        f"{start}. It holds under {held_words} of {count(len(drifts))} conditions; under "
        f"{count(unknown) if unknown else 'none'} the run has too few groups to tell."
    )


def _p(value: float) -> str:
    return "<0.001" if value < 0.0005 else figure(value)


def _verdict(verdict: Verdict) -> Cell:
    return Cell(verdict, mark="v-below" if verdict == "does not hold" else "")


def _thresholds(view: EvidenceView, drifts: list[ThresholdDrift]) -> Table[ThresholdDrift]:
    return Table(
        view.anchor("threshold-drift"),
        "The threshold by condition",
        "Error rates at the run’s threshold, and their rise against clean.",
        drifts,
        [
            view.condition(lambda drift: drift.condition),
            Column("Threshold", lambda drift: _verdict(drift.verdict)),
            number("Real called fake", lambda drift: figure_cell(drift.fpr)),
            number("Rise", lambda drift: difference_cell(drift.fpr_rise)),
            number("Fake called real", lambda drift: figure_cell(drift.fnr)),
            number("Rise", lambda drift: difference_cell(drift.fnr_rise)),
            number(
                "Own threshold",
                lambda drift: Cell(signed(-drift.regained), sort=sort_key(-drift.regained)),
                "Change in the half total error rate with a threshold of the condition’s own, "
                "chosen on other groups.",
            ),
            number("p", lambda drift: _p(drift.p)),
        ],
        filter="conditions",
    )


def _calibrations(view: EvidenceView, drifts: list[CalibrationDrift]) -> Table[CalibrationDrift]:
    return Table(
        view.anchor("calibration-drift"),
        "The calibration by condition",
        "Cllr of ratios by the map of clean clips, and by a map of the condition’s own clips.",
        drifts,
        [
            view.condition(lambda drift: drift.condition),
            Column(
                "Calibration",
                lambda drift: (
                    Cell(below=(drift.reason,), sort="")
                    if drift.reason
                    else _verdict(drift.verdict)
                ),
            ),
            number("Cllr, clean map", lambda drift: figure_cell(drift.clean_map)),
            number("Cllr, own map", lambda drift: figure_cell(drift.own_map)),
            number("Loss", lambda drift: difference_cell(drift.loss)),
            number(
                "Cllr cal",
                lambda drift: figure_cell(drift.cllr_cal),
                "Cllr by the clean map less the least that any monotone map could reach.",
            ),
            number(
                "ECE",
                lambda drift: figure_cell(drift.ece),
                "Mean distance of stated from observed shares of fakes, clean map.",
            ),
            number("p", lambda drift: _p(drift.p)),
        ],
        filter="conditions",
    )
