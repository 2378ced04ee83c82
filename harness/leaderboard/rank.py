"""Figures of many models with intervals, and the ranks that they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.leaderboard.comparable_runs import Quantity, part_of
from harness.metrics import METRICS, Range
from harness.metrics.intervals import difference_interval, metric_interval
from harness.metrics.rank import rank
from harness.metrics.resampled import Resampled

NO_RANK = 0


@dataclass(frozen=True)
class Bounded:
    """A figure with its 95 % interval over groups."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Standing:
    """A figure and the rank that it gives; rank 0 where there is none.

    Parameters
    ----------
    best, worst
        Bounds that hold for all models of the column at once, with 95 % certainty.
    letters
        Models that share a letter are not told apart.
    """

    figure: Bounded
    rank: int
    best: int
    worst: int
    letters: str


def standings(quantity: Quantity, metric: str) -> list[Standing]:
    """A figure of every model with its rank; a model without a value has none."""
    shown = bounds(quantity, METRICS[metric].range)
    known = [place for place, each in enumerate(shown) if not math.isnan(each.value)]
    inside = part_of(quantity, known)
    ranks = rank(
        inside.values, inside.draws, inside.groups, inside.differing, METRICS[metric].better
    )
    found = [replace(unranked(), figure=each) for each in shown]
    for at, place in enumerate(known):
        found[place] = Standing(
            shown[place],
            int(ranks.rank[at]),
            int(ranks.best[at]),
            int(ranks.worst[at]),
            ranks.letters[at],
        )
    return found


def bounds(quantity: Quantity, range_: Range) -> list[Bounded]:
    """Intervals of figures with a range, or of means of such."""
    ones = np.ones(len(quantity.values))
    low, high = metric_interval(
        quantity.values,
        quantity.draws,
        quantity.groups * ones,
        quantity.evidence * ones,
        np.outer(ones, range_),
        np.zeros(len(ones), dtype=bool),
    )
    return _bounded(quantity, low, high)


def difference_bounds(quantity: Quantity, range_: Range) -> list[Bounded]:
    """Intervals of paired differences of figures with a range."""
    groups = quantity.groups * np.ones(len(quantity.values))
    span = np.full(len(quantity.values), range_.span)
    low, high = difference_interval(quantity.values, quantity.draws, groups, span)
    return _bounded(quantity, low, high)


def _bounded(quantity: Quantity, low: Any, high: Any) -> list[Bounded]:
    return [
        Bounded(*numbers, 0 if math.isnan(numbers[0]) else quantity.clips)
        for numbers in zip(quantity.values.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def one_bounded(one: Resampled) -> Bounded:
    """Interval of a figure of one model."""
    quantity = Quantity(
        np.array([one.value]),
        one.draws[None, :],
        one.clips,
        one.evidence,
        one.groups,
        np.zeros((1, 1), dtype=np.intp),
    )
    return bounds(quantity, one.range)[0]


def unknown() -> Bounded:
    """What there is no figure of."""
    return Bounded(math.nan, math.nan, math.nan, 0)


def unranked() -> Standing:
    """What has no rank."""
    return Standing(unknown(), NO_RANK, NO_RANK, NO_RANK, "")
