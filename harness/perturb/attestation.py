"""Measurements of what a condition really did to a clip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

from harness.audio.wave import Samples, Wave
from harness.perturb.alignment import lag_seconds
from harness.perturb.noise import Noise, snr_db
from harness.perturb.perturbation import Draw, Perturbation
from harness.results.expectation import BAND_EDGE_DB

_SEGMENT = 512
_BLOCK = 256
"""Segments whose spectra are computed at once; they fit a processor's cache."""


@dataclass(frozen=True)
class Attestation:
    """Measurements of one scored wave."""

    seconds: float
    snr_db: float
    """Active speech over added noise; NaN without noise."""
    bandwidth_hz: float
    """Highest frequency whose average power is within 50 dB of the strongest; 0 for silence."""
    delay_samples: float
    """Lag behind the unperturbed clip, at the scored rate; NaN where undefined."""
    changed: bool


def apply_chain(wave: Wave, chain: tuple[Perturbation, ...], draw: Draw) -> tuple[Wave, float]:
    """The wave after every step, and the measured SNR of the last noise step (NaN without one)."""
    measured = float("nan")
    for step in chain:
        before, wave = wave, step.apply(wave, draw)
        if isinstance(step, Noise):
            measured = snr_db(before, wave)
    return wave, measured


def attest(
    clean: Wave, scored: Wave, chain: tuple[Perturbation, ...], measured_snr_db: float
) -> Attestation:
    """Measure a scored wave against the unperturbed clip; a different rate is a change too."""
    same = scored.rate_hz == clean.rate_hz and len(scored.samples) == len(clean.samples)
    comparable = same and all(step.keeps_length and step.keeps_alignment for step in chain)
    changed = not (same and np.array_equal(scored.samples, clean.samples))
    lag = lag_seconds(clean, scored) if changed and comparable else 0.0
    return Attestation(
        seconds=scored.seconds,
        snr_db=measured_snr_db,
        bandwidth_hz=bandwidth_hz(scored.samples, scored.rate_hz),
        delay_samples=float(np.round(lag * scored.rate_hz)) if comparable else float("nan"),
        changed=changed,
    )


def bandwidth_hz(samples: Samples, rate_hz: int) -> float:
    """Highest frequency whose power is within 50 dB of the strongest; 0 for silence or a constant.

    Welch's method: segments of 512 samples, half overlapping, without their means, Hann window.
    """
    peak_to_peak = float(np.ptp(samples)) if len(samples) else 0.0
    if not peak_to_peak:
        return 0.0
    size = min(_SEGMENT, len(samples))
    # Scaled so that squares of faint samples do not underflow; the floor keeps the window finite.
    window = _hann(size) / np.float32(max(peak_to_peak, 1e-30))
    segments = sliding_window_view(samples, size)[:: size - size // 2]
    power = np.zeros(size // 2 + 1)
    for start in range(0, len(segments), _BLOCK):
        block = segments[start : start + _BLOCK]
        centered = (block - block.mean(axis=1, keepdims=True)) * window
        spectrum = cast("NDArray[np.complex64]", rfft(centered, axis=1))
        power += np.sum(spectrum.real**2 + spectrum.imag**2, axis=0)
    power[0] /= 2  # these two stand for one side of the spectrum, the others for both
    if size % 2 == 0:
        power[-1] /= 2
    within = np.flatnonzero(power >= power.max() * 10 ** (-BAND_EDGE_DB / 10))
    return float(within[-1]) * rate_hz / size


@lru_cache(maxsize=16)
def _hann(size: int) -> Samples:
    return (np.sin(np.pi * np.arange(size) / size) ** 2).astype(np.float32)
