"""The range of recordings that a run has validated a detector on, and whether a file lies in it.

The range consists of parts: one condition and one band of lengths. What a part covers comes from
the scores table, as measured on the scored audio (length, bandwidth, added noise), and from the
chain of perturbations (codec, sample rate). A file fits a part where the part is at least as bad in
each property, in the same band of lengths: noise at 10 dB covers a file at 13 dB but not one at
7 dB, and a cut to 0.3 s covers a file of 0.4 s. Conditions with an effect that cannot be measured
on a file (reverberation, a change of speed, lost packets) cover none.

The table holds the added noise and not the noise that clips had before, so a file counts as free of
noise from `CLEAN_SNR_DB` on, or from the mildest noise of the run where that is milder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UsageError
from harness.forensic.run_view import RESAMPLES, ForensicFigure, ForensicRun, Rows, with_intervals
from harness.metrics.bootstrap import ClipSet
from harness.results.record import ConditionRecord
from harness.terms import LENGTH_BANDS, LENGTH_EDGES_S

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

CLEAN_SNR_DB = 30.0
FEWEST_CLIPS = 10
FEWEST_GROUPS = 5
"""Fewest groups of each class for a part to count."""
TOLERANCE = 1.1
"""Factor by which a file's bandwidth may lie outside that of a part's clips."""

_MEASURABLE = {"codec", "noise", "crop", "filter"}
_ERRORS = ("hter", "fpr", "fnr")


@dataclass(frozen=True)
class RecordingProperties:
    """Properties of a file; NaN or None where not known.

    Parameters
    ----------
    snr_db
        Estimated, of speech over everything else.
    bandwidth_hz
        Measured as in the scores table: on the audio at the detector's rate.
    rate_hz
        The file's own.
    lossy
        Whether it was ever coded with loss.
    """

    seconds: float
    active_seconds: float
    snr_db: float
    bandwidth_hz: float
    rate_hz: int
    lossy: bool | None


@dataclass(frozen=True)
class RangePart:
    """Clips of one condition and band of lengths, and the detector's errors on them.

    Parameters
    ----------
    real, fake, real_groups, fake_groups
        Scored clips and their groups.
    seconds, bandwidth_hz
        Shortest and longest; 5 % and 95 % quantiles (NaN where not measured).
    hter, fpr, fnr
        Errors at the run's threshold.
    enough
        Whether there are enough clips and groups for the part to count.
    """

    condition: str
    family: str
    band: str
    real: int
    fake: int
    real_groups: int
    fake_groups: int
    seconds: tuple[float, float]
    bandwidth_hz: tuple[float, float]
    hter: ForensicFigure
    fpr: ForensicFigure
    fnr: ForensicFigure
    enough: bool


@dataclass(frozen=True)
class ConditionEffect:
    """Effect of a condition's chain, as far as it can be measured on a file.

    Parameters
    ----------
    snr_db
        Lowest SNR of added noise; infinite where none is added.
    rate_hz
        Lowest sample rate of the chain; None where it is the data's own.
    seconds
        Length after cutting; infinite where nothing is cut.
    steps
        Length of the chain.
    telling
        Whether every step can be measured.
    """

    condition: str
    words: str
    snr_db: float
    codecs: tuple[str, ...]
    rate_hz: int | None
    seconds: float
    steps: int
    telling: bool


@dataclass(frozen=True)
class ValidatedRange:
    """All parts of one model's run.

    Parameters
    ----------
    kinds
        Effect of each condition.
    rate_hz
        The detector's; None where not known.
    """

    model: str
    parts: list[RangePart]
    kinds: dict[str, ConditionEffect]
    rate_hz: int | None
    synthetic: bool

    @property
    def usable(self) -> list[RangePart]:
        """Parts with enough clips under conditions that can be measured."""
        return [part for part in self.parts if part.enough and self.kinds[part.condition].telling]

    def passes(self, part: RangePart, rate_hz: int) -> bool:
        """Whether a part's audio has no more bandwidth than a file of this sample rate."""
        lowest, high = self.kinds[part.condition].rate_hz, part.bandwidth_hz[1]
        return (lowest is not None and lowest <= rate_hz) or high <= rate_hz / 2 * TOLERANCE


@dataclass(frozen=True)
class RangeMatch:
    """Place of a file in a validated range.

    Parameters
    ----------
    condition
        Condition whose clips resemble the file most; None where the file lies outside.
    reasons
        Why it lies outside, a sentence each; empty where it lies inside.
    notes
        What is not known of the file, or was assumed, a sentence each.
    error
        Half total error rate at the run's threshold on clips like the file; None outside.
    band
        Lengths of these clips, such as `1-2 s`; empty outside.
    """

    condition: str | None
    reasons: list[str]
    notes: list[str]
    error: ForensicFigure | None = None
    band: str = ""


