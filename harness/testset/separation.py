"""Separation of real from fake by a property, in groups that it was not learned from.

Conventions: a prediction is one number per clip, higher for fake, from a rule that was learned on
the clips of other groups only; folds keep groups whole. Its AUC is 0.5 where the property tells
nothing, and may fall below: a chance tendency of the other folds is reversed in this one.

Chance tendencies are learned from the very groups that they are tested on in other folds. If
nothing tells, the folds' results therefore agree or disagree together, and their mean varies with
√2 times the standard error that draws of groups show, whatever is learned. p-values allow for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from harness.audit.cross_fit import cross_fit, group_folds, leaves_both
from harness.audit.swapped_labels import auc_interval
from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.detection import auc
from harness.metrics.intervals import FEWEST_GROUPS, bootstrap_error
from harness.metrics.resampled import Resampled

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

_TENTHS = 10
_SAME = 1e-9
_PRIOR_CLIPS = 1.0
"""Pseudo-count per value and class (Laplace smoothing)."""

_TREES: dict[str, Any] = {
    "max_iter": 60,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 10,
    "learning_rate": 0.1,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}


@dataclass(frozen=True, eq=False)
class Design:
    """Labels, groups numbered from 0, and folds of clips, all shape (n,)."""

    fake: Mask
    group: Index
    fold: Index

    @classmethod
    def of(cls, fake: Mask, group: NDArray[Any], seed: int) -> Design:
        numbers = np.asarray(pd.factorize(group, sort=True)[0], dtype=np.intp)
        return cls(fake, numbers, group_folds(group, seed))

    @property
    def groups(self) -> int:
        return int(self.group.max()) + 1 if len(self.group) else 0

    @property
    def enough(self) -> bool:
        """Whether both classes remain outside every fold."""
        return leaves_both(self.fake, self.fold)

    def folds(self) -> list[tuple[Mask, Mask, Mask]]:
        """Masks of each fold, and of the real and fake clips of the other folds."""
        held = [self.fold == number for number in range(int(self.fold.max()) + 1)]
        return [(fold, ~fold & ~self.fake, ~fold & self.fake) for fold in held]


@dataclass(frozen=True)
class Separation:
    """AUC of a prediction, its interval, and the one-sided p-value of an AUC of 0.5 or less."""

    auc: float
    low: float
    high: float
    p: float


def by_order(value: Array, design: Design) -> tuple[Array, int]:
    """The value with the sign that separates the other folds, and the sum of these signs.

    The sum is positive where fakes have more.
    """
    prediction, signs = np.empty(len(value)), 0
    centred = value - np.median(value)
    for held, real, fake in design.folds():
        sign = 1 if auc(value[real], value[fake]) >= 0.5 else -1
        signs += sign
        prediction[held] = sign * centred[held]
    return prediction, signs


def by_value(value: NDArray[Any], design: Design) -> Array:
    """Log-odds of fake among the clips of other folds with the same value; 0 for unseen values.

    Numbers are binned by deciles of the other folds, which shows any dependence, such as fakes that
    all have one length.
    """
    numbers = value.dtype.kind == "f"
    prediction = np.empty(len(value))
    for held, *classes in design.folds():
        if numbers:
            edges = np.unique(np.quantile(value[~held], np.arange(1, _TENTHS) / _TENTHS))
            cell = np.searchsorted(edges, value, side="left")
        else:
            cell = pd.factorize(value, sort=True)[0]
        counts = [np.bincount(cell[side], minlength=int(cell.max()) + 1) for side in classes]
        real, fake = (count / max(count.sum(), 1) + _PRIOR_CLIPS / len(value) for count in counts)
        prediction[held] = np.log(fake / real)[cell[held]]
    return prediction


def by_all(features: Array, design: Design) -> Array:
    """Log-odds of fake from all features, by gradient-boosted trees with balanced classes.

    Parameters
    ----------
    features
        Shape (n, features).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(**_TREES, class_weight="balanced")
    odds = cross_fit(model, features, design.fake, design.fold, "decision_function")
    # Where no tree splits the odds are even but for rounding, which depends on the fold.
    return np.round(odds, 9)


def predicted(features: Array, target: Array, design: Design) -> Array:
    """Predict each clip's target by gradient-boosted trees on the features of the other folds."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return cross_fit(HistGradientBoostingRegressor(**_TREES), features, target, design.fold)


def separations(
    predictions: list[Array], design: Design, resamples: int, seed: int
) -> list[Separation]:
    """AUC of each prediction, all from the same draws of groups."""
    real, fake = ~design.fake, design.fake
    groups = design.group[real], design.group[fake]
    cells = [
        ClipSet(values[real], values[fake], *groups, metrics=("auc",)) for values in predictions
    ]
    drawn = estimate(cells, design.groups, resamples, seed)
    return [_separation(drawn[cell]["auc"]) for cell in cells]


def _separation(drawn: Resampled) -> Separation:
    low, high = auc_interval(drawn)
    if 0 < drawn.value < 1 and np.ptp(drawn.draws) <= _SAME:
        # The classes are alike in every group, as where each fake has its real twin.
        low = high = drawn.value
    return Separation(drawn.value, low, high, _p(drawn))


def _p(drawn: Resampled) -> float:
    """By Student's t over groups, at least what exchanging classes group by group could give."""
    if drawn.groups < FEWEST_GROUPS or np.isnan(drawn.value):
        return float("nan")
    error = np.sqrt(2) * max(float(bootstrap_error(drawn.draws, drawn.groups)), _SAME)
    return max(float(stdtr(drawn.groups - 1, (0.5 - drawn.value) / error)), 2.0**-drawn.groups)
