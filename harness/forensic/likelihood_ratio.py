"""What one questioned score is worth, from the clips of the condition that its recording is like.

The ratio is a straight line in the score (logistic calibration), fitted on all clips of the
condition; the questioned recording is none of them. Its interval is from resampled groups, and
ratio and interval are kept within the empirical bounds, which come from ratios of clips that played
no part in their own calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UsageError
from harness.forensic.estimate import RESAMPLES
from harness.forensic.run_view import Judged
from harness.metrics.bootstrap import Cell, draw
from harness.metrics.calibration import cross_calibrated, fit, logistic_lines
from harness.metrics.classification import Array
from harness.metrics.elub import Bounds, empirical_bounds
from harness.metrics.intervals import bootstrap_error, student_interval

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

MISLEADING = 1
LN10 = math.log(10)


@dataclass(frozen=True)
class Weight:
    """A log-likelihood ratio of fake against real, natural logarithm, and what it rests on.

    Parameters
    ----------
    llr, low, high
        The ratio and its 95 % interval over groups, all within the bounds.
    unbounded
        The ratio before it was kept within them.
    bounds
        What the number of clips supports at most.
    condition
        Whose clips it is from; `real` and `fake` of them, of so many `groups`.
    """

    llr: float
    low: float
    high: float
    unbounded: float
    bounds: Bounds
    condition: str
    real: int
    fake: int
    groups: int

    @property
    def bounded(self) -> bool:
        """Whether the bounds changed it."""
        return self.llr != self.unbounded

    @property
    def log10(self) -> float:
        return self.llr / LN10


def weigh(
    run: RunFolder,
    model: str,
    condition: str,
    score: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Weight:
    """The weight of one score.

    Raises
    ------
    UsageError
        Where the run has too few clips of the condition for a calibration.
    """
    judged = Judged.of(run)
    cell = judged.cell(model, condition)
    try:
        return weigh_in(cell, condition, score, judged.grid.groups, resamples, seed)
    except ValueError as fault:
        raise UsageError(
            f"no weight for a score under {condition}: {fault}", str(run.folder), "score more clips"
        ) from fault


def weigh_in(
    cell: Cell, condition: str, score: float, groups: int, resamples: int, seed: int
) -> Weight:
    """As `weigh`, from a cell whose groups are numbered below `groups`; ValueError as `fit`."""
    whole = fit(cell.real, cell.fake, "logistic", MISLEADING)
    value = float(whole.llr(np.array(score)))
    parts = (cell.real, cell.fake, cell.real_group, cell.fake_group)
    ratios = cross_calibrated(*parts, "logistic", seed=seed, misleading=MISLEADING)
    bounds = empirical_bounds(ratios.real, ratios.fake)
    seen = min(len(np.unique(cell.real_group)), len(np.unique(cell.fake_group)))
    error = bootstrap_error(_drawn(cell, score, groups, resamples, seed), seen)
    low, high = student_interval(value, error, seen)
    kept = bounds.clip(np.array([value, float(low), float(high)]))
    return Weight(
        float(kept[0]),
        float(kept[1]),
        float(kept[2]),
        value,
        bounds,
        condition,
        len(cell.real),
        len(cell.fake),
        seen,
    )


def _drawn(cell: Cell, score: float, groups: int, resamples: int, seed: int) -> Array:
    """The score's ratio from resampled groups."""
    scores = np.concatenate([cell.real, cell.fake])
    is_fake = np.repeat([False, True], [len(cell.real), len(cell.fake)])
    group = np.concatenate([cell.real_group, cell.fake_group])
    weights = np.concatenate(list(draw(groups, resamples, seed)), axis=1).astype(np.float64)
    lines = logistic_lines(scores, is_fake, weights[group], MISLEADING)
    return lines[0] + lines[1] * score
