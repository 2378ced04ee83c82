"""Steps on samples that most perturbations share, before and after their own work."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave
from harness.errors import ClipRejected


def amplitude(decibel: float) -> float:
    """Amplitude ratio of a level difference."""
    return 10 ** (decibel / 20)


def require_samples(wave: Wave) -> None:
    """Reject a clip of length zero."""
    if not len(wave.samples):
        raise ClipRejected("has no samples")


def speech_level_db(wave: Wave) -> float:
    """Active speech level of the wave; a clip without one is rejected."""
    require_samples(wave)
    level_db = active_level_db(wave)
    if math.isinf(level_db):
        raise ClipRejected("is silent: no active speech to set a level by")
    return level_db


def wave_like(wave: Wave, samples: NDArray[Any]) -> Wave:
    """New samples at the wave's rate, as float32 in memory of their own."""
    return Wave(np.array(samples, np.float32), wave.rate_hz)


def at_level_of(wave: Wave, samples: NDArray[np.float64]) -> Wave:
    """New samples at the wave's rate, scaled to its active speech level."""
    level_db = speech_level_db(wave)
    gain_db = level_db - speech_level_db(wave_like(wave, samples))
    return wave_like(wave, samples * amplitude(gain_db))


def fit(samples: NDArray[Any], length: int) -> NDArray[Any]:
    """Exactly `length` samples: cut, or padded with zeros at the end."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def convert(wave: Wave, rate_hz: int) -> Wave:
    """The wave at another rate, ceil(n * ratio) samples, content in place (soxr, HQ).

    Steeper than `harness.audio.wave.resample`, whose transition band is a tenth of the spectrum: an
    8 kHz codec must leave nothing above 4 kHz, and no images of it.
    """
    if wave.rate_hz == rate_hz:
        return wave
    length = -(-len(wave.samples) * rate_hz // wave.rate_hz)
    converted = soxr.resample(wave.samples, wave.rate_hz, rate_hz, quality="HQ")
    return Wave(fit(converted, length), rate_hz)
