"""A metric's value with its resampled values, and intervals of many of them by their range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.metrics.classification import Array
from harness.metrics.intervals import bootstrap_error, metric_interval
from harness.metrics.metric import SHARE, Range
from harness.terms import Generators


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

    def error(self, generators: Generators = "these") -> float:  # noqa: ARG002
        """Standard error; NaN where it is not known."""
        return float(bootstrap_error(self.draws, self.groups))

    def freedom(self, generators: Generators = "these") -> float:  # noqa: ARG002
        """Degrees of freedom of the standard error, as Student's t takes them."""
        return float(self.groups - 1)


def mean_of_figures(figures: Sequence[Resampled]) -> Resampled:
    """The mean of figures of the same draws, with the evidence of its weakest part."""
    return Resampled(
        float(np.mean([figure.value for figure in figures])),
        np.mean([figure.draws for figure in figures], axis=0),
        sum(figure.clips for figure in figures),
        min(figure.evidence for figure in figures),
        min(figure.groups for figure in figures),
        figures[0].range,
    )


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
