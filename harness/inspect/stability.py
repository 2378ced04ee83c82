"""Change of the score under small changes that keep the content of a recording."""

from __future__ import annotations

import math

import numpy as np

from harness.audio.wave import Wave, resample
from harness.errors import ClipRejected
from harness.forensic.case import NAN, ScoreChange
from harness.inspect.detector_view import WaveScorer
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
    wave: Wave, scorer: WaveScorer, score: float, threshold: float, seed: str
) -> list[ScoreChange]:
    """Score a recording after each small change.

    Parameters
    ----------
    wave
        At the file's own rate, at which a run perturbs clips.
    score
        Of the unchanged recording.
    seed
        For random changes: the file's digest, so that the same file gets the same scores.
    """
    changed = _changed(wave, seed)
    scores = iter(
        scorer.scores(
            [
                scorer.used_part(resample(result, scorer.rate_hz))
                for _, _, result in changed
                if isinstance(result, Wave)
            ]
        )
    )
    records: list[ScoreChange] = []
    for name, words, result in changed:
        after, reason = next(scores) if isinstance(result, Wave) else (NAN, result)
        turned = math.isfinite(after) and (after >= threshold) != (score >= threshold)
        records.append(ScoreChange(name, words, after, after - score, turned, reason))
    return records


def _changed(wave: Wave, seed: str) -> list[tuple[str, str, Wave | str]]:
    """Return name, words and changed wave of every change, or why it could not be made."""
    changed: list[tuple[str, str, Wave | str]] = []
    for perturbation in _perturbations(wave.rate_hz):
        name, words = perturbation.name, perturbation.words
        draw = Draw(generator(seed, name))
        try:
            changed.append((name, words, perturbation.apply(wave, draw)))
        except ClipRejected as fault:
            changed.append((name, words, str(fault)))
    for shift_ms in _SHIFTS_MS:
        rest = wave.samples[round(shift_ms * wave.rate_hz / 1000) :]
        words = f"The first {shift_ms} ms left out"
        shifted = Wave(np.ascontiguousarray(rest), wave.rate_hz)
        changed.append((f"shift@{shift_ms}ms", words, shifted))
    return changed


def _perturbations(rate_hz: int) -> list[Perturbation]:
    detour_hz = _DETOUR_HZ if rate_hz != _DETOUR_HZ else _OTHER_DETOUR_HZ
    return [
        Gain(gain_db=3.0),
        Gain(gain_db=-3.0),
        Codec(codec="mp3", kbps=128.0),
        Codec(codec="opus", kbps=24.0),
        Noise(color="white", snr_db=40.0),
        Resample(rate_hz=detour_hz, method="soxr"),
    ]
