"""Intervals: the plain percentile, and the cases in which resampling alone would lie."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from harness.metrics.bootstrap import draw
from harness.metrics.intervals import (
    bootstrap_error,
    corrected_interval,
    difference_interval,
    exact,
    percentile,
    positive_interval,
    proportion_interval,
    student,
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
    assert 0.999 < one[1] < 1.0  # one was wrong


def in_log_odds(value: float, draws: np.ndarray, groups: int) -> tuple[float, float]:
    """The t interval of the log-odds, written out."""
    error = draws.std(ddof=1) * np.sqrt(groups / (groups - 1))
    half = t.ppf(0.975, groups - 1) * error / (value * (1 - value))
    middle = np.log(value / (1 - value))
    return tuple(1 / (1 + np.exp(half * side - middle)) for side in (1, -1))


def test_away_from_the_bounds_it_is_of_the_log_odds() -> None:
    draws = np.random.default_rng(2).normal(0.7, 0.02, 1000)
    expected = in_log_odds(0.7, draws, 10)
    assert proportion(0.7, draws, 10, 100) == pytest.approx(expected, abs=1e-12)


def test_near_a_bound_it_is_joined_with_the_exact_one() -> None:
    """At the size that the error tells, v (1 - v) / error^2, from all groups to all clips."""
    draws = np.random.default_rng(4).binomial(300, 0.99, 1000) / 300
    error = draws.std(ddof=1) * np.sqrt(150 / 149)
    size = 0.99 * 0.01 / error**2
    assert 150 < size < 400
    odds = in_log_odds(0.99, draws, 150)
    for clips, used in ((400, size), (200, 200.0)):
        low, high = exact(np.array([0.99]), np.array([used]))
        expected = min(odds[0], low[0]), max(odds[1], high[0])
        assert proportion(0.99, draws, 150, clips) == pytest.approx(expected, abs=1e-12)
        assert expected != pytest.approx(odds, abs=1e-12)


def test_it_always_holds_the_value() -> None:
    draws = np.linspace(0.3, 0.4, 100)
    for value in (0.0, 0.2, 0.35, 0.5, 1.0):
        low, high = proportion(value, draws, 10, 10)
        assert 0 <= low <= value <= high <= 1


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


def test_a_cost_without_an_end_has_its_interval_on_logarithms() -> None:
    """A small error to either side by the same factor, a large one from 0 on."""
    rng = np.random.default_rng(0)
    draws = np.stack([0.5 + 0.05 * rng.normal(size=500), 0.5 + 0.6 * rng.normal(size=500)])
    low, high = positive_interval(np.array([0.5, 0.5]), draws, np.array([30, 30]))
    assert 0.5 / low[0] == pytest.approx(high[0] / 0.5)
    assert low[1] == 0
    assert high[1] > 1
    same = positive_interval(np.array([0.5]), np.full((1, 50), 0.5), np.array([30]))
    infinite = positive_interval(np.array([np.inf]), np.full((1, 50), np.inf), np.array([30]))
    assert np.isnan([*same, *infinite]).all()


def test_a_fitted_figure_is_moved_back_by_its_bias() -> None:
    """Draws lie 0.1 above the value: the interval is around 0.1 below it, and reaches 0.1 on."""
    spread = 0.01 * np.random.default_rng(1).normal(size=1000)
    draws = 0.4 + spread - spread.mean()
    one, groups = np.array([0.3]), np.array([40])
    low, high = corrected_interval(one, draws[None, :], groups, np.zeros(1), np.ones(1))
    half = student(39, 0.975) * bootstrap_error(draws, 40)
    assert low[0] == pytest.approx(0.2 - 0.1 - half)
    assert high[0] == 0.3  # joined with the value
    low, high = corrected_interval(one, 0.6 - draws[None, :], groups, np.zeros(1), np.ones(1))
    assert (low[0], high[0]) == (0.3, pytest.approx(0.4 + 0.1 + half))
