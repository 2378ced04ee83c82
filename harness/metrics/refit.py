"""Cross-validated logistic ratios and their cost, with the map fitted again in every resample.

Conventions: weights have the shape (groups, resamples), how often each group is drawn. All copies
of a group stay in one fold, so that no clip calibrates itself in a resample either. Ratios are
clipped to fixed bounds; the bounds are not found again.

A refitted line is the Newton step from the line of the clips as they are, with the gradient and the
curvature of the resample: equal to the full fit up to terms of second order in the weights, and all
resamples are one product of matrices over groups.

Andrews, Econometrica 70, 2002 (the k-step bootstrap).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from harness.metrics.bootstrap import ClipSet
from harness.metrics.calibration import Logistic, fit
from harness.metrics.classification import Array
from harness.metrics.detection import Index
from harness.metrics.elub import Bounds
from harness.metrics.likelihood import surprise

_BLOCK = 2**22
"""Numbers in one block of ratios: bounds the memory, changes no result."""


@dataclass(frozen=True, eq=False)
class RefittedCost:
    """Cllr of ratios whose map is fitted on other groups, and resampled with the map.

    Parameters
    ----------
    real, fake
        The ratios within the bounds, shapes as the judged scores.
    draws
        Cllr of every resample; NaN where a class is absent.
    """

    real: Array
    fake: Array
    draws: Array


def refitted_cost(
    fitted: ClipSet,
    judged: ClipSet,
    fold_of: Index | None,
    bounds: Bounds,
    weights: tuple[Array, Array],
    misleading: int = 0,
) -> RefittedCost:
    """Calibrate judged clips by those of other groups, and resample their cost with the map.

    Parameters
    ----------
    fitted, judged
        Clips that the map is fitted on, and those that it is applied to.
    fold_of
        Fold of every group, which both number alike; None where they share no group, and one map is
        fitted on all.
    weights
        Of the groups of `fitted`, and of those of `judged`.

    Raises
    ------
    ValueError
        As `harness.metrics.calibration.fit`.
    """
    ratios = np.empty(len(judged.real)), np.empty(len(judged.fake))
    bits = [np.zeros(weights[1].shape[1]) for _ in ratios]
    scores, groups = (judged.real, judged.fake), (judged.real_group, judged.fake_group)
    for own, places in _parts(fitted, groups, fold_of):
        line = fit(own.real, own.fake, "logistic", misleading)
        if not isinstance(line, Logistic):
            raise TypeError("a line was fitted")
        lines = resampled_lines(line, own, weights[0])
        for label, sign in enumerate((-1.0, 1.0)):
            at = places[label]
            ratios[label][at] = bounds.clip(line.llr(scores[label][at]))
            bits[label] += _bits(
                scores[label][at], weights[1][groups[label][at]], lines, bounds, sign
            )
    totals = [weights[1][group].sum(axis=0) for group in groups]
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (bits[0] / totals[0] + bits[1] / totals[1]) / 2
    return RefittedCost(*ratios, draws)


def _parts(
    fitted: ClipSet, groups: tuple[Index, Index], fold_of: Index | None
) -> Iterator[tuple[ClipSet, list[Index]]]:
    """Yield the clips of each fit, and the places of the clips that it calibrates."""
    if fold_of is None:
        yield fitted, [np.arange(len(group)) for group in groups]
        return
    real_fold, fake_fold = fold_of[fitted.real_group], fold_of[fitted.fake_group]
    for fold in np.unique(np.concatenate([fold_of[group] for group in groups])):
        real, fake = real_fold != fold, fake_fold != fold
        own = ClipSet(
            fitted.real[real], fitted.fake[fake], fitted.real_group[real], fitted.fake_group[fake]
        )
        yield own, [np.flatnonzero(fold_of[group] == fold) for group in groups]


def resampled_lines(line: Logistic, cell: ClipSet, weights: Array) -> Array:
    """Return intercept and slope of every resample, shape (2, resamples); no slope is below 0.

    Where the classes do not overlap no line fits best, and every resample has the given one.
    """
    constant = np.tile([[line.intercept], [line.slope]], weights.shape[1])
    if line.slope <= 0 or np.max(cell.real) <= np.min(cell.fake):
        return constant
    scores = np.concatenate([cell.real, cell.fake])
    centre, spread = float(np.mean(scores)), float(np.std(scores))
    sums = np.zeros((5, weights.shape[1]))
    for own, group, target in (
        (cell.real, cell.real_group, 0.0),
        (cell.fake, cell.fake_group, 1.0),
    ):
        x = (own - centre) / spread
        share = expit(line.llr(own))
        curve = share * (1 - share)
        terms = np.stack([share - target, (share - target) * x, curve, curve * x, curve * x**2])
        by_group = np.stack([np.bincount(group, term, minlength=len(weights)) for term in terms])
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = np.bincount(group, minlength=len(weights)).astype(np.float64) @ weights
            sums += (by_group @ weights) / drawn
    first, second, a, b, c = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        determinant = a * c - b**2
        level = line.intercept + line.slope * centre - (c * first - b * second) / determinant
        slope = np.maximum(line.slope * spread - (a * second - b * first) / determinant, 0.0)
    return np.stack([level - slope * centre / spread, slope / spread])


def _bits(scores: Array, weights: Array, lines: Array, bounds: Bounds, sign: float) -> Array:
    """Return the weighted sum of the costs of clips of one class, by resample."""
    total = np.zeros(weights.shape[1])
    width = max(1, _BLOCK // max(weights.shape[1], 1))
    for start in range(0, len(scores), width):
        part = slice(start, start + width)
        llr = lines[0] + np.multiply.outer(scores[part], lines[1])
        with np.errstate(invalid="ignore"):  # a resample without a class has no line
            total += np.sum(weights[part] * surprise(sign * bounds.clip(llr)), axis=0)
    return total
