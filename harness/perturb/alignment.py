"""The lag between two waves; positive where the second one is late."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from harness.audio.wave import Samples, Wave

_WHITENING = 0.5
"""Power of the cross-spectrum's magnitude that is divided out: 0 is the plain cross-correlation,
whose maximum is flat for voices; 1 is the phase transform, which weights empty bands fully."""


def lag_seconds(before: Wave, after: Wave, max_seconds: float = 0.25) -> float:
    """Seconds by which `after` is late: the shift of whole samples at which the two correlate best.

    Generalised cross-correlation with a half-whitened cross-spectrum (Knapp & Carter 1976; the
    exponent as in the rho-PHAT variant). Polarity counts. The waves may differ in length, not in
    rate; NaN where one of them is empty or silent.
    """
    if before.rate_hz != after.rate_hz:
        raise ValueError(f"lag between {before.rate_hz} Hz and {after.rate_hz} Hz is not defined")
    if not (before.samples.any() and after.samples.any()):
        return float("nan")
    reach = max(1, round(max_seconds * before.rate_hz))
    best = int(np.argmax(_correlation(before, after, reach)))
    return (best - reach) / before.rate_hz


def shift(samples: Samples, late_by: int, length: int) -> Samples:
    """`length` samples from `late_by` on, with zeros before the start and after the end."""
    shifted = np.zeros(length, dtype=np.float32)
    first, last = max(late_by, 0), min(late_by + length, len(samples))
    if last > first:
        shifted[first - late_by : last - late_by] = samples[first:last]
    return shifted


def _correlation(before: Wave, after: Wave, reach: int) -> Samples:
    """Weighted correlation at the lags -reach..reach, shape (2 * reach + 1,)."""
    longest = max(len(before.samples), len(after.samples))
    size = cast("int", fft.next_fast_len(longest + reach, real=True))
    cross = np.conj(_cached_spectrum(before, size)) * _spectrum(after, size)
    weight = np.abs(cross) ** _WHITENING
    # Bins far below the strongest hold rounding noise, which whitening would lift.
    cross /= weight + 1e-3 * weight.max()
    correlation = cast("Samples", fft.irfft(cross, size))
    return np.concatenate([correlation[-reach:], correlation[: reach + 1]])


def _spectrum(wave: Wave, size: int) -> NDArray[np.complex64]:
    # At full scale, so that the product of two faint spectra does not underflow. scipy stays in
    # single precision, which halves the time.
    return cast("NDArray[np.complex64]", fft.rfft(wave.samples / np.abs(wave.samples).max(), size))


@lru_cache(maxsize=1)
def _cached_spectrum(wave: Wave, size: int) -> NDArray[np.complex64]:
    """Spectrum of the unperturbed clip, which is compared with one condition after another."""
    return _spectrum(wave, size)
