"""Ranking figures: by hand, against exact arithmetic, and what may not move them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.detection import auc, collapse, eer, roc

NONE = np.zeros(0)
scores = st.lists(st.integers(-4, 4), min_size=1, max_size=14)
"""Few distinct values, so that ties within and between the classes are common."""


def array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def exact_eer(real: list[int], fake: list[int]) -> Fraction:
    """Walk all distinct scores and cut the segment where the rates cross, in fractions."""
    miss, alarm = Fraction(0), Fraction(1)
    for score in sorted({*real, *fake}):
        next_miss = Fraction(sum(each <= score for each in fake), len(fake))
        next_alarm = Fraction(sum(each > score for each in real), len(real))
        if next_miss >= next_alarm:
            part = (alarm - miss) / ((alarm - miss) + (next_miss - next_alarm))
            return miss + part * (next_miss - miss)
        miss, alarm = next_miss, next_alarm
    raise AssertionError("the ends of the curve lie on both sides")


def exact_auc(real: list[int], fake: list[int]) -> Fraction:
    wins = sum(2 * (one > other) + (one == other) for one in fake for other in real)
    return Fraction(wins, 2 * len(real) * len(fake))


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        ([-2, -1], [1, 2, 3], 0.0),  # perfect
        ([5, 5, 5], [5, 5], 0.5),  # all tied
        ([1, 2, 3], [-1, -2], 1.0),  # swapped
        ([0, 1, 3], [2, 4, 5], 1 / 3),  # crosses at a point
        ([0, 1, 2, 9], [3, 4], 1 / 4),  # crosses on an edge: miss goes 0 -> 1/2 at alarm 1/4
        ([0, 1], [1, 2], 1 / 4),  # the tie goes from (0, 1/2) to (1/2, 0)
    ],
)
def test_eer_by_hand(real: list[int], fake: list[int], expected: float) -> None:
    assert eer(array(real), array(fake)) == pytest.approx(expected, abs=1e-15)


def test_auc_by_hand() -> None:
    assert auc(array([0, 1]), array([1, 2])) == (2 + 1.5) / 4
    assert auc(array([5, 5]), array([5])) == 0.5
    assert auc(array([1]), array([0])) == 0


@given(scores, scores)
def test_equal_to_exact_arithmetic(real: list[int], fake: list[int]) -> None:
    assert eer(array(real), array(fake)) == pytest.approx(float(exact_eer(real, fake)), abs=1e-14)
    assert auc(array(real), array(fake)) == pytest.approx(float(exact_auc(real, fake)), abs=1e-14)


@given(scores, scores)
def test_symmetries(real: list[int], fake: list[int]) -> None:
    one, other = array(real), array(fake)
    # The other polarity: classes and sign swapped leave both as they are.
    assert eer(-other, -one) == pytest.approx(eer(one, other), abs=1e-14)
    assert auc(-other, -one) == pytest.approx(auc(one, other), abs=1e-14)
    # Classes swapped alone turn the curve over.
    assert eer(other, one) == pytest.approx(1 - eer(one, other), abs=1e-14)
    assert auc(other, one) == pytest.approx(1 - auc(one, other), abs=1e-14)


@given(scores, scores, st.randoms(use_true_random=False))
def test_neither_order_nor_scale_matters(real: list[int], fake: list[int], random) -> None:
    before = eer(array(real), array(fake)), auc(array(real), array(fake))
    random.shuffle(real)
    random.shuffle(fake)
    bent = [np.exp(array(each) / 2) - 7 for each in (real, fake)]
    assert (eer(*bent), auc(*bent)) == before


def test_empty_class_is_nan() -> None:
    one = np.array([1.0])
    for real, fake in ((NONE, one), (one, NONE), (NONE, NONE)):
        assert np.isnan(eer(real, fake))
        assert np.isnan(auc(real, fake))


def test_nan_scores_are_refused() -> None:
    for figure in (eer, auc, roc):
        with pytest.raises(ValueError, match="NaN"):
            figure(np.array([np.nan, 1.0]), np.array([1.0]))


def test_infinite_scores_rank() -> None:
    assert eer(np.array([-np.inf, -1.0]), np.array([np.inf, 1.0])) == 0
    assert auc(np.array([np.inf]), np.array([np.inf])) == 0.5


def test_runs_of_a_class_are_one_step() -> None:
    real_step, fake_step, steps = collapse(array([0, 1, 2, 5]), array([2, 3, 4, 4]))
    assert real_step.tolist() == [0, 0, 1, 3]
    assert fake_step.tolist() == [1, 2, 2, 2]
    assert steps == 4
