"""Cross-fitting: predictions for each clip from models of the clips of other groups."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FOLDS = 5

Array = NDArray[np.float64]


def group_folds(group: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """Number of each clip's fold, shape (n,): whole groups, at most `FOLDS` folds.

    Independent of the order of the clips.
    """
    numbers, names = pd.factorize(group, sort=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(order % min(FOLDS, max(len(names), 1)))[numbers]


def leaves_both(fake: NDArray[np.bool_], fold: NDArray[np.intp]) -> bool:
    """Whether both classes remain outside every fold."""
    folds = range(int(fold.max()) + 1)
    return len(folds) > 1 and all(len(set(fake[fold != number].tolist())) == 2 for number in folds)


def cross_fit(
    model: Any,
    features: Array,
    target: NDArray[Any],
    fold: NDArray[np.intp],
    method: Literal["predict", "decision_function"] = "predict",
) -> Array:
    """Predict each clip by a model fitted on the other folds."""
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    folds = PredefinedSplit(fold)
    return np.asarray(cross_val_predict(model, features, target, cv=folds, method=method))
