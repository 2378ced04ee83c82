"""Standard errors and their degrees of freedom where groups and generators are unlike.

Conventions: a group belongs to one of three strata, by the clips it has in the whole run: real
clips alone, fakes alone, both. Groups are drawn within strata (`harness.metrics.bootstrap`), so
that no draw has more speakers or fewer generators than the test set.

**Groups of unlike sizes.** The spread of draws is too small, because a large group pulls the mean
towards itself: with shares w of the clips by 1 / (1 - 2 sum(w^3 s) / sum(w^2 s) + sum(w^2)), where
s is the variance of a group's mean; of equal groups that is n / (n - 1). The groups are worth as
many equal ones as Kish's effective number, 1 / sum(w^2), and have one degree of freedom less.

**Strata.** Their variances add up, and the degrees of freedom of the sum are Welch and
Satterthwaite's. How much of the variance a stratum makes is read off the draws: `repeated` says in
which columns each stratum is drawn as in the first ones, while all else is drawn anew, and the
covariance of both is the variance that the stratum makes.

**New generators.** The variance over generators is that of leaving out one at a time, the others
weighted up to their place, and is added to that over groups. A generator whose fakes are of one
group alone is left to that group, which has been drawn already. The noise of single clips is in
both sums, so the sum errs to the safe side where generators are alike.

Kish, Survey Sampling, 1965, section 8.2 (effective sizes); Satterthwaite, Biometrics Bulletin 2,
1946; Bell & McCaffrey, Survey Methodology 28, 2002 (bias with unlike groups); Cameron, Gelbach &
Miller, Journal of Business & Economic Statistics 29, 2011 (variances along two lines at once).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.metrics.classification import Array
from harness.metrics.intervals import FEWEST_GROUPS, Spread, bootstrap_spread

Flags = NDArray[np.bool_]

REAL_ONLY, FAKE_ONLY, BOTH = range(3)
STRATA = 3
FEWEST_GENERATORS = 2

_LIKENESS = 0.1
"""Share of the variance of a clip that its group makes, as far as the bias depends on it."""
_FEWEST_REPEATED = 20
"""Columns with which the share of a stratum can be told."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """What the sizes of a figure's groups say of its variance.

    Parameters
    ----------
    factor, freedom
        Correction of the variance and its degrees of freedom, by stratum, shape (3,); NaN of a
        stratum without groups.
    effective
        Equal groups that all of them are worth.
    """

    factor: Array
    freedom: Array
    effective: float

    @classmethod
    def of(cls, sizes: Array, strata: NDArray[np.int8]) -> Clusters:
        """Clusters of the sizes of all groups of the run, 0 where a figure has no clip of one."""
        there = sizes > 0
        sizes, strata = sizes[there], strata[there]
        pooled = _cluster(sizes)
        factor, freedom = np.full(STRATA, np.nan), np.full(STRATA, np.nan)
        for stratum, count in enumerate(np.bincount(strata, minlength=STRATA).tolist()):
            if count:
                own = _cluster(sizes[strata == stratum]) if count >= FEWEST_GROUPS else pooled
                factor[stratum], freedom[stratum] = own
        return cls(factor, freedom, pooled[1] + 1)

    @classmethod
    def equal(cls, groups: int) -> Clusters:
        """So many groups of one size, with clips of both classes."""
        return cls.of(np.ones(groups), np.full(groups, BOTH, dtype=np.int8))


def _cluster(sizes: Array) -> tuple[float, float]:
    """Correction of the variance of a mean over groups of these sizes, and degrees of freedom."""
    if len(sizes) < FEWEST_GROUPS:
        return np.nan, 0.0
    weight = sizes / sizes.sum()
    squares = weight**2
    variance = _LIKENESS + (1 - _LIKENESS) / np.maximum(sizes, 1.0)
    pull = np.sum(squares * weight * variance) / np.sum(squares * variance)
    total = float(np.sum(squares))
    return 1 / (1 - 2 * float(pull) + total), 1 / total - 1


def joint(clusters: Sequence[Clusters]) -> Clusters:
    """Clusters of a difference or a mean of figures: those of the part that knows least."""
    if all(part is clusters[0] for part in clusters):
        return clusters[0]
    with np.errstate(invalid="ignore"):
        return Clusters(
            np.fmax.reduce([part.factor for part in clusters]),
            np.fmin.reduce([part.freedom for part in clusters]),
            min(part.effective for part in clusters),
        )


@dataclass(frozen=True, eq=False)
class FakeGenerators:
    """The generators of a figure's fakes; both arrays of shape (K,).

    Parameters
    ----------
    share
        Of the fakes, 0 of a generator that the figure has none of.
    apart
        Whether its fakes are of more than one group.
    """

    share: Array
    apart: Flags

    @cached_property
    def known(self) -> bool:
        return int(np.count_nonzero(self.share)) >= FEWEST_GENERATORS

    @cached_property
    def correction(self) -> tuple[float, float]:
        """Factor of the variance over generators, and its degrees of freedom."""
        # Sizes so large that a generator makes the whole variance of its mean.
        return _cluster(1e6 * self.share[self.share > 0])

    @cached_property
    def beside_groups(self) -> bool:
        """Whether any generator is not one group alone, which is drawn as such."""
        return bool(self.apart.any())


@dataclass(frozen=True, eq=False)
class GeneratorEffects:
    """How much each generator pulls a figure to its side, shape (K,).

    The effect is the generator's share of the fakes, times the figure less what it is when the
    generator is left out: its change to first order.
    """

    effect: Array
    generators: FakeGenerators

    @property
    def variance(self) -> float:
        """Variance of the figure over generators, beside what their groups make."""
        return self.generators.correction[0] * float(
            np.sum(self.effect[self.generators.apart] ** 2)
        )


def combined_effects(
    parts: Sequence[GeneratorEffects | None], signs: Sequence[float]
) -> GeneratorEffects | None:
    """Effects on the sum of some figures, each times its sign; none where a part has none."""
    known = [part for part in parts if part is not None]
    sizes = {len(part.effect) for part in known}
    if not known or len(known) < len(parts) or len(sizes) > 1:
        return None
    generators = known[0].generators
    if any(part.generators is not generators for part in known):
        generators = FakeGenerators(
            np.mean([part.generators.share for part in known], axis=0),
            np.any([part.generators.apart for part in known], axis=0),
        )
    effect = np.sum([sign * part.effect for sign, part in zip(signs, known, strict=True)], axis=0)
    return GeneratorEffects(effect, generators)


def repeated(resamples: int) -> tuple[slice, dict[int, slice]]:
    """The first columns of the draws, and those in which a stratum is drawn as in them."""
    width = resamples // 4
    return slice(0, width), {
        REAL_ONLY: slice(resamples - width, resamples),
        FAKE_ONLY: slice(resamples - 2 * width, resamples - width),
    }


def strata_shares(draws: Array, there: Flags) -> Array:
    """Share of the variance of draws that each stratum makes.

    Parameters
    ----------
    draws
        Shape (k, resamples).
    there
        Whether a figure has groups of the stratum, shape (k, 3).

    Returns
    -------
    array
        Shape (k, 3); every row sums to 1.
    """
    first, again = repeated(draws.shape[-1])
    share = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
    several = np.flatnonzero(there.sum(axis=1) > 1)
    if first.stop < _FEWEST_REPEATED or not several.size:
        return share
    with np.errstate(invalid="ignore", divide="ignore"):  # of infinite costs
        own = draws[several]
        missing = np.isnan(own)
        count = np.maximum(np.sum(~missing, axis=-1, keepdims=True), 1)
        own = np.where(
            missing, 0.0, own - np.sum(own, axis=-1, where=~missing, keepdims=True) / count
        )
        variance = np.sum(own**2, axis=-1) / count[:, 0]
        parts = np.zeros((len(several), STRATA))
        for stratum, columns in again.items():
            pairs = np.maximum(np.sum(~missing[:, columns] & ~missing[:, first], axis=-1), 1)
            parts[:, stratum] = np.sum(own[:, columns] * own[:, first], axis=-1) / pairs
        parts = np.where(there[several], np.clip(parts / variance[:, None], 0.0, 1.0), 0.0)
        # What is left is of the groups with both; without any, the two make all.
        both = np.maximum(1 - parts.sum(axis=1), 0.0)
        parts[:, BOTH] = np.where(there[several, BOTH], both, 0.0)
        parts /= parts.sum(axis=1, keepdims=True)
    share[several] = np.where(np.isfinite(parts), parts, share[several])
    return share


def spread_over_groups(draws: Array, groups: Array, clusters: Sequence[Clusters]) -> Spread:
    """Standard errors over groups, with their degrees of freedom.

    Parameters
    ----------
    draws
        Shape (k, resamples).
    groups
        Shape (k,); fewer than `FEWEST_GROUPS` have no error.
    """
    factor = np.stack([part.factor for part in clusters])
    freedom = np.stack([part.freedom for part in clusters])
    share = strata_shares(draws, ~np.isnan(factor))
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.where(share > 0, share * factor, 0.0)
        total = parts.sum(axis=1)
        inverse = np.sum(np.where(share > 0, parts**2 / freedom, 0.0), axis=1)
        error = bootstrap_spread(draws) * np.sqrt(total)
        pooled = total**2 / inverse
    error = np.where(groups >= FEWEST_GROUPS, error, np.nan)
    return Spread(error, pooled, np.array([part.effective for part in clusters]))


def with_generators(
    over_groups: Spread, effects: Sequence[GeneratorEffects | None], needs_fakes: Sequence[bool]
) -> Spread:
    """Standard errors for new generators: over groups and generators together.

    Those of figures without fakes stay; those of figures of fewer than `FEWEST_GENERATORS`
    generators are NaN.
    """
    error, freedom = over_groups.error.copy(), over_groups.freedom.copy()
    effective = over_groups.effective.copy()
    for place, (own, needed) in enumerate(zip(effects, needs_fakes, strict=True)):
        if not needed:
            continue
        if own is None or not own.generators.known:
            error[place] = freedom[place] = effective[place] = np.nan
            continue
        parts, generator_freedom = (error[place] ** 2, own.variance), own.generators.correction[1]
        total = sum(parts)
        if parts[1] > 0 and freedom[place] > 0:
            squares = parts[0] ** 2 / freedom[place] + parts[1] ** 2 / generator_freedom
            freedom[place] = total**2 / squares
        error[place] = np.sqrt(total)
        if own.generators.beside_groups:
            effective[place] = min(effective[place], generator_freedom + 1)
    return Spread(error, freedom, effective)