def validated_range(run: RunFolder, model: str, resamples: int = RESAMPLES) -> ValidatedRange:
    """Compute the range of one model of a run.

    Raises
    ------
    UsageError
        Where the run has no such model.
    """
    view = ForensicRun.of(run)
    if model not in view.models:
        known = ", ".join(view.models)
        raise UsageError(f"no scores of {model}", str(run.folder), f"name one of {known}")
    return range_of(view, model, resamples)


def range_of(view: ForensicRun, model: str, resamples: int = RESAMPLES) -> ValidatedRange:
    """Compute the range of one model of a run that is split already."""
    selected = list(_banded_rows(view, model))
    cells = [view.part(rows, _ERRORS) for *_, rows in selected]
    estimates = view.estimates(cells, resamples)
    parts = [
        _part(view, *key, cell, with_intervals(estimates[cell]))
        for key, cell in zip(selected, cells, strict=True)
    ]
    kinds = {condition.name: _effect(condition) for condition in view.conditions}
    record = view.model(model)
    synthetic = view.record.data.synthetic or (record is not None and record.synthetic)
    return ValidatedRange(model, parts, kinds, record.rate_hz if record else None, synthetic)


def match_recording(validated: ValidatedRange, file: RecordingProperties) -> RangeMatch:
    """Find the part that resembles a file most, or why there is none.

    Among parts that fit: the least noise, then the smallest cut, then the fewest steps, then the
    largest error.
    """
    notes = _notes(validated, file)
    if reasons := _reasons_outside(validated, file):
        return RangeMatch(None, reasons, notes)
    band = band_of(file.seconds)
    fitting = [
        part for part in validated.usable if part.band == band and _fits(validated, part, file)
    ]
    if not fitting:
        properties = "length, noise, bandwidth, sample rate and coding"
        reason = f"No condition of the run has clips like it in {properties} at once."
        return RangeMatch(None, [reason], notes)
    best = min(fitting, key=lambda part: _severity(validated.kinds[part.condition], part))
    return RangeMatch(best.condition, [], notes, best.hter, band)


def band_of(seconds: float) -> str:
    """Return the band of a length."""
    return LENGTH_BANDS[int(np.digitize(seconds, LENGTH_EDGES_S))]


def _severity(effect: ConditionEffect, part: RangePart) -> tuple[float, ...]:
    noise, cut = (-x if math.isfinite(x) else -1e9 for x in (effect.snr_db, effect.seconds))
    return (noise, cut, effect.steps, -part.hter.value)


def _reasons_outside(validated: ValidatedRange, file: RecordingProperties) -> list[str]:
    """Return the properties that put the file outside by themselves, a sentence each."""
    usable = validated.usable
    if not usable:
        return ["The run has too few clips of both classes under any condition."]
    effects = [validated.kinds[part.condition] for part in usable]
    lowest_db = min(effect.snr_db for effect in effects)
    narrowest = min(
        (part.bandwidth_hz[0] for part in usable if not math.isnan(part.bandwidth_hz[0])),
        default=0.0,
    )
    own = validated.rate_hz
    reasons = [_too_short(usable, file)]
    if file.snr_db < min(lowest_db, CLEAN_SNR_DB):
        tested = (
            f"the run reaches down to {lowest_db:g} dB"
            if math.isfinite(lowest_db)
            else f"the run has no noise, so only files of {CLEAN_SNR_DB:g} dB or more are like it"
        )
        reasons.append(f"Its SNR of {file.snr_db:.0f} dB is lower than tested: {tested}.")
    if file.bandwidth_hz * TOLERANCE < narrowest:
        reasons.append(
            f"Its bandwidth of {file.bandwidth_hz:.0f} Hz is below {narrowest:.0f} Hz, the lowest "
            "in the run."
        )
    if file.lossy and not any(effect.codecs for effect in effects):
        reasons.append("It was coded with loss, and the run has no such condition.")
    if own and file.rate_hz < own and not any(validated.passes(p, file.rate_hz) for p in usable):
        reasons.append(
            f"Its rate of {file.rate_hz} Hz is below the detector's {own} Hz, and the run has no "
            "condition with so low a rate."
        )
    return [reason for reason in reasons if reason]


