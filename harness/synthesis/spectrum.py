"""Short-time spectra, mel bands, pitch and envelopes.

Frames are centred on multiples of the hop, of shape (frames, ...). Without BLAS, whose results may
depend on its number of threads: the same input gives the same bits in every process.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


def frames(samples: Array, size: int, hop: int) -> Array:
    """Overlapping frames of `size` that cover the samples, zero-padded at both ends."""
    count = -(-len(samples) // hop) + 1
    padded = np.zeros((count - 1) * hop + size)
    padded[size // 2 : size // 2 + len(samples)] = samples[: len(padded) - size // 2]
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]


def overlap_add(blocks: Array, hop: int, samples: int) -> Array:
    """Sum of overlapping frames: the inverse of `frames`, up to the window's sum."""
    count, size = blocks.shape
    pieces = -(-size // hop)
    padded = np.pad(blocks, ((0, 0), (0, pieces * hop - size)))
    out = np.zeros((count + pieces - 1, hop))
    for piece in range(pieces):
        out[piece : piece + count] += padded[:, piece * hop : (piece + 1) * hop]
    return out.ravel()[size // 2 : size // 2 + samples]


def stft(samples: Array, size: int, hop: int) -> Complex:
    """Hann-windowed spectra, shape (frames, size // 2 + 1)."""
    return np.fft.rfft(frames(samples, size, hop) * hann(size), axis=1)


def istft(spectra: Complex, size: int, hop: int, samples: int) -> Array:
    """Least-squares inverse of `stft` (Griffin & Lim 1984, eq. 6)."""
    window = hann(size)
    out = overlap_add(np.fft.irfft(spectra, size, axis=1) * window, hop, samples)
    weight = overlap_add(np.tile(window**2, (len(spectra), 1)), hop, samples)
    return out / np.maximum(weight, 1e-3)


@lru_cache(maxsize=16)
def hann(size: int) -> Array:
    """Periodic Hann window; read-only."""
    window = np.hanning(size + 1)[:-1]
    window.setflags(write=False)
    return window


def mel(hz: Array | float) -> Array:
    """O'Shaughnessy's mel scale."""
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


@lru_cache(maxsize=16)
def mel_filters(bands: int, size: int, rate_hz: int) -> sparse.csr_array:
    """Triangles of unit sum over the bins of a `size`-point spectrum, shape (bands, bins)."""
    edges = 700 * (10 ** (np.linspace(0, mel(rate_hz / 2), bands + 2) / 2595) - 1)
    bins = np.arange(size // 2 + 1) * rate_hz / size
    # Bands are at least a bin wide; otherwise low ones would be empty.
    width = np.maximum(np.diff(edges), rate_hz / size)
    rise = (bins - edges[1:-1, None]) / width[:-1, None] + 1
    fall = 1 - (bins - edges[1:-1, None]) / width[1:, None]
    weights = np.clip(np.minimum(rise, fall), 0, None)
    return sparse.csr_array(weights / weights.sum(axis=1, keepdims=True))


def apply_filters(filters: sparse.csr_array, power: Array) -> Array:
    """Bands of each frame: `power @ filters.T`."""
    return np.asarray((filters @ power.T).T)


def spread_bands(filters: sparse.csr_array, bands: Array) -> Array:
    """Bins of each frame from its bands, by the filters' normalised transpose."""
    spread = np.asarray((filters.T @ bands.T).T)
    return spread / np.maximum(np.asarray(filters.sum(axis=0)), 1e-9)


def pitch(samples: Array, hop: int, rate_hz: int) -> Array:
    """F0 in Hz of each frame, 0 where unvoiced, by normalised autocorrelation over 40 ms.

    Boersma (1993) without the path search: the best peak between 60 and 400 Hz, with a small
    preference for short lags.
    """
    size, length = int(0.04 * rate_hz), 2048
    blocks = frames(samples, size, hop) * hann(size)
    power = np.abs(np.fft.rfft(blocks, length, axis=1)) ** 2
    correlation = np.fft.irfft(power, length, axis=1)[:, : size // 2]
    own = np.fft.irfft(np.abs(np.fft.rfft(hann(size), length)) ** 2, length)[: size // 2]
    energy = correlation[:, :1]
    correlation = correlation / np.maximum(energy, 1e-9) * (own[0] / own)
    shortest, longest = rate_hz // 400, min(rate_hz // 60, size // 2 - 1)
    lags = np.arange(shortest, longest)
    best = shortest + np.argmax(correlation[:, lags] - 0.0008 * lags, axis=1)
    row = np.arange(len(best))
    left, peak, right = (correlation[row, best + shift] for shift in (-1, 0, 1))
    bend = left - 2 * peak + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    voiced = (peak > 0.55) & (energy[:, 0] > 1e-3 * np.max(energy))
    return np.where(voiced, rate_hz / (best + np.clip(shift, -0.5, 0.5)), 0.0)


def bridge(f0_hz: Array) -> Array:
    """F0 with unvoiced frames interpolated between voiced ones."""
    voiced = np.flatnonzero(f0_hz > 0)
    if len(voiced) == 0:
        return np.full_like(f0_hz, 120.0)
    return np.interp(np.arange(len(f0_hz)), voiced, f0_hz[voiced])


def smooth_bins(power: Array, width: int) -> Array:
    """Moving average over `width` bins of each spectrum, mirrored at both ends."""
    half = width // 2
    padded = np.pad(power, ((0, 0), (half + 1, half)), mode="reflect")
    total = np.cumsum(padded, axis=1)
    return (total[:, 2 * half + 1 :] - total[:, : -2 * half - 1]) / (2 * half + 1)


def minimum_phase(magnitude: Array, size: int) -> Complex:
    """Minimum-phase spectra of these magnitudes, shape (frames, size // 2 + 1)."""
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, 1e-7)), size, axis=1)
    cepstrum[:, 1 : size // 2] *= 2
    cepstrum[:, size // 2 + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum, axis=1))
