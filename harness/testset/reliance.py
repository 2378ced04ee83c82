"""Reliance: how much of a detector's scores trivial properties explain, and what that costs it.

Conventions: clean scores, log-odds of fake. The prediction is that of all properties together,
learned on other groups, higher for fake. It points right where it agrees with the label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics.bootstrap import ClipSet, draw, estimate
from harness.metrics.intervals import bootstrap_error, student_interval
from harness.results.run_folder import RunFolder
from harness.summary.cells import Grid
from harness.terms import CLEAN
from harness.testset.separation import Design, predicted

Array = NDArray[np.float64]

_RESAMPLES = 1000


@dataclass(frozen=True)
class Reliance:
    """Reliance of one model on the properties.

    Parameters
    ----------
    r2, r2_within
        Share of the scores' variance that properties predict in other groups than they were learned
        from: of all scores, and of the deviations from each class's mean. Negative where they
        predict worse than the mean. With 95 % intervals over groups.
    rank_real, rank_fake
        Spearman correlation of the scores with the prediction, within each class.
    right, wrong
        Accuracy where the prediction points right, and where it points wrong.
    difference, low, high
        Right minus wrong, with its interval: the loss where properties mislead.
    clips_right, clips_wrong
        Clips behind these.
    auc_right, auc_wrong
        AUC where the prediction points right, and where it points wrong.
    """

    model: str
    clips: int
    r2: float
    r2_low: float
    r2_high: float
    r2_within: float
    r2_within_low: float
    r2_within_high: float
    rank_real: float
    rank_fake: float
    right: float
    wrong: float
    difference: float
    low: float
    high: float
    clips_right: int
    clips_wrong: int
    auc_right: float
    auc_wrong: float


def reliances(
    run: RunFolder, clip_ids: Sequence[str], features: Array, prediction: Array, seed: int
) -> Iterator[Reliance]:
    """The reliance of every model of a run, on the clips with a clean score.

    Parameters
    ----------
    features, prediction
        Shape (clips, features) and (clips,), in the order of `clip_ids`.

    Raises
    ------
    UsageError
        For a model with too few clean scores of these clips.
    """
    grid = Grid.of(run.table, run.record)
    numbers = {name: number for number, name in enumerate(clip_ids)}
    known = np.array([numbers.get(name, -1) for name in run.table["clip_id"]], dtype=np.intp)
    group = run.table["group"].to_numpy(dtype=object)
    for model in grid.models:
        rows = grid.rows_of(model, CLEAN)
        rows = rows[grid.ok[rows] & (known[rows] >= 0)]
        design = Design.of(grid.fake[rows], group[rows], seed) if len(rows) else None
        if design is None or not design.enough:
            raise UsageError(
                f"has too few clean scores of {model} for these clips",
                str(run.folder),
                "name the run and the data that it scored",
            )
        score, bar = grid.score[rows], float(grid.bar[rows[0]])
        at = known[rows]
        yield _reliance(model, score, bar, features[at], prediction[at], design, seed)


def _reliance(
    model: str,
    score: Array,
    bar: float,
    features: Array,
    prediction: Array,
    design: Design,
    seed: int,
) -> Reliance:
    weights = np.concatenate(list(draw(design.groups, _RESAMPLES, seed)), axis=1)
    within = score - _class_means(score, design)
    shares = [_explained(target, features, design, weights) for target in (score, within)]
    sides = (~design.fake, design.fake)
    ranks = [_rank(prediction[side], score[side]) for side in sides]
    right = (prediction >= 0) == design.fake
    cells = [_cell(score, bar, design, part) for part in (right, ~right)]
    drawn = estimate(cells, design.groups, _RESAMPLES, seed)
    accuracy_right, accuracy_wrong = (drawn[cell]["accuracy"] for cell in cells)
    groups = np.array(min(accuracy_right.groups, accuracy_wrong.groups))
    difference = accuracy_right.value - accuracy_wrong.value
    error = bootstrap_error(accuracy_right.draws - accuracy_wrong.draws, groups)
    low, high = student_interval(difference, error, groups)
    return Reliance(
        model,
        len(score),
        *shares[0],
        *shares[1],
        rank_real=ranks[0],
        rank_fake=ranks[1],
        right=accuracy_right.value,
        wrong=accuracy_wrong.value,
        difference=difference,
        low=max(float(low), -1.0),
        high=min(float(high), 1.0),
        clips_right=int(np.sum(right)),
        clips_wrong=int(np.sum(~right)),
        auc_right=drawn[cells[0]]["auc"].value,
        auc_wrong=drawn[cells[1]]["auc"].value,
    )


def _class_means(score: Array, design: Design) -> Array:
    means = [float(np.mean(score[design.fake == side])) for side in (False, True)]
    return np.where(design.fake, means[1], means[0])


def _explained(
    target: Array, features: Array, design: Design, weights: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Cross-fitted R² and its interval."""
    missed = (target - predicted(features, target, design)) ** 2
    spread = (target - target.mean()) ** 2
    if not spread.sum():
        return math.nan, math.nan, math.nan
    groups = design.groups
    sums = [np.bincount(design.group, squares, groups) for squares in (missed, spread)]
    drawn = 1 - (sums[0] @ weights) / (sums[1] @ weights)
    value = 1 - float(missed.sum() / spread.sum())
    low, high = student_interval(value, bootstrap_error(drawn, groups), groups)
    return value, float(low), min(float(high), 1.0)


def _rank(prediction: Array, score: Array) -> float:
    from scipy.stats import rankdata  # slow to import

    if len(score) < 3 or not np.ptp(score) or not np.ptp(prediction):
        return math.nan
    return float(np.corrcoef(rankdata(prediction), rankdata(score))[0, 1])


def _cell(score: Array, bar: float, design: Design, part: NDArray[np.bool_]) -> ClipSet:
    real, fake = part & ~design.fake, part & design.fake
    sides = score[real], score[fake], design.group[real], design.group[fake]
    return ClipSet(*sides, metrics=("accuracy", "auc"), threshold=bar)
