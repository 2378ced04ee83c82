"""How far a reported figure may be off by the chance that chose its test clips.

The intervals are of independent clips. Those of a test set seldom are: clips of a speaker, a
recording or a generator are alike, and then the true interval is wider. So these are the least that
a reader has to allow for.

Accuracy, precision and recall are shares of counted clips and get the exact interval of Clopper and
Pearson. F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), the share of hits among the clips that are
or are called positive (Jaccard); given how many these are, J is such a share as well, and its exact
interval maps to one of F1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.claims.arithmetic import implied_share, precision_and_recall
from harness.claims.claim import Claim, Span
from harness.metrics.intervals import exact


@dataclass(frozen=True)
class SamplingError:
    """A reported figure with the interval of its own test.

    Parameters
    ----------
    n
        Clips in the figure's denominator; for F1 those that are or are called positive.
    test
        What it is if the test was of these clips, in words.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    test: str


def share_interval(value: float, n: int, level: float = 0.95) -> Span:
    """Exact interval of a share of n clips."""
    low, high = exact(np.array([value]), np.array([float(n)]), level)
    return Span(float(low[0]), float(high[0]))


def f1_interval(value: float, n: int, level: float = 0.95) -> Span:
    """Interval of an F1 with n clips that are or are called positive."""
    low, high = share_interval(value / (2 - value), n, level)
    return Span(2 * low / (1 + low), 2 * high / (1 + high))


def denominator(metric: str, clips: int, positives: int | None, claim: Claim) -> int | None:
    """How many clips a reported figure was of; None where the card's other figures do not tell.

    Parameters
    ----------
    clips, positives
        Of the test set: all, and those of the positive class where that is known.
    """
    if metric == "accuracy":
        return clips
    if positives is None:
        return None
    if metric == "recall":
        return positives
    figures = claim.figures
    if metric == "precision":
        if "recall" not in figures or figures["precision"].value == 0:
            return None
        return round(figures["recall"].value * positives / figures["precision"].value)
    # F1 = 2 TP / (TP + FP + positives) and TP = r positives tell TP + FP + FN.
    if "recall" not in figures or figures["f1"].value == 0:
        return None
    hits = figures["recall"].value * positives
    return round(2 * hits / figures["f1"].value - hits)


def sampling_errors(
    claim: Claim, clips: int, positives: int | None, test: str, level: float = 0.95
) -> list[SamplingError]:
    """Every reported figure with its interval, as far as its denominator is known."""
    errors: list[SamplingError] = []
    for metric, reported in claim.figures.items():
        n = denominator(metric, clips, positives, claim)
        if n:
            interval = f1_interval if metric == "f1" else share_interval
            low, high = interval(reported.value, n, level)
            errors.append(SamplingError(metric, reported.value, low, high, n, test))
    return errors


def claim_errors(claim: Claim) -> list[SamplingError]:
    """Sampling error under every test and positive class that the card allows."""
    errors: list[SamplingError] = []
    counts, total, part = claim.counts, claim.total, claim.passes
    if counts and total:
        for side in claim.sides:
            test = f"the test set of {total:,}"
            of_class = sampling_errors(claim, total, counts[side], f"{test}, {side} positive")
            errors += [each for each in of_class if each.metric != "accuracy"]
        errors = [
            *sampling_errors(_only_accuracy(claim), total, None, f"{total:,} clips"),
            *errors,
        ]
    elif total:
        errors += sampling_errors(claim, total, _positives(claim, total), f"{total:,} clips")
    if part and part != total:
        test = f"a validation pass of {part:,}"
        errors += sampling_errors(claim, part, _positives(claim, part), test)
    return errors


def _only_accuracy(claim: Claim) -> Claim:
    figures = {name: each for name, each in claim.figures.items() if name == "accuracy"}
    return Claim(claim.title, figures)


def _positives(claim: Claim, clips: int) -> int | None:
    """Positive clips of a set of which only the size is known, from the figures themselves."""
    accuracy, both = claim.span("accuracy"), precision_and_recall(claim)
    if not accuracy or not both:
        return None
    span = implied_share(accuracy, *both)
    return round(clips * (span.low + span.high) / 2) if span.high <= 1 else None
