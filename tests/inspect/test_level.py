"""Noise, level and clipping by hand and on known mixtures."""

import math

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.inspect.level import (
    MOST_SNR_DB,
    clipped_samples,
    peak_dbfs,
    rms_dbfs,
    snr_db,
)
from harness.perturb import Draw
from harness.perturb.noise import Noise
from harness.seed import generator


@pytest.mark.parametrize("added_db", [0.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("color", ["white", "pink"])
def test_the_noise_of_known_mixtures_is_found(
    speech: dict[str, list[Wave]], added_db: float, color: str
) -> None:
    errors = []
    for number, wave in enumerate(speech["real"][:12]):
        draw = Draw(generator("snr", number))
        mixed = Noise(color=color, snr_db=added_db).apply(wave, draw)  # pyright: ignore[reportArgumentType]
        errors.append(snr_db(mixed) - added_db)
    assert abs(np.median(errors)) < 2
    assert max(errors) < 3  # a recording's own noise may make it less, and nothing more


def test_pauses_of_digital_silence_have_no_noise() -> None:
    tone = np.sin(np.arange(16000) * 0.2)
    tone[8000:] = 0
    assert snr_db(Wave(tone.astype(np.float32), 16000)) == MOST_SNR_DB


def test_silence_has_no_ratio() -> None:
    assert math.isnan(snr_db(Wave(np.zeros(16000, np.float32), 16000)))


def test_only_runs_of_three_at_the_peak_are_clipped() -> None:
    wave = np.array([0, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0, -0.5, -0.5, -0.5, -0.5], np.float32)
    assert clipped_samples(wave) == 7
    assert clipped_samples(0.1 * wave) == 7
    assert clipped_samples(np.zeros(5, np.float32)) == 0
    assert clipped_samples(np.array([0.5, -0.5, 0.5], np.float32)) == 0


def test_levels_by_hand() -> None:
    square = np.array([0.5, -0.5] * 100, np.float32)
    assert peak_dbfs(square) == pytest.approx(-6.0206, abs=1e-4)
    assert rms_dbfs(square) == pytest.approx(-6.0206, abs=1e-4)
    assert peak_dbfs(np.zeros(3, np.float32)) == -math.inf
