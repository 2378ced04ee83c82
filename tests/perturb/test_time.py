"""Speed, tempo and pitch move a tone to the predicted frequency and length."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.perturb.perturbation import Perturbation
from harness.perturb.time import Pitch, Speed, Tempo
from tests.support.perturbations import apply

RATE_HZ = 16_000
TONE_HZ = 440.0


def tone(rate_hz: int = RATE_HZ, seconds: float = 2.0) -> Wave:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return Wave((0.3 * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32), rate_hz)


def burst(at_seconds: float) -> Wave:
    time = np.arange(4 * RATE_HZ) / RATE_HZ
    envelope = np.exp(-(((time - at_seconds) / 0.05) ** 2))
    return Wave((envelope * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32), RATE_HZ)


def strongest_hz(clip: Wave) -> float:
    padded = np.abs(np.fft.rfft(clip.samples * np.hanning(len(clip.samples)), 2**19))
    return float(np.argmax(padded) * clip.rate_hz / 2**19)


def centre_seconds(clip: Wave) -> float:
    energy = clip.samples.astype(np.float64) ** 2
    return float(np.sum(np.arange(len(energy)) * energy) / energy.sum() / clip.rate_hz)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
@pytest.mark.parametrize("rate", [0.5, 0.9, 1.1, 2.0])
def test_speed_moves_pitch_and_length(rate: float, rate_hz: int) -> None:
    clip = tone(rate_hz)
    made = apply(Speed(rate=rate), clip)
    assert len(made.samples) == round(len(clip.samples) / rate)
    assert made.rate_hz == rate_hz
    assert strongest_hz(made) == pytest.approx(TONE_HZ * rate, rel=1e-3)


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.1, 2.0])
def test_tempo_moves_length_alone(rate: float) -> None:
    clip = tone()
    made = apply(Tempo(rate=rate), clip)
    assert len(made.samples) == round(len(clip.samples) / rate)
    assert strongest_hz(made) == pytest.approx(TONE_HZ, rel=2e-3)


@pytest.mark.parametrize("semitones", [-12.0, -3.0, 0.5, 3.0, 12.0])
def test_pitch_moves_frequency_alone(semitones: float) -> None:
    clip = tone()
    made = apply(Pitch(semitones=semitones), clip)
    assert len(made.samples) == len(clip.samples)
    assert strongest_hz(made) == pytest.approx(TONE_HZ * 2 ** (semitones / 12), rel=4e-3)


@pytest.mark.parametrize(
    ("step", "at_seconds"),
    [
        (Speed(rate=1.25), 2.4),
        (Tempo(rate=0.8), 3.75),
        (Tempo(rate=2), 1.5),
        (Pitch(semitones=4), 3.0),
        (Pitch(semitones=-4), 3.0),
    ],
)
def test_a_burst_lands_where_it_should(step: Perturbation, at_seconds: float) -> None:
    assert centre_seconds(apply(step, burst(3.0))) == pytest.approx(at_seconds, abs=0.005)


@pytest.mark.parametrize("step", [Speed(rate=2), Tempo(rate=2), Pitch(semitones=3)])
@pytest.mark.parametrize("length", [1, 2, 100])
def test_very_short_clips(step: Perturbation, length: int) -> None:
    made = apply(step, Wave(np.full(length, 0.1, np.float32), RATE_HZ))
    assert len(made.samples) == (length if isinstance(step, Pitch) else max(1, length // 2))
    assert np.isfinite(made.samples).all()
