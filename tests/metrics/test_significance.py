"""Tests of differences: against scipy, and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, t
from scipy.stats import skew as sample_skew

from harness.metrics.intervals import bootstrap_error, bootstrap_skew, student_interval
from harness.metrics.significance import (
    Contrast,
    delong,
    holm,
    mcnemar_exact,
    smallest_difference,
)

NONE = np.zeros(0)


def contrast(
    difference: float,
    error: float,
    groups: int = 40,
    differing: int = 40,
    largest: float = 1.0,
    skew: float = 0.0,
    clip: float = 0.1,
) -> Contrast:
    return Contrast(
        difference=np.array([difference]),
        error=np.array([error]),
        groups=np.array([groups]),
        differing=np.array([differing]),
        largest=np.array([largest]),
        skew=np.array([skew]),
        clip=np.array([clip]),
    )


def one(value: np.ndarray) -> float:
    assert value.shape == (1,)
    return float(value[0])


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 3)


def test_delong_of_no_difference_and_of_a_certain_one() -> None:
    real, fake = np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0])
    same = delong(real, fake, real, fake)
    assert (same.difference, same.variance, same.z, same.p) == (0.0, 0.0, 0.0, 1.0)
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    sure = delong(low, high, high, low)
    assert (sure.difference, sure.variance, sure.z, sure.p) == (1.0, 0.0, math.inf, 0.0)


def test_delong_needs_two_clips_a_class() -> None:
    few = delong(np.array([0.0]), np.array([1.0, 2.0]), np.array([3.0]), np.array([1.0, 4.0]))
    assert few.difference == 0.5
    assert math.isnan(few.variance)
    assert math.isnan(few.p)
    assert math.isnan(delong(NONE, np.ones(3), NONE, np.ones(3)).difference)
    assert math.isnan(delong(np.ones(3), NONE, np.ones(3), NONE).difference)


def test_delong_refuses_other_clips_and_nan() -> None:
    with pytest.raises(ValueError, match="other clips"):
        delong(np.zeros(3), np.ones(3), np.zeros(3), np.ones(4))
    with pytest.raises(ValueError, match="NaN"):
        delong(np.array([0.0, np.nan]), np.ones(3), np.zeros(2), np.ones(3))


def test_holm_by_hand() -> None:
    """0.01 x 4; then the running largest of 0.02 x 3, 0.03 x 2 and 0.04 x 1."""
    found = holm([0.03, 0.01, math.nan, 0.02, 0.04])
    np.testing.assert_allclose(found, [0.06, 0.04, np.nan, 0.06, 0.06], atol=1e-12)
    np.testing.assert_allclose(holm([0.5, 0.4, 0.9]), [1.0, 1.0, 1.0])
    assert holm([]).shape == (0,)
    assert holm([[0.01], [0.02]]).tolist() == [[0.02], [0.02]]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_closure_of_bonferroni(p_values: list[float]) -> None:
    """A hypothesis is rejected where Bonferroni rejects every set that it is in."""
    adjusted = holm(p_values)
    for place in range(len(p_values)):
        sets = (
            [p_values[each] for each in chosen]
            for size in range(1, len(p_values) + 1)
            for chosen in itertools.combinations(range(len(p_values)), size)
            if place in chosen
        )
        expected = max(min(1.0, len(chosen) * min(chosen)) for chosen in sets)
        assert adjusted[place] == pytest.approx(expected, abs=1e-12)
    assert (adjusted >= false_discovery_control(p_values) - 1e-12).all()


def test_smallest_difference_by_hand() -> None:
    """The textbook 2.8 standard errors; more where groups are few."""
    assert float(smallest_difference(0.01)) == pytest.approx(0.01 * (1.959964 + 0.841621), abs=1e-7)
    few = float(smallest_difference(0.01, 9))
    assert few == pytest.approx(0.01 * (t.ppf(0.975, 9) + t.ppf(0.8, 9)), abs=1e-12)
    assert math.isnan(float(smallest_difference(0.01, 0)))


def test_bootstrap_error_of_a_mean_is_that_of_its_groups() -> None:
    rng = np.random.default_rng(0)
    groups = rng.normal(size=10)
    draws = rng.choice(groups, size=(20000, 10)).mean(axis=1)
    expected = groups.std(ddof=1) / math.sqrt(10)
    assert float(bootstrap_error(draws, 10)) == pytest.approx(expected, rel=0.02)


def test_bootstrap_error_leaves_missing_draws_out() -> None:
    draws = np.array(
        [[0.0, 1.0] * 5, [np.nan, *[0.0, 1.0] * 4, 1.0], [np.nan] * 2 + [0.0, 1.0] * 4]
    )
    found = bootstrap_error(draws, np.array([5, 5, 5]))
    assert found[0] == pytest.approx(math.sqrt(2.5 / 9 * 5 / 4))
    assert found[1] == pytest.approx(math.sqrt(20 / 9 / 8 * 5 / 4))
    assert math.isnan(found[2])
    assert math.isnan(float(bootstrap_error(draws[0], 1)))


def test_student_interval_by_hand() -> None:
    low, high = student_interval(0.5, 0.1, np.array([10, 1]))
    assert high[0] - 0.5 == pytest.approx(0.1 * t.ppf(0.975, 9), abs=1e-12)
    assert 0.5 - low[0] == pytest.approx(0.1 * t.ppf(0.975, 9), abs=1e-12)
    assert np.isnan([low[1], high[1]]).all()


@given(st.floats(-0.3, 0.3), st.floats(0.001, 0.2), st.integers(8, 300))
def test_where_groups_differ_it_is_the_t_test(value: float, error: float, groups: int) -> None:
    many = contrast(value, error, groups, groups)
    below = t.cdf(value / error, groups - 1)
    floor = 2.0**-groups
    assert one(many.p()) == pytest.approx(max(2 * min(below, 1 - below), 2 * floor), abs=1e-9)
    assert one(many.p_below()) == pytest.approx(max(below, floor), abs=1e-9)
    assert one(many.p_above()) == pytest.approx(max(1 - below, floor), abs=1e-9)
    margin = t.sf((value + 0.02) / error, groups - 1)
    assert one(many.p_above(-0.02)) == pytest.approx(margin, abs=1e-9)


@given(
    st.floats(-0.3, 0.3),
    st.floats(0.0, 0.2),
    st.integers(2, 60),
    st.floats(0, 1),
    st.floats(0, 2),
    st.floats(-3, 3),
)
def test_interval_and_p_agree(
    value: float, error: float, groups: int, share: float, largest: float, skew: float
) -> None:
    """The interval leaves 0 out only where p is under 5 %, and holds the difference."""
    differing = round(share * groups)
    if differing == 0:
        value = error = 0.0
    each = contrast(value, error, groups, differing, largest, skew)
    low, high = (one(bound) for bound in each.interval())
    assert low <= value <= high
    if not low <= 0 <= high:
        assert one(each.p()) <= 0.05 + 1e-9
    if one(each.p()) <= 0.05 - 1e-9 and differing >= 6 and error > 1e-9:
        assert not low < 0 < high


@given(
    st.floats(-0.3, 0.3),
    st.floats(0.0, 0.2),
    st.integers(0, 20),
    st.floats(-0.1, 0.1),
    st.floats(-3, 3),
)
def test_reversed_exchanges_the_sides(
    value: float, error: float, differing: int, bound: float, skew: float
) -> None:
    each = contrast(value, error, 20, differing, 0.5, skew)
    other = each.reversed()
    assert one(other.p()) == one(each.p())
    assert one(other.smallest()) == one(each.smallest())
    assert one(other.p_above(bound)) == pytest.approx(one(each.p_below(-bound)), abs=1e-12)
    assert [-one(end) for end in other.interval()][::-1] == [one(end) for end in each.interval()]


def test_the_longer_tail_is_given_more_room() -> None:
    """Johnson's first correction, on the side of the tail alone; p and interval go together."""
    each, even = (contrast(-0.05, 0.01, 30, 30, 1.0, skew) for skew in (-0.6, 0.0))
    quantile = t.ppf(0.975, 29)
    low, high = (one(bound) for bound in each.interval())
    assert low == pytest.approx(-0.05 - 0.01 * (quantile + 0.6 * (2 * quantile**2 + 1) / 6))
    assert high == pytest.approx(one(even.interval()[1]), abs=1e-12)
    assert one(each.p_above(low)) == pytest.approx(0.025, abs=1e-9)
    assert one(each.p_below(high)) == pytest.approx(0.025, abs=1e-9)
    assert one(each.p()) == one(even.p())


