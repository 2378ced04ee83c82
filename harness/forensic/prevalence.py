"""What a verdict is worth where fakes are rare, and what it would take to know.

Precision at a prevalence follows from recall and false-alarm rate by Bayes' rule; its interval from
theirs, by the square-and-add rule for a ratio, with their correlation over resampled groups. Where
no false alarm was seen, there is no value, only a least one. Where the interval is as wide as half
of all there is, or its ends are a hundredfold apart, the test set is too small to know, and no
value is given either.

Mercaldo, Lau & Zhou, Confidence intervals for predictive values with an emphasis to case-control
studies, Statistics in Medicine 26, 2007; Zou & Donner, Construction of confidence limits about
effect measures, Statistics in Medicine 27, 2008 (square-and-add, MOVER); Hanley & Lippman-Hand, If
nothing goes wrong, is everything all right?, JAMA 249, 1983 (rule of three).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.forensic.estimate import Measured, measured
from harness.forensic.run_view import Judged
from harness.metrics.bootstrap import Cell, Estimate, estimate

Array = NDArray[np.float64]

PREVALENCES = (0.5, 0.1, 0.01, 0.0001)
PRECISIONS = (0.5, 0.9, 0.99)
FALSE_ALARMS = (0.1, 0.01, 0.001, 0.0001)
TOO_WIDE = 0.5
TOO_FAR = 100.0
_RATES = ("recall", "fnr", "fpr", "recall_real")


@dataclass(frozen=True)
class Predicted:
    """A share among the clips called one way, at a prevalence.

    Parameters
    ----------
    value
        NaN where it is not known.
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
    """What a verdict is worth where this share of all clips is fake.

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
    precision: Predicted
    missed: Predicted


@dataclass(frozen=True)
class Needed:
    """The threshold that a wish would need, and whether these clips can show that it is met.

    Parameters
    ----------
    wanted
        `precision` at a prevalence, or `false alarms`.
    at
        The wanted precision or share of real clips called fake.
    prevalence
        NaN for `false alarms`.
    known
        Whether a threshold meets the wish on the clips that it was chosen on, and the judged ones
        are enough to see such a rate at all.
    threshold, fpr, recall
        The lowest such threshold and the rates of the judged clips there; NaN where not known.
    hindsight
        Whether it was chosen on the judged clips themselves.
    real_clips, real_needed
        How many real clips there are, and how many independent ones without a false alarm it takes
        to show a rate so low (3 over the rate). 0 where no rate is asked for.
    shown
        Whether the upper bound of the false-alarm rate there meets the wish.
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


@dataclass(frozen=True, eq=False)
class _Rates:
    """Rates at the threshold with their intervals and draws, by name."""

    at: dict[str, Measured]
    draws: dict[str, Array]


def prevalences(judged: Judged, resamples: int, seed: int = 0) -> list[Prevalence]:
    """Every model and condition at every prevalence, at the run's threshold."""
    places = [(model, each.name) for model in judged.models for each in judged.conditions]
    cells = [judged.part(judged.rows(*place), _RATES) for place in places]
    estimates = estimate(cells, judged.grid.groups, resamples, seed)
    return [
        each
        for place, cell in zip(places, cells, strict=True)
        for each in _prevalences(*place, estimates[cell])
    ]


def _prevalences(
    model: str, condition: str, estimates: dict[str, Estimate]
) -> Iterator[Prevalence]:
    rates = _Rates(measured(estimates), {name: one.draws for name, one in estimates.items()})
    for share in PREVALENCES:
        yield Prevalence(
            model,
            condition,
            share,
            predicted(rates.at, rates.draws, "recall", "fpr", share),
            predicted(rates.at, rates.draws, "fnr", "recall_real", share),
        )


def predicted(
    rates: dict[str, Measured], draws: dict[str, Array], fake: str, real: str, prevalence: float
) -> Predicted:
    """Share of fakes among clips that so large a share of the fakes and of the real ones is.

    Parameters
    ----------
    fake, real
        Names of the two rates.
    """
    top, bottom = rates[fake], rates[real]
    if not (top.known and bottom.known):
        return Predicted(math.nan, 0.0, 1.0, False, "too few clips or groups for an interval")
    low, high = _ratio_interval(top, bottom, _correlation(draws[fake], draws[real]))
    ends = [_share(each, prevalence) for each in (low, high)]
    value = _share(_log(top.value) - _log(bottom.value), prevalence)
    if bottom.value == 0 and top.value == 0:
        return Predicted(math.nan, 0.0, 1.0, False, "no clip was called so")
    if bottom.value == 0:
        why = f"none of {bottom.clips} real clips was, so at least {ends[0]:.2g} is all there is"
        return Predicted(math.nan, ends[0], 1.0, False, why)
    if ends[1] - ends[0] > TOO_WIDE or (ends[1] < TOO_WIDE and ends[1] > TOO_FAR * ends[0]):
        why = f"{bottom.clips} real clips of {bottom.groups} groups are too few"
        return Predicted(math.nan, ends[0], ends[1], False, why)
    return Predicted(value, ends[0], ends[1], True, "")


