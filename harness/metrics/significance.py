"""Whether a difference between two detectors on the same clips is more than chance.

Conventions: a difference is a figure of one detector less that of another, both on the same clips;
p-values are two-sided unless a name says otherwise. Two kinds of test are here. McNemar's and
DeLong's take clips for independent: they are what the literature reports, and are too sure of
themselves where the clips of a speaker are alike. `Contrast` takes groups for independent, and is
what decides.

The test over groups is Student's t of the difference over its bootstrap standard error, with one
degree of freedom less than there are groups: the usual correction for few clusters. The t is no
better than its assumption that a sum over groups is nearly normal, which fails where few groups
show any difference at all. There the two detectors could be exchanged group by group (the sign-flip
test), and k groups that differ cannot give a p-value under 2^(1 - k); no p-value here is smaller.
With fewer than `FEWEST_DIFFERING` of them no difference can be shown at 5 %, and changes that these
groups did not show are then allowed for: the exact upper bound of k out of all groups, less the k
that were seen, times the effect of a group where there is one. An unseen change is taken for one
clip's and, as the clips of a group change together, a share `LIKENESS` of the rest of its group;
the latter counts the less the more changes were seen. So no change at all has the narrowest
interval, and every change widens it. In simulations of 12 to 100 groups of 6 to 50 clips where few
change, the bounds miss the truth in at most 0.8 % on either side.

A run that is worse has its losses in few groups, so that a sum that looks harmless may be one that
has missed them: the draws then have a long tail downwards, and t is too sure that the loss is no
larger. On the side of the longer tail t is therefore taken for less, by Johnson's first correction
for skewness; on the other side, where it would be taken for more, it is left.

Cameron & Miller, Journal of Human Resources 50, 2015, section VI (few clusters); Field & Welsh,
Journal of the Royal Statistical Society B 69, 2007; Johnson, Journal of the American Statistical
Association 73, 1978; Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005, section
3 (exchange within pairs).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, ndtr, stdtr

from harness.metrics.classification import Array, refuse_nan
from harness.metrics.intervals import FEWEST_GROUPS, LEVEL, exact, student

Count = NDArray[np.intp]

POWER = 0.8
FEWEST_DIFFERING = 6
"""2^(1 - 6) is the first under 5 %."""
LIKENESS = 0.05
"""Share of the other clips of a group that an unseen change of one of them brings along."""

_SAME = 1e-12
_MOST_T = 1e6


@dataclass(frozen=True)
class DeLong:
    """A difference of two AUCs of the same clips, clips taken for independent.

    NaN where a class has fewer than two clips. Where the variance is 0 p is 1 for no difference and
    0 for one.
    """

    difference: float
    variance: float
    z: float
    p: float


def mcnemar_exact(b: int, c: int) -> float:
    """p-value of `b` clips that only one detector has right against `c` that only the other has.

    Under the null each of the b + c clips is as likely to be the one as the other: the exact
    binomial test of b out of b + c at 1/2, doubled and at most 1.

    McNemar, Psychometrika 12, 1947; exact form as in Agresti, Categorical Data Analysis, 2013,
    section 11.1.
    """
    if b < 0 or c < 0:
        raise ValueError("counts are not negative")
    return float(min(1.0, 2 * bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def delong(real_a: Array, fake_a: Array, real_b: Array, fake_b: Array) -> DeLong:
    """AUC of a less that of b, with the variance that their correlation on the same clips gives.

    Parameters
    ----------
    real_a, real_b
        Scores of the same real clips in the same order, shape (n,); fakes alike.

    Raises
    ------
    ValueError
        Where the two sides have unlike lengths or a score is NaN.

    DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988; computed from midranks after Sun & Xu,
    IEEE Signal Processing Letters 21, 2014.
    """
    if len(real_a) != len(real_b) or len(fake_a) != len(fake_b):
        raise ValueError("the two detectors have other clips")
    nan = float("nan")
    if not len(real_a) or not len(fake_a):
        return DeLong(nan, nan, nan, nan)
    real, fake = placement_difference(real_a, fake_a, real_b, fake_b)
    difference = float(np.mean(fake))
    if min(len(real), len(fake)) < 2:
        return DeLong(difference, nan, nan, nan)
    variance = float(np.var(real, ddof=1) / len(real) + np.var(fake, ddof=1) / len(fake))
    if variance <= _SAME**2:
        same = abs(difference) <= _SAME
        return DeLong(
            difference, 0.0, 0.0 if same else float(np.copysign(np.inf, difference)), float(same)
        )
    z = difference / np.sqrt(variance)
    return DeLong(difference, variance, float(z), float(2 * ndtr(-abs(z))))


def placement(real: Array, fake: Array) -> tuple[Array, Array]:
    """Share of the other class that each clip is on the right side of, ties half.

    Returns
    -------
    real, fake
        Shapes as the scores; the mean of either is the AUC. NaN where the other class is empty.
    """
    from scipy.stats import rankdata  # slow to import

    refuse_nan(real, fake)
    n, m = len(real), len(fake)
    together = rankdata(np.concatenate([real, fake]))
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (together[n:] - rankdata(fake)) / n
        above = 1 - (together[:n] - rankdata(real)) / m
    return above, below


def placement_difference(
    real_a: Array, fake_a: Array, real_b: Array, fake_b: Array
) -> tuple[Array, Array]:
    """Placement by a less placement by b, of each real clip and each fake."""
    a, b = placement(real_a, fake_a), placement(real_b, fake_b)
    return a[0] - b[0], a[1] - b[1]


def holm(p_values: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """p-values adjusted for being one family: rejecting those up to 5 % errs in 5 % of families.

    NaN stays NaN and is not counted into the family. The shape is kept.

    Parameters
    ----------
    weights
        Of the hypotheses, above 0: each is tested at its share of the level, and what is rejected
        leaves its share to the rest. Alike where none are given.

    Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    values = p[known]
    shares = np.ones(len(values))
    if weights is not None:
        shares = np.broadcast_to(np.asarray(weights, dtype=np.float64), p.shape)[known]
    order = np.argsort(values / shares, kind="stable")
    left = np.cumsum(shares[order][::-1])[::-1]
    scaled = values[order] / shares[order] * left
    stepped = np.empty(len(values))
    stepped[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    adjusted[known] = stepped
    return adjusted


def smallest_difference(
    error: ArrayLike, freedom: ArrayLike = np.inf, level: float = LEVEL, power: float = POWER
) -> Array:
    """Smallest true difference that a t-test would show with this power, given its standard error.

    Parameters
    ----------
    freedom
        Degrees of freedom; infinite for a normal test.
    level
        1 less the two-sided size of the test.

    Bloom, Evaluation Review 19, 1995 (minimum detectable effect).
    """
    quantiles = student(freedom, (1 + level) / 2) + student(freedom, power)
    return np.asarray(error, dtype=np.float64) * quantiles


@dataclass(frozen=True, eq=False)
class Contrast:
    """Paired differences and what groups say of them; all arrays of one shape.

    Parameters
    ----------
    difference
        NaN where there is none.
    error
        Its standard error over groups (`bootstrap_error`).
    groups
        That it is of.
    differing
        Groups in which the two detectors differ.
    largest
        The largest part of the difference that one group makes, times the groups: what the
        difference would be if every group were like it. Of no consequence where `differing` is 0 or
        `FEWEST_DIFFERING` and more.
    skew
        Skewness of the difference's draws (`bootstrap_skew`).
    most
        Largest value of the figure, and so of a difference.
    freedom
        Degrees of freedom of the error; one less than there are groups where none are given.
    clip
        The difference that the change of one clip makes, times the groups; as large as a group's
        where it is not known.
    """

    difference: Array
    error: Array
    groups: Count
    differing: Count
    largest: Array
    skew: Array | float = 0.0
    most: Array | float = 1.0
    freedom: Array | None = None
    clip: Array | float = np.inf

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether there is a difference and enough groups to judge it by."""
        estimated = ~np.isnan(self.difference) & ~np.isnan(self.error)
        return estimated & (self.groups >= FEWEST_GROUPS)

    def reversed(self) -> Contrast:
        """The other detector less the one; also for figures of which less is better."""
        return replace(self, difference=-self.difference, skew=-self.skew)

    def interval(self, level: float = LEVEL) -> tuple[Array, Array]:
        """Bounds within [-most, most] that hold the difference; NaN where it is not `known`."""
        t = student(self._freedom, (1 + level) / 2)
        low, high = (
            self.difference + side * self.error * (t + self._more(level, self._tail(side)))
            for side in (-1, 1)
        )
        unseen = self._unseen(level)
        few = self.differing < FEWEST_DIFFERING
        low = np.where(few, np.minimum(np.minimum(low, self.difference - unseen), 0.0), low)
        high = np.where(few, np.maximum(np.maximum(high, self.difference + unseen), 0.0), high)
        same = ~few & (self.error <= _SAME)
        alike = self._most * exact(np.zeros(self._size.shape), self._size, level)[1]
        low = np.where(same, np.minimum(low, self.difference - alike), low)
        high = np.where(same, np.maximum(high, self.difference + alike), high)
        low, high = np.maximum(low, -self._most), np.minimum(high, self._most)
        return np.where(self.known, low, np.nan), np.where(self.known, high, np.nan)

    def p(self) -> Array:
        """Two-sided p-value of no difference, no less than exchanging whole groups can give."""
        both = 2 * np.minimum(
            self._student(self.difference), self.reversed()._student(-self.difference)
        )
        floor = np.exp2(1.0 - self.differing)
        return np.where(self.known, np.minimum(np.maximum(both, floor), 1.0), np.nan)

    def p_above(self, bound: float = 0.0) -> Array:
        """One-sided p-value of a true difference of at most `bound`: small where it is above.

        For non-inferiority by a margin the bound is minus the margin.
        """
        return self._one_sided(self.difference - bound, 0.0 - bound)

    def p_below(self, bound: float = 0.0) -> Array:
        """One-sided p-value of a true difference of at least `bound`: small where it is below."""
        return self.reversed().p_above(-bound)

    def smallest(self, level: float = LEVEL, power: float = POWER) -> Array:
        """Smallest true difference that these clips would have shown with this power.

        Where so few groups differ that the error says little, it is the difference at which, with
        this power, enough groups would have differed. NaN where there are too few groups for any.
        """
        size = smallest_difference(self.error, self._freedom, level, power)
        # The longer tail may be on the side of the difference or not.
        size = size + self.error * self._more(level, np.abs(self.skew) / 2)
        spare = self.groups - FEWEST_DIFFERING + 1
        enough = betaincinv(FEWEST_DIFFERING, np.maximum(spare, 1), power)
        rare = self._reach(self.differing) * enough
        size = np.where(self.differing < FEWEST_DIFFERING, np.maximum(size, rare), size)
        return np.where(self.known & (spare >= 1), np.minimum(size, self._most), np.nan)

    def chance(self, margin: float, level: float = LEVEL) -> Array:
        """Probability that a detector as good as the other is shown to be within a margin.

        With an error like this one; 0 where so few groups differ that the others could hide more.
        """
        t = student(self._freedom, (1 + level) / 2)
        reached = margin / np.maximum(self.error, _SAME) - t
        chance = stdtr(np.maximum(self._freedom, 1.0), np.minimum(reached, _MOST_T))
        hidden = (self.differing < FEWEST_DIFFERING) & (self._unseen(level) > margin)
        return np.where(self.known, np.where(hidden, 0.0, chance), np.nan)

    def needed(self, margin: float, level: float = LEVEL, power: float = POWER) -> Array:
        """Groups like these at which that probability is `power`; infinite without a margin."""
        if margin <= 0:
            return np.where(self.known, np.inf, np.nan)
        by_error = self.groups * (smallest_difference(self.error, self._freedom, level, power)) ** 2
        share = np.minimum(margin / np.maximum(self._reach(0), _SAME), 1 - _SAME)
        few = self.differing < FEWEST_DIFFERING
        unseen = np.where(few, np.log((1 - level) / 2) / np.log1p(-share), 0.0)
        return np.where(self.known, np.ceil(np.maximum(by_error / margin**2, unseen)), np.nan)

    @property
    def _most(self) -> Array:
        return np.asarray(self.most, dtype=np.float64)

    @property
    def _freedom(self) -> Array:
        freedom = self.groups - 1 if self.freedom is None else self.freedom
        return np.asarray(freedom, dtype=np.float64)

    def _more(self, level: float, tail: Array) -> Array:
        """Johnson's correction to the quantile of t on the side of the longer tail."""
        return tail * (2 * student(self._freedom, (1 + level) / 2) ** 2 + 1) / 6

    def _tail(self, side: int) -> Array:
        """Skewness towards a side, 0 where the longer tail is the other one."""
        return np.maximum(side * np.asarray(self.skew), 0.0)

    @property
    def _size(self) -> Array:
        return np.maximum(self.groups, 1).astype(np.float64)

    def _reach(self, changes: ArrayLike) -> Array:
        """Difference within a group where there is one, if this many groups show any."""
        shown = (changes == self.differing) & (self.differing > 0)
        seen = np.where(shown, np.minimum(self.largest, self._most), 0.0)
        clip = np.minimum(self.clip, self._most)
        with np.errstate(invalid="ignore"):
            rest = np.where(np.isfinite(self._most), self._most - clip, 0.0)
        fading = np.maximum(1 - np.asarray(changes) / FEWEST_DIFFERING, 0.0)
        return np.maximum(seen, clip + LIKENESS * fading * rest)

    def _unseen(self, level: float) -> Array:
        """What groups may hide beside the changes that were seen, no less than beside fewer."""
        most = np.zeros(self._size.shape)
        for changes in range(FEWEST_DIFFERING):
            share = np.minimum(changes / self._size, 1.0)
            above = exact(share, self._size, level)[1] - share
            with np.errstate(invalid="ignore"):
                hidden = np.where(above > 0, self._reach(changes) * above, 0.0)
            most = np.where(changes <= self.differing, np.maximum(most, hidden), most)
        return most

    def _unseen_p(self, above: Array) -> Array:
        """One-sided p-value at which `_unseen` reaches `above` as far."""
        p = np.zeros(self._size.shape)
        for changes in range(FEWEST_DIFFERING):
            reach = np.maximum(self._reach(changes), _SAME)
            with np.errstate(invalid="ignore"):
                share = np.clip(changes / self._size + above / reach, 0.0, 1.0)
            hidden = bdtr(np.minimum(changes, self.groups), np.maximum(self.groups, 1), share)
            p = np.where(changes <= self.differing, np.maximum(p, hidden), p)
        return p

    def _student(self, above: Array) -> Array:
        """One-sided p-value of a value that lies `above` the null by so much.

        The t that `interval` would need to reach down to the null: its bound, solved for t.
        """
        sure = np.where(np.abs(above) > _SAME, np.copysign(np.inf, above), 0.0)
        t = np.where(self.error > _SAME, above / np.maximum(self.error, _SAME), sure)
        tail = self._tail(-1)
        over = np.clip(t - tail / 6, 0.0, _MOST_T)
        t = np.minimum(t, 0.0) + 2 * over / (1 + np.sqrt(1 + 4 / 3 * tail * over))
        return stdtr(np.maximum(self._freedom, 1.0), -t)

    def _one_sided(self, above: Array, margin: float) -> Array:
        p = self._student(above)
        few = self.differing < FEWEST_DIFFERING
        if np.any(few):
            p = np.where(few, np.maximum(p, self._unseen_p(above)), p)
        if margin <= 0:
            p = np.maximum(p, np.exp2(-1.0 * self.differing))
        if not np.all(self.error > _SAME):
            alike = (1 - np.clip(above / self._most, 0.0, 1.0)) ** self.groups
            p = np.where((self.error <= _SAME) & ~few, np.maximum(p, alike), p)
        return np.where(self.known, np.minimum(p, 1.0), np.nan)
