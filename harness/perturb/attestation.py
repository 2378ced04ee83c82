"""What a condition really did to a clip, measured on the audio and not taken from its name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.audio import Samples, Wave
from harness.perturb.alignment import lag_seconds
from harness.perturb.noise import Noise, snr_db
from harness.perturb.perturbation import Draw, Perturbation

_BAND_EDGE_DB = -50.0


@dataclass(frozen=True)
class Attestation:
    """Measurements of one scored wave.

    Parameters
    ----------
    seconds
        Length of the wave.
    snr_db
        Active speech over the noise that was added; NaN where no noise was.
    bandwidth_hz
        Highest frequency whose average power is within 50 dB of the strongest; 0 for silence.
    delay_samples
        Lag behind the unperturbed clip, at the scored rate; NaN where a step moves content or one
        of the two is silent.
    changed
        Whether any sample differs from those of the unperturbed clip.
    """

    seconds: float
    snr_db: float
    bandwidth_hz: float
    delay_samples: float
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
    """Measure a scored wave against the unperturbed clip; another rate is a change too."""
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
    """Highest frequency whose Welch power is within 50 dB of the strongest; 0 for silence."""
    from scipy.signal import welch  # slow to import

    if not samples.any():
        return 0.0
    frequency, power = welch(samples.astype(np.float64), rate_hz, nperseg=min(512, len(samples)))
    within = np.flatnonzero(power >= power.max() * 10 ** (_BAND_EDGE_DB / 10))
    return float(frequency[within[-1]])
