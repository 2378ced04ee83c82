"""Measurements say what happened, also where it is not what was meant to happen."""

import math

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.perturb import Draw
from harness.perturb.attestation import apply_chain, attest, bandwidth_hz
from harness.perturb.codec import Codec
from harness.perturb.level import Gain
from harness.perturb.noise import Noise
from harness.perturb.resampling import Resample

RATE_HZ = 16000
GAIN = (Gain(gain_db=-6),)


def noise(rate_hz: int = RATE_HZ, seconds: float = 1.0) -> Wave:
    rng = np.random.default_rng(2)
    samples = 0.1 * rng.standard_normal(round(rate_hz * seconds))
    return Wave(samples.astype(np.float32), rate_hz)


def draw() -> Draw:
    return Draw(np.random.default_rng(0))


def test_what_changed_nothing_is_not_called_changed() -> None:
    wave = noise()
    same = attest(wave, Wave(wave.samples.copy(), RATE_HZ), (Codec(codec="g722"),), math.nan)
    assert not same.changed
    assert same.delay_samples == 0
    one = wave.samples.copy()
    one[100] += 1e-6
    assert attest(wave, Wave(one, RATE_HZ), GAIN, math.nan).changed


@pytest.mark.parametrize("late", [-40, 7, 160])
def test_a_planted_delay_is_measured(late: int) -> None:
    wave = noise()
    moved = attest(wave, Wave(np.roll(wave.samples, late), RATE_HZ), GAIN, math.nan)
    assert moved.delay_samples == late


def test_delay_is_not_defined_where_content_moves_or_nothing_sounds() -> None:
    wave = noise(44100)
    fed = Resample(method="native")
    native = attest(wave, fed.apply(wave, draw()), (fed,), math.nan)
    assert native.changed
    assert math.isnan(native.delay_samples)
    silent = attest(noise(), Wave(np.zeros(RATE_HZ, np.float32), RATE_HZ), GAIN, math.nan)
    assert math.isnan(silent.delay_samples)
    assert silent.bandwidth_hz == 0


def test_the_ratio_is_that_of_the_noise_step_alone() -> None:
    chain = (Gain(gain_db=-20), Noise(color="white", snr_db=7), Codec(codec="g711-alaw"))
    _, measured = apply_chain(noise(), chain, draw())
    assert measured == pytest.approx(7, abs=0.01)
    assert math.isnan(apply_chain(noise(), GAIN, draw())[1])


@pytest.mark.parametrize("edge_hz", [1000, 3000, 7000])
def test_bandwidth_is_where_the_spectrum_ends(edge_hz: int) -> None:
    spectrum = np.fft.rfft(noise(seconds=2).samples)
    spectrum[edge_hz * 2 :] = 0
    samples = np.fft.irfft(spectrum).astype(np.float32)
    assert bandwidth_hz(samples, RATE_HZ) == pytest.approx(edge_hz, abs=150)
