"""Sampling error of reported figures: intervals from the number of test clips.

The intervals assume independent clips. The clips of a speaker, a recording or a generator are
alike, so the true interval is usually wider: these are lower bounds of the uncertainty.

Accuracy, precision and recall are proportions and get the exact interval of Clopper and Pearson.
F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), the share of hits among clips that are or are
called positive (Jaccard); given their number, J is a proportion too, and its exact interval maps to
one of F1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.claims.arithmetic import implied_share, precision_and_recall
from harness.claims.claim import Claim, ValueRange
from harness.metrics.intervals import LEVEL, exact


@dataclass(frozen=True)
class SamplingError:
    """A reported figure with the interval of its own test.

    Parameters
    ----------
    n
        Clips in the figure's denominator; for F1 those that are or are called positive.
    test
        The clips that the test is assumed to have had, in words.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    test: str


def share_interval(value: float, n: int, level: float = LEVEL) -> ValueRange:
    """Exact interval of a proportion of n clips."""
    low, high = exact(np.array([value]), np.array([float(n)]), level)
    return ValueRange(float(low[0]), float(high[0]))


def f1_interval(value: float, n: int, level: float = LEVEL) -> ValueRange:
    """Interval of an F1 with n clips that are or are called positive."""
    low, high = share_interval(value / (2 - value), n, level)
    return ValueRange(2 * low / (1 + low), 2 * high / (1 + high))


def sampling_errors(
    claim: Claim, clips: int, positives: int | None, test: str
) -> list[SamplingError]:
    """The intervals of all figures whose denominator is known.

    Parameters
    ----------
    clips, positives
        Of the test set: all clips, and those of the positive class where known.
    """
    errors: list[SamplingError] = []
    for metric, reported in claim.figures.items():
        if n := _denominator(metric, clips, positives, claim):
            interval = f1_interval if metric == "f1" else share_interval
            errors.append(
                SamplingError(metric, reported.value, *interval(reported.value, n), n, test)
            )
    return errors


def _denominator(metric: str, clips: int, positives: int | None, claim: Claim) -> int | None:
    """Clips in the denominator of a figure; None where the other figures do not determine it."""
    if metric == "accuracy":
        return clips
    if positives is None or metric == "recall":
        return positives
    value = claim.figures[metric].value
    if "recall" not in claim.figures or value == 0:
        return None
    hits = claim.figures["recall"].value * positives
    # Precision = TP / (TP + FP); F1 = 2 TP / (TP + FP + positives).
    return round(hits / value if metric == "precision" else 2 * hits / value - hits)


def claim_errors(claim: Claim) -> list[SamplingError]:
    """Sampling errors under every test and positive class that the card allows."""
    errors: list[SamplingError] = []
    counts, total, part = claim.counts, claim.total, claim.passes
    if counts and total:
        accuracy = {name: figure for name, figure in claim.figures.items() if name == "accuracy"}
        errors += sampling_errors(Claim(claim.title, accuracy), total, None, f"{total:,} clips")
        for side in claim.sides:
            test = f"the test set of {total:,}, {side} positive"
            of_class = sampling_errors(claim, total, counts[side], test)
            errors += [error for error in of_class if error.metric != "accuracy"]
    elif total:
        errors += sampling_errors(claim, total, _positives(claim, total), f"{total:,} clips")
    if part and part != total:
        test = f"a validation pass of {part:,}"
        errors += sampling_errors(claim, part, _positives(claim, part), test)
    return errors


def _positives(claim: Claim, clips: int) -> int | None:
    """Positive clips of a set of known size, as the figures imply."""
    accuracy, both = claim.spans.get("accuracy"), precision_and_recall(claim)
    if not accuracy or not both:
        return None
    span = implied_share(accuracy, *both)
    return round(clips * (span.low + span.high) / 2) if span.high <= 1 else None
