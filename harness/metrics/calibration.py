"""Maps from scores to likelihood ratios, fitted on clips of known class: line, steps or densities.

Conventions: `real` and `fake` are scores of shape (n,), log-odds of fake, finite; ratios are
natural logarithms of p(score | fake) / p(score | real). Both classes weigh the same in every fit,
however many clips they have, so that no prior goes into a ratio.

- `logistic`: a straight line in the score (Brümmer & du Preez 2006; Morrison, Tutorial on
  logistic-regression calibration, Australian Journal of Forensic Sciences 45, 2013).
- `isotonic`: pooled adjacent violators, probabilities interpolated linearly between clips.
- `kde`: the ratio of two Gaussian kernel densities, bandwidths by Silverman's rule; neither
  monotone nor to be trusted beyond the scores that it has seen.

`misleading` clips of each class, added beyond the far end of the scores, keep ratios finite: what n
clips did not show may still be the next one. An isotonic map always has them; a line has them only
where the classes do not overlap and no line would fit best, because they make every line flatter.
Bounds (`harness.metrics.elub`) say how far each map is supported. No map is fitted that would fall
with the score: it would invert the detector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from harness.metrics.classification import Array
from harness.metrics.detection import Index, auc
from harness.metrics.likelihood import pool

Kind = Literal["logistic", "isotonic", "kde"]
KINDS: tuple[Kind, ...] = ("logistic", "isotonic", "kde")

_BEYOND = 1.0
"""Distance of a misleading clip beyond the scores, in log-odds."""
_STEPS = 100
_CLOSE = 1e-10
_FLAT = 1e-9
"""Ratios over a standard deviation of the scores, up to which a line is level but for rounding."""
_MOST_CELLS = 2**22


class Falling(ValueError):
    """Scores that do not rise from real clips to fakes, on the clips of a fit."""

    def __init__(self) -> None:
        super().__init__(
            "fakes do not score higher than real clips: the scores carry no information in that "
            "direction"
        )


class Calibrator(Protocol):
    """A fitted map from scores to ratios, immutable."""

    def llr(self, scores: Array) -> Array:
        """Log-likelihood ratios of finite scores, of the same shape."""
        ...


@dataclass(frozen=True)
class Logistic:
    """A straight line: `intercept + slope * score`."""

    intercept: float
    slope: float

    def llr(self, scores: Array) -> Array:
        return self.intercept + self.slope * np.asarray(scores, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Isotonic:
    """Probabilities of fake at an even prior, at rising scores; the ends hold beyond them."""

    score: Array
    probability: Array

    def llr(self, scores: Array) -> Array:
        share = np.interp(scores, self.score, self.probability)
        with np.errstate(divide="ignore"):
            return np.log(share) - np.log1p(-share)


@dataclass(frozen=True, eq=False)
class Kde:
    """Two sets of scores and the width of a Gaussian on each of them."""

    real: Array
    fake: Array
    real_bandwidth: float
    fake_bandwidth: float

    def llr(self, scores: Array) -> Array:
        flat = np.ravel(np.asarray(scores, dtype=np.float64))
        llr = _density(flat, self.fake, self.fake_bandwidth) - _density(
            flat, self.real, self.real_bandwidth
        )
        return llr.reshape(np.shape(scores))


def fit(real: Array, fake: Array, kind: Kind, misleading: int = 0) -> Calibrator:
    """Fit one of the three.

    Parameters
    ----------
    misleading
        How many clips of each class to add beyond the far end of the scores: real ones above, fakes
        below. Not for `kde`, which needs none, nor for `logistic` where the classes overlap.

    Raises
    ------
    Falling
        Where the map would fall: a higher score would speak for real.
    ValueError
        Where a class has no score, one is not finite, or the map does not exist: a line for classes
        that do not overlap, a density of scores that are all the same.
    """
    if not len(real) or not len(fake):
        raise ValueError("a calibration needs scores of both classes")
    every = np.concatenate([real, fake])
    if not np.all(np.isfinite(every)):
        raise ValueError("a calibration needs finite scores")
    if auc(real, fake) < 0.5:
        raise Falling
    if kind == "kde":
        return Kde(real, fake, _silverman(real), _silverman(fake))
    if kind == "logistic":
        line = _logistic(real, fake, misleading)
        if line.slope * np.std(every) < -_FLAT:
            raise Falling
        return line if line.slope > 0 else Logistic(line.intercept, 0.0)
    real = np.append(real, np.full(misleading, np.max(every) + _BEYOND))
    fake = np.append(fake, np.full(misleading, np.min(every) - _BEYOND))
    pooled = pool(real, fake)
    return Isotonic(pooled.score, np.clip(pooled.probability, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class CrossCalibrated:
    """Ratios of clips that played no part in their own calibration, shapes as the scores."""

    real: Array
    fake: Array
    folds: int


def cross_calibrated(
    real: Array,
    fake: Array,
    real_group: Index,
    fake_group: Index,
    kind: Kind,
    folds: int = 5,
    seed: int = 0,
    misleading: int = 0,
) -> CrossCalibrated:
    """Calibrate every clip by those of other groups.

    Parameters
    ----------
    real_group, fake_group
        Number of each clip's group; all clips of a group are in one fold.
    folds
        Fewer where there are fewer groups.
    seed
        Of the drawing of folds.

    Raises
    ------
    ValueError
        Where a fold leaves no clips of a class to be calibrated by, and as `fit`.
    """
    fold_of = fold_numbers(real_group, fake_group, folds, seed)
    real_fold, fake_fold = fold_of[real_group], fold_of[fake_group]
    ratios = np.empty(len(real)), np.empty(len(fake))
    used = np.unique(np.concatenate([real_fold, fake_fold]))
    for fold in used:
        calibrator = fit(real[real_fold != fold], fake[fake_fold != fold], kind, misleading)
        ratios[0][real_fold == fold] = calibrator.llr(real[real_fold == fold])
        ratios[1][fake_fold == fold] = calibrator.llr(fake[fake_fold == fold])
    return CrossCalibrated(*ratios, folds=len(used))


def fold_numbers(
    real_group: Index, fake_group: Index, folds: int, seed: int, groups: int = 0
) -> Index:
    """Return the fold of every group; those with both classes, or one, are spread out evenly.

    Parameters
    ----------
    groups
        How many numbers of groups there are; those without clips are in fold -1.
    """
    has_real, has_fake = np.unique(real_group), np.unique(fake_group)
    both = np.intersect1d(has_real, has_fake)
    rng = np.random.default_rng(seed)
    kinds = (both, np.setdiff1d(has_real, both), np.setdiff1d(has_fake, both))
    order = np.concatenate([rng.permutation(members) for members in kinds])
    fold_of = np.full(max(int(order.max(initial=-1)) + 1, groups), -1, dtype=np.intp)
    fold_of[order] = np.arange(len(order)) % folds
    return fold_of


def logistic_lines(
    scores: Array, fake: NDArray[np.bool_], weights: Array, misleading: int = 0
) -> Array:
    """Intercept and slope of every column of weights, both classes weighing the same in each.

    Parameters
    ----------
    scores, fake
        Shape (n,).
    weights
        Of the clips, shape (n, columns): ones, or how often a resample has each.
    misleading
        As `fit`, for columns in which the classes do not overlap.

    Returns
    -------
    Array
        Shape (2, columns); NaN where a class is absent or no line fits best.
    """
    lines = _lines(scores, fake, weights)
    lost = np.isnan(lines[0])
    if misleading and lost.any():
        ends = [np.max(scores) + _BEYOND, np.min(scores) - _BEYOND]
        added = np.full((2, int(lost.sum())), float(misleading))
        # A class that a column lacks altogether is not made up.
        added[
            :, [not (column[fake].any() and column[~fake].any()) for column in weights.T[lost]]
        ] = 0
        lines[:, lost] = _lines(
            np.append(scores, ends),
            np.append(fake, [False, True]),
            np.concatenate([weights[:, lost], added]),
        )
    return lines


def _lines(scores: Array, fake: NDArray[np.bool_], weights: Array) -> Array:
    """Fit the lines of `logistic_lines` without misleading clips."""
    centre, spread = float(np.mean(scores)), float(np.std(scores)) or 1.0
    x, y = (scores - centre) / spread, fake.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        balanced = np.where(
            fake[:, None],
            weights / np.sum(weights[fake], axis=0),
            weights / np.sum(weights[~fake], axis=0),
        )
    lines = np.full((2, weights.shape[1]), np.nan)
    open_ = np.flatnonzero(_overlapping(scores, fake, weights))
    lines[:, open_] = 0.0
    for _ in range(_STEPS):
        if not len(open_):
            break
        step, slope = _newton(x, y, balanced[:, open_], lines[:, open_])
        lines[:, open_] += step
        open_ = open_[slope > _CLOSE]
    lines[:, open_] = np.nan
    return np.stack([lines[0] - lines[1] * centre / spread, lines[1] / spread])


def _overlapping(scores: Array, fake: NDArray[np.bool_], weights: Array) -> NDArray[np.bool_]:
    """Whether some real clip of a column lies above a fake, and some below one.

    Else the classes can be told apart by a line as steep as one likes. Where a class is absent they
    do not overlap.
    """
    ends: list[Array] = []
    for part in (~fake, fake):
        drawn = weights[part] > 0
        own = scores[part][:, None]
        ends += [
            np.min(np.where(drawn, own, np.inf), axis=0, initial=np.inf),
            np.max(np.where(drawn, own, -np.inf), axis=0, initial=-np.inf),
        ]
    real_low, real_high, fake_low, fake_high = ends
    return (real_high > fake_low) & (fake_high > real_low)


def _newton(x: Array, y: Array, weight: Array, line: Array) -> tuple[Array, Array]:
    """One damped step down the weighted loss for every column, and the slope before it."""

    def loss(at: Array) -> Array:
        z = at[0] + np.multiply.outer(x, at[1])
        return np.einsum("ij,ij->j", weight, np.logaddexp(0.0, z) - y[:, None] * z)

    share = expit(line[0] + np.multiply.outer(x, line[1]))
    miss = weight * (share - y[:, None])
    curve = weight * share * (1 - share)
    gradient = np.stack([miss.sum(axis=0), x @ miss])
    a, b, c = curve.sum(axis=0), x @ curve, (x**2) @ curve
    determinant = np.maximum(a * c - b**2, np.finfo(np.float64).tiny)
    step = (
        -np.stack([(c * gradient[0] - b * gradient[1]), (a * gradient[1] - b * gradient[0])])
        / determinant
    )
    before = loss(line)
    for _ in range(30):
        worse = loss(line + step) > before + 1e-15
        if not worse.any():
            break
        step[:, worse] /= 2
    return step, np.max(np.abs(gradient), axis=0)


def _logistic(real: Array, fake: Array, misleading: int) -> Logistic:
    scores = np.concatenate([real, fake])
    if np.ptp(scores) == 0:
        return Logistic(0.0, 0.0)
    is_fake = np.repeat([False, True], [len(real), len(fake)])
    line = logistic_lines(scores, is_fake, np.ones((len(scores), 1)), misleading)[:, 0]
    if np.isnan(line).any():
        raise ValueError("the classes do not overlap: no line fits best")
    return Logistic(float(line[0]), float(line[1]))


def _silverman(scores: Array) -> float:
    """Silverman, Density Estimation, 1986, section 3.4.2: (4/3 / n) ** 0.2 standard deviations."""
    spread = float(np.std(scores))
    if spread == 0:
        raise ValueError("a density needs scores that are not all the same")
    return spread * (4 / 3 / len(scores)) ** 0.2


def _density(at: Array, scores: Array, bandwidth: float) -> Array:
    """Logarithm of the kernel density."""
    width = max(1, _MOST_CELLS // len(scores))
    logs = [
        logsumexp(-(((part[:, None] - scores) / bandwidth) ** 2) / 2, axis=1)
        for part in np.split(at, range(width, len(at), width))
    ]
    return np.concatenate(logs) - np.log(len(scores) * bandwidth * np.sqrt(2 * np.pi))