def test_bootstrap_skew_is_the_third_moment() -> None:
    draws = np.random.default_rng(0).exponential(size=(2, 300))
    draws[1, :50] = np.nan
    expected = [sample_skew(draws[0]), sample_skew(draws[1, 50:])]
    np.testing.assert_allclose(bootstrap_skew(draws), expected, atol=1e-12)
    assert bootstrap_skew(np.full(10, 0.1)) == 0.0


def test_few_differing_groups_show_nothing() -> None:
    """Five groups that all speak for one side do so by chance in one of 16 exchanges."""
    five, six = (contrast(0.1, 0.001, 40, differing, 0.8) for differing in (5, 6))
    assert one(five.p()) == 2 / 2**5
    assert one(six.p()) == 2 / 2**6
    low, high = (one(bound) for bound in five.interval())
    hidden = 0.8 * (binomtest(5, 40).proportion_ci(0.95).high - 5 / 40)
    assert low == pytest.approx(min(0.1 - hidden, 0.0), abs=1e-9)
    assert high == pytest.approx(0.1 + hidden, abs=1e-9)
    assert one(six.interval()[0]) > 0


def test_no_difference_seen_is_no_proof_of_none() -> None:
    """An unseen change is of one clip in ten of its group and of a twentieth of the others."""
    same = contrast(0.0, 0.0, 40, 0, 0.0)
    reach = 0.1 + 0.05 * 0.9
    unseen = reach * (1 - 0.025 ** (1 / 40))
    assert [one(bound) for bound in same.interval()] == pytest.approx([-unseen, unseen])
    assert one(same.p()) == 1.0
    # All of 40 groups would have shown nothing with this probability, were so many to lose.
    assert one(same.p_above(-0.01)) == pytest.approx((1 - 0.01 / reach) ** 40)
    assert one(same.p_below(-0.01)) == 1.0