def _ratio_interval(top: Measured, bottom: Measured, correlation: float) -> tuple[float, float]:
    """Of the logarithm of top over bottom, from their own intervals."""
    a, a_low, a_high = (_log(each) for each in (top.value, top.low, top.high))
    b, b_low, b_high = (_log(each) for each in (bottom.value, bottom.low, bottom.high))

    def side(first: float, second: float) -> float:
        squared = first**2 + second**2 - 2 * correlation * first * second
        return math.sqrt(max(squared, 0.0))

    low = a_low - b_high if math.isinf(a - b) else a - b - side(a - a_low, b_high - b)
    high = a_high - b_low if math.isinf(a - b) else a - b + side(a_high - a, b - b_low)
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def _correlation(one: Array, other: Array) -> float:
    both = ~(np.isnan(one) | np.isnan(other))
    if both.sum() < 2 or np.ptp(one[both]) == 0 or np.ptp(other[both]) == 0:
        return 0.0
    return float(np.corrcoef(one[both], other[both])[0, 1])


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf


def _share(log_ratio: float, prevalence: float) -> float:
    """Bayes' rule: the share of fakes, from the ratio of how often each class is called so."""
    if math.isnan(log_ratio):
        return math.nan
    odds = math.log(prevalence) - math.log1p(-prevalence) + log_ratio
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def needed(
    judged: Judged, development: Judged | None, resamples: int, seed: int = 0
) -> list[Needed]:
    """What every wanted precision and false-alarm rate would need, for every condition."""
    wishes = [("precision", at, share) for share in PREVALENCES for at in PRECISIONS]
    wishes += [("false alarms", at, math.nan) for at in FALSE_ALARMS]
    asked: list[tuple[str, str, tuple[str, float, float], Cell, bool]] = []
    for model in judged.models:
        for condition in judged.conditions:
            cell, chosen_on = judged.cell(model, condition.name), judged
            if development is not None and development.has_both(model, condition.name):
                chosen_on = development
            source = chosen_on.cell(model, condition.name)
            for wish in wishes:
                threshold = _threshold(source.real, source.fake, *wish)
                own = Cell(
                    cell.real,
                    cell.fake,
                    cell.real_group,
                    cell.fake_group,
                    metrics=("fpr", "recall"),
                    threshold=threshold if math.isfinite(threshold) else math.inf,
                )
                asked.append((model, condition.name, wish, own, chosen_on is judged))
    estimates = estimate([each[3] for each in asked], judged.grid.groups, resamples, seed)
    return [_needed(*each, measured(estimates[each[3]])) for each in asked]


def _threshold(real: Array, fake: Array, wanted: str, at: float, prevalence: float) -> float:
    """Lowest score at which the wish is met, and at every score above it with a fake; infinite."""
    if not len(real) or not len(fake):
        return math.inf
    scores = np.unique(np.concatenate([real, fake]))
    fpr = 1 - np.searchsorted(np.sort(real), scores, side="left") / len(real)
    recall = 1 - np.searchsorted(np.sort(fake), scores, side="left") / len(fake)
    if wanted == "precision":
        odds = prevalence / (1 - prevalence) * (1 - at) / at
        met = (fpr <= odds * recall + 1e-12) & (recall > 0)
    else:
        met = fpr <= at + 1e-12
    some = np.flatnonzero(met)
    return float(scores[some[0]]) if len(some) else math.inf


def _needed(
    model: str,
    condition: str,
    wish: tuple[str, float, float],
    cell: Cell,
    hindsight: bool,
    rates: dict[str, Measured],
) -> Needed:
    wanted, at, prevalence = wish
    there = math.isfinite(cell.threshold)
    fpr, recall = rates["fpr"], rates["recall"]
    most = at
    if wanted == "precision":
        most = prevalence / (1 - prevalence) * (1 - at) / at * (recall.value if there else 1.0)
    real_needed = math.ceil(3 / most) if 0 < most < 1 else 0
    known = there and len(cell.real) >= real_needed
    figures = (cell.threshold, fpr.value, recall.value) if known else (math.nan,) * 3
    return Needed(
        model,
        condition,
        wanted,
        at,
        prevalence,
        known,
        *figures,
        hindsight=hindsight,
        real_clips=len(cell.real),
        real_needed=real_needed,
        shown=known and fpr.high <= most,
    )
