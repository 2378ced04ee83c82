"""A case: everything measured of one questioned recording, as finished values.

No value says whether the recording is fake. Times are in seconds from its start, scores are
log-odds of fake, likelihood ratios are natural logarithms. A value that could not be measured is
NaN, and a part that was left out has a reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from harness.plain_json import json_text, plain

NAN = math.nan


@dataclass(frozen=True)
class FileFacts:
    """The file, as its decoder describes it.

    Parameters
    ----------
    name
        Without folders.
    coding
        Container and codec as the decoder names them, such as `WAV/PCM_16`.
    bits
        Bits of a stored sample; None where the coding has none.
    lossy_now
        Whether the file's own coding is lossy; None where not known.
    path
        Steps from the file to the detector's input.
    notes
        Parts that are not decoded, and errors of the header (`harness.audio.recording.Recording`).
    """

    name: str
    sha256: str
    size_bytes: int
    coding: str
    decoder: str
    bits: int | None
    lossy_now: bool | None
    rate_hz: int
    channels: int
    seconds: float
    path: list[str]
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class SignalFacts:
    """Measurements of the mono signal at the file's own rate.

    Parameters
    ----------
    active_seconds
        Length of the active frames (`harness.audio.speech_level`).
    snr_db
        Estimated (`harness.inspect.level`), at most 60; NaN where nothing is active.
    bandwidth_hz
        Highest frequency within 50 dB of the strongest.
    scored_bandwidth_hz
        The same at the detector's rate, comparable with the run's clips.
    peak_dbfs, rms_dbfs, active_dbfs
        Relative to a full-scale square wave; -inf for silence.
    loudness_lufs
        ITU-R BS.1770-4; NaN below 4 kHz.
    clipped
        Samples in runs of three or more at the largest magnitude of the recording.
    dc
        Mean sample.
    """

    active_seconds: float
    snr_db: float
    bandwidth_hz: float
    scored_bandwidth_hz: float
    peak_dbfs: float
    rms_dbfs: float
    active_dbfs: float
    loudness_lufs: float
    clipped: int
    dc: float


@dataclass(frozen=True)
class Trace:
    """One sign of earlier lossy coding.

    Parameters
    ----------
    value, limit
        The sign is present where `value >= limit`.
    meaning
        Other causes of the same sign, and how often it was right on known codings.
    """

    name: str
    measured: str
    value: float
    limit: float
    meaning: str

    @property
    def found(self) -> bool:
        return self.value >= self.limit


@dataclass(frozen=True)
class SpeechTest:
    """Whether the recording is speech, by measurements with stated limits.

    Parameters
    ----------
    reasons
        Why it is not, a sentence each; empty where it is.
    """

    measured: dict[str, float]
    reasons: list[str]


@dataclass(frozen=True)
class Window:
    """A window and its score; NaN with a reason where there is none."""

    start_s: float
    end_s: float
    score: float
    reason: str = ""

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class ScoreStep:
    """The time at which the mean scores before and after differ most.

    Parameters
    ----------
    at_s
        Accurate to half a window.
    strength
        Share of the windows' variance that the step explains.
    """

    at_s: float
    before: float
    after: float
    strength: float


@dataclass(frozen=True)
class Timeline:
    """Scores over windows of one length.

    Parameters
    ----------
    padded
        Whether the windows are shorter than the detector's input.
    """

    window_s: float
    hop_s: float
    padded: bool
    windows: list[Window]
    step: ScoreStep | None


@dataclass(frozen=True)
class ScoreChange:
    """The score after a small change that does not alter the content."""

    name: str
    words: str
    score: float
    difference: float
    turned: bool
    reason: str = ""


@dataclass(frozen=True)
class Attribution:
    """Contribution of each part of the detector's input to its score.

    Parameters
    ----------
    withheld
        Why it is not shown; empty where it is.
    similarity
        Rank correlation of the cells with those of the same network with random weights, signed or
        unsigned, whichever is larger.
    repeatability
        Rank correlation with the cells of the same recording under noise at 40 dB.
    from_mean
        Score minus that of the recording's mean spectrum, which the cells should add up to.
    gap
        Difference between the two.
    seconds
        Length of the recording that is covered.
    cells
        Log-odds by frequency band (rows, low to high) and time; empty where withheld.
    """

    method: str
    withheld: str
    similarity: float = NAN
    repeatability: float = NAN
    from_mean: float = NAN
    gap: float = NAN
    seconds: float = NAN
    cells: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class EvidenceStatement:
    """Statement of the run's clips on a score like this one.

    Parameters
    ----------
    refused
        Why nothing is stated, a sentence each; the other fields are then empty or NaN.
    band
        Lengths of the clips that the ratio is calibrated on.
    llr, low, high
        Calibrated log-likelihood ratio of fake over real and its 95 % interval.
    least, most
        Bounds that the number of groups supports.
    words
        The verbal equivalent, which names both propositions.
    error
        Half total error rate on clips like this one, in words.
    """

    refused: list[str]
    notes: list[str] = field(default_factory=list)
    condition: str = ""
    condition_words: str = ""
    method: str = ""
    llr: float = NAN
    low: float = NAN
    high: float = NAN
    least: float = NAN
    most: float = NAN
    words: str = ""
    real: int = 0
    fake: int = 0
    groups: int = 0
    error: str = ""
    band: str = ""


@dataclass(frozen=True)
class Examination:
    """The detector and the run that the recording was examined with."""

    run: str
    suite: str
    data: str
    synthetic_data: bool
    model: str
    model_digest: str
    synthetic_model: bool
    threshold: float
    heard_s: float | None
    harness: str
    revision: str
    examined: str


@dataclass(frozen=True)
class Case:
    """One questioned recording.

    Parameters
    ----------
    score
        Of the whole file, scored as the run scores clips; NaN with a reason where there is none.
    heard_s
        Length that the score covers, from the start of the file.
    left_out
        Reasons for parts of the examination that were left out, by name.
    audio, audio_type, spectrogram_png
        For the page; not in the JSON file.
    """

    subject: Examination
    file: FileFacts
    signal: SignalFacts
    traces: list[Trace]
    speech: SpeechTest
    score: float
    score_reason: str
    heard_s: float
    timelines: list[Timeline]
    changes: list[ScoreChange]
    attribution: Attribution | None
    weight: EvidenceStatement
    left_out: dict[str, str]
    audio: bytes = field(default=b"", repr=False)
    audio_type: str = ""
    spectrogram_png: bytes = field(default=b"", repr=False)


BYTES = ("audio", "audio_type", "spectrogram_png")


def case_content(case: Case) -> dict[str, Any]:
    """Return what the JSON file of a case holds: everything but audio and picture."""
    content = {name: value for name, value in vars(case).items() if name not in BYTES}
    content["traces"] = [plain(trace) | {"found": trace.found} for trace in case.traces]
    return plain(content)


def case_json(case: Case) -> str:
    """Return the text of a case's JSON file."""
    return json_text(case_content(case))
