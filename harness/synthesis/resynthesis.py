"""Fakes: analysis and resynthesis of speech, each method with its own traces.

Every function takes dry samples at `RATE_HZ` and a generator for its settings, and returns as many
samples. `RESYNTHESES` lists all; `HELD_OUT` are never in the training half.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy  # its parts are loaded when they are first used: a corpus is made once

from harness.synthesis.spectrum import (
    Array,
    apply_filters,
    bridge,
    frames,
    hann,
    istft,
    mel_filters,
    minimum_phase,
    pitch,
    smooth_bins,
    spread_bands,
    stft,
)
from harness.synthesis.voice import RATE_HZ

Resynthesis = Callable[[Array, np.random.Generator], Array]

_SILENT = 1e-9
"""Relative to the largest magnitude: -180 dB."""


def griffin_lim(samples: Array, rng: np.random.Generator) -> Array:
    """Phase recovered from a mel spectrogram (Griffin & Lim 1984; Perraudin et al. 2013)."""
    size, hop = 1024, int(rng.choice([200, 256]))
    filters = mel_filters(int(rng.choice([32, 48])), size, RATE_HZ)
    power = np.abs(stft(samples, size, hop)) ** 2
    magnitude = np.sqrt(spread_bands(filters, apply_filters(filters, power)))
    spectra = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape))
    last = spectra
    for _ in range(int(rng.integers(2, 7))):
        current = stft(istft(spectra, size, hop, len(samples)), size, hop)
        ahead = current + 0.9 * (current - last)
        last = current
        spectra = magnitude * ahead / np.maximum(np.abs(ahead), 1e-9)
    return istft(spectra, size, hop, len(samples))


def lpc_pulse(samples: Array, rng: np.random.Generator) -> Array:
    """Linear prediction with a pulse train or noise as excitation (Atal & Hanauer 1971).

    Coarse as LPC-10 (Tremain 1982): frames of 22.5 ms, each with one pitch of a short table.
    """
    hop, size, order = 360, 400, int(rng.integers(10, 13))
    f0_hz = _pitch_contour(samples, hop)
    steps = np.round(12 * np.log2(np.maximum(f0_hz, 1)))
    coarse = np.repeat(np.where(f0_hz > 0, 2 ** (steps / 12), 0.0), hop)[: len(samples)]
    voiced = coarse > 0
    excitation = np.where(voiced, _pulses(coarse, 1, len(samples)), 0.0)
    excitation = np.where(voiced, excitation, rng.standard_normal(len(samples)))
    blocks = frames(samples, size, hop) * hann(size)
    lags = np.fft.irfft(np.abs(np.fft.rfft(blocks, 1024, axis=1)) ** 2, axis=1)[:, : order + 1]
    lags[:, 0] = lags[:, 0] * 1.0001 + 1e-9
    out, state = np.empty(len(samples)), np.zeros(order)
    scale = 1 / float(np.sum(hann(size) ** 2))
    for index, row in enumerate(lags[: -(-len(samples) // hop)]):
        predictor = scipy.linalg.solve_toeplitz(row[:-1], row[1:])
        gain = np.sqrt(max(row[0] - float(np.sum(predictor * row[1:])), 0.0) * scale)
        block = slice(index * hop, (index + 1) * hop)
        polynomial = np.concatenate([[1.0], -predictor])
        out[block], state = scipy.signal.lfilter([gain], polynomial, excitation[block], zi=state)
    return out


def world(samples: Array, rng: np.random.Generator) -> Array:
    """Pitch, smooth envelope and band aperiodicity; pulses and noise in minimum phase.

    After WORLD (Morise et al. 2016), with simpler estimators.
    """
    hop, size = 80, 1024
    f0_hz = _pitch_contour(samples, hop)
    envelope = _envelope(samples, f0_hz, hop, size)
    bins_hz = np.arange(size // 2 + 1) * RATE_HZ / size
    corner_hz = rng.uniform(3000, 6000)
    noise_share = np.clip(0.02 + (bins_hz / corner_hz) ** 2, 0, 1) * 0.7
    noise_share = np.where(f0_hz[:, None] > 0, noise_share, 1.0)
    responses = minimum_phase(np.sqrt(envelope * (1 - noise_share)), size)
    places, gains = _pulse_places(f0_hz, hop, len(samples))
    impulses = np.fft.irfft(responses[places // hop], size, axis=1) * gains[:, None]
    out = np.zeros(len(samples) + size)
    for place, impulse in zip(places, impulses, strict=True):
        out[place : place + size] += impulse
    hiss = stft(rng.standard_normal(len(samples)), size, hop)
    noise = istft(hiss * np.sqrt(envelope * noise_share), size, hop, len(samples))
    return out[: len(samples)] + noise


def sinusoidal(samples: Array, rng: np.random.Generator) -> Array:
    """Harmonics of the pitch without their phases, and noise (McAulay & Quatieri 1986)."""
    hop, size = 80, 1024
    f0_hz = _pitch_contour(samples, hop)
    envelope = np.sqrt(_envelope(samples, f0_hz, hop, size))
    cycles = np.cumsum(_hold(bridge(f0_hz), hop, len(samples))) / RATE_HZ
    limit_hz = rng.uniform(4500, 7500)
    out = np.zeros(len(samples))
    row = np.arange(len(f0_hz))
    for harmonic in range(1, int(limit_hz / max(60.0, float(np.min(bridge(f0_hz))))) + 1):
        hz = harmonic * f0_hz
        sounding = (hz > 0) & (hz < limit_hz)
        if not sounding.any():
            break
        column = np.minimum(np.round(hz * size / RATE_HZ).astype(int), size // 2)
        amplitude = np.where(sounding, envelope[row, column] * np.sqrt(2 * f0_hz / RATE_HZ), 0)
        phase = 2 * np.pi * (harmonic * cycles + rng.random())
        out += 1.41 * _hold(amplitude, hop, len(samples)) * np.cos(phase)
    bins_hz = np.arange(size // 2 + 1) * RATE_HZ / size
    noisy = (f0_hz[:, None] == 0) | (bins_hz >= limit_hz)
    hiss = stft(rng.standard_normal(len(samples)), size, hop)
    return out + istft(hiss * envelope * noisy, size, hop, len(samples))


def random_phase(samples: Array, rng: np.random.Generator) -> Array:
    """Short-time magnitudes with their phases partly randomised."""
    size = int(rng.choice([1024, 1280, 1536]))
    spectra = stft(samples, size, size // 4)
    turn = np.pi * rng.uniform(0.9, 1.0) * rng.uniform(-1, 1, spectra.shape)
    return istft(spectra * np.exp(1j * turn), size, size // 4, len(samples))


def upsampling_imaging(samples: Array, rng: np.random.Generator) -> Array:
    """The upper band is an image of the lower one, as after transposed convolutions.

    Upsampling artefacts of neural vocoders (Pons et al. 2021): the low band at half or a quarter of
    the rate is zero-stuffed, and its images are only attenuated.
    """
    factor = int(rng.choice([2, 4]))
    low = scipy.signal.resample_poly(samples, 1, factor)
    stuffed = np.zeros(max(len(low) * factor, len(samples)))
    stuffed[: len(low) * factor : factor] = low
    # A bias in earlier layers becomes a steady tone at a quarter of the rate.
    stuffed[::4] += 10 ** rng.uniform(-3.5, -2.7)
    clean = scipy.signal.resample_poly(low, factor, 1)[: len(samples)]
    images = factor * stuffed[: len(samples)] - clean
    return clean + 10 ** (-rng.uniform(-3, 3) / 20) * images


def mel_cepstral(samples: Array, rng: np.random.Generator) -> Array:
    """A mel-cepstral envelope of low order and mixed excitation (Tokuda et al. 1994)."""
    hop, size, bands = 80, 1024, 60
    f0_hz = _pitch_contour(samples, hop)
    filters = mel_filters(bands, size, RATE_HZ)
    power = np.abs(stft(samples, size, hop)) ** 2
    logs = np.log(apply_filters(filters, power) + 1e-8)
    keep = int(rng.integers(18, 28))
    cepstra = np.fft.irfft(np.concatenate([logs, logs[:, -2::-1]], axis=1)[:, :bands], axis=1)
    cepstra[:, keep : cepstra.shape[1] - keep + 1] = 0
    smooth = np.exp(np.fft.rfft(cepstra, axis=1).real)[:, :bands]
    envelope = np.sqrt(spread_bands(filters, smooth)) / np.sqrt(np.sum(hann(size) ** 2))
    cut = int(rng.uniform(2500, 5000) * size / RATE_HZ)
    pulses = stft(_pulses(f0_hz, hop, len(samples)), size, hop)
    hiss = stft(rng.standard_normal(len(samples)), size, hop)
    mixed = np.where((np.arange(size // 2 + 1) < cut) & (f0_hz[:, None] > 0), pulses, hiss)
    return istft(mixed * envelope, size, hop, len(samples))


def phase_vocoder(samples: Array, rng: np.random.Generator) -> Array:
    """Stretched and squeezed back by a smearing phase vocoder (Flanagan & Golden 1966)."""
    factor = float(rng.choice([0.7, 1.4]) * rng.uniform(0.95, 1.05))
    longer = _stretch(samples, factor, round(len(samples) * factor))
    return _stretch(longer, len(samples) / len(longer), len(samples))


RESYNTHESES: dict[str, Resynthesis] = {
    "griffin-lim": griffin_lim,
    "lpc-pulse": lpc_pulse,
    "world": world,
    "sinusoidal": sinusoidal,
    "random-phase": random_phase,
    "upsampling-imaging": upsampling_imaging,
    "mel-cepstral": mel_cepstral,
    "phase-vocoder": phase_vocoder,
}
HELD_OUT = frozenset({"mel-cepstral", "phase-vocoder"})


def _hold(values: Array, hop: int, samples: int) -> Array:
    """Frame values as samples, linear between the frames' centres."""
    return np.interp(np.arange(samples), np.arange(len(values)) * hop, values)


