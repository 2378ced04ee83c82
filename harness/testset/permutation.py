"""Tests of chance that move labels between whole groups.

Speakers, recordings and generators are moved whole, so that the dependence of their clips counts. A
group that holds both classes swaps them or not, each with probability 1/2; groups of real clips
only and groups of fakes only, within which nothing can be swapped, permute their labels among
themselves. Statistics are divided by their standard error over groups, which keeps the level where
the groups of one class are larger or more alike than those of the other.

Conventions: a property is columns of numbers, shape (clips, columns): its centred ranks
(`order_of`), or an indicator of each of its values (`values_of`). Its statistic is the sum over the
columns of t², where t is the difference of the classes' means over its standard error.

Chung & Romano, Annals of Statistics 41, 2013 (studentised permutation tests); Westfall & Young,
Resampling-Based Multiple Testing, 1993 (the largest statistic of each permutation); Wilson &
Hilferty, Proceedings of the National Academy of Sciences 17, 1931 (cube roots of sums of squares).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

_BLOCK = 2**22
"""Numbers in one block of exchanges: bounds the memory, changes no result."""
_TENTHS = 10
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Exchange:
    """Labels and groups of clips, shape (n,), and which groups swap their classes each time.

    Parameters
    ----------
    group
        Numbered from 0.
    swapped
        Shape (groups, permutations + 1); the first column is the data as they are.
    """

    fake: Mask
    group: Index
    swapped: Mask

    @classmethod
    def of(cls, fake: Mask, group: Index, permutations: int, seed: int) -> Exchange:
        groups = int(group.max()) + 1
        fakes = np.bincount(group, fake, groups) > 0
        reals = np.bincount(group, ~fake, groups) > 0
        rng = np.random.default_rng(seed)
        swapped = rng.random((groups, permutations + 1)) < 0.5
        pure = np.flatnonzero(fakes != reals)
        labels = np.repeat(fakes[pure, None], permutations + 1, axis=1)
        swapped[pure] = rng.permuted(labels, axis=0) != labels
        swapped[:, 0] = False
        return cls(fake, group, swapped)

    def statistics(self, columns: Array) -> Array:
        """Sum of t² over the columns, shape (permutations + 1,)."""
        return np.sum([self._t(column) ** 2 for column in columns.T], axis=0)

    def _t(self, column: Array) -> Array:
        """Difference of the classes' means over its standard error, as is and exchanged."""
        groups = len(self.swapped)
        fake, real = (
            [np.bincount(self.group, weights * side, groups) for weights in (column, 1.0)]
            for side in (self.fake, ~self.fake)
        )
        # A group's sum and count of fake, then of real clips; exchanged, the two change places.
        own, other = np.array([*fake, *real], float), np.array([*real, *fake], float)
        squares, other_squares = own[:, None] * own, other[:, None] * other
        width = max(1, _BLOCK // groups)
        parts = [
            self._t_of(own, other, squares, other_squares, self.swapped[:, at : at + width])
            for at in range(0, self.swapped.shape[1], width)
        ]
        return np.concatenate(parts)

    @staticmethod
    def _t_of(
        own: Array, other: Array, squares: Array, other_squares: Array, swapped: Mask
    ) -> Array:
        moved = swapped.astype(np.float64)
        fake_sum, fakes, real_sum, reals = own.sum(axis=1)[:, None] + (other - own) @ moved
        fake_mean, real_mean = fake_sum / fakes, real_sum / reals
        # A group's part of the difference is this times its sums and counts.
        part = np.stack([1 / fakes, -fake_mean / fakes, -1 / reals, real_mean / reals])
        products = squares.sum(axis=2)[..., None] + (other_squares - squares) @ moved
        variance = np.einsum("ib,ijb,jb->b", part, products, part)
        difference = np.where(np.abs(fake_mean - real_mean) > _SAME, fake_mean - real_mean, 0.0)
        return difference / np.sqrt(np.maximum(variance, _SAME**2))


def order_of(value: Array) -> Array:
    """Centred ranks, ties half, in units of the clips: the classes' means differ by AUC - 1/2."""
    from scipy.stats import rankdata  # slow to import

    return ((rankdata(value) - (len(value) + 1) / 2) / len(value))[:, None]


def values_of(value: NDArray[Any]) -> Array:
    """Indicators of the values of a property; numbers are binned by deciles."""
    if value.dtype.kind == "f":
        edges = np.unique(np.quantile(value, np.arange(1, _TENTHS) / _TENTHS))
        value = np.searchsorted(edges, value, side="left")
    return pd.get_dummies(pd.Series(value)).to_numpy(np.float64)


def adjusted_p(statistics: Sequence[Array]) -> Array:
    """Two-sided p-values, adjusted for all tests.

    Share of the permutations in which the largest statistic of all tests is at least as large. Sums
    of one and of many squares are compared by their cube roots, standardised over permutations.

    Parameters
    ----------
    statistics
        Of each test, from the same exchanges, the first as is.
    """
    if not statistics:
        return np.zeros(0)
    roots = np.cbrt(np.stack(statistics))
    roots -= roots.mean(axis=1, keepdims=True)
    scaled = roots / np.maximum(roots.std(axis=1, keepdims=True), _SAME)
    return np.mean(scaled.max(axis=0) >= scaled[:, :1] - _SAME, axis=1)
