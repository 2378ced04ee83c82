"""Bounds within which a likelihood ratio is supported by the number of groups behind it.

Conventions: log-likelihood ratios of shape (n,), natural logarithms; the grid on which bounds are
sought is in steps of a hundredth of a power of ten, as in the paper.

A ratio of a million to one says that one of a million real clips would score like this. A set of 40
clips cannot show that, whatever density is fitted to it. The empirical bounds are the largest
ratios in either direction at which acting on them is still no worse than ignoring them, if one more
group of each class (a speaker, a recording) is assumed on the wrong side of every threshold. They
never exceed the number of groups of the other class plus one.

Groups count and not clips, because a speaker whose voice misleads a detector misleads it in every
clip: 300 clips of 30 speakers show no more about the 31st speaker than 30 clips do. Groups of
different sizes count as their effective number (Kish 1965): the squared sum of the sizes over the
sum of their squares. With a group for every clip the bounds are those of the paper.

Vergeer, van Es, de Jongh, Alberink & Stoel, Numerical likelihood ratios outputted by LR systems are
often based on extrapolation: when to stop extrapolating?, Science & Justice 56, 2016 (ELUB); Kish,
Survey Sampling, 1965, section 11.7 (effective number).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.metrics.classification import Array, refuse_nan
from harness.metrics.detection import Index

LN10 = float(np.log(10))
_STEP = 0.01
_EXTREME = 9.0
"""Ratios beyond ten to this are taken for it, infinite ones too."""
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest log-likelihood ratio that the data support: not above 0, not below."""

    lower: float
    upper: float

    def clip(self, llr: Array) -> Array:
        """Clip ratios to the bounds."""
        return np.clip(llr, self.lower, self.upper)


def empirical_bounds(real: Array, fake: Array, real_group: Index, fake_group: Index) -> Bounds:
    """ELUB of calibrated ratios: no worse than ignoring them, one misleading group a class added.

    Parameters
    ----------
    real_group, fake_group
        Number of each clip's group, shapes as the ratios.

    Raises
    ------
    ValueError
        Where a class is empty or a ratio is NaN.
    """
    refuse_nan(real, fake)
    if not len(real) or not len(fake):
        raise ValueError("bounds need ratios of both classes")
    parts = [np.clip(ratios / LN10, -_EXTREME, _EXTREME) for ratios in (real, fake)]
    real_size, fake_size = effective_groups(real_group), effective_groups(fake_group)
    low = max(min(float(part.min()) for part in parts), -float(np.log10(fake_size + 1)))
    high = min(max(float(part.max()) for part in parts), float(np.log10(real_size + 1)))
    first = min(0, int(low // _STEP))
    last = max(0, int(high // _STEP) + 1)
    threshold = np.linspace(first * _STEP, last * _STEP, last - first + 1)
    ratio = 10.0**threshold
    real_above, fake_above = (
        size * (1 - np.searchsorted(np.sort(10.0**part), ratio, side="right") / len(part))
        for part, size in zip(parts, (real_size, fake_size), strict=True)
    )
    # One group of fakes that is never accepted, one of real clips that always is.
    loss = 1 - fake_above / (fake_size + 1) + ratio * (real_above + 1) / (real_size + 1)
    worse = np.minimum(ratio, 1.0) / loss < 1 - _ROUNDING
    left = threshold[(threshold <= 0) & worse] + _STEP
    right = threshold[(threshold >= 0) & worse] - _STEP
    lower = min(float(np.max(left, initial=threshold[0])), 0.0)
    upper = max(float(np.min(right, initial=threshold[-1])), 0.0)
    return Bounds(lower * LN10, upper * LN10)


def effective_groups(group: Index) -> float:
    """Kish's effective number of groups: as many equal ones weigh as much as these."""
    sizes = np.unique(group, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / np.sum(sizes**2))
