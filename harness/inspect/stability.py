"""How much the score moves under changes that leave the content of a recording as it is."""

from __future__ import annotations

import math

import numpy as np

from harness.audio.wave import Wave, resample
from harness.errors import ClipRejected
from harness.forensic.case import NAN, ScoreChange
from harness.inspect.detector_view import Listener
from harness.perturb import Draw, Perturbation
from harness.perturb.codec import Codec
from harness.perturb.level import Gain
from harness.perturb.noise import Noise
from harness.perturb.resampling import Resample
from harness.seed import generator

_SHIFTS_MS = (5, 10)
_DETOUR_HZ = 44_100
_OTHER_DETOUR_HZ = 48_000


def changes(
    wave: Wave, listener: Listener, score: float, threshold: float, seed: str
) -> list[ScoreChange]:
    """Score the recording after each small change.

    Parameters
    ----------
    wave
        At the file's own rate, as a run perturbs clips.
    score
        Of the recording unchanged.
    seed
        Of what is random; the file's digest, so that the same file gives the same scores.
    """
    prepared: list[tuple[str, str, Wave | None, str]] = []
    for name, words, changed in _changed(wave, seed):
        if isinstance(changed, str):
            prepared.append((name, words, None, changed))
            continue
        heard = listener.heard(resample(changed, listener.rate_hz))
        prepared.append((name, words, heard, ""))
    found = iter(listener.scores([each for *_, each, _ in prepared if each is not None]))
    made: list[ScoreChange] = []
    for name, words, each, reason in prepared:
        after, told = (NAN, reason) if each is None else next(found)
        turned = math.isfinite(after) and (after >= threshold) != (score >= threshold)
        made.append(ScoreChange(name, words, after, after - score, turned, told))
    return made


def _changed(wave: Wave, seed: str) -> list[tuple[str, str, Wave | str]]:
    """Name, words and the changed wave of every change, or why it could not be made."""
    made: list[tuple[str, str, Wave | str]] = []
    for step in _steps(wave.rate_hz):
        draw = Draw(generator(seed, step.name))
        try:
            made.append((step.name, step.words, step.apply(wave, draw)))
        except ClipRejected as fault:
            made.append((step.name, step.words, str(fault)))
    for shift_ms in _SHIFTS_MS:
        cut = wave.samples[round(shift_ms * wave.rate_hz / 1000) :]
        words = f"The first {shift_ms} ms left out"
        name = f"shift@{shift_ms}ms"
        made.append((name, words, Wave(np.ascontiguousarray(cut), wave.rate_hz)))
    return made


def _steps(rate_hz: int) -> list[Perturbation]:
    detour_hz = _DETOUR_HZ if rate_hz != _DETOUR_HZ else _OTHER_DETOUR_HZ
    return [
        Gain(gain_db=3.0),
        Gain(gain_db=-3.0),
        Codec(codec="mp3", kbps=128.0),
        Codec(codec="opus", kbps=24.0),
        Noise(color="white", snr_db=40.0),
        Resample(rate_hz=detour_hz, method="soxr"),
    ]
