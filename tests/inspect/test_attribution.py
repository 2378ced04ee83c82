"""The picture of the evidence, and when it is withheld."""

import numpy as np
import pytest

from harness.audio.wave import Wave
from harness.forensic.case import Attribution
from harness.inspect.attribution import attribution, rank_correlation, withheld_for
from harness.inspect.detector_view import WaveScorer


def test_rank_correlation_by_hand() -> None:
    first = np.array([[1.0, 2], [3, 4]])
    assert rank_correlation(first, first**3) == pytest.approx(1)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    assert rank_correlation(first, np.array([[2.0, 1], [4, 3]])) == pytest.approx(0.6)
    assert np.isnan(rank_correlation(first, np.ones((2, 2))))


@pytest.mark.parametrize(
    ("similarity", "repeatability", "gap", "told"),
    [
        (0.1, 0.8, 0.01, ""),
        (0.6, 0.8, 0.01, "random weights"),
        (0.3, 0.2, 0.01, "noise at 40 dB"),
        (0.1, 0.8, 1.0, "add up"),
        (float("nan"), 0.8, 0.0, "random weights"),
        (0.1, float("nan"), 0.0, "noise at 40 dB"),
        (0.1, 0.8, float("nan"), "add up"),
    ],
)
def test_a_picture_that_fails_a_check_is_withheld(
    similarity: float, repeatability: float, gap: float, told: str
) -> None:
    reason = withheld_for(similarity, repeatability, gap, from_mean=1.0)
    assert told in reason
    assert bool(reason) == bool(told)


def test_the_cells_add_up_to_the_score_and_random_weights_change_them(
    speech: dict[str, list[Wave]], embedded: WaveScorer
) -> None:
    wave = max(speech["fake"], key=lambda each: each.seconds)
    found = attribution(wave, embedded, "seed")
    assert isinstance(found, Attribution)
    assert not found.withheld
    assert found.similarity < 0.5
    assert found.repeatability > found.similarity
    assert np.sum(found.cells) == pytest.approx(found.from_mean, abs=0.25)
    assert len(found.cells) == 8
    assert attribution(wave, embedded, "seed") == found


def test_a_detector_that_cannot_be_looked_into_says_so(loudness: WaveScorer) -> None:
    told = attribution(Wave(np.full(16000, 0.1, np.float32), 16000), loudness, "seed")
    assert "the network of this kind of detector is not accessible" in str(told)


def test_what_is_too_short_for_the_detector_says_so(embedded: WaveScorer) -> None:
    told = attribution(Wave(np.zeros(100, np.float32), 16000), embedded, "seed")
    assert "too short" in str(told)
