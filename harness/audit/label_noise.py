"""Which labels are wrong, if any may be: behind each label a mixture of both classes.

Conventions: evidence is log-odds of fake, one number a clip. Behind a label stand clips that are of
the class and a share of clips that are of the other one. The classes are Student's t of `FREEDOM`
degrees, so that a clip far out is an outlier of its own class first; each kind of clip (a
generator's fakes, a source's real clips) has a place of its own, drawn towards that of its class
where it has few clips. What a detector mishears as a kind is therefore no wrong label.

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
"""A kind's place is the mean of its clips and of so many more at the place of its class."""

_ROUNDS, _FIRST_ROUNDS = 200, 20
_SETTLED = 1e-6
_START = 0.02
_LEAST_SCALE = 1e-3
_LEAST = 1e-300
_PEAK = gamma((FREEDOM + 1) / 2) / (gamma(FREEDOM / 2) * sqrt(FREEDOM * pi))


@dataclass(frozen=True, eq=False)
class Labelled:
    """The clips of one label: their evidence and the number of each one's kind, from 0."""

    evidence: Array
    kind: Index


@dataclass(frozen=True, eq=False)
class Suspicion:
    """What was found of the clips of one label.

    Parameters
    ----------
    own, other
        Density of each clip under its label's class and under the other one, shape (n,).
    wrong
        Probability that its label is wrong, shape (n,).
    share
        Of the labels, how many are wrong.
    telling
        Likelihood ratio against the label that half of all wrong labels would exceed, were hardly
        any wrong: how much a wrong label stands out.
    """

    own: Array
    other: Array
    wrong: Array
    share: float
    telling: float


def fit(real: Labelled, fake: Labelled) -> tuple[Suspicion, Suspicion]:
    """Of the clips labelled real and of those labelled fake; both must be there.

    By expectation and maximisation, from classes without any wrong label on.
    """
    sides = (real, fake)
    classes = [_Class.of(side) for side in sides]
    telling = [_telling(sides[1 - at], classes[at], classes[1 - at]) for at in (0, 1)]
    shares, wrong = [_START, _START], [np.zeros(len(side.evidence)) for side in sides]
    for _ in range(_ROUNDS):
        before = wrong
        wrong = [
            posterior(*pair, share)
            for pair, share in zip(_densities(sides, classes), shares, strict=True)
        ]
        shares = [float(np.mean(each)) for each in wrong]
        classes = [
            one.moved(side, 1 - each) for one, side, each in zip(classes, sides, wrong, strict=True)
        ]
        if all(np.max(np.abs(a - b)) < _SETTLED for a, b in zip(wrong, before, strict=True)):
            break
    first, second = (
        Suspicion(*pair, posterior(*pair, share), share, told)
        for pair, share, told in zip(_densities(sides, classes), shares, telling, strict=True)
    )
    return first, second


def posterior(own: Array, other: Array, share: float | Array) -> Array:
    """Probability of the other class where so large a share of the labels is wrong."""
    against = share * other
    return against / np.maximum(against + (1 - share) * own, _LEAST)


def wrong_labels(suspicion: Suspicion, weights: Array, rounds: int = 60) -> Array:
    """Expected number of wrong labels among resampled clips, the densities held as they are.

    Parameters
    ----------
    weights
        How often each clip was drawn, shape (n, resamples).
    """
    total = np.maximum(weights.sum(axis=0), 1)
    share = np.full(weights.shape[1], max(suspicion.share, _START))
    own, other = suspicion.own[:, None], suspicion.other[:, None]
    for _ in range(rounds):
        share = np.sum(weights * posterior(own, other, share), axis=0) / total
    return share * weights.shape[0]


@dataclass(frozen=True, eq=False)
class _Class:
    """Places of the kinds, how many clips each has, and the scale of all."""

    place: Array
    clips: Array
    scale: float

    @classmethod
    def of(cls, side: Labelled) -> _Class:
        """Of clips that all belong to it."""
        centre = float(np.median(side.evidence))
        scale = 1.4826 * float(np.median(np.abs(side.evidence - centre)))
        clips = np.bincount(side.kind).astype(np.float64)
        made = cls(np.full(len(clips), centre), clips, max(scale, _LEAST_SCALE))
        for _ in range(_FIRST_ROUNDS):
            made = made.moved(side, np.ones(len(side.evidence)))
        return made

    def at(self, evidence: Array, kind: Index) -> Array:
        return self._density(evidence - self.place[kind])

    def anywhere(self, evidence: Array) -> Array:
        """Density of a clip of this class of which the kind is not known."""
        weights = self.clips / self.clips.sum()
        return self._density(evidence[:, None] - self.place) @ weights

    def moved(self, side: Labelled, belongs: Array) -> _Class:
        """Places and scale of the clips, each as far as it belongs to the class."""
        apart = (side.evidence - self.place[side.kind]) / self.scale
        weight = belongs * (FREEDOM + 1) / (FREEDOM + apart**2)
        centre = float(weight @ side.evidence / max(weight.sum(), _LEAST))
        kinds = len(self.clips)
        total = np.bincount(side.kind, weight, kinds) + SHRINK_CLIPS
        summed = np.bincount(side.kind, weight * side.evidence, kinds) + SHRINK_CLIPS * centre
        place = summed / total
        square = weight @ (side.evidence - place[side.kind]) ** 2 / max(belongs.sum(), _LEAST)
        return replace(self, place=place, scale=max(sqrt(square), _LEAST_SCALE))

    def _density(self, apart: Array) -> Array:
        squared = (apart / self.scale) ** 2 / FREEDOM
        return _PEAK / self.scale * (1 + squared) ** (-(FREEDOM + 1) / 2)


def _densities(
    sides: tuple[Labelled, Labelled], classes: list[_Class]
) -> list[tuple[Array, Array]]:
    """Of the clips of each label: under its own class and under the other."""
    return [
        (classes[at].at(side.evidence, side.kind), classes[1 - at].anywhere(side.evidence))
        for at, side in enumerate(sides)
    ]


def _telling(elsewhere: Labelled, own: _Class, other: _Class) -> float:
    """Median likelihood ratio of clips of the other class, for that class."""
    ratio = other.anywhere(elsewhere.evidence) / np.maximum(
        own.anywhere(elsewhere.evidence), _LEAST
    )
    return float(np.median(ratio))
