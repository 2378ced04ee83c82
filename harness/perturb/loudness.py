"""Integrated loudness of a mono wave (ITU-R BS.1770-4).

The recommendation lists the coefficients of its K weighting for 48 kHz; here they are computed for
any rate from the analogue prototypes behind that list (De Man 2014, "Evaluation of implementations
of the EBU R128 loudness measurement"). torchaudio's `loudness` reads 0.27 dB low at 1 kHz;
pyloudnorm refuses waves shorter than a block and differs in where blocks end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.audio.wave import Wave

BLOCK_SECONDS = 0.4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
LOWEST_RATE_HZ = 4000
_OVERLAP = 4


def integrated_lufs(wave: Wave) -> float:
    """Loudness in LUFS over gated blocks of 0.4 s; -inf where every block is under -70 LUFS.

    A wave shorter than a block counts as one block, which the recommendation leaves undefined. The
    rate must be at least 4 kHz.
    """
    from scipy.signal import sosfilt  # slow to import

    weighted = np.asarray(sosfilt(_k_weighting(wave.rate_hz), wave.samples.astype(np.float64)))
    size = min(len(weighted), round(BLOCK_SECONDS * wave.rate_hz))
    if not size:
        return -math.inf
    total = np.concatenate([[0.0], np.cumsum(weighted**2)])
    starts = np.arange(0, len(weighted) - size + 1, max(1, size // _OVERLAP))
    power = (total[starts + size] - total[starts]) / size
    power = power[power > _power(ABSOLUTE_GATE_LUFS)]
    if not len(power):
        return -math.inf
    gate = max(_power(ABSOLUTE_GATE_LUFS), power.mean() * 10 ** (RELATIVE_GATE_LU / 10))
    return float(-0.691 + 10 * np.log10(power[power > gate].mean()))


def _power(lufs: float) -> float:
    return 10 ** ((lufs + 0.691) / 10)


def _k_weighting(rate_hz: int) -> NDArray[np.float64]:
    """Second-order sections, shape (2, 6): the head's shelf, then the high-pass."""
    shelf_hz, shelf_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    high_hz, high_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * shelf_hz / rate_hz)
    top = 10 ** (shelf_db / 20)
    middle = top**0.4996667741545416
    shelf = [
        top + middle * k / shelf_q + k * k,
        2 * (k * k - top),
        top - middle * k / shelf_q + k * k,
        1 + k / shelf_q + k * k,
        2 * (k * k - 1),
        1 - k / shelf_q + k * k,
    ]
    k = math.tan(math.pi * high_hz / rate_hz)
    poles = [1 + k / high_q + k * k, 2 * (k * k - 1), 1 - k / high_q + k * k]
    # The recommendation gives the high-pass the numerator (1, -2, 1) after its normalisation.
    high_pass = [poles[0], -2 * poles[0], poles[0], *poles]
    return np.array([[c / shelf[3] for c in shelf], [c / poles[0] for c in high_pass]])
