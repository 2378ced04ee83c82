"""The sums that likelihood and selection metrics are made of, for one weighting or many at once.

Conventions as in `harness.metrics.likelihood` and `harness.metrics.selective`; a weighting is a
column, such as a resample, and a plain set of clips has no columns at all. A formula reads an
`Account` of either kind, and gives NaN where a class or clip that it needs is absent.

`Ledger` lays the clips of a cell out once as a sparse matrix from clips to sums; one product with
the weights gives the sums of all columns. What needs an order (pooling, confidence) is resampled in
at most `LEVELS` steps of about equal weight: binning leaves the spread essentially unchanged, and
values are always of all clips.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.special import expit

from harness.metrics.classification import Array, refuse_nan
from harness.metrics.detection import Index, collapse
from harness.metrics.likelihood import BINS, equal_bins, pav, surprise
from harness.metrics.selective import confidence_of, wrong_of

LEVELS = 400


@dataclass(frozen=True, eq=False)
class Account:
    """Sums over clips, shape () or (columns,), or with one more axis in front.

    Parameters
    ----------
    real, fake
        Weight of each class.
    real_bits, fake_bits
        Total cost in bits of each class (`likelihood.surprise`).
    square
        Sum of squared distances of stated probabilities from the truth.
    gap
        Sum of stated probability less truth by bin.
    decided, wrong
        Weight of clips and of wrong decisions by falling confidence.
    least
        Computes `least_bits`.
    """

    real: Array
    fake: Array
    real_bits: Array
    fake_bits: Array
    square: Array
    gap: Array
    decided: Array
    wrong: Array
    least: Callable[[Account], Array]

    @property
    def clips(self) -> Array:
        return self.real + self.fake

    @cached_property
    def least_bits(self) -> Array:
        """Cllr after the best monotone calibration; NaN where a class is absent."""
        return self.least(self)


def cllr(account: Account) -> Array:
    """Cost of the log-likelihood ratio, both classes weighing the same; 1 for ratios of 1."""
    return _mean_bits(account.real_bits, account.fake_bits, account.real, account.fake)


def cllr_min(account: Account) -> Array:
    """Cllr after the best monotone calibration on these very clips: what the order alone loses.

    At most 1, and too small on small sets: the calibration is fitted to what it is judged on.
    """
    return account.least_bits


def cllr_cal(account: Account) -> Array:
    """Cllr less its least value: what is lost because the ratios are not calibrated.

    Too large on small sets by as much as `cllr_min` is too small.
    """
    return cllr(account) - account.least_bits


def brier(account: Account) -> Array:
    """Mean squared distance of the stated probability of fake from the truth, over all clips."""
    return _over(account.square, account.clips)


def ece(account: Account) -> Array:
    """Expected calibration error: mean distance of stated from observed share of fakes in 10 bins.

    The bins hold equally many clips; resampled clips stay in the bins of the set as it is. It
    depends on the number of bins and is too large on small sets: by chance alone a calibrated
    detector has about sqrt(bins * p (1 - p) / clips).

    Naeini, Cooper & Hauskrecht, AAAI 2015; equal mass and its bias: Nixon et al., CVPR workshops
    2019; Roelofs et al., AISTATS 2022.
    """
    return _over(np.sum(np.abs(account.gap), axis=0), account.clips)


def aurc(account: Account) -> Array:
    """Area under the risk-coverage curve: risk at the coverage of each clip, mean over all clips.

    Without confidence it is the error rate; a detector whose errors are its least sure decisions
    has about half the squared error rate.
    """
    decided, wrong = np.cumsum(account.decided, axis=0), np.cumsum(account.wrong, axis=0)
    risk = np.divide(wrong, decided, out=np.zeros(wrong.shape), where=decided > 0)
    return _over(np.sum(account.decided * risk, axis=0), account.clips)


def account_of(real: Array, fake: Array, threshold: float = 0.0) -> Account:
    """The account of a plain set of clips: every clip weighs 1, and nothing is binned.

    Raises
    ------
    ValueError
        Where a score is NaN.
    """
    refuse_nan(real, fake)
    gap = np.concatenate([expit(real), -expit(-fake)])
    levels, level = np.unique(-confidence_of(real, fake, threshold), return_inverse=True)

    def least(account: Account) -> Array:
        if not len(real) or not len(fake):
            return np.array(np.nan)
        return _mean_bits(*_bits(*pav(real, fake)), account.real, account.fake)

    return Account(
        np.array(float(len(real))),
        np.array(float(len(fake))),
        *_bits(real, fake),
        square=np.array(np.sum(gap**2)),
        gap=_counted(equal_bins(real, fake), gap),
        decided=_counted(level, np.ones(len(level)), len(levels)),
        wrong=_counted(level, wrong_of(real, fake, threshold), len(levels)),
        least=least,
    )


@dataclass(frozen=True, eq=False)
class Ledger:
    """The clips of a cell, ready to be weighted: a matrix from them to the rows of an account."""

    matrix: Any  # (rows, clips), real ones first; sparse where it is ordered
    rows: tuple[int, ...]

    @classmethod
    def of(cls, real: Array, fake: Array, threshold: float, *, ordered: bool = True) -> Ledger:
        """Lay out the clips; without what is `ordered`, only sums over clips can be read."""
        n, m = len(real), len(fake)
        is_fake = np.repeat([0.0, 1.0], [n, m])
        bits = np.concatenate([surprise(-real), surprise(fake)])
        gap = np.concatenate([expit(real), -expit(-fake)])
        class_, nowhere = is_fake.astype(np.intp), np.zeros(n + m, dtype=np.intp)
        if not ordered:
            rows = np.stack([1 - is_fake, is_fake, (1 - is_fake) * bits, is_fake * bits, gap**2])
            return cls(rows, (1, 1, 1, 1, 1, 0, 0, 0, 0, 0))
        step, steps = _coarse(*_joined_steps(real, fake))
        _, order = np.unique(-confidence_of(real, fake, threshold), return_inverse=True)
        level, levels = _coarse(order.astype(np.intp), int(order.max(initial=-1)) + 1)
        parts = [
            _scattered(class_, 2, np.ones(n + m)),
            _scattered(class_, 2, bits),
            _scattered(nowhere, 1, gap**2),
            _scattered(equal_bins(real, fake), BINS, gap),
            _scattered(level, levels, np.ones(n + m)),
            _scattered(level, levels, wrong_of(real, fake, threshold).astype(np.float64)),
            _scattered(step, steps, 1 - is_fake),
            _scattered(step, steps, is_fake),
        ]
        rows = (1, 1, 1, 1, 1, BINS, levels, levels, steps, steps)
        return cls(csr_array(vstack(parts, format="csr")), rows)

    def by_group(self, group: Index, groups: int) -> Any:
        """The matrix from groups to the rows of an account."""
        if isinstance(self.matrix, np.ndarray):
            return np.stack([np.bincount(group, row, groups) for row in self.matrix])
        ones = np.ones(len(group), dtype=np.float32)
        shape = (len(group), groups)
        return csr_array(self.matrix @ csr_array((ones, (np.arange(len(group)), group)), shape))

    def weighted(self, sums: Array) -> Account:
        """The account of sums of shape (rows, columns)."""
        parts = np.split(sums, np.cumsum(self.rows)[:-1])

        def least(account: Account) -> Array:
            both = (account.real > 0) & (account.fake > 0)
            bits = np.full(both.shape, np.nan)
            if both.any():
                bits[both] = _pooled_bits(*(step[:, both] for step in parts[8:]))
            return bits

        return Account(*(part[0] for part in parts[:5]), *parts[5:8], least=least)


def _mean_bits(real_bits: Array, fake_bits: Array, real: Array, fake: Array) -> Array:
    return (_over(real_bits, real) + _over(fake_bits, fake)) / 2


def _bits(real: Array, fake: Array) -> tuple[Array, Array]:
    return np.array(np.sum(surprise(-real))), np.array(np.sum(surprise(fake)))


def _counted(place: Index, weight: Any, length: int = 0) -> Array:
    return np.asarray(np.bincount(place, weight, minlength=length), dtype=np.float64)


def _over(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / whole


def _joined_steps(real: Array, fake: Array) -> tuple[Index, int]:
    real_step, fake_step, steps = collapse(real, fake)
    return np.concatenate([real_step, fake_step]), steps


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


def _pooled_bits(real: Array, fake: Array) -> Array:
    """Cllr of the pooled ratios of every column; each class has some weight in each.

    All columns are pooled in one pass: each is lifted over the one before, so that no block reaches
    across. The ratios of the blocks are then taken from whole sums.
    """
    from scipy.optimize import isotonic_regression  # slow to import

    real_share = (real / np.sum(real, axis=0)).T.ravel()
    fake_share = (fake / np.sum(fake, axis=0)).T.ravel()
    steps, columns = real.shape
    weight = real_share + fake_share
    some = np.flatnonzero(weight > 0)
    column = np.repeat(np.arange(columns), steps)[some]
    real_share, fake_share, weight = real_share[some], fake_share[some], weight[some]
    lifted = fake_share / weight + 2.0 * column
    starts = isotonic_regression(lifted, weights=weight).blocks[:-1]
    blocks = [np.add.reduceat(share, starts) for share in (real_share, fake_share)]
    total = blocks[0] + blocks[1]
    bits = -sum(
        share * np.log2(share / total, out=np.zeros(len(share)), where=share > 0)
        for share in blocks
    )
    return np.bincount(column[starts], bits, minlength=columns) / 2
