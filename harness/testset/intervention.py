"""Interventions: remove a shortcut from all clips and measure what a detector loses.

Every clip, real or fake, is treated alike (the suite `alike`): a detector that does not rely on
what was removed does as well as before, apart from what the treatment itself costs.

Conventions: differences are treated minus clean, on the clips scored in both; a positive move is
towards fake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.audit.paired_verdicts import PairedVerdicts
from harness.metrics.paired import Paired, compare_cells, contrast
from harness.metrics.significance import holm
from harness.results.run_folder import RunFolder
from harness.summary.cells import Grid
from harness.summary.summary import RESAMPLES
from harness.terms import CLEAN

SUITE = "alike"
_METRICS = ("accuracy", "auc")


@dataclass(frozen=True)
class TreatmentEffect:
    """A figure clean and treated, the difference with its interval, and a p-value of no effect.

    `p_holm` is adjusted for all treatments and figures of the model.
    """

    metric: str
    clean: float
    treated: float
    difference: float
    low: float
    high: float
    p_holm: float


@dataclass(frozen=True)
class Intervention:
    """The effect of one treatment: median moves of both classes' scores, and two figures."""

    model: str
    condition: str
    words: str
    clips: int
    move_real: float
    move_fake: float
    accuracy: TreatmentEffect
    auc: TreatmentEffect


def interventions(
    run: RunFolder, *, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[Intervention]:
    """Compare every condition of a run with clean."""
    grid = Grid.of(run.table, run.record)
    words = {condition.name: condition.words for condition in run.record.suite.conditions}
    for model in grid.models:
        pairs = {
            name: PairedVerdicts.of(grid, model, name) for name in grid.conditions if name != CLEAN
        }
        pairs = {name: verdicts for name, verdicts in pairs.items() if len(verdicts.clean)}
        cells = [
            (grid.cell(verdicts.other, _METRICS), grid.cell(verdicts.clean, _METRICS))
            for verdicts in pairs.values()
        ]
        compared = compare_cells(cells, grid.groups, resamples, seed)
        effects = _effects([figures[name] for figures in compared for name in _METRICS])
        for (name, verdicts), accuracy, auc in zip(
            pairs.items(), effects[::2], effects[1::2], strict=True
        ):
            real, fake = (_median(verdicts.move[verdicts.fake == side]) for side in (False, True))
            text, clips = words.get(name, ""), len(verdicts.clean)
            yield Intervention(model, name, text, clips, real, fake, accuracy, auc)


def _effects(figures: list[Paired]) -> list[TreatmentEffect]:
    judged = contrast(figures)
    low, high = judged.interval()
    adjusted = holm(judged.p())
    return [
        TreatmentEffect(
            _METRICS[number % 2],
            figure.baseline.value,
            figure.value.value,
            figure.difference,
            float(low[number]),
            float(high[number]),
            float(adjusted[number]),
        )
        for number, figure in enumerate(figures)
    ]


def _median(moves: np.ndarray) -> float:
    return float(np.median(moves)) if len(moves) else float("nan")
