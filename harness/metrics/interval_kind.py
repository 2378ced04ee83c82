"""Intervals of estimates by the kind of figure that they are.

A figure between two ends has that of a proportion, a cost without an end that of a positive number,
one that is fitted to the clips that it judges (`Calibration.fitted`) that of a corrected figure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.metrics import METRICS, Calibration
from harness.metrics.bootstrap import Estimate
from harness.metrics.classification import Array
from harness.metrics.intervals import corrected_interval, positive_interval, proportion_interval


def intervals_of(estimates: Mapping[str, Estimate]) -> tuple[Array, Array]:
    """95 % bounds of the figures that are the keys, in their order; NaN where there are none."""
    each = list(estimates.values())
    most = np.array([one.most for one in each])
    fitted = np.array([_fitted(name) for name in estimates], dtype=bool)
    values = np.array([one.value for one in each])
    draws = np.stack([one.draws for one in each])
    groups = np.array([one.groups for one in each])
    evidence = np.array([one.evidence for one in each])
    low, high = np.full(len(each), np.nan), np.full(len(each), np.nan)
    ends = np.flatnonzero(np.isfinite(most) & ~fitted)
    if len(ends):
        scale = most[ends]
        shares = proportion_interval(
            values[ends] / scale, draws[ends] / scale[:, None], groups[ends], evidence[ends]
        )
        low[ends], high[ends] = shares[0] * scale, shares[1] * scale
    open_ = np.flatnonzero(~np.isfinite(most) & ~fitted)
    if len(open_):
        low[open_], high[open_] = positive_interval(values[open_], draws[open_], groups[open_])
    some = np.flatnonzero(fitted)
    if len(some):
        low[some], high[some] = corrected_interval(
            values[some], draws[some], groups[some], most[some]
        )
    return low, high


def _fitted(name: str) -> bool:
    metric = METRICS[name]
    return isinstance(metric, Calibration) and metric.fitted
