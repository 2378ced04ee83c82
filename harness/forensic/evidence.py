"""What a finished run says about a score on a recording like this one, or why it says nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from harness.errors import UsageError
from harness.forensic.case import FileFacts, SignalFacts, SpeechTest, Trace, Weight
from harness.forensic.estimate import Measured
from harness.forensic.likelihood_ratio import weigh
from harness.forensic.validated_range import Envelope, Facts, Place, place
from harness.forensic.verbal import sentence
from harness.results.run_folder import RunFolder

NOISE_SNR_DB = 20.0
"""An estimate of so much or more is of the recording's own pauses, not of added noise."""

_SAME_SCORE = 1e-3
_AMBIGUOUS = "Band ends steeply"
"""The trace that a resampler leaves as well."""


def worth(
    score: float,
    score_reason: str,
    found: tuple[FileFacts, SignalFacts, list[Trace], SpeechTest],
    envelope: Envelope,
    run: RunFolder,
) -> Weight:
    """The weight of the score of a questioned recording.

    Parameters
    ----------
    found
        What was measured of the recording.
    run
        Whose clips the ratio is calibrated on.
    """
    file, signal, traces, speech = found
    refused = [_sentence(reason) for reason in speech.reasons]
    if score_reason:
        refused.append(f"It has no score: {score_reason}.")
    facts = _facts(file, signal, traces)
    where = place(envelope, facts)
    refused += where.reasons
    if refused or where.condition is None:
        return Weight(refused, where.notes)
    kept, notes = _without(run, envelope.model, file, score)
    return _weighed(score, where, kept, envelope, notes)


def _weighed(
    score: float, where: Place, run: RunFolder, envelope: Envelope, notes: list[str]
) -> Weight:
    condition = where.condition or ""
    words = envelope.kinds[condition].words
    try:
        weight = weigh(run, envelope.model, condition, score)
    except UsageError as fault:
        told = f"The clips under {words!r} support no ratio: {fault.what}."
        return Weight([told], [*where.notes, *notes], condition, words)
    if weight.bounded:
        notes.append(
            "By its score alone the ratio would lie further out; so few clips do not support more."
        )
    return Weight(
        refused=[],
        notes=[*where.notes, *notes],
        condition=condition,
        condition_words=words,
        method="logistic calibration on the scored clips of this condition, within the bounds "
        "that their number supports",
        llr=weight.llr,
        low=weight.low,
        high=weight.high,
        least=weight.bounds.lower,
        most=weight.bounds.upper,
        words=sentence(weight.llr),
        real=weight.real,
        fake=weight.fake,
        groups=weight.groups,
        error=_error(where.error, where.band),
    )


def _facts(file: FileFacts, signal: SignalFacts, traces: list[Trace]) -> Facts:
    certain = any(trace.found and trace.name != _AMBIGUOUS for trace in traces)
    return Facts(
        seconds=file.seconds,
        active_seconds=signal.active_seconds,
        snr_db=math.inf if signal.snr_db >= NOISE_SNR_DB else signal.snr_db,
        bandwidth_hz=signal.scored_bandwidth_hz,
        rate_hz=file.rate_hz,
        # That no trace was found does not mean that there was no coding.
        lossy=True if file.lossy_now or certain else None,
    )


def _without(
    run: RunFolder, model: str, file: FileFacts, score: float
) -> tuple[RunFolder, list[str]]:
    """The run without the recording itself and its group, where it is one of the run's clips.

    A clip is taken for the recording when it has the file's name and, as it is, the same score.
    """
    table: Any = run.table
    clean = table[(table["model"] == model) & (table["condition"] == "clean")]
    named = clean["clip_id"].map(lambda clip_id: PurePath(str(clip_id)).name == file.name)
    same = clean[named & ((clean["score"] - score).abs() < _SAME_SCORE)]
    if not len(same):
        return run, []
    groups = set(same["group"])
    rest = table[~table["group"].isin(groups)].reset_index(drop=True)
    note = (
        "The recording is one of the run's own clips by its name and score: that clip and what "
        "belongs to its group were left out of the calibration, but not of the error rates."
    )
    return replace(run, table=rest), [note]


def _error(error: Measured | None, band: str) -> str:
    if error is None or not error.known:
        return ""
    rate, low, high = (f"{100 * each:.0f}" for each in (error.value, error.low, error.high))
    return (
        f"On the run's clips of {band} under this condition the detector errs in {rate} of 100 "
        f"cases ({low} to {high}): the mean of both kinds of error at the run's threshold, over "
        f"{error.clips} clips of the smaller class."
    )


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
