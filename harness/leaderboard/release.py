"""One release of a detector: its figures, what perturbations cost it, and its steps.

A step is a paired difference: the run less the run before, on the clips of both, with a 95 %
interval over groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from harness.compare.compare import compare
from harness.compare.difference import Difference
from harness.compare.pairing import Pairing
from harness.leaderboard.model_run import ModelRun
from harness.metrics import METRICS
from harness.metrics.intervals import SIZE
from harness.metrics.paired import Paired, compare_cells
from harness.metrics.resampled import difference_of, mean_of_figures
from harness.metrics.significance import Contrast, holm
from harness.results import coverage
from harness.results.figures import FamilyDamage, MetricRow, ScoreWarning
from harness.summary.cells import Grid
from harness.summary.corruption_error import FamilyLoss, family_losses
from harness.summary.summary import family_damage, summarise
from harness.terms import CLEAN

Turn = Literal["worse", "better", "open", "not compared"]
"""Direction of a step; `open` where it may be chance."""


@dataclass(frozen=True)
class ReleaseStep:
    """The change of a figure from the run before on the same track.

    Parameters
    ----------
    of
        A metric on `clean`, or a family, for the accuracy that it costs.
    difference, low, high
        This run less the one before, with its 95 % interval over groups.
    p
        p-value of no difference, adjusted for all metrics on `clean`, or for all families.
    reason
        Why it was not compared; else empty.
    """

    of: str
    difference: float
    low: float
    high: float
    p: float
    turn: Turn
    reason: str = ""


@dataclass(frozen=True)
class Release:
    """One run of one model.

    Parameters
    ----------
    version
        Revision, or the beginning of the digest of the weights; empty where neither is known.
    figures
        `METRICS.released` on `clean`.
    families
        What each family costs in accuracy.
    same
        Whether every score on `clean` equals that of the run before, apart from rounding.
    steps, family_steps
        Against the run before on this track; empty for the first.
    """

    run: str
    model: str
    version: str
    digest: str
    started: str
    finished: bool
    harness_version: str
    synthetic: bool
    figures: list[MetricRow]
    families: list[FamilyDamage]
    same: bool = False
    steps: list[ReleaseStep] = field(default_factory=list[ReleaseStep])
    family_steps: list[ReleaseStep] = field(default_factory=list[ReleaseStep])
    warnings: list[ScoreWarning] = field(default_factory=list[ScoreWarning])


def measure(run: ModelRun, before: ModelRun | None, resamples: int) -> Release:
    """Measure a run, and its steps from the run before on the same track.

    Raises
    ------
    UsageError
        Where a table cannot be what the engine wrote.
    """
    record, clean = run.record, run.on_clean
    summary = summarise(clean.table, clean.record, resamples=resamples, seed=0)
    rows = {
        row.metric: row for row in summary.rows if row.slice == "all" and row.condition == CLEAN
    }
    grid = Grid.of(coverage.complete(run.run.table, record), record)
    release = Release(
        run=str(run.run.folder),
        model=run.model.name,
        version=run.release,
        digest=run.model.digest,
        started=record.started,
        finished=record.finished is not None,
        harness_version=record.harness_version,
        synthetic=record.data.synthetic or run.model.synthetic,
        figures=[rows[metric] for metric in METRICS.released if metric in rows],
        families=family_damage(grid, ("accuracy",), resamples=resamples, seed=0),
        warnings=summary.warnings,
    )
    if before is None:
        return release
    compared = compare(clean, before.on_clean, resamples=resamples)
    return replace(
        release,
        same=bool(compared.identical),
        steps=[_step(cell) for cell in compared.cells if cell.metric in METRICS.released],
        family_steps=_family_steps(run, before, resamples),
    )


def _step(cell: Difference) -> ReleaseStep:
    turn: Turn = "not compared"
    if cell.status == "compared":
        turn = turn_of(cell.metric, cell.low, cell.high, shown=cell.p_holm <= SIZE)
    figures = cell.difference, cell.low, cell.high, cell.p_holm
    return ReleaseStep(cell.metric, *figures, turn, cell.reason)


def _family_steps(run: ModelRun, before: ModelRun, resamples: int) -> list[ReleaseStep]:
    """Changes of the accuracy that families cost."""
    pairing = Pairing.of(run.run, before.run)
    model = pairing.models[0]
    cells = [pairing.cells(model, condition, ("accuracy",)) for condition in pairing.conditions]
    pairs = [(pair.run, pair.baseline) for pair in cells]
    drawn = compare_cells(pairs, pairing.both.groups, resamples, 0)
    accuracies = {
        condition.name: figures["accuracy"]
        for condition, figures in zip(pairing.conditions, drawn, strict=True)
    }
    families = pairing.run.families()
    losses = list(family_losses(model.name, families, accuracies))
    parts = [[accuracies[name] for name in (CLEAN, *families[loss.family])] for loss in losses]
    steps: list[ReleaseStep] = []
    for loss, p in zip(losses, holm(_family_contrast(losses, parts).p()).tolist(), strict=True):
        turn = turn_of("accuracy", loss.low, loss.high, shown=p <= SIZE)
        steps.append(ReleaseStep(loss.family, loss.difference, loss.low, loss.high, p, turn))
    return steps


def _family_contrast(losses: Sequence[FamilyLoss], parts: Sequence[Sequence[Paired]]) -> Contrast:
    """The losses of families as one array of tests; `parts` are the conditions of each."""
    groups = np.array([min(pair.groups for pair in part) for part in parts], dtype=np.intp)
    figures = [
        difference_of(mean_of_figures([pair.figure for pair in family]), clean.figure)
        for clean, *family in parts
    ]
    return Contrast(
        difference=np.array([loss.difference for loss in losses]),
        error=np.array([figure.error() for figure in figures]),
        groups=groups,
        differing=np.array([max(pair.differing for pair in part) for part in parts], dtype=np.intp),
        largest=np.array([max(pair.largest for pair in part) for part in parts]),
        clip=np.array([max(pair.clip for pair in part) for part in parts]),
        freedom=np.array([figure.freedom() for figure in figures]),
    )


def turn_of(metric: str, low: float, high: float, *, shown: bool = True) -> Turn:
    """Direction of a difference with this interval; `shown` says whether it is significant."""
    if math.isnan(low) or math.isnan(high):
        return "not compared"
    if not shown or low <= 0 <= high:
        return "open"
    return "better" if (low > 0) == (METRICS[metric].better == "higher") else "worse"
