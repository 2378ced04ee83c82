"""A figure of several models from the same draws, its intervals, and the ranks that it gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.metrics import METRICS, Range
from harness.metrics.classification import Array
from harness.metrics.rank import Count, rank
from harness.metrics.resampled import (
    Resampled,
    bounds_of,
    difference_bounds,
    difference_of,
    mean_of_figures,
)
from harness.metrics.uncertainty import joint

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
    figures
        Of every model.
    clips
        Of a mean, the fewest of any part.
    differing
        Groups in which two models differ, shape (m, m); of a mean, the most of any part.
    """

    figures: tuple[Resampled, ...]
    clips: int
    differing: Count

    @classmethod
    def of(cls, figures: Sequence[Resampled], differing: Count) -> JointFigure:
        return cls(tuple(figures), min(figure.clips for figure in figures), differing)

    @property
    def values(self) -> Array:
        """Shape (m,)."""
        return np.array([figure.value for figure in self.figures])

    @property
    def draws(self) -> Array:
        """Shape (m, resamples)."""
        return np.stack([figure.draws for figure in self.figures])

    @property
    def groups(self) -> int:
        return min(figure.groups for figure in self.figures)

    def minus(self, other: JointFigure) -> JointFigure:
        return _combined(
            [self, other],
            [difference_of(*pair) for pair in zip(self.figures, other.figures, strict=True)],
        )

    def of_models(self, places: Sequence[int]) -> JointFigure:
        """The figure of some of the models."""
        inside = np.array(places, dtype=np.intp)
        differing = self.differing[np.ix_(inside, inside)]
        return JointFigure(tuple(self.figures[at] for at in places), self.clips, differing)

    def bounded(self, range_: Range) -> list[Bounded]:
        """Intervals of a figure with this range."""
        figures = [replace(figure, range=range_, fitted=False) for figure in self.figures]
        bounds = bounds_of(figures)
        return self._bounded(bounds.low, bounds.high)

    def bounded_difference(self, range_: Range) -> list[Bounded]:
        """Intervals of a paired difference of figures with this range."""
        whole = Range(-range_.span, range_.span)
        bounds = difference_bounds([replace(figure, range=whole) for figure in self.figures])
        return self._bounded(bounds.low, bounds.high)

    def standings(self, metric: str) -> list[Standing]:
        """Intervals and ranks; a model without a value has no rank."""
        bounded = self.bounded(METRICS[metric].range)
        known = [place for place, figure in enumerate(bounded) if not math.isnan(figure.value)]
        if not known:
            return [Standing(figure) for figure in bounded]
        own = self.of_models(known)
        ranks = rank(
            own.values,
            own.draws,
            own.groups,
            own.differing,
            METRICS[metric].better,
            clusters=joint([figure.sizes for figure in own.figures]),
        )
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
    by_model = zip(*(figure.figures for figure in figures), strict=True)
    return _combined(figures, [mean_of_figures(own) for own in by_model])


def _combined(parts: Sequence[JointFigure], figures: Sequence[Resampled]) -> JointFigure:
    return JointFigure(
        tuple(figures),
        min(part.clips for part in parts),
        np.max([part.differing for part in parts], axis=0),
    )
