"""Precision at a prevalence: Bayes by hand, coverage by simulation, and where it is not known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.forensic.prevalence import predictive_value
from harness.forensic.run_view import ForensicFigure, with_intervals
from harness.metrics.bootstrap import ClipSet, estimate


def rates(hits: float, alarms: float, real: int = 1000) -> dict[str, ForensicFigure]:
    def bounded(value: float) -> ForensicFigure:
        half = 2 * math.sqrt(max(value * (1 - value), 1 / real) / real)
        return ForensicFigure(value, max(value - half, 0.0), min(value + half, 1.0), real, real)

    return {"recall": bounded(hits), "fpr": bounded(alarms)}


DRAWS = {"recall": np.array([0.9, 0.91]), "fpr": np.array([0.1, 0.1])}


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_value_is_bayes_rule(share: float) -> None:
    found = predictive_value(rates(0.9, 0.1), DRAWS, "recall", "fpr", share)
    assert found.value == pytest.approx(share * 0.9 / (share * 0.9 + (1 - share) * 0.1))
    assert found.low < found.value < found.high


def test_no_false_alarm_is_not_a_precision_of_one() -> None:
    found = predictive_value(rates(0.9, 0.0, real=40), DRAWS, "recall", "fpr", 0.01)
    assert math.isnan(found.value)
    assert not found.known
    assert (found.low > 0, found.high) == (True, 1.0)
    assert "none of 40 real clips" in found.why


def test_a_wide_interval_is_not_known() -> None:
    found = predictive_value(rates(0.9, 0.01, real=150), DRAWS, "recall", "fpr", 0.01)
    assert not found.known
    assert math.isnan(found.value)


def test_nothing_called_so_is_not_known() -> None:
    assert (
        predictive_value(rates(0.0, 0.0), DRAWS, "recall", "fpr", 0.1).why
        == "no clip was called this"
    )


def test_intervals_cover() -> None:
    """300 sets of 40 groups with 5 clips a class each: 92 % and more hold the true precision."""
    share, true_recall, true_fpr = 0.05, 0.85, 0.12
    truth = share * true_recall / (share * true_recall + (1 - share) * true_fpr)
    group = np.repeat(np.arange(40), 5)
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        # Speakers differ: the rate of each is drawn around the true one.
        own = [rng.beta(8 * rate, 8 * (1 - rate), 40)[group] for rate in (true_fpr, true_recall)]
        real, fake = (np.where(rng.random(200) < each, 1.0, -1.0) for each in own)
        cell = ClipSet(real, fake, group, group, metrics=("recall", "fpr"))
        found = estimate([cell], 40, 200, seed)[cell]
        draws = {name: one.draws for name, one in found.items()}
        interval = predictive_value(with_intervals(found), draws, "recall", "fpr", share)
        held += interval.low <= truth <= interval.high
    assert held / 300 >= 0.92
