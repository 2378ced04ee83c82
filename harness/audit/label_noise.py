"""Label noise: the clips behind each label as a mixture of both classes, fitted by EM.

Conventions: evidence is log-odds of fake, one number a clip. Behind a label stand clips of its
class and a share of clips of the other class. Classes are Student's t with `FREEDOM` degrees, so a
distant clip is first an outlier of its own class. Each kind of clip (a generator's fakes, a
source's real clips) has its own location, shrunk towards that of its class where it has few clips,
so a kind that the detector misses is not taken for wrong labels.

Lawrence & Schölkopf, ICML 2001 (class-conditional densities behind noisy labels, by EM); Peel &
McLachlan, Statistics and Computing 10, 2000 (EM for mixtures of t).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gamma, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

FREEDOM = 4.0
SHRINK_CLIPS = 2.0
"""Pseudo-clips at the location of the class in the location of each kind."""

_ROUNDS, _FIRST_ROUNDS = 200, 20
_CONVERGED = 1e-6
_START = 0.02
_LEAST_SCALE = 1e-3
_LEAST = 1e-300
_PEAK = gamma((FREEDOM + 1) / 2) / (gamma(FREEDOM / 2) * sqrt(FREEDOM * pi))


@dataclass(frozen=True, eq=False)
class Labelled:
    """The clips of one label: their evidence, and the number of each one's kind from 0."""

    evidence: Array
    kind: Index


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """The fit for the clips of one label.

    Parameters
    ----------
    own, other
        Density of each clip under its label's class and under the other one, shape (n,).
    wrong
        Probability that its label is wrong, shape (n,).
    share
        Share of wrong labels.
    ratio
        Median likelihood ratio against the label of a wrong label, were hardly any wrong: how much
        a wrong label stands out.
    """

    own: Array
    other: Array
    wrong: Array
    share: float
    ratio: float


def fit(real: Labelled, fake: Labelled) -> tuple[LabelNoise, LabelNoise]:
    """Fit the clips labelled real and those labelled fake, starting without noise."""
    sides = (real, fake)
    classes = [_Class.of(side) for side in sides]
    ratios = [_ratio(sides[1 - at], classes[at], classes[1 - at]) for at in (0, 1)]
    shares, wrong = [_START, _START], [np.zeros(len(side.evidence)) for side in sides]
    for _ in range(_ROUNDS):
        before, wrong = wrong, _wrong(sides, classes, shares)
        shares = [float(np.mean(probabilities)) for probabilities in wrong]
        classes = [
            label_class.moved(side, 1 - noise)
            for label_class, side, noise in zip(classes, sides, wrong, strict=True)
        ]
        if all(np.max(np.abs(a - b)) < _CONVERGED for a, b in zip(wrong, before, strict=True)):
            break
    wrong = _wrong(sides, classes, shares)
    real_noise, fake_noise = (
        LabelNoise(*_densities(side, own, other), noise, share, ratio)
        for side, own, other, noise, share, ratio in zip(
            sides, classes, classes[::-1], wrong, shares, ratios, strict=True
        )
    )
    return real_noise, fake_noise


def posterior(own: Array, other: Array, share: float | Array) -> Array:
    """Probability of the other class, given the share of wrong labels."""
    against = share * other
    return against / np.maximum(against + (1 - share) * own, _LEAST)


def wrong_labels(noise: LabelNoise, weights: Array, rounds: int = 60) -> Array:
    """Expected number of wrong labels among resampled clips, with fixed densities.

    Parameters
    ----------
    weights
        How often each clip was drawn, shape (n, resamples).
    """
    total = np.maximum(weights.sum(axis=0), 1)
    share = np.full(weights.shape[1], max(noise.share, _START))
    own, other = noise.own[:, None], noise.other[:, None]
    for _ in range(rounds):
        share = np.sum(weights * posterior(own, other, share), axis=0) / total
    return share * weights.shape[0]


@dataclass(frozen=True, eq=False)
class _Class:
    """Locations of the kinds, the clips of each, and one scale."""

    location: Array
    clips: Array
    scale: float

    @classmethod
    def of(cls, side: Labelled) -> _Class:
        """Fit clips that all belong to the class."""
        centre = float(np.median(side.evidence))
        scale = 1.4826 * float(np.median(np.abs(side.evidence - centre)))
        clips = np.bincount(side.kind).astype(np.float64)
        fitted = cls(np.full(len(clips), centre), clips, max(scale, _LEAST_SCALE))
        for _ in range(_FIRST_ROUNDS):
            fitted = fitted.moved(side, np.ones(len(side.evidence)))
        return fitted

    def of_kind(self, evidence: Array, kind: Index) -> Array:
        """Density of clips of known kinds."""
        return self._density(evidence - self.location[kind])

    def of_any_kind(self, evidence: Array) -> Array:
        """Density of clips of unknown kind."""
        weights = self.clips / self.clips.sum()
        return self._density(evidence[:, None] - self.location) @ weights

    def moved(self, side: Labelled, belongs: Array) -> _Class:
        """Update locations and scale, weighting each clip by its probability of the class."""
        apart = (side.evidence - self.location[side.kind]) / self.scale
        weight = belongs * (FREEDOM + 1) / (FREEDOM + apart**2)
        centre = float(weight @ side.evidence / max(weight.sum(), _LEAST))
        kinds = len(self.clips)
        total = np.bincount(side.kind, weight, kinds) + SHRINK_CLIPS
        summed = np.bincount(side.kind, weight * side.evidence, kinds) + SHRINK_CLIPS * centre
        location = summed / total
        square = weight @ (side.evidence - location[side.kind]) ** 2 / max(belongs.sum(), _LEAST)
        return replace(self, location=location, scale=max(sqrt(square), _LEAST_SCALE))

    def _density(self, apart: Array) -> Array:
        squared = (apart / self.scale) ** 2 / FREEDOM
        return _PEAK / self.scale * (1 + squared) ** (-(FREEDOM + 1) / 2)


def _densities(side: Labelled, own: _Class, other: _Class) -> tuple[Array, Array]:
    return own.of_kind(side.evidence, side.kind), other.of_any_kind(side.evidence)


def _wrong(
    sides: tuple[Labelled, Labelled], classes: list[_Class], shares: list[float]
) -> list[Array]:
    """Probability of each clip of either label that the label is wrong."""
    return [
        posterior(*_densities(side, own, other), share)
        for side, own, other, share in zip(sides, classes, classes[::-1], shares, strict=True)
    ]


def _ratio(elsewhere: Labelled, own: _Class, other: _Class) -> float:
    """Median likelihood ratio of clips of the other class, for that class."""
    ratio = other.of_any_kind(elsewhere.evidence) / np.maximum(
        own.of_any_kind(elsewhere.evidence), _LEAST
    )
    return float(np.median(ratio))
