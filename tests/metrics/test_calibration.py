"""Calibration against `lir`, and on scores whose likelihood ratios are known.

Known: real scores are normal around -d/2, fakes around d/2, both with a standard deviation of 1;
the log-likelihood ratio of a score s is then d * s.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from lir.algorithms.isotonic_regression import IsotonicCalibrator
from lir.algorithms.kde import KDECalibrator
from lir.algorithms.logistic_regression import LogitCalibrator

from harness.metrics import METRICS
from harness.metrics.calibration import KINDS, Falling, Kind, cross_calibrated, fit, logistic_lines
from harness.metrics.intervals import bootstrap_error, student_interval

LN10 = math.log(10)
D = 2.0
NONE = np.zeros(0)


def known(rng: np.random.Generator, clips: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(-D / 2, 1, clips), rng.normal(D / 2, 1, clips)


def made(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(10, 200, 2)
    decimals = int(rng.choice([1, 15]))
    return rng.normal(-1, 1.5, n).round(decimals), rng.normal(1, 1.2, m).round(decimals)


@pytest.mark.parametrize("seed", range(15))
def test_agrees_with_lir(seed: int) -> None:
    """Its logistic regression without a penalty (C infinite), run until it no longer moves."""
    real, fake = made(seed)
    every, truth = np.concatenate([real, fake]), np.repeat([0, 1], [len(real), len(fake)])
    at = np.linspace(-7, 7, 57)
    line = LogitCalibrator(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    expected = line.fit(every.copy(), truth).transform(at) * LN10
    np.testing.assert_allclose(fit(real, fake, "logistic").llr(at), expected, atol=1e-6)
    for misleading in (0, 1):
        other = IsotonicCalibrator(misleading).fit(every.copy(), truth).transform(at) * LN10
        found = fit(real, fake, "isotonic", misleading).llr(at)
        finite = np.isfinite(other)
        np.testing.assert_array_equal(found[~finite], other[~finite])
        np.testing.assert_allclose(found[finite], other[finite], atol=1e-6)
    density = KDECalibrator("silverman").fit(every.copy(), truth).transform(at) * LN10
    np.testing.assert_allclose(fit(real, fake, "kde").llr(at), density, atol=1e-6)


def wrong_by(kind: Kind, clips: int, sets: int = 12) -> float:
    """Root mean square distance from the known ratios over the middle of the scores."""
    at = np.linspace(-2, 2, 41)
    squares = []
    for seed in range(sets):
        real, fake = known(np.random.default_rng([seed, clips]), clips)
        squares.append(np.mean((fit(real, fake, kind, 1).llr(at) - D * at) ** 2))
    return float(np.sqrt(np.mean(squares)))


@pytest.mark.parametrize("kind", KINDS)
def test_known_ratios_are_recovered_the_better_the_more_clips(kind: Kind) -> None:
    few, more, many = (wrong_by(kind, clips) for clips in (100, 1000, 10_000))
    assert many < more < few
    assert many < few / 2


def test_the_line_s_intervals_cover_the_known_ratio() -> None:
    """Of 200 sets of 40 groups the 95 % t interval over resampled groups holds 92 to 99 %."""
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        real, fake = known(rng, 80)
        scores, is_fake = np.concatenate([real, fake]), np.repeat([False, True], 80)
        group = np.tile(np.repeat(np.arange(40), 2), 2)
        drawn = rng.multinomial(40, np.full(40, 1 / 40), size=200).T.astype(float)
        lines = logistic_lines(scores, is_fake, drawn[group])
        value = float(fit(real, fake, "logistic").llr(np.array(1.0)))
        error = bootstrap_error(lines[0] + lines[1], 40)
        low, high = student_interval(value, error, 40)
        held += int(low <= D <= high)
    assert 0.92 <= held / 200 <= 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_calibration_repairs_scale_and_shift(kind: Kind) -> None:
    rng = np.random.default_rng(3)
    real, fake = known(rng, 3000)
    bad = 5 * D * real + 4, 5 * D * fake + 4
    one = fit(*bad, kind, 1)
    fresh = known(rng, 3000)
    repaired = METRICS["cllr"].value(*(one.llr(5 * D * each + 4) for each in fresh))
    assert METRICS["cllr"].value(*(5 * D * each + 4 for each in fresh)) > 1
    assert repaired < METRICS["cllr_min"].value(*fresh) + 0.03


def test_columns_of_weights_are_copies() -> None:
    real, fake = made(4)
    scores, is_fake = np.concatenate([real, fake]), np.repeat([False, True], [len(real), len(fake)])
    weights = np.random.default_rng(0).integers(0, 4, (len(scores), 5)).astype(float)
    lines = logistic_lines(scores, is_fake, weights)
    for column, (intercept, slope) in zip(weights.T, lines.T, strict=True):
        copies = np.repeat(scores, column.astype(int)), np.repeat(is_fake, column.astype(int))
        one = fit(copies[0][~copies[1]], copies[0][copies[1]], "logistic")
        np.testing.assert_allclose(one.llr(np.array([0.0, 1.0])), [intercept, intercept + slope])
    weights[is_fake] = 0
    assert np.isnan(logistic_lines(scores, is_fake, weights)).all()


def test_what_has_no_fit_says_so() -> None:
    apart = np.array([-2.0, -1.0]), np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="do not overlap"):
        fit(*apart, "logistic")
    with pytest.raises(ValueError, match="both classes"):
        fit(NONE, apart[1], "kde")
    with pytest.raises(ValueError, match="all the same"):
        fit(np.ones(3), apart[1], "kde")
    with pytest.raises(ValueError, match="finite"):
        fit(np.array([np.inf]), apart[1], "isotonic")
    for kind in ("logistic", "isotonic"):
        assert np.all(np.isfinite(fit(*apart, kind, 1).llr(np.linspace(-9, 9, 7)))), kind
    assert np.isinf(fit(*apart, "isotonic").llr(np.array([-1.0, 1.0]))).all()


def test_scores_that_say_nothing_are_worth_nothing() -> None:
    same = np.zeros(4)
    assert fit(same, same, "logistic").llr(np.array([0.0, 3.0])).tolist() == [0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_no_clip_takes_part_in_its_own_calibration(kind: Kind) -> None:
    """Moving one group's scores leaves the ratios of its own scores to the other groups."""
    rng = np.random.default_rng(7)
    real, fake = known(rng, 40)
    group = np.repeat(np.arange(10), 4)
    before = cross_calibrated(real, fake, group, group, kind, folds=10, misleading=1)
    assert before.folds == 10
    others = fit(real[group != 3], fake[group != 3], kind, 1)
    np.testing.assert_allclose(before.real[group == 3], others.llr(real[group == 3]))
    moved = np.where(group == 3, fake - 0.5, fake)
    after = cross_calibrated(real, moved, group, group, kind, folds=10, misleading=1)
    np.testing.assert_array_equal(after.real[group == 3], before.real[group == 3])
    assert np.any(after.real[group != 3] != before.real[group != 3])


