"""Test sets drawn from a known truth: speakers of like clips, two detectors with like scores.

A score is the class's mean plus what the speaker adds to this class plus what the clip adds, of
variance 1 in all; `likeness` is the speaker's share of it (the intraclass correlation).
`correlation` is that of two detectors, for speakers and clips alike. A speaker adds to real and
fake clips independently, so that the expected AUC of a test set is that of the population.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from harness.metrics.bootstrap import ClipSet
from harness.metrics.intervals import proportion_interval
from harness.metrics.paired import Pair, compare_cells, contrast
from harness.metrics.significance import holm

METRICS = ("accuracy", "auc", "eer")
PART = 50
"""Test sets that share the draws of their bootstrap."""


@dataclass(frozen=True)
class Design:
    """Speakers of `clips` clips each, half of them fake, and two detectors right so often."""

    groups: int
    clips: int = 10
    likeness: float = 0.3
    correlation: float = 0.7
    accuracy: float = 0.9
    baseline_accuracy: float = 0.9

    def truth(self, accuracy: float) -> dict[str, float]:
        """Of one detector whose classes lie `2 x norm.ppf(accuracy)` apart."""
        half = norm.ppf(accuracy)
        return {"accuracy": accuracy, "auc": norm.cdf(math.sqrt(2) * half), "eer": 1 - accuracy}


def draw_scores(
    design: Design, rng: np.random.Generator, conditions: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the run and of the baseline, shape (conditions, class, groups, clips of a class).

    Half of what the clips and speakers add is the same under all conditions, so that these depend
    on each other as perturbations of one clip do.
    """
    shape = (2, design.groups, design.clips // 2)
    speaker = _related(rng, conditions, (*shape[:2], 1), design.correlation)
    clip = _related(rng, conditions, shape, design.correlation)
    spread = math.sqrt(design.likeness) * speaker + math.sqrt(1 - design.likeness) * clip
    side = np.array([-1.0, 1.0])[:, None, None]
    run, baseline = (
        side * norm.ppf(accuracy) + each
        for accuracy, each in zip((design.accuracy, design.baseline_accuracy), spread, strict=True)
    )
    return run, baseline


def _related(
    rng: np.random.Generator, conditions: int, shape: tuple[int, ...], correlation: float
) -> np.ndarray:
    """Normal numbers of shape (2, conditions, *shape): two detectors, so correlated."""

    def of_conditions() -> np.ndarray:
        shared, own = rng.normal(size=(1, *shape)), rng.normal(size=(conditions, *shape))
        return (shared + own) / math.sqrt(2)

    shared, one, other = of_conditions(), of_conditions(), of_conditions()
    keep, add = math.sqrt(correlation), math.sqrt(1 - correlation)
    return np.stack([keep * shared + add * one, keep * shared + add * other])


def cell(scores: np.ndarray, metrics: tuple[str, ...] = METRICS, alone: bool = False) -> ClipSet:
    """A test set of scores of shape (class, groups, clips of a class).

    `alone` takes every clip for a group of its own, as a bootstrap over clips does.
    """
    real, fake = (each.ravel() for each in scores)
    group = np.repeat(np.arange(scores.shape[1]), scores.shape[2])
    if alone:
        numbers = np.arange(len(real)), np.arange(len(real), 2 * len(real))
    else:
        numbers = group, group
    return ClipSet(real, fake, *numbers, metrics=metrics)


def pairs(
    design: Design,
    tests: int,
    seed: int,
    metrics: tuple[str, ...] = METRICS,
    alone: bool = False,
    conditions: int = 1,
) -> list[Pair]:
    """Test sets one after the other, and the conditions of each."""
    rng = np.random.default_rng(seed)
    found: list[Pair] = []
    for _ in range(tests):
        run, baseline = draw_scores(design, rng, conditions)
        found += [
            (cell(one, metrics, alone), cell(other, metrics, alone))
            for one, other in zip(run, baseline, strict=True)
        ]
    return found


@dataclass(frozen=True)
class Coverage:
    """Shares of test sets whose 95 % interval holds the truth, by metric, and of false alarms."""

    value: dict[str, float]
    difference: dict[str, float]
    alarms: dict[str, float]


def coverage(
    design: Design, tests: int, seed: int, alone: bool = False, resamples: int = 1000
) -> Coverage:
    """Coverage of the intervals of the run's figures and of its differences from the baseline.

    `alarms` counts test sets in which the difference lies significantly off the truth (p under 5 %)
    where there is none.
    """
    held: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    value = design.truth(design.accuracy)
    shift = {
        name: value[name] - other for name, other in design.truth(design.baseline_accuracy).items()
    }
    for part in range(0, tests, PART):
        cells = pairs(design, min(PART, tests - part), seed + part, alone=alone)
        compared = compare_cells(cells, _groups(design, alone), resamples, seed + part)
        for name in METRICS:
            paired = [each[name] for each in compared]
            one = [each.value for each in paired]
            judged = contrast(paired)
            bounds = (
                proportion_interval(
                    np.array([each.value for each in one]),
                    np.stack([each.draws for each in one]),
                    np.array([each.groups for each in one]),
                    np.array([each.evidence for each in one]),
                ),
                judged.interval(),
            )
            inside = [
                (low <= truth) & (truth <= high)
                for (low, high), truth in zip(bounds, (value[name], shift[name]), strict=True)
            ]
            held[name].append(np.stack([*inside, judged.p() < 0.05]))
    shares = {name: np.concatenate(each, axis=1).mean(axis=1) for name, each in held.items()}
    return Coverage(
        *({name: float(each[row]) for name, each in shares.items()} for row in range(3))
    )


def family_alarms(
    design: Design,
    tests: int,
    seed: int,
    conditions: int,
    margin: float = 0.0,
    alone: bool = False,
    resamples: int = 1000,
) -> dict[str, float]:
    """Shares of test sets in which any requirement fails: after Holm's correction, and without.

    One requirement for each condition and metric: not worse than the baseline by the margin, at
    5 %. EER counts the other way round.
    """
    failed: list[np.ndarray] = []
    for part in range(0, tests, PART):
        many = min(PART, tests - part)
        cells = pairs(design, many, seed + part, alone=alone, conditions=conditions)
        compared = compare_cells(cells, _groups(design, alone), resamples, seed + part)
        p = []
        for name in METRICS:
            judged = contrast([each[name] for each in compared])
            judged = judged.reversed() if name == "eer" else judged
            p.append(judged.p_below(-margin).reshape(many, conditions))
        each = np.concatenate(p, axis=1)
        corrected = np.stack([holm(family) for family in each])
        failed.append(np.stack([(kind <= 0.05).any(axis=1) for kind in (corrected, each)]))
    shares = np.concatenate(failed, axis=1).mean(axis=1)
    return {"holm": float(shares[0]), "uncorrected": float(shares[1])}


def power(
    design: Design, metric: str, tests: int, seed: int, resamples: int = 1000
) -> tuple[float, float]:
    """True difference that equals the mean of what is stated as the smallest, and its power.

    The run is made worse until the difference is the stated one; then how often p is under 5 %.
    """
    loss = 0.0
    for step in range(4):
        _, stated = _shown(_lowered(design, metric, loss), metric, 200, seed + step, resamples)
        loss = stated
    share, _ = _shown(_lowered(design, metric, loss), metric, tests, seed + 10, resamples)
    return loss, share


def _lowered(design: Design, metric: str, loss: float) -> Design:
    """The design with a run worse than the baseline by so much of the metric."""

    def short(accuracy: float) -> float:
        truth = design.truth(accuracy)[metric] - design.truth(design.baseline_accuracy)[metric]
        return abs(truth) - loss

    accuracy = brentq(short, 0.5, design.baseline_accuracy) if loss else design.baseline_accuracy
    return replace(design, accuracy=accuracy)


def _shown(
    design: Design, metric: str, tests: int, seed: int, resamples: int
) -> tuple[float, float]:
    """Share of significant test sets, and the mean of the smallest difference that they state."""
    shown: list[np.ndarray] = []
    for part in range(0, tests, PART):
        cells = pairs(design, min(PART, tests - part), seed * 1_000_003 + part, (metric,))
        compared = compare_cells(cells, design.groups, resamples, seed + part)
        judged = contrast([each[metric] for each in compared])
        shown.append(np.stack([judged.p() < 0.05, judged.smallest()]))
    share, smallest = np.concatenate(shown, axis=1).mean(axis=1)
    return float(share), float(smallest)


def _groups(design: Design, alone: bool) -> int:
    return design.groups * design.clips if alone else design.groups
