"""One release of a detector: its figures, what perturbations cost it, and its steps.

A step is a paired difference from the run before: the run less the one before, on the clips of
both, with a 95 % interval over groups.
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
from harness.leaderboard.entry import ModelRun, on_clean
from harness.metrics import METRICS
from harness.metrics.intervals import LEVEL as CERTAINTY
from harness.metrics.intervals import student
from harness.metrics.paired import Paired, compare_cells
from harness.metrics.significance import Contrast, holm
from harness.results import coverage
from harness.results.figures import FamilyDamage, MetricRow, ScoreWarning
from harness.summary.cells import Grid
from harness.summary.corruption_error import FamilyLoss, family_losses
from harness.summary.summary import family_damage, summarise
from harness.terms import CLEAN

LEVEL = 0.05

Turn = Literal["worse", "better", "open", "not compared"]
"""What a step is: surely for the worse or the better, or neither surely."""


@dataclass(frozen=True)
class ReleaseStep:
    """A figure against the run before on the same track.

    Parameters
    ----------
    of
        A metric on `clean`, or a family (then of the accuracy that it costs).
    difference, low, high
        This run less the one before, with its 95 % interval over groups.
    p
        Of no difference, adjusted for all figures on `clean`, or for all families.
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
        Whether every score on `clean` is that of the run before but for rounding.
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


def measure(entry: ModelRun, before: ModelRun | None, resamples: int) -> Release:
    """The figures of an entry, and its steps from the one before on the same track.

    Raises
    ------
    UsageError
        Where a table cannot be what the engine wrote.
    """
    record = entry.record
    clean = on_clean(entry)
    summary = summarise(clean.table, clean.record, resamples=resamples, seed=0)
    rows = {
        row.metric: row for row in summary.rows if row.slice == "all" and row.condition == CLEAN
    }
    grid = Grid.of(coverage.complete(entry.run.table, record), record)
    release = Release(
        run=str(entry.run.folder),
        model=entry.model.name,
        version=entry.release,
        digest=entry.model.digest,
        started=record.started,
        finished=record.finished is not None,
        harness_version=record.harness_version,
        synthetic=record.data.synthetic or entry.model.synthetic,
        figures=[rows[metric] for metric in METRICS.released if metric in rows],
        families=family_damage(grid, ("accuracy",), resamples=resamples, seed=0),
        warnings=summary.warnings,
    )
    if before is None:
        return release
    compared = compare(clean, on_clean(before), resamples=resamples)
    return replace(
        release,
        same=bool(compared.identical),
        steps=[_step(cell) for cell in compared.cells if cell.metric in METRICS.released],
        family_steps=_family_steps(entry, before, resamples),
    )


def _step(cell: Difference) -> ReleaseStep:
    turn: Turn = "not compared"
    if cell.status == "compared":
        turn = turn_of(cell.metric, cell.low, cell.high, shown=cell.p_holm <= LEVEL)
    figures = cell.difference, cell.low, cell.high, cell.p_holm
    return ReleaseStep(cell.metric, *figures, turn, cell.reason)


def _family_steps(entry: ModelRun, before: ModelRun, resamples: int) -> list[ReleaseStep]:
    """What families cost more or less than in the run before, of accuracy alone."""
    pairing = Pairing.of(entry.run, before.run)
    model = pairing.models[0]
    couples = {
        condition.name: pairing.cells(model, condition, ("accuracy",))
        for condition in pairing.conditions
    }
    pairs = [(couple.run, couple.baseline) for couple in couples.values()]
    drawn = compare_cells(pairs, pairing.both.groups, resamples, 0)
    accuracies = {name: figures["accuracy"] for name, figures in zip(couples, drawn, strict=True)}
    families = pairing.run.families()
    losses = list(family_losses(model.name, families, accuracies))
    each = [[accuracies[name] for name in (CLEAN, *families[loss.family])] for loss in losses]
    p = holm(_family_contrast(losses, each).p())
    return [
        ReleaseStep(
            loss.family,
            loss.difference,
            loss.low,
            loss.high,
            chance,
            turn_of("accuracy", loss.low, loss.high, shown=chance <= LEVEL),
        )
        for loss, chance in zip(losses, p.tolist(), strict=True)
    ]


def _family_contrast(losses: Sequence[FamilyLoss], pairs: Sequence[Sequence[Paired]]) -> Contrast:
    """Differences of families, to be judged together; `pairs` are the conditions of each."""
    groups = np.array([min(one.groups for one in each) for each in pairs], dtype=np.intp)
    half = np.array([(loss.high - loss.low) / 2 for loss in losses])
    return Contrast(
        difference=np.array([loss.difference for loss in losses]),
        error=half / student(groups - 1, (1 + CERTAINTY) / 2),
        groups=groups,
        differing=np.array([max(one.differing for one in each) for each in pairs], dtype=np.intp),
        largest=np.array([max(one.largest for one in each) for each in pairs]),
    )


def turn_of(metric: str, low: float, high: float, *, shown: bool = True) -> Turn:
    """What a difference with this interval is, if it is `shown` at all."""
    if math.isnan(low) or math.isnan(high):
        return "not compared"
    if not shown or low <= 0 <= high:
        return "open"
    return "better" if (low > 0) == (METRICS[metric].better == "higher") else "worse"
