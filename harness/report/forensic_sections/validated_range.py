"""The validated range: the error by condition and length, and where there are too few clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.forensic_sections.view import EvidenceView
from harness.report.formatting import figure, interval
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, number

if TYPE_CHECKING:
    from harness.forensic.validated_range import RangePart


def build(view: EvidenceView) -> Content:
    parts = next(
        envelope for envelope in view.content.envelopes if envelope.model == view.name
    ).parts
    known = {(part.condition, part.band): part for part in parts}
    bands = dict.fromkeys(part.band for part in sorted(parts, key=lambda part: part.seconds[0]))

    def column(band: str) -> Column[str]:
        return number(band, lambda condition: _cell(known.get((condition, band))))

    table = Table(
        view.anchor("region"),
        "Validated range",
        "Half total error rate, its 95 % interval, real + fake clips.",
        [calibration.condition for calibration in view.calibration],
        [view.condition(str), *map(column, bands)],
        filter="conditions",
        style="full tall",
    )
    return {
        "text": [
            "The error by condition and length of the audio that was scored, at the run’s "
            "threshold. A recording that lies in none of these cells, or in one with too few clips "
            "(under 10 of a class, or of under 5 groups), is outside the validated range."
        ],
        "tables": [table],
    }


def _cell(part: RangePart | None) -> Cell:
    if part is None:
        return Cell()
    clips = f"{part.real} + {part.fake} clips"
    if not part.enough:
        return Cell("too few", (clips,))
    return Cell(figure(part.hter.value), (interval(part.hter.low, part.hter.high), clips))
