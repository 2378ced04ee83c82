"""Two detectors on the same clips: figures of both, from the same draws, and their contrasts.

Conventions: the two cells of a pair hold the same clips in the same order within each class, and
number groups alike. A difference is the first less the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.metrics import METRICS, DecisionMetric, RankingMetric
from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.classification import Array, Confusion
from harness.metrics.intervals import bootstrap_skew
from harness.metrics.resampled import Resampled, difference_of, mean_of_figures
from harness.metrics.significance import Contrast, placement_difference
from harness.terms import Generators

Pair = tuple[ClipSet, ClipSet]

SHARED = 0.5
"""Share of conditions under which a clip changes that was not seen to; fewer in simulations."""

_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Paired:
    """One figure of two detectors.

    Parameters
    ----------
    differing, largest, most, clip
        As `harness.metrics.significance.Contrast`.
    """

    value: Resampled
    baseline: Resampled
    differing: int
    largest: float
    most: float = 1.0
    clip: float = np.inf

    @property
    def difference(self) -> float:
        return self.value.value - self.baseline.value

    @property
    def draws(self) -> Array:
        return self.value.draws - self.baseline.draws

    @property
    def groups(self) -> int:
        return min(self.value.groups, self.baseline.groups)

    @cached_property
    def figure(self) -> Resampled:
        """The difference, resampled."""
        return difference_of(self.value, self.baseline)

    def error(self, generators: Generators = "these") -> float:
        """Standard error of the difference.

        For new generators it is NaN where the figure has fakes of fewer than two known generators;
        it is that for these of a figure without fakes.
        """
        return self.figure.error(generators)

    def freedom(self, generators: Generators = "these") -> float:
        """Degrees of freedom of the standard error, as Student's t takes them."""
        return self.figure.freedom(generators)


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
                    shown[name].differing,
                    shown[name].largest,
                    METRICS[name].range.span,
                    shown[name].clip,
                )
                for name in cell.metrics
            }
        )
    return compared


def mean_of_pairs(paired: Sequence[Paired]) -> Paired:
    """The mean of a figure over conditions, or of families: that of the same draws of all.

    So what conditions have in common counts. Of groups that differ at least as many are counted as
    in any part, and a group has no larger effect than in the mean of the parts' largest. A clip
    whose change was not seen is taken to change under a share `SHARED` of the conditions.
    """
    return Paired(
        mean_of_figures([pair.value for pair in paired]),
        mean_of_figures([pair.baseline for pair in paired]),
        max(pair.differing for pair in paired),
        float(np.mean([pair.largest for pair in paired])),
        max(pair.most for pair in paired),
        float(np.mean([pair.clip for pair in paired])) * (SHARED if len(paired) > 1 else 1.0),
    )


def contrast(paired: Sequence[Paired], generators: Generators = "these") -> Contrast:
    """The differences as one array, to be judged together.

    A difference whose error for new generators is not known has that for these.
    """
    sides: list[Generators] = [_side(pair, generators) for pair in paired]
    return Contrast(
        difference=np.array([pair.difference for pair in paired]),
        error=np.array([pair.error(side) for pair, side in zip(paired, sides, strict=True)]),
        groups=np.array([pair.groups for pair in paired], dtype=np.intp),
        differing=np.array([pair.differing for pair in paired], dtype=np.intp),
        largest=np.array([pair.largest for pair in paired]),
        skew=np.array([float(bootstrap_skew(pair.draws)) for pair in paired]),
        most=np.array([pair.most for pair in paired]),
        freedom=np.array([pair.freedom(side) for pair, side in zip(paired, sides, strict=True)]),
        clip=np.array([pair.clip for pair in paired]),
    )


def _side(pair: Paired, generators: Generators) -> Generators:
    return "these" if np.isnan(pair.error(generators)) else generators


class GroupEffects(NamedTuple):
    """The groups in which two cells differ, and effects times the groups that have clips.

    `largest` is the effect of exchanging one group's clips, `clip` that of changing one clip.
    """

    differing: int
    largest: float
    clip: float


