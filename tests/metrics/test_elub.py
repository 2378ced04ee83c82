"""Bounds of likelihood ratios: against `lir`, and that chance does not exceed them.

What a bound states: acting on a ratio at the bound is no worse than ignoring it. For a largest
ratio of B that is the case where at most one in B real clips reaches it. So B times the share of
fresh real clips at the bound is at most 1, in the mean over test sets, and likewise for fakes at
the smallest.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lir.algorithms.bayeserror import elub

from harness.metrics.calibration import KINDS, Kind, fit
from harness.metrics.elub import Bounds, effective_groups, empirical_bounds

LN10 = math.log(10)
values = st.lists(st.floats(-30, 30), min_size=1, max_size=60).map(np.array)


def alone(real: np.ndarray, fake: np.ndarray) -> Bounds:
    """Bounds where every clip is a group of its own."""
    return empirical_bounds(real, fake, np.arange(len(real)), np.arange(len(fake)))


@given(values, values)
def test_agrees_with_lir_and_with_the_number_of_clips(real: np.ndarray, fake: np.ndarray) -> None:
    bounds = alone(real, fake)
    truth = np.repeat([0, 1], [len(real), len(fake)])
    expected = elub(np.concatenate([real, fake]) / LN10, truth)
    assert (bounds.lower / LN10, bounds.upper / LN10) == pytest.approx(expected, abs=1e-9)
    step = 0.01 * LN10 + 1e-9
    assert -math.log(len(fake) + 1) - step <= bounds.lower <= 0
    assert 0 <= bounds.upper <= math.log(len(real) + 1) + step


def test_forty_clips_cannot_support_a_million() -> None:
    bounds = alone(np.full(40, -20.0), np.full(40, 20.0))
    assert math.exp(bounds.upper) <= 41.5
    clipped = bounds.clip(np.array([-20.0, 0.1, 20.0]))
    assert clipped.tolist() == [bounds.lower, 0.1, bounds.upper]


def test_ten_clips_of_a_speaker_show_no_more_than_one() -> None:
    """Repeated clips move no bound, and 300 clips of 30 speakers support at most 31."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(-2, 2, 30), rng.normal(2, 2, 30)
    once = alone(real, fake)
    speaker = np.repeat(np.arange(30), 10)
    assert empirical_bounds(np.repeat(real, 10), np.repeat(fake, 10), speaker, speaker) == once
    apart = np.full(300, 20.0)
    assert math.exp(empirical_bounds(-apart, apart, speaker, speaker).upper) <= 31.5
    assert math.exp(alone(-apart, apart).upper) > 290


def test_unequal_groups_count_as_fewer() -> None:
    """Sizes 8, 1, 1: 10 squared over 66."""
    assert effective_groups(np.repeat([4, 7, 9], [8, 1, 1])) == pytest.approx(100 / 66)
    assert effective_groups(np.arange(5)) == pytest.approx(5)


def test_ratios_the_wrong_way_round_are_worth_nothing() -> None:
    bounds = alone(np.full(50, 3.0), np.full(50, -3.0))
    assert (bounds.lower, bounds.upper) == (0, 0)


@pytest.mark.parametrize("overstated", [1.0, 4.0])
@pytest.mark.parametrize("kind", [*KINDS, None])
def test_bounds_are_not_exceeded_by_chance(kind: Kind | None, overstated: float) -> None:
    """Calibrated or not, overstated fourfold or not: 60 sets of 60 clips a class, or 300.

    The known ratios of normal scores are taken as they are where there is no calibration.
    """
    fresh = np.random.default_rng(99)
    clips = 3000 if kind == "kde" else 20_000
    new_real, new_fake = fresh.normal(-1, 1, clips), fresh.normal(1, 1, clips)
    above, below = [], []
    for seed in range(300 if kind is None else 60):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(-1, 1, 60), rng.normal(1, 1, 60)
        one = fit(real, fake, kind, 1).llr if kind else (lambda scores: 2 * scores)
        bounds = alone(overstated * one(real), overstated * one(fake))
        real_llr, fake_llr = overstated * one(new_real), overstated * one(new_fake)
        above.append(math.exp(bounds.upper) * np.mean(real_llr >= bounds.upper))
        below.append(math.exp(-bounds.lower) * np.mean(fake_llr <= bounds.lower))
    assert np.mean(above) <= 1
    assert np.mean(below) <= 1


def test_a_class_without_clips_has_no_bounds() -> None:
    with pytest.raises(ValueError, match="both classes"):
        alone(np.zeros(0), np.zeros(3))
