"""The same clips clean and under a condition: which verdicts changed, with intervals over groups.

Conventions: a clip counts where it has a score in both; a verdict is right where the clip is called
what its label says at its model's threshold. Weights are resamples of groups, shape (groups,
resamples): how often each group was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

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
class PairedVerdicts:
    """Clips that were scored clean and under a condition, all shape (n,).

    Parameters
    ----------
    clean, other
        Rows of the table, clean and under the condition.
    before, after
        Whether the verdict is right, clean and under the condition.
    move
        Score under the condition minus the clean one.
    """

    clean: Rows
    other: Rows
    fake: Mask
    group: Rows
    before: Mask
    after: Mask
    move: Array

    @classmethod
    def of(cls, grid: Grid, model: str, condition: str) -> PairedVerdicts:
        clean, other = grid.rows_of(model, CLEAN), grid.rows_of(model, condition)
        clean, other = clean[grid.ok[clean]], other[grid.ok[other]]
        _, first, second = np.intersect1d(grid.clip[clean], grid.clip[other], return_indices=True)
        clean, other = clean[first], other[second]
        before, after = (
            (grid.score[rows] >= grid.bar[rows]) == grid.fake[rows] for rows in (clean, other)
        )
        move = grid.score[other] - grid.score[clean]
        return cls(clean, other, grid.fake[clean], grid.group[clean], before, after, move)

    @classmethod
    def joined(cls, parts: Sequence[PairedVerdicts]) -> PairedVerdicts:
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def where(self, kept: Mask) -> PairedVerdicts:
        return PairedVerdicts(*(getattr(self, field.name)[kept] for field in fields(self)))

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
        """1 where the verdict changed either way, else 0."""
        return (self.broke | self.mended).astype(np.float64)

    @property
    def groups(self) -> int:
        return len(np.unique(self.group))


def mean_draws(values: Array, group: Rows, weights: Array) -> Array:
    """Mean of the values in every resample of groups; NaN where it holds none of them."""
    groups = len(weights)
    total = np.bincount(group, values, groups) @ weights
    count = np.bincount(group, minlength=groups).astype(np.float64) @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count


def sum_contrast(parts: Array, group: Rows, drawn: Array, most: float = 1.0) -> Contrast:
    """The test over groups of one difference that is the sum of its clips' parts.

    Parameters
    ----------
    drawn
        The difference in every resample.
    """
    numbers, group = np.unique(group, return_inverse=True)
    sums, groups = np.bincount(group, parts), np.array([len(numbers)])
    return Contrast(
        difference=np.array([parts.sum()]),
        error=bootstrap_error(drawn[None], groups),
        groups=groups,
        differing=np.array([np.count_nonzero(np.abs(sums) > 1e-12)]),
        largest=np.max(np.abs(sums)) * groups,
        skew=bootstrap_skew(drawn[None]),
        most=most,
        clip=np.max(np.abs(parts), initial=0.0) * groups,
    )


def share_interval(
    values: Sequence[Array],
    verdicts: Sequence[PairedVerdicts],
    weights: Array,
    clips: Sequence[int],
) -> tuple[Array, Array]:
    """95 % intervals of the means of values between 0 and 1, one per `verdicts`.

    Parameters
    ----------
    clips
        Clips behind each mean, fewer than its values where a clip has several.
    """
    draws = [
        mean_draws(numbers, pairs.group, weights)
        for numbers, pairs in zip(values, verdicts, strict=True)
    ]
    means = np.array([numbers.mean() for numbers in values])
    groups = np.array([pairs.groups for pairs in verdicts])
    return proportion_interval(means, np.stack(draws), groups, np.array(clips))


def median_interval(verdicts: PairedVerdicts, weights: Array) -> tuple[float, float]:
    """95 % interval of the median move: percentiles over resamples of groups."""
    order = np.argsort(verdicts.move, kind="stable")
    drawn = weights[verdicts.group[order], :_MEDIAN_RESAMPLES].cumsum(axis=0)
    median = np.argmax(drawn >= np.maximum(drawn[-1], 1) / 2, axis=0)
    low, high = percentile(np.where(drawn[-1] > 0, verdicts.move[order][median], np.nan))
    return float(low), float(high)
