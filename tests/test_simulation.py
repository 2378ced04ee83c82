"""What intervals, p-values and the stated smallest difference are worth, where the truth is known.

All sets are drawn from a seed, so that a share is the same each time. Where a claim holds with
something to spare the share itself is held to it; where it holds just so (`bounds`), it is refuted
only by an exact binomial interval at 99.9 % that lies wholly outside it.
`tests/bench/simulation.py` measures more designs with more test sets.
"""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from tests.support import real_shapes
from tests.support.known_truth import METRICS, Coverage, Design, coverage, family_alarms, power
from tests.support.real_shapes import Shape

SETS = 1500
SPEAKERS = Design(groups=30, clips=10, likeness=0.3)
ALIKE = Design(groups=30, clips=20, likeness=0.5, accuracy=0.85, baseline_accuracy=0.85)


def bounds(share: float, n: int) -> tuple[float, float]:
    found = binomtest(round(share * n), n).proportion_ci(0.999)
    return found.low, found.high


@pytest.fixture(scope="module")
def by_speaker() -> Coverage:
    return coverage(SPEAKERS, SETS, seed=1)


@pytest.mark.parametrize("metric", METRICS)
def test_intervals_of_groups_cover_as_they_say(by_speaker: Coverage, metric: str) -> None:
    """1,500 sets of 30 speakers: 95 % +- 2 points; only too wide an interval is given the doubt."""
    for shares in (by_speaker.value, by_speaker.difference):
        assert shares[metric] >= 0.93, shares
        assert bounds(shares[metric], SETS)[0] <= 0.97, shares


@pytest.mark.parametrize("metric", METRICS)
def test_differences_that_are_not_there_are_found_in_5_percent(
    by_speaker: Coverage, metric: str
) -> None:
    assert bounds(by_speaker.alarms[metric], SETS)[0] <= 0.05


def test_a_bootstrap_over_clips_does_not_cover() -> None:
    """The same sets, 400 of them, resampled by clip and by speaker."""
    by_clip, by_speaker = (coverage(ALIKE, 400, seed=2, alone=alone) for alone in (True, False))
    for name in ("accuracy", "auc"):
        assert bounds(by_clip.value[name], 400)[1] < 0.93, by_clip
        assert bounds(by_speaker.value[name], 400)[1] >= 0.93, by_speaker
        assert by_clip.difference[name] < by_speaker.difference[name]
        assert bounds(by_clip.alarms[name], 400)[0] > 0.05, by_clip


def test_the_gate_fails_a_good_run_in_5_percent_at_most() -> None:
    """300 sets of 6 conditions x 3 metrics, no margin: the least favourable of no differences."""
    alarms = family_alarms(SPEAKERS, 300, seed=3, conditions=6)
    assert alarms["holm"] <= 0.05, alarms
    assert bounds(alarms["uncorrected"], 300)[0] > 0.05, alarms


def test_the_stated_smallest_difference_is_shown_in_80_percent() -> None:
    loss, share = power(SPEAKERS, "accuracy", 1500, seed=4)
    assert 0.02 < loss < 0.1
    assert share >= 0.8, share


def test_intervals_cover_with_speakers_of_unlike_sizes() -> None:
    """400 sets of 30 speakers, the largest with a quarter of the clips; before, 92 and 91 %."""
    shares = real_shapes.coverage(Shape("zipf", clips=300), 400, seed=5)["these"]
    for value, difference in shares.values():
        assert bounds(value, 400)[1] >= 0.95, shares
        assert value >= 0.93, shares
        assert difference >= 0.93, shares


def test_intervals_for_new_generators_cover_where_generators_differ() -> None:
    """200 sets of 30 speakers faked by 8 generators, which make a fifth of the fakes' variance."""
    shares = real_shapes.coverage(Shape("crossed", of_generator=0.2), 200, seed=5)
    for name in real_shapes.METRICS:
        assert shares["new"][name][0] >= 0.93, shares
        assert shares["new"][name][1] >= 0.93, shares
    assert shares["these"]["auc"][0] < 0.9, "speakers alone are not enough"


def test_groups_of_a_class_alone_are_drawn_apart() -> None:
    """200 sets of 30 speakers and 8 generators: F1 covers, and not by intervals far too wide."""
    shares = real_shapes.coverage(Shape("by generator"), 200, seed=5)["these"]
    assert 0.9 <= shares["f1"][0] < 0.99, shares
