"""Is a measured figure the same as the reported one, by a stated margin? Two one-sided tests.

That an interval holds the reported figure shows nothing when it is wide, and that it does not is of
no interest when the difference is small. So the question is turned round: the two are equivalent
where the difference is shown to lie within a margin. Two one-sided tests at 5 % show that exactly
where the 90 % interval of the difference lies within the margin (Schuirmann, Journal of
Pharmacokinetics and Biopharmaceutics 15, 1987).

Both figures were measured, on clips that have nothing to do with each other, so both err. Their
difference gets the interval of Newcombe's hybrid method (square-and-add, MOVER): from the distances
of each figure to the ends of its own interval,

    lower = d - sqrt((m - l)^2 + (U - r)^2),   upper = d + sqrt((u - m)^2 + (r - L)^2).

It is taken instead of a normal approximation because figures near 1 have lopsided intervals, which
it keeps; because it asks for nothing but each figure's own interval, so that the measured one may
come from a bootstrap over groups and the reported one from counts; and because it is defined where
a figure is 0 or 1, where a logit is not. An interval of 95 % is brought to 90 % by shortening its
sides by the ratio of the normal quantiles, 1.645 / 1.960; where a side is that of an exact interval
near 0 or 1 this leaves it slightly too long, which errs towards undecided.

Newcombe, Statistics in Medicine 17, 1998 (method 10); Zou & Donner, the same 27, 2008.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from harness.claims.claim import Claim
from harness.claims.sampling_error import claim_errors
from harness.metrics import METRICS
from harness.metrics.classification import Array
from harness.results.figures import EquivalenceVerdict, MetricRow

MARGIN = 0.02
TOST_LEVEL = 0.90
TEST_LEVEL = 0.95


class Estimate(NamedTuple):
    """A figure with an interval of `level`, of n clips; numbers, or arrays of one shape.

    An n of 0 says that its clips are unknown.
    """

    value: float | Array
    low: float | Array
    high: float | Array
    n: int = 0
    level: float = 0.95

    def at(self, level: float) -> Estimate:
        """The same with an interval of another level, its sides scaled as those of a normal."""
        ratio = ndtri((1 + level) / 2) / ndtri((1 + self.level) / 2)
        low = self.value - (self.value - self.low) * ratio
        high = self.value + (self.high - self.value) * ratio
        return Estimate(self.value, low, high, self.n, level)


@dataclass(frozen=True)
class Equivalence:
    """What a measured figure says of a reported one.

    Parameters
    ----------
    difference
        Measured minus reported.
    low, high
        Its 90 % interval: within the margin, the two are equivalent at 5 %.
    outer_low, outer_high
        Its 95 % interval: without 0 in it, the two differ at 5 %.
    verdict
        `equivalent`: within the margin, whether or not they differ at all. `better`, `worse`: apart
        by more than the margin. `different`: apart, by how much is open. `undecided`: too few clips
        to tell. `not measured`: there is no value or no interval.
    n, reported_n
        Clips of either figure; 0 where those of the reported one are unknown, which is then taken
        as exact.
    """

    model: str
    metric: str
    measured: float
    reported: float
    difference: float
    low: float
    high: float
    outer_low: float
    outer_high: float
    margin: float
    n: int
    reported_n: int
    verdict: EquivalenceVerdict

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        if self.verdict == "not measured":
            return f"{self.metric}: not measured, so not comparable with {self.reported:.4f}."
        return (
            f"{self.metric}: {_ANSWERS[self.verdict].format(margin=self.margin)}; measured "
            f"{self.measured:.4f}, reported {self.reported:.4f}, difference {self.difference:+.4f} "
            f"(90 % interval {self.low:+.4f} to {self.high:+.4f})"
            + ("; the reported figure is taken as exact" if not self.reported_n else "")
            + "."
        )


_ANSWERS: dict[EquivalenceVerdict, str] = {
    "equivalent": "equivalent within {margin:g}",
    "better": "better than reported by more than {margin:g}",
    "worse": "worse than reported by more than {margin:g}",
    "different": "different from the report, whether by more than {margin:g} is open",
    "undecided": "undecided at a margin of {margin:g}",
    "not measured": "not measured",
}


def difference(measured: Estimate, reported: Estimate, level: float) -> Estimate:
    """Measured minus reported of independent clips, with the hybrid interval of `level`."""
    m, r = measured.at(level), reported.at(level)
    apart = m.value - r.value
    below = np.hypot(m.value - m.low, r.high - r.value)
    above = np.hypot(m.high - m.value, r.value - r.low)
    return Estimate(apart, apart - below, apart + above, level=level)


def decide(
    inner: Estimate, outer: Estimate, margin: float, better: Literal["higher", "lower"] = "higher"
) -> EquivalenceVerdict:
    """The verdict on a difference with its 90 % and its 95 % interval.

    Raises
    ------
    ValueError
        Where the margin is not above 0: nothing is equivalent then.
    """
    if not margin > 0:
        raise ValueError("the margin must be above 0")
    if isnan(float(inner.low)) or isnan(float(inner.high)):
        return "not measured"
    if -margin < inner.low and inner.high < margin:
        return "equivalent"
    if outer.low > margin or outer.high < -margin:
        return "better" if (outer.low > 0) == (better == "higher") else "worse"
    return "different" if outer.low > 0 or outer.high < 0 else "undecided"


def equivalence(
    measured: Estimate,
    reported: Estimate,
    margin: float = MARGIN,
    better: Literal["higher", "lower"] = "higher",
    *,
    model: str = "",
    metric: str = "",
) -> Equivalence:
    """Test a measured figure against a reported one, of other clips."""
    inner = difference(measured, reported, TOST_LEVEL)
    outer = difference(measured, reported, TEST_LEVEL)
    return Equivalence(
        model=model,
        metric=metric,
        measured=float(measured.value),
        reported=float(reported.value),
        difference=float(inner.value),
        low=float(inner.low),
        high=float(inner.high),
        outer_low=float(outer.low),
        outer_high=float(outer.high),
        margin=margin,
        n=measured.n,
        reported_n=reported.n,
        verdict=decide(inner, outer, margin, better),
    )


def reported_estimates(claim: Claim) -> dict[str, Estimate]:
    """Reported figures with their own intervals, as if exact where their clips are unknown.

    Where the card leaves open of which clips they are, or of which class, the smallest number that
    it allows: the least that the figure can be relied on.
    """
    found = {
        name: Estimate(reported.value, reported.value, reported.value)
        for name, reported in claim.figures.items()
    }
    for error in claim_errors(claim):
        if not found[error.metric].n or error.n < found[error.metric].n:
            found[error.metric] = Estimate(error.value, error.low, error.high, error.n)
    return found


def against_run(
    claim: Claim, rows: Sequence[MetricRow], margin: float = MARGIN
) -> Iterator[Equivalence]:
    """Every reported figure against what each model of a run did on clean clips.

    Parameters
    ----------
    rows
        Of a `Summary`. A claim with real as its positive class is held against `recall_real` and so
        on; one that does not say is held against the figures of fake.
    """
    clean = {(r.model, r.metric): r for r in rows if r.condition == "clean" and r.slice == "all"}
    for model in dict.fromkeys(model for model, _ in clean):
        for name, reported in reported_estimates(claim).items():
            of_real = claim.positive == "real" and name != "accuracy"
            metric = f"{name}_real" if of_real else name
            row = clean.get((model, metric))
            if row is not None:
                measured = Estimate(row.value, row.low, row.high, row.n)
                better = METRICS[metric].better
                yield equivalence(measured, reported, margin, better, model=model, metric=metric)
