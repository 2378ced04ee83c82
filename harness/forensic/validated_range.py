"""The region in which a run has evidence, and whether a file lies in it.

A part of the envelope is a condition and a band of lengths. What it covers is read off the table,
as the audio was measured when it was scored (length, bandwidth, added noise), and off the chain of
perturbations (codec, sample rate). A file lies in a part where each of these would have been as bad
in the part as in the file, or worse, and the length is in the same band: noise at 10 dB stands for
a file at 13 dB, never for one at 7 dB, and a cut to 0.3 s for a file of 0.4 s. Conditions whose
steps cannot be told from a file (a room, a change of speed, a lost packet) stand for none.

The table says how much noise was added and nothing of the noise that clips had before, so a file is
taken for free of noise at `CLEAN_SNR_DB` and above, or at the mildest noise that the run has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.forensic.estimate import RESAMPLES, Measured, measured
from harness.forensic.run_view import Judged
from harness.metrics.bootstrap import Cell, estimate
from harness.results.record import ConditionRecord

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

EDGES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
BANDS = ("0-0.5 s", "0.5-1 s", "1-2 s", "2-4 s", "4-8 s", "8+ s")
CLEAN_SNR_DB = 30.0
FEWEST_CLIPS = 10
FEWEST_GROUPS = 5
"""Of each class: what a part needs to speak for a file."""
WIDER = 1.1
"""Factor by which a file's bandwidth may be off that of a part's clips."""

_TELLING = {"codec", "noise", "crop", "filter"}
_ERRORS = ("hter", "fpr", "fnr")


@dataclass(frozen=True)
class Facts:
    """What is known of a file, before it is scored; NaN or None where it is not known.

    Parameters
    ----------
    seconds, active_seconds
        Its length, and how much of it is speech.
    snr_db
        Estimated, of speech over everything else.
    bandwidth_hz
        Measured as the scores table's: on the audio at the detector's rate.
    rate_hz
        The file's own.
    lossy
        Whether it was coded with loss at any time.
    """

    seconds: float
    active_seconds: float
    snr_db: float
    bandwidth_hz: float
    rate_hz: int
    lossy: bool | None


@dataclass(frozen=True)
class Part:
    """Clips of one condition and one band of lengths, and how wrong the detector is about them.

    Parameters
    ----------
    real, fake, real_groups, fake_groups
        Scored clips, and how many groups they are of.
    seconds, bandwidth_hz
        Shortest and longest; 5 % and 95 % quantiles (NaN where it was not measured).
    hter, fpr, fnr
        Errors at the run's threshold.
    enough
        Whether they are enough to speak for a file.
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
    hter: Measured
    fpr: Measured
    fnr: Measured
    enough: bool


