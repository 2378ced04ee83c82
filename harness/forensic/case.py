"""A case: everything that was found out about one questioned recording, as finished values.

No value here says whether the recording is fake. Times are in seconds from its start, scores are
log-odds of fake as the detector gives them, likelihood ratios are natural logarithms; what could
not be measured is NaN, and what was left out has a reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from harness.plain_json import json_text, plain

NAN = math.nan


@dataclass(frozen=True)
class FileFacts:
    """The file and what its decoder says of it.

    Parameters
    ----------
    name
        Of the file alone, without its folders.
    coding
        Container and codec, in the decoder's words: `WAV/PCM_16`, `mov,mp4,m4a,3gp,3g2,mj2/aac`.
    bits
        Of a sample as stored; None where the coding has none.
    lossy_now
        Whether the file's own coding loses; None where that is not known.
    path
        What was done from the file to what the detector got, a step each.
    notes
        What of the file is not heard, and where its header is wrong
        (`harness.audio.recording.Recording`).
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
    """What was measured on the mono signal at the file's own rate.

    Parameters
    ----------
    active_seconds
        Length of the active frames (`harness.audio.speech_level`).
    snr_db
        Estimated (`harness.inspect.level`), at most 60; NaN where nothing is active.
    bandwidth_hz
        Highest frequency within 50 dB of the strongest.
    scored_bandwidth_hz
        The same at the detector's rate, which is what the run measured of its clips.
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
    """One sign of earlier lossy coding: what was measured, and at which value it counts.

    Parameters
    ----------
    value, limit
        Found where `value >= limit`; `value` is NaN where it could not be measured.
    meaning
        What else leaves the same sign, and how often it was right on known codings.
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
    """Whether there is speech to judge, by measurements with stated limits.

    Parameters
    ----------
    reasons
        Why not, a sentence each; empty where it passes.
    """

    measured: dict[str, float]
    reasons: list[str]


@dataclass(frozen=True)
class Window:
    """One window of the recording and its score; NaN with a reason where there is none."""

    start_s: float
    end_s: float
    score: float
    reason: str = ""

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class ScoreStep:
    """Where the scores of a timeline before and after differ most.

    Parameters
    ----------
    at_s
        Time of the step, give or take half a window.
    before, after
        Mean score of the windows before and after it.
    strength
        How much of the windows' variance the step explains, from 0 to 1.
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
        Whether the windows are shorter than what the detector takes in.
    """

    window_s: float
    hop_s: float
    padded: bool
    windows: list[Window]
    step: ScoreStep | None


@dataclass(frozen=True)
class ScoreChange:
    """A small change that leaves the content as it is, and the score after it."""

    name: str
    words: str
    score: float
    difference: float
    turned: bool
    reason: str = ""


@dataclass(frozen=True)
class Attribution:
    """Which parts of the picture that the detector sees carry its score.

    Parameters
    ----------
    withheld
        Why there is no picture; empty where there is one.
    similarity
        Rank correlation of its cells with those of the same network with random weights, with
        their signs or without, whichever is larger.
    repeatability
        Rank correlation with the cells of the same recording under noise at 40 dB.
    from_mean
        Score less that of the recording's mean spectrum: what the cells should add up to.
    gap
        By how much they do not.
    seconds
        How much of the recording the picture shows.
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
    """What the run's clips say about a score like this one.

    Parameters
    ----------
    refused
        Why nothing is said, a sentence each; everything else is then empty or NaN.
    llr, low, high
        Calibrated log-likelihood ratio of fake over real and its 95 % interval.
    least, most
        What the run's own size supports.
    words
        The verbal equivalent, which names both propositions.
    error
        Half total error rate at the run's threshold of clips like this one, in words.
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


@dataclass(frozen=True)
class Examination:
    """By which detector and against which run the recording was examined."""

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
        Of the whole file as the run scores clips; NaN where there is none, with the reason.
    heard_s
        How much of the file that score is about, from its start.
    left_out
        Parts that were not done, by name, with the reason.
    audio, audio_type, spectrogram_png
        For the page; not among the data.
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
