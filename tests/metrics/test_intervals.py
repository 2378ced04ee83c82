"""Intervals: the plain percentile, and the cases in which resampling alone would lie."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from harness.metrics.bootstrap import draw
from harness.metrics.intervals import (
    difference_interval,
    exact,
    percentile,
    proportion_interval,
)


def proportion(value: float, draws: np.ndarray, groups: int, clips: int) -> tuple[float, float]:
    low, high = proportion_interval(
        np.array([value]), draws[None, :], np.array([groups]), np.array([clips])
    )
    return float(low[0]), float(high[0])


def test_percentile_leaves_missing_draws_out() -> None:
    rng = np.random.default_rng(0)
    draws = rng.random((4, 101))
    draws[1, :10] = np.nan
    draws[2, :11] = np.nan  # one more than may be missing
    draws[3] = np.nan
    low, high = percentile(draws)
    expected = np.nanquantile(draws[:2], [0.025, 0.975], axis=1)
    np.testing.assert_allclose([low[:2], high[:2]], expected, atol=1e-15)
    assert np.isnan(low[2:]).all()
    assert np.isnan(high[2:]).all()


@pytest.mark.parametrize(("right", "of"), [(0, 7), (7, 7), (3, 7), (199, 200)])
def test_exact_is_clopper_pearson(right: int, of: int) -> None:
    low, high = exact(np.array([right / of]), np.array([float(of)]))
    expected = binomtest(right, of).proportion_ci(0.95, "exact")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_all_right_is_not_certain() -> None:
    low, high = proportion(1.0, np.ones(1000), groups=40, clips=40)
    assert (low, high) == pytest.approx((0.025 ** (1 / 40), 1.0))
    # 200 clips of 40 speakers are 40 pieces of evidence as long as nobody knows better.
    assert proportion(1.0, np.ones(1000), groups=40, clips=200)[0] == pytest.approx(low)
    low, high = proportion(0.0, np.zeros(1000), groups=40, clips=40)
    assert (low, high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 40)))


def test_one_error_is_not_narrower_than_none() -> None:
    rng = np.random.default_rng(1)
    none = proportion(1.0, np.ones(1000), 100, 100)
    one = proportion(0.99, 1 - rng.binomial(100, 0.01, 1000) / 100, 100, 100)
    assert one[0] < none[0]
    assert one[1] == 1.0


def test_effective_size_is_between_groups_and_clips() -> None:
    """Near a bound the size is v (1 - v) / variance: here over all clips, or under all groups."""
    value, few, many = np.array([0.99]), np.array([10.0]), np.array([50.0])
    steady = np.where(np.arange(1000) < 500, 1.0, 0.98)  # as of 99 clips
    shaky = np.where(np.arange(1000) < 940, 1.0, 0.3)
    assert proportion(0.99, steady, 10, 50)[0] == exact(value, many)[0][0]
    assert proportion(0.99, steady, 10, 500)[0] == pytest.approx(exact(value, 99 + 0 * few)[0][0])
    low = proportion(0.99, shaky, 10, 50)[0]
    assert low == min(exact(value, few)[0][0], 0.3)


def test_away_from_the_bounds_it_is_the_percentile() -> None:
    draws = np.random.default_rng(2).normal(0.7, 0.02, 1000)
    low, high = percentile(draws[None, :])
    assert proportion(0.7, draws, 10, 100) == (low[0], high[0])


def test_it_always_holds_the_value() -> None:
    draws = np.linspace(0.3, 0.4, 100)
    assert proportion(0.2, draws, 10, 10)[0] == 0.2
    assert proportion(0.5, draws, 10, 10)[1] == 0.5


def test_one_group_says_nothing_of_others() -> None:
    assert np.isnan(proportion(0.9, np.full(1000, 0.9), groups=1, clips=500)).all()
    assert np.isnan(proportion(np.nan, np.full(1000, np.nan), groups=0, clips=0)).all()
    low, high = difference_interval(np.array([0.1]), np.full((1, 9), 0.1), np.array([1]))
    assert np.isnan([low[0], high[0]]).all()


def test_no_difference_seen_may_still_be_one() -> None:
    unseen = 1 - 0.025 ** (1 / 40)
    low, high = difference_interval(
        np.array([0.0, -1.0]), np.array([[0.0] * 9, [-1.0] * 9]), np.array([40, 40])
    )
    np.testing.assert_allclose(low, [-unseen, -1.0])
    np.testing.assert_allclose(high, [unseen, -1 + unseen])


def test_covers_the_truth_where_percentiles_do_not() -> None:
    """25 speakers of 4 clips, nearly always right, errors alike within a speaker."""
    rng = np.random.default_rng(3)
    truth, likeness, tests = 0.98, 0.3, 600
    spread = (1 - likeness) / likeness
    skill = rng.beta(truth * spread, (1 - truth) * spread, (tests, 25))
    right = rng.binomial(4, skill)
    weights = np.concatenate(list(draw(25, 400, seed=0)), axis=1)
    value, draws = right.sum(axis=1) / 100, right @ weights / 100
    groups, clips = np.full(tests, 25), np.full(tests, 100)
    covered = {}
    for name, (low, high) in {
        "percentile": percentile(draws),
        "joined": proportion_interval(value, draws, groups, clips),
    }.items():
        covered[name] = np.mean((low <= truth) & (truth <= high))
    assert covered["joined"] > 0.95
    assert covered["percentile"] < 0.85