def _too_short(usable: Sequence[RangePart], file: RecordingProperties) -> str:
    band = band_of(file.seconds)
    shortest = min(part.seconds[0] for part in usable)
    if file.seconds < shortest:
        return f"It has {file.seconds:.2f} s, and the run's shortest clips {shortest:.2f} s."
    if band not in {part.band for part in usable}:
        return f"It has {file.seconds:.2f} s, and the run has too few clips of {band}."
    if file.active_seconds < shortest:
        return (
            f"It has {file.active_seconds:.2f} s of speech, and the run's shortest clips "
            f"{shortest:.2f} s."
        )
    return ""


def _notes(validated: ValidatedRange, file: RecordingProperties) -> list[str]:
    notes = [
        f"Its {words} is not known and was not compared."
        for words, value in (
            ("SNR", file.snr_db),
            ("bandwidth", file.bandwidth_hz),
            ("length of speech", file.active_seconds),
        )
        if math.isnan(value)
    ]
    if file.lossy is None:
        notes.append("Whether it was ever coded with loss is not known; assumed not to be.")
    if validated.synthetic:
        notes.append("The run is of synthetic speech: it supports no statement about recordings.")
    return notes


def _fits(validated: ValidatedRange, part: RangePart, file: RecordingProperties) -> bool:
    """Whether a part is at least as bad as the file in every property, and of the same kind."""
    effect = validated.kinds[part.condition]
    low, high = part.bandwidth_hz
    levels = [e.snr_db for e in validated.kinds.values() if math.isfinite(e.snr_db)]
    noise_free = math.isnan(file.snr_db) or file.snr_db >= max([CLEAN_SNR_DB, *levels])
    noisy = math.isfinite(effect.snr_db)
    no_band = math.isnan(file.bandwidth_hz) or math.isnan(low)
    low_rate = validated.rate_hz is not None and file.rate_hz < validated.rate_hz
    return (
        (not noisy if noise_free else noisy and effect.snr_db <= file.snr_db)
        and (no_band or low / TOLERANCE <= file.bandwidth_hz <= high * TOLERANCE)
        and bool(effect.codecs) == bool(file.lossy)
        and (not low_rate or validated.passes(part, file.rate_hz))
        and (math.isinf(effect.seconds) or effect.seconds <= file.seconds)
    )


def _banded_rows(view: ForensicRun, model: str) -> Iterator[tuple[ConditionRecord, str, Rows]]:
    """Yield the scored rows of every condition and band that has any."""
    seconds = view.column("seconds")
    for condition in view.conditions:
        rows = view.rows(model, condition.name)
        numbers = np.digitize(seconds[rows], LENGTH_EDGES_S)
        for number in np.unique(numbers):
            yield condition, LENGTH_BANDS[int(number)], rows[numbers == number]


def _part(
    view: ForensicRun,
    condition: ConditionRecord,
    band: str,
    rows: Rows,
    cell: ClipSet,
    errors: dict[str, ForensicFigure],
) -> RangePart:
    seconds = view.column("seconds")[rows]
    bandwidth = view.column("bandwidth_hz")[rows]
    bandwidth = bandwidth[~np.isnan(bandwidth)]
    low, high = np.quantile(bandwidth, [0.05, 0.95]).tolist() if len(bandwidth) else [math.nan] * 2
    real_groups, fake_groups = (len(np.unique(g)) for g in (cell.real_group, cell.fake_group))
    clips, groups = min(len(cell.real), len(cell.fake)), min(real_groups, fake_groups)
    return RangePart(
        condition=condition.name,
        family=condition.family,
        band=band,
        real=len(cell.real),
        fake=len(cell.fake),
        real_groups=real_groups,
        fake_groups=fake_groups,
        seconds=(float(seconds.min()), float(seconds.max())),
        bandwidth_hz=(low, high),
        **errors,
        enough=clips >= FEWEST_CLIPS and groups >= FEWEST_GROUPS,
    )


def _effect(condition: ConditionRecord) -> ConditionEffect:
    chain: list[dict[str, Any]] = condition.chain
    noise = [float(step["snr_db"]) for step in chain if step.get("perturb") == "noise"]
    rates = [int(step["rate_hz"]) for step in chain if step.get("rate_hz")]
    cuts = [float(step["seconds"]) for step in chain if step.get("perturb") == "crop"]
    return ConditionEffect(
        condition=condition.name,
        words=condition.words,
        snr_db=min(noise, default=math.inf),
        codecs=tuple(str(step["codec"]) for step in chain if step.get("perturb") == "codec"),
        rate_hz=min(rates, default=None),
        seconds=min(cuts, default=math.inf),
        steps=len(chain),
        telling=all(_measurable(step) for step in chain),
    )


def _measurable(step: dict[str, Any]) -> bool:
    """Whether the effect of a step can be measured on a file."""
    if step.get("perturb") == "resample":
        return step.get("method") == "sinc"
    return step.get("perturb") in _MEASURABLE
