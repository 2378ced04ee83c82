"""The vectorised bootstrap does what copying clips would do."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from harness.metrics import METRICS, DecisionMetric
from harness.metrics.bootstrap import ClipSet, draw, estimate, strata_of
from harness.metrics.classification import count
from harness.metrics.intervals import percentile
from harness.metrics.likelihood import equal_bins
from harness.terms import UnscoredPolicy

POLICIES: tuple[UnscoredPolicy, ...] = get_args(UnscoredPolicy)


def naive(cell: ClipSet, weights: np.ndarray) -> np.ndarray:
    """One resample, made by copying clips."""
    copies = weights.astype(int)
    real = np.repeat(cell.real, copies[cell.real_group])
    fake = np.repeat(cell.fake, copies[cell.fake_group])
    counts = count(
        real,
        fake,
        cell.threshold,
        unscored_real=int(copies[cell.unscored_real_group].sum()),
        unscored_fake=int(copies[cell.unscored_fake_group].sum()),
        policy=cell.policy,
    )
    figures = []
    for name in cell.metrics:
        metric = METRICS[name]
        if isinstance(metric, DecisionMetric):
            figures.append(float(metric.formula(counts)))
        elif name == "ece":
            figures.append(ece_in_own_bins(cell, copies))
        else:
            figures.append(metric.value(real, fake, cell.threshold))
    return np.array(figures)


def ece_in_own_bins(cell: ClipSet, copies: np.ndarray) -> float:
    """Copies of clips stay in the bins that the clips were put into."""
    weight = copies[np.concatenate([cell.real_group, cell.fake_group])]
    gap = np.concatenate([expit(cell.real), expit(cell.fake) - 1]) * weight
    if not weight.sum():
        return np.nan
    bins = equal_bins(cell.real, cell.fake)
    return sum(abs(gap[bins == each].sum()) for each in range(10)) / weight.sum()


def random_cell(
    rng: np.random.Generator, real: int, fake: int, groups: int, policy: UnscoredPolicy = "excluded"
) -> ClipSet:
    return ClipSet(
        real=rng.normal(-1, 1, real).round(1),
        fake=rng.normal(1, 1, fake).round(1),
        real_group=rng.integers(groups, size=real),
        fake_group=rng.integers(groups, size=fake),
        unscored_real_group=rng.integers(groups, size=3),
        unscored_fake_group=rng.integers(groups, size=2),
        threshold=0.2,
        policy=policy,
    )


@settings(max_examples=25)
@given(
    st.integers(0, 2**32),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 12),
    st.sampled_from(POLICIES),
)
def test_equals_copying_clips(
    seed: int, real: int, fake: int, groups: int, policy: UnscoredPolicy
) -> None:
    cell = random_cell(np.random.default_rng(seed), real, fake, groups, policy)
    estimates = estimate([cell], groups, 30, seed)[cell]
    weights = np.concatenate(list(draw(groups, 30, seed, strata=strata_of([cell], groups))), axis=1)
    expected = np.stack([naive(cell, column) for column in weights.T], axis=1)
    drawn = np.stack([estimates[name].draws for name in cell.metrics])
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-12)
    values = [estimates[name].value for name in cell.metrics]
    np.testing.assert_allclose(values, naive(cell, np.ones(groups)), rtol=0, atol=1e-12)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 30), st.integers(0, 30), st.integers(1, 12))
def test_accuracy_with_the_unscored_as_wrong_is_accuracy_times_coverage(
    seed: int, real: int, fake: int, groups: int
) -> None:
    out, wrong = (
        random_cell(np.random.default_rng(seed), real, fake, groups, policy)
        for policy in ("excluded", "wrong")
    )
    both = estimate([out, wrong], groups, 30, seed)
    for read in (lambda one: one.value, lambda one: one.draws):
        right = read(both[out]["accuracy"]) * read(both[out]["coverage"])
        some = read(both[out]["coverage"]) > 0
        np.testing.assert_allclose(
            np.where(some, read(both[wrong]["accuracy"]), 0), np.where(some, right, 0), atol=1e-12
        )
        np.testing.assert_array_equal(read(both[out]["coverage"]), read(both[wrong]["coverage"]))
        for name in ("eer", "auc"):
            np.testing.assert_array_equal(read(both[out][name]), read(both[wrong][name]))


def test_missing_clips_lower_coverage_under_every_policy() -> None:
    for policy in POLICIES:
        cell = seven_clips(policy)
        kept = replace(cell, missing_group=np.zeros(0, dtype=int))
        both = estimate([cell, kept], 7, 20, 0)
        for name in METRICS:
            same = both[cell][name].value == both[kept][name].value
            assert same == (name != "coverage"), name
        assert both[cell]["coverage"].value == 7 / 11


def test_draws_are_of_groups_and_repeatable() -> None:
    one = np.concatenate(list(draw(7, 50, seed=3)), axis=1)
    other = np.concatenate(list(draw(7, 50, seed=3, block=20)), axis=1)
    np.testing.assert_array_equal(one, other)
    assert one.shape == (7, 50)
    assert (one.sum(axis=0) == 7).all()
    assert (one != np.concatenate(list(draw(7, 50, seed=4)), axis=1)).any()


def test_many_blocks_give_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = random_cell(np.random.default_rng(0), 40, 40, 15)
    whole = estimate([cell], 15, 64, 1)[cell]
    monkeypatch.setattr("harness.metrics.bootstrap._BLOCK", 200)
    parts = estimate([cell], 15, 64, 1)[cell]
    for name in cell.metrics:
        np.testing.assert_array_equal(parts[name].draws, whole[name].draws)


def test_likeness_within_groups_widens_the_interval() -> None:
    """Ten clips of a speaker that stand or fall together are one piece of evidence, not ten."""
    rng = np.random.default_rng(5)
    speaker = np.repeat(np.arange(40), 10)
    fake = np.where(rng.random(40) < 0.7, 1.0, -1.0)[speaker]
    none = np.zeros(0)
    widths = []
    for group in (speaker, np.arange(400)):
        cell = ClipSet(none, fake, none.astype(int), group, metrics=("recall",))
        drawn = estimate([cell], 400, 1000, 0)[cell]["recall"].draws
        low, high = percentile(drawn[None, :])
        widths.append(float(high[0] - low[0]))
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(10), rel=0.15)


def test_cells_are_paired() -> None:
    """The same clips with the same scores differ by nothing in any resample."""
    rng = np.random.default_rng(6)
    one = random_cell(rng, 20, 20, 8)
    other = ClipSet(
        one.real + 0.0, one.fake + 0.0, one.real_group, one.fake_group, threshold=one.threshold
    )
    both = estimate([one, other], 8, 100, 0)
    np.testing.assert_array_equal(both[one]["eer"].draws, both[other]["eer"].draws)


def seven_clips(policy: UnscoredPolicy) -> ClipSet:
    return ClipSet(
        real=np.array([-1.0, -2.0, 1.0]),
        fake=np.array([1.0, 2.0, 3.0, -1.0]),
        real_group=np.array([0, 0, 1]),
        fake_group=np.array([0, 1, 2, 3]),
        unscored_real_group=np.array([4]),
        unscored_fake_group=np.array([2, 5]),
        missing_group=np.array([6]),
        policy=policy,
    )


def support(policy: UnscoredPolicy) -> dict[str, tuple[int, int, int]]:
    cell = seven_clips(policy)
    of = estimate([cell], 7, 2, 0)[cell]
    return {name: (each.clips, each.evidence, each.groups) for name, each in of.items()}


def test_what_a_figure_is_of() -> None:
    assert support("excluded") == {
        "accuracy": (7, 7, 4),
        "balanced_accuracy": (7, 3, 2),
        "precision": (4, 4, 3),
        "recall": (4, 4, 4),
        "f1": (7, 3, 2),
        "precision_real": (3, 3, 2),
        "recall_real": (3, 3, 2),
        "f1_real": (7, 3, 2),
        "fpr": (3, 3, 2),
        "fnr": (4, 4, 4),
        "hter": (7, 3, 2),
        "act_dcf": (7, 3, 2),
        "min_dcf": (7, 3, 2),
        "eer": (7, 3, 2),
        "auc": (7, 3, 2),
        **dict.fromkeys(("cllr", "cllr_min", "cllr_cal"), (7, 3, 2)),
        **dict.fromkeys(("ece", "brier", "aurc"), (7, 7, 4)),
        "coverage": (11, 11, 7),
    }


def test_what_a_figure_is_of_where_a_policy_decides() -> None:
    scored = [name for name, each in METRICS.items() if not isinstance(each, DecisionMetric)]
    same = {name: support("excluded")[name] for name in (*scored, "coverage")}
    both = {
        "accuracy": (10, 10, 6),
        "balanced_accuracy": (10, 4, 3),
        "recall": (6, 6, 5),
        "f1": (10, 4, 3),
        "recall_real": (4, 4, 3),
        "f1_real": (10, 4, 3),
        "fpr": (4, 4, 3),
        "fnr": (6, 6, 5),
        "hter": (10, 4, 3),
        "act_dcf": (10, 4, 3),
    }
    # Called fake: f1 f2 f3, r3 and, where it is wrong to, the real clip without a score.
    wrong = {"precision": (5, 5, 4), "precision_real": (5, 5, 4)}
    real = {"precision": (4, 4, 3), "precision_real": (6, 6, 5)}
    assert support("wrong") == {**same, **both, **wrong}
    assert support("real") == {**same, **both, **real}


def test_cells_refuse_what_does_not_fit() -> None:
    zero = np.zeros(1, dtype=int)
    with pytest.raises(ValueError, match="NaN"):
        ClipSet(np.array([np.nan]), np.array([1.0]), zero, zero)
    with pytest.raises(ValueError, match="one group"):
        ClipSet(np.array([1.0, 2.0]), np.array([1.0]), zero, zero)


def test_many_clips_are_resampled_in_steps_and_measured_in_full() -> None:
    """Steps of 400 change the spread of what needs an order by little, and the value by nothing."""
    rng = np.random.default_rng(8)
    group = rng.integers(60, size=3000)
    names = ("cllr_min", "aurc")
    cell = ClipSet(rng.normal(-1, 1, 3000), rng.normal(1, 1, 3000), group, group, metrics=names)
    found = estimate([cell], 60, 200, 0)[cell]
    for name in names:
        metric = METRICS[name]
        exact = metric.value(cell.real, cell.fake, 0.0)
        assert found[name].value == pytest.approx(exact, rel=1e-12)
        weights = np.concatenate(list(draw(60, 200, 0)), axis=1)
        expected = np.array(
            [
                metric.value(
                    np.repeat(cell.real, column.astype(int)[group]),
                    np.repeat(cell.fake, column.astype(int)[group]),
                    0.0,
                )
                for column in weights.T
            ]
        )
        assert np.std(found[name].draws) == pytest.approx(np.std(expected), rel=0.02), name
        np.testing.assert_allclose(found[name].draws, expected, atol=0.005)
