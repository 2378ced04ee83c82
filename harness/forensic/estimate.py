"""A figure with its interval and what it is of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.metrics.bootstrap import Estimate
from harness.metrics.interval_kind import intervals_of
from harness.metrics.intervals import difference_interval

RESAMPLES = 1000


@dataclass(frozen=True)
class Measured:
    """A figure, its 95 % interval over groups, and what it is of.

    Parameters
    ----------
    value, low, high
        NaN where there is none.
    clips, groups
        In its denominator; of the smaller class where it needs both classes.
    """

    value: float
    low: float
    high: float
    clips: int
    groups: int

    @property
    def known(self) -> bool:
        """Whether there is a value and an interval to go with it."""
        return not (math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high))


NOTHING = Measured(math.nan, math.nan, math.nan, 0, 0)


def measured(estimates: Mapping[str, Estimate]) -> dict[str, Measured]:
    """Estimates of the metrics that are their names, with their intervals."""
    low, high = intervals_of(estimates)
    return {
        name: Measured(one.value, below, above, one.evidence, one.groups)
        for (name, one), below, above in zip(
            estimates.items(), low.tolist(), high.tolist(), strict=True
        )
    }


def difference(before: Estimate, after: Estimate) -> Measured:
    """After less before, of a figure between 0 and 1 and from the same draws."""
    groups = min(before.groups, after.groups)
    value = after.value - before.value
    low, high = difference_interval(
        np.array([value]), (after.draws - before.draws)[None, :], np.array([groups])
    )
    clips = min(before.evidence, after.evidence)
    return Measured(value, float(low[0]), float(high[0]), clips, groups)
