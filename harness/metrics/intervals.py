"""95 % intervals from resampled values, and what to do where resampling cannot know.

Conventions: resampled values are draws of a figure, the draws on the last axis; NaN marks a draw in
which the figure does not exist (no clip of a class was drawn). Such draws are left out; where fewer
than `FEWEST_SHARE` of all remain, or the clips are of fewer than `FEWEST_GROUPS` groups, the bounds
are NaN.

A percentile interval only knows errors that were seen. All clips right gives [1, 1], however few
they are, and one error in 200 gives an upper bound of 1 and too short a lower side. So where the
percentile interval of a proportion reaches 0 or 1, it is joined with the exact interval of Clopper
and Pearson (1934) at an effective sample size, after Korn and Graubard (1998): v (1 - v) / variance
of the draws, no fewer than the groups and no more than the clips. Where the draws do not vary at
all it is the number of groups, as nothing tells how alike the clips of a group are. Figures that
are no plain proportions (F1, EER, AUC) are treated alike, by the clips and groups of their smaller
class: of a detector that ranks 13 fakes right, 1,000 real clips cannot say more than 13 fakes do.

Clopper & Pearson, Biometrika 26, 1934; Korn & Graubard, Survey Methodology 24, 1998.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Array = NDArray[np.float64]

LEVEL = 0.95
FEWEST_SHARE = 0.9
FEWEST_GROUPS = 2

_SAME = 1e-12
"""Draws this close differ by rounding alone."""


def percentile(draws: Array, level: float = LEVEL) -> tuple[Array, Array]:
    """Bounds of the central `level` of the draws that are not NaN.

    Quantiles are interpolated linearly between order statistics (Hyndman & Fan's type 7).
    """
    ordered = np.sort(draws, axis=-1)  # NaN goes to the end
    there = np.sum(~np.isnan(draws), axis=-1)
    enough = there >= max(1.0, FEWEST_SHARE * draws.shape[-1])
    tail = (1 - level) / 2

    def at(share: float) -> Array:
        place = share * np.maximum(there - 1, 0)
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(there - 1, 0))
        low = np.take_along_axis(ordered, below[..., None], -1)[..., 0]
        high = np.take_along_axis(ordered, above[..., None], -1)[..., 0]
        return np.where(enough, low + (high - low) * (place - below), np.nan)

    return at(tail), at(1 - tail)


def exact(value: Array, size: Array, level: float = LEVEL) -> tuple[Array, Array]:
    """Clopper-Pearson bounds of a proportion `value` out of `size`, which need not be whole."""
    tail = (1 - level) / 2
    right = value * size
    wrong = size - right
    with np.errstate(invalid="ignore"):
        low = np.where(right > 0, betaincinv(np.maximum(right, 1e-12), wrong + 1, tail), 0.0)
        high = np.where(wrong > 0, betaincinv(right + 1, np.maximum(wrong, 1e-12), 1 - tail), 1.0)
    unknown = np.isnan(value) | ~(size > 0)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def proportion_interval(
    value: Array, draws: Array, groups: Array, clips: Array
) -> tuple[Array, Array]:
    """Interval of figures between 0 and 1; it always holds the value.

    Parameters
    ----------
    value
        The figures as measured, shape (k,).
    draws
        Shape (k, resamples).
    groups, clips
        How many of each the figure is of, shape (k,).
    """
    low, high = percentile(draws)
    missing = np.isnan(draws)
    there = np.sum(~missing, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.sum(draws, axis=-1, where=~missing) / there
        variance = np.sum((draws - centre[:, None]) ** 2, axis=-1, where=~missing) / there
        size = np.where(high - low > _SAME, value * (1 - value) / variance, groups)
    size = np.clip(size, groups, np.maximum(clips, groups))
    exact_low, exact_high = exact(value, size)
    touches = (low <= 0) | (high >= 1) | (high - low <= _SAME)
    low = np.where(touches, np.minimum(low, exact_low), low)
    high = np.where(touches, np.maximum(high, exact_high), high)
    return _bounded(value, low, high, groups)


def difference_interval(value: Array, draws: Array, groups: Array) -> tuple[Array, Array]:
    """Interval of paired differences of figures between 0 and 1; it always holds the value.

    Where no draw differs from another (both sides perfect, say), a difference that no group showed
    may still be as large as the exact upper bound of 0 out of `groups`: the value plus and minus
    that, within [-1, 1].
    """
    low, high = percentile(draws)
    _, unseen = exact(np.zeros(groups.shape), groups.astype(np.float64))
    same = high - low <= _SAME
    low = np.where(same, np.maximum(value - unseen, -1), low)
    high = np.where(same, np.minimum(value + unseen, 1), high)
    return _bounded(value, low, high, groups)


def _bounded(value: Array, low: Array, high: Array, groups: Array) -> tuple[Array, Array]:
    known = ~np.isnan(value) & ~np.isnan(low) & (groups >= FEWEST_GROUPS)
    return (
        np.where(known, np.minimum(low, value), np.nan),
        np.where(known, np.maximum(high, value), np.nan),
    )
