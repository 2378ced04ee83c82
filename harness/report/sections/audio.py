"""Section "What was done to the audio": expected and measured effect of each condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from harness.report.formatting import MISSING, count, figure, interval
from harness.report.section import Content
from harness.report.table import Cell, Column, Table, number, sort_key
from harness.report.view import RunView
from harness.results.expectation import Expectation
from harness.results.figures import Attested, Spread
from harness.results.record import ConditionRecord

_CHANGES = {"never": "none", "each": "each", "some": "some", "maybe": "may stay"}


def build(view: RunView) -> Content | None:
    known = {condition.name: condition for condition in view.index.conditions}
    attested = [row for row in view.index.summary.attested if row.clips and row.condition in known]
    if not attested:  # scores that came from a file
        return None
    contradictions = view.index.summary.contradictions
    return {
        "contradictions": len(contradictions),
        "table": Table(
            "audio-t",
            "What was done to the audio",
            "Median over the clips with the smallest and largest; the last line of a cell is what "
            "is expected. Length in seconds, or in lengths of the clip (×).",
            sorted(attested, key=lambda row: not row.contradictions),
            [
                Column("Condition", lambda a: Cell(known[a.condition].words, (a.condition,))),
                *(
                    number(title, partial(_cell, known, cell))
                    for title, cell in _MEASUREMENTS.items()
                ),
                Column("Verdict", partial(_cell, known, _verdict)),
            ],
            filter="conditions",
        ),
    }


def _cell(
    conditions: Mapping[str, ConditionRecord], cell: _Measurement, attested: Attested
) -> Cell:
    return cell(attested, conditions[attested.condition].expects)


def _changed(attested: Attested, expects: Expectation | None) -> Cell:
    return Cell(
        f"{count(attested.changed)} of {count(attested.clips)}",
        () if expects is None else (f"({_CHANGES[expects.changes]})",),
        str(attested.changed),
    )


def _snr(attested: Attested, expects: Expectation | None) -> Cell:
    snr_db = None if expects is None else expects.snr_db
    return _spread_cell(attested.snr_db, 2, "" if snr_db is None else f"{snr_db:g}")


def _delay(attested: Attested, expects: Expectation | None) -> Cell:
    in_place = expects is not None and expects.in_place
    return _spread_cell(attested.delay_ms, 1, "in place" if in_place else "")


def _spread_cell(spread: Spread, digits: int, expected: str, unit: str = "") -> Cell:
    text, low, high = (figure(value, digits) for value in (spread.median, spread.low, spread.high))
    between = "" if low == high else interval(spread.low, spread.high, digits)
    return Cell(
        text if text == MISSING else f"{text}{unit}",
        (between, f"({expected})" if expected else ""),
        sort_key(spread.median),
    )


def _length(attested: Attested, expects: Expectation | None) -> Cell:
    """Return the length as a multiple of the clip's where that is expected, else in seconds."""
    length = None if expects is None else expects.length
    expected = "" if length is None else length.words
    if length is not None and length.proportional:
        return _spread_cell(attested.factor, 3, expected, " ×")
    return _spread_cell(attested.seconds, 2, expected, " s")


def _bandwidth(attested: Attested, expects: Expectation | None) -> Cell:
    hertz = attested.bandwidth_hz
    band_hz = None if expects is None else expects.band_hz
    khz = Spread(hertz.median / 1000, hertz.low / 1000, hertz.high / 1000, hertz.n)
    return _spread_cell(khz, 2, "" if band_hz is None else f"up to {band_hz / 1000:.3g}")


def _verdict(attested: Attested, expects: Expectation | None) -> Cell:
    if attested.contradictions:
        return Cell(
            "; ".join(contradiction.measured for contradiction in attested.contradictions),
            mark="v-below",
        )
    if expects is None:
        return Cell()
    if attested.contradicted:
        return Cell(f"as expected but for {count(attested.contradicted)}, not scored")
    if not attested.changed and expects.changes != "never":
        return Cell("changed nothing")
    return Cell("as expected")


_Measurement = Callable[[Attested, Expectation | None], Cell]

_MEASUREMENTS: dict[str, _Measurement] = {
    "Changed clips": _changed,
    "SNR, dB": _snr,
    "Length": _length,
    "Delay, ms": _delay,
    "Bandwidth, kHz": _bandwidth,
}
