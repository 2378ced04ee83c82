"""Every figure and test against an implementation that shares no code with it, to 1e-9.

Scores are drawn with few distinct values (so that ties are common), with many, unbalanced, tiny,
and with one class far on the wrong side. Where two definitions are not the same, the test says in
which cases they are.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lir.algorithms.isotonic_regression import IsotonicCalibrator
from scipy.optimize import brentq, linprog
from scipy.stats import norm
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from harness.metrics import METRICS, CalibrationMetric
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.detection import auc, eer, min_dcf, roc
from harness.metrics.intervals import exact
from harness.metrics.significance import delong, holm, mcnemar_exact

TOLERANCE = 1e-9

Scores = tuple[np.ndarray, np.ndarray]


def classes(values: st.SearchStrategy[float]) -> st.SearchStrategy[Scores]:
    """Real and fake scores, one to thirty of each."""
    array = st.lists(values, min_size=1, max_size=30).map(lambda each: np.array(each, float))
    return st.tuples(array, array)


drawn = st.one_of(
    classes(st.integers(-3, 3)),
    classes(st.integers(-200, 200).map(lambda whole: whole / 16)),
)


def made(seed: int) -> Scores:
    """From 1 to 400 clips a class, shifted by -1 to 3, rounded to 0, 1 or 15 decimals."""
    rng = np.random.default_rng(seed)
    n, m = (int(each) for each in np.exp(rng.uniform(0, np.log(400), 2)))
    decimals = int(rng.choice([0, 1, 15]))
    real, fake = rng.normal(0, 1, n), rng.normal(rng.uniform(-1, 3), rng.uniform(0.5, 2), m)
    return real.round(decimals), fake.round(decimals)


def together(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth (1 is fake) and scores, as others take them."""
    truth = np.repeat([0, 1], [len(real), len(fake)])
    return truth, np.concatenate([real, fake])


def near(expected: object) -> object:
    return pytest.approx(expected, abs=TOLERANCE, rel=0, nan_ok=True)


def figure(name: str, real: np.ndarray, fake: np.ndarray, threshold: float = 0.0) -> float:
    return METRICS[name].value(real, fake, threshold)


# Decisions: scikit-learn


def decided(real: np.ndarray, fake: np.ndarray, threshold: float) -> dict[str, float]:
    truth, scores = together(real, fake)
    called = (scores >= threshold).astype(int)
    other = {"y_true": truth, "y_pred": called}
    nan = {"zero_division": np.nan}
    (tn, fp), (fn, tp) = sk.confusion_matrix(truth, called, labels=[0, 1])
    return {
        "accuracy": sk.accuracy_score(**other),
        "balanced_accuracy": sk.balanced_accuracy_score(**other),
        "precision": sk.precision_score(**other, **nan),
        "recall": sk.recall_score(**other),
        "f1": sk.f1_score(**other, zero_division=0),
        "precision_real": sk.precision_score(**other, pos_label=0, **nan),
        "recall_real": sk.recall_score(**other, pos_label=0),
        "f1_real": sk.f1_score(**other, pos_label=0, zero_division=0),
        "fpr": fp / (fp + tn),
        "fnr": fn / (fn + tp),
        "coverage": 1.0,
    }


@given(drawn, st.sampled_from([0.0, -2.5, 1.0, 3.0, 100.0]))
def test_decisions_are_those_of_scikit_learn(scores: Scores, threshold: float) -> None:
    """Where nothing is called fake there is no precision on either side; F1 is 0."""
    expected = decided(*scores, threshold)
    assert {name: figure(name, *scores, threshold) for name in expected} == near(expected)


@pytest.mark.parametrize("seed", range(20))
def test_decisions_of_larger_sets(seed: int) -> None:
    expected = decided(*made(seed), 0.5)
    assert {name: figure(name, *made(seed), 0.5) for name in expected} == near(expected)


def test_every_decision_is_held_to_something() -> None:
    known = {*decided(np.zeros(1), np.ones(1), 0.5), "hter", "act_dcf", "eer", "auc", "min_dcf"}
    elsewhere = {name for name, each in METRICS.items() if isinstance(each, CalibrationMetric)}
    assert known | elsewhere == set(METRICS)
    assert elsewhere == {"cllr", "cllr_min", "cllr_cal", "ece", "brier", "aurc"}


# AUC and the curve: scikit-learn


