"""Quality of scores as likelihood ratios and as probabilities, at any threshold.

Conventions: `real` and `fake` are log-likelihood ratios of shape (n,), natural logarithms of
p(score | fake) / p(score | real). A detector's log-odds of fake are such a ratio where it takes the
two classes for equally likely beforehand; its raw scores are judged as that claim. Costs are in
bits: 0 is perfect, 1 says no more than a coin. A figure is NaN where a class that it needs is empty
and infinite where a clip was called impossible that was there.

Brümmer & du Preez, Application-independent evaluation of speaker detection, Computer Speech and
Language 20, 2006 (Cllr and its least value); Ramos & Gonzalez-Rodriguez, Cross-entropy analysis of
the information in forensic speaker recognition, Odyssey 2008 (empirical cross-entropy); Vergeer,
Leegwater & Slooten, Forensic Science International 321, 2021 (devPAV).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from harness.metrics.classification import Array, refuse_nan

Index = NDArray[np.intp]

BINS = 10
LN2 = float(np.log(2))


def surprise(llr: Array) -> Array:
    """Bits that a clip costs which is what the ratio speaks for, at an even prior."""
    return np.logaddexp(0.0, -np.asarray(llr, dtype=np.float64)) / LN2


@dataclass(frozen=True, eq=False)
class PooledSteps:
    """Pools of adjacent violators over distinct, rising scores; both classes weigh the same.

    `step` is the index in `score` of every clip, real ones first, and `starts` that of the first
    score of every pool; `real_share` and `fake_share` are shares of the class's clips at each
    score, and `probability` is that of fake at an even prior.
    """

    score: Array
    step: Index
    real_share: Array
    fake_share: Array
    probability: Array
    starts: Index


def pool(real: Array, fake: Array) -> PooledSteps:
    """Pool adjacent violators, so that the probability of fake rises with the score."""
    from scipy.optimize import isotonic_regression  # slow to import

    score, step = np.unique(np.concatenate([real, fake]), return_inverse=True)
    real_share, fake_share = (
        np.bincount(part, minlength=len(score)) / len(part)
        for part in (step[: len(real)], step[len(real) :])
    )
    weight = real_share + fake_share
    fitted = isotonic_regression(fake_share / weight, weights=weight)
    return PooledSteps(score, step, real_share, fake_share, fitted.x, fitted.blocks[:-1])


def pav(real: Array, fake: Array) -> tuple[Array, Array]:
    """The scores' ratios after pooling adjacent violators, clip by clip.

    Returns
    -------
    real, fake
        Shapes as the scores; minus infinity below the lowest fake, infinity above the highest real.
    """
    refuse_nan(real, fake)
    pooled = pool(real, fake)
    starts = pooled.starts
    with np.errstate(divide="ignore"):
        llr = np.log(np.add.reduceat(pooled.fake_share, starts)) - np.log(
            np.add.reduceat(pooled.real_share, starts)
        )
    llr = np.repeat(llr, np.diff(np.append(starts, len(pooled.score))))[pooled.step]
    return llr[: len(real)], llr[len(real) :]


def dev_pav(real: Array, fake: Array) -> float:
    """Mean distance of the pooled ratios from the given ones: 0 is calibrated.

    The area between the line of the pooled ratios over the given ones and the identity, over the
    range of the given ones where the pooled are finite; in units of the ratios. NaN where no pooled
    ratio is finite, infinite where a given one is infinite and the pooled one is not.
    """
    if not len(real) or not len(fake):
        return float("nan")
    given = np.concatenate([real, fake])
    x, first = np.unique(given, return_index=True)
    y = np.concatenate(pav(real, fake))[first]
    inside = np.isfinite(y)
    if np.any(np.isinf(x) & inside):
        return float("inf")
    x, y = x[inside], y[inside]
    if len(x) < 2:
        return float(np.abs(x - y)[0]) if len(x) else float("nan")
    gap, width = y - x, np.diff(x)
    before, after = gap[:-1], gap[1:]
    crosses = before * after < 0
    total = np.where(crosses, np.abs(before) + np.abs(after), 1.0)
    # Two triangles where the line crosses the identity, a trapezium where it does not.
    area = np.where(crosses, (before**2 + after**2) / total, np.abs(before + after)) / 2
    return float(np.sum(area * width) / (x[-1] - x[0]))


def equal_bins(real: Array, fake: Array, bins: int = BINS) -> Index:
    """Bin of every clip, real ones first: as equal in size as ties allow, which stay together."""
    scores = np.concatenate([real, fake])
    rank = np.searchsorted(np.sort(scores), scores, side="left")
    return (rank * bins // max(len(scores), 1)).astype(np.intp)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Stated and observed share of fakes in each bin that holds clips, by rising score."""

    stated: Array
    observed: Array
    clips: Index


def reliability(real: Array, fake: Array, bins: int = BINS) -> Reliability:
    """Compare stated probabilities with observed shares in the bins of `ece`."""
    bin_of = equal_bins(real, fake, bins)
    stated = np.concatenate([expit(real), expit(fake)])
    is_fake = np.repeat([0.0, 1.0], [len(real), len(fake)])
    clips = np.bincount(bin_of, minlength=bins)
    filled = clips > 0
    sums = [np.bincount(bin_of, values, minlength=bins)[filled] for values in (stated, is_fake)]
    return Reliability(
        sums[0] / clips[filled], sums[1] / clips[filled], clips[filled].astype(np.intp)
    )


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """Empirical cross-entropy in bits over the prior log-odds of fake.

    Parameters
    ----------
    given, pooled
        Of the ratios as they are, and after the best monotone calibration.
    reference
        Of a method that always says 1: the entropy of the prior.
    """

    prior: Array
    given: Array
    pooled: Array
    reference: Array


def cross_entropy(real: Array, fake: Array, prior: Array) -> CrossEntropy:
    """Mean entropy of the class once the ratio is known; equal to Cllr at prior log-odds of 0."""
    if not len(real) or not len(fake):
        nothing = np.full(len(prior), np.nan)
        return CrossEntropy(prior, nothing, nothing, _entropy(np.zeros(1), np.zeros(1), prior))
    return CrossEntropy(
        prior,
        _entropy(real, fake, prior),
        _entropy(*pav(real, fake), prior),
        _entropy(np.zeros(1), np.zeros(1), prior),
    )


def _entropy(real: Array, fake: Array, prior: Array) -> Array:
    share = expit(prior)
    costs = [
        np.array([np.mean(surprise(sign * (part + at))) for at in prior])
        for sign, part in ((-1.0, real), (1.0, fake))
    ]
    return (1 - share) * costs[0] + share * costs[1]


@dataclass(frozen=True, eq=False)
class Tippett:
    """Share of each class whose ratio is larger than `llr`."""

    llr: Array
    real: Array
    fake: Array


def tippett(real: Array, fake: Array, points: int = 200) -> Tippett:
    """Both distributions of ratios, at evenly spaced places over all that are finite.

    Real clips above 0 and fakes below it are misleading evidence.
    """
    finite = np.concatenate([real, fake])
    finite = finite[np.isfinite(finite)]
    low, high = (float(np.min(finite)), float(np.max(finite))) if len(finite) else (0.0, 0.0)
    places = np.linspace(low, high, points)
    above = [
        1 - np.searchsorted(np.sort(part), places, side="right") / max(len(part), 1)
        if len(part)
        else np.full(points, np.nan)
        for part in (real, fake)
    ]
    return Tippett(places, above[0], above[1])
