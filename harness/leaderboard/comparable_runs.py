"""Several models on one data set: figures of the clips of all, all of the same draws.

Figures are of the clips that every model of the field scored; where a policy decides clips without
a score, figures of decisions are of the clips that every one tried. Means over conditions weigh
every family alike, so that a long sweep counts no more than a short one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.leaderboard.entry import ModelRun
from harness.metrics import METRICS
from harness.metrics.bootstrap import Cell, estimate
from harness.metrics.classification import Array
from harness.metrics.paired import Paired
from harness.metrics.rank import Count, differing_groups
from harness.metrics.resampled import Resampled
from harness.results import coverage
from harness.results.record import RunRecord
from harness.summary.cells import Grid, Rows
from harness.summary.corruption_error import CorruptionError, corruption_errors
from harness.terms import CLEAN

_Estimates = dict[str, dict[str, dict[str, Resampled]]]
"""By condition, then by model, then by metric."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """A figure of every model of a field, in its order, from the same draws.

    Parameters
    ----------
    values, draws
        Shapes (m,) and (m, resamples).
    clips, evidence
        As `Resampled` has them; the fewest of any condition.
    groups
        That it is of.
    differing
        Groups in which two models differ, shape (m, m); of a mean, under the condition that shows
        most.
    """

    values: Array
    draws: Array
    clips: int
    evidence: int
    groups: int
    differing: Count


@dataclass(frozen=True, eq=False)
class Field:
    """The models of one data set, measured.

    Parameters
    ----------
    models
        Labels, in the order of every array.
    robust
        Those that scored enough under every condition; only they have figures under perturbation.
    metric
        That ranks.
    """

    record: RunRecord
    models: list[str]
    robust: list[str]
    metric: str
    grid: Grid
    cells: dict[tuple[str, str], Cell]
    estimates: _Estimates

    @classmethod
    def of(cls, entries: Mapping[str, ModelRun], metric: str, resamples: int, seed: int) -> Field:
        """Measure models, by label, that are of the same data and suite.

        Raises
        ------
        UsageError
            Where a table cannot be what the engine wrote.
        """
        models = sorted(entries)
        record = entries[models[0]].record
        grid = _joined(entries)
        robust = [model for model in models if not short(grid, record, model, metric)]
        cells: dict[tuple[str, str], Cell] = {}
        parts: dict[tuple[str, str], list[Cell]] = {}
        for condition in grid.conditions:
            those = models if condition == CLEAN else robust
            wanted = METRICS.released if condition == CLEAN else ("accuracy",)
            for cell_metrics in METRICS.kinds(METRICS.without_coverage((*wanted, metric))):
                found = _common(grid, those, condition, cell_metrics)
                for model, cell in found.items():
                    parts.setdefault((condition, model), []).append(cell)
                    if metric in cell_metrics:
                        cells[condition, model] = cell
        every = [cell for each in parts.values() for cell in each]
        drawn = estimate(every, grid.groups, resamples, seed)
        estimates: _Estimates = {}
        for (condition, model), each in parts.items():
            own = {name: one for cell in each for name, one in drawn[cell].items()}
            estimates.setdefault(condition, {})[model] = own
        return cls(record, models, robust, metric, grid, cells, estimates)

    @property
    def conditions(self) -> list[str]:
        """All but `clean`."""
        return [name for name in self.grid.conditions if name != CLEAN]

    def clean(self, metric: str) -> Quantity:
        """A figure of every model on `clean`."""
        each = [self.estimates[CLEAN][model][metric] for model in self.models]
        return _quantity(each, self._differing(CLEAN, self.models))

    @cached_property
    def perturbed(self) -> Quantity | None:
        """Mean of the ranking metric over the families' means, of the robust models."""
        families = {family: names for family, names in self.grid.families().items() if names}
        if not families or not self.robust:
            return None
        parts = {
            name: _quantity(
                [self.estimates[name][model][self.metric] for model in self.robust],
                self._differing(name, self.robust),
            )
            for names in families.values()
            for name in names
        }
        means = [mean_of([parts[name] for name in names]) for names in families.values()]
        return mean_of(means)

    def worst(self, model: str) -> tuple[str, float]:
        """The condition under which the ranking metric is worst, and how bad it is there."""
        if model not in self.robust or not self.conditions:
            return "", math.nan
        sign = 1 if METRICS[self.metric].better == "higher" else -1
        values = {name: self.estimates[name][model][self.metric].value for name in self.conditions}
        known = {name: value for name, value in values.items() if not math.isnan(value)}
        if not known:
            return "", math.nan
        name = min(known, key=lambda each: sign * known[each])
        return name, known[name]

    def corruption(self, model: str, reference: str) -> CorruptionError | None:
        """Plain mCE of a model against another of the field."""
        if model not in self.robust or reference not in self.robust:
            return None
        accuracies = {
            name: Paired(own[model]["accuracy"], own[reference]["accuracy"], 0, 0.0)
            for name, own in self.estimates.items()
        }
        series: dict[str, list[str]] = {}
        for each in self.record.suite.conditions:
            if each.name != CLEAN:
                series.setdefault(each.series, []).append(each.name)
        return next(iter(corruption_errors(model, series, accuracies)))

    def coverage(self, model: str, *, perturbed: bool = False) -> float:
        """Share of a model's own clips that it scored, on `clean` or under all other conditions."""
        names = self.conditions if perturbed else [CLEAN]
        rows = np.concatenate([self.grid.rows_of(model, name) for name in names] or [_none()])
        return float(np.mean(self.grid.ok[rows])) if len(rows) else math.nan

    def _differing(self, condition: str, models: Sequence[str]) -> Count:
        cells = [self.cells[condition, model] for model in models]
        ranking = METRICS.needs_score(self.metric)
        return differing_groups(cells, self.grid.groups, ranking=ranking)


