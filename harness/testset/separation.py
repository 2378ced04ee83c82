"""How well a property tells real from fake in groups that were not learned from.

Conventions: an opinion is a number a clip, higher is more fake, made of the property by a rule that
was learned on the clips of other groups alone; folds keep groups whole. Its AUC is 0.5 where the
property tells nothing, and may fall below: what looks like a tendency in the other folds is its
opposite in this one where there is none.

p-values are one-sided, of an AUC of 0.5 or less, by Student's t over groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from harness.audit.fold import folds_of
from harness.metrics.bootstrap import Cell, Estimate, estimate
from harness.metrics.detection import auc
from harness.metrics.intervals import FEWEST_GROUPS, bootstrap_error, proportion_interval

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

_TENTHS = 10
_SAME = 1e-9
_PRIOR_CLIPS = 1.0
"""Pseudo-count per value and class (Laplace smoothing)."""


@dataclass(frozen=True, eq=False)
class Design:
    """Labels, groups numbered from 0, and folds of clips, all shape (n,)."""

    fake: Mask
    group: Index
    fold: Index

    @classmethod
    def of(cls, fake: Mask, group: NDArray[Any], seed: int) -> Design:
        numbers = np.asarray(pd.factorize(group, sort=True)[0], dtype=np.intp)
        return cls(fake, numbers, folds_of(group, seed))

    @property
    def groups(self) -> int:
        return int(self.group.max()) + 1 if len(self.group) else 0

    @property
    def enough(self) -> bool:
        """Whether every fold leaves both classes to learn from."""
        folds = [self.fold == number for number in range(int(self.fold.max()) + 1)]
        return len(folds) > 1 and all(len(set(self.fake[~held].tolist())) == 2 for held in folds)


@dataclass(frozen=True)
class Separation:
    """AUC of an opinion with its interval and p-value; `groups` are those of the smaller class."""

    auc: float
    low: float
    high: float
    p: float
    groups: int


def by_order(value: Array, design: Design) -> tuple[Array, int]:
    """The value itself, in each fold with the sign that it has in the others; and the sum of signs.

    The sum is the number of folds where fakes have more, less those where they have less.
    """
    opinion, signs = np.empty(len(value)), 0
    centred = value - np.median(value)
    for number in range(int(design.fold.max()) + 1):
        held = design.fold == number
        real, fake = (value[~held & (design.fake == side)] for side in (False, True))
        sign = 1 if auc(real, fake) >= 0.5 else -1
        signs += sign
        opinion[held] = sign * centred[held]
    return opinion, signs


def by_value(value: NDArray[Any], design: Design) -> Array:
    """Log-odds of fake among the clips of other folds that have the value.

    Numbers are taken in tenths of the other folds' clips, so that any dependence is seen, such as
    fakes that are all of one length; values never seen are even.
    """
    numbers = value.dtype.kind == "f"
    opinion = np.empty(len(value))
    for number in range(int(design.fold.max()) + 1):
        held = design.fold == number
        if numbers:
            edges = np.unique(np.quantile(value[~held], np.arange(1, _TENTHS) / _TENTHS))
            cell = np.searchsorted(edges, value, side="left")
        else:
            cell = pd.factorize(value, sort=True)[0]
        counts = [
            np.bincount(cell[~held & (design.fake == side)], minlength=int(cell.max()) + 1)
            for side in (False, True)
        ]
        real, fake = (each / max(each.sum(), 1) + _PRIOR_CLIPS / len(value) for each in counts)
        opinion[held] = np.log(fake / real)[cell[held]]
    return opinion


def by_all(features: Array, design: Design) -> Array:
    """Log-odds of fake from all features, by gradient-boosted trees; shape (n, features) to (n,).

    Classes weigh the same.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    opinion = np.empty(len(features))
    for number in range(int(design.fold.max()) + 1):
        held = design.fold == number
        model = HistGradientBoostingClassifier(**_TREES, class_weight="balanced")
        model.fit(features[~held], design.fake[~held])
        opinion[held] = model.decision_function(features[held])
    return opinion


def predicted(features: Array, target: Array, design: Design) -> Array:
    """Each clip's target from its features, by gradient-boosted trees on the other folds."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    found = np.empty(len(features))
    for number in range(int(design.fold.max()) + 1):
        held = design.fold == number
        model = HistGradientBoostingRegressor(**_TREES)
        model.fit(features[~held], target[~held])
        found[held] = model.predict(features[held])
    return found


_TREES: dict[str, Any] = {
    "max_iter": 60,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 10,
    "learning_rate": 0.1,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}


def separations(
    opinions: list[Array], design: Design, resamples: int, seed: int
) -> list[Separation]:
    """AUC of each opinion, all from the same draws of groups."""
    cells = [_cell(opinion, design) for opinion in opinions]
    drawn = estimate(cells, design.groups, resamples, seed)
    return [_separation(drawn[cell]["auc"]) for cell in cells]


def _cell(opinion: Array, design: Design) -> Cell:
    real, fake = ~design.fake, design.fake
    sides = opinion[real], opinion[fake], design.group[real], design.group[fake]
    return Cell(*sides, metrics=("auc",))


def _separation(drawn: Estimate) -> Separation:
    groups = np.array([drawn.groups])
    low, high = proportion_interval(
        np.array([drawn.value]), drawn.draws[None], groups, np.array([drawn.evidence])
    )
    p = above_half(drawn)
    if 0 < drawn.value < 1 and np.ptp(drawn.draws) <= _SAME:
        # Classes that are alike in every group, as where each fake has its real twin.
        low, high = np.array([drawn.value]), np.array([drawn.value])
    return Separation(drawn.value, float(low[0]), float(high[0]), p, drawn.groups)


def above_half(drawn: Estimate) -> float:
    """One-sided p-value of an AUC of 0.5 or less, by t over groups; NaN where that is unknown.

    No smaller than what exchanging the classes group by group could give.
    """
    if drawn.groups < FEWEST_GROUPS or np.isnan(drawn.value):
        return float("nan")
    error = float(bootstrap_error(drawn.draws, drawn.groups))
    t = (drawn.value - 0.5) / max(error, 1e-12)
    return max(float(stdtr(drawn.groups - 1, -t)), 2.0**-drawn.groups)
