"""Several models on one data set: figures of the clips of all of them, from the same draws.

Figures are of the clips that every model scored; where a policy decides clips without a score,
decision metrics are of the clips that every model tried. Means over conditions weigh every family
alike, so that a long sweep counts no more than a short one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from harness.leaderboard.model_run import ModelRun
from harness.leaderboard.standing import Bounded, JointFigure, mean_of
from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.paired import Paired
from harness.metrics.rank import Count, differing_groups
from harness.metrics.resampled import Resampled
from harness.results import coverage
from harness.results.record import RunRecord
from harness.summary.cells import Grid
from harness.summary.corruption_error import CorruptionError, corruption_errors
from harness.terms import CLEAN

_GROUPS = (
    "real_group",
    "fake_group",
    "unscored_real_group",
    "unscored_fake_group",
    "missing_group",
)


@dataclass(frozen=True, eq=False)
class Field:
    """The models of one data set, measured.

    Parameters
    ----------
    models
        Labels, in the order of every array.
    robust
        Models that scored enough under every condition; only these have figures under perturbation.
    metric
        The one that ranks.
    cells, estimates
        By condition and model; cells are those of the ranking metric.
    """

    record: RunRecord
    models: list[str]
    robust: list[str]
    metric: str
    grid: Grid
    cells: dict[tuple[str, str], ClipSet]
    estimates: dict[tuple[str, str], dict[str, Resampled]]

    @classmethod
    def of(cls, runs: Mapping[str, ModelRun], metric: str, resamples: int, seed: int) -> Field:
        """Measure models, by label, that are of the same data and suite.

        Raises
        ------
        UsageError
            Where a table cannot be what the engine wrote.
        """
        models = sorted(runs)
        record = runs[models[0]].record
        grid = _joined_grid(runs)
        robust = [model for model in models if not shortfall(grid, record, model, metric)]
        cells: dict[tuple[str, str], ClipSet] = {}
        parts: dict[tuple[str, str], list[ClipSet]] = {}
        for condition in grid.conditions:
            clean = condition == CLEAN
            shown = METRICS.released if clean else ("accuracy",)
            for kind in METRICS.kinds(METRICS.without_coverage((*shown, metric))):
                common = _common_cells(grid, models if clean else robust, condition, kind)
                for model, cell in common.items():
                    parts.setdefault((condition, model), []).append(cell)
                    if metric in kind:
                        cells[condition, model] = cell
        drawn = estimate([c for part in parts.values() for c in part], grid.groups, resamples, seed)
        estimates = {
            key: {name: figure for cell in part for name, figure in drawn[cell].items()}
            for key, part in parts.items()
        }
        return cls(record, models, robust, metric, grid, cells, estimates)

    @property
    def conditions(self) -> list[str]:
        """All but `clean`."""
        return [name for name in self.grid.conditions if name != CLEAN]

    def clean(self, metric: str) -> JointFigure:
        """A figure of every model on `clean`."""
        return self._figure(CLEAN, self.models, metric)

    @cached_property
    def perturbed(self) -> JointFigure | None:
        """Mean of the ranking metric over the means of families, of the robust models."""
        families = [names for names in self.grid.families().values() if names]
        if not families or not self.robust:
            return None
        return mean_of(
            [
                mean_of([self._figure(name, self.robust, self.metric) for name in names])
                for names in families
            ]
        )

    def worst(self, model: str) -> tuple[str, float]:
        """The condition under which the ranking metric is worst, and its value there."""
        if model not in self.robust:
            return "", math.nan
        values = [
            (name, self.estimates[name, model][self.metric].value) for name in self.conditions
        ]
        return worst_of(values, self.metric)

    def corruption(self, model: str, reference: str) -> CorruptionError | None:
        """Plain mCE of a model against another one of the field."""
        if model not in self.robust or reference not in self.robust:
            return None
        accuracies = {
            name: Paired(
                self.estimates[name, model]["accuracy"],
                self.estimates[name, reference]["accuracy"],
                0,
                0.0,
            )
            for name in self.grid.conditions
        }
        series: dict[str, list[str]] = {}
        for condition in self.record.suite.conditions:
            if condition.name != CLEAN:
                series.setdefault(condition.series, []).append(condition.name)
        return next(iter(corruption_errors(model, series, accuracies)))

    def coverage(self, model: str, *, perturbed: bool = False) -> float:
        """Share of a model's own clips that it scored, on `clean` or under all other conditions."""
        names = self.conditions if perturbed else [CLEAN]
        rows = [self.grid.rows_of(model, name) for name in names]
        scored = self.grid.ok[np.concatenate(rows)] if rows else np.zeros(0)
        return float(np.mean(scored)) if len(scored) else math.nan

    def _figure(self, condition: str, models: Sequence[str], metric: str) -> JointFigure:
        figures = [self.estimates[condition, model][metric] for model in models]
        return JointFigure.of(figures, self._differing(condition, models))

    def _differing(self, condition: str, models: Sequence[str]) -> Count:
        cells = [self.cells[condition, model] for model in models]
        ranking = METRICS.needs_score(self.metric)
        return differing_groups(cells, self.grid.groups, ranking=ranking)


