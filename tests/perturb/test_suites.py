"""Every condition of every suite does to speech what its name says, measured on the audio."""

from functools import cache

import numpy as np
import pytest

from harness.audio.wave import Wave, resample
from harness.data.embedded import Utterance, make_pair
from harness.perturb import Draw
from harness.perturb.alignment import lag_seconds
from harness.perturb.attestation import apply_chain, attest
from harness.perturb.codec import Codec
from harness.perturb.noise import Noise, snr_db
from harness.seed import generator
from harness.suite.condition import Condition
from harness.suite.suite import load_suite, suite_names

MODEL_RATE_HZ = 16000
CONDITIONS = {
    condition.digest: condition
    for name in suite_names()
    for condition in load_suite(name).conditions
    if condition.chain
}


def having(kind: type) -> list[Condition]:
    return [c for c in CONDITIONS.values() if any(isinstance(step, kind) for step in c.chain)]


@cache
def speech(rate_hz: int, speaker: str = "test-a") -> Wave:
    utterance = Utterance((1, 1, "test", speaker, 0), speaker, "u00", 2.0, rate_hz, "griffin-lim")
    return Wave(np.asarray(make_pair(utterance)[0], np.float32), rate_hz)


def drawn(condition: Condition) -> Draw:
    crowd = [speech(MODEL_RATE_HZ, f"test-{number}") for number in range(4)]
    return Draw(generator("test", condition.digest), lambda count: crowd[:count])


def under(condition: Condition, wave: Wave) -> tuple[Wave, float]:
    return apply_chain(wave, condition.chain, drawn(condition))


@cache
def perturbed_speech(digest: str, rate_hz: int) -> tuple[Wave, float]:
    return under(CONDITIONS[digest], speech(rate_hz))


@pytest.mark.parametrize("condition", having(Codec), ids=lambda condition: condition.name)
@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_a_codec_changes_the_signal_and_keeps_its_place_and_length(
    condition: Condition, rate_hz: int
) -> None:
    wave = speech(rate_hz)
    coded, _ = perturbed_speech(condition.digest, rate_hz)
    assert coded.rate_hz == rate_hz
    assert len(coded.samples) == len(wave.samples)
    codec = [step for step in condition.chain if isinstance(step, Codec)][-1]
    own_hz = codec.coding_rate_hz(rate_hz)
    before, after = resample(wave, own_hz), resample(coded, own_hz)
    assert np.abs(before.samples - after.samples).max() > 1e-4
    assert abs(lag_seconds(before, after)) < 0.001
    measured = attest(
        resample(wave, MODEL_RATE_HZ), resample(coded, MODEL_RATE_HZ), condition.chain, np.nan
    )
    assert measured.changed


@pytest.mark.parametrize("condition", having(Noise), ids=lambda condition: condition.name)
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_noise_has_its_ratio_to_the_active_speech(condition: Condition, rate_hz: int) -> None:
    noise = next(step for step in condition.chain if isinstance(step, Noise))
    wave = speech(rate_hz)
    assert abs(perturbed_speech(condition.digest, rate_hz)[1] - noise.snr_db) < 0.1
    noisy = noise.apply(wave, drawn(condition))
    heard = [resample(one, MODEL_RATE_HZ) for one in (wave, noisy)]
    tolerance_db = 0.1 if rate_hz == MODEL_RATE_HZ else 0.5  # the model's resampler has its own say
    assert abs(snr_db(*heard) - noise.snr_db) < tolerance_db


@cache
def odd(kind: str) -> Wave:
    """Short clips of what is not speech, and speech at a telephone's rate."""
    if kind == "telephone":
        return speech(8000)
    rate_hz, seconds = (16000, 0.1) if kind == "noise" else (44100, 0.3)
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    noise = np.random.default_rng(0).standard_normal(len(time))
    samples = 0.1 * noise if kind == "noise" else 0.3 * np.sin(2 * np.pi * 440 * time)
    return Wave(samples.astype(np.float32), rate_hz)


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda condition: condition.name)
@pytest.mark.parametrize("kind", ["telephone", "noise", "tone"])
def test_no_condition_contradicts_its_name_on_healthy_audio(
    condition: Condition, kind: str
) -> None:
    wave = odd(kind)
    perturbed, measured_db = under(condition, wave)
    clean = resample(wave, MODEL_RATE_HZ)
    made = attest(clean, resample(perturbed, MODEL_RATE_HZ), condition.chain, measured_db)
    for expects in (condition.expectation(wave.rate_hz), condition.expectation()):
        assert not expects.contradiction(
            rate_hz=wave.rate_hz,
            clean_s=clean.seconds,
            seconds=made.seconds,
            snr_db=made.snr_db,
            changed=made.changed,
            silent=False,
        )


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda condition: condition.name)
def test_a_condition_keeps_what_it_promises(condition: Condition) -> None:
    wave = speech(44100)
    original = wave.samples.copy()
    perturbed, _ = perturbed_speech(condition.digest, 44100)
    again, _ = under(condition, wave)
    np.testing.assert_array_equal(wave.samples, original)
    np.testing.assert_array_equal(perturbed.samples, again.samples)
    assert np.isfinite(perturbed.samples).all()
    if all(step.keeps_length for step in condition.chain):
        assert len(perturbed.samples) == len(wave.samples)
        if all(step.keeps_alignment for step in condition.chain):
            assert abs(lag_seconds(wave, perturbed)) < 0.001