def test_folds_spread_groups_of_one_class() -> None:
    rng = np.random.default_rng(8)
    real, fake = known(rng, 12)
    found = cross_calibrated(real, fake, np.arange(12), np.arange(12, 24), "kde", folds=4)
    assert found.folds == 4
    assert np.isfinite(found.real).all()
    with pytest.raises(ValueError, match="both classes"):
        cross_calibrated(real, fake, np.zeros(12, int), np.ones(12, int), "kde", folds=2)


@pytest.mark.parametrize("kind", KINDS)
def test_no_calibration_falls(kind: Kind) -> None:
    """Scores of the other sign are refused, apart or overlapping; so is a line that would fall."""
    real, fake = made(1)
    for swapped in ((-real, -fake), (np.array([1.0, 2.0]), np.array([-2.0, -1.0]))):
        with pytest.raises(Falling, match="no information in that direction"):
            fit(*swapped, kind, 1)
    group = np.arange(len(real)), np.arange(len(fake))
    with pytest.raises(Falling):
        cross_calibrated(-real, -fake, *group, kind, misleading=1)
    # Three of four fakes lie above all real clips, one far below: AUC 0.75, mean difference -2.
    with pytest.raises(Falling):
        fit(np.array([0.0, 0.1, -0.1, 2.9]), np.array([3.0, 3.1, 3.2, -20.0]), "logistic")
