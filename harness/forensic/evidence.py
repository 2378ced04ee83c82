"""The statement of a finished run on a score for a recording like this one, or why it has none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from harness.errors import UsageError
from harness.forensic.case import EvidenceStatement, FileFacts, SignalFacts, SpeechTest, Trace
from harness.forensic.likelihood_ratio import likelihood_ratio, sentence
from harness.forensic.likeness import Likeness
from harness.forensic.run_view import ForensicFigure
from harness.forensic.validated_range import (
    RangeMatch,
    RecordingProperties,
    ValidatedRange,
    match_recording,
)
from harness.results.run_folder import RunFolder

NOISE_SNR_DB = 20.0
"""Least estimated SNR at which the noise is that of the recording's own pauses, not added noise."""

_SAME_SCORE = 1e-3
_AMBIGUOUS = "Band ends steeply"
"""The trace that a resampler leaves as well."""


def evidence_statement(
    score: float,
    score_reason: str,
    measurements: tuple[FileFacts, SignalFacts, list[Trace], SpeechTest],
    validated: ValidatedRange,
    run: RunFolder,
) -> EvidenceStatement:
    """State how much the score of a questioned recording is worth.

    Parameters
    ----------
    score_reason
        Why there is no score; empty where there is one.
    run
        The run whose clips the ratio is calibrated on.
    """
    file, signal, traces, speech = measurements
    refused = [f"{reason[:1].upper()}{reason[1:]}." for reason in speech.reasons]
    if score_reason:
        refused.append(f"It has no score: {score_reason}.")
    match = match_recording(validated, _properties(file, signal, traces))
    refused += match.reasons
    if refused or match.condition is None:
        return EvidenceStatement(refused, match.notes)
    calibration, notes = _without_recording(run, validated.model, file, score)
    effect = validated.kinds[match.condition]
    # A condition that codes or resamples has made all its clips alike, whatever they were before.
    likeness = Likeness(
        match.condition,
        match.band,
        "" if effect.codecs else file.coding,
        file.lossy_now,
        0 if effect.rate_hz else file.rate_hz,
    )
    return _statement(score, likeness, match, calibration, validated, [*match.notes, *notes])


def _statement(
    score: float,
    likeness: Likeness,
    match: RangeMatch,
    run: RunFolder,
    validated: ValidatedRange,
    notes: list[str],
) -> EvidenceStatement:
    condition, band = likeness.condition, likeness.band
    words = validated.kinds[condition].words
    try:
        ratio = likelihood_ratio(run, validated.model, likeness, score)
    except UsageError as fault:
        reason = f"The clips of {band} under {words!r} support no ratio: {fault.what}."
        return EvidenceStatement([reason], notes, condition, words, band=band)
    if ratio.bounded:
        notes.append("The ratio was limited to the most extreme value that so few groups support.")
    return EvidenceStatement(
        refused=[],
        notes=notes,
        condition=condition,
        condition_words=words,
        band=band,
        method="logistic calibration on these clips alone, within the bounds "
        "that the number of groups supports",
        llr=ratio.llr,
        low=ratio.low,
        high=ratio.high,
        least=ratio.bounds.lower,
        most=ratio.bounds.upper,
        words=sentence(ratio.llr),
        real=ratio.real,
        fake=ratio.fake,
        groups=ratio.groups,
        error=_error(match.error, match.band),
    )


def _properties(file: FileFacts, signal: SignalFacts, traces: list[Trace]) -> RecordingProperties:
    coded = any(trace.found and trace.name != _AMBIGUOUS for trace in traces)
    return RecordingProperties(
        seconds=file.seconds,
        active_seconds=signal.active_seconds,
        snr_db=math.inf if signal.snr_db >= NOISE_SNR_DB else signal.snr_db,
        bandwidth_hz=signal.scored_bandwidth_hz,
        rate_hz=file.rate_hz,
        lossy=True if file.lossy_now or coded else None,  # coding may leave no trace
    )


def _without_recording(
    run: RunFolder, model: str, file: FileFacts, score: float
) -> tuple[RunFolder, list[str]]:
    """Remove the recording and its group from the run, where it is one of the run's clips.

    A clip counts as the recording where it has the file's name and, unperturbed, the same score.
    """
    table: Any = run.table
    clean = table[(table["model"] == model) & (table["condition"] == "clean")]
    named = clean["clip_id"].map(lambda clip_id: PurePath(str(clip_id)).name == file.name)
    same = clean[named & ((clean["score"] - score).abs() < _SAME_SCORE)]
    if not len(same):
        return run, []
    rest = table[~table["group"].isin(set(same["group"]))].reset_index(drop=True)
    note = (
        "By its name and score, the recording is one of the run's own clips: that clip and the "
        "rest of its group were left out of the calibration, but not out of the error rates."
    )
    return replace(run, table=rest), [note]


def _error(error: ForensicFigure | None, band: str) -> str:
    if error is None or not error.known:
        return ""
    rate, low, high = (f"{100 * share:.0f}" for share in (error.value, error.low, error.high))
    return (
        f"On the run's clips of {band} under this condition the detector errs in {rate} of 100 "
        f"cases ({low} to {high}): the mean of both error rates at the run's threshold, over "
        f"{error.clips} clips of the smaller class."
    )
