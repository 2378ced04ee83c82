"""Whether there is speech in a recording, as opposed to music, noise or tones.

Four measurements on frames of 32 ms every 10 ms at 16 kHz; at least three have to lie where speech
lies. Speech pauses (share of frames under half the mean amplitude of the second around them;
Scheirer & Slaney 1997), alternates between voiced sounds and hisses (spread of the level above 3
kHz against that below 1.5 kHz over the active frames), is voiced for part of the time (peak of the
normalised autocorrelation over 0.6 between 70 and 400 Hz; Boersma 1993), and its pitch glides:
between voiced neighbours it moves, by less than a semitone and a half, where a note stays. The
share of the envelope's modulation between 2 and 10 Hz is given too but decides nothing: music has
beats and noise flutters at the same rates. `docs/inspect.md` has the error rates.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from harness.audio.speech_level import active_samples, most_active
from harness.audio.wave import Wave, resample
from harness.forensic.case import SpeechTest

Array = NDArray[np.float64]

_RATE_HZ = 16_000
_FRAME, _HOP = 512, 160
_LEAST_FRAMES = 40
"""Active frames: 0.4 s, under which nothing here is measurable."""
_LEAST_PASSED = 3
_MOST_SECONDS = 120
_LIMITS = {
    "pauses": (0.2, 1.0),
    "hiss_spread_db": (8.0, 60.0),
    "voiced": (0.25, 0.97),
    "gliding": (0.3, 1.0),
}
_WORDS = {
    "pauses": "frames that are pauses",
    "hiss_spread_db": "alternation of voiced sounds and hisses in dB",
    "voiced": "active frames that are voiced",
    "gliding": "voiced frames whose pitch glides",
}
_TINY = 1e-14


def speech(wave: Wave) -> SpeechTest:
    """Test for speech; what is too short or silent is not speech to judge either.

    Of a long recording the most active two minutes are heard.

    Raises ClipRejected if the rate has no usable ratio to 16 kHz.
    """
    heard = resample(wave, _RATE_HZ)
    if heard.seconds > _MOST_SECONDS:
        length = _MOST_SECONDS * _RATE_HZ
        start = most_active(heard, length)
        heard = Wave(heard.samples[start : start + length], _RATE_HZ)
    samples = heard.samples.astype(np.float64)
    samples -= samples.mean()
    mask = active_samples(heard)
    if not mask.any():
        return SpeechTest({}, ["nothing in it is active: it is silent"])
    if len(samples) < _FRAME:
        return SpeechTest({}, ["it is too short to tell whether it is speech"])
    active = sliding_window_view(mask, _FRAME)[::_HOP].mean(axis=1) > 0.5
    if active.sum() < _LEAST_FRAMES:
        found = f"{active.sum() * _HOP / _RATE_HZ:.2f} s of it are active"
        needed = _LEAST_FRAMES * _HOP / _RATE_HZ
        return SpeechTest({}, [f"{found}, too little to tell speech by: {needed:g} s are needed"])
    frames = sliding_window_view(samples, _FRAME)[::_HOP] * np.hanning(_FRAME)
    measured = _measured(frames, active)
    outside = [
        f"{_WORDS[name]}: {measured[name]:.2f}, speech has {low:g} to {high:g}"
        for name, (low, high) in _LIMITS.items()
        if not low <= measured[name] <= high
    ]
    if len(_LIMITS) - len(outside) >= _LEAST_PASSED:
        return SpeechTest(measured, [])
    return SpeechTest(measured, [f"it does not sound like speech ({'; '.join(outside)})"])


def _measured(frames: Array, active: NDArray[np.bool_]) -> dict[str, float]:
    power = np.abs(np.asarray(rfft(frames, axis=1))) ** 2 + _TINY
    hz = np.fft.rfftfreq(_FRAME, 1 / _RATE_HZ)
    envelope = np.sqrt(power[:, hz > 100].sum(axis=1))
    hiss_db = 10 * np.log10(
        power[:, hz > 3000].sum(axis=1) / power[:, (hz > 100) & (hz < 1500)].sum(axis=1)
    )
    voiced, semitones = _pitch(frames)
    voiced &= active
    moved = np.abs(np.diff(semitones))
    both = voiced[1:] & voiced[:-1]
    gliding = both & (moved > 0.05) & (moved < 1.5)
    return {
        "pauses": _pauses(envelope),
        "hiss_spread_db": float(hiss_db[active].std()),
        "voiced": float(voiced.sum() / active.sum()),
        "gliding": float(gliding.sum() / max(1, both.sum())),
        "modulation_2_to_10_hz": _modulation(envelope),
    }


def _pauses(envelope: Array) -> float:
    kernel = np.ones(min(_RATE_HZ // _HOP - 1, len(envelope)))
    total = np.convolve(envelope, kernel, "same")
    around = total / np.convolve(np.ones(len(envelope)), kernel, "same")
    return float((envelope < 0.5 * around).mean())


def _modulation(envelope: Array) -> float:
    moving = (envelope - envelope.mean()) * np.hanning(len(envelope))
    power = np.abs(np.asarray(rfft(moving))) ** 2
    hz = np.fft.rfftfreq(len(envelope), _HOP / _RATE_HZ)
    whole = power[hz >= 0.5].sum()
    return float(power[(hz >= 2) & (hz <= 10)].sum() / whole) if whole else 0.0


def _pitch(frames: Array) -> tuple[NDArray[np.bool_], Array]:
    """Which frames are voiced, and the pitch of each in semitones above some note."""
    shortest, longest = _RATE_HZ // 400, _RATE_HZ // 70
    window = _autocorrelation(np.hanning(_FRAME)[None, :])
    correlation = _autocorrelation(frames) / np.maximum(window, 0.1)
    lags = correlation[:, shortest:longest]
    best = lags.argmax(axis=1)
    return lags.max(axis=1) > 0.6, -12 * np.log2(shortest + best)


def _autocorrelation(frames: Array) -> Array:
    power = np.abs(np.asarray(rfft(frames, 2 * _FRAME, axis=1))) ** 2
    found = cast("Array", irfft(power, axis=1))[:, :_FRAME]
    return found / (found[:, :1] + 1e-12)
