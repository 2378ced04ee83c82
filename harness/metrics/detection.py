"""Ranking: how well scores keep real and fake clips apart, whatever the threshold.

Conventions: `real` and `fake` are scores of shape (n,), log-odds of fake, higher is more fake; a
threshold t calls fake what has `score >= t`. Miss is the share of fakes below t, false alarm the
share of real clips at or above it. Clips with one score cross a threshold together. A figure is NaN
where a class is empty. Nothing is dropped from the curve before a figure is read off it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.classification import Array, refuse_nan
from harness.metrics.cost import ASVSPOOF_5, DetectionCost

Index = NDArray[np.intp]

_SPAN = 32
"""Steps that are added up one after another, in all spans side by side."""


@dataclass(frozen=True, eq=False)
class ThresholdSweep:
    """Weight of each class at or below a rising threshold.

    Parameters
    ----------
    real, fake
        Shape (steps + 1, columns), from 0 to the total; a column is one weighting of the clips,
        such as a resample.
    """

    real: Array
    fake: Array


@dataclass(frozen=True, eq=False)
class Roc:
    """Every point of the curve, from (0, 0) at an infinite threshold to (1, 1)."""

    threshold: Array
    fpr: Array
    tpr: Array


def eer(real: Array, fake: Array) -> float:
    """Equal error rate: where miss and false alarm meet on the ROC as it is, not on its hull.

    The two points around the crossing are joined by a straight line. Perfect separation is 0, all
    scores tied 0.5, classes swapped 1.
    """
    return float(eer_of(sweep(real, fake))[0])


def auc(real: Array, fake: Array) -> float:
    """P(fake > real) + P(fake = real) / 2 over all pairs (Mann-Whitney U over its maximum)."""
    return float(auc_of(sweep(real, fake))[0])


def min_dcf(real: Array, fake: Array, cost: DetectionCost = ASVSPOOF_5) -> float:
    """Detection cost at the best threshold: 0 is perfect, 1 no better than ignoring the input."""
    return float(min_dcf_of(sweep(real, fake), cost)[0])


def roc(real: Array, fake: Array) -> Roc:
    """The curve of `fake` as the positive class, one point for every distinct score."""
    refuse_nan(real, fake)
    threshold = np.unique(np.concatenate([real, fake]))[::-1]
    above = [
        len(scores) - np.searchsorted(np.sort(scores), threshold, side="left")
        for scores in (real, fake)
    ]
    rates = [
        np.concatenate([[0.0], number / len(scores)])
        if len(scores)
        else np.full(len(threshold) + 1, np.nan)
        for number, scores in zip(above, (real, fake), strict=True)
    ]
    return Roc(np.concatenate([[np.inf], threshold]), *rates)


def sweep(real: Array, fake: Array) -> ThresholdSweep:
    """Sweep all thresholds with a weight of 1 for every clip: one column."""
    real_step, fake_step, steps = collapse(real, fake)
    sums = [np.bincount(step, minlength=steps)[:, None] for step in (real_step, fake_step)]
    return ThresholdSweep(*(accumulate(np.asarray(counts, dtype=np.float64)) for counts in sums))


def collapse(real: Array, fake: Array) -> tuple[Index, Index, int]:
    """Number the steps in which a rising threshold passes the clips.

    Equal scores are one step. Neighbouring scores of one class are one step too: between them the
    ROC is straight, so neither its area nor its crossing with the diagonal can change.

    Returns
    -------
    real_step, fake_step
        Step of every clip, shapes (len(real),) and (len(fake),).
    steps
        How many there are.
    """
    refuse_nan(real, fake)
    scores, tie = np.unique(np.concatenate([real, fake]), return_inverse=True)
    has_real = np.bincount(tie[: len(real)], minlength=len(scores)) > 0
    has_fake = np.bincount(tie[len(real) :], minlength=len(scores)) > 0
    starts = np.ones(len(scores), dtype=bool)
    starts[1:] = (has_real & has_fake)[1:] | (has_real[1:] != has_real[:-1])
    starts[1:] |= has_fake[1:] != has_fake[:-1]
    step = (np.cumsum(starts) - 1)[tie]
    return step[: len(real)], step[len(real) :], int(np.sum(starts))


def accumulate(weights: Array) -> Array:
    """Running sums from 0 along the first axis: (steps, columns) to (steps + 1, columns).

    Whole numbers below 2**53 are added exactly, in any order.
    """
    steps, columns = weights.shape
    spans = -(-steps // _SPAN)
    sums = np.zeros((spans * _SPAN + 1, columns))
    sums[1 : steps + 1] = weights
    # Inside all spans at once, a row of each at a time, then by what the spans before come to:
    # NumPy's own sum along the first axis leaves the processor's vector units idle.
    span = sums[1:].reshape(spans, _SPAN, columns)
    for row in range(1, _SPAN):
        span[:, row] += span[:, row - 1]
    span[1:] += np.cumsum(span[:-1, -1], axis=0)[:, None]
    return sums[: steps + 1]


def eer_of(sweep: ThresholdSweep) -> Array:
    """Equal error rate of every column, shape (columns,)."""
    real, fake = sweep.real[-1], sweep.fake[-1]
    column = np.arange(len(real))
    if len(sweep.real) == 1:
        return np.full(real.shape, np.nan)

    def excess(step: Index) -> Array:
        """Miss minus false alarm, times both totals: whole numbers, so the crossing is exact."""
        return sweep.fake[step, column] * real + (sweep.real[step, column] - real) * fake

    # It rises with the threshold, from -real * fake to real * fake.
    before, after = np.zeros_like(column), np.full_like(column, len(sweep.real) - 1)
    while np.any(after - before > 1):
        middle = (before + after) // 2
        reached = excess(middle) >= 0
        before, after = np.where(reached, before, middle), np.where(reached, middle, after)
    short, over = -excess(before), excess(after)
    low, high = sweep.fake[before, column], sweep.fake[after, column]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (low + (high - low) * (short / (short + over))) / fake
    return np.where((real > 0) & (fake > 0), rate, np.nan)


def min_dcf_of(sweep: ThresholdSweep, cost: DetectionCost = ASVSPOOF_5) -> Array:
    """Detection cost at the threshold where it is least, of every column, shape (columns,)."""
    real, fake = sweep.real[-1], sweep.fake[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        # Below a threshold lie fakes that are accepted and real clips that are not rejected. The
        # least lies on a corner of the ROC, and so on a step.
        least = np.min(
            sweep.fake * (cost.fake_weight / fake) - sweep.real * (cost.real_weight / real), axis=0
        )
    return np.where((real > 0) & (fake > 0), cost.real_weight + least, np.nan)


def auc_of(sweep: ThresholdSweep) -> Array:
    """Area under the ROC of every column, shape (columns,)."""
    real, fake = sweep.real[-1], sweep.fake[-1]
    wins = np.einsum("ij,ij->j", np.diff(sweep.fake, axis=0), sweep.real[1:] + sweep.real[:-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((real > 0) & (fake > 0), wins / (2 * real * fake), np.nan)
