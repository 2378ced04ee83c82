"""The table of what was done to the audio: what each name says beside what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.report.formatting import MISSING, count, figure, interval
from harness.report.lookup import Index
from harness.results.expectation import Expectation
from harness.results.figures import Attested, Spread
from harness.results.record import ConditionRecord

_CHANGES = {"never": "none", "each": "each", "some": "some", "maybe": "may stay"}


@dataclass(frozen=True)
class Measured:
    """A measurement beside what was expected of it (empty where nothing was)."""

    text: str
    between: str
    expected: str
    sort: str


@dataclass(frozen=True)
class Treatment:
    """What was done to the audio under one condition; `grave` where it contradicts its name."""

    condition: ConditionRecord
    clips: int
    cells: list[Measured]
    verdict: str
    grave: bool


TITLES = ("Changed clips", "SNR, dB", "Length", "Delay, ms", "Bandwidth, kHz")


def treatments(index: Index) -> list[Treatment]:
    """A line for every condition that was measured, contradictions first; none for a file's scores.

    Of each measurement the median, and the smallest and largest.
    """
    known = {condition.name: condition for condition in index.conditions}
    made = [
        _treatment(known[attested.condition], attested)
        for attested in index.summary.attested
        if attested.clips and attested.condition in known
    ]
    return sorted(made, key=lambda treatment: not treatment.grave)


def _treatment(condition: ConditionRecord, attested: Attested) -> Treatment:
    expects = condition.expects
    in_place = expects is not None and expects.in_place
    snr_db = None if expects is None else expects.snr_db
    cells = [
        Measured(
            f"{count(attested.changed)} of {count(attested.clips)}",
            "",
            "" if expects is None else _CHANGES[expects.changes],
            str(attested.changed),
        ),
        _measured(attested.snr_db, 2, "" if snr_db is None else f"{snr_db:g}"),
        _length(attested, expects),
        _measured(attested.delay_ms, 1, "in place" if in_place else ""),
        _bandwidth(attested.bandwidth_hz, expects),
    ]
    verdict, grave = _verdict(attested, expects)
    return Treatment(condition, attested.clips, cells, verdict, grave)


def _measured(spread: Spread, digits: int, expected: str, unit: str = "") -> Measured:
    text, low, high = (figure(each, digits) for each in (spread.median, spread.low, spread.high))
    between = "" if low == high else interval(spread.low, spread.high, digits)
    sort = f"{spread.median:.6g}" if math.isfinite(spread.median) else ""
    return Measured(text if text == MISSING else f"{text}{unit}", between, expected, sort)


def _length(attested: Attested, expects: Expectation | None) -> Measured:
    """As a multiple of the clip where it is to be one, else in seconds."""
    length = None if expects is None else expects.length
    expected = "" if length is None else length.words
    if length is not None and length.proportional:
        return _measured(attested.factor, 3, expected, " ×")
    return _measured(attested.seconds, 2, expected, " s")


def _bandwidth(spread: Spread, expects: Expectation | None) -> Measured:
    band_hz = None if expects is None else expects.band_hz
    thousandth = Spread(spread.median / 1000, spread.low / 1000, spread.high / 1000, spread.n)
    return _measured(thousandth, 2, "" if band_hz is None else f"up to {band_hz / 1000:.3g}")


def _verdict(attested: Attested, expects: Expectation | None) -> tuple[str, bool]:
    if attested.contradictions:
        return "; ".join(each.measured for each in attested.contradictions), True
    if expects is None:
        return MISSING, False
    if attested.contradicted:
        return f"as expected but for {count(attested.contradicted)}, not scored", False
    if not attested.changed and expects.changes != "never":
        return "changed nothing", False
    return "as expected", False
