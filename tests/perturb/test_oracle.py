"""Where audiomentations defines the same thing, it and ours agree; it draws from a global state."""

import random
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies, on import
    import audiomentations

from harness.audio.wave import Wave
from harness.perturb import Draw
from harness.perturb.level import Gain
from harness.perturb.noise import snr_db

RATE_HZ = 16000


@pytest.fixture
def wave() -> Wave:
    """Two seconds of stationary noise: all of it is active, so both levels mean the same."""
    rng = np.random.default_rng(5)
    return Wave((0.1 * rng.standard_normal(2 * RATE_HZ)).astype(np.float32), RATE_HZ)


def theirs(transform: object, wave: Wave) -> Wave:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    return Wave(np.asarray(transform(wave.samples, wave.rate_hz), np.float32), wave.rate_hz)  # type: ignore[operator]


def test_gain(wave: Wave) -> None:
    transform = audiomentations.Gain(min_gain_db=-6.0, max_gain_db=-6.0, p=1.0)
    ours = Gain(gain_db=-6).apply(wave, Draw(np.random.default_rng(0)))
    np.testing.assert_allclose(ours.samples, theirs(transform, wave).samples, rtol=1e-5)


@pytest.mark.parametrize("wanted_db", [0.0, 10.0, 20.0])
def test_our_measure_finds_the_ratio_that_they_set(wave: Wave, wanted_db: float) -> None:
    transform = audiomentations.AddGaussianSNR(min_snr_db=wanted_db, max_snr_db=wanted_db, p=1.0)
    assert snr_db(wave, theirs(transform, wave)) == pytest.approx(wanted_db, abs=0.15)
