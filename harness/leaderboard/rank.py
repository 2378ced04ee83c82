"""Figures of many models with intervals, and the ranks that they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.leaderboard.comparable_runs import Quantity, part_of
from harness.metrics import METRICS
from harness.metrics.bootstrap import Estimate
from harness.metrics.classification import Array
from harness.metrics.intervals import difference_interval, proportion_interval
from harness.metrics.rank import rank

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
    shown = bounds(quantity, METRICS[metric].most)
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


def bounds(quantity: Quantity, most: float) -> list[Bounded]:
    """Intervals of figures between 0 and `most`, or of means of such."""
    low, high = proportion_interval(quantity.values / most, quantity.draws / most, *_of(quantity))
    return _bounded(quantity, low * most, high * most)


def difference_bounds(quantity: Quantity, most: float) -> list[Bounded]:
    """Intervals of paired differences of figures between 0 and `most`."""
    groups, _ = _of(quantity)
    low, high = difference_interval(quantity.values / most, quantity.draws / most, groups)
    return _bounded(quantity, low * most, high * most)


def _of(quantity: Quantity) -> tuple[Array, Array]:
    """Groups and evidence of every figure."""
    ones = np.ones(len(quantity.values))
    return quantity.groups * ones, quantity.evidence * ones


def _bounded(quantity: Quantity, low: Any, high: Any) -> list[Bounded]:
    return [
        Bounded(*numbers, 0 if math.isnan(numbers[0]) else quantity.clips)
        for numbers in zip(quantity.values.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def one_bounded(one: Estimate, most: float) -> Bounded:
    """Interval of a figure of one model."""
    quantity = Quantity(
        np.array([one.value]),
        one.draws[None, :],
        one.clips,
        one.evidence,
        one.groups,
        np.zeros((1, 1), dtype=np.intp),
    )
    return bounds(quantity, most)[0]


def unknown() -> Bounded:
    """What there is no figure of."""
    return Bounded(math.nan, math.nan, math.nan, 0)


def unranked() -> Standing:
    """What has no rank."""
    return Standing(unknown(), NO_RANK, NO_RANK, NO_RANK, "")
