"""The test for speech on speech, music, noise and tones."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.inspect.speech import speech as judged
from harness.perturb import background
from harness.seed import generator

RATE_HZ = 16000


def made(samples: np.ndarray, level: float = 0.1) -> Wave:
    return Wave((level * samples / np.abs(samples).max()).astype(np.float32), RATE_HZ)


def test_speech_passes(speech: dict[str, list[Wave]]) -> None:
    waves = [wave for wave in speech["real"] + speech["fake"] if wave.seconds > 1.5][::5]
    passed = [not judged(wave).reasons for wave in waves]
    assert len(passed) >= 20
    assert np.mean(passed) >= 0.9


def test_level_is_of_no_consequence(speech: dict[str, list[Wave]]) -> None:
    wave = max(speech["real"], key=lambda each: each.seconds)
    quiet = Wave(wave.samples * np.float32(0.05), RATE_HZ)
    assert judged(quiet).measured == pytest.approx(judged(wave).measured, abs=0.02)


def test_music_does_not() -> None:
    waves = [made(background.music(generator("m", k), 5 * RATE_HZ, RATE_HZ)) for k in range(20)]
    passed = [not judged(wave).reasons for wave in waves]
    assert not any(passed)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_does_not(slope: float) -> None:
    noise = background.colored(generator("n", slope), 4 * RATE_HZ, RATE_HZ, slope)
    assert "does not sound like speech" in judged(made(noise)).reasons[0]


def test_a_tone_does_not() -> None:
    assert judged(made(np.sin(np.arange(3 * RATE_HZ) * 0.3))).reasons


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.zeros(RATE_HZ), "silent"),
        (np.tile([1.0, -1.0], 150), "too little to tell"),
        (np.tile([1.0, -1.0], 2400), "0.30 s of it are active, too little to tell"),
    ],
)
def test_what_is_silent_or_short_is_no_speech_to_judge(samples: np.ndarray, told: str) -> None:
    wave = Wave((0.1 * samples).astype(np.float32), RATE_HZ)
    assert told in judged(wave).reasons[0]
