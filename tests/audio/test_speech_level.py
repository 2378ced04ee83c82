"""The active speech level and the most active region, on signals whose answer is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audio.speech_level import active_level_db, active_samples, most_active
from harness.audio.wave import Wave

RATE_HZ = 16_000


def wave(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Wave:
    return Wave(samples.astype(np.float32), rate_hz)


def tone(seconds: float, amplitude: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 500 * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
def test_a_steady_tone_has_its_power(rate_hz: int) -> None:
    # 0.5**2 / 2 = 0.125
    assert active_level_db(wave(tone(2, 0.5, rate_hz), rate_hz)) == pytest.approx(-9.031, abs=1e-3)


def test_pauses_longer_than_the_hangover_do_not_count() -> None:
    speech = np.concatenate([tone(1, 0.5), np.zeros(RATE_HZ * 3)])
    # 1 s of tone and 0.2 s of hangover are active: 0.125 / 1.2, less a mean of zero.
    assert active_level_db(wave(speech)) == pytest.approx(10 * math.log10(0.125 / 1.2), abs=1e-3)
    assert active_samples(wave(speech)).sum() == 1.2 * RATE_HZ


def test_short_pauses_are_part_of_the_speech() -> None:
    gap = np.zeros(round(0.2 * RATE_HZ))
    speech = np.concatenate([tone(0.5, 0.5), gap, tone(0.5, 0.5)])
    assert active_samples(wave(speech)).all()
    assert active_level_db(wave(speech)) == pytest.approx(10 * math.log10(0.125 / 1.2), abs=1e-3)


@pytest.mark.parametrize(("below_db", "active_seconds"), [(21.7, 4.0), (22.0, 1.2)])
def test_the_margin_is_15_9_db(below_db: float, active_seconds: float) -> None:
    # With a tail of 3 s at power x the level is (1 + 3 x) / 4 of the tone's; x is 15.9 dB below
    # that at x = 0.00655, which is -21.84 dB.
    speech = np.concatenate([tone(1, 0.5), tone(3, 0.5 * 10 ** (-below_db / 20))])
    assert active_samples(wave(speech)).sum() == pytest.approx(active_seconds * RATE_HZ)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(1), np.zeros(RATE_HZ), np.full(RATE_HZ, 0.5), np.ones(RATE_HZ) * 2**-20],
)
def test_silence_and_constants_have_no_level(samples: np.ndarray) -> None:
    assert active_level_db(wave(samples)) == -math.inf
    assert not active_samples(wave(samples)).any()


def test_an_offset_is_not_sound() -> None:
    speech = tone(1, 0.1)
    assert active_level_db(wave(speech + 0.3)) == pytest.approx(
        active_level_db(wave(speech)), abs=1e-3
    )


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(-40, 20), st.integers(1, 20_000))
def test_the_level_scales_and_lies_between_mean_and_peak(
    seed: int, gain_db: float, length: int
) -> None:
    rng = np.random.default_rng(seed)
    speech = rng.standard_normal(length) * np.repeat(rng.random(length // 800 + 1), 800)[:length]
    level_db = active_level_db(wave(speech))
    if math.isinf(level_db):
        assert length == 1
        return
    louder = active_level_db(wave(speech * 10 ** (gain_db / 20)))
    assert louder - level_db == pytest.approx(gain_db, abs=1e-3)
    about = speech - speech.mean()
    assert 10 * math.log10(np.mean(about**2)) - 1e-4 <= level_db
    assert level_db <= 20 * math.log10(np.abs(about).max()) + 1e-4


def test_the_planted_loud_second_is_the_most_active() -> None:
    speech = tone(5, 0.1)
    speech[37_123 : 37_123 + RATE_HZ] *= 4
    # A tone's energy is even over its cycles of 32 samples.
    assert abs(most_active(wave(speech), RATE_HZ) - 37_123) <= 32


def test_the_most_active_region_ignores_what_is_not_active() -> None:
    hum = tone(8, 0.5 * 10 ** (-30 / 20))
    hum[RATE_HZ * 7 : RATE_HZ * 7 + 8000] = tone(0.5, 0.5)
    start = most_active(wave(hum), RATE_HZ)
    assert start <= RATE_HZ * 7
    assert start + RATE_HZ >= RATE_HZ * 7.5


def test_the_whole_of_a_clip_and_the_first_of_equals() -> None:
    assert most_active(wave(tone(1, 0.5)), RATE_HZ) == 0
    assert most_active(wave(np.zeros(RATE_HZ)), 100) == 0
