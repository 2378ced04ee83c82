"""Waves: how recordings are loaded, mixed down and resampled.

Conventions: samples are float32 in [-1, 1] (a float file may exceed that and is not clipped), time
is in seconds, rates in Hz. A `Wave` is mono. The downmix is the mean over channels by default, and
the resampler is torchaudio's with its defaults, as in the model card's usage code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from harness.audio.decode import decode
from harness.audio.downmix import downmix, signal_notes
from harness.audio.encoded import Encoded
from harness.audio.recording import LIMITS, AudioLimits, Recording, Samples
from harness.errors import ClipRejected
from harness.terms import Channels

_LARGEST_RESAMPLER = 2**25
"""Taps of the largest polyphase filter: 128 MiB, and 1 GiB while it is computed."""
_SMALL_RESAMPLER = 2**21
"""Taps of filters that are cached in large numbers; 44.1 to 16 kHz has under 2**17."""


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


def read(source: Encoded, limits: AudioLimits = LIMITS) -> Recording:
    """Decode a whole file, the bytes of one, or a recording that lies elsewhere.

    Raises
    ------
    ClipRejected
        If neither decoder can decode it, or it exceeds a limit.
    ClipError
        If the place where it lies fails to provide it.
    """
    recording = decode(source, limits)
    return recording.with_notes(*signal_notes(recording.samples, recording.rate_hz))


def mono(recording: Recording, channels: Channels = "mean") -> Wave:
    """Mix a recording down to one channel."""
    return Wave(downmix(recording.samples, channels), recording.rate_hz)


def load(source: Encoded, limits: AudioLimits = LIMITS, channels: Channels = "mean") -> Wave:
    """Decode, check and mix down; raises as `read` and `sound`."""
    return sound(read(source, limits), limits, channels)


def sound(recording: Recording, limits: AudioLimits = LIMITS, channels: Channels = "mean") -> Wave:
    """Mix a recording down and check its samples.

    Raises ClipRejected if it is empty, or has samples that are not finite or exceed the limit.
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
    """Resample by `torchaudio.transforms.Resample` with its defaults.

    The result has `ceil(n * rate_hz / wave.rate_hz)` samples, without a delay.

    Raises ClipRejected if the common divisor of the rates is so small that the filter would not fit
    in memory.
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


def _new_resampler(from_hz: int, to_hz: int) -> Callable[[Any], Any]:
    from torchaudio.transforms import Resample

    return Resample(from_hz, to_hz)


_small_resampler = lru_cache(maxsize=64)(_new_resampler)
_large_resampler = lru_cache(maxsize=2)(_new_resampler)
