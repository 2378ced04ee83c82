"""Risk over coverage by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import METRICS
from harness.metrics.selective import coverage_at, risk_coverage

aurc = METRICS["aurc"].value
NONE = np.zeros(0)
REAL, FAKE = np.array([-3.0, -1.0, 1.0]), np.array([3.0, 2.0, -2.0, 1.0])


def test_by_hand() -> None:
    """Sure at 3: two right; at 2: one right, one wrong; at 1: two right, one wrong."""
    curve = risk_coverage(REAL, FAKE)
    assert curve.confidence.tolist() == [3, 2, 1]
    assert curve.decided.tolist() == [2, 4, 7]
    assert curve.wrong.tolist() == [0, 1, 2]
    np.testing.assert_allclose(curve.risk, [0, 1 / 4, 2 / 7])
    assert aurc(REAL, FAKE) == pytest.approx((2 * 0 + 2 / 4 + 3 * 2 / 7) / 7)
    assert coverage_at(curve, 0.0) == pytest.approx(2 / 7)
    assert coverage_at(curve, 0.26) == pytest.approx(4 / 7)
    assert coverage_at(curve, 0.5) == 1


def test_without_confidence_it_is_the_error_rate() -> None:
    assert aurc(np.array([-1.0, 1.0]), np.array([1.0, 1.0])) == pytest.approx(1 / 4)


def test_confidence_is_from_the_threshold() -> None:
    assert aurc(REAL + 5, FAKE + 5, 5.0) == pytest.approx(aurc(REAL, FAKE))
    assert coverage_at(risk_coverage(np.array([1.0]), np.array([-1.0])), 0.1) == 0


def test_nothing_is_nan() -> None:
    assert math.isnan(aurc(NONE, NONE))
    assert len(risk_coverage(NONE, NONE).risk) == 0


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=40))
def test_is_the_mean_risk_over_clips(clips: list[tuple[int, bool]]) -> None:
    """Each clip's risk is that of all clips at least as sure."""
    real = np.array([s for s, fake in clips if not fake], float)
    fake = np.array([s for s, fake in clips if fake], float)
    risks = []
    for score, _ in clips:
        sure = [(s, f) for s, f in clips if abs(s) >= abs(score)]
        risks.append(sum((s >= 0) != f for s, f in sure) / len(sure))
    assert aurc(real, fake) == pytest.approx(np.mean(risks))
