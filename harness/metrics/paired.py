"""Two detectors on the same clips: figures of both, from the same draws, and their contrasts.

Conventions: the two cells of a pair hold the same clips in the same order within each class, and
number groups alike. A difference is the first less the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics import METRICS, DecisionMetric, RankingMetric
from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.classification import Array, Confusion
from harness.metrics.intervals import bootstrap_error, bootstrap_skew
from harness.metrics.resampled import Resampled, mean_of_figures
from harness.metrics.significance import Contrast, placement_difference
from harness.terms import Generators

Pair = tuple[ClipSet, ClipSet]

_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Paired:
    """One figure of two detectors; `most` is the largest possible difference."""

    value: Resampled
    baseline: Resampled
    differing: int
    largest: float
    most: float = 1.0

    @property
    def difference(self) -> float:
        return self.value.value - self.baseline.value

    @property
    def draws(self) -> Array:
        return self.value.draws - self.baseline.draws

    @property
    def groups(self) -> int:
        return min(self.value.groups, self.baseline.groups)

    def error(self, generators: Generators = "these") -> float:  # noqa: ARG002
        """Standard error of the difference; NaN where it is not known."""
        return float(bootstrap_error(self.draws, self.groups))

    def freedom(self, generators: Generators = "these") -> float:  # noqa: ARG002
        """Degrees of freedom of the standard error, as Student's t takes them."""
        return float(self.groups - 1)


def compare_cells(
    pairs: Sequence[Pair], groups: int, resamples: int, seed: int
) -> list[dict[str, Paired]]:
    """Compute the metrics of both cells of every pair, resampled with the same draws for all pairs.

    Raises
    ------
    ValueError
        Where the cells of a pair differ in their metrics or clips.
    """
    for cell, baseline in pairs:
        if cell.metrics != baseline.metrics or _clips(cell) != _clips(baseline):
            raise ValueError("a pair is of the same clips and figures")
    cells = list(dict.fromkeys(cell for pair in pairs for cell in pair))
    estimates = estimate(cells, groups, resamples, seed)
    compared: list[dict[str, Paired]] = []
    for cell, baseline in pairs:
        shown = group_effects(cell, baseline, groups)
        compared.append(
            {
                name: Paired(
                    estimates[cell][name],
                    estimates[baseline][name],
                    *shown[name],
                    METRICS[name].range.span,
                )
                for name in cell.metrics
            }
        )
    return compared


def mean_of_pairs(paired: Sequence[Paired]) -> Paired:
    """The mean of a figure over conditions, or of families: that of the same draws of all.

    So what conditions have in common counts. Of groups that differ at least as many are counted as
    in any part, and a group has no larger effect than in the mean of the parts' largest.
    """
    return Paired(
        mean_of_figures([pair.value for pair in paired]),
        mean_of_figures([pair.baseline for pair in paired]),
        max(pair.differing for pair in paired),
        float(np.mean([pair.largest for pair in paired])),
        max(pair.most for pair in paired),
    )


def contrast(paired: Sequence[Paired], generators: Generators = "these") -> Contrast:
    """The differences as one array, to be judged together."""
    return Contrast(
        difference=np.array([pair.difference for pair in paired]),
        error=np.array([pair.error(generators) for pair in paired]),
        groups=np.array([pair.groups for pair in paired], dtype=np.intp),
        differing=np.array([pair.differing for pair in paired], dtype=np.intp),
        largest=np.array([pair.largest for pair in paired]),
        skew=np.array([float(bootstrap_skew(pair.draws)) for pair in paired]),
        most=np.array([pair.most for pair in paired]),
        freedom=np.array([pair.freedom(generators) for pair in paired]),
    )


def group_effects(cell: ClipSet, baseline: ClipSet, groups: int) -> dict[str, tuple[int, float]]:
    """Return the groups in which two cells differ and the largest effect of one, by metric.

    The effect of a group on a decision metric is how much exchanging the verdicts on its clips
    alone changes either value, whichever is more. On a ranking metric it is at most the weighted
    share of each class whose placement differs within the group: no clip can change more.

    Returns
    -------
    dict
        By metric: groups with an effect, and the largest effect times the groups that have clips.
    """
    before, after = _counts(baseline, groups), _counts(cell, groups)
    some = np.flatnonzero((before != after).any(axis=0))
    change = after[:, some] - before[:, some]
    sides = [
        (Confusion(*total), Confusion(*(total + exchanged)))
        for total, exchanged in (
            (before.sum(axis=1, keepdims=True), change),
            (after.sum(axis=1, keepdims=True), -change),
        )
    ]
    present = int(np.sum(before.any(axis=0)))
    shares = None
    effects: dict[str, tuple[int, float]] = {}
    for name in cell.metrics:
        metric = METRICS[name]
        if isinstance(metric, DecisionMetric):
            effects_of_sides = [
                np.abs(metric.formula(new) - metric.formula(old)) for old, new in sides
            ]
            effect = np.maximum(*effects_of_sides)
        elif isinstance(metric, RankingMetric):
            shares = _moved(cell, baseline, groups) if shares is None else shares
            effect = np.asarray(metric.weights) @ shares
        else:
            raise ValueError(f"{name} is compared by no pair")
        # One group's clips can make or break the figure.
        effect = np.nan_to_num(effect, nan=metric.range.span)
        shown = effect > _SAME
        largest = float(np.max(effect)) * present if shown.any() else 0.0
        effects[name] = int(np.sum(shown)), largest
    return effects


def _clips(cell: ClipSet) -> tuple[int, ...]:
    """Count the clips that both cells of a pair must have: the scored of each class, or all."""
    scored = len(cell.real), len(cell.fake)
    if any(isinstance(METRICS[name], RankingMetric) for name in cell.metrics):
        return scored
    others = (cell.unscored_real_group, cell.unscored_fake_group, cell.missing_group)
    return (sum(scored) + sum(len(unscored) for unscored in others),)


def _counts(cell: ClipSet, groups: int) -> NDArray[np.float64]:
    """Shape (6, groups): the fields of a `Confusion`."""
    counted = cell.counted().values()
    return np.stack([np.bincount(clip_groups, minlength=groups) for clip_groups in counted]).astype(
        np.float64
    )


def _moved(cell: ClipSet, baseline: ClipSet, groups: int) -> Array:
    """Share of each class whose placement differs, by group: shape (2, groups)."""
    changes = placement_difference(cell.real, cell.fake, baseline.real, baseline.fake)
    moved = np.zeros((2, groups))
    for row, (change, group) in enumerate(
        zip(changes, (cell.real_group, cell.fake_group), strict=True)
    ):
        if len(change):
            weights = (np.abs(change) > _SAME) / len(change)
            moved[row] = np.bincount(group, weights, minlength=groups)
    return moved
