"""The same clips clean and under a condition: which verdicts turned, and what groups say of it.

Conventions: a clip counts where it has a score in both; a verdict is right where the clip is called
what its label says at its model's threshold. Resamples are of groups: shape (groups, resamples),
how often each was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import (
    bootstrap_error,
    bootstrap_skew,
    percentile,
    proportion_interval,
)
from harness.metrics.significance import Contrast
from harness.summary.cells import Grid, Rows
from harness.terms import CLEAN

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MEDIAN_RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Turn:
    """Clips that were scored in both, all shape (n,).

    Parameters
    ----------
    clean, other
        Their rows, clean and under the condition.
    before, after
        Whether the verdict is right, clean and under the condition.
    move
        Score under the condition less the clean one.
    """

    clean: Rows
    other: Rows
    fake: Mask
    group: Rows
    before: Mask
    after: Mask
    move: Array

    @classmethod
    def of(cls, grid: Grid, model: str, condition: str) -> Turn:
        clean, other = grid.rows_of(model, CLEAN), grid.rows_of(model, condition)
        clean, other = clean[grid.ok[clean]], other[grid.ok[other]]
        _, first, second = np.intersect1d(grid.clip[clean], grid.clip[other], return_indices=True)
        clean, other = clean[first], other[second]
        right = [(grid.score[rows] >= grid.bar[rows]) == grid.fake[rows] for rows in (clean, other)]
        move = grid.score[other] - grid.score[clean]
        fake, group = grid.fake[clean], grid.group[clean]
        return cls(clean, other, fake, group, right[0], right[1], move)

    @classmethod
    def joined(cls, parts: Sequence[Turn]) -> Turn:
        columns: Any = zip(*map(_columns, parts), strict=True)
        return cls(*(np.concatenate(each) for each in columns))

    def where(self, kept: Mask) -> Turn:
        return Turn(*(each[kept] for each in _columns(self)))

    @property
    def broke(self) -> Mask:
        return self.before & ~self.after

    @property
    def mended(self) -> Mask:
        return ~self.before & self.after

    @property
    def loss(self) -> Array:
        """1 where it broke, -1 where it mended, else 0."""
        return self.broke.astype(np.float64) - self.mended

    @property
    def turned(self) -> Array:
        """1 where the verdict is another one, whichever way."""
        return (self.broke | self.mended).astype(np.float64)

    @property
    def groups(self) -> int:
        return len(np.unique(self.group))


def _columns(turn: Turn) -> tuple[Any, ...]:
    return turn.clean, turn.other, turn.fake, turn.group, turn.before, turn.after, turn.move


def mean_draws(values: Array, group: Rows, weights: Array) -> Array:
    """Mean of the values in every resample of groups; NaN where it holds none of them."""
    groups = len(weights)
    total = np.bincount(group, values, groups) @ weights
    count = np.bincount(group, minlength=groups).astype(np.float64) @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count


def sum_contrast(parts: Array, group: Rows, drawn: Array, most: float = 1.0) -> Contrast:
    """A difference that is the sum of its clips' parts, to be judged over groups; one value.

    Parameters
    ----------
    drawn
        The difference in every resample.
    """
    numbers, group = np.unique(group, return_inverse=True)
    each, groups = np.bincount(group, parts), np.array([len(numbers)])
    return Contrast(
        difference=np.array([parts.sum()]),
        error=bootstrap_error(drawn[None], groups),
        groups=groups,
        differing=np.array([np.count_nonzero(np.abs(each) > 1e-12)]),
        largest=np.max(np.abs(each)) * groups,
        skew=bootstrap_skew(drawn[None]),
        most=most,
    )


def share_interval(
    values: Sequence[Array], turns: Sequence[Turn], weights: Array, clips: Sequence[int]
) -> tuple[Array, Array]:
    """95 % intervals of the means of values between 0 and 1, one for each turn.

    Parameters
    ----------
    clips
        How many each rests on, which are fewer than its values where a clip has several.
    """
    draws = [
        mean_draws(each, turn.group, weights) for each, turn in zip(values, turns, strict=True)
    ]
    means = np.array([each.mean() for each in values])
    groups = np.array([turn.groups for turn in turns])
    return proportion_interval(means, np.stack(draws), groups, np.array(clips))


def median_interval(turn: Turn, weights: Array) -> tuple[float, float]:
    """95 % interval of the median move: percentiles over resamples of groups."""
    order = np.argsort(turn.move, kind="stable")
    drawn = weights[turn.group[order], :_MEDIAN_RESAMPLES].cumsum(axis=0)
    place = np.argmax(drawn >= np.maximum(drawn[-1], 1) / 2, axis=0)
    low, high = percentile(np.where(drawn[-1] > 0, turn.move[order][place], np.nan))
    return float(low), float(high)