@given(drawn)
def test_auc_and_curve_are_those_of_scikit_learn(scores: Scores) -> None:
    truth, values = together(*scores)
    assert auc(*scores) == near(sk.roc_auc_score(truth, values))
    fpr, tpr, threshold = sk.roc_curve(truth, values, drop_intermediate=False)
    ours = roc(*scores)
    np.testing.assert_allclose(ours.fpr, fpr, atol=TOLERANCE)
    np.testing.assert_allclose(ours.tpr, tpr, atol=TOLERANCE)
    np.testing.assert_array_equal(ours.threshold, threshold)


@pytest.mark.parametrize("seed", range(20))
def test_auc_of_larger_sets(seed: int) -> None:
    truth, values = together(*made(seed))
    assert auc(*made(seed)) == near(sk.roc_auc_score(truth, values))


# EER: scipy, lir, ASVspoof


def eer_by_root(real: np.ndarray, fake: np.ndarray) -> float:
    """Root of miss less false alarm along the polygon of scikit-learn's points."""
    truth, values = together(real, fake)
    fpr, tpr, _ = sk.roc_curve(truth, values, drop_intermediate=False)
    along = np.arange(len(fpr))

    def excess(place: float) -> float:
        return float(1 - np.interp(place, along, tpr) - np.interp(place, along, fpr))

    place = brentq(excess, 0, along[-1], xtol=1e-13, rtol=1e-14)
    return float(np.interp(place, along, fpr))


@given(drawn)
def test_eer_is_the_root_that_scipy_finds(scores: Scores) -> None:
    assert eer(*scores) == near(eer_by_root(*scores))


@pytest.mark.parametrize("seed", range(20))
def test_eer_of_larger_sets(seed: int) -> None:
    assert eer(*made(seed)) == near(eer_by_root(*made(seed)))


def calibrated(real: np.ndarray, fake: np.ndarray) -> Scores:
    """Log-likelihood ratios of the same clips by `lir`'s isotonic regression (PAV)."""
    truth, values = together(real, fake)
    found = math.log(10) * IsotonicCalibrator().fit(values, truth).transform(values)
    return found[: len(real)], found[len(real) :]


def eer_of_hull(real: np.ndarray, fake: np.ndarray) -> float:
    """The most that the least Bayes error of any prior can be: a linear programme.

    Brümmer & de Villiers, The BOSARIS Toolkit, 2011, on the EER of the convex hull.
    """
    fpr, tpr, _ = sk.roc_curve(*together(real, fake), drop_intermediate=False)
    miss = 1 - tpr
    # Largest z with z <= prior * miss + (1 - prior) * alarm at every threshold.
    bounds = np.stack([np.ones(len(fpr)), fpr - miss], axis=1)
    found = linprog([-1, 0], A_ub=bounds, b_ub=fpr, bounds=[(None, None), (0, 1)])
    return -found.fun


@pytest.mark.parametrize("seed", range(20))
def test_eer_of_calibrated_scores_is_that_of_the_convex_hull(seed: int) -> None:
    """`lir` has no EER; its PAV makes ties of what lies under the hull, and these cross together.

    The EER of the hull is another definition and never above ours of the scores as they are.
    """
    found = eer(*calibrated(*made(seed)))
    assert found == near(eer_of_hull(*made(seed)))
    assert found <= eer(*made(seed)) + TOLERANCE


def eer_of_asvspoof(real: np.ndarray, fake: np.ndarray) -> float:
    """Mean of the two rates where they are nearest; clips sorted one by one, real before fake."""
    truth, values = together(real, fake)
    fakes = truth[np.argsort(values, kind="stable")]
    miss = np.concatenate([[0], np.cumsum(fakes) / len(fake)])
    alarm = np.concatenate([[1], 1 - np.cumsum(1 - fakes) / len(real)])
    nearest = np.argmin(np.abs(miss - alarm))
    return float((miss[nearest] + alarm[nearest]) / 2)


distinct = st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=50, unique=True)


@given(distinct, st.data())
def test_eer_is_that_of_asvspoof_where_the_rates_meet_in_a_point(
    values: list[int], data: st.DataObject
) -> None:
    """With as many of each class they always do; else both are within half a step of each other."""
    array, fakes = np.array(values, float), data.draw(st.integers(1, len(values) - 1))
    real, fake = array[fakes:], array[:fakes]
    curve = roc(real, fake)
    if np.any(np.isclose(1 - curve.tpr, curve.fpr, rtol=0, atol=TOLERANCE)):
        assert eer(real, fake) == near(eer_of_asvspoof(real, fake))
    else:
        assert len(real) != len(fake)
        step = 1 / min(len(real), len(fake))
        assert abs(eer(real, fake) - eer_of_asvspoof(real, fake)) <= step / 2 + TOLERANCE


