"""Predictive values where fakes are rare, and thresholds that would reach a target.

Precision at a prevalence follows from recall and false-alarm rate by Bayes' rule; its interval from
theirs, by the square-and-add rule for a ratio, with their correlation over resampled groups. Where
no false alarm was seen there is only a lower bound. Where the interval is wider than `TOO_WIDE`, or
its ends are more than a factor `TOO_FAR` apart, the test set is too small and no value is given.

Mercaldo, Lau & Zhou, Confidence intervals for predictive values with an emphasis to case-control
studies, Statistics in Medicine 26, 2007; Zou & Donner, Construction of confidence limits about
effect measures, Statistics in Medicine 27, 2008 (square-and-add, MOVER); Hanley & Lippman-Hand, If
nothing goes wrong, is everything all right?, JAMA 249, 1983 (rule of three).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.forensic.run_view import (
    Array,
    ForensicFigure,
    ForensicRun,
    scored_only,
    with_intervals,
)
from harness.metrics.bootstrap import ClipSet
from harness.metrics.resampled import Resampled

PREVALENCES = (0.5, 0.1, 0.01, 0.0001)
PRECISIONS = (0.5, 0.9, 0.99)
FALSE_ALARMS = (0.1, 0.01, 0.001, 0.0001)
TOO_WIDE = 0.5
TOO_FAR = 100.0
_RATES = ("recall", "fnr", "fpr", "recall_real")


@dataclass(frozen=True)
class PredictiveValue:
    """A share among the clips called one class, at a prevalence.

    Parameters
    ----------
    value
        NaN where not known.
    low, high
        95 % interval; 0 to 1 where nothing is known.
    known
        Whether the test set is large enough to give a value.
    why
        Why it is not; empty where it is.
    """

    value: float
    low: float
    high: float
    known: bool
    why: str


@dataclass(frozen=True)
class Prevalence:
    """Predictive values where this share of all clips is fake.

    Parameters
    ----------
    precision
        Share of fakes among clips called fake.
    missed
        Share of fakes among clips called real (1 - NPV).
    """

    model: str
    condition: str
    prevalence: float
    precision: PredictiveValue
    missed: PredictiveValue


@dataclass(frozen=True)
class ThresholdTarget:
    """The threshold that reaches a target, and whether these clips can show it.

    Parameters
    ----------
    wanted
        `precision` at a prevalence, or `false alarms`.
    at
        The target precision, or share of real clips called fake.
    prevalence
        NaN for `false alarms`.
    known
        Whether a threshold reaches the target on the clips that it was chosen on, and there are
        enough judged clips to see such a rate at all.
    threshold, fpr, recall
        The lowest such threshold and the rates of the judged clips there; NaN where not known.
    hindsight
        Whether it was chosen on the judged clips themselves.
    real_clips, real_needed
        Number of real clips, and the number of independent ones without a false alarm needed to
        show so low a rate (3 over the rate). 0 where no rate is needed.
    shown
        Whether the upper bound of the false-alarm rate there meets the target.
    """

    model: str
    condition: str
    wanted: str
    at: float
    prevalence: float
    known: bool
    threshold: float
    fpr: float
    recall: float
    hindsight: bool
    real_clips: int
    real_needed: int
    shown: bool


def prevalences(view: ForensicRun, resamples: int, seed: int = 0) -> list[Prevalence]:
    """Evaluate every model and condition at every prevalence, at the run's threshold."""
    cells = [view.part(view.rows(*place), _RATES) for place in view.places]
    estimates = view.estimates(cells, resamples, seed)
    return [
        prevalence
        for place, cell in zip(view.places, cells, strict=True)
        for prevalence in _prevalences(*place, estimates[cell])
    ]


def _prevalences(
    model: str, condition: str, estimates: dict[str, Resampled]
) -> Iterator[Prevalence]:
    rates = with_intervals(estimates)
    draws = {name: estimate.draws for name, estimate in estimates.items()}
    for share in PREVALENCES:
        precision = predictive_value(rates, draws, "recall", "fpr", share)
        missed = predictive_value(rates, draws, "fnr", "recall_real", share)
        yield Prevalence(model, condition, share, precision, missed)


def predictive_value(
    rates: dict[str, ForensicFigure],
    draws: dict[str, Array],
    fake: str,
    real: str,
    prevalence: float,
) -> PredictiveValue:
    """Return the share of fakes among the clips called one class.

    Parameters
    ----------
    fake, real
        Names of the rates at which fakes and real clips are called that class.
    """
    top, bottom = rates[fake], rates[real]
    if not (top.known and bottom.known):
        return PredictiveValue(math.nan, 0.0, 1.0, False, "too few clips or groups for an interval")
    interval = _ratio_interval(top, bottom, _correlation(draws[fake], draws[real]))
    low, high = (_share(bound, prevalence) for bound in interval)
    if bottom.value == 0 and top.value == 0:
        return PredictiveValue(math.nan, 0.0, 1.0, False, "no clip was called this")
    if bottom.value == 0:
        why = f"none of {bottom.clips} real clips was, so only the lower bound {low:.2g} is known"
        return PredictiveValue(math.nan, low, 1.0, False, why)
    if high - low > TOO_WIDE or (high < TOO_WIDE and high > TOO_FAR * low):
        why = f"{bottom.clips} real clips of {bottom.groups} groups are too few"
        return PredictiveValue(math.nan, low, high, False, why)
    value = _share(_log(top.value) - _log(bottom.value), prevalence)
    return PredictiveValue(value, low, high, True, "")


