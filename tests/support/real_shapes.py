"""Test sets in the shapes of real ones, drawn from a known truth.

As in `tests.support.known_truth` a score is its class's mean plus what the speaker and the clip
add, of variance 1 in all; here the generator of a fake adds too, `of_generator` of the variance. A
truth is that of all speakers and all generators like these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm

from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.paired import Paired, compare_cells, contrast
from harness.metrics.rank import differing_groups, rank
from harness.metrics.resampled import Resampled, bounds_of
from harness.metrics.uncertainty import joint
from harness.terms import Generators

METRICS = ("accuracy", "f1", "auc", "eer")
PART = 25
"""Test sets that share the draws of their bootstrap."""

Kind = Literal["zipf", "by generator", "crossed", "loose"]
"""Speakers of unlike sizes; real clips grouped by speaker and fakes by generator; every speaker
faked by every generator; real clips grouped by speaker and each fake by itself."""


@dataclass(frozen=True)
class Shape:
    """A shape of test sets, and detectors that are right so often."""

    kind: Kind
    speakers: int = 30
    generators: int = 8
    clips: int = 600
    likeness: float = 0.3
    of_generator: float = 0.0
    correlation: float = 0.7
    accuracy: float = 0.9

    def groups(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Group of every real clip and of every fake, and the generator of every fake."""
        speaker = np.arange(self.speakers)
        half = self.clips // 2
        if self.kind == "zipf":
            share = 1 / (1 + speaker)
            size = np.maximum(1, np.round(share / share.sum() * half)).astype(int)
            group = np.repeat(speaker, size)
            return group, group, np.zeros(len(group), dtype=int)
        real = np.repeat(speaker, half // self.speakers)
        generator = np.repeat(np.arange(self.generators), half // self.generators)
        match self.kind:
            case "by generator":
                return real, self.speakers + generator, generator
            case "loose":
                return real, self.speakers + np.arange(len(generator)), generator
            case _:
                each = max(1, half // self.speakers // self.generators)
                generator = np.tile(np.repeat(np.arange(self.generators), each), self.speakers)
                return real, np.repeat(speaker, self.generators * each), generator

    def truth(self, accuracy: float) -> dict[str, float]:
        """The metrics of a detector whose classes lie `2 x norm.ppf(accuracy)` apart."""
        real, fake, _ = self.groups()
        hit, missed, alarms = (
            accuracy * len(fake),
            (1 - accuracy) * len(fake),
            (1 - accuracy) * len(real),
        )
        return {
            "accuracy": accuracy,
            "f1": 2 * hit / (2 * hit + missed + alarms),
            "auc": norm.cdf(math.sqrt(2) * norm.ppf(accuracy)),
            "eer": 1 - accuracy,
        }

    def draw(self, rng: np.random.Generator, accuracies: tuple[float, ...]) -> list[ClipSet]:
        """One test set under several detectors, whose scores correlate."""
        real, fake, generator = self.groups()
        groups = 1 + max(real.max(), fake.max())
        loose = self.kind in ("loose", "by generator")

        def of_all(shape: int) -> np.ndarray:
            shared, own = rng.normal(size=shape), rng.normal(size=(len(accuracies), shape))
            keep, add = math.sqrt(self.correlation), math.sqrt(1 - self.correlation)
            return keep * shared + add * own

        clip = math.sqrt(1 - self.likeness)
        real_noise = math.sqrt(self.likeness) * of_all(groups)[:, real] + clip * of_all(len(real))
        speaker = of_all(len(fake)) if loose else of_all(groups)[:, fake]
        clip = math.sqrt(1 - self.likeness - self.of_generator)
        fake_noise = math.sqrt(self.likeness) * speaker + clip * of_all(len(fake))
        fake_noise += math.sqrt(self.of_generator) * of_all(self.generators)[:, generator]
        return [
            ClipSet(
                real_noise[at] - norm.ppf(accuracy),
                fake_noise[at] + norm.ppf(accuracy),
                real,
                fake,
                generator=np.full(len(fake), -1) if self.kind == "zipf" else generator,
                metrics=METRICS,
            )
            for at, accuracy in enumerate(accuracies)
        ]


def compared(
    shape: Shape, sets: int, seed: int, accuracies: tuple[float, float], resamples: int
) -> Iterator[list[dict[str, Paired]]]:
    """Two detectors on test sets of a shape, in parts that share their draws."""
    real, fake, _ = shape.groups()
    groups = int(1 + max(real.max(), fake.max()))
    rng = np.random.default_rng(seed)
    for part in range(0, sets, PART):
        pairs = [shape.draw(rng, accuracies) for _ in range(min(PART, sets - part))]
        yield compare_cells([(run, other) for run, other in pairs], groups, resamples, seed + part)


def coverage(
    shape: Shape, sets: int, seed: int, resamples: int = 1000
) -> dict[Generators, dict[str, tuple[float, float]]]:
    """Share of test sets whose interval holds the truth, of a figure and of a difference.

    By what the interval is for, then by metric.
    """
    truth = shape.truth(shape.accuracy)
    inside: dict[tuple[Generators, str], list[np.ndarray]] = {}
    for figures in compared(shape, sets, seed, (shape.accuracy, shape.accuracy), resamples):
        for name in METRICS:
            pairs = [pair[name] for pair in figures]
            bounds = bounds_of([pair.value for pair in pairs])
            kinds: dict[Generators, tuple[np.ndarray, np.ndarray]] = {
                "these": (bounds.low, bounds.high)
            }
            if shape.kind != "zipf":
                kinds["new"] = bounds.new_low, bounds.new_high
            for generators, (low, high) in kinds.items():
                less, more = contrast(pairs, generators).interval()
                held = (low <= truth[name]) & (truth[name] <= high), (less <= 0) & (more >= 0)
                inside.setdefault((generators, name), []).append(np.stack(held))
    found: dict[Generators, dict[str, tuple[float, float]]] = {}
    for (generators, name), parts in inside.items():
        value, difference = np.concatenate(parts, axis=1).mean(axis=1).tolist()
        found.setdefault(generators, {})[name] = value, difference
    return found


def passes_at_the_margin(
    shape: Shape, margin: float, sets: int, seed: int, resamples: int = 1000
) -> dict[Generators, float]:
    """Share of runs worse by the margin in accuracy whose interval allows no such loss."""
    passed: dict[Generators, list[np.ndarray]] = {"these": [], "new": []}
    accuracies = shape.accuracy - margin, shape.accuracy
    for figures in compared(shape, sets, seed, accuracies, resamples):
        for generators, parts in passed.items():
            low, _ = contrast([pair["accuracy"] for pair in figures], generators).interval()
            parts.append(low >= -margin)
    return {generators: float(np.concatenate(p).mean()) for generators, p in passed.items()}


def false_ranks(
    shape: Shape, models: int, sets: int, seed: int, resamples: int = 1000
) -> dict[str, float]:
    """Share of leaderboards of equal models on which any is surely ahead, by metric."""
    real, fake, _ = shape.groups()
    groups = int(1 + max(real.max(), fake.max()))
    rng = np.random.default_rng(seed)
    ahead: dict[str, list[bool]] = {"accuracy": [], "auc": []}
    for number in range(sets):
        cells = shape.draw(rng, (shape.accuracy,) * models)
        drawn = estimate(cells, groups, resamples, seed + number // PART)
        for name, errors in ahead.items():
            figures: list[Resampled] = [drawn[cell][name] for cell in cells]
            ranks = rank(
                [figure.value for figure in figures],
                np.stack([figure.draws for figure in figures]),
                figures[0].groups,
                differing_groups(cells, groups, ranking=name == "auc"),
                clusters=joint([figure.sizes for figure in figures]),
            )
            errors.append(bool(ranks.ahead.any()))
    return {name: float(np.mean(errors)) for name, errors in ahead.items()}