def group_effects(cell: ClipSet, baseline: ClipSet, groups: int) -> dict[str, GroupEffects]:
    """Return the groups in which two cells differ and the largest effect of one, by metric.

    The effect of a group on a decision metric is how much exchanging the verdicts on its clips
    alone changes either value, whichever is more. On another metric it is at most the weighted
    share of each class whose placement, or whose score, differs within the group: no clip can
    change more.
    """
    before, after = _counts(baseline, groups), _counts(cell, groups)
    some = np.flatnonzero((before != after).any(axis=0))
    change = after[:, some] - before[:, some]
    totals = before.sum(axis=1, keepdims=True), after.sum(axis=1, keepdims=True)
    sides = [
        (Confusion(*total), Confusion(*(total + exchanged)))
        for total, exchanged in zip(totals, (change, -change), strict=True)
    ]
    present = int(np.sum(before.any(axis=0)))
    shares: dict[bool, Array] = {}
    effects: dict[str, GroupEffects] = {}
    for name in cell.metrics:
        metric = METRICS[name]
        if isinstance(metric, DecisionMetric):
            effects_of_sides = [
                np.abs(metric.formula(new) - metric.formula(old)) for old, new in sides
            ]
            effect = np.maximum(*effects_of_sides)
            clip = max(_clip_effect(metric, total) for total in totals)
        else:
            ranked = isinstance(metric, RankingMetric)
            if ranked not in shares:
                shares[ranked] = _moved(cell, baseline, groups, ranked=ranked)
            weights = metric.weights if isinstance(metric, RankingMetric) else (1.0, 1.0)
            effect = _weighted(shares[ranked], weights, metric.range.span)
            of_clip = np.array([[1.0], [1.0]]) / np.maximum([[len(cell.real)], [len(cell.fake)]], 1)
            clip = float(np.max(_weighted(of_clip * np.eye(2), weights, metric.range.span)))
        # One group's clips can make or break the figure.
        effect = np.nan_to_num(effect, nan=metric.range.span, posinf=np.inf)
        shown = effect > _SAME
        largest = float(np.max(effect)) * present if shown.any() else 0.0
        effects[name] = GroupEffects(int(np.sum(shown)), largest, clip * present)
    return effects


def _weighted(shares: Array, weights: tuple[float, float], span: float) -> Array:
    """The most that shares of each class can change a figure; any share may, without a range."""
    if np.isinf(span):
        return np.where(shares.any(axis=0), np.inf, 0.0)
    return np.asarray(weights) @ shares


def _clip_effect(metric: DecisionMetric, total: Array) -> float:
    """The most that turning the verdict on one clip changes a figure of these counts."""
    turns = np.array([[-1, 1, 0, 0], [1, -1, 0, 0], [0, 0, -1, 1], [0, 0, 1, -1]]).T
    turned = total + np.concatenate([turns, np.zeros((2, 4))])
    turned = turned[:, (turned >= 0).all(axis=0)]
    value, others = metric.formula(Confusion(*total)), metric.formula(Confusion(*turned))
    effect = np.abs(others - value)
    return float(np.max(effect, initial=0.0, where=~np.isnan(effect)))


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


def _moved(cell: ClipSet, baseline: ClipSet, groups: int, *, ranked: bool) -> Array:
    """Share of each class whose placement, or score, differs, by group: shape (2, groups)."""
    if ranked:
        changes = placement_difference(cell.real, cell.fake, baseline.real, baseline.fake)
    else:
        changes = cell.real - baseline.real, cell.fake - baseline.fake
    moved = np.zeros((2, groups))
    for row, (change, group) in enumerate(
        zip(changes, (cell.real_group, cell.fake_group), strict=True)
    ):
        if len(change):
            weights = (np.abs(change) > _SAME) / len(change)
            moved[row] = np.bincount(group, weights, minlength=groups)
    return moved
