"""Decisions at a threshold: counts of what was called what, and the rates made of them.

Conventions: scores are log-odds of fake, shape (n,), higher is more fake; the positive class is
`fake` and a clip is called fake where `score >= threshold`. A `_real` rate takes `real` as the
positive class. Every formula works elementwise on counts of any shape, so that one call serves a
single test set and a thousand weighted resamples of it. A rate whose denominator is empty is NaN,
never 0 or 1. Balanced accuracy, precision and F1 weigh one class against the other and are NaN
where either is absent: without a fake every precision is 0 and without a real clip it is 1,
whatever the detector does.

A clip without a score is decided by an `UnscoredPolicy`, or left out of every rate but `coverage`.
Figures of ranking and calibration need a score and are of scored clips under every policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.terms import UnscoredPolicy

Array = NDArray[np.float64]


Outcome = Literal["tp", "fn", "fp", "tn", "left_out"]

_OUTCOMES: dict[UnscoredPolicy, dict[Literal["real", "fake"], Outcome]] = {
    "excluded": {"real": "left_out", "fake": "left_out"},
    "wrong": {"real": "fp", "fake": "fn"},
    "real": {"real": "tn", "fake": "fn"},
}


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts, or sums of weights, of one shape.

    Parameters
    ----------
    tp, fn
        Fakes called fake, fakes called real.
    fp, tn
        Real clips called fake, real clips called real.
    left_out
        Clips of either class that have no score and were not decided either; only `coverage` counts
        them.
    assumed
        Clips without a score that a policy put among the first four.
    """

    tp: Array
    fn: Array
    fp: Array
    tn: Array
    left_out: Array
    assumed: Array

    @property
    def fake(self) -> Array:
        return self.tp + self.fn

    @property
    def real(self) -> Array:
        return self.fp + self.tn

    def swapped(self) -> Confusion:
        """The same decisions with `real` as the positive class."""
        return Confusion(self.tn, self.fp, self.fn, self.tp, self.left_out, self.assumed)


def outcome_of(label: Literal["real", "fake"], policy: UnscoredPolicy) -> Outcome:
    """Return the count that a clip without a score adds to."""
    return _OUTCOMES[policy][label]


def count(
    real: Array,
    fake: Array,
    threshold: float = 0.0,
    *,
    unscored_real: int = 0,
    unscored_fake: int = 0,
    policy: UnscoredPolicy = "excluded",
) -> Confusion:
    """Decide every clip; the counts have shape ().

    Parameters
    ----------
    unscored_real, unscored_fake
        How many clips of each class have no score.

    Raises
    ------
    ValueError
        Where a score is NaN: it lies on neither side of any threshold.
    """
    refuse_nan(real, fake)
    hits, alarms = int(np.sum(fake >= threshold)), int(np.sum(real >= threshold))
    numbers = {
        "tp": hits,
        "fn": len(fake) - hits,
        "fp": alarms,
        "tn": len(real) - alarms,
        "left_out": 0,
        "assumed": 0 if policy == "excluded" else unscored_real + unscored_fake,
    }
    numbers[outcome_of("real", policy)] += unscored_real
    numbers[outcome_of("fake", policy)] += unscored_fake
    return Confusion(**{name: np.asarray(number, np.float64) for name, number in numbers.items()})


def refuse_nan(*scores: Array) -> None:
    """Raise ValueError where a score is NaN; infinite scores are in order."""
    if any(np.isnan(array).any() for array in scores):
        raise ValueError("a score is NaN; a clip without a score belongs in no class")


def accuracy(counts: Confusion) -> Array:
    """Share of clips decided right, whatever the class."""
    return _share(counts.tp + counts.tn, counts.fake + counts.real)


def balanced_accuracy(counts: Confusion) -> Array:
    """Mean of the two recalls."""
    return (recall(counts) + recall_real(counts)) / 2


def precision(counts: Confusion) -> Array:
    """Share of fakes among the clips called fake; NaN where none was called fake."""
    return _between(counts, _share(counts.tp, counts.tp + counts.fp))


def recall(counts: Confusion) -> Array:
    """Share of fakes called fake (hit rate, true positive rate)."""
    return _share(counts.tp, counts.fake)


def f1(counts: Confusion) -> Array:
    """2 TP / (2 TP + FP + FN): 0, not NaN, where there are fakes and none was found."""
    return _between(counts, _share(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn))


def precision_real(counts: Confusion) -> Array:
    """Share of real clips among those called real; NaN where none was called real."""
    return precision(counts.swapped())


def recall_real(counts: Confusion) -> Array:
    """Share of real clips called real (true negative rate)."""
    return recall(counts.swapped())


def f1_real(counts: Confusion) -> Array:
    """F1 with `real` as the positive class."""
    return f1(counts.swapped())


def fpr(counts: Confusion) -> Array:
    """Share of real clips called fake (false alarm rate)."""
    return _share(counts.fp, counts.real)


def fnr(counts: Confusion) -> Array:
    """Share of fakes called real (miss rate)."""
    return _share(counts.fn, counts.fake)


def hter(counts: Confusion) -> Array:
    """Half total error rate: mean of miss and false alarm rate at a threshold set beforehand."""
    return (fnr(counts) + fpr(counts)) / 2


def act_dcf(counts: Confusion, cost: DetectionCost = ASVSPOOF_5) -> Array:
    """Actual detection cost: that of the decisions as they were made; 1.9 FPR + FNR by default."""
    return cost.real_weight * fpr(counts) + cost.fake_weight * fnr(counts)


def coverage(counts: Confusion) -> Array:
    """Share of clips that have a score, whatever the policy made of the others."""
    decided = counts.fake + counts.real
    return _share(decided - counts.assumed, decided + counts.left_out)


def _share(part: Array, whole: Array) -> Array:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _between(counts: Confusion, rate: Array) -> Array:
    return np.where((counts.fake > 0) & (counts.real > 0), rate, np.nan)