def worst_of(values: Sequence[tuple[str, float]], metric: str) -> tuple[str, float]:
    """The worst of some named values of a metric; no name and NaN where none is known."""
    sign = 1 if METRICS[metric].better == "higher" else -1
    known = [(name, value) for name, value in values if not math.isnan(value)]
    return min(known, key=lambda value: sign * value[1], default=("", math.nan))


def shortfall(
    grid: Grid, record: RunRecord, model: str, metric: str, *, clean: bool = False
) -> str:
    """Say where a model scored fewer clips than the suite demands; empty if nowhere.

    Clips that a policy decides count as scored, unless they were never tried.
    """
    counts = _counting_rows(grid, metric)
    least = record.suite.min_coverage
    short: list[tuple[float, str]] = []
    for condition in [CLEAN] if clean else grid.conditions:
        rows = grid.rows_of(model, condition)
        share = float(np.mean(counts[rows])) if len(rows) else 0.0
        if share < least or share == 0:
            short.append((share, condition))
    if not short:
        return ""
    share, condition = min(short)
    more = f" and too little of {len(short) - 1} more" if len(short) > 1 else ""
    return f"only {share:.1%} of {condition} was scored{more}; the suite requires {least:.0%}"


def shortfall_on_clean(run: ModelRun, metric: str) -> str:
    """Compute `shortfall` on `clean` in a run by itself."""
    grid = Grid.of(coverage.complete(run.run.table, run.record), run.record)
    return shortfall(grid, run.record, run.model.name, metric, clean=True)


def pooled(fields: Sequence[Field], metric: str, resamples: int, seed: int) -> list[Bounded]:
    """The metric of all clips of all data sets as one test set; groups of all are drawn together.

    NaN of one data set, and of a decision metric where a model's thresholds differ.
    """
    models = fields[0].models
    parts = [[field.cells[CLEAN, model] for field in fields] for model in models]
    one_threshold = all(len({cell.threshold for cell in cells}) == 1 for cells in parts)
    if len(fields) < 2 or not (METRICS.needs_score(metric) or one_threshold):
        return [Bounded() for _ in models]
    offsets = np.cumsum([0, *(field.grid.groups for field in fields)]).tolist()
    joined = [_joined_cell(cells, offsets, metric) for cells in parts]
    drawn = estimate(joined, offsets[-1], resamples, seed)
    figures = [drawn[cell][metric] for cell in joined]
    alone = np.zeros((1, 1), dtype=np.intp)
    return [JointFigure.of([figure], alone).bounded(figure.range)[0] for figure in figures]


def _joined_cell(cells: Sequence[ClipSet], offsets: Sequence[int], metric: str) -> ClipSet:
    def joined(name: str, starts: Sequence[int]) -> Any:
        parts = zip(cells, starts, strict=False)
        return np.concatenate([getattr(cell, name) + start for cell, start in parts])

    return replace(
        cells[0],
        real=np.concatenate([cell.real for cell in cells]),
        fake=np.concatenate([cell.fake for cell in cells]),
        metrics=(metric,),
        **{name: joined(name, offsets) for name in _GROUPS},
        # Data sets may call unlike generators by one name.
        generator=np.zeros(0, dtype=np.intp),
        unscored_generator=np.zeros(0, dtype=np.intp),
    )


def _joined_grid(runs: Mapping[str, ModelRun]) -> Grid:
    """All models in one grid, clips and groups numbered alike, each at its own threshold."""
    threshold = {label: run.record.threshold_of(run.model.name) for label, run in runs.items()}
    tables: list[Any] = [
        coverage.complete(runs[label].run.table, runs[label].record).assign(model=label)
        for label in sorted(runs)
    ]
    record = runs[min(runs)].record
    return Grid.of(pd.concat(tables, ignore_index=True), record, threshold.__getitem__)


def _counting_rows(grid: Grid, metric: str) -> Any:
    """Whether each row counts in a metric: with a score, or decided by the policy."""
    decided = not METRICS.needs_score(metric) and grid.policy != "excluded"
    return grid.tried if decided else grid.ok


def _common_cells(
    grid: Grid, models: Sequence[str], condition: str, metrics: tuple[str, ...]
) -> dict[str, ClipSet]:
    """The clips that count for every model, in the same order, for each of them."""
    counts = _counting_rows(grid, metrics[0])
    rows = {model: grid.rows_of(model, condition) for model in models}
    rows = {model: own[counts[own]] for model, own in rows.items()}
    clips = [grid.clip[own] for own in rows.values()]
    models_with_clip = np.bincount(np.concatenate(clips), minlength=1) if clips else np.zeros(1)
    cells: dict[str, ClipSet] = {}
    for model, own in rows.items():
        shared = own[models_with_clip[grid.clip[own]] == len(models)]
        cells[model] = grid.cell(shared[np.argsort(grid.clip[shared])], metrics)
    return cells
