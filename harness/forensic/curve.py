"""The curves behind calibrated ratios: finished points, few enough to be drawn.

Ratios are in powers of ten here, as they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.forensic.calibrated import Ratios
from harness.metrics.detection import roc
from harness.metrics.elub import LN10
from harness.metrics.likelihood import cross_entropy, pav, reliability, tippett
from harness.summary.curves import thin

Array = NDArray[np.float64]

POINTS = 100
_PRIOR = 3.0
"""Powers of ten of prior odds to either side."""


@dataclass(frozen=True)
class Curves:
    """What one method's ratios look like under one condition.

    Parameters
    ----------
    tippett_at, tippett_real, tippett_fake
        Share of each class whose ratio (log10) is larger.
    pav_at, pav
        Ratios as given and after pooling (log10), where both are finite: calibrated ones are equal.
    prior, given, pooled, reference
        Empirical cross-entropy in bits over prior odds (log10).
    stated, observed, clips
        Share of fakes in ten equal bins, at an even prior.
    fpr, fnr
        Error rates over all thresholds.
    """

    model: str
    condition: str
    method: str
    tippett_at: list[float]
    tippett_real: list[float]
    tippett_fake: list[float]
    pav_at: list[float]
    pav: list[float]
    prior: list[float]
    given: list[float]
    pooled: list[float]
    reference: list[float]
    stated: list[float]
    observed: list[float]
    clips: list[int]
    fpr: list[float]
    fnr: list[float]


def curves(ratios: Sequence[Ratios], methods: Sequence[str]) -> list[Curves]:
    """Of these methods, where there are ratios."""
    return [_curves(each) for each in ratios if each.method in methods and not each.reason]


def _curves(ratios: Ratios) -> Curves:
    real, fake = ratios.cell.real, ratios.cell.fake
    share, prior = tippett(real, fake, POINTS), np.linspace(-_PRIOR, _PRIOR, 61)
    entropy, bins = cross_entropy(real, fake, prior * LN10), reliability(real, fake)
    points = roc(real, fake)
    kept = thin(points)
    at, line = _pooled(real, fake)
    return Curves(
        ratios.model,
        ratios.condition,
        ratios.method,
        _list(share.llr / LN10),
        _list(share.real),
        _list(share.fake),
        _list(at / LN10),
        _list(line / LN10),
        _list(prior),
        _list(entropy.given),
        _list(entropy.pooled),
        _list(entropy.reference),
        _list(bins.stated),
        _list(bins.observed),
        bins.clips.tolist(),
        _list(points.fpr[kept]),
        _list(1 - points.tpr[kept]),
    )


def _pooled(real: Array, fake: Array) -> tuple[Array, Array]:
    """The line of pooled ratios: the ends of its steps, evenly thinned where they are many."""
    at, first = np.unique(np.concatenate([real, fake]), return_index=True)
    line = np.concatenate(pav(real, fake))[first]
    finite = np.isfinite(line) & np.isfinite(at)
    at, line = at[finite], line[finite]
    if not len(at):
        return at, line
    turns = np.flatnonzero(np.diff(line)) if len(at) > 1 else np.zeros(0, dtype=np.intp)
    ends = np.unique(np.concatenate([[0], turns, turns + 1, [len(at) - 1]]))
    if len(ends) > 2 * POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, 2 * POINTS).round().astype(np.intp))]
    return at[ends], line[ends]


def _list(values: Array) -> list[float]:
    return [round(float(each), 4) for each in values]
