"""Gates on runs drawn from a known truth: how often a policy passes, fails, or does not decide.

Scores are log-odds that are calibrated on clean clips. A score is the class's mean under the
condition plus what the speaker and the clip add, of variance 1 in all: `likeness` is the speaker's
share, `correlation` that of the two detectors, and `shared` that of two conditions. So what sets
the two detectors apart is itself shared by the conditions, and a mean over them does not average it
away. The conditions and families are those of the release suite.

Everything after the scores is the project's own: `compare_cells`, the contrasts, the means over
conditions, and `decide`, which a gate calls with the same arguments.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import norm

from harness.compare.compare import mean_differences
from harness.compare.difference import Difference, filled, judged
from harness.compare.judge import Evidence, decide
from harness.compare.policy import ReleasePolicy
from harness.compare.verdict import Gate
from harness.metrics.bootstrap import ClipSet
from harness.metrics.paired import Paired, compare_cells
from harness.metrics.significance import Contrast
from harness.suite.suite import load_suite
from harness.terms import CLEAN

RANKED = ("eer", "auc")
RESAMPLES = 400
_MODEL = "detector"


@dataclass(frozen=True)
class Release:
    """A test set of `groups` speakers with `clips` each, and a candidate worse by `loss`.

    Parameters
    ----------
    clean, least, most
        Accuracy of the baseline on clean clips, and under the worst and the best perturbation.
    loss
        Of accuracy, under every perturbed condition, or under those named in `only`.
    clean_loss
        The same on clean clips.
    """

    groups: int
    clips: int
    loss: float = 0.0
    clean_loss: float = 0.0
    clean: float = 0.97
    least: float = 0.85
    most: float = 0.97
    only: tuple[str, ...] = ()
    correlation: float = 0.9
    shared: float = 0.8
    likeness: float = 0.3


@cache
def families() -> dict[str, str]:
    """The conditions of the release suite and their families, clean first."""
    own = {condition.name: condition.family for condition in load_suite("release").conditions}
    return {CLEAN: own.pop(CLEAN), **own}


def accuracies(design: Release) -> tuple[np.ndarray, np.ndarray]:
    """Of the baseline and of the candidate, by condition."""
    names = list(families())
    spread = np.linspace(design.least, design.most, len(names) - 1)
    # The same order each time, mixed over families.
    spread = np.random.default_rng(0).permutation(spread)
    baseline = np.array([design.clean, *spread])
    hit = [not design.only or name in design.only for name in names[1:]]
    lost = np.array([design.clean_loss, *(design.loss * np.array(hit, dtype=float))])
    return baseline, baseline - lost


def draw(design: Release, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of the candidate and of the baseline: (condition, class, group, clip)."""
    means = accuracies(design)
    half = design.clips // 2
    shape = (2, design.groups, half)

    def noise() -> np.ndarray:
        """Shape (conditions, *shape), of variance 1."""
        parts: list[np.ndarray] = []
        for share, size in (
            (design.likeness, (*shape[:2], 1)),
            (1 - design.likeness, shape),
        ):
            common = rng.standard_normal((1, *size), dtype=np.float32)
            own = rng.standard_normal((len(means[0]), *size), dtype=np.float32)
            mixed = np.sqrt(design.shared) * common + np.sqrt(1 - design.shared) * own
            parts.append(np.sqrt(share) * mixed)
        return parts[0] + parts[1]

    both, baseline, candidate = noise(), noise(), noise()
    keep, add = np.sqrt(design.correlation), np.sqrt(1 - design.correlation)
    side = np.array([-1.0, 1.0])[:, None, None]
    slope = 2 * norm.ppf(design.clean)
    scores = [
        slope * (keep * both + add * own + side * norm.ppf(mean)[:, None, None, None])
        for own, mean in ((candidate, means[1]), (baseline, means[0]))
    ]
    return scores[0], scores[1]


def gate(design: Release, policy: ReleasePolicy, seed: int) -> Gate:
    """The gate of a candidate on a test set of its own."""
    names = list(families())
    sides = draw(design, np.random.default_rng(seed))
    group = np.repeat(np.arange(design.groups), design.clips // 2)
    wanted = {requirement.metric for requirement in policy.require}
    everywhere = {
        requirement.metric for requirement in policy.require if CLEAN not in requirement.conditions
    }

    def cell(scores: np.ndarray, metrics: tuple[str, ...]) -> ClipSet:
        real, fake = (part.ravel().astype(np.float64) for part in scores)
        return ClipSet(real, fake, group, group, metrics=metrics)

    pairs = []
    for place, name in enumerate(names):
        metrics = tuple(sorted(wanted if name == CLEAN else everywhere))
        pairs.append(tuple(cell(side[place], metrics) for side in sides))
    compared = compare_cells(pairs, design.groups, RESAMPLES, seed)
    figures: dict[tuple[str, str, str], Paired] = {
        (_MODEL, name, metric): figure
        for name, by_metric in zip(names, compared, strict=True)
        for metric, figure in by_metric.items()
    }
    cells = [
        filled(Difference(*key, "compared", "", figure.value.value, figure.baseline.value), figure)
        for key, figure in figures.items()
    ]
    statement = policy.statement
    cells = judged(cells, list(figures.values()), statement)
    members: dict[str, list[str]] = {}
    for name, family in families().items():
        if name != CLEAN:
            members.setdefault(family, []).append(name)
    means = [
        mean
        for metric in sorted(everywhere)
        for mean in mean_differences(
            [cell for cell in cells if cell.metric == metric], members, figures, statement
        )
    ]
    verdicts = decide(policy, Evidence(cells, means, families(), [_MODEL]))
    return Gate(policy.name, "", "", "", verdicts, [])


@dataclass(frozen=True)
class Outcomes:
    """Counts of words and findings of simulated gates."""

    sets: int
    words: Counter[str]
    findings: Counter[str]

    def share(self, word: str) -> float:
        return self.words[word] / self.sets


def outcomes(design: Release, policy: ReleasePolicy, sets: int, seed: int = 0) -> Outcomes:
    """Judge so many test sets, seeded one after the other."""
    gates = [gate(design, policy, seed * 1_000_003 + number) for number in range(sets)]
    return Outcomes(
        sets,
        Counter(each.word for each in gates),
        Counter(each.finding for each in gates),
    )


__all__ = ["Contrast", "Outcomes", "Release", "gate", "outcomes"]
