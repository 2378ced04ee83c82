"""Scores as detectors and score files give them, converted to logits [fake, real].

A score is the log-odds of fake. Probabilities, percents, and scores for which higher means real are
converted here and nowhere else. Unstated scales are examined, because figures of probabilities that
were taken for log-odds are wrong and still look like figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.clip import Label
from harness.metrics.detection import auc

Kind = Literal["log-odds", "probability", "percent", "logits"]
KINDS: tuple[Kind, ...] = ("log-odds", "probability", "percent", "logits")
"""`logits` are two outputs of a model; their difference is the log-odds."""

Array = NDArray[np.float64]

LOOKS_LIKE: dict[Kind, str] = {
    "probability": "[0, 1], as probabilities do",
    "percent": "[0, 100], as percents do",
}
"""Words for values of unstated scale."""

_HUNDRED = {"probability": 1.0, "percent": 100.0}
_TOLERANCE = 1e-6
"""Distance that a probability written as float32 may lie outside [0, 1]."""
_HIGH_AUC = 0.8
_LEAST_CLIPS = 10
"""Fewest clips of each class for which a threshold that separates nothing is suspicious."""


@dataclass(frozen=True)
class Rounding:
    """Distances from 0 and from 1 at which these probabilities are put, to keep log-odds finite."""

    from_zero: float
    from_one: float


COMPUTED = Rounding(float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).epsneg) / 2)
"""Rounding of computed probabilities: the least that float64 can tell from 0 and from 1."""


def written_rounding(numbers: Iterable[str], kind: Kind) -> Rounding:
    """Return half of the last digit of the most precise number, at most 0.05.

    This keeps 0 and 1 beyond every other number that can be written with as many digits.
    """
    digits = max((_decimals(number) for number in numbers), default=0)
    digits = max(1, digits + 2 * (kind == "percent"))
    half = max(0.5 * 10.0**-digits, float(np.finfo(np.float64).tiny))
    return Rounding(half, half)


def logits_of(values: Array, kind: Kind, higher: Label, rounding: Rounding) -> Array:
    """Return logits [fake, real], float64 of shape (n, 2); values that are not finite stay so.

    Parameters
    ----------
    values
        Shape (n,), or (n, 2) with the columns [fake, real].
    higher
        The class that a higher value speaks for; ignored for two columns.

    Raises ValueError if a value is outside its scale; the message says which and why.
    """
    whole = _HUNDRED.get(kind)
    if values.ndim == 2:
        if whole is None:
            return values
        shares = _shares(values, whole)
        tolerance = max(1000 * _TOLERANCE, 2.1 * rounding.from_one)
        wrong = np.flatnonzero(np.abs(shares.sum(axis=1) - 1) > tolerance)
        if wrong.size:
            fake, real = values[wrong[0]]
            raise ValueError(f"{fake:g} and {real:g} do not add up to {whole:g}")
        return np.log(np.where(shares <= 0, rounding.from_zero, shares))
    if kind == "logits":
        raise ValueError("logits are two values of a clip, fake and real")
    scores = values if whole is None else _log_odds(_shares(values, whole), rounding)
    scores = scores if higher == "fake" else -scores
    return np.stack([scores, np.zeros_like(scores)], axis=1)


def _shares(values: Array, whole: float) -> Array:
    shares = values / whole
    outside = np.flatnonzero((shares < -_TOLERANCE) | (shares > 1 + _TOLERANCE))
    if outside.size:
        name = "probability" if whole == 1 else "percentage"
        raise ValueError(f"{values.flat[outside[0]]:g} is no {name}")
    return np.clip(shares, 0, 1)


def _log_odds(shares: Array, rounding: Rounding) -> Array:
    inside = np.clip(shares, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
    odds = np.log(inside) - np.log1p(-inside)
    odds = np.where(shares <= 0, np.log(rounding.from_zero) - np.log1p(-rounding.from_zero), odds)
    odds = np.where(shares >= 1, np.log1p(-rounding.from_one) - np.log(rounding.from_one), odds)
    return np.where(np.isnan(shares), np.nan, odds)


def range_doubt(values: Array) -> Kind | None:
    """Return the scale that values in [0, 1] or [0, 100] look like; None for all others."""
    values = values[np.isfinite(values)]
    if not values.size or values.min() < 0 or values.max() > 100:
        return None
    return "probability" if values.max() <= 1 + _TOLERANCE else "percent"


def one_sided(scores: Array, fake: NDArray[np.bool_], threshold: float) -> str:
    """Describe a threshold with every clip on one side although the classes are apart.

    Empty for any other threshold, or with fewer than 10 clips of either class.
    """
    finite = np.isfinite(scores)
    real_scores, fake_scores = scores[finite & ~fake], scores[finite & fake]
    if min(len(real_scores), len(fake_scores)) < _LEAST_CLIPS:
        return ""
    called = np.concatenate([real_scores, fake_scores]) >= threshold
    if called.any() and not called.all():
        return ""
    apart = auc(real_scores, fake_scores)
    if apart < _HIGH_AUC:
        return ""
    side = "fake" if called.all() else "real"
    return f"all {len(called)} clips are called {side} although the AUC is {apart:.3f}"


def _decimals(number: str) -> int:
    exponent = Decimal(number).as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
