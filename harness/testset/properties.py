"""Trivial properties of a recording: what can be told of it without listening to what is said.

Each is a number or a name that a detector could learn in place of what it should learn. Levels are
in dB relative to a full-scale square wave (power 1) and never below `FLOOR_DB`; times in seconds,
frequencies in Hz, shares between 0 and 1. Frames have 20 ms.

Müller et al., 2021, "Speech is silver, silence is golden: What do ASVspoof-trained models really
learn?" (length and silence at the ends, which gave away the fakes of a well-known data set).
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
"""Below the active level, what is quieter than this is silence."""
SPEECH_DB = -25.0
"""Below the loudest frame, what is louder than this is looked at for holes."""
HOLE_DB = -60.0
"""A cell of the spectrogram is empty so far below the mean of its frequency."""
HOLE_BINS = 4
"""A hole has at least so many empty cells side by side: coders leave out whole bands."""

_SEGMENT = 512
_EDGE = 0.1
_ROLLOFF = 0.99
_DEPTHS = (8, 12, 16, 20, 24)
_AT_PEAK = 1 - 1e-4


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording, its downmix, and what several properties are read off.

    Frames are without the clip's mean, because a constant offset is no sound.
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
    """What is measured, in words and with its unit."""

    words: str
    measure: Callable[[Sound], float | str]
    names: bool = field(default=False, kw_only=True)
    """Whether it is a name and no number."""
    trace: bool = field(default=False, kw_only=True)
    """Whether making a fake may leave it, so that a detector may well listen to it."""


@dataclass(frozen=True)
class Measurement:
    """The properties of one recording by the names in `PROPERTIES`."""

    numbers: Mapping[str, float]
    names: Mapping[str, str]


def measure(recording: wave.Recording) -> Measurement:
    """Every property of a recording.

    Raises
    ------
    ClipRejected
        as `harness.audio.wave.sound`.
    """
    measured = Sound(recording, wave.sound(recording))
    found = {name: each.measure(measured) for name, each in PROPERTIES.items()}
    return Measurement(
        {name: float(value) for name, value in found.items() if not PROPERTIES[name].names},
        {name: str(value) for name, value in found.items() if PROPERTIES[name].names},
    )


def _peak(sound: Sound) -> float:
    return float(np.abs(sound.wave.samples).max())


def _crest(sound: Sound) -> float:
    power = np.mean(sound.wave.samples.astype(np.float64) ** 2)
    return float(_db(np.array(_peak(sound) ** 2)) - _db(power))


def _leading(sound: Sound) -> float:
    loud = sound.loud_frames
    return min(float(loud[0]) * FRAME_SECONDS, sound.wave.seconds) if len(loud) else _all(sound)


def _trailing(sound: Sound) -> float:
    loud = sound.loud_frames
    if not len(loud):
        return _all(sound)
    return max(0.0, sound.wave.seconds - float(loud[-1] + 1) * FRAME_SECONDS)


def _all(sound: Sound) -> float:
    return sound.wave.seconds


def _rolloff(sound: Sound) -> float:
    power = sound.spectrogram.sum(axis=0)
    if not power.sum():
        return 0.0
    return float(sound.bins_hz[np.searchsorted(np.cumsum(power) / power.sum(), _ROLLOFF)])


def _edge(sound: Sound) -> float:
    """Fall of the mean spectrum over the end of the band; 0 where that is the end of the rate."""
    mean, hz, edge = sound.spectrogram.mean(axis=0), sound.bins_hz, sound.bandwidth_hz
    below = mean[(hz > edge * (1 - 2 * _EDGE)) & (hz <= edge * (1 - _EDGE / 2))]
    above = mean[(hz > edge * (1 + _EDGE / 2)) & (hz <= edge * (1 + 2 * _EDGE))]
    if not len(below) or not len(above):
        return 0.0
    return float(_db(below.mean()) - _db(above.mean()))


def _holes(sound: Sound) -> float:
    """Share of cells within the band that lie in holes: empty side by side in a single frame.

    A coder leaves out bands where it has no bits for them; noise of a room never does, and the
    breaks between words are not looked at.
    """
    power, mean = sound.spectrogram, sound.spectrogram.mean(axis=0)
    within = (sound.bins_hz <= sound.bandwidth_hz) & (mean > 0)
    total = power.sum(axis=1)
    if not within.any() or not total.max():
        return 0.0
    speech = total >= total.max() * 10 ** (SPEECH_DB / 10)
    empty = power[np.ix_(speech, within)] < mean[within] * 10 ** (HOLE_DB / 10)
    padded = np.pad(empty, ((0, 0), (HOLE_BINS - 1, HOLE_BINS - 1)))
    runs = np.lib.stride_tricks.sliding_window_view(padded, HOLE_BINS, axis=1).all(axis=-1)
    in_hole = np.lib.stride_tricks.sliding_window_view(runs, HOLE_BINS, axis=1).any(axis=-1)
    return float(np.mean(in_hole))


def _zeros(sound: Sound) -> float:
    """Share of samples in runs of zeros of half a frame and more."""
    length = max(2, round(FRAME_SECONDS / 2 * sound.wave.rate_hz))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sound.wave.samples == 0, [0]])))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= length].sum()) / len(sound.wave.samples)


def _clipped(sound: Sound) -> float:
    """Share of samples in runs of two and more at the peak of either sign."""
    samples = sound.wave.samples
    share = 0.0
    for side in (samples, -samples):
        at = side >= max(float(side.max()), 1e-9) * _AT_PEAK
        share += float(np.mean(at[1:] & at[:-1])) if len(at) > 1 else 0.0
    return share


def _bits(sound: Sound) -> str:
    """Fewest bits that hold the samples of the file as they are; `float` where none do."""
    samples = sound.recording.samples
    for bits in _DEPTHS:
        scaled = samples * np.float64(2 ** (bits - 1))
        if np.array_equal(scaled, np.round(scaled)):
            return str(bits)
    return "float"


def _db(power: NDArray[np.float64] | np.floating) -> Array:
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


PROPERTIES: dict[str, Property] = {
    "length": Property("length, s", _all),
    "peak": Property("peak, dB", lambda one: float(_db(np.array(_peak(one) ** 2)))),
    "level": Property("level of active speech, dB", lambda one: one.active_db),
    "crest": Property("peak over mean power, dB", _crest),
    "leading silence": Property("silence before, s", _leading),
    "trailing silence": Property("silence after, s", _trailing),
    "digital silence": Property("share of samples in runs of zeros", _zeros),
    "bandwidth": Property("highest frequency in it, Hz", lambda one: one.bandwidth_hz),
    "band edge": Property("fall at the end of the band, dB", _edge),
    "holes": Property("empty bands of the spectrogram, share", _holes),
    "clipping": Property("samples that stay at the peak, share", _clipped),
    "offset": Property(
        "mean of the samples, size", lambda one: abs(float(np.mean(one.wave.samples)))
    ),
    "format": Property("container and coding", lambda one: one.recording.container, names=True),
    "sample rate": Property("sample rate, Hz", lambda one: str(one.recording.rate_hz), names=True),
    "channels": Property("channels", lambda one: str(one.recording.channels), names=True),
    "bit depth": Property("bits in use", _bits, names=True),
    "pauses": Property(
        "share that is not active",
        lambda one: 1 - float(np.mean(active_samples(one.wave))),
        trace=True,
    ),
    "noise floor": Property(
        "quietest twentieth of frames under the active level, dB",
        lambda one: float(np.percentile(one.frame_db, 5)) - one.active_db,
        trace=True,
    ),
    "roll-off": Property("99 % of the power is below, Hz", _rolloff, trace=True),
}
