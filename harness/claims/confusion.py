"""Confusion tables of whole numbers that give the reported figures as they were rounded.

A table is TP, FP, FN, TN of `positives` = TP + FN and `negatives` = FP + TN clips. For a number of
positives and a TP each reported figure bounds FP from both sides, so a table exists where the
bounds leave a whole number: the search is over pairs (positives, TP) and exact.

The idea of testing whether a rounded share can come from a whole number of cases at all is the GRIM
test: Brown & Heathers, Social Psychological and Personality Science 8, 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import Span

Whole = NDArray[np.int64]

MOST_PAIRS = 50_000_000
"""More pairs of positives and TP are not searched."""

_BLOCK = 2**20


class Table(NamedTuple):
    """Counts of one test; the positive class is whichever the claim means."""

    tp: int
    fp: int
    fn: int
    tn: int


class Fits(NamedTuple):
    """Numbers of positives with at least one table, ascending, and a table of the middle one."""

    positives: Whole
    example: Table | None


def search(spans: dict[str, Span], positives: Whole, total: Whole) -> Fits | None:
    """Which numbers of positives allow a table that gives every figure.

    Parameters
    ----------
    spans
        Of accuracy, precision, recall and F1, as many as are given.
    positives, total
        Clips of the positive class and of both, shape (k,).

    Returns
    -------
    None where there are more than `MOST_PAIRS` pairs to look at.
    """
    if "recall" in spans or "f1" in spans:
        total, positives = total[positives > 0], positives[positives > 0]
    recall = spans.get("recall", Span(0.0, 1.0))
    low = np.ceil(positives * recall.low - _slack(positives)).astype(np.int64)
    high = np.floor(positives * recall.high + _slack(positives)).astype(np.int64)
    low, high = np.maximum(low, 0), np.minimum(high, positives)
    size = np.maximum(high - low + 1, 0)
    if size.sum() > MOST_PAIRS:
        return None
    found: list[tuple[int, int, int, int]] = []
    for block in _blocks(size):
        here = np.repeat(block, size[block])
        first = np.cumsum(size[block]) - size[block]
        tp = low[here] + np.arange(len(here)) - np.repeat(first, size[block])
        least, most = _false_positives(spans, tp, positives[here], total[here])
        there = np.flatnonzero(least <= most)
        _, once = np.unique(here[there], return_index=True)
        keep = there[once]
        found += zip(
            positives[here[keep]].tolist(),
            total[here[keep]].tolist(),
            tp[keep].tolist(),
            least[keep].tolist(),
            strict=True,
        )
    found.sort()
    if not found:
        return Fits(np.zeros(0, np.int64), None)
    p, n, tp, fp = found[len(found) // 2]
    return Fits(np.array([each[0] for each in found]), Table(tp, fp, p - tp, n - p - fp))


def _blocks(size: Whole) -> Iterator[Whole]:
    """Indices of `size`, in runs of about `_BLOCK` pairs."""
    owner = np.cumsum(size) // _BLOCK
    for number in np.unique(owner):
        yield np.flatnonzero(owner == number)


def _slack(count: Whole) -> NDArray[np.float64]:
    """What a bound may be off by rounding of binary numbers alone."""
    return 1e-9 + 1e-12 * count.astype(np.float64)


def _false_positives(
    spans: dict[str, Span], tp: Whole, positives: Whole, total: Whole
) -> tuple[Whole, Whole]:
    """Least and most FP that every figure allows."""
    negatives = total - positives
    least, most = np.zeros(tp.shape), negatives.astype(np.float64)
    bounds: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        if span := spans.get("accuracy"):
            right = tp + negatives
            bounds.append((right - span.high * total, right - span.low * total))
        if span := spans.get("precision"):
            called = tp / np.array([span.high, span.low])[:, None]
            # Of nothing called positive there is no precision, though some call it 0.
            fewest = 1 - tp if span.low > 0 else -tp
            bounds.append((np.maximum(called[0] - tp, fewest), called[1] - tp))
        if span := spans.get("f1"):
            twice = 2 * tp / np.array([span.high, span.low])[:, None] - tp - positives
            bounds.append((twice[0], twice[1]))
    for low, high in bounds:
        least = np.fmax(least, low)
        most = np.fmin(most, high)  # 0 / 0, no true positive and a span from 0, bounds nothing
    slack = _slack(total)
    return np.ceil(least - slack).astype(np.int64), np.floor(most + slack).astype(np.int64)
