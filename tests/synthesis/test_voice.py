import numpy as np
import pytest

from harness.seed import generator
from harness.synthesis.spectrum import pitch
from harness.synthesis.voice import RATE_HZ, draw_speaker, speak


@pytest.mark.parametrize("seconds", [0.3, 1.7])
def test_an_utterance_has_its_length_and_level(seconds: float) -> None:
    said = speak(draw_speaker("a", 1), seconds, generator(1))
    assert len(said) == round(seconds * RATE_HZ)
    assert np.sqrt(np.mean(said**2)) == pytest.approx(0.1, rel=1e-6)


def test_the_voice_has_the_pitch_of_its_speaker() -> None:
    for name in ("a", "b", "c", "d"):
        speaker = draw_speaker(name, 1)
        f0_hz = pitch(speak(speaker, 3.0, generator(name)), 160, RATE_HZ)
        semitones = 12 * np.log2(np.median(f0_hz[f0_hz > 0]) / speaker.f0_hz)
        assert abs(semitones) < speaker.f0_range_semitones + 1


def test_speakers_differ_and_are_drawn_by_key() -> None:
    assert draw_speaker("a", 1) == draw_speaker("a", 1)
    assert len({draw_speaker(f"s{index}", 1).f0_hz for index in range(20)}) == 20