def test_few_differing_groups_bound_what_is_lost() -> None:
    """One of 40 groups lost two of its ten clips; at -0.05 the others would hide 0.045 more."""
    rare = contrast(-0.005, 0.005, 40, 1, 0.2)
    share = 1 / 40 + 0.045 / 0.2
    hidden = (1 - share) ** 40 + 40 * share * (1 - share) ** 39
    assert one(rare.p_above(-0.05)) == pytest.approx(hidden, abs=1e-12)
    assert one(rare.p_above(-0.05)) > t.sf(0.045 / 0.005, 39)


def test_every_change_that_is_seen_widens_the_interval() -> None:
    """30 groups of 6 clips, no change and up to nine of one clip each, all for the worse."""
    effects = np.zeros((10, 30))
    for changes in range(10):
        effects[changes, :changes] = -1 / 6
    difference, error = effects.mean(axis=1), effects.std(axis=1, ddof=1) / math.sqrt(30)
    many = Contrast(
        difference,
        error,
        np.full(10, 30),
        np.arange(10),
        np.full(10, 1 / 6),
        np.array([0.0, *sample_skew(effects[1:], axis=1) / math.sqrt(30)]),
        clip=np.full(10, 1 / 6),
    )
    low, high = many.interval()
    assert high[0] == pytest.approx((1 / 6 + 0.05 * 5 / 6) * (1 - 0.025 ** (1 / 30)))
    assert high[0] < 0.025
    width = difference - low
    assert (np.diff(width[:6]) >= 0).all(), width
    # Where enough groups differ for Student's t, it takes over at about the same width.
    assert (np.diff(width[5:]) >= -0.001).all(), width


def test_all_groups_alike_is_not_certain() -> None:
    alike = contrast(-1.0, 0.0, 10, 10, 1.0)
    unseen = 1 - 0.025 ** (1 / 10)
    assert [one(bound) for bound in alike.interval()] == pytest.approx([-1.0, -1 + unseen])
    assert one(alike.p()) == 2.0**-9


def test_smallest_needs_enough_groups() -> None:
    assert math.isnan(one(contrast(0.1, 0.1, 5, 5).smallest()))
    assert one(contrast(0.1, 0.01, 31, 31).smallest()) == pytest.approx(
        0.01 * (t.ppf(0.975, 30) + t.ppf(0.8, 30)), abs=1e-9
    )
    share = one(contrast(0.0, 0.0, 31, 0).smallest()) / (0.1 + 0.05 * 0.9)
    # At that share six of 31 groups or more differ four times in five.
    assert binomtest(6, 31, share, alternative="greater").pvalue == pytest.approx(0.8, abs=1e-9)


def test_one_group_is_no_evidence() -> None:
    for unknown in (contrast(0.1, np.nan, 1, 1), contrast(np.nan, 0.1)):
        values = [unknown.p(), unknown.p_above(), unknown.smallest(), *unknown.interval()]
        assert np.isnan(values).all()
