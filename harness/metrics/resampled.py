"""A metric's value with its resampled values, and intervals of many of them by their range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.metrics.classification import Array
from harness.metrics.intervals import (
    LEVEL,
    Spread,
    difference_interval,
    metric_interval,
    percentile,
)
from harness.metrics.metric import SHARE, Range
from harness.metrics.uncertainty import (
    Clusters,
    GeneratorEffects,
    combined_effects,
    joint,
    spread_over_groups,
    with_generators,
)
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
    clusters
        Of its groups; without, they are of like sizes.
    effects
        Of its generators; none where fewer than two are known.
    needs_fakes
        Whether the figure depends on fakes, and so on their generators.
    """

    value: float
    draws: Array
    clips: int
    evidence: int
    groups: int
    range: Range = SHARE
    fitted: bool = False
    clusters: Clusters | None = None
    effects: GeneratorEffects | None = None
    needs_fakes: bool = True

    def error(self, generators: Generators = "these") -> float:
        """Standard error; NaN where it is not known, as for new generators if too few are."""
        return float(self._spread[generators].error[0])

    def freedom(self, generators: Generators = "these") -> float:
        """Degrees of freedom of the standard error, as Student's t takes them."""
        return float(self._spread[generators].freedom[0])

    @property
    def sizes(self) -> Clusters:
        """Its clusters, of like sizes where nothing else is known."""
        return Clusters.equal(self.groups) if self.clusters is None else self.clusters

    @cached_property
    def _spread(self) -> dict[Generators, Spread]:
        return spreads_of([self])


def spreads_of(figures: Sequence[Resampled]) -> dict[Generators, Spread]:
    """Standard errors of figures of the same draws, for these generators and for new ones."""
    these = spread_over_groups(
        np.stack([figure.draws for figure in figures]),
        np.array([figure.groups for figure in figures]),
        [figure.sizes for figure in figures],
    )
    effects = [figure.effects for figure in figures]
    needed = [figure.needs_fakes for figure in figures]
    return {"these": these, "new": with_generators(these, effects, needed)}


def difference_of(figure: Resampled, other: Resampled) -> Resampled:
    """The figure less the other one, of the same draws."""
    return _combined([figure, other], (1.0, -1.0), figure.clips)


def mean_of_figures(figures: Sequence[Resampled]) -> Resampled:
    """The mean of figures of the same draws, with the evidence of its weakest part."""
    clips = sum(figure.clips for figure in figures)
    return _combined(figures, [1 / len(figures)] * len(figures), clips)


def _combined(figures: Sequence[Resampled], signs: Sequence[float], clips: int) -> Resampled:
    needed = [figure for figure in figures if figure.needs_fakes]
    signs_of_needed = [
        sign for figure, sign in zip(figures, signs, strict=True) if figure.needs_fakes
    ]
    return Resampled(
        float(sum(sign * figure.value for figure, sign in zip(figures, signs, strict=True))),
        np.sum([sign * f.draws for f, sign in zip(figures, signs, strict=True)], axis=0),
        clips,
        min(figure.evidence for figure in figures),
        min(figure.groups for figure in figures),
        figures[0].range,
        clusters=joint([figure.sizes for figure in figures]),
        effects=combined_effects([figure.effects for figure in needed], signs_of_needed),
        needs_fakes=bool(needed),
    )


@dataclass(frozen=True, eq=False)
class Bounds:
    """95 % bounds of some figures, for these generators and for new ones; NaN where unknown."""

    low: Array
    high: Array
    new_low: Array = field(default_factory=lambda: np.zeros(0))
    new_high: Array = field(default_factory=lambda: np.zeros(0))

    def rows(self) -> list[tuple[float, float, float, float]]:
        """The four bounds of every figure."""
        ends = self.low, self.high, self.new_low, self.new_high
        known = [[math.nan if math.isnan(end) else end for end in side.tolist()] for side in ends]
        return list(zip(*known, strict=True))


def bounds_of(figures: Sequence[Resampled], level: float = LEVEL) -> Bounds:
    """Bounds of figures of the same draws."""
    value = np.array([figure.value for figure in figures])
    draws = np.stack([figure.draws for figure in figures])
    groups = np.array([figure.groups for figure in figures])
    evidence = np.array([figure.evidence for figure in figures])
    ranges = np.array([figure.range for figure in figures])
    fitted = np.array([figure.fitted for figure in figures], dtype=bool)
    support = value, draws, groups, evidence, ranges, fitted
    spreads, ends = spreads_of(figures), percentile(draws)
    these, new = (
        metric_interval(*support, spread, level, ends)
        for spread in (spreads["these"], spreads["new"])
    )
    return Bounds(*these, *_no_narrower(these, new))


def difference_bounds(figures: Sequence[Resampled], level: float = LEVEL) -> Bounds:
    """Bounds of paired differences of the same draws, whose range is symmetric around 0."""
    value = np.array([figure.value for figure in figures])
    draws = np.stack([figure.draws for figure in figures])
    groups = np.array([figure.groups for figure in figures])
    most = np.array([figure.range.most for figure in figures])
    spreads = spreads_of(figures)
    these, new = (
        difference_interval(value, draws, groups, most, spread, level)
        for spread in (spreads["these"], spreads["new"])
    )
    return Bounds(*these, *_no_narrower(these, new))


def _no_narrower(these: tuple[Array, Array], new: tuple[Array, Array]) -> tuple[Array, Array]:
    """Bounds for new generators that also hold those for these; NaN where there are none."""
    return (
        np.where(np.isnan(new[0]), np.nan, np.minimum(these[0], new[0])),
        np.where(np.isnan(new[1]), np.nan, np.maximum(these[1], new[1])),
    )


def intervals_of(figures: Sequence[Resampled]) -> tuple[Array, Array]:
    """95 % bounds for these generators in the order of the figures; NaN where there are none."""
    bounds = bounds_of(figures)
    return bounds.low, bounds.high
