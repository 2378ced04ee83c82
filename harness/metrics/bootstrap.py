"""Resample metrics of many test sets at once, drawing groups with replacement.

Groups are drawn, not clips: the clips of a speaker or recording are not independent evidence. All
groups of the run are drawn once, and every cell (a model under a condition, or a slice of it) uses
the same draws, so that differences between cells are paired and the size of a slice varies as it
would in another test set. Groups of real clips alone, of fakes alone and of both are strata: as
many of each are drawn as there are, so that a run of 30 speakers and 5 generators is not measured
on 33 and 2. Of groups with both the share of fakes varies from draw to draw, and may be none.

A resample is a column of weights (how often each group was drawn), never a copy of clips. A cell is
a sparse matrix from groups to sums: of decisions, of the steps of a rising threshold, of costs as
log-odds. One product gives these sums for all resamples, and formulas read the metrics off them.

A generator's effect on a figure is told by a column of weights that leaves it out, the others
weighted up to its place, so that the share of fakes stays.

Field & Welsh, Journal of the Royal Statistical Society B 69, 2007 (the cluster bootstrap).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
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
from harness.metrics.uncertainty import (
    BOTH,
    FAKE_ONLY,
    FEWEST_GENERATORS,
    REAL_ONLY,
    Clusters,
    FakeGenerators,
    GeneratorEffects,
    repeated,
)
from harness.terms import UnscoredPolicy

Draws = NDArray[np.float32]
Weights = Draws | NDArray[np.float64]
Strata = NDArray[np.int8]

_BLOCK = 2**22
"""Numbers in one block of weights: bounds the memory, changes no result."""
_RANKED_BLOCK = 2**18
"""Numbers in one block of a threshold's steps: what a processor's cache holds."""
_MOST_GENERATORS = 200
"""With more, some share a place and are left out together: their variance is told as well."""
_NO_EFFECT = 1e-9
"""Rounding of weights."""


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
    generator, unscored_generator
        Number of each fake's generator, -1 where it is not known; empty where none is known.
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
    generator: Index = field(default_factory=_no_groups)
    unscored_generator: Index = field(default_factory=_no_groups)
    metrics: tuple[str, ...] = field(default_factory=lambda: METRICS.names)
    threshold: float = 0.0
    policy: UnscoredPolicy = "excluded"
    cost: DetectionCost = ASVSPOOF_5

    def __post_init__(self) -> None:
        refuse_nan(self.real, self.fake)
        if len(self.real) != len(self.real_group) or len(self.fake) != len(self.fake_group):
            raise ValueError("every clip has one group")
        for generator, group in (
            (self.generator, self.fake_group),
            (self.unscored_generator, self.unscored_fake_group),
        ):
            if len(generator) not in (0, len(group)):
                raise ValueError("every fake has one generator, or none has")

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
    at, strata = 0, strata_of(cells, groups)
    for weights in draw(groups, resamples, seed, strata=strata):
        until = at + weights.shape[1]
        for operator, drawn in zip(operators, draws, strict=True):
            drawn[:, at:until] = operator.figures(weights)
        at = until
    estimates: dict[ClipSet, dict[str, Resampled]] = {}
    known: dict[bytes, Clusters] = {}
    for cell, operator, value, drawn in zip(cells, operators, values, draws, strict=True):
        effects = _effects(cell, operator, value) if resamples else None
        supports = _Supports(cell, groups, strata, known)
        estimates[cell] = {
            metric.name: Resampled(
                float(value[row]),
                drawn[row],
                *supports.of(metric)[:3],
                metric.range,
                metric.fitted,
                supports.of(metric)[3],
                None if effects is None else effects[row],
                needs_fakes=metric.support != "real",
            )
            for row, metric in enumerate(operator.metrics)
        }
    return estimates


def draw(
    groups: int, resamples: int, seed: int, block: int = _BLOCK, strata: Strata | None = None
) -> Iterator[Draws]:
    """Yield how often each group is drawn, in blocks of shape (groups, some resamples).

    Every column sums to `groups`, of every stratum to its groups. The draws depend on the seed, not
    on the block size.

    Parameters
    ----------
    strata
        Number of every group's stratum; without, all are of one.
    """
    numbers = [] if strata is None else np.unique(strata).tolist()
    width = max(1, block // max(groups, 1))
    starts = range(0, resamples, width)
    if len(numbers) < 2:
        rng = np.random.default_rng(seed)
        for start in starts:
            yield _drawn(rng, groups, min(width, resamples - start))
        return
    members = [np.flatnonzero(strata == number) for number in numbers]
    streams = [
        _Stream(len(own), resamples, seed, number)
        for own, number in zip(members, numbers, strict=True)
    ]
    for start in starts:
        columns = min(width, resamples - start)
        weights = np.empty((groups, columns), dtype=np.float32)
        for own, stream in zip(members, streams, strict=True):
            weights[own] = stream.take(columns)
        yield weights


def _drawn(rng: np.random.Generator, groups: int, columns: int) -> Draws:
    drawn = rng.integers(groups, size=(columns, groups)) if groups else np.zeros((columns, 0))
    places = drawn.astype(np.int64) * columns + np.arange(columns)[:, None]
    counts = np.bincount(places.ravel(), minlength=groups * columns)
    return counts.reshape(groups, columns).astype(np.float32)


class _Stream:
    """Draws of one stratum, some columns of which are its first ones again (`repeated`)."""

    def __init__(self, groups: int, resamples: int, seed: int, number: int) -> None:
        again = repeated(resamples)[1].get(number, slice(resamples, resamples))
        self._groups, self._seed = groups, (seed, number)
        self._rng = self._fresh()
        # The columns up to which each source of random numbers is taken.
        self._again = self._fresh()
        self._ends = [(again.start, False), (again.stop, True), (resamples, False)]
        self._at = 0

    def take(self, columns: int) -> Draws:
        parts: list[Draws] = []
        until = self._at + columns
        for end, again in self._ends:
            count = min(end, until) - self._at
            if count > 0:
                parts.append(_drawn(self._again if again else self._rng, self._groups, count))
                self._at += count
        return np.concatenate(parts, axis=1)

    def _fresh(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)


def strata_of(cells: Sequence[ClipSet], groups: int) -> Strata:
    """Stratum of every group, by the clips that it has in any cell.

    A stratum of one group, which cannot be drawn from, is joined with the largest.
    """
    real, fake = np.zeros(groups, dtype=bool), np.zeros(groups, dtype=bool)
    for cell in cells:
        real[cell.real_group] = real[cell.unscored_real_group] = True
        fake[cell.fake_group] = fake[cell.unscored_fake_group] = True
    strata = np.where(real == fake, BOTH, np.where(real, REAL_ONLY, FAKE_ONLY)).astype(np.int8)
    counts = np.bincount(strata, minlength=3)
    strata[np.isin(strata, np.flatnonzero(counts == 1))] = np.argmax(counts)
    return strata


def _effects(
    cell: ClipSet, operator: _Operator, values: Array
) -> list[GeneratorEffects | None] | None:
    """The effects of the generators on every metric of a cell; none where too few are known."""
    known = [part[part >= 0] for part in (cell.generator, cell.unscored_generator)]
    some = len(cell.generator) == len(cell.fake_group)
    if not some or all(part.size == 0 for part in known):
        return None
    counts = np.bincount(np.concatenate(known))
    if np.count_nonzero(counts) < FEWEST_GENERATORS:
        return None
    # The last place is of fakes of no known generator, which count as those of one more.
    places = min(len(counts), _MOST_GENERATORS) + 1

    def place(generator: Index) -> Index:
        return np.where(generator < 0, places - 1, generator % (places - 1))

    scored, lost = place(cell.generator), place(cell.unscored_generator)
    fakes = np.concatenate([scored, lost])
    share = np.bincount(fakes, minlength=places) / len(fakes)
    there = np.flatnonzero(share)
    of_real = places
    by_generator = replace(
        cell,
        real_group=np.full(len(cell.real), of_real),
        fake_group=scored,
        unscored_real_group=np.full(len(cell.unscored_real_group), of_real),
        unscored_fake_group=lost,
        missing_group=np.full(len(cell.missing_group), of_real),
    )
    weights = np.ones((places + 1, len(there)))
    weights[:places] = 1 / (1 - share[there])
    weights[there, np.arange(len(there))] = 0.0
    left = _Operator.of(by_generator, places + 1, operator).figures(weights)
    effect = np.zeros((len(values), places))
    effect[:, there] = (1 - share[there]) * (values[:, None] - left)
    effect = np.where(np.abs(effect) > _NO_EFFECT, effect, 0.0)
    groups = np.concatenate([cell.fake_group, cell.unscored_fake_group])
    least, most = np.full(places, np.iinfo(np.int64).max), np.full(places, -1)
    np.minimum.at(least, fakes, groups)
    np.maximum.at(most, fakes, groups)
    generators = FakeGenerators(share, most > least)
    return [GeneratorEffects(own, generators) if np.isfinite(own).all() else None for own in effect]


_Support = tuple[int, int, int, Clusters]
"""Clips, evidence, groups and clusters of a figure, as `Resampled` has them."""


class _Supports:
    """What the figures of a cell are of; cells of the same clips share the clusters in `known`."""

    def __init__(
        self, cell: ClipSet, groups: int, strata: Strata, known: dict[bytes, Clusters]
    ) -> None:
        self._strata, self._known = strata, known
        self._decided = [np.bincount(part, minlength=groups) for part in cell.counted().values()]
        scored = cell.real_group, cell.fake_group
        self._scored = [np.bincount(part, minlength=groups) for part in scored]
        self._supports: dict[tuple[bool, str], _Support] = {}

    def of(self, metric: Metric) -> _Support:
        key = isinstance(metric, DecisionMetric), metric.support
        if key not in self._supports:
            self._supports[key] = self._support(*self._sides(*key), metric.support == "both")
        return self._supports[key]

    def _sides(self, decision: bool, support: str) -> tuple[Index, Index]:
        """Real clips and fakes of every group in the denominator."""
        if not decision:
            return self._scored[0], self._scored[1]
        tp, fn, fp, tn, left_out, _ = self._decided
        match support:
            case "owed":
                return fp + tn + left_out, tp + fn
            case "real":
                return fp + tn, 0 * tp
            case "fake":
                return 0 * fp, tp + fn
            case "called_real":
                return tn, fn
            case "called_fake":
                return fp, tp
            case _:
                return fp + tn, tp + fn

    def _support(self, real: Index, fake: Index, both: bool) -> _Support:
        sides = real, fake
        clips = int(real.sum()), int(fake.sum())
        if not both:
            groups = int(np.count_nonzero(real + fake))
            return sum(clips), sum(clips), groups, self._clusters(real + fake)
        groups = min(int(np.count_nonzero(side)) for side in sides)
        if not all(clips):
            return sum(clips), 0, groups, self._clusters(real + fake)
        # Either class counts as much as the other.
        shares = sum(clips) / 2 * (real / clips[0] + fake / clips[1])
        least = min(self._clusters(side).effective for side in sides)
        return sum(clips), min(clips), groups, replace(self._clusters(shares), effective=least)

    def _clusters(self, sizes: Array | Index) -> Clusters:
        key = sizes.tobytes()
        if key not in self._known:
            self._known[key] = Clusters.of(sizes.astype(np.float64), self._strata)
        return self._known[key]


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
    collapsed: Any = None  # the steps of each class, and their number, or None
    order: Any = None  # of the clips of each class in the ledger, or None

    @classmethod
    def of(cls, cell: ClipSet, groups: int, like: _Operator | None = None) -> _Operator:
        """The operator of a cell; `like` is one of the same clips in other groups."""
        metrics = tuple(METRICS.at(name, cell.cost) for name in cell.metrics)
        counted = list(cell.counted().values())
        row = np.repeat(np.arange(len(counted)), [len(clip_groups) for clip_groups in counted])
        place = row * groups + np.concatenate(counted)
        counts = np.bincount(place, minlength=len(counted) * groups).astype(np.float32)
        counts = counts.reshape(len(counted), groups)
        steps = collapsed = None
        if any(isinstance(metric, RankingMetric) for metric in metrics):
            collapsed = like.collapsed if like else collapse(cell.real, cell.fake)
            real_step, fake_step, number = collapsed
            steps = _sums(
                np.concatenate([real_step, number + fake_step]),
                np.concatenate([cell.real_group, cell.fake_group]),
                (2 * number, groups),
            )
        if not any(isinstance(metric, CalibrationMetric) for metric in metrics):
            return cls(metrics, counts, steps, collapsed=collapsed)
        # In one order, whatever the order of the table: sums of fractions depend on it.
        if like and like.ledger:
            (real, fake), ledger = like.order, like.ledger
        else:
            real, fake = (
                np.lexsort(keys)
                for keys in ((cell.real_group, cell.real), (cell.fake_group, cell.fake))
            )
            ordered = any(isinstance(m, CalibrationMetric) and not m.summed for m in metrics)
            ledger = Ledger.of(cell.real[real], cell.fake[fake], cell.threshold, ordered=ordered)
        group = np.concatenate([cell.real_group[real], cell.fake_group[fake]])
        account = ledger.by_group(group, groups)
        return cls(metrics, counts, steps, ledger, account, collapsed, (real, fake))

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