def test_eer_of_asvspoof_of_ties_depends_on_their_order() -> None:
    tied = np.zeros(5)
    assert eer(tied, tied) == 0.5
    assert eer_of_asvspoof(tied, tied) == 0


# Detection cost and HTER: brute force, lir, the definition of ASVspoof 5

costs = st.builds(DetectionCost, st.floats(0.01, 0.99), st.floats(0.1, 20), st.floats(0.1, 20))


def cost_of_asvspoof(
    bona_fide: np.ndarray, spoof: np.ndarray, threshold: float, cost: DetectionCost = ASVSPOOF_5
) -> float:
    """Normalised DCF of scores that are higher for bona fide, accepted above the threshold."""
    p_miss = np.mean(bona_fide <= threshold)
    p_fa = np.mean(spoof > threshold)
    rejected = cost.miss * (1 - cost.fake_share)
    accepted = cost.false_acceptance * cost.fake_share
    return float((rejected * p_miss + accepted * p_fa) / min(rejected, accepted))


def least_cost(real: np.ndarray, fake: np.ndarray, cost: DetectionCost) -> float:
    """Of every threshold at a score, and of one below all."""
    thresholds = [-math.inf, *-real, *-fake]
    return min(cost_of_asvspoof(-real, -fake, each, cost) for each in thresholds)


@given(drawn, costs)
def test_min_dcf_is_the_least_of_all_thresholds(scores: Scores, cost: DetectionCost) -> None:
    assert (
        min_dcf(*scores)
        == near(figure("min_dcf", *scores))
        == near(least_cost(*scores, ASVSPOOF_5))
    )
    assert min_dcf(*scores, cost) == near(least_cost(*scores, cost))


@pytest.mark.parametrize("seed", range(20))
def test_min_dcf_is_the_cost_of_calibrated_scores(seed: int) -> None:
    """PAV gives each clip the likelihood ratio that is best for any cost (Brümmer & du Preez)."""
    real, fake = made(seed)
    for cost in (ASVSPOOF_5, DetectionCost(0.5, 1, 1), DetectionCost(0.01, 1, 10)):
        llrs = calibrated(real, fake)
        optimal = cost_of_asvspoof(-llrs[0], -llrs[1], -cost.threshold, cost)
        assert min_dcf(real, fake, cost) == near(optimal)


@given(drawn)
def test_act_dcf_is_that_of_asvspoof_at_the_bayes_threshold(scores: Scores) -> None:
    """beta = C_miss (1 - pi) / (C_fa pi) = 1.9; bona fide accepted above -ln beta."""
    real, fake = scores
    beta = 1 * (1 - 0.05) / (10 * 0.05)
    expected = cost_of_asvspoof(-real, -fake, -math.log(beta))
    assert figure("act_dcf", real, fake, math.log(beta)) == near(expected)
    assert ASVSPOOF_5.threshold == near(math.log(1.9)) == near(math.log(beta))
    assert expected == near(1.9 * np.mean(real >= math.log(1.9)) + np.mean(fake < math.log(1.9)))


@given(drawn, st.sampled_from([-1.0, 0.0, 2.0]))
def test_act_dcf_at_another_threshold_and_hter(scores: Scores, threshold: float) -> None:
    real, fake = scores
    expected = cost_of_asvspoof(-real, -fake, -threshold)
    assert figure("act_dcf", *scores, threshold) == near(expected)
    assert figure("min_dcf", *scores) <= expected + TOLERANCE
    rates = decided(*scores, threshold)
    assert figure("hter", *scores, threshold) == near((rates["fpr"] + rates["fnr"]) / 2)
    assert figure("hter", *scores, threshold) == near(1 - rates["balanced_accuracy"])


