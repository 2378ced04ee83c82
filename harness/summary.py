"""From the scores table to every figure that a report, a gate or a person reads.

Conventions: positive class `fake`, decision at `score >= threshold`; rates are fractions; intervals
are 95 % percentile intervals of a bootstrap over groups; a value without data is NaN with n = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MetricRow:
    """One figure, as in `metrics.json`.

    Parameters
    ----------
    slice
        `all`, or `generator=NAME`, `source=NAME`, `length=0-1 s`.
    low, high
        95 % interval; NaN where it cannot be had.
    n
        Clips that the value is of.
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
    """Perturbed minus clean, paired on the clips that were scored under both (n of them)."""

    model: str
    condition: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class FamilyDamage:
    """Mean damage over a family's conditions, and the condition of it that hurts most."""

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

    `verdict`: `covered` where the interval holds the reported value, else which side the measured
    value lies on (`below`, `above`), or `not measured`.
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
    """Scores of one class: `counts[i]` between `edges[i]` and `edges[i + 1]`."""

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
