"""Bounds within which a likelihood ratio is supported by the number of clips behind it.

Conventions: log-likelihood ratios of shape (n,), natural logarithms; the grid on which bounds are
sought is in steps of a hundredth of a power of ten, as in the paper.

A ratio of a million to one says that one of a million real clips would score like this. A set of 40
clips cannot show that, whatever density is fitted to it. The empirical bounds are the largest
ratios in either direction at which acting on them is still no worse than ignoring them, if one more
clip of each class is assumed on the wrong side of every threshold. They never exceed the number of
clips of the other class plus one.

Vergeer, van Es, de Jongh, Alberink & Stoel, Numerical likelihood ratios outputted by LR systems are
often based on extrapolation: when to stop extrapolating?, Science & Justice 56, 2016 (ELUB).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.metrics.classification import Array, refuse_nan

LN10 = float(np.log(10))
_STEP = 0.01
_EXTREME = 9.0
"""Ratios beyond ten to this are taken for it, infinite ones too."""


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest log-likelihood ratio that the clips support: not above 0, not below."""

    lower: float
    upper: float

    def clip(self, llr: Array) -> Array:
        """Clip ratios to the bounds."""
        return np.clip(llr, self.lower, self.upper)


def empirical_bounds(real: Array, fake: Array) -> Bounds:
    """ELUB of calibrated ratios: no worse than ignoring them, one misleading clip a class added.

    Raises
    ------
    ValueError
        Where a class is empty or a ratio is NaN.
    """
    refuse_nan(real, fake)
    if not len(real) or not len(fake):
        raise ValueError("bounds need ratios of both classes")
    parts = [np.clip(ratios / LN10, -_EXTREME, _EXTREME) for ratios in (real, fake)]
    low = max(min(float(part.min()) for part in parts), -float(np.log10(len(fake) + 1)))
    high = min(max(float(part.max()) for part in parts), float(np.log10(len(real) + 1)))
    first = min(0, int(low // _STEP))
    last = max(0, int(high // _STEP) + 1)
    threshold = np.linspace(first * _STEP, last * _STEP, last - first + 1)
    ratio = 10.0**threshold
    real_above, fake_above = (
        len(part) - np.searchsorted(np.sort(10.0**part), ratio, side="right") for part in parts
    )
    # One fake that is never accepted, one real clip that always is.
    loss = 1 - fake_above / (len(fake) + 1) + ratio * (real_above + 1) / (len(real) + 1)
    worse = np.minimum(ratio, 1.0) / loss < 1
    left = threshold[(threshold <= 0) & worse] + _STEP
    right = threshold[(threshold >= 0) & worse] - _STEP
    lower = min(float(np.max(left, initial=threshold[0])), 0.0)
    upper = max(float(np.min(right, initial=threshold[-1])), 0.0)
    return Bounds(lower * LN10, upper * LN10)
