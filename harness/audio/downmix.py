"""Mix the channels of a recording down to one, and note what is lost.

Levels are those of the alternating part: a constant offset is not sound.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.audio.recording import Samples
from harness.terms import Channels

_BLOCK = 2**16
"""Frames that are converted to float64 at a time."""
_SILENT = 1e-6
"""Power relative to the loudest channel: 60 dB below it."""
_QUIETER_DB = 5.0
"""Two independent channels of equal level lose 3 dB in their mean, a single active one loses 6."""
_CANCELS = 0.25
"""Power of the mean relative to that of independent channels: 6 dB below it."""
_FULL_SCALE = 10.0
"""Larger samples are on another scale; decoders and resamplers overshoot by less."""
_NOTHING = 1e-4
"""Power of the mean relative to the loudest channel at which it counts as lost: 40 dB below."""
_SUMMED = 2**13
_SHIFT_FRAMES = 2**15
_SHIFT_S = 0.05
_SHIFT_LIKENESS = 0.9


def downmix(samples: Samples, channels: Channels) -> Samples:
    """Reduce samples of shape (n, channels) to one channel, float32 of shape (n,).

    The mean is computed in float64. Of equally loud channels the first is the loudest.
    """
    if samples.shape[1] == 1:
        return np.ascontiguousarray(samples[:, 0])
    if channels != "mean":
        chosen = int(np.argmax(np.diag(_covariance(samples)))) if channels == "loudest" else 0
        return np.ascontiguousarray(samples[:, chosen])
    mixed = np.empty(len(samples), np.float32)
    for start in range(0, len(samples), _BLOCK):  # float64 of one block at a time
        block = samples[start : start + _BLOCK]
        mixed[start : start + _BLOCK] = block.mean(axis=1, dtype=np.float64)
    return mixed


def signal_notes(samples: Samples, rate_hz: int) -> tuple[str, ...]:
    """Return notes on silent channels, losses in the mean of channels, and samples off scale."""
    if not len(samples):
        return ()
    peak = max(float(samples.max()), -float(samples.min()))
    if not math.isfinite(peak):
        return ()
    if peak > _FULL_SCALE:
        return (f"samples are far beyond full scale: {peak:.4g}",)
    return tuple(note for note in _channel_notes(samples, rate_hz) if note)


def _channel_notes(samples: Samples, rate_hz: int) -> tuple[str, ...]:
    count = samples.shape[1]
    if count == 1:
        return ()
    shared = _covariance(samples)
    powers, mean = np.diag(shared).clip(0), shared.sum() / count**2
    loudest = int(np.argmax(powers))
    if not powers[loudest] > 0:
        return ()
    silent = int((powers < _SILENT * powers[loudest]).sum())
    lost_db = 10 * math.log10(powers[loudest] / max(mean, _NOTHING * powers[loudest]))
    lost = ""
    if mean < _CANCELS * powers.sum() / count**2:
        lost = f"the channels cancel in their mean: {'at least ' * (lost_db > 39)}{lost_db:.0f} dB"
    elif lost_db >= _QUIETER_DB:
        which = f"channel {loudest + 1} of {count}"
        lost = f"the mean of the channels is quieter than one of them: {lost_db:.1f} dB, {which}"
    apart = abs(shared[0, 1]) < _SHIFT_LIKENESS * math.sqrt(powers[0] * powers[1])
    return (
        f"silent channels: {silent} of {count}" if silent else "",
        lost,
        _shift_note(samples, rate_hz) if count == 2 and apart and not silent else "",
    )


def _covariance(samples: Samples) -> NDArray[np.float64]:
    """Return the covariance of channels; in float32 within a block, accurate to 50 dB."""
    count = samples.shape[1]
    sums, products = np.zeros(count), np.zeros((count, count))
    offset = samples[:_SUMMED].mean(axis=0)
    ones = np.ones(_SUMMED, np.float32)
    for start in range(0, len(samples), _SUMMED):
        block = samples[start : start + _SUMMED] - offset
        sums += ones[: len(block)] @ block
        products += block.T @ block
    means = sums / len(samples)
    return products / len(samples) - np.outer(means, means)


def _shift_note(samples: Samples, rate_hz: int) -> str:
    """Return a note on a channel that is a delayed copy of the other: the mean is a comb filter."""
    middle = max((len(samples) - _SHIFT_FRAMES) // 2, 0)
    part = samples[middle : middle + _SHIFT_FRAMES]
    part = part - part.mean(axis=0)
    norm = math.sqrt(float(np.prod([channel @ channel for channel in part.T])))
    if not norm:
        return ""
    size = 2 ** math.ceil(math.log2(2 * len(part)))
    left, right = np.fft.rfft(np.ascontiguousarray(part.T), size)
    like = np.abs(np.fft.irfft(right * left.conj(), size)) / norm
    most = min(int(_SHIFT_S * rate_hz), len(part) - 1)
    near = np.concatenate([like[-most:], like[: most + 1]])
    lag = abs(int(np.argmax(near)) - most)
    if near.max() < _SHIFT_LIKENESS or not lag:
        return ""
    return f"one channel is the other one later: {1000 * lag / rate_hz:.1f} ms"
