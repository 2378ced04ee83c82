"""The figures of a run, finished: what a report, a gate or a person reads.

Conventions: positive class `fake`, decision at `score >= threshold`; rates are fractions; intervals
are 95 % intervals of a bootstrap over groups; a value without data is NaN with n = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricRow:
    """One figure, as in `metrics.json`.

    Parameters
    ----------
    condition
        A condition of the suite, or `*` for all conditions of the family that `slice` names.
    slice
        `all`, or `generator=NAME`, `source=NAME`, `length=0.5-1 s`, `family=NAME`.
    low, high
        95 % interval; NaN where it cannot be had.
    n
        Clips that the value is of: those in its denominator (recall is of the fakes, precision of
        the clips called fake, coverage of all, scored or not). Under `*` a clip counts once for
        every condition.
    """

    model: str
    condition: str
    slice: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Damage:
    """Perturbed minus clean, paired on the clips that were scored under both (n of them).

    As with `MetricRow`, n counts the clips of the metric's denominator. A positive value is an
    improvement or a loss as the metric's direction says (`harness.metrics.METRICS`).
    """

    model: str
    condition: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class FamilyDamage:
    """Mean damage over a family's conditions, and the condition of it that hurts most.

    `conditions` counts those that have a value; without one the value is NaN and `worst` empty.
    """

    model: str
    family: str
    metric: str
    value: float
    low: float
    high: float
    conditions: int
    worst: str


@dataclass(frozen=True)
class ClaimCheck:
    """A published figure beside the one measured on `clean`.

    `difference` is measured minus reported. `verdict`: `covered` where the interval holds the
    reported value, else which side the measured value lies on (`below`, `above`); `not measured`
    where there is no value or no interval to judge it by.
    """

    model: str
    metric: str
    reported: float
    measured: float
    low: float
    high: float
    n: int
    difference: float
    verdict: Literal["covered", "below", "above", "not measured"]


@dataclass(frozen=True)
class Curve:
    """ROC of one condition: at most 200 points, false-alarm and hit rate of `fake` ascending."""

    model: str
    condition: str
    fpr: list[float]
    tpr: list[float]


@dataclass(frozen=True)
class Histogram:
    """Scores of one class: `counts[i]` between `edges[i]` and `edges[i + 1]`.

    The edges are the same for all conditions of a model, and one of them is the threshold where it
    lies among the scores. The outermost bins also hold what lies beyond them.
    """

    model: str
    condition: str
    label: str
    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class Mistake:
    """A confident error: the score lies far on the wrong side of the threshold."""

    model: str
    condition: str
    clip_id: str
    label: str
    score: float
    generator: str
    source: str
    seconds: float


@dataclass(frozen=True)
class Unscored:
    """How many rows have the same status and reason."""

    model: str
    condition: str
    status: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Summary:
    """Everything that the report shows of one run, already computed."""

    rows: list[MetricRow]
    damage: list[Damage]
    families: list[FamilyDamage]
    claims: list[ClaimCheck]
    curves: list[Curve]
    histograms: list[Histogram]
    mistakes: list[Mistake]
    unscored: list[Unscored]
    resamples: int
    groups: int


@dataclass(frozen=True)
class HeadlineRow:
    """A line of the short answer.

    Parameters
    ----------
    words
        The condition in words.
    reported
        The published figure; NaN where there is none.
    damage
        Perturbed minus clean, on the clips scored under both; NaN for `clean`.
    """

    model: str
    condition: str
    words: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    reported: float
    damage: float
