"""The same clips with a shortcut taken away from all of them, and what that does to a detector.

Every clip is treated alike, real and fake (the suite `alike`): a detector that does not depend on
what was taken away does as well as before, apart from what the treatment itself costs it.

Conventions: differences are treated less clean, on the clips scored in both; a move above 0 is
towards fake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.audit.paired_verdicts import PairedVerdicts
from harness.metrics.paired import Paired, compare_cells, contrast
from harness.metrics.significance import holm
from harness.results.run_folder import RunFolder, read_run
from harness.summary.cells import Grid
from harness.summary.summary import RESAMPLES
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.engine.scoring import Progress

SUITE = "alike"
_METRICS = ("accuracy", "auc")


@dataclass(frozen=True)
class Change:
    """A figure clean and treated, the difference with its interval, and its p-value of none.

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
    """What one treatment does: median moves of both classes' scores, and the figures' changes."""

    model: str
    condition: str
    words: str
    clips: int
    move_real: float
    move_fake: float
    accuracy: Change
    auc: Change


@dataclass(frozen=True)
class Treatment:
    """What to score: data and model as for `harness run`, and where the run is kept."""

    data: str
    model: str
    out: Path
    limit: int | None = None
    device: str = "auto"
    fake_label: str | None = None


def treated(treatment: Treatment, note: Callable[[str], None], progress: Progress) -> RunFolder:
    """Score the clips clean and under every treatment; goes on where `out` holds a part of it.

    Raises
    ------
    UsageError
        As `harness.run.run`.
    """
    from harness.run import RunOptions, run  # loads torch

    options = RunOptions(
        suite=SUITE,
        data=treatment.data,
        models=(treatment.model,),
        out=treatment.out,
        limit=treatment.limit,
        device=treatment.device,
        fake_label=treatment.fake_label,
    )
    run(options, note, progress)
    return read_run(treatment.out)


def interventions(
    run: RunFolder, *, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[Intervention]:
    """Every condition of a run against clean."""
    grid = Grid.of(run.table, run.record)
    words = {each.name: each.words for each in run.record.suite.conditions}
    for model in grid.models:
        turns = {
            name: turn
            for name in grid.conditions
            if name != CLEAN and len((turn := PairedVerdicts.of(grid, model, name)).clean)
        }
        cells = [
            (grid.cell(turn.other, _METRICS), grid.cell(turn.clean, _METRICS))
            for turn in turns.values()
        ]
        compared = compare_cells(cells, grid.groups, resamples, seed)
        changes = _changes([each[name] for each in compared for name in _METRICS])
        for (name, turn), accuracy, auc in zip(
            turns.items(), changes[::2], changes[1::2], strict=True
        ):
            real, fake = (_median(turn.move[turn.fake == side]) for side in (False, True))
            told, clips = words.get(name, ""), len(turn.clean)
            yield Intervention(model, name, told, clips, real, fake, accuracy, auc)


def _changes(paired: list[Paired]) -> list[Change]:
    judged = contrast(paired)
    low, high = judged.interval()
    adjusted = holm(judged.p())
    return [
        Change(
            _METRICS[place % 2],
            each.baseline.value,
            each.value.value,
            each.difference,
            float(low[place]),
            float(high[place]),
            float(adjusted[place]),
        )
        for place, each in enumerate(paired)
    ]


def _median(moves: np.ndarray) -> float:
    return float(np.median(moves)) if len(moves) else float("nan")
