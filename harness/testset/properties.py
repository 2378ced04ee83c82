"""Trivial properties of a recording, which a detector could learn instead of what it should.

Each is a number or a name. Levels are in dB relative to a full-scale square wave (power 1) and
never below `FLOOR_DB`; times in seconds, frequencies in Hz, shares between 0 and 1. Frames have
20 ms.

Müller et al., 2021, "Speech is silver, silence is golden: What do ASVspoof-trained models really
learn?" (length and silence at the ends, which identified the fakes of a well-known data set).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from harness.audio import wave
from harness.audio.speech_level import FRAME_SECONDS, active_level_db, active_samples
from harness.perturb.attestation import bandwidth_hz

Array = NDArray[np.float64]

FLOOR_DB = -120.0
SILENT_DB = -30.0
"""Relative to the active level; quieter frames are silence."""
SPEECH_DB = -25.0
"""Relative to the loudest frame; louder frames are searched for holes."""
HOLE_DB = -60.0
"""Relative to the mean of its frequency; a weaker cell of the spectrogram is empty."""
HOLE_BINS = 4
"""Fewest adjacent empty cells of a hole: coders leave out whole bands."""

_SEGMENT = 512
_EDGE = 0.1
_ROLLOFF = 0.99
_DEPTHS = (8, 12, 16, 20, 24)
_AT_PEAK = 1 - 1e-4


@dataclass(frozen=True, eq=False)
class Signal:
    """A recording, its downmix, and signals that several properties share.

    The mean of the clip is subtracted from frames: a constant offset is inaudible.
    """

    recording: wave.Recording
    wave: wave.Wave

    @cached_property
    def active_db(self) -> float:
        return max(active_level_db(self.wave), FLOOR_DB)

    @cached_property
    def frame_db(self) -> Array:
        """Level of every frame, shape (frames,); the last may be short."""
        samples = self.wave.samples.astype(np.float64)
        starts = np.arange(0, len(samples), max(1, round(FRAME_SECONDS * self.wave.rate_hz)))
        power = np.add.reduceat((samples - samples.mean()) ** 2, starts)
        return _db(power / np.diff(starts, append=len(samples)))

    @cached_property
    def loud_frames(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.frame_db >= max(self.active_db + SILENT_DB, FLOOR_DB + 1))

    @cached_property
    def spectrogram(self) -> Array:
        """Power of segments of 512 samples that overlap by half, shape (segments, bins)."""
        samples = self.wave.samples
        size = min(_SEGMENT, len(samples))
        segments = np.lib.stride_tricks.sliding_window_view(samples, size)[:: max(1, size // 2)]
        windowed = segments * np.hanning(size).astype(np.float32)
        return np.abs(cast("NDArray[np.complex64]", rfft(windowed, axis=1))).astype(np.float64) ** 2

    @cached_property
    def bins_hz(self) -> Array:
        count = self.spectrogram.shape[1]
        return np.linspace(0, self.wave.rate_hz / 2, count)

    @cached_property
    def bandwidth_hz(self) -> float:
        return bandwidth_hz(self.wave.samples, self.wave.rate_hz)


@dataclass(frozen=True)
class Property:
    """A property: its description with the unit, and its measurement."""

    words: str
    measure: Callable[[Signal], float | str]
    names: bool = field(default=False, kw_only=True)
    """Whether the property is a name instead of a number."""
    trace: bool = field(default=False, kw_only=True)
    """Whether generation may cause it, so that a detector may rightly use it."""


@dataclass(frozen=True)
class ClipProperties:
    """The properties of one recording by the names in `PROPERTIES`."""

    numbers: Mapping[str, float]
    names: Mapping[str, str]


def measure(recording: wave.Recording) -> ClipProperties:
    """Measure every property of a recording.

    Raises
    ------
    ClipRejected
        As `harness.audio.wave.sound`.
    """
    signal = Signal(recording, wave.sound(recording))
    values = {name: definition.measure(signal) for name, definition in PROPERTIES.items()}
    return ClipProperties(
        {name: float(value) for name, value in values.items() if not PROPERTIES[name].names},
        {name: str(value) for name, value in values.items() if PROPERTIES[name].names},
    )


def _peak(signal: Signal) -> float:
    return float(np.abs(signal.wave.samples).max())


def _crest(signal: Signal) -> float:
    power = np.mean(signal.wave.samples.astype(np.float64) ** 2)
    return float(_db(np.array(_peak(signal) ** 2)) - _db(power))


def _leading(signal: Signal) -> float:
    loud = signal.loud_frames
    return (
        min(float(loud[0]) * FRAME_SECONDS, signal.wave.seconds) if len(loud) else _seconds(signal)
    )


def _trailing(signal: Signal) -> float:
    loud = signal.loud_frames
    if not len(loud):
        return _seconds(signal)
    return max(0.0, signal.wave.seconds - float(loud[-1] + 1) * FRAME_SECONDS)


def _seconds(signal: Signal) -> float:
    return signal.wave.seconds


def _rolloff(signal: Signal) -> float:
    power = signal.spectrogram.sum(axis=0)
    if not power.sum():
        return 0.0
    return float(signal.bins_hz[np.searchsorted(np.cumsum(power) / power.sum(), _ROLLOFF)])


def _edge(signal: Signal) -> float:
    """Drop of the mean spectrum at the edge of the band; 0 where that is half the sample rate."""
    mean, hz, edge = signal.spectrogram.mean(axis=0), signal.bins_hz, signal.bandwidth_hz
    below = mean[(hz > edge * (1 - 2 * _EDGE)) & (hz <= edge * (1 - _EDGE / 2))]
    above = mean[(hz > edge * (1 + _EDGE / 2)) & (hz <= edge * (1 + 2 * _EDGE))]
    if not len(below) or not len(above):
        return 0.0
    return float(_db(below.mean()) - _db(above.mean()))


def _holes(signal: Signal) -> float:
    """Share of cells within the band that lie in holes: adjacent empty cells of one frame.

    A coder drops bands for which it has no bits; room noise never does, and pauses are not
    searched.
    """
    power, mean = signal.spectrogram, signal.spectrogram.mean(axis=0)
    within = (signal.bins_hz <= signal.bandwidth_hz) & (mean > 0)
    total = power.sum(axis=1)
    if not within.any() or not total.max():
        return 0.0
    speech = total >= total.max() * 10 ** (SPEECH_DB / 10)
    empty = power[np.ix_(speech, within)] < mean[within] * 10 ** (HOLE_DB / 10)
    padded = np.pad(empty, ((0, 0), (HOLE_BINS - 1, HOLE_BINS - 1)))
    runs = np.lib.stride_tricks.sliding_window_view(padded, HOLE_BINS, axis=1).all(axis=-1)
    in_hole = np.lib.stride_tricks.sliding_window_view(runs, HOLE_BINS, axis=1).any(axis=-1)
    return float(np.mean(in_hole))


def _zeros(signal: Signal) -> float:
    """Share of samples in runs of zeros of at least half a frame."""
    length = max(2, round(FRAME_SECONDS / 2 * signal.wave.rate_hz))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], signal.wave.samples == 0, [0]])))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= length].sum()) / len(signal.wave.samples)


def _clipped(signal: Signal) -> float:
    """Share of samples in runs of at least two at the peak of either sign."""
    samples = signal.wave.samples
    share = 0.0
    for side in (samples, -samples):
        at = side >= max(float(side.max()), 1e-9) * _AT_PEAK
        share += float(np.mean(at[1:] & at[:-1])) if len(at) > 1 else 0.0
    return share


def _offset(signal: Signal) -> float:
    return abs(float(np.mean(signal.wave.samples)))


def _pauses(signal: Signal) -> float:
    return 1 - float(np.mean(active_samples(signal.wave)))


def _bits(signal: Signal) -> str:
    """Fewest bits that represent the samples exactly; `float` where none do."""
    samples = signal.recording.samples
    for bits in _DEPTHS:
        scaled = samples * np.float64(2 ** (bits - 1))
        if np.array_equal(scaled, np.round(scaled)):
            return str(bits)
    return "float"


def _db(power: NDArray[np.float64] | np.floating) -> Array:
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


PROPERTIES: dict[str, Property] = {
    "length": Property("length, s", _seconds),
    "peak": Property("peak, dB", lambda signal: float(_db(np.array(_peak(signal) ** 2)))),
    "level": Property("level of active speech, dB", lambda signal: signal.active_db),
    "crest": Property("peak over mean power, dB", _crest),
    "leading silence": Property("silence before, s", _leading),
    "trailing silence": Property("silence after, s", _trailing),
    "digital silence": Property("share of samples in runs of zeros", _zeros),
    "bandwidth": Property("highest frequency, Hz", lambda signal: signal.bandwidth_hz),
    "band edge": Property("drop at the edge of the band, dB", _edge),
    "holes": Property("share of the spectrogram in empty bands", _holes),
    "clipping": Property("share of samples in runs at the peak", _clipped),
    "offset": Property("absolute mean of the samples", _offset),
    "format": Property(
        "container and coding", lambda signal: signal.recording.container, names=True
    ),
    "sample rate": Property(
        "sample rate, Hz", lambda signal: str(signal.recording.rate_hz), names=True
    ),
    "channels": Property("channels", lambda signal: str(signal.recording.channels), names=True),
    "bit depth": Property("bits in use", _bits, names=True),
    "pauses": Property("share of time without active speech", _pauses, trace=True),
    "noise floor": Property(
        "5th percentile of frame levels relative to the active level, dB",
        lambda signal: float(np.percentile(signal.frame_db, 5)) - signal.active_db,
        trace=True,
    ),
    "roll-off": Property("frequency below which 99 % of the power lies, Hz", _rolloff, trace=True),
}
