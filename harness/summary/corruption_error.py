"""Loss of accuracy under perturbations, relative to that of the baseline.

Conventions: errors are 1 - accuracy on the clips of both runs. A corruption is a series of the
suite (`noise:white`), its severities summed, so that a long sweep weighs no more than a short one.
mCE is the mean over corruptions of the run's summed error over the baseline's; the relative mCE
first subtracts each side's error on `clean` from every term. 1 is as good as the baseline, and less
is better. A corruption for which the baseline's sum is 0 or less has no ratio and is left out by
name.

Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations, ICLR 2019, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.metrics.classification import Array
from harness.metrics.intervals import student_bounds
from harness.metrics.paired import Paired
from harness.metrics.uncertainty import joint, spread_over_groups
from harness.terms import CLEAN

Accuracies = Mapping[str, Paired]
"""Accuracy in both runs by condition, all of the same draws."""

_Values = tuple[float, Array]
"""A figure and its draws."""


@dataclass(frozen=True)
class CorruptionError:
    """Mean corruption error of a model, plain or relative.

    Parameters
    ----------
    low, high
        95 % interval over groups.
    corruptions
        Number of corruptions in the mean.
    left_out
        Corruptions without a ratio, or not compared at every severity.
    """

    model: str
    kind: Literal["mce", "relative_mce"]
    value: float
    low: float
    high: float
    corruptions: int
    left_out: list[str]


@dataclass(frozen=True)
class FamilyLoss:
    """Mean loss of accuracy from `clean` over a family's conditions, in both runs.

    Parameters
    ----------
    value, baseline
        Accuracy under the conditions less accuracy on `clean`.
    difference
        value less baseline: negative where the family costs the run more. `low` and `high` are its
        95 % interval over groups.
    conditions, of
        Conditions that were compared, and those that either run has.
    """

    model: str
    family: str
    value: float
    baseline: float
    difference: float
    low: float
    high: float
    conditions: int
    of: int


@dataclass(frozen=True)
class WorstCondition:
    """The condition with the lowest accuracy in each run, and the one that lost most between them.

    `lost_most` is empty where nothing lost; `loss` is the run's accuracy there less the baseline's.
    """

    model: str
    run: str
    run_accuracy: float
    baseline: str
    baseline_accuracy: float
    lost_most: str
    loss: float


def corruption_errors(
    model: str, series: Mapping[str, Sequence[str]], accuracies: Accuracies
) -> Iterator[CorruptionError]:
    """Plain and relative mCE.

    Parameters
    ----------
    series
        The conditions of every corruption, as either run has them.
    """
    clean = accuracies.get(CLEAN)
    kinds: list[tuple[Literal["mce", "relative_mce"], Paired | None]] = [("mce", None)]
    kinds.append(("relative_mce", clean))
    for kind, subtracted in kinds:
        ratios: list[_Values] = []
        left_out: list[str] = []
        compared: list[Paired] = []
        for name, conditions in series.items():
            pairs = [accuracies[condition] for condition in conditions if condition in accuracies]
            known = len(pairs) == len(conditions) and (kind == "mce" or clean is not None)
            ratio = _ratio(pairs, subtracted) if known else None
            if ratio is None:
                left_out.append(name)
            else:
                ratios.append(ratio)
                compared += pairs
        yield CorruptionError(
            model, kind, *_interval(_mean(ratios), compared), len(ratios), left_out
        )


def family_losses(
    model: str, families: Mapping[str, Sequence[str]], accuracies: Accuracies
) -> Iterator[FamilyLoss]:
    """The loss of every family; NaN where `clean` or the whole family is not compared."""
    clean = accuracies.get(CLEAN)
    for family, conditions in families.items():
        pairs = [accuracies[name] for name in conditions if name in accuracies]
        if clean is None or not pairs:
            nan = math.nan
            yield FamilyLoss(model, family, nan, nan, nan, nan, nan, 0, len(conditions))
            continue
        value = float(np.mean([pair.value.value for pair in pairs])) - clean.value.value
        baseline = float(np.mean([pair.baseline.value for pair in pairs])) - clean.baseline.value
        draws = np.mean([pair.draws for pair in pairs], axis=0) - clean.draws
        bounds = _interval((value - baseline, draws), [clean, *pairs])
        yield FamilyLoss(model, family, value, baseline, *bounds, len(pairs), len(conditions))


def worst(model: str, accuracies: Accuracies) -> Iterator[WorstCondition]:
    """Yield the worst condition; none where no condition beside `clean` is compared."""
    perturbed = {name: pair for name, pair in accuracies.items() if name != CLEAN}
    if not perturbed:
        return
    run = min(perturbed, key=lambda name: perturbed[name].value.value)
    baseline = min(perturbed, key=lambda name: perturbed[name].baseline.value)
    lost = min(perturbed, key=lambda name: perturbed[name].difference)
    loss = perturbed[lost].difference
    yield WorstCondition(
        model,
        run,
        perturbed[run].value.value,
        baseline,
        perturbed[baseline].baseline.value,
        lost if loss < 0 else "",
        min(loss, 0.0),
    )


def _ratio(pairs: Sequence[Paired], clean: Paired | None) -> _Values | None:
    """Summed error of the run over the baseline's, or None where that is not above 0."""
    many = len(pairs)
    own = sum(1 - pair.value.value for pair in pairs)
    other = sum(1 - pair.baseline.value for pair in pairs)
    own_draws = np.sum([1 - pair.value.draws for pair in pairs], axis=0)
    other_draws = np.sum([1 - pair.baseline.draws for pair in pairs], axis=0)
    if clean is not None:
        own -= many * (1 - clean.value.value)
        other -= many * (1 - clean.baseline.value)
        own_draws = own_draws - many * (1 - clean.value.draws)
        other_draws = other_draws - many * (1 - clean.baseline.draws)
    if other <= _SAME:
        return None
    defined = other_draws > _SAME
    drawn = np.divide(own_draws, other_draws, out=np.full(own_draws.shape, np.nan), where=defined)
    return own / other, drawn


def _mean(ratios: Sequence[_Values]) -> _Values:
    if not ratios:
        return math.nan, np.full(1, np.nan)
    return (
        float(np.mean([value for value, _ in ratios])),
        np.mean([draws for _, draws in ratios], axis=0),
    )


def _interval(values: _Values, compared: Sequence[Paired]) -> tuple[float, float, float]:
    """Value and interval of what was computed of some pairs' draws."""
    value, draws = values
    if not compared:
        return value, math.nan, math.nan
    fewest = np.array([min(pair.groups for pair in compared)])
    clusters = joint([pair.figure.sizes for pair in compared])
    spread = spread_over_groups(draws[None], fewest, [clusters])
    low, high = student_bounds(value, spread.error, spread.freedom)
    return value, float(low[0]), float(high[0])


_SAME = 1e-12
