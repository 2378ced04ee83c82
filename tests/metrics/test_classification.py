"""Decisions at a threshold: by hand, against scikit-learn, and where there is nothing to say."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.metrics import METRICS, DecisionMetric
from harness.metrics.classification import count
from harness.terms import UnscoredPolicy

NONE = np.zeros(0)


def figure(name: str, real: np.ndarray, fake: np.ndarray, threshold: float = 0.0) -> float:
    return METRICS[name].value(real, fake, threshold)


def test_by_hand() -> None:
    # Fakes: 3 of 4 called fake (0 lies on the threshold and counts). Real: 1 of 6 called fake.
    fake = np.array([2.0, 0.0, 5.0, -1.0])
    real = np.array([-3.0, -2.0, -1.0, -0.5, -4.0, 1.0])
    expected = {
        "accuracy": 8 / 10,
        "balanced_accuracy": (3 / 4 + 5 / 6) / 2,
        "precision": 3 / 4,
        "recall": 3 / 4,
        "f1": 6 / 8,
        "precision_real": 5 / 6,
        "recall_real": 5 / 6,
        "f1_real": 10 / 12,
        "fpr": 1 / 6,
        "fnr": 1 / 4,
        "hter": (1 / 6 + 1 / 4) / 2,
        "act_dcf": 1.9 / 6 + 1 / 4,
        "coverage": 1.0,
    }
    assert {name: figure(name, real, fake) for name in expected} == pytest.approx(
        expected, abs=1e-15
    )
    decisions = {name for name, metric in METRICS.items() if isinstance(metric, DecisionMetric)}
    assert decisions == set(expected)


def test_no_positive_call_has_no_precision_but_an_f1_of_zero() -> None:
    real, fake = np.array([-1.0, -2.0]), np.array([-1.0])
    assert np.isnan(figure("precision", real, fake))
    assert figure("f1", real, fake) == 0
    assert figure("precision_real", real, fake) == pytest.approx(2 / 3)


def test_one_class_alone() -> None:
    fake = np.array([1.0, -1.0])
    known = {"accuracy": 0.5, "recall": 0.5, "fnr": 0.5, "coverage": 1.0}
    for name, metric in METRICS.items():
        if isinstance(metric, DecisionMetric):
            assert figure(name, NONE, fake) == pytest.approx(known.get(name, np.nan), nan_ok=True)


def test_nothing_is_nan() -> None:
    for name, metric in METRICS.items():
        if isinstance(metric, DecisionMetric):
            assert np.isnan(figure(name, NONE, NONE)), name


def test_unscored_clips_lower_coverage_alone() -> None:
    real, fake = np.array([-1.0]), np.array([1.0, 2.0])
    counts = count(real, fake, unscored_fake=1)
    assert METRICS["coverage"].formula(counts) == 3 / 4
    assert METRICS["accuracy"].formula(counts) == 1


def test_policies_by_hand() -> None:
    """One real clip right, one fake of two right; a real clip and two fakes without a score."""
    real, fake = np.array([-1.0]), np.array([1.0, -1.0])
    expected = {  # accuracy, precision, recall, fpr, recall_real
        "excluded": (2 / 3, 1 / 1, 1 / 2, 0 / 1, 1 / 1),
        "wrong": (2 / 6, 1 / 2, 1 / 4, 1 / 2, 1 / 2),
        "real": (3 / 6, 1 / 1, 1 / 4, 0 / 2, 2 / 2),
    }
    for policy in get_args(UnscoredPolicy):
        counts = count(real, fake, unscored_real=1, unscored_fake=2, policy=policy)
        names = ("accuracy", "precision", "recall", "fpr", "recall_real")
        found = tuple(float(METRICS[name].formula(counts)) for name in names)
        assert found == pytest.approx(expected[policy]), policy
        assert METRICS["coverage"].formula(counts) == 3 / 6, policy


@pytest.mark.parametrize("policy", ["wrong", "real"])
@pytest.mark.parametrize("seed", range(4))
def test_policies_agree_with_scikit_learn(seed: int, policy: UnscoredPolicy) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(120) < 0.4
    scores = rng.normal(truth - 0.5, 1)
    scored = rng.random(120) < 0.8
    called = np.where(scored, scores >= 0, ~truth if policy == "wrong" else False)
    counts = count(
        scores[scored & ~truth],
        scores[scored & truth],
        unscored_real=int(np.sum(~scored & ~truth)),
        unscored_fake=int(np.sum(~scored & truth)),
        policy=policy,
    )
    expected = {
        "accuracy": sk.accuracy_score(truth, called),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, called),
        "precision": sk.precision_score(truth, called),
        "recall": sk.recall_score(truth, called),
        "f1": sk.f1_score(truth, called),
        "precision_real": sk.precision_score(truth, called, pos_label=False),
        "recall_real": sk.recall_score(truth, called, pos_label=False),
        "f1_real": sk.f1_score(truth, called, pos_label=False),
        "fpr": np.mean(called[~truth]),
        "fnr": 1 - np.mean(called[truth]),
        "coverage": np.mean(scored),
    }
    assert {name: float(METRICS[name].formula(counts)) for name in expected} == pytest.approx(
        expected, abs=1e-12
    )


def test_clips_that_nobody_scored_are_decided_all_the_same() -> None:
    counts = count(NONE, NONE, unscored_real=3, unscored_fake=1, policy="real")
    assert METRICS["accuracy"].formula(counts) == 3 / 4
    assert METRICS["recall"].formula(counts) == 0
    assert METRICS["coverage"].formula(counts) == 0


def test_nan_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        count(np.array([np.nan]), np.array([1.0]))


def test_infinite_scores_are_decided() -> None:
    assert figure("accuracy", np.array([-np.inf]), np.array([np.inf])) == 1


def test_registry_names_itself() -> None:
    assert all(name == metric.name for name, metric in METRICS.items())
    lower = {name for name, metric in METRICS.items() if metric.better == "lower"}
    likelihood = {"cllr", "cllr_min", "cllr_cal", "ece", "brier", "aurc"}
    assert lower == {"fpr", "fnr", "hter", "act_dcf", "eer", "min_dcf"} | likelihood