def test_detectors_that_do_not_listen_cost_1_at_least() -> None:
    real, fake = np.zeros(3), np.zeros(4)
    assert figure("act_dcf", real, fake, 1.0) == near(1.0)  # all accepted
    assert figure("act_dcf", real, fake, 0.0) == near(1.9)  # all rejected
    assert figure("min_dcf", real, fake) == near(1.0)
    assert figure("act_dcf", -np.ones(2), np.ones(2)) == figure("min_dcf", real - 1, fake) == 0
    assert figure("act_dcf", np.ones(2), -np.ones(2)) == near(METRICS["act_dcf"].range.most)


# Tests and intervals: statsmodels


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_that_of_statsmodels(b: int, c: int) -> None:
    assume(b + c)
    assert mcnemar_exact(b, c) == near(mcnemar([[7, b], [c, 3]], exact=True).pvalue)


def test_mcnemar_of_no_clip_that_differs_is_1() -> None:
    assert mcnemar_exact(0, 0) == 1.0


@pytest.mark.parametrize("number", [1, 2, 5, 68, 500])
@pytest.mark.parametrize("decimals", [2, 3, 15])
def test_holm_is_that_of_statsmodels(number: int, decimals: int) -> None:
    p_values = (np.random.default_rng(number).random(number) ** 4).round(decimals)
    rejected, adjusted, _, _ = multipletests(p_values, alpha=0.05, method="holm")
    np.testing.assert_allclose(holm(p_values), adjusted, atol=TOLERANCE, rtol=0)
    # It compares each p-value with a bound of its own; they part only in the last bit.
    clear = np.abs(adjusted - 0.05) > TOLERANCE
    np.testing.assert_array_equal((holm(p_values) <= 0.05)[clear], rejected[clear])


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_exact_interval_is_that_of_statsmodels(part: tuple[int, int]) -> None:
    right, n = part
    for level in (0.95, 0.9):
        found = exact(np.array([right / n]), np.array([float(n)]), level)
        expected = proportion_confint(right, n, alpha=1 - level, method="beta")
        assert tuple(float(each[0]) for each in found) == near(expected)


# DeLong: the definition, pair by pair


def kernel(fake: float, real: float) -> float:
    return 1.0 if fake > real else 0.5 if fake == real else 0.0


def delong_by_definition(a: Scores, b: Scores) -> tuple[float, float, float]:
    """Difference, variance and two-sided p by equations 4 to 6 of DeLong et al. (1988).

    Fakes are their X and real clips their Y; V10 and V01 are the structural components, S10 and S01
    their covariance matrices over the two detectors.
    """
    n, m = len(a[0]), len(a[1])
    theta, v10, v01 = [], np.empty((2, m)), np.empty((2, n))
    for detector, (real, fake) in enumerate((a, b)):
        theta.append(sum(kernel(x, y) for x in fake for y in real) / (m * n))
        for i, x in enumerate(fake):
            v10[detector, i] = sum(kernel(x, y) for y in real) / n
        for j, y in enumerate(real):
            v01[detector, j] = sum(kernel(x, y) for x in fake) / m
    s10, s01 = np.zeros((2, 2)), np.zeros((2, 2))
    for r, s in itertools.product(range(2), repeat=2):
        s10[r, s] = sum((v10[r] - theta[r]) * (v10[s] - theta[s])) / (m - 1)
        s01[r, s] = sum((v01[r] - theta[r]) * (v01[s] - theta[s])) / (n - 1)
    covariance, contrast = s10 / m + s01 / n, np.array([1.0, -1.0])
    variance = float(contrast @ covariance @ contrast)
    difference = theta[0] - theta[1]
    p = 2 * norm.sf(abs(difference) / math.sqrt(variance)) if variance > 1e-18 else math.nan
    return difference, variance, float(p)


@pytest.mark.parametrize("decimals", [0, 1, 15])
@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 30), (25, 3), (6, 7), (40, 33)])
@pytest.mark.parametrize("seed", range(4))
def test_delong_is_its_definition(n: int, m: int, decimals: int, seed: int) -> None:
    rng = np.random.default_rng([n, m, seed])
    base = rng.normal(size=n + m) + np.repeat([0, 1], [n, m])
    a, b = ((base + rng.normal(size=n + m)).round(decimals) for _ in "ab")
    found = delong(a[:n], a[n:], b[:n], b[n:])
    difference, variance, p = delong_by_definition((a[:n], a[n:]), (b[:n], b[n:]))
    assert (found.difference, found.variance) == near((difference, variance))
    assert found.difference == near(auc(a[:n], a[n:]) - auc(b[:n], b[n:]))
    if not math.isnan(p):
        assert found.p == near(p)
