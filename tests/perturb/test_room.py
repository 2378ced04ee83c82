"""Reverberation: RT60 and DRR of generated responses, recorded ones, place and level."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.speech_level import active_level_db
from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb.perturbation import Draw
from harness.perturb.room import Reverb, impulse_response
from tests.support.paths import SHARED

RATE_HZ = 16_000
RECORDED = SHARED / "data" / "rir"


def draw(seed: int = 0) -> Draw:
    return Draw(np.random.default_rng(seed))


def speech(seconds: float = 2.0, rate_hz: int = RATE_HZ) -> Wave:
    rng = np.random.default_rng(5)
    length = round(seconds * rate_hz)
    pauses = np.arange(length) % rate_hz < rate_hz // 2
    return Wave((0.1 * rng.standard_normal(length) * pauses).astype(np.float32), rate_hz)


def schroeder_rt60_s(response: np.ndarray, rate_hz: int) -> float:
    """T30 of ISO 3382: slope of the backward-integrated energy from -5 to -35 dB."""
    decay = np.cumsum(response[::-1] ** 2)[::-1]
    decay_db = 10 * np.log10(decay / decay[0])
    fitted = (decay_db <= -5) & (decay_db >= -35)
    time = np.arange(len(response)) / rate_hz
    return float(-60 / np.polyfit(time[fitted], decay_db[fitted], 1)[0])


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
@pytest.mark.parametrize("rt60_s", [0.3, 0.6, 0.9])
def test_generated_responses_have_their_rt60(rt60_s: float, rate_hz: int) -> None:
    for seed in range(5):
        response = impulse_response(np.random.default_rng(seed), rate_hz, rt60_s, 0.0)
        assert schroeder_rt60_s(response, rate_hz) == pytest.approx(rt60_s, rel=0.1)


@pytest.mark.parametrize("drr_db", [-10.0, 0.0, 15.0])
def test_generated_responses_have_their_direct_to_reverberant_ratio(drr_db: float) -> None:
    response = impulse_response(np.random.default_rng(0), RATE_HZ, 0.6, drr_db)
    assert response[0] == 1
    assert not response[1:40].any()  # 2.5 ms
    assert -10 * np.log10(np.sum(response[40:] ** 2)) == pytest.approx(drr_db, abs=1e-9)


def test_a_room_keeps_length_place_and_active_level() -> None:
    clip = speech()
    made = Reverb(rt60_s=0.6).apply(clip, draw())
    assert (len(made.samples), made.rate_hz) == (len(clip.samples), RATE_HZ)
    assert active_level_db(made) == pytest.approx(active_level_db(clip), abs=1e-3)
    lags = range(-100, 101)
    fits = [np.dot(np.roll(made.samples, -lag), clip.samples) for lag in lags]
    assert lags[int(np.argmax(fits))] == 0


def test_the_pauses_ring() -> None:
    clip = speech()
    made = Reverb(rt60_s=0.9).apply(clip, draw())
    assert not clip.samples[8100:9000].any()
    assert np.std(made.samples[8100:9000]) > 0.1 * np.std(made.samples[:8000])


def test_a_recorded_response_is_aligned_to_its_direct_sound(tmp_path: Path) -> None:
    response = np.zeros(1000)
    response[[300, 700]] = 0.8, -0.4
    (tmp_path / "hall").mkdir()
    soundfile.write(tmp_path / "hall" / "one.wav", response, RATE_HZ, subtype="FLOAT")
    clip = speech()
    made = Reverb(folder=str(tmp_path / "hall")).apply(clip, draw())
    echoed = clip.samples.astype(np.float64)
    echoed[400:] -= 0.5 * clip.samples[:-400]
    gain = np.dot(made.samples, echoed) / np.dot(echoed, echoed)
    assert made.samples == pytest.approx(gain * echoed, abs=1e-6)
    assert active_level_db(made) == pytest.approx(active_level_db(clip), abs=1e-3)
    assert Reverb(folder=str(tmp_path / "hall")).name == "reverb:file:hall"


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded impulse responses here")
@pytest.mark.parametrize("seed", range(8))
def test_recorded_rooms(seed: int) -> None:
    clip = speech(rate_hz=24_000)
    made = Reverb(folder=str(RECORDED)).apply(clip, draw(seed))
    assert len(made.samples) == len(clip.samples)
    assert active_level_db(made) == pytest.approx(active_level_db(clip), abs=1e-3)
    lags = range(-48, 49)
    fits = [abs(np.dot(np.roll(made.samples, -lag), clip.samples)) for lag in lags]
    assert abs(lags[int(np.argmax(fits))]) <= 1


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ), np.zeros(0)])
def test_silence_is_rejected(samples: np.ndarray) -> None:
    with pytest.raises(ClipRejected):
        Reverb(rt60_s=0.3).apply(Wave(samples.astype(np.float32), RATE_HZ), draw())
