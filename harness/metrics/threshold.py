"""Choosing a threshold on clips that are not judged afterwards.

Conventions: scores of shape (n,), log-odds of fake; a clip is called fake at `score >= threshold`.
A threshold lies half way between two neighbouring scores, so that clips a little different from
these fall to the same side as they.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from harness.metrics.classification import Array, refuse_nan
from harness.metrics.cost import ASVSPOOF_5, DetectionCost

Choice = Literal["eer", "fpr", "cost"]
"""Both error rates alike; at most a share of the real clips called fake; the least cost."""


def choose_threshold(
    real: Array,
    fake: Array,
    choice: Choice,
    at: float | None = None,
    cost: DetectionCost = ASVSPOOF_5,
) -> float:
    """The threshold that serves these clips best.

    Where several serve equally, the one with the smaller sum of both error rates.

    Parameters
    ----------
    at
        With `fpr`: the share of real clips that may be called fake, 0 to 1.

    Raises
    ------
    ValueError
        Where a class has no score, a score is NaN, or `fpr` has no share.
    """
    refuse_nan(real, fake)
    if not len(real) or not len(fake):
        raise ValueError("a threshold is chosen between real and fake scores")
    scores = np.unique(np.concatenate([real, fake]))
    edges = np.append(scores, np.inf)  # below edge i lie the scores that are called real
    fpr = 1 - np.searchsorted(np.sort(real), edges, side="left") / len(real)
    fnr = np.searchsorted(np.sort(fake), edges, side="left") / len(fake)
    match choice:
        case "eer":
            loss = np.abs(fpr - fnr)
        case "cost":
            loss = cost.real_weight * fpr + cost.fake_weight * fnr
        case "fpr":
            if at is None:
                raise ValueError("fpr needs the share of real clips that may be called fake")
            loss = np.where(fpr <= at + _SAME, fnr, np.inf)
    best = np.flatnonzero(loss <= loss.min() + _SAME)
    return _between(scores, int(best[np.argmin((fpr + fnr)[best])]))


_SAME = 1e-12


def _between(scores: Array, edge: int) -> float:
    """Half way between the scores on either side of an edge; beyond the last, a little."""
    if edge == 0:
        return float(scores[0])
    if edge == len(scores):
        return float(np.nextafter(scores[-1], np.inf))
    middle = float(scores[edge - 1] / 2 + scores[edge] / 2)
    # Neighbouring numbers, or infinite ones, have no middle.
    return middle if scores[edge - 1] < middle <= scores[edge] else float(scores[edge])
