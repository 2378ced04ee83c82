"""Precision, recall and F1 as averages over both classes, as scikit-learn reports them.

`macro` is the mean of the two classes' figures, `weighted` their mean by clips (its recall is the
accuracy), and `micro` counts the decisions of both classes together: all three are the accuracy. A
figure of a class that is never called is 0.

Whether a set can give averages is searched, as no formula gives it. With the positive clips and the
hits among them given, every figure rises with the clips of the other class that are right, so that
each figure bounds these from both sides (by bisection).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import ValueRange

Average = Literal["macro", "weighted", "micro"]
Array = NDArray[np.float64]

ANY_SHARE = ValueRange(0.0, 1.0)
MOST_POSITIVES = 20_000
"""Clips of the positive class up to which whole numbers are tried; beyond, any share of them."""

AVERAGES: tuple[Average, ...] = ("macro", "weighted", "micro")
_STEPS = 40
_SLACK = 1e-9
_ROUNDING = 1e-12
_GRID, _FINER, _BEST, _ROUNDS = 64, 9, 16, 14


def fitting_averages(
    spans: dict[str, ValueRange], clips: int | None, share: ValueRange = ANY_SHARE
) -> tuple[Average, ...]:
    """Name the averages by which a test set gives all figures.

    Parameters
    ----------
    spans
        Ranges of the given ones among accuracy, precision, recall and F1.
    clips
        Of the set; None where unknown.
    share
        Least and largest share of one class; one number where the composition is known.
    """
    if set(spans) <= {"accuracy"}:
        return ()
    accuracy = spans.get("accuracy", ANY_SHARE)
    if clips and ceil(clips * accuracy.low - _SLACK) > floor(clips * accuracy.high + _SLACK):
        return ()
    positives = round(clips * share.low) if clips and share.low == share.high else None
    if clips and positives in (0, clips):
        return ()
    if clips and positives and positives <= MOST_POSITIVES:
        negatives = clips - positives
        return tuple(a for a in AVERAGES if _whole_numbers(spans, a, positives, negatives))
    return tuple(a for a in AVERAGES if _any_numbers(spans, a, share))


def averaged(
    name: str, hits: Array, rejections: Array, positives: Array, negatives: Array, average: Average
) -> Array:
    """Return a figure of sets with so many right decisions in either class; counts or shares."""
    total = positives + negatives
    if name == "accuracy" or average == "micro":
        return (hits + rejections) / total
    called = hits + negatives - rejections
    if name == "precision":
        figures = _ratio(hits, called), _ratio(rejections, total - called)
    elif name == "recall":
        figures = _ratio(hits, positives), _ratio(rejections, negatives)
    else:
        figures = (
            _ratio(2 * hits, called + positives),
            _ratio(2 * rejections, total - called + negatives),
        )
    weight = positives / total if average == "weighted" else 0.5
    return weight * figures[0] + (1 - weight) * figures[1]


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > _SLACK)


def _whole_numbers(
    spans: dict[str, ValueRange], average: Average, positives: int, negatives: int
) -> bool:
    accuracy, total = spans.get("accuracy", ANY_SHARE), positives + negatives
    first = max(0, floor(accuracy.low * total) - negatives)
    hits = np.arange(first, min(positives, ceil(accuracy.high * total)) + 1, dtype=np.float64)
    sizes = np.full(len(hits), float(positives)), np.full(len(hits), float(negatives))
    least, most = _rejections(spans, average, hits, *sizes)
    slack = _SLACK * total
    return bool(np.any(np.ceil(least - slack) <= np.floor(most + slack)))


def _any_numbers(spans: dict[str, ValueRange], average: Average, share: ValueRange) -> bool:
    """Whether a share of positives and a recall of theirs leave room for the other class.

    On a grid that is refined around its best points, and finer towards 0 and 1.
    """
    lowest = np.array([max(share.low, _SLACK), 0.0])
    highest = np.array([min(share.high, 1 - _SLACK), 1.0])
    edges = np.sin(np.linspace(0, np.pi / 2, _GRID)) ** 2
    points = lowest + (highest - lowest) * _pairs(edges)
    steps = (highest - lowest) * _pairs(np.gradient(edges))
    moves = _pairs(np.linspace(-1, 1, _FINER))
    for _ in range(_ROUNDS):
        positives, recall = points.T
        hits, negatives = positives * recall, 1 - positives
        least, most = _rejections(spans, average, hits, positives, negatives)
        gap = (least - most) / negatives
        if np.min(gap) <= _SLACK:
            return True
        best = np.argsort(gap)[:_BEST]
        points = (points[best, None] + steps[best, None] * moves).reshape(-1, 2)
        points = np.clip(points, lowest, highest)
        steps = np.repeat(steps[best] * (2 / (_FINER - 1)), len(moves), axis=0)
    return False


def _pairs(values: Array) -> Array:
    """All pairs of the values, shape (n², 2)."""
    return np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)


def _rejections(
    spans: dict[str, ValueRange], average: Average, hits: Array, positives: Array, negatives: Array
) -> tuple[Array, Array]:
    """Least and most right decisions among the negatives by which all figures are in range.

    Least exceeds most where there are none.
    """
    least, most = np.zeros(len(hits)), negatives
    for name, span in spans.items():

        def figure(right: Array, name: str = name) -> Array:
            return averaged(name, hits, right, positives, negatives, average)

        least = np.maximum(least, _crossing(figure, negatives, span.low - _ROUNDING))
        above = _crossing(figure, negatives, span.high + 2 * _ROUNDING)
        most = np.minimum(most, np.where(np.isinf(above), negatives, above))
        least = np.where(figure(np.zeros(len(hits))) > span.high + 2 * _ROUNDING, np.inf, least)
    return least, most


def _crossing(figure: Callable[[Array], Array], end: Array, level: float) -> Array:
    """First argument from 0 at which a rising figure reaches a level; infinite where none does."""
    below, reached = np.zeros(len(end)), end
    for _ in range(_STEPS):
        middle = (below + reached) / 2
        under = figure(middle) < level
        below, reached = np.where(under, middle, below), np.where(under, reached, middle)
    first = np.where(figure(np.zeros(len(end))) >= level, 0.0, reached)
    return np.where(figure(end) >= level, first, np.inf)
