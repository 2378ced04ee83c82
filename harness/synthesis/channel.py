"""Rooms, microphones and levels, applied equally to real and fake versions of an utterance.

Trivial cues are made equal between the two: long-term spectrum, crest factor, level, noise (sample
by sample) and length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy  # its parts are loaded when they are first used: a corpus is made once
from scipy.fft import next_fast_len

from harness.synthesis.spectrum import Array
from harness.synthesis.voice import RATE_HZ


@dataclass(frozen=True, eq=False)
class Channel:
    """The recording channel: everything between the mouth and the file."""

    room: Array
    """Impulse response at `RATE_HZ`, direct sound first."""
    response_db: Array
    """Microphone's gain at `RESPONSE_HZ`."""
    snr_db: float
    """Level of the speech over the noise floor, over the whole clip."""
    noise_slope: float
    """Power of the noise falls with frequency to this power: 0 white, 1 pink."""
    level_db: float
    """RMS of the clip, dB re full scale."""


RESPONSE_HZ = np.array([0, 60, 150, 400, 1000, 2500, 5000, 7000, 8000], dtype=np.float64)


def draw_channel(rng: np.random.Generator) -> Channel:
    """A small room (RT60 0.06 to 0.28 s), a microphone of one of three kinds, a recording level."""
    response = np.cumsum(rng.normal(0, 1.5, len(RESPONSE_HZ)))
    response -= response[4]
    response[0] -= 20
    response[1] -= rng.uniform(3, 12)
    response[-1] -= rng.choice([2, 8, 20])
    return Channel(
        room=_room(rng),
        response_db=response,
        snr_db=float(rng.uniform(32, 65)),
        noise_slope=float(rng.uniform(0, 1.2)),
        level_db=float(rng.uniform(-32, -20)),
    )


def record(versions: list[Array], channel: Channel, rate_hz: int, key: int) -> list[Array]:
    """All versions of one utterance through one channel, matched to the first one.

    Versions are dry samples at `RATE_HZ`, of equal length; `key` is the seed of their common noise
    floor. Returns samples at `rate_hz` in (-1, 1), `round(n * rate_hz / RATE_HZ)` each.
    """
    placed = [_colour(_reverberate(dry, channel.room), channel.response_db) for dry in versions]
    alike = match_crest([match_spectrum(wet, placed[0]) for wet in placed])
    length = round(len(versions[0]) * rate_hz / RATE_HZ)
    noise = _noise(length, rate_hz, channel.noise_slope, np.random.default_rng(key))
    noise *= 10 ** (-channel.snr_db / 20)
    noisy = [_at_rate(_unit(wet), rate_hz, length) + noise for wet in alike]
    level = 10 ** (channel.level_db / 20)
    level = min([level, *(0.98 / _crest(samples) for samples in noisy)])
    return [level * _unit(samples) for samples in noisy]


def match_spectrum(samples: Array, reference: Array, bands: int = 12) -> Array:
    """The samples with the reference's long-term spectrum in `bands`, within 12 dB.

    One zero-phase filter, so the fine structure stays.
    """
    if samples is reference:
        return samples
    size = _fast_size(len(samples) + RATE_HZ // 4)
    spectrum, target = np.fft.rfft(samples, size), np.fft.rfft(reference, size)
    hz = np.arange(len(spectrum)) * RATE_HZ / size
    edges_hz = 700 * (np.exp(np.linspace(0, np.log(1 + RATE_HZ / 1400), bands + 1)) - 1)
    band = np.clip(np.searchsorted(edges_hz, hz, side="right") - 1, 0, bands - 1)
    power = np.bincount(band, np.abs(spectrum) ** 2, bands) + 1e-12
    target_power = np.bincount(band, np.abs(target) ** 2, bands) + 1e-12
    gain_db = np.clip(10 * np.log10(target_power / power), -12, 12)
    centres_hz = 0.5 * (edges_hz[1:] + edges_hz[:-1])
    gain = 10 ** (np.interp(hz, centres_hz, gain_db) / 20)
    return np.fft.irfft(spectrum * gain, size)[: len(samples)]


def match_crest(versions: list[Array]) -> list[Array]:
    """Round off peaks (tanh) until all versions have the lowest crest factor among them.

    The version that has it is never limited, as rounding differs between processors.
    """
    crests = [_crest(samples) for samples in versions]
    return [
        _limit(samples, min(crests)) if crest > min(crests) else _unit(samples)
        for samples, crest in zip(versions, crests, strict=True)
    ]


def _limit(samples: Array, crest: float) -> Array:
    unit = _unit(samples)
    low, high = 0.3 * crest, 100.0 * crest
    for _ in range(24):
        knee = np.sqrt(low * high)
        if _crest(np.tanh(unit / knee)) > crest:
            high = knee
        else:
            low = knee
    return np.tanh(unit / low) * low


def _crest(samples: Array) -> float:
    return float(np.max(np.abs(samples)) / max(np.sqrt(np.mean(samples**2)), 1e-9))


def _unit(samples: Array) -> Array:
    return samples / max(float(np.sqrt(np.mean(samples**2))), 1e-9)


def _room(rng: np.random.Generator) -> Array:
    """Direct sound, some early reflections and a decaying noise tail (Polack 1988)."""
    rt60_s = rng.uniform(0.06, 0.28)
    seconds = np.arange(int(rt60_s * RATE_HZ)) / RATE_HZ
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / rt60_s)
    tail[: int(0.004 * RATE_HZ)] = 0
    tail[rng.integers(20, 400, 8)] += rng.normal(0, 3, 8)
    direct_over_tail_db = rng.uniform(10, 24)
    tail *= 10 ** (-direct_over_tail_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _reverberate(dry: Array, room: Array) -> Array:
    return scipy.signal.oaconvolve(dry, room)[: len(dry)]


def _colour(samples: Array, response_db: Array) -> Array:
    size = _fast_size(len(samples) + RATE_HZ // 4)
    hz = np.arange(size // 2 + 1) * RATE_HZ / size
    gain = 10 ** (np.interp(hz, RESPONSE_HZ, response_db) / 20)
    return np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)]


def _noise(samples: int, rate_hz: int, slope: float, rng: np.random.Generator) -> Array:
    size = _fast_size(samples)
    hz = np.arange(size // 2 + 1) * rate_hz / size
    shape = np.maximum(hz, 50.0) ** (-slope / 2)
    return _unit(np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * shape, size)[:samples])


def _fast_size(samples: int) -> int:
    return int(cast("int", next_fast_len(samples, real=True)))


def _at_rate(samples: Array, rate_hz: int, length: int) -> Array:
    if rate_hz == RATE_HZ:
        return samples
    divisor = int(np.gcd(rate_hz, RATE_HZ))
    raised = scipy.signal.resample_poly(samples, rate_hz // divisor, RATE_HZ // divisor)
    return np.pad(raised, (0, max(0, length - len(raised))))[:length]
