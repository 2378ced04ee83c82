"""Deciding only what is sure: error over the share of clips that is decided.

Conventions: scores of shape (n,), log-odds of fake; a clip is called fake at `score >= threshold`;
the confidence is how far the score lies from the threshold, and clips of one confidence are decided
together. Risk is the share of wrong decisions among those made, coverage the share of clips that
are decided.

El-Yaniv & Wiener, Journal of Machine Learning Research 11, 2010 (risk and coverage); Geifman, Uziel
& El-Yaniv, ICLR 2019 (AURC).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.classification import Array, refuse_nan

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Every point of the curve, from the surest clips alone to all.

    Parameters
    ----------
    confidence
        Least confidence that is decided, falling; clips at it are.
    decided, wrong
        How many clips are, and how many of these wrongly.
    coverage, risk
        The shares that these are.
    """

    confidence: Array
    decided: Index
    wrong: Index
    coverage: Array
    risk: Array


def confidence_of(real: Array, fake: Array, threshold: float = 0.0) -> Array:
    """Distance of every score from the threshold, those of real clips first; 0 on it."""
    scores = np.concatenate([real, fake])
    with np.errstate(invalid="ignore"):
        far = np.abs(scores - threshold)
    return np.where(scores == threshold, 0.0, far)  # also where both are infinite


def wrong_of(real: Array, fake: Array, threshold: float = 0.0) -> NDArray[np.bool_]:
    """Whether every clip is decided wrongly, real ones first."""
    return np.concatenate([real >= threshold, fake < threshold])


def risk_coverage(real: Array, fake: Array, threshold: float = 0.0) -> RiskCoverage:
    """The curve of a test set; it has no point where there is no clip."""
    refuse_nan(real, fake)
    levels, step = np.unique(-confidence_of(real, fake, threshold), return_inverse=True)
    decided = np.cumsum(np.bincount(step, minlength=len(levels)))
    errors = np.bincount(step, wrong_of(real, fake, threshold), minlength=len(levels))
    wrong = np.cumsum(errors.astype(np.intp))
    total = max(int(decided[-1]), 1) if len(decided) else 1
    return RiskCoverage(-levels, decided, wrong, decided / total, wrong / np.maximum(decided, 1))


def coverage_at(curve: RiskCoverage, target: float) -> float:
    """Largest coverage whose risk is at most the wanted one, on these very clips; 0 for none.

    A figure of hindsight: the confidence is chosen on the clips that it is judged on.
    """
    fine = np.flatnonzero(curve.risk <= target + 1e-12)
    return float(curve.coverage[fine[-1]]) if len(fine) else 0.0