@dataclass(frozen=True)
class Kind:
    """What a condition's chain does, as far as it can be told from a file.

    Parameters
    ----------
    snr_db
        Least that noise was added at; infinite where none was.
    codecs
        Codecs in the chain.
    rate_hz
        Lowest rate that it goes through; None where it is the data's own.
    seconds
        What it is cut to; infinite where it is not.
    steps
        Length of the chain.
    telling
        Whether nothing else is done to the audio.
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
class Envelope:
    """All parts of one model's run; `kinds` by condition, `rate_hz` the detector's (or None)."""

    model: str
    parts: list[Part]
    kinds: dict[str, Kind]
    rate_hz: int | None
    synthetic: bool


@dataclass(frozen=True)
class Place:
    """Where a file lies in an envelope.

    Parameters
    ----------
    condition
        The condition of the run whose evidence fits the file best; None where none does.
    reasons
        Why it lies outside, a sentence each; empty where it lies inside.
    notes
        What was not known of the file or had to be taken for something else, a sentence each.
    error
        Half total error rate at the run's threshold, of clips like the file; None outside.
    band
        The lengths of these clips, such as `1-2 s`; empty outside.
    """

    condition: str | None
    reasons: list[str]
    notes: list[str]
    error: Measured | None
    band: str


def envelope(run: RunFolder, model: str, resamples: int = RESAMPLES) -> Envelope:
    """The envelope of one model of a run.

    Raises
    ------
    UsageError
        Where the run has no such model.
    """
    judged = Judged.of(run)
    if model not in judged.models:
        known = ", ".join(judged.models)
        raise UsageError(f"no scores of {model}", str(run.folder), f"its models are {known}")
    return envelope_of(judged, model, resamples)


def envelope_of(judged: Judged, model: str, resamples: int = RESAMPLES) -> Envelope:
    """As `envelope`, of a run that is taken apart already."""
    places = list(_places(judged, model))
    estimates = estimate([cell for *_, cell in places], judged.grid.groups, resamples, seed=0)
    parts = [
        _part(judged, condition, band, rows, cell, measured(estimates[cell]))
        for condition, band, rows, cell in places
    ]
    kinds = {each.name: _kind(each) for each in judged.conditions}
    record = judged.model(model)
    synthetic = judged.record.data.synthetic or (record is not None and record.synthetic)
    return Envelope(model, parts, kinds, record.rate_hz if record else None, synthetic)


def place(envelope: Envelope, facts: Facts) -> Place:
    """The part of the envelope that fits a file best, or why there is none.

    Of several parts that fit, the one with the least noise, the least cut off and the fewest steps,
    then the one with the larger error.
    """
    notes = _notes(envelope, facts)
    reasons = _outside(envelope, facts)
    if reasons:
        return Place(None, reasons, notes, None, "")
    band = band_of(facts.seconds)
    fitting = [
        part
        for part in envelope.parts
        if part.band == band and part.enough and _fits(envelope, part, facts)
    ]
    if not fitting:
        together = "length, noise, bandwidth, sample rate and coding"
        return Place(
            None,
            [f"No condition of the run has clips like it in {together} at once."],
            notes,
            None,
            "",
        )
    best = min(fitting, key=lambda part: _rank(envelope.kinds[part.condition], part))
    return Place(best.condition, [], notes, best.hter, band)


def band_of(seconds: float) -> str:
    """The band of a length."""
    return BANDS[int(np.digitize(seconds, EDGES_S))]


def _rank(kind: Kind, part: Part) -> tuple[float, ...]:
    noise = -kind.snr_db if math.isfinite(kind.snr_db) else -1e9
    cut = -kind.seconds if math.isfinite(kind.seconds) else -1e9
    return (noise, cut, kind.steps, -part.hter.value)


def _outside(envelope: Envelope, facts: Facts) -> list[str]:
    """What by itself puts the file outside, whatever the rest."""
    usable = [p for p in envelope.parts if p.enough and envelope.kinds[p.condition].telling]
    if not usable:
        return ["The run has too few clips of both classes under any condition."]
    reasons = [_too_short(usable, facts)]
    kinds = [envelope.kinds[part.condition] for part in usable]
    lowest = min((kind.snr_db for kind in kinds), default=math.inf)
    if facts.snr_db < min(lowest, CLEAN_SNR_DB):
        tested = f"the run reaches down to {lowest:g} dB" if math.isfinite(lowest) else _NO_NOISE
        reasons.append(f"Its SNR of {facts.snr_db:.0f} dB is lower than tested: {tested}.")
    bands = [part.bandwidth_hz[0] for part in usable if not math.isnan(part.bandwidth_hz[0])]
    narrow = min(bands, default=0.0)
    if facts.bandwidth_hz * WIDER < narrow:
        reasons.append(
            f"Its bandwidth of {facts.bandwidth_hz:.0f} Hz is below {narrow:.0f} Hz, the least in "
            "the run."
        )
    if facts.lossy and not any(kind.codecs for kind in kinds):
        reasons.append("It was coded with loss, and the run has no such condition.")
    own = envelope.rate_hz
    if own and facts.rate_hz < own and not any(_through(envelope, p, facts) for p in usable):
        reasons.append(
            f"Its rate of {facts.rate_hz} Hz is below the detector's {own} Hz, and the run has no "
            "condition through so low a rate."
        )
    return [reason for reason in reasons if reason]


_NO_NOISE = f"the run has no noise, so files of {CLEAN_SNR_DB:g} dB and more alone are like its own"


def _through(envelope: Envelope, part: Part, facts: Facts) -> bool:
    """Whether a part's audio holds no more than the file's own rate lets through."""
    rate_hz, high = envelope.kinds[part.condition].rate_hz, part.bandwidth_hz[1]
    return (rate_hz is not None and rate_hz <= facts.rate_hz) or high <= facts.rate_hz / 2 * WIDER


def _too_short(usable: Sequence[Part], facts: Facts) -> str:
    band = band_of(facts.seconds)
    there = {part.band for part in usable}
    shortest = min(part.seconds[0] for part in usable)
    if facts.seconds < shortest:
        return f"It has {facts.seconds:.2f} s, and the run's shortest clips {shortest:.2f} s."
    if band not in there:
        return f"It has {facts.seconds:.2f} s, and the run has too few clips of {band}."
    if facts.active_seconds < shortest:
        return (
            f"It has {facts.active_seconds:.2f} s of speech, and the run's shortest clips "
            f"{shortest:.2f} s."
        )
    return ""


def _notes(envelope: Envelope, facts: Facts) -> list[str]:
    notes = [
        f"Its {words} is not known, and was not held against it."
        for words, value in (
            ("SNR", facts.snr_db),
            ("bandwidth", facts.bandwidth_hz),
            ("length of speech", facts.active_seconds),
        )
        if math.isnan(value)
    ]
    if facts.lossy is None:
        notes.append("Whether it was coded with loss is not known; it is taken for not coded.")
    if envelope.synthetic:
        notes.append("The run is of synthetic speech: it supports no statement about recordings.")
    return notes


def _fits(envelope: Envelope, part: Part, facts: Facts) -> bool:
    """Whether a part is as bad as the file in everything, and not of another kind."""
    kind = envelope.kinds[part.condition]
    low, high = part.bandwidth_hz
    noisy = math.isfinite(kind.snr_db)
    levels = [each.snr_db for each in envelope.kinds.values() if math.isfinite(each.snr_db)]
    free = facts.snr_db >= max([CLEAN_SNR_DB, *levels]) or math.isnan(facts.snr_db)
    in_noise = (noisy and kind.snr_db <= facts.snr_db) if not free else not noisy
    no_band = math.isnan(facts.bandwidth_hz) or math.isnan(low)
    in_band = no_band or low / WIDER <= facts.bandwidth_hz <= high * WIDER
    slow = envelope.rate_hz is not None and facts.rate_hz < envelope.rate_hz
    return (
        kind.telling
        and in_noise
        and in_band
        and bool(kind.codecs) == bool(facts.lossy)
        and (not slow or _through(envelope, part, facts))
        and (math.isinf(kind.seconds) or kind.seconds <= facts.seconds)
    )


def _places(
    judged: Judged, model: str
) -> list[tuple[ConditionRecord, str, NDArray[np.intp], Cell]]:
    """Rows and cell of every condition and band that has any."""
    seconds = judged.column("seconds")
    places: list[tuple[ConditionRecord, str, NDArray[np.intp], Cell]] = []
    for condition in judged.conditions:
        rows = judged.rows(model, condition.name)
        numbers = np.digitize(seconds[rows], EDGES_S)
        for number in np.unique(numbers):
            inside = rows[numbers == number]
            places.append((condition, BANDS[int(number)], inside, judged.part(inside, _ERRORS)))
    return places


def _part(
    judged: Judged,
    condition: ConditionRecord,
    band: str,
    rows: NDArray[np.intp],
    cell: Cell,
    errors: dict[str, Measured],
) -> Part:
    seconds = judged.column("seconds")[rows]
    bandwidth = judged.column("bandwidth_hz")[rows]
    bandwidth = bandwidth[~np.isnan(bandwidth)]
    edges = np.quantile(bandwidth, [0.05, 0.95]).tolist() if len(bandwidth) else [math.nan] * 2
    real_groups, fake_groups = (len(np.unique(each)) for each in (cell.real_group, cell.fake_group))
    clips, groups = min(len(cell.real), len(cell.fake)), min(real_groups, fake_groups)
    return Part(
        condition=condition.name,
        family=condition.family,
        band=band,
        real=len(cell.real),
        fake=len(cell.fake),
        real_groups=real_groups,
        fake_groups=fake_groups,
        seconds=(float(seconds.min()), float(seconds.max())),
        bandwidth_hz=(edges[0], edges[1]),
        hter=errors["hter"],
        fpr=errors["fpr"],
        fnr=errors["fnr"],
        enough=clips >= FEWEST_CLIPS and groups >= FEWEST_GROUPS,
    )


def _kind(condition: ConditionRecord) -> Kind:
    chain: list[dict[str, Any]] = condition.chain
    noise = [float(step["snr_db"]) for step in chain if step.get("perturb") == "noise"]
    rates = [int(step["rate_hz"]) for step in chain if step.get("rate_hz")]
    cuts = [float(step["seconds"]) for step in chain if step.get("perturb") == "crop"]
    return Kind(
        condition=condition.name,
        words=condition.words,
        snr_db=min(noise, default=math.inf),
        codecs=tuple(str(step["codec"]) for step in chain if step.get("perturb") == "codec"),
        rate_hz=min(rates, default=None),
        seconds=min(cuts, default=math.inf),
        steps=len(chain),
        telling=all(_telling(step) for step in chain),
    )


def _telling(step: dict[str, Any]) -> bool:
    """Whether what a step does shows in the facts of a file."""
    if step.get("perturb") == "resample":
        return step.get("method") == "sinc"
    return step.get("perturb") in _TELLING