def mean_of(quantities: Sequence[Quantity]) -> Quantity:
    """The plain mean of some figures, of the same draws or of independent ones."""
    return Quantity(
        values=np.mean([each.values for each in quantities], axis=0),
        draws=np.mean([each.draws for each in quantities], axis=0),
        clips=min(each.clips for each in quantities),
        evidence=min(each.evidence for each in quantities),
        groups=min(each.groups for each in quantities),
        differing=np.max([each.differing for each in quantities], axis=0),
    )


def difference_of(one: Quantity, other: Quantity) -> Quantity:
    """One less the other."""
    return Quantity(
        one.values - other.values,
        one.draws - other.draws,
        min(one.clips, other.clips),
        min(one.evidence, other.evidence),
        min(one.groups, other.groups),
        np.maximum(one.differing, other.differing),
    )


def part_of(quantity: Quantity, places: Sequence[int]) -> Quantity:
    """The figure of some of the models."""
    inside = np.array(places, dtype=np.intp)
    return Quantity(
        quantity.values[inside],
        quantity.draws[inside],
        quantity.clips,
        quantity.evidence,
        quantity.groups,
        quantity.differing[np.ix_(inside, inside)],
    )


def short(grid: Grid, record: RunRecord, model: str, metric: str, *, clean: bool = False) -> str:
    """Where a model scored less than the suite demands of a ranking figure; empty if nowhere.

    Clips that a policy decides are not lacking, unless they were never tried.
    """
    decided = not METRICS.needs_score(metric) and grid.policy != "excluded"
    counts = grid.tried if decided else grid.ok
    lacking: list[tuple[float, str]] = []
    for condition in [CLEAN] if clean else grid.conditions:
        rows = grid.rows_of(model, condition)
        share = float(np.mean(counts[rows])) if len(rows) else 0.0
        if share < record.suite.min_coverage or share == 0:
            lacking.append((share, condition))
    if not lacking:
        return ""
    share, condition = min(lacking)
    rest = f" and of {len(lacking) - 1} more" if len(lacking) > 1 else ""
    least = record.suite.min_coverage
    return f"{share:.1%} of {condition} was scored{rest}, less than the {least:.0%} that are due"


def of_entry(entry: ModelRun) -> Grid:
    """An entry by itself, with a row for all that it owes."""
    return Grid.of(coverage.complete(entry.run.table, entry.record), entry.record)


def _joined(entries: Mapping[str, ModelRun]) -> Grid:
    """All models in one grid, clips and groups numbered alike, each at its own threshold."""
    threshold = {
        label: entry.record.threshold_of(entry.model.name) for label, entry in entries.items()
    }
    tables: list[Any] = [
        coverage.complete(entries[label].run.table, entries[label].record).assign(model=label)
        for label in sorted(entries)
    ]
    record = entries[min(entries)].record
    return Grid.of(pd.concat(tables, ignore_index=True), record, threshold.__getitem__)


def _common(
    grid: Grid, models: Sequence[str], condition: str, metrics: tuple[str, ...]
) -> dict[str, Cell]:
    """The clips that count for all, in the same order, for each model."""
    decided = not METRICS.needs_score(metrics[0]) and grid.policy != "excluded"
    counts: NDArray[np.bool_] = grid.tried if decided else grid.ok
    rows = {model: grid.rows_of(model, condition) for model in models}
    rows = {model: each[counts[each]] for model, each in rows.items()}
    clips = [grid.clip[each] for each in rows.values()]
    had = np.bincount(np.concatenate(clips), minlength=1) if clips else np.zeros(1)
    cells: dict[str, Cell] = {}
    for model, each in rows.items():
        shared = each[had[grid.clip[each]] == len(models)]
        cells[model] = grid.cell(shared[np.argsort(grid.clip[shared])], metrics)
    return cells


def _quantity(each: Sequence[Resampled], differing: Count) -> Quantity:
    return Quantity(
        np.array([one.value for one in each]),
        np.stack([one.draws for one in each]),
        min(one.clips for one in each),
        min(one.evidence for one in each),
        min(one.groups for one in each),
        differing,
    )


def _none() -> Rows:
    return np.zeros(0, dtype=np.intp)
