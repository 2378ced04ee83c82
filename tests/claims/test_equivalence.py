"""The test of equivalence: by hand, and by its error rates over every outcome that there can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from harness.claims.claim import Claim, claim_of_file
from harness.claims.equivalence import (
    IntervalEstimate,
    against_run,
    decide,
    difference,
    equivalence,
    reported_estimates,
)
from harness.metrics.intervals import exact
from harness.results.figures import MetricRow


def test_the_interval_by_hand() -> None:
    measured, reported = IntervalEstimate(0.90, 0.87, 0.92), IntervalEstimate(0.95, 0.91, 0.96)
    made = difference(measured, reported, 0.95)
    assert made.value == pytest.approx(-0.05)
    assert made.low == pytest.approx(-0.05 - math.hypot(0.03, 0.01))
    assert made.high == pytest.approx(-0.05 + math.hypot(0.02, 0.04))
    # 1.644854 / 1.959964 = 0.839226
    inner = difference(measured, reported, 0.90)
    assert inner.high - inner.value == pytest.approx(0.839226 * math.hypot(0.02, 0.04), rel=1e-5)


def test_a_reported_figure_without_error_leaves_the_measured_interval() -> None:
    made = difference(IntervalEstimate(0.9, 0.85, 0.93), IntervalEstimate(0.95, 0.95, 0.95), 0.95)
    assert (made.low, made.high) == pytest.approx((-0.1, -0.02))


def test_swapping_the_figures_mirrors_the_interval() -> None:
    one, other = IntervalEstimate(0.90, 0.87, 0.92), IntervalEstimate(0.95, 0.91, 0.96)
    there, back = difference(one, other, 0.9), difference(other, one, 0.9)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def verdict(value: float, half: float, better: str = "higher") -> str:
    measured = IntervalEstimate(0.9 + value, 0.9 + value - half, 0.9 + value + half)
    return equivalence(measured, IntervalEstimate(0.9, 0.9, 0.9), 0.02, better).verdict  # pyright: ignore


def test_every_verdict() -> None:
    assert verdict(0.0, 0.01) == "equivalent"
    assert verdict(0.01, 0.005) == "equivalent"  # apart, yet within the margin
    assert verdict(0.0, 0.05) == "undecided"
    assert verdict(0.03, 0.02) == "different"
    assert verdict(0.05, 0.02) == "better"
    assert verdict(-0.05, 0.02) == "worse"
    assert verdict(0.05, 0.02, "lower") == "worse"
    assert verdict(math.nan, math.nan) == "not measured"


def test_a_margin_of_nothing_is_refused() -> None:
    zero = IntervalEstimate(0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="margin"):
        decide(zero, zero, 0.0)


def estimates(n: int) -> IntervalEstimate:
    """Every share of n clips with its exact 95 % interval, shape (n + 1,)."""
    value = np.arange(n + 1) / n
    low, high = exact(value, np.full(n + 1, float(n)))
    return IntervalEstimate(value, low, high, n)


def outcomes(n: int, m: int, p: float, q: float) -> tuple[IntervalEstimate, np.ndarray]:
    """Intervals of 90 % of all outcomes of two tests, and how probable each outcome is."""
    one, other = estimates(n), estimates(m)
    column = IntervalEstimate(*(np.asarray(side)[:, None] for side in one[:3]), n)
    made = difference(column, other, 0.90)
    weight = binom.pmf(np.arange(n + 1), n, p)[:, None] * binom.pmf(np.arange(m + 1), m, q)
    return made, weight


@pytest.mark.parametrize(("p", "q"), [(0.97, 0.97), (0.9, 0.95), (0.5, 0.6), (0.99, 0.995)])
@pytest.mark.parametrize(("n", "m"), [(180, 1000), (60, 300)])
def test_the_interval_covers(n: int, m: int, p: float, q: float) -> None:
    made, weight = outcomes(n, m, p, q)
    covers = (made.low <= p - q) & (p - q <= made.high)
    assert weight.sum() == pytest.approx(1)
    assert weight[covers].sum() >= 0.90


@pytest.mark.parametrize("p", [0.95, 0.9, 0.7])
def test_a_difference_of_the_margin_is_seldom_called_equivalent(p: float) -> None:
    made, weight = outcomes(1500, 1500, p, p - 0.05)
    equivalent = (made.low > -0.05) & (made.high < 0.05)
    assert 0.01 < weight[equivalent].sum() <= 0.05
    made, weight = outcomes(1500, 1500, p, p)
    equivalent = (made.low > -0.05) & (made.high < 0.05)
    assert weight[equivalent].sum() > 0.8  # by the normal approximation 0.82 where p is 0.7


def test_the_interval_covers_with_a_bootstrap_over_speakers() -> None:
    """The measured side is of 100 speakers of 10 clips, whose error rates differ."""
    rng = np.random.default_rng(20241)
    sets, speakers, clips, n = 600, 100, 10, 2000
    right = rng.binomial(clips, rng.beta(9, 1, (sets, speakers))) / clips
    drawn = rng.multinomial(speakers, np.full(speakers, 1 / speakers), 400) / speakers
    low, high = np.quantile(right @ drawn.T, [0.025, 0.975], axis=1)
    reported = rng.binomial(n, 0.9, sets) / n
    exact_low, exact_high = exact(reported, np.full(sets, float(n)))
    measured = IntervalEstimate(right.mean(axis=1), low, high)
    made = difference(measured, IntervalEstimate(reported, exact_low, exact_high), 0.90)
    covered = np.mean((made.low <= 0) & (made.high >= 0))
    assert 0.87 <= covered <= 0.95


def test_the_least_that_a_reported_figure_can_be_relied_on() -> None:
    found = reported_estimates(claim_of_file("ast-fakeaudio-detector"))
    assert found["accuracy"].n == 5000
    assert found["recall"].n == 2908
    assert found["recall"].low < 0.9728 < found["recall"].high
    unknown = reported_estimates(Claim("a", claim_of_file("ast-fakeaudio-detector").figures))
    assert (unknown["f1"].n, unknown["f1"].low) == (0, unknown["f1"].high)


def test_a_run_is_held_against_the_class_that_the_claim_means() -> None:
    figures = {"recall": claim_of_file("ast-fakeaudio-detector").figures["recall"]}
    rows = [
        MetricRow("m", condition, part, metric, value, value - 0.01, value + 0.01, 900)
        for condition, part, metric, value in [
            ("clean", "all", "recall", 0.80),
            ("clean", "all", "recall_real", 0.97),
            ("clean", "generator=x", "recall_real", 0.10),
            ("codec", "all", "recall_real", 0.20),
        ]
    ]
    (of_fake,) = against_run(Claim("a", figures, "fake"), rows)
    (of_real,) = against_run(Claim("a", figures, "real"), rows)
    assert (of_fake.metric, of_fake.verdict) == ("recall", "worse")
    assert (of_real.metric, of_real.verdict) == ("recall_real", "equivalent")
    assert "taken as exact" in of_real.words
    assert "worse than reported by more than 0.02" in of_fake.words
