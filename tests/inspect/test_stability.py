"""Small changes and what they do to a score."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.inspect.detector_view import WaveScorer
from harness.inspect.stability import changes

RATE_HZ = 16000


def tone(seconds: float = 1.0) -> Wave:
    samples = 0.1 * np.sin(np.arange(round(seconds * RATE_HZ)) * 0.2)
    return Wave(samples.astype(np.float32), RATE_HZ)


def test_a_gain_moves_a_loudness_by_just_that(loudness: WaveScorer) -> None:
    score, _ = loudness.scores([tone()])[0]
    made = {change.name: change for change in changes(tone(), loudness, score, score + 1, "seed")}
    assert made["gain:up@3dB"].difference == pytest.approx(1.5, abs=1e-4)
    assert made["gain:down@-3dB"].difference == pytest.approx(-1.5, abs=1e-4)
    assert made["shift@5ms"].difference == pytest.approx(0, abs=0.05)
    assert [name for name, change in made.items() if change.turned] == ["gain:up@3dB"]
    assert {"codec:mp3@128k", "codec:opus@24k", "noise:white@40dB"} <= made.keys()


def test_the_same_recording_gives_the_same_scores(loudness: WaveScorer) -> None:
    first, again = (changes(tone(), loudness, 0.0, 0.0, "seed") for _ in range(2))
    assert first == again


def test_a_change_that_cannot_be_made_has_a_reason(loudness: WaveScorer) -> None:
    silent = Wave(np.zeros(RATE_HZ, np.float32), RATE_HZ)
    noise = next(c for c in changes(silent, loudness, 0.0, 0.0, "s") if "noise" in c.name)
    assert "silent" in noise.reason
    assert np.isnan(noise.score)
    assert not noise.turned
