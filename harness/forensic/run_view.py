"""A finished run taken apart for the forensic analyses: its clips by model and condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics.bootstrap import Cell
from harness.metrics.calibration import Falling, fit
from harness.results.coverage import complete
from harness.results.identity import difference
from harness.results.record import ConditionRecord, ModelRecord, RunRecord
from harness.summary.cells import Grid
from harness.summary.score_warnings import grid_warnings
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

Array = NDArray[np.float64]

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


@dataclass(frozen=True, eq=False)
class Judged:
    """A run and its rows; all numbers of groups are those of `grid`."""

    record: RunRecord
    table: Any
    grid: Grid

    @classmethod
    def of(cls, run: RunFolder) -> Judged:
        """Take a run apart; what it owes and does not have counts as not scored."""
        table = complete(run.table, run.record)
        return cls(run.record, table, Grid.of(table, run.record))

    @property
    def models(self) -> list[str]:
        return self.grid.models

    @property
    def conditions(self) -> list[ConditionRecord]:
        """In the order of the suite, those without any row left out."""
        listed = [each for each in self.record.suite.conditions if each.name in self._there]
        return listed or [AS_IT_IS]

    @property
    def _there(self) -> set[str]:
        return {condition for _, condition in self.grid.rows}

    def model(self, name: str) -> ModelRecord | None:
        """What the record says of a model; None where it does not know it."""
        return next((each for each in self.record.models if each.name == name), None)

    def cell(self, model: str, condition: str) -> Cell:
        """The scored clips of a condition."""
        return self.grid.whole(model, condition)

    def has_both(self, model: str, condition: str) -> bool:
        """Whether a condition has scored clips of both classes."""
        cell = self.cell(model, condition)
        return bool(len(cell.real) and len(cell.fake))

    def rows(self, model: str, condition: str) -> NDArray[np.intp]:
        """Numbers of the scored rows of a condition."""
        rows = self.grid.rows_of(model, condition)
        return rows[self.grid.ok[rows]]

    def part(self, rows: NDArray[np.intp], metrics: tuple[str, ...]) -> Cell:
        """Some rows of one model as a cell."""
        return self.grid.cell(rows, metrics)

    def column(self, name: str) -> Array:
        """A column of numbers, over all rows."""
        return self.table[name].to_numpy(dtype=np.float64)


def refuse_falling(judged: Judged, where: str, models: Sequence[str] | None = None) -> None:
    """Raise UsageError where the scores of a model run the wrong way on `clean`.

    That is so where an AUC is surely below 0.5 (`harness.summary.score_warnings`), and where the
    straight line that fits best falls. Under other conditions a fall costs that condition its
    calibration alone.
    """
    wanted = judged.models if models is None else models
    for warning in grid_warnings(judged.grid, judged.record):
        if warning.kind == "swapped" and warning.model in wanted:
            raise UsageError(warning.line.removesuffix("."), where)
    for model in wanted:
        cell = judged.cell(model, CLEAN)
        try:
            fit(cell.real, cell.fake, "logistic")
        except Falling as fault:
            told = f"no calibration of {model}: on clean clips {fault}"
            fix = "check which score means fake, or score more clips"
            raise UsageError(told, where, fix) from fault
        except ValueError:  # too few clips, or no overlap: the analyses say so themselves
            continue


def refuse_kinship(run: Judged, development: Judged, where: str) -> None:
    """Raise UsageError where a development run is of other detectors, or of clips that are judged.

    A calibration fitted on the clips that it is judged on has seen the answers.
    """
    for model in run.models:
        own, other = run.model(model), development.model(model)
        if other is None:
            raise UsageError(
                f"it has no scores of {model}", where, "score the development clips with it"
            )
        if own is not None and (told := difference(other, own)):
            raise UsageError(
                f"its {model} is another detector than the one judged: {told}",
                where,
                "score the development clips with the same detector",
            )
    for name, words in (("clip_id", "clips"), ("group", "groups")):
        shared = sorted(_names(run, name) & _names(development, name))
        if shared:
            raise UsageError(
                f"{len(shared)} of its {words} are among those judged, such as {shared[0]!r}",
                where,
                "calibrate on other recordings",
            )


def _names(run: Judged, column: str) -> set[str]:
    named: Sequence[str] = run.table[column].dropna().unique().tolist()
    return set(named) - {""}
