"""A figure of several models from the same draws, its intervals, and the ranks that it gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics import METRICS, Range
from harness.metrics.classification import Array
from harness.metrics.intervals import difference_interval, metric_interval
from harness.metrics.rank import Count, rank
from harness.metrics.resampled import Resampled

NO_RANK = 0


@dataclass(frozen=True)
class Bounded:
    """A figure with its 95 % interval over groups; NaN and no clips where there is none."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0


@dataclass(frozen=True)
class Standing:
    """A figure and its rank, `NO_RANK` where there is none.

    Parameters
    ----------
    best, worst
        Bounds of the rank that hold for all models of the column at once, with 95 % certainty.
    letters
        Models that share a letter are not told apart.
    """

    figure: Bounded = Bounded()
    rank: int = NO_RANK
    best: int = NO_RANK
    worst: int = NO_RANK
    letters: str = ""


@dataclass(frozen=True, eq=False)
class JointFigure:
    """A figure of m models from the same draws.

    Parameters
    ----------
    values, draws
        Shapes (m,) and (m, resamples).
    clips, evidence, groups
        As `Resampled` has them; of a mean, the fewest of any part.
    differing
        Groups in which two models differ, shape (m, m); of a mean, the most of any part.
    """

    values: Array
    draws: Array
    clips: int
    evidence: int
    groups: int
    differing: Count

    @classmethod
    def of(cls, figures: Sequence[Resampled], differing: Count) -> JointFigure:
        return cls(
            np.array([figure.value for figure in figures]),
            np.stack([figure.draws for figure in figures]),
            min(figure.clips for figure in figures),
            min(figure.evidence for figure in figures),
            min(figure.groups for figure in figures),
            differing,
        )

    def minus(self, other: JointFigure) -> JointFigure:
        return _combined([self, other], self.values - other.values, self.draws - other.draws)

    def of_models(self, places: Sequence[int]) -> JointFigure:
        """The figure of some of the models."""
        inside = np.array(places, dtype=np.intp)
        differing = self.differing[np.ix_(inside, inside)]
        support = self.clips, self.evidence, self.groups
        return JointFigure(self.values[inside], self.draws[inside], *support, differing)

    def bounded(self, range_: Range) -> list[Bounded]:
        """Intervals of a figure with this range."""
        ones = np.ones(len(self.values))
        bounds = metric_interval(
            self.values,
            self.draws,
            self.groups * ones,
            self.evidence * ones,
            np.outer(ones, range_),
            np.zeros(len(ones), dtype=bool),
        )
        return self._bounded(*bounds)

    def bounded_difference(self, range_: Range) -> list[Bounded]:
        """Intervals of a paired difference of figures with this range."""
        ones = np.ones(len(self.values))
        bounds = difference_interval(
            self.values, self.draws, self.groups * ones, range_.span * ones
        )
        return self._bounded(*bounds)

    def standings(self, metric: str) -> list[Standing]:
        """Intervals and ranks; a model without a value has no rank."""
        bounded = self.bounded(METRICS[metric].range)
        known = [place for place, figure in enumerate(bounded) if not math.isnan(figure.value)]
        own = self.of_models(known)
        ranks = rank(own.values, own.draws, own.groups, own.differing, METRICS[metric].better)
        standings = [Standing(figure) for figure in bounded]
        for at, place in enumerate(known):
            standings[place] = Standing(
                bounded[place],
                int(ranks.rank[at]),
                int(ranks.best[at]),
                int(ranks.worst[at]),
                ranks.letters[at],
            )
        return standings

    def _bounded(self, low: Any, high: Any) -> list[Bounded]:
        columns = self.values.tolist(), low.tolist(), high.tolist()
        return [
            Bounded(*numbers, 0 if math.isnan(numbers[0]) else self.clips)
            for numbers in zip(*columns, strict=True)
        ]


def mean_of(figures: Sequence[JointFigure]) -> JointFigure:
    """The plain mean of some figures, of the same draws or of independent ones."""
    values = np.mean([figure.values for figure in figures], axis=0)
    return _combined(figures, values, np.mean([figure.draws for figure in figures], axis=0))


def _combined(figures: Sequence[JointFigure], values: Array, draws: Array) -> JointFigure:
    return JointFigure(
        values,
        draws,
        min(figure.clips for figure in figures),
        min(figure.evidence for figure in figures),
        min(figure.groups for figure in figures),
        np.max([figure.differing for figure in figures], axis=0),
    )
