"""Equivalence of a measured and a reported figure within a margin: two one-sided tests (TOST).

A wide interval that contains the reported figure shows nothing, and a tiny difference does not
matter however significant. So the question is whether the difference is shown to lie within a
margin: two one-sided tests at 5 % show that exactly where the 90 % interval of the difference lies
within the margin (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).

Both figures were measured on independent clips, so both have sampling errors. Their difference gets
the interval of Newcombe's hybrid method (square-and-add, MOVER), from the distances of each figure
to the ends of its own interval:

    lower = d - sqrt((m - l)^2 + (U - r)^2),   upper = d + sqrt((u - m)^2 + (r - L)^2).

Unlike a normal approximation it keeps the skewed intervals of figures near 1; it needs only each
figure's own interval, so the measured one may come from a bootstrap over groups and the reported
one from counts; and it exists where a figure is 0 or 1, where a logit does not. A 95 % interval is
converted to 90 % by scaling its sides by the ratio of normal quantiles, 1.645 / 1.960; near 0 or 1
that leaves the side of an exact interval slightly too long, which errs towards undecided.

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
from harness.metrics.intervals import LEVEL
from harness.results.figures import EquivalenceVerdict, MetricRow

MARGIN = 0.02
TOST_LEVEL = 0.90


class IntervalEstimate(NamedTuple):
    """A figure of n clips (0: unknown) with an interval; numbers, or arrays of one shape."""

    value: float | Array
    low: float | Array
    high: float | Array
    n: int = 0
    level: float = LEVEL

    def at(self, level: float) -> IntervalEstimate:
        """The same with an interval of another level, scaled as that of a normal distribution."""
        ratio = ndtri((1 + level) / 2) / ndtri((1 + self.level) / 2)
        low = self.value - (self.value - self.low) * ratio
        high = self.value + (self.high - self.value) * ratio
        return IntervalEstimate(self.value, low, high, self.n, level)


@dataclass(frozen=True)
class Equivalence:
    """Result of testing a measured figure against a reported one.

    Parameters
    ----------
    difference
        Measured minus reported.
    low, high
        Its 90 % interval: within the margin, the two are equivalent at 5 %.
    outer_low, outer_high
        Its 95 % interval: where it excludes 0, the two differ at 5 %.
    verdict
        `equivalent`: within the margin, even if they differ. `better`, `worse`: apart by more than
        the margin. `different`: apart, possibly within the margin. `undecided`: too few clips to
        tell. `not measured`: no value or no interval.
    n, reported_n
        Clips of each figure; 0 where those of the reported one are unknown, which is then taken as
        exact.
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
        """The result in a sentence."""
        if self.verdict == "not measured":
            return f"{self.metric}: not measured, so not comparable with {self.reported:.4f}."
        return (
            f"{self.metric}: {_VERDICTS[self.verdict].format(margin=self.margin)}; measured "
            f"{self.measured:.4f}, reported {self.reported:.4f}, difference {self.difference:+.4f} "
            f"(90 % interval {self.low:+.4f} to {self.high:+.4f})"
            + ("; the reported figure is taken as exact" if not self.reported_n else "")
            + "."
        )


_VERDICTS: dict[EquivalenceVerdict, str] = {
    "equivalent": "equivalent within {margin:g}",
    "better": "better than reported by more than {margin:g}",
    "worse": "worse than reported by more than {margin:g}",
    "different": "different from the report; whether by more than {margin:g} is unclear",
    "undecided": "undecided at a margin of {margin:g}",
    "not measured": "not measured",
}


def difference(
    measured: IntervalEstimate, reported: IntervalEstimate, level: float
) -> IntervalEstimate:
    """Measured minus reported, on independent clips, with the hybrid interval of `level`."""
    m, r = measured.at(level), reported.at(level)
    apart = m.value - r.value
    below = np.hypot(m.value - m.low, r.high - r.value)
    above = np.hypot(m.high - m.value, r.value - r.low)
    return IntervalEstimate(apart, apart - below, apart + above, level=level)


def decide(
    inner: IntervalEstimate,
    outer: IntervalEstimate,
    margin: float,
    better: Literal["higher", "lower"] = "higher",
) -> EquivalenceVerdict:
    """The verdict on a difference with its 90 % and its 95 % interval.

    Raises
    ------
    ValueError
        For a margin that is not above 0: nothing is equivalent then.
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
    measured: IntervalEstimate,
    reported: IntervalEstimate,
    margin: float = MARGIN,
    better: Literal["higher", "lower"] = "higher",
    *,
    model: str = "",
    metric: str = "",
) -> Equivalence:
    """Test a measured figure against a reported one from other clips."""
    inner = difference(measured, reported, TOST_LEVEL)
    outer = difference(measured, reported, LEVEL)
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


def reported_estimates(claim: Claim) -> dict[str, IntervalEstimate]:
    """Reported figures with their own intervals, exact where their clips are unknown.

    Where the card allows several tests or positive classes, the smallest number of clips counts.
    """
    estimates = {
        name: IntervalEstimate(reported.value, reported.value, reported.value)
        for name, reported in claim.figures.items()
    }
    for error in claim_errors(claim):
        known = estimates[error.metric].n
        if not known or error.n < known:
            estimates[error.metric] = IntervalEstimate(error.value, error.low, error.high, error.n)
    return estimates


def against_run(
    claim: Claim, rows: Sequence[MetricRow], margin: float = MARGIN
) -> Iterator[Equivalence]:
    """Test every reported figure against those of each model of a run on clean clips.

    Parameters
    ----------
    rows
        Of a `Summary`. A claim with real as its positive class is compared with `recall_real` and
        so on; one that states no class with the figures of fake.
    """
    clean = {(r.model, r.metric): r for r in rows if r.condition == "clean" and r.slice == "all"}
    for model in dict.fromkeys(model for model, _ in clean):
        for name, reported in reported_estimates(claim).items():
            of_real = claim.positive == "real" and name != "accuracy"
            metric = f"{name}_real" if of_real else name
            if row := clean.get((model, metric)):
                measured = IntervalEstimate(row.value, row.low, row.high, row.n)
                better = METRICS[metric].better
                yield equivalence(measured, reported, margin, better, model=model, metric=metric)
