"""A metric's value with its resampled values, and intervals of many of them by their range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.metrics.classification import Array
from harness.metrics.intervals import metric_interval
from harness.metrics.metric import SHARE, Range


@dataclass(frozen=True, eq=False)
class Resampled:
    """A value, its resampled values, and what it is of.

    Parameters
    ----------
    clips
        In the denominator.
    evidence
        Of these, the clips of the smaller class where the metric needs both classes; else all.
    groups
        That the evidence is of; the smaller number where the metric needs both classes.
    fitted
        As `harness.metrics.metric.Metric`.
    """

    value: float
    draws: Array
    clips: int
    evidence: int
    groups: int
    range: Range = SHARE
    fitted: bool = False


def intervals_of(figures: Sequence[Resampled]) -> tuple[Array, Array]:
    """95 % bounds in the order of the figures; NaN where there are none."""
    return metric_interval(
        np.array([figure.value for figure in figures]),
        np.stack([figure.draws for figure in figures]),
        np.array([figure.groups for figure in figures]),
        np.array([figure.evidence for figure in figures]),
        np.array([figure.range for figure in figures]),
        np.array([figure.fitted for figure in figures], dtype=bool),
    )