def _ratio_interval(
    top: ForensicFigure, bottom: ForensicFigure, correlation: float
) -> tuple[float, float]:
    """Return the interval of the logarithm of top over bottom, from their own intervals."""
    a, a_low, a_high = (_log(share) for share in (top.value, top.low, top.high))
    b, b_low, b_high = (_log(share) for share in (bottom.value, bottom.low, bottom.high))

    def side(first: float, second: float) -> float:
        squared = first**2 + second**2 - 2 * correlation * first * second
        return math.sqrt(max(squared, 0.0))

    low = a_low - b_high if math.isinf(a - b) else a - b - side(a - a_low, b_high - b)
    high = a_high - b_low if math.isinf(a - b) else a - b + side(a_high - a, b - b_low)
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def _correlation(a: Array, b: Array) -> float:
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 2 or np.ptp(a[both]) == 0 or np.ptp(b[both]) == 0:
        return 0.0
    return float(np.corrcoef(a[both], b[both])[0, 1])


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf


def _share(log_ratio: float, prevalence: float) -> float:
    """Return the share of fakes by Bayes' rule, from the log ratio of the two rates."""
    if math.isnan(log_ratio):
        return math.nan
    odds = math.log(prevalence) - math.log1p(-prevalence) + log_ratio
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


class _Target(NamedTuple):
    aim: str
    at: float
    prevalence: float

    def largest_fpr(self, recall: float) -> float:
        """Return the false-alarm rate up to which the target is met at a recall."""
        if self.aim == "false alarms":
            return self.at
        return self.prevalence / (1 - self.prevalence) * (1 - self.at) / self.at * recall


_TARGETS = (
    *(_Target("precision", at, share) for share in PREVALENCES for at in PRECISIONS),
    *(_Target("false alarms", at, math.nan) for at in FALSE_ALARMS),
)


def threshold_targets(
    view: ForensicRun, development: ForensicRun | None, resamples: int, seed: int = 0
) -> list[ThresholdTarget]:
    """Return the threshold of every target precision and false-alarm rate, for every condition."""
    chosen: list[tuple[str, str, _Target, ClipSet, bool]] = []
    for model, condition in view.places:
        other = development is not None and development.has_both(model, condition)
        source = (development if development is not None and other else view).cell(model, condition)
        judged = view.cell(model, condition)
        for target in _TARGETS:
            cell = scored_only(judged, ("fpr", "recall"), _threshold(source, target))
            chosen.append((model, condition, target, cell, not other))
    estimates = view.estimates([cell for *_, cell, _ in chosen], resamples, seed)
    return [_threshold_target(*key, with_intervals(estimates[key[3]])) for key in chosen]


def _threshold(cell: ClipSet, target: _Target) -> float:
    """Return the lowest score that reaches the target; infinite where none does."""
    if not len(cell.real) or not len(cell.fake):
        return math.inf
    scores = np.unique(np.concatenate([cell.real, cell.fake]))
    fpr = 1 - np.searchsorted(np.sort(cell.real), scores, side="left") / len(cell.real)
    recall = 1 - np.searchsorted(np.sort(cell.fake), scores, side="left") / len(cell.fake)
    if target.aim == "precision":
        odds = target.prevalence / (1 - target.prevalence) * (1 - target.at) / target.at
        met = (fpr <= odds * recall + 1e-12) & (recall > 0)
    else:
        met = fpr <= target.at + 1e-12
    reached = np.flatnonzero(met)
    return float(scores[reached[0]]) if len(reached) else math.inf


def _threshold_target(
    model: str,
    condition: str,
    target: _Target,
    cell: ClipSet,
    hindsight: bool,
    rates: dict[str, ForensicFigure],
) -> ThresholdTarget:
    reached = math.isfinite(cell.threshold)
    fpr, recall = rates["fpr"], rates["recall"]
    largest = target.largest_fpr(recall.value if reached else 1.0)
    real_needed = math.ceil(3 / largest) if 0 < largest < 1 else 0
    known = reached and len(cell.real) >= real_needed
    figures = (cell.threshold, fpr.value, recall.value) if known else (math.nan,) * 3
    return ThresholdTarget(
        model,
        condition,
        *target,
        known,
        *figures,
        hindsight=hindsight,
        real_clips=len(cell.real),
        real_needed=real_needed,
        shown=known and fpr.high <= largest,
    )