def _pitch_contour(samples: Array, hop: int) -> Array:
    """Pitch in voiced frames, by a median over five frames against single errors."""
    f0_hz = pitch(samples, hop, RATE_HZ)
    return np.where(f0_hz > 0, scipy.signal.medfilt(f0_hz, 5), 0.0)


def _pulse_places(f0_hz: Array, hop: int, samples: int) -> tuple[np.ndarray, Array]:
    """Sample index of each glottal pulse, and the gain that gives a train of them unit power."""
    contour = _hold(bridge(f0_hz), hop, samples)
    starts = np.flatnonzero(np.diff(np.floor(np.cumsum(contour / RATE_HZ)), prepend=0) > 0)
    starts = starts[f0_hz[starts // hop] > 0]
    return starts, np.sqrt(RATE_HZ / contour[starts])


def _pulses(f0_hz: Array, hop: int, samples: int) -> Array:
    places, gains = _pulse_places(f0_hz, hop, samples)
    train = np.zeros(samples)
    train[places] = gains
    return train


def _envelope(samples: Array, f0_hz: Array, hop: int, size: int) -> Array:
    """Power spectral density of each frame, averaged over one F0 to remove harmonics."""
    power = np.abs(stft(samples, size, hop)) ** 2 / np.sum(hann(size) ** 2)
    width = round(float(np.median(bridge(f0_hz))) * size / RATE_HZ)
    return smooth_bins(power, max(width, 3))


def _stretch(samples: Array, factor: float, length: int) -> Array:
    """`length` samples, stretched by `factor`; each bin's phase advances at its own frequency."""
    size, hop = 1024, 256
    spectra = stft(samples, size, hop)
    # The phase of silence comes from rounding errors, which differ between processors.
    spectra[np.abs(spectra) < _SILENT * np.abs(spectra).max()] = 0
    advance = np.angle(spectra[1:] * np.conj(spectra[:-1]))
    count = -(-length // hop) + 1
    place = np.minimum(np.arange(count) / factor, len(spectra) - 1.001)
    left = place.astype(int)
    share = (place - left)[:, None]
    magnitude = (1 - share) * np.abs(spectra[left]) + share * np.abs(spectra[left + 1])
    phase = np.angle(spectra[0]) + np.cumsum(advance[left], axis=0) - advance[left[0]]
    return istft(magnitude * np.exp(1j * phase), size, hop, length)
