"""Likelihood figures by hand, by their own properties, and against `lir`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lir.algorithms.isotonic_regression import IsotonicCalibrator
from lir.data.models import LLRData
from lir.metrics import cllr as lir_cllr
from lir.metrics import cllr_min as lir_cllr_min
from lir.metrics.devpav import devpav as lir_devpav
from lir.plotting.expected_calibration_error import calculate_ece
from sklearn.metrics import brier_score_loss, log_loss

from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.likelihood import cross_entropy, dev_pav, pav, reliability, tippett
from harness.metrics.resampled import intervals_of

brier, cllr, cllr_cal, cllr_min, ece = (
    METRICS[name].value for name in ("brier", "cllr", "cllr_cal", "cllr_min", "ece")
)
LN10 = math.log(10)
NONE = np.zeros(0)

Scores = tuple[np.ndarray, np.ndarray]


def classes(values: st.SearchStrategy[float]) -> st.SearchStrategy[Scores]:
    array = st.lists(values, min_size=1, max_size=30).map(lambda each: np.array(each, float))
    return st.tuples(array, array)


drawn = st.one_of(
    classes(st.integers(-3, 3)), classes(st.integers(-160, 160).map(lambda n: n / 16))
)


def as_lir(real: np.ndarray, fake: np.ndarray) -> LLRData:
    truth = np.repeat([0, 1], [len(real), len(fake)])
    return LLRData(features=np.concatenate([real, fake]) / LN10, labels=truth)


def test_by_hand() -> None:
    real, fake = np.log([1 / 3, 1.0]), np.log([3.0, 1.0])
    assert cllr(real, fake) == pytest.approx((math.log2(4 / 3) + 1) / 2)
    assert cllr(np.zeros(5), np.zeros(3)) == 1
    assert cllr(np.array([-np.inf]), np.array([np.inf])) == 0
    assert cllr(np.array([np.inf]), np.array([1.0])) == math.inf
    assert cllr_min(np.array([-5.0, -4.0]), np.array([-3.0])) == 0
    assert cllr_min(np.array([1.0, 1.0]), np.array([1.0])) == 1
    assert cllr_min(np.array([2.0]), np.array([1.0])) == 1  # swapped: no order is better than none
    assert brier(np.array([0.0]), np.array([0.0, math.log(3)])) == pytest.approx(
        (1 / 4 + 1 / 4 + 1 / 16) / 3
    )


def test_pooled_by_hand() -> None:
    real, fake = pav(np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 5.0]))
    # 1 | 2 2 | 3 4 | 5: one of three each in the middle blocks.
    np.testing.assert_allclose(real, [-np.inf, 0, 0])
    np.testing.assert_allclose(fake, [0, 0, np.inf])


def test_a_missing_class_or_clip() -> None:
    one = np.array([1.0])
    for figure in (cllr, cllr_min, cllr_cal, dev_pav):
        assert math.isnan(figure(NONE, one))
        assert math.isnan(figure(one, NONE))
    assert math.isnan(brier(NONE, NONE))
    assert math.isnan(ece(NONE, NONE))
    with pytest.raises(ValueError, match="NaN"):
        cllr(np.array([np.nan]), one)


@given(drawn)
def test_agrees_with_lir(scores: Scores) -> None:
    real, fake = scores
    truth = np.repeat([0, 1], [len(real), len(fake)])
    assert cllr(*scores) == pytest.approx(lir_cllr(as_lir(*scores)), abs=1e-9)
    assert cllr_min(*scores) == pytest.approx(lir_cllr_min(as_lir(*scores)), abs=1e-9)
    every = np.concatenate(scores)
    expected = IsotonicCalibrator().fit_transform(every, truth) * LN10
    found = np.concatenate(pav(*scores))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    np.testing.assert_allclose(found[finite], expected[finite], atol=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_dev_pav_and_cross_entropy_agree_with_lir(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(-1, 1, 60).round(1), rng.normal(1, 2, 40).round(1)
    truth = np.repeat([0, 1], [60, 40])
    every = np.concatenate([real, fake])
    assert dev_pav(real, fake) / LN10 == pytest.approx(lir_devpav(every / LN10, truth), abs=1e-9)
    prior = np.linspace(-6, 6, 13)
    curve = cross_entropy(real, fake, prior)
    share = 1 / (1 + np.exp(-prior))
    for found, llr in (
        (curve.given, every),
        (curve.pooled, np.concatenate(pav(real, fake))),
        (curve.reference, np.zeros(100)),
    ):
        np.testing.assert_allclose(found, calculate_ece(np.exp(llr), truth, share), atol=1e-9)


@given(drawn)
def test_cllr_is_balanced_log_loss_and_brier_is_scikit_learn_s(scores: Scores) -> None:
    real, fake = scores
    every = np.concatenate(scores)
    truth = np.repeat([0, 1], [len(real), len(fake)])
    share = 1 / (1 + np.exp(-every))
    weight = np.where(truth == 1, 1 / len(fake), 1 / len(real))
    expected = log_loss(truth, share, sample_weight=weight, labels=[0, 1]) / math.log(2)
    assert cllr(real, fake) == pytest.approx(expected, abs=1e-9)
    assert brier(real, fake) == pytest.approx(
        brier_score_loss(truth, share, labels=[0, 1], pos_label=1), abs=1e-9
    )


@given(drawn, st.floats(0.1, 3), st.floats(-2, 2))
def test_no_monotone_map_beats_the_least_cost(scores: Scores, slope: float, shift: float) -> None:
    real, fake = scores
    least = cllr_min(real, fake)
    assert 0 <= least <= 1 + 1e-12
    assert cllr(shift + slope * real, shift + slope * fake) >= least - 1e-9
    assert cllr_min(shift + slope * real, shift + slope * fake) == pytest.approx(least, abs=1e-9)


def test_cross_entropy_at_an_even_prior_is_cllr() -> None:
    real, fake = np.array([-1.0, 0.5]), np.array([2.0, 0.0, 1.0])
    curve = cross_entropy(real, fake, np.zeros(1))
    assert curve.given[0] == pytest.approx(cllr(real, fake))
    assert curve.pooled[0] == pytest.approx(cllr_min(real, fake))
    assert curve.reference[0] == 1


def test_expected_calibration_error_by_hand() -> None:
    """Ties share a bin: five at 0 of which three are fake, and five at ln 3 of which two are."""
    real = np.array([0.0, 0.0, *[math.log(3)] * 3])
    fake = np.array([0.0, 0.0, 0.0, *[math.log(3)] * 2])
    assert ece(real, fake) == pytest.approx(0.5 * 0.1 + 0.5 * 0.35)
    found = reliability(real, fake)
    np.testing.assert_allclose(found.stated, [0.5, 0.75])
    np.testing.assert_allclose(found.observed, [0.6, 0.4])
    assert found.clips.tolist() == [5, 5]


def test_tippett_counts_what_is_above() -> None:
    curve = tippett(np.array([-2.0, 1.0]), np.array([0.0, 2.0, np.inf]), points=5)
    np.testing.assert_allclose(curve.llr, [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(curve.real, [0.5, 0.5, 0.5, 0, 0])
    np.testing.assert_allclose(curve.fake, [1, 1, 2 / 3, 2 / 3, 1 / 3])


def test_intervals_hold_the_figure_of_very_many_clips() -> None:
    """100 sets of 40 groups, overstated: what is fitted to its clips needs its bias taken off."""
    names = ("cllr", "cllr_min", "cllr_cal", "ece", "brier", "aurc")

    def drawn_set(seed: int, groups: int) -> ClipSet:
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(groups), 3)
        shift = rng.normal(0, 0.5, groups)[group]
        real, fake = (4 * (side + shift + rng.normal(0, 0.9, len(group))) for side in (-1, 1))
        return ClipSet(real, fake, group, group, metrics=names)

    many = drawn_set(10**6, 60_000)
    truth = {name: METRICS[name].value(many.real, many.fake, 0.0) for name in names}
    held = dict.fromkeys(names, 0)
    for seed in range(100):
        cell = drawn_set(seed, 40)
        found = estimate([cell], 40, 200, seed)[cell]
        low, high = intervals_of(list(found.values()))
        for name, one, below, above in zip(found, found.values(), low, high, strict=True):
            assert below <= one.value <= above
            held[name] += below <= truth[name] <= above
    assert min(held.values()) >= 85, held
