"""Folds that keep groups whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FOLDS = 5


def folds_of(group: NDArray[Any], seed: int, folds: int = FOLDS) -> NDArray[np.intp]:
    """Number of each clip's fold, shape (n,): groups are dealt out in an order drawn by the seed.

    Their order among the clips is of no consequence. There are no more folds than groups.
    """
    numbers, names = pd.factorize(group, sort=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(order % min(folds, max(len(names), 1)))[numbers]
