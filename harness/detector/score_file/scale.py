"""Scores as their maker wrote them, and how they become logits [fake, real].

A score here is the log-odds of fake. What says that its scores are probabilities or percents, or
that higher means real, is converted by this module alone; what does not say is looked at, since
figures of probabilities that were taken for log-odds are wrong and look like figures.
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
"""`logits` are two outputs of a model, of which the log-odds are the difference."""

Array = NDArray[np.float64]

LOOKS_LIKE: dict[Kind, str] = {
    "probability": "[0, 1], as probabilities do",
    "percent": "[0, 100], as percents do",
}
"""What is said of values of which nobody said what they are."""

_HUNDRED = {"probability": 1.0, "percent": 100.0}
_ROUNDING = 1e-6
"""By how much a probability may be outside of [0, 1], as float32 writes it."""
_HIGH_AUC = 0.8
_LEAST_CLIPS = 10
"""Of each class, before it is remarkable that one class takes everything."""


@dataclass(frozen=True)
class Floor:
    """The probabilities that stand for 0, and for the distance of 1 to 1: log-odds are finite."""

    zero: float
    one: float


COMPUTED = Floor(float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).epsneg) / 2)
"""For probabilities that were computed and not written: what float64 can tell from 0 and from 1."""


def written_floor(numbers: Iterable[str], kind: Kind) -> Floor:
    """Half of the last digit that any of these numbers has, and at most 0.05.

    So 0 and 1 stay beyond everything else that the same digits can write.
    """
    digits = max((_decimals(number) for number in numbers), default=0)
    digits = max(1, digits + 2 * (kind == "percent"))
    half = max(0.5 * 10.0**-digits, float(np.finfo(np.float64).tiny))
    return Floor(half, half)


def logits_of(values: Array, kind: Kind, higher: Label, floor: Floor) -> Array:
    """Logits [fake, real], float64 of shape (n, 2); what is not finite stays so.

    Parameters
    ----------
    values
        Shape (n,), or (n, 2) with the columns [fake, real].
    higher
        The class that a higher value speaks for; says nothing of two columns.

    Raises
    ------
    ValueError
        Where a value is none of its kind; the message says which and why.
    """
    whole = _HUNDRED.get(kind)
    if values.ndim == 2:
        if whole is None:
            return values
        shares = _shares(values, whole)
        rounded = max(1000 * _ROUNDING, 2.1 * floor.one)
        torn = np.flatnonzero(np.abs(shares.sum(axis=1) - 1) > rounded)
        if torn.size:
            one, other = values[torn[0]]
            raise ValueError(f"{one:g} and {other:g} do not add up to {whole:g}")
        return np.log(np.where(shares <= 0, floor.zero, shares))
    if kind == "logits":
        raise ValueError("logits are two values of a clip, fake and real")
    scores = values if whole is None else _log_odds(_shares(values, whole), floor)
    scores = scores if higher == "fake" else -scores
    return np.stack([scores, np.zeros_like(scores)], axis=1)


def _shares(values: Array, whole: float) -> Array:
    shares = values / whole
    outside = np.flatnonzero((shares < -_ROUNDING) | (shares > 1 + _ROUNDING))
    if outside.size:
        name = "probability" if whole == 1 else "percentage"
        raise ValueError(f"{values.flat[outside[0]]:g} is no {name}")
    return np.clip(shares, 0, 1)


def _log_odds(shares: Array, floor: Floor) -> Array:
    inside = np.clip(shares, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
    odds = np.log(inside) - np.log1p(-inside)
    odds = np.where(shares <= 0, np.log(floor.zero) - np.log1p(-floor.zero), odds)
    odds = np.where(shares >= 1, np.log1p(-floor.one) - np.log(floor.one), odds)
    return np.where(np.isnan(shares), np.nan, odds)


def range_doubt(values: Array) -> Kind | None:
    """What values look like that all lie in [0, 1] or in [0, 100]; None where they do not."""
    values = values[np.isfinite(values)]
    if not values.size or values.min() < 0 or values.max() > 100:
        return None
    return "probability" if values.max() <= 1 + _ROUNDING else "percent"


def one_class(scores: Array, fake: NDArray[np.bool_], threshold: float) -> str:
    """Says that every clip falls on one side of the threshold although the classes are apart.

    Empty where that is not so, or where there are fewer than 10 clips of either.
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
