"""Resampling: what it lets through, what folds, and that clips keep length and place."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.perturb.resampling import Resample
from tests.support.perturbations import apply

METHODS = ["sinc", "soxr", "linear", "nearest"]
RATE_HZ = 16_000


def tone(hz: float, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Wave:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return Wave((0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32), rate_hz)


def level_db(clip: Wave, hz: float) -> float:
    """Level of one frequency of a one-second wave, in dB to a tone of amplitude 0.5."""
    window = np.hanning(len(clip.samples))
    spectrum = np.abs(np.fft.rfft(clip.samples * window)) / (0.25 * window.sum())
    return 20 * np.log10(spectrum[round(hz * clip.seconds)])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_a_low_tone_comes_back_in_place_and_in_full_length(method: str, rate_hz: int) -> None:
    clip = tone(200)
    back = apply(Resample(rate_hz=rate_hz, method=method), clip)
    assert (len(back.samples), back.rate_hz) == (len(clip.samples), RATE_HZ)
    assert level_db(back, 200) == pytest.approx(0, abs=0.1)
    middle = slice(1000, -1000)
    lags = range(-3, 4)
    fits = [np.dot(np.roll(back.samples, -lag)[middle], clip.samples[middle]) for lag in lags]
    # Holding the nearest of samples that lie apart is half a period off, on one side or other.
    assert abs(lags[int(np.argmax(fits))]) <= (1 if method == "nearest" else 0)


@pytest.mark.parametrize("method", ["sinc", "soxr"])
def test_what_is_above_the_new_nyquist_is_gone(method: str) -> None:
    back = apply(Resample(rate_hz=8000, method=method), tone(5000))
    assert np.sqrt(np.mean(back.samples[800:-800] ** 2)) < 0.5e-2  # more than 37 dB down
    kept = apply(Resample(rate_hz=8000, method=method), tone(3000))
    assert level_db(kept, 3000) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_without_a_filter_a_tone_folds_to_the_predicted_frequency(method: str) -> None:
    back = apply(Resample(rate_hz=8000, method=method), tone(5000))
    # Sampled at 8 kHz, 5 kHz is 3 kHz. Holding each sample twice has the response
    # |cos(pi f / 16000)|, interpolating linearly its square; at 3 kHz that is -1.6 and -3.2 dB.
    response_db = 20 * np.log10(np.cos(np.pi * 3000 / 16_000))
    expected_db = response_db if method == "nearest" else 2 * response_db
    assert level_db(back, 3000) == pytest.approx(expected_db, abs=0.05)


def test_nearest_holds_samples() -> None:
    clip = Wave(np.arange(8, dtype=np.float32), 8)
    back = apply(Resample(rate_hz=4000, method="nearest"), Wave(clip.samples, 8000))
    assert back.samples.tolist() == [0, 2, 2, 4, 4, 6, 6, 6]


def test_linear_is_halfway_between() -> None:
    clip = Wave(np.array([0, 9, 2, 9, 4, 9, 6, 9], np.float32), 8000)
    back = apply(Resample(rate_hz=4000, method="linear"), clip)
    assert back.samples.tolist() == [0, 1, 2, 3, 4, 5, 6, 6]


@pytest.mark.parametrize("method", METHODS)
def test_its_own_rate_changes_nothing(method: str) -> None:
    clip = tone(1000)
    assert np.array_equal(
        apply(Resample(rate_hz=RATE_HZ, method=method), clip).samples, clip.samples
    )


def test_native_samples_are_taken_for_16_khz() -> None:
    clip = tone(1000, rate_hz=48_000)
    step = Resample(method="native")
    made = apply(step, clip)
    assert (made.rate_hz, made.seconds) == (16_000, 3.0)
    assert np.array_equal(made.samples, clip.samples)
    assert not step.keeps_length
    assert Resample(rate_hz=8000).keeps_length
