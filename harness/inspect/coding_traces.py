"""Signs of earlier lossy coding, each with its measurement.

Conventions: a recording at its own rate, mono; spectra are of active frames
(`harness.audio.speech_level`). The rates that each sign gives were measured on speech that was
stored as PCM and on the same speech after one pass through a codec and rounding to 16 bit
(`docs/inspect.md` has the table). PCM may have been coded before it was published; then a false
alarm is not false.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dct, rfft

from harness.audio.speech_level import active_samples
from harness.audio.wave import Samples, Wave
from harness.forensic.case import NAN, Trace

Spectrum = NDArray[np.float64]

_CUT_DB, _HOLES_SHARE, _PERIOD_DEVIATIONS = 40.0, 0.002, 6.5
_FFT, _FINE_FFT = 1024, 512
_LEAST_FRAMES, _MOST_FRAMES = 8, 20_000
"""Fewest and most frames that are used: every n-th of long recordings."""
_FLOOR = 1e-14
"""Power far below the noise of 16-bit rounding."""
_EDGE_HZ, _GAP_HZ, _LOWEST_CUT_HZ = 400.0, 150.0, 2000.0
_BAND_HZ, _LOWEST_BAND_HZ, _HOLE_DB = 250.0, 1000.0, 20.0
_AAC_FRAME, _AAC_FRAMES = 1024, 12


def traces(wave: Wave) -> list[Trace]:
    """Return every sign, found or not; NaN if the recording is too short or silent for it."""
    drop_db, cut_hz = _cut(wave)
    share = _holes(wave, cut_hz if drop_db >= _CUT_DB else math.inf)
    deviations = _period(wave)
    return [
        Trace(
            "Band ends steeply",
            f"the spectrum falls by {drop_db:.0f} dB at {cut_hz:.0f} Hz" if drop_db > 0 else "",
            drop_db or NAN,
            _CUT_DB,
            "an encoder's or a resampler's low-pass. Found in 84 % after MP3 at 128 kbit/s, 65 % "
            "after Opus at 24 and 5 % after AAC at 96; in 6 % of PCM.",
        ),
        Trace(
            "Holes in the spectrum",
            f"{100 * share:.2f} % of bands of 250 Hz lie 20 dB under both neighbours' mean",
            share,
            _HOLES_SHARE,
            "bands that an encoder gave no bits. Found in 66 % after MP3 at 64 kbit/s and 48 % "
            "after AAC at 32, in 3 % or less at 96 and more and after Opus; in 1 % of PCM.",
        ),
        Trace(
            "Frames of an AAC encoder",
            f"one of 1024 offsets has smaller MDCT coefficients, by {deviations:.1f} deviations",
            deviations,
            _PERIOD_DEVIATIONS,
            "quantised coefficients show where an encoder's frames began, as long as the rate was "
            "not changed since. Found in 98 % after AAC at 32 kbit/s and 57 % at 96; in none of "
            "PCM. MP3 and Opus have other frames and are not looked for.",
        ),
    ]


def _active_power(wave: Wave, size: int) -> Spectrum:
    """Return power spectra of mostly active frames, shape (frames, size // 2 + 1)."""
    if len(wave.samples) < size:
        return np.zeros((0, size // 2 + 1))
    frames = sliding_window_view(wave.samples, size)[:: size // 2]
    active = sliding_window_view(active_samples(wave), size)[:: size // 2].mean(axis=1) > 0.5
    places = np.flatnonzero(active)
    places = places[:: -(-len(places) // _MOST_FRAMES) or 1]
    windowed = frames[places].astype(np.float64) * np.hanning(size)
    return np.abs(np.asarray(rfft(windowed, axis=1))) ** 2


def _cut(wave: Wave) -> tuple[float, float]:
    """Return the largest fall of the mean spectrum within 150 Hz, in dB, and where; 0 if unknown.

    Means over 400 Hz on either side are compared, so that the edge of a filter counts and the
    slope of speech does not.
    """
    power = _active_power(wave, _FFT)
    if len(power) < _LEAST_FRAMES:
        return 0.0, 0.0
    bin_hz = wave.rate_hz / _FFT
    level = 10 * np.log10(power.mean(axis=0) + _FLOOR)
    edge, gap = max(1, round(_EDGE_HZ / bin_hz)), round(_GAP_HZ / bin_hz)
    total = np.concatenate([[0.0], np.cumsum(level)])
    places = np.arange(max(edge, round(_LOWEST_CUT_HZ / bin_hz)), len(level) - gap - edge // 2)
    if not len(places):
        return 0.0, 0.0
    above = np.minimum(places + gap + edge, len(level))
    below_mean = (total[places] - total[places - edge]) / edge
    above_mean = (total[above] - total[places + gap]) / (above - places - gap)
    best = int(np.argmax(below_mean - above_mean))
    return float((below_mean - above_mean)[best]), float(places[best] * bin_hz)


def _holes(wave: Wave, cut_hz: float) -> float:
    """Return the share of cells (active frame x 250 Hz) 20 dB below the mean of both neighbours."""
    power = _active_power(wave, _FINE_FFT)
    bin_hz = wave.rate_hz / _FINE_FFT
    low, high = round(_LOWEST_BAND_HZ / bin_hz), int(0.93 * min(cut_hz, wave.rate_hz / 2) / bin_hz)
    width = max(2, int(_BAND_HZ / bin_hz))
    bands = (high - low) // width
    if len(power) < _LEAST_FRAMES or bands < 4:
        return NAN
    cells = power[:, low : low + bands * width].reshape(len(power), bands, width).mean(axis=2)
    level = 10 * np.log10(cells + _FLOOR)
    return float((level[:, 1:-1] < (level[:, :-2] + level[:, 2:]) / 2 - _HOLE_DB).mean())


def _period(wave: Wave) -> float:
    """Return how far the smallest mean log coefficient of an MDCT is from those of other offsets.

    In robust standard deviations (1.4826 MAD), over the 1024 offsets of the loudest 14 frames and
    the two windows of AAC. At the offset of the encoder's own frames many coefficients are zero or
    small (Herre & Schug 2000, "Analysis of decompressed audio: the inverse decoder").
    """
    size, count = _AAC_FRAME, _AAC_FRAMES
    span = (count + 2) * size
    if len(wave.samples) <= span:
        return NAN
    samples = wave.samples
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[span:] - energy[:-span]))
    loudest = samples[start : start + span + 1]
    if not loudest.any():
        return NAN
    best = 0.0
    for window in _windows(size):
        means = np.array([_log_mdct(loudest, offset, window, count) for offset in range(size)])
        spread = 1.4826 * float(np.median(np.abs(means - np.median(means))))
        best = max(best, float(np.median(means) - means.min()) / (spread + 1e-6))
    return best


def _log_mdct(samples: Samples, offset: int, window: Samples, count: int) -> float:
    size = len(window) // 2
    frames = sliding_window_view(samples, 2 * size)[offset + size * np.arange(count)] * window
    a, b, c, d = np.split(frames, 4, axis=1)
    folded = np.concatenate([-c[:, ::-1] - d, a - b[:, ::-1]], axis=1)
    coefficients = np.asarray(dct(folded, type=4, axis=1, norm="ortho"))
    return float(np.log(np.abs(coefficients[:, : int(0.9 * size)]) + 1e-7).mean())


def _windows(size: int) -> list[Samples]:
    """Return the long windows of AAC: sine, and Kaiser-Bessel-derived with alpha 4."""
    sine = np.sin(np.pi * (np.arange(2 * size) + 0.5) / (2 * size))
    kaiser = np.cumsum(np.kaiser(size + 1, 4 * np.pi))
    half = np.sqrt(kaiser[:-1] / kaiser[-1])
    return [window.astype(np.float32) for window in (sine, np.concatenate([half, half[::-1]]))]
