"""Degrees of freedom and errors by hand: unlike groups, strata, generators."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.metrics.bootstrap import ClipSet, draw, estimate, strata_of
from harness.metrics.uncertainty import BOTH, FAKE_ONLY, REAL_ONLY, Clusters


def test_equal_groups_have_one_degree_of_freedom_less_than_there_are() -> None:
    clusters = Clusters.equal(12)
    assert clusters.effective == pytest.approx(12)
    assert clusters.freedom[BOTH] == pytest.approx(11)
    assert clusters.factor[BOTH] == pytest.approx(12 / 11)
    assert np.isnan(clusters.factor[[REAL_ONLY, FAKE_ONLY]]).all()


def test_unlike_groups_are_worth_as_many_as_kish_says() -> None:
    sizes = np.array([6.0, 3.0, 1.0, 0.0])
    clusters = Clusters.of(sizes, np.full(4, BOTH, dtype=np.int8))
    assert clusters.effective == pytest.approx(10**2 / (36 + 9 + 1))
    assert clusters.freedom[BOTH] == pytest.approx(100 / 46 - 1)
    assert clusters.factor[BOTH] > 3 / 2


def test_a_normal_mean_over_zipf_groups_is_covered() -> None:
    """20,000 means of 30 groups, the largest a quarter: without the correction 89 % are covered."""
    from scipy.stats import t

    sizes = 1e6 / (1 + np.arange(30))
    clusters = Clusters.of(sizes, np.full(30, BOTH, dtype=np.int8))
    weight = sizes / sizes.sum()
    groups = np.random.default_rng(1).normal(size=(20_000, 30))
    mean = groups @ weight
    variance = np.sum((weight * (groups - mean[:, None])) ** 2, axis=1) * clusters.factor[BOTH]
    reach = t.ppf(0.975, clusters.freedom[BOTH]) * np.sqrt(variance)
    assert 0.94 <= np.mean(np.abs(mean) <= reach) <= 0.96


def test_no_draw_has_more_groups_of_a_stratum_than_there_are() -> None:
    strata = np.array([REAL_ONLY] * 5 + [FAKE_ONLY] * 3 + [BOTH] * 2, dtype=np.int8)
    for block in (10, 2**20):
        weights = np.concatenate(list(draw(10, 40, 0, block, strata)), axis=1)
        for stratum, count in enumerate((5, 3, 2)):
            assert (weights[strata == stratum].sum(axis=0) == count).all()
    real, fake = weights[:5], weights[5:8]
    # The last quarter repeats the draws of the groups of real clips, the third those of the fakes.
    assert (real[:, 30:] == real[:, :10]).all()
    assert (fake[:, 20:30] == fake[:, :10]).all()
    assert (fake[:, 30:] != fake[:, :10]).any()


def two_generators(missed: int) -> ClipSet:
    """Twenty fakes of ten speakers and two generators, of one of which some are missed."""
    speaker = np.tile(np.arange(10), 2)
    generator = np.repeat([0, 1], 10)
    fake = np.where((generator == 1) & (speaker < missed), -1.0, 1.0)
    real = np.full(10, -1.0)
    return ClipSet(
        real, fake, np.arange(10), speaker, generator=generator, metrics=("recall", "recall_real")
    )


def test_the_error_for_new_generators_by_hand() -> None:
    cell = two_generators(4)
    recall = estimate([cell], 10, 400, 0)[cell]["recall"]
    # 1.0 and 0.6, so 0.8 +- 0.2 each at half the fakes: effects of 0.1, times 2 for two of them.
    assert recall.effects is not None
    assert np.abs(recall.effects.effect[:2]) == pytest.approx([0.1, 0.1])
    assert recall.effects.variance == pytest.approx(2 * 0.02)
    assert recall.error("new") == pytest.approx(math.sqrt(recall.error() ** 2 + 0.04))
    assert 1 <= recall.freedom("new") < recall.freedom()


def test_figures_without_fakes_know_no_new_generators() -> None:
    cell = two_generators(4)
    real = estimate([cell], 10, 100, 0)[cell]["recall_real"]
    assert (real.error("new"), real.freedom("new")) == (real.error(), real.freedom())


def test_one_generator_gives_no_interval_for_new_ones() -> None:
    cell = ClipSet(
        np.full(6, -1.0), np.ones(6), np.arange(6), np.arange(6),
        generator=np.zeros(6, dtype=int), metrics=("recall",),
    )  # fmt: skip
    assert math.isnan(estimate([cell], 6, 50, 0)[cell]["recall"].error("new"))


def test_a_generator_of_one_group_is_drawn_with_it_and_not_counted_twice() -> None:
    fake = np.array([1.0, 1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    generator = np.repeat(np.arange(4), 2)
    cell = ClipSet(np.full(4, -1.0), fake, np.arange(4), 4 + generator, generator=generator)
    recall = estimate([cell], 8, 200, 0)[cell]["recall"]
    assert recall.error("new") == pytest.approx(recall.error())


def test_strata_of_one_group_join_the_largest() -> None:
    cell = ClipSet(
        np.zeros(4), np.zeros(3), np.array([0, 1, 2, 3]), np.array([3, 4, 4]), metrics=("auc",)
    )
    assert strata_of([cell], 5).tolist() == [REAL_ONLY] * 5
