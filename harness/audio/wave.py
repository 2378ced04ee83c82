"""Sound in memory and the one way it gets there from a file.

Conventions: samples are float32 in [-1, 1] (a float file may exceed that and is not clipped), time
is in seconds, rates in Hz. A `Wave` is mono. The downmix is the mean over channels, unless another
is asked for, and the resampler is torchaudio's with its defaults, which is what the model card's
usage code does.

What files are decoded, and what becomes of broken ones, is in `harness.audio.decode`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from harness.audio.decode import decode
from harness.audio.decoded import LIMITS, Limits, Recording, Samples
from harness.audio.downmix import downmix, signal_notes
from harness.audio.encoded import Encoded
from harness.errors import ClipRejected
from harness.terms import Channels

_LARGEST_RESAMPLER = 2**25
"""Taps of the largest polyphase filter that is built: 128 MiB, and 1 GiB while it is computed."""
_SMALL_RESAMPLER = 2**21
"""Taps of a filter that is kept with many others; 44.1 to 16 kHz has under 2**17."""


@dataclass(frozen=True, eq=False)
class Wave:
    """Mono samples that travel with their rate.

    Parameters
    ----------
    samples
        float32, shape (n,).
    rate_hz
        Samples a second.
    """

    samples: Samples
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise TypeError(
                f"a Wave is float32 of shape (n,), not {self.samples.dtype} {self.samples.shape}"
            )
        if self.rate_hz <= 0:
            raise ValueError(f"rate_hz must be positive, not {self.rate_hz}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz


def read(source: Encoded, limits: Limits = LIMITS) -> Recording:
    """Decode a whole file, the bytes of one, or what lies elsewhere.

    Raises
    ------
    ClipRejected
        Where neither decoder can make sound of it, or it is over a limit.
    ClipError
        Where the place that it lies at fails to give it.
    """
    recording = decode(source, limits)
    return recording.noted(*signal_notes(recording.samples, recording.rate_hz))


def mono(recording: Recording, channels: Channels = "mean") -> Wave:
    """The channel that is heard of a recording."""
    return Wave(downmix(recording.samples, channels), recording.rate_hz)


def load(source: Encoded, limits: Limits = LIMITS, channels: Channels = "mean") -> Wave:
    """Decode and downmix, where there is sound to work on.

    Raises
    ------
    ClipRejected
        Where it cannot be read, is empty, or holds what is no number or beyond the limit.
    """
    return sound(read(source, limits), limits, channels)


def sound(recording: Recording, limits: Limits = LIMITS, channels: Channels = "mean") -> Wave:
    """Downmix what was decoded, where there is sound to work on.

    Raises
    ------
    ClipRejected
        Where it is empty, or holds what is no number or beyond the limit.
    """
    wave = mono(recording, channels)
    if not len(wave.samples):
        raise ClipRejected("no samples")
    peak = max(float(wave.samples.max()), -float(wave.samples.min()))
    if not math.isfinite(peak):
        raise ClipRejected("NaN or infinite samples")
    if peak > limits.peak:
        raise ClipRejected(f"a sample of {peak:.3g} is over the limit of {limits.peak:.3g}")
    return wave


def resample(wave: Wave, rate_hz: int) -> Wave:
    """The wave at another rate, by `torchaudio.transforms.Resample` with its defaults.

    The result has `ceil(n * rate_hz / wave.rate_hz)` samples; content keeps its place in time.

    Raises
    ------
    ClipRejected
        Where the two rates have so small a common divisor that the filter would not fit in memory.
    """
    if wave.rate_hz == rate_hz:
        return wave
    import torch

    with torch.no_grad():
        resampled = _resampler(wave.rate_hz, rate_hz)(torch.from_numpy(wave.samples))
    return Wave(resampled.numpy(), rate_hz)


def _resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    divisor = math.gcd(from_hz, to_hz)
    taps = (from_hz // divisor) * (to_hz // divisor)
    if taps > _LARGEST_RESAMPLER:
        raise ClipRejected(f"{from_hz} Hz has no ratio to {to_hz} Hz that can be resampled exactly")
    return (_small_resampler if taps <= _SMALL_RESAMPLER else _large_resampler)(from_hz, to_hz)


@lru_cache(maxsize=64)
def _small_resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    from torchaudio.transforms import Resample

    return Resample(from_hz, to_hz)


@lru_cache(maxsize=2)
def _large_resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    from torchaudio.transforms import Resample

    return Resample(from_hz, to_hz)
