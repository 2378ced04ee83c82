"""Resample metrics of many test sets at once, drawing groups with replacement.

Groups are drawn, not clips: the clips of a speaker or recording are not independent evidence. All
groups of the run are drawn once, and every cell (a model under a condition, or a slice of it) uses
the same draws, so that differences between cells are paired and the size of a slice varies as it
would in another test set. Nothing is stratified by class, as one group may hold real and fake
clips; so a draw varies in its share of fakes, and may lack a class.

A resample is a column of weights (how often each group was drawn), never a copy of clips. A cell is
a sparse matrix from groups to sums: of decisions, of the steps of a rising threshold, of costs as
log-odds. One product gives these sums for all resamples, and formulas read the metrics off them.

Field & Welsh, Journal of the Royal Statistical Society B 69, 2007 (the cluster bootstrap).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from harness.metrics import (
    METRICS,
    AnyMetric,
    CalibrationMetric,
    DecisionMetric,
    Metric,
    RankingMetric,
)
from harness.metrics.account import Ledger, account_of
from harness.metrics.classification import Array, Confusion, outcome_of, refuse_nan
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.detection import Index, ThresholdSweep, accumulate, collapse
from harness.metrics.resampled import Resampled
from harness.terms import UnscoredPolicy

Weights = NDArray[np.float32]

_BLOCK = 2**22
"""Numbers in one block of weights: bounds the memory, changes no result."""
_RANKED_BLOCK = 2**18
"""Numbers in one block of a threshold's steps: what a processor's cache holds."""


def _no_groups() -> Index:
    return np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class ClipSet:
    """The clips of some metrics. Two cells are equal only if they are one object.

    Parameters
    ----------
    real, fake
        Scores, shape (n,).
    real_group, fake_group
        Number of each clip's group, from 0, shapes as the scores.
    unscored_real_group, unscored_fake_group
        Group of every clip that could not be scored; the policy decides how it counts.
    missing_group
        Group of every clip that was never tried; only coverage counts it, under any policy.
    metrics
        Names of the metrics to compute.
    threshold
        Called fake at this score or above.
    cost
        For the metrics that depend on it.
    """

    real: Array
    fake: Array
    real_group: Index
    fake_group: Index
    unscored_real_group: Index = field(default_factory=_no_groups)
    unscored_fake_group: Index = field(default_factory=_no_groups)
    missing_group: Index = field(default_factory=_no_groups)
    metrics: tuple[str, ...] = field(default_factory=lambda: METRICS.names)
    threshold: float = 0.0
    policy: UnscoredPolicy = "excluded"
    cost: DetectionCost = ASVSPOOF_5

    def __post_init__(self) -> None:
        refuse_nan(self.real, self.fake)
        if len(self.real) != len(self.real_group) or len(self.fake) != len(self.fake_group):
            raise ValueError("every clip has one group")

    def counted(self) -> dict[str, Index]:
        """Groups of the clips in each count of a `Confusion`, in the order of its fields."""
        real_called, fake_called = self.real >= self.threshold, self.fake >= self.threshold
        parts = {
            "tp": [self.fake_group[fake_called]],
            "fn": [self.fake_group[~fake_called]],
            "fp": [self.real_group[real_called]],
            "tn": [self.real_group[~real_called]],
            "left_out": [self.missing_group],
            "assumed": [_no_groups()],
        }
        real, fake = self.unscored_real_group, self.unscored_fake_group
        parts[outcome_of("real", self.policy)].append(real)
        parts[outcome_of("fake", self.policy)].append(fake)
        if self.policy != "excluded":
            parts["assumed"] += [real, fake]
        return {name: np.concatenate(groups) for name, groups in parts.items()}


def estimate(
    cells: Sequence[ClipSet], groups: int, resamples: int, seed: int
) -> dict[ClipSet, dict[str, Resampled]]:
    """Compute and resample the metrics of every cell with the same draws.

    Parameters
    ----------
    groups
        How many groups the run has; the cells number them from 0.
    """
    operators = [_Operator.of(cell, groups) for cell in cells]
    ones = np.ones((groups, 1), dtype=np.float32)
    values = [operator.figures(ones)[:, 0] for operator in operators]
    for cell, operator, value in zip(cells, operators, values, strict=True):
        _put_exact(cell, operator.metrics, value)
    draws = [np.empty((len(cell.metrics), resamples)) for cell in cells]
    at = 0
    for weights in draw(groups, resamples, seed):
        until = at + weights.shape[1]
        for operator, drawn in zip(operators, draws, strict=True):
            drawn[:, at:until] = operator.figures(weights)
        at = until
    estimates: dict[ClipSet, dict[str, Resampled]] = {}
    for cell, operator, value, drawn in zip(cells, operators, values, draws, strict=True):
        estimates[cell] = {
            metric.name: Resampled(
                float(value[row]), drawn[row], *_support(cell, metric), metric.range, metric.fitted
            )
            for row, metric in enumerate(operator.metrics)
        }
    return estimates


def draw(groups: int, resamples: int, seed: int, block: int = _BLOCK) -> Iterator[Weights]:
    """Yield how often each group is drawn, in blocks of shape (groups, some resamples).

    Every column sums to `groups`. The draws depend on the seed, not on the block size.
    """
    rng = np.random.default_rng(seed)
    width = max(1, block // max(groups, 1))
    for start in range(0, resamples, width):
        columns = min(width, resamples - start)
        drawn = rng.integers(groups, size=(columns, groups)) if groups else np.zeros((columns, 0))
        places = drawn.astype(np.int64) * columns + np.arange(columns)[:, None]
        counts = np.bincount(places.ravel(), minlength=groups * columns)
        yield counts.reshape(groups, columns).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Operator:
    """A cell as matrices from groups to sums.

    Sums of weights are whole numbers and exact in float32 up to 2**24 clips in a cell.
    """

    metrics: tuple[AnyMetric, ...]
    counts: Any  # (6, groups): a row for each field of `Confusion`
    steps: Any  # (2 * steps, groups): real weight at each step, then fake weight; or None
    ledger: Ledger | None = None
    account: Any = None  # (rows of the ledger, groups), or None

    @classmethod
    def of(cls, cell: ClipSet, groups: int) -> _Operator:
        metrics = tuple(METRICS.at(name, cell.cost) for name in cell.metrics)
        counted = list(cell.counted().values())
        row = np.repeat(np.arange(len(counted)), [len(clip_groups) for clip_groups in counted])
        counts = _sums(row, np.concatenate(counted), (len(counted), groups))
        steps = None
        if any(isinstance(metric, RankingMetric) for metric in metrics):
            real_step, fake_step, number = collapse(cell.real, cell.fake)
            steps = _sums(
                np.concatenate([real_step, number + fake_step]),
                np.concatenate([cell.real_group, cell.fake_group]),
                (2 * number, groups),
            )
        if not any(isinstance(metric, CalibrationMetric) for metric in metrics):
            return cls(metrics, counts, steps)
        # In one order, whatever the order of the table: sums of fractions depend on it.
        real, fake = (
            np.lexsort(keys)
            for keys in ((cell.real_group, cell.real), (cell.fake_group, cell.fake))
        )
        ledger = Ledger.of(cell.real[real], cell.fake[fake], cell.threshold)
        group = np.concatenate([cell.real_group[real], cell.fake_group[fake]])
        members = _sums(np.arange(len(group)), group, (len(group), groups))
        return cls(metrics, counts, steps, ledger, csr_array(ledger.matrix @ members))

    def figures(self, weights: Weights) -> Array:
        """Shape (metrics, columns of the weights)."""
        figures = np.empty((len(self.metrics), weights.shape[1]))
        counts = np.asarray(self.counts @ weights, dtype=np.float64)
        confusion = Confusion(*counts)
        for row, metric in enumerate(self.metrics):
            if isinstance(metric, DecisionMetric):
                figures[row] = metric.formula(confusion)
        if self.steps is not None:
            self._rank(weights, figures)
        if self.ledger is not None:
            self._weigh(self.ledger, weights, figures)
        return figures

    def _rank(self, weights: Weights, figures: Array) -> None:
        rows = self.steps.shape[0]
        width = max(8, _RANKED_BLOCK // max(rows, 1))
        for start in range(0, weights.shape[1], width):
            columns = slice(start, start + width)
            sums = self.steps @ weights[:, columns]
            sweep = ThresholdSweep(accumulate(sums[: rows // 2]), accumulate(sums[rows // 2 :]))
            for row, metric in enumerate(self.metrics):
                if isinstance(metric, RankingMetric):
                    figures[row, columns] = metric.formula(sweep)

    def _weigh(self, ledger: Ledger, weights: Weights, figures: Array) -> None:
        width = max(8, _RANKED_BLOCK // sum(ledger.rows))
        for start in range(0, weights.shape[1], width):
            columns = slice(start, start + width)
            sums = self.account @ weights[:, columns].astype(np.float64)
            account = ledger.weighted(sums)
            for row, metric in enumerate(self.metrics):
                if isinstance(metric, CalibrationMetric):
                    figures[row, columns] = metric.formula(account)


def _put_exact(cell: ClipSet, metrics: Sequence[AnyMetric], values: Array) -> None:
    """Take metrics that are resampled in steps from every clip."""
    formulas = {
        row: metric.formula
        for row, metric in enumerate(metrics)
        if isinstance(metric, CalibrationMetric)
    }
    if formulas:
        account = account_of(np.sort(cell.real), np.sort(cell.fake), cell.threshold)
        for row, formula in formulas.items():
            values[row] = formula(account)


def _sums(row: Index, column: Index, shape: tuple[int, int]) -> Any:
    ones = np.ones(len(row), dtype=np.float32)
    return csr_array((ones, (row, column)), shape=shape)  # equal places are added up


def _support(cell: ClipSet, metric: Metric) -> tuple[int, int, int]:
    """Clips, evidence and groups of a figure, as `Resampled` has them."""
    if not isinstance(metric, DecisionMetric):
        if metric.support == "both":
            return _of_both(cell.real_group, cell.fake_group)
        scored = np.concatenate([cell.real_group, cell.fake_group])
        return len(scored), len(scored), len(np.unique(scored))
    tp, fn, fp, tn, left_out, _ = cell.counted().values()
    match metric.support:
        case "both":
            return _of_both(np.concatenate([fp, tn]), np.concatenate([tp, fn]))
        case "clips":
            members = [tp, fn, fp, tn]
        case "owed":
            members = [tp, fn, fp, tn, left_out]
        case "real":
            members = [fp, tn]
        case "fake":
            members = [tp, fn]
        case "called_real":
            members = [fn, tn]
        case "called_fake":
            members = [tp, fp]
    clips = sum(len(clip_groups) for clip_groups in members)
    return clips, clips, len(np.unique(np.concatenate(members)))


def _of_both(real: Index, fake: Index) -> tuple[int, int, int]:
    clips, groups = (len(real), len(fake)), (len(np.unique(real)), len(np.unique(fake)))
    return sum(clips), min(clips), min(groups)
