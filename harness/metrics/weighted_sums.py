"""What clips cost as sums: figures of likelihood and selection for many weightings at once.

A cell's clips are laid out once as a sparse matrix from clips to sums; weighted sums are what one
product with weights gives. What needs an order (pooling, confidence) is resampled in at most
`LEVELS` steps of about equal weight: a figure of more clips than that has its value from all of
them and its spread from these steps: binning leaves the spread essentially unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.special import expit

from harness.metrics.classification import Array
from harness.metrics.detection import Index, collapse
from harness.metrics.likelihood import BINS, equal_bins, surprise
from harness.metrics.selective import confidence_of, wrong_of

LEVELS = 400


@dataclass(frozen=True, eq=False)
class Account:
    """Sums over clips; a column is one weighting of them.

    Parameters
    ----------
    real, fake
        Weight of each class, shape (columns,).
    real_bits, fake_bits
        Of what the ratios cost each class.
    square
        Of squared distances of stated probabilities from the truth.
    gap
        Of stated probability less truth, shape (bins, columns).
    real_step, fake_step
        Weight of each class at every step of a rising score, shape (steps, columns).
    decided, wrong
        Weight of clips and of wrong decisions at every step of a falling confidence.
    """

    real: Array
    fake: Array
    real_bits: Array
    fake_bits: Array
    square: Array
    gap: Array
    real_step: Array
    fake_step: Array
    decided: Array
    wrong: Array

    @cached_property
    def least_bits(self) -> Array:
        """`cllr_min` of every column; NaN where a class is absent."""
        both = (self.real > 0) & (self.fake > 0)
        least = np.full(both.shape, np.nan)
        if both.any():
            least[both] = _least_bits(self.real_step[:, both], self.fake_step[:, both])
        return least


@dataclass(frozen=True, eq=False)
class Ledger:
    """The clips of a cell, ready to be weighted: a matrix from them to the rows of an `Account`."""

    matrix: Any  # (rows, clips), real ones first
    rows: tuple[int, ...]

    @classmethod
    def of(cls, real: Array, fake: Array, threshold: float) -> Ledger:
        n, m = len(real), len(fake)
        is_real = np.repeat([1.0, 0.0], [n, m])
        bits = np.concatenate([surprise(-real), surprise(fake)])
        gap = np.concatenate([expit(real), -expit(-fake)])
        real_step, fake_step, steps = collapse(real, fake)
        step, steps = _coarse(np.concatenate([real_step, fake_step]), steps)
        _, order = np.unique(-confidence_of(real, fake, threshold), return_inverse=True)
        level, levels = _coarse(order.astype(np.intp), int(order.max(initial=-1)) + 1)
        wrong = wrong_of(real, fake, threshold).astype(np.float64)
        parts = [
            _scattered(1 - is_real.astype(np.intp), 2, np.ones(n + m)),
            _scattered(1 - is_real.astype(np.intp), 2, bits),
            _scattered(np.zeros(n + m, dtype=np.intp), 1, gap**2),
            _scattered(equal_bins(real, fake), BINS, gap),
            _scattered(step, steps, is_real),
            _scattered(step, steps, 1 - is_real),
            _scattered(level, levels, np.ones(n + m)),
            _scattered(level, levels, wrong),
        ]
        rows = (1, 1, 1, 1, 1, BINS, steps, steps, levels, levels)
        return cls(csr_array(vstack(parts, format="csr")), rows)

    def weighted(self, sums: Array) -> Account:
        """The account of sums of shape (rows, columns)."""
        parts = np.split(sums, np.cumsum(self.rows)[:-1])
        return Account(*(part[0] for part in parts[:5]), *parts[5:])


def cllr_of(account: Account) -> Array:
    """`likelihood.cllr` of every column."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (account.real_bits / account.real + account.fake_bits / account.fake) / 2


def cllr_min_of(account: Account) -> Array:
    """`likelihood.cllr_min` of every column."""
    return account.least_bits


def cllr_cal_of(account: Account) -> Array:
    """`likelihood.cllr_cal` of every column."""
    return cllr_of(account) - account.least_bits


def brier_of(account: Account) -> Array:
    """`likelihood.brier` of every column."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return account.square / (account.real + account.fake)


def ece_of(account: Account) -> Array:
    """`likelihood.ece` of every column, in the bins of the clips as they are."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(np.abs(account.gap), axis=0) / (account.real + account.fake)


def aurc_of(account: Account) -> Array:
    """`selective.aurc` of every column."""
    decided, wrong = np.cumsum(account.decided, axis=0), np.cumsum(account.wrong, axis=0)
    risk = np.divide(wrong, decided, out=np.zeros(wrong.shape), where=decided > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(account.decided * risk, axis=0) / (account.real + account.fake)


def _coarse(step: Index, steps: int) -> tuple[Index, int]:
    """Steps joined with their neighbours where there are more than `LEVELS`, by equal weight."""
    if steps <= LEVELS:
        return step, steps
    before = np.cumsum(np.bincount(step, minlength=steps)) - 1
    return (before * LEVELS // len(step)).astype(np.intp)[step], LEVELS


def _scattered(row: Index, rows: int, value: Array) -> Any:
    """A matrix of one value a column."""
    some = np.flatnonzero(value)
    return csr_array((value[some], (row[some], some)), shape=(rows, len(row)))


def _least_bits(real: Array, fake: Array) -> Array:
    """Cllr of the pooled ratios of every column; each class has some weight in each.

    All columns are pooled in one pass: each is lifted over the one before, so that no block reaches
    across. The blocks' own ratios are then taken from whole sums.
    """
    from scipy.optimize import isotonic_regression  # slow to import

    real_share = (real / np.sum(real, axis=0)).T.ravel()
    fake_share = (fake / np.sum(fake, axis=0)).T.ravel()
    steps, columns = real.shape
    weight = real_share + fake_share
    there = np.flatnonzero(weight > 0)
    column = np.repeat(np.arange(columns), steps)[there]
    real_share, fake_share, weight = real_share[there], fake_share[there], weight[there]
    lifted = fake_share / weight + 2.0 * column
    starts = isotonic_regression(lifted, weights=weight).blocks[:-1]
    blocks = [np.add.reduceat(each, starts) for each in (real_share, fake_share)]
    total = blocks[0] + blocks[1]
    bits = -sum(
        each * np.log2(each / total, out=np.zeros(len(each)), where=each > 0) for each in blocks
    )
    return np.bincount(column[starts], bits, minlength=columns) / 2
