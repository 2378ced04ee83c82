"""Choosing a threshold: by hand, and against the best of all thresholds tried one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.threshold import Choice, choose_threshold

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12).map(np.array)


def rates(real: np.ndarray, fake: np.ndarray, threshold: float) -> tuple[float, float]:
    return float(np.mean(real >= threshold)), float(np.mean(fake < threshold))


@pytest.mark.parametrize(
    ("choice", "at", "expected"),
    [
        # real -3 -1 0 2, fake 1 3 4 5: between 1 and 2 one in four of each is wrong.
        ("eer", None, 1.5),
        # No false alarm: above 2, below the fake at 3.
        ("fpr", 0.1, 2.5),
        # One in four may be: the lowest that still calls the real clip at 0 real.
        ("fpr", 0.25, 0.5),
        # 1.9 FPR + FNR: 0.475 at 0.5, 0.25 at 2.5, 0.725 at 1.5.
        ("cost", None, 2.5),
    ],
)
def test_a_threshold_by_hand(choice: Choice, at: float | None, expected: float) -> None:
    real, fake = np.array([-3.0, -1.0, 0.0, 2.0]), np.array([1.0, 3.0, 4.0, 5.0])
    assert choose_threshold(real, fake, choice, at) == expected


@given(SCORES, SCORES)
def test_no_threshold_serves_better(real: np.ndarray, fake: np.ndarray) -> None:
    tried = [rates(real, fake, t) for t in np.arange(-5.5, 6.5, 0.5)]
    for choice, loss in (
        ("eer", lambda fpr, fnr: abs(fpr - fnr)),
        ("cost", lambda fpr, fnr: 1.9 * fpr + fnr),
        ("fpr", lambda fpr, fnr: fnr if fpr <= 0.3 else math.inf),
    ):
        chosen = rates(real, fake, choose_threshold(real, fake, choice, 0.3))
        assert loss(*chosen) == pytest.approx(min(loss(*each) for each in tried), abs=1e-12)


def test_a_share_that_none_reaches_calls_everything_real() -> None:
    real, fake = np.array([5.0]), np.array([1.0])
    threshold = choose_threshold(real, fake, "fpr", 0.5)
    assert rates(real, fake, threshold) == (0.0, 1.0)
    assert threshold > 5.0


def test_infinite_scores_leave_a_threshold_that_can_be_used() -> None:
    threshold = choose_threshold(np.array([-math.inf, 0.0]), np.array([0.0, math.inf]), "eer")
    assert not math.isnan(threshold)


@pytest.mark.parametrize(
    ("real", "fake", "choice"),
    [([], [1.0], "eer"), ([1.0], [], "cost"), ([math.nan], [1.0], "eer"), ([0.0], [1.0], "fpr")],
)
def test_what_no_threshold_can_be_chosen_on(real: list, fake: list, choice: Choice) -> None:
    with pytest.raises(ValueError, match=r"chosen between|NaN|needs the share"):
        choose_threshold(np.array(real), np.array(fake), choice)


def test_the_cost_of_asvspoof_5() -> None:
    assert ASVSPOOF_5.real_weight == pytest.approx(1.9)
    assert ASVSPOOF_5.fake_weight == 1
    assert ASVSPOOF_5.threshold == pytest.approx(math.log(1.9))
    even = DetectionCost(fake_share=0.5, false_acceptance=1)
    assert (even.real_weight, even.fake_weight, even.threshold) == (1, 1, 0)
