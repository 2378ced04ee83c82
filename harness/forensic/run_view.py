"""A finished run split into models and conditions for the forensic analyses, and their figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics.bootstrap import ClipSet, draw, estimate, strata_of
from harness.metrics.calibration import Falling, fit
from harness.metrics.intervals import difference_interval
from harness.metrics.resampled import Resampled, intervals_of
from harness.results.coverage import complete
from harness.results.identity import difference as identity_difference
from harness.results.record import ConditionRecord, ModelRecord, RunRecord
from harness.summary.cells import Grid
from harness.summary.score_warnings import grid_warnings
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

RESAMPLES = 1000

AS_IT_IS = ConditionRecord(
    name=CLEAN,
    family=CLEAN,
    series=CLEAN,
    severity=0.0,
    axis=None,
    words="as it is",
    chain=[],
    digest="",
)


@dataclass(frozen=True)
class ForensicFigure:
    """A figure and its 95 % interval over groups; NaN where there is none.

    Parameters
    ----------
    clips, groups
        In its denominator; of the smaller class where it needs both classes.
    """

    value: float
    low: float
    high: float
    clips: int
    groups: int

    @property
    def known(self) -> bool:
        """Whether there is a value with an interval."""
        return not (math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high))


NO_FIGURE = ForensicFigure(math.nan, math.nan, math.nan, 0, 0)


def with_intervals(estimates: Mapping[str, Resampled]) -> dict[str, ForensicFigure]:
    """Return estimates, by metric, with their intervals."""
    low, high = intervals_of(list(estimates.values()))
    bounds = zip(estimates.items(), low.tolist(), high.tolist(), strict=True)
    return {
        name: ForensicFigure(figure.value, below, above, figure.evidence, figure.groups)
        for (name, figure), below, above in bounds
    }


def paired_difference(before: Resampled, after: Resampled) -> ForensicFigure:
    """Return after less before, of a figure between 0 and 1 from the same draws."""
    groups = min(before.groups, after.groups)
    value = after.value - before.value
    low, high = difference_interval(
        np.array([value]), (after.draws - before.draws)[None, :], np.array([groups])
    )
    clips = min(before.evidence, after.evidence)
    return ForensicFigure(value, float(low[0]), float(high[0]), clips, groups)


def scored_only(cell: ClipSet, metrics: tuple[str, ...], threshold: float) -> ClipSet:
    """Return a cell's scored clips alone, without the run's policy for unscored ones."""
    groups = (cell.real_group, cell.fake_group)
    return ClipSet(cell.real, cell.fake, *groups, metrics=metrics, threshold=threshold)


@dataclass(frozen=True, eq=False)
class ForensicRun:
    """A run and its rows; groups are numbered as in `grid`."""

    record: RunRecord
    table: Any
    grid: Grid

    @classmethod
    def of(cls, run: RunFolder) -> ForensicRun:
        """Split a run; rows that it owes and does not have count as not scored."""
        table = complete(run.table, run.record)
        return cls(run.record, table, Grid.of(table, run.record))

    @property
    def models(self) -> list[str]:
        return self.grid.models

    @property
    def conditions(self) -> list[ConditionRecord]:
        """Conditions that have rows, in the order of the suite."""
        present = {condition for _, condition in self.grid.rows}
        return [c for c in self.record.suite.conditions if c.name in present] or [AS_IT_IS]

    @property
    def places(self) -> list[tuple[str, str]]:
        """Every model with every condition, by name."""
        return [(model, condition.name) for model in self.models for condition in self.conditions]

    def model(self, name: str) -> ModelRecord | None:
        return next((model for model in self.record.models if model.name == name), None)

    def cell(self, model: str, condition: str) -> ClipSet:
        """Return the scored clips of a condition."""
        return self.grid.whole(model, condition)

    def has_both(self, model: str, condition: str) -> bool:
        """Whether a condition has scored clips of both classes."""
        cell = self.cell(model, condition)
        return bool(len(cell.real) and len(cell.fake))

    def rows(self, model: str, condition: str) -> Rows:
        """Return the numbers of the scored rows of a condition."""
        rows = self.grid.rows_of(model, condition)
        return rows[self.grid.ok[rows]]

    def part(self, rows: Rows, metrics: tuple[str, ...]) -> ClipSet:
        """Return some rows of one model as a cell."""
        return self.grid.cell(rows, metrics)

    def column(self, name: str) -> Array:
        """Return a numeric column over all rows."""
        return self.table[name].to_numpy(dtype=np.float64)

    def estimates(
        self, cells: Sequence[ClipSet], resamples: int, seed: int = 0
    ) -> Mapping[ClipSet, dict[str, Resampled]]:
        """Return the metrics of every cell from the same draws of groups."""
        return estimate(cells, self.grid.groups, resamples, seed)

    def weights(
        self, resamples: int, seed: int = 0, cells: Sequence[ClipSet] | None = None
    ) -> Array:
        """Return how often each group is in each draw, shape (groups, resamples).

        The draws are those of `estimates` of some cells; without, of all conditions.
        """
        drawn = [self.cell(*place) for place in self.places] if cells is None else cells
        strata = strata_of(drawn, self.grid.groups)
        blocks = list(draw(self.grid.groups, resamples, seed, strata=strata))
        return np.concatenate(blocks, axis=1).astype(np.float64)


def refuse_falling(view: ForensicRun, where: str, models: Sequence[str] | None = None) -> None:
    """Raise UsageError where a model's scores on `clean` are lower for fakes than for real clips.

    Two signs count: an AUC reliably below 0.5 (`harness.summary.score_warnings`) and a falling
    logistic fit. Under any other condition a falling fit only leaves that condition uncalibrated.
    """
    checked = view.models if models is None else models
    for warning in grid_warnings(view.grid, view.record):
        if warning.kind == "swapped" and warning.model in checked:
            raise UsageError(warning.line.removesuffix("."), where)
    for model in checked:
        cell = view.cell(model, CLEAN)
        try:
            fit(cell.real, cell.fake, "logistic")
        except Falling as fault:
            raise UsageError(
                f"no calibration of {model}: on clean clips {fault}",
                where,
                "check which score means fake, or score more clips",
            ) from fault
        except ValueError:  # too few clips, or no overlap: each analysis reports it
            continue


def refuse_kinship(run: ForensicRun, development: ForensicRun, where: str) -> None:
    """Raise UsageError where a development run has other detectors, or clips of the judged run.

    A calibration fitted on the clips that it is judged on would look better than it is.
    """
    for model in run.models:
        own, other = run.model(model), development.model(model)
        if other is None:
            raise UsageError(f"no scores of {model}", where, "score the development clips with it")
        if own is not None and (reason := identity_difference(other, own)):
            raise UsageError(
                f"its {model} is not the detector of the judged run: {reason}",
                where,
                "score the development clips with the same detector",
            )
    for column, words in (("clip_id", "clips"), ("group", "groups")):
        shared = sorted(_names(run, column) & _names(development, column))
        if shared:
            raise UsageError(
                f"{len(shared)} of its {words} are also in the judged run, such as {shared[0]!r}",
                where,
                "calibrate on other recordings",
            )


def _names(run: ForensicRun, column: str) -> set[str]:
    names: Sequence[str] = run.table[column].dropna().unique().tolist()
    return set(names) - {""}
