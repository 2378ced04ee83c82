"""Search for integer confusion tables that give the reported figures as they were rounded.

A table is TP, FP, FN, TN of `positives` = TP + FN and `negatives` = FP + TN clips. Given the number
of positives and TP, each reported figure bounds FP from both sides; a table exists where an integer
lies within all bounds. The search over pairs (positives, TP) is exhaustive.

Testing whether a rounded share can come from an integer number of cases is the GRIM test: Brown &
Heathers, Social Psychological and Personality Science 8, 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import ValueRange

Whole = NDArray[np.int64]

MOST_PAIRS = 50_000_000
"""Pairs of positives and TP above which nothing is searched."""

_BLOCK = 2**20


class ConfusionTable(NamedTuple):
    """Counts of one test; the positive class is that of the claim."""

    tp: int
    fp: int
    fn: int
    tn: int


class TableSearch(NamedTuple):
    """Numbers of positives that have a table, ascending, and one table of the middle number."""

    positives: Whole
    example: ConfusionTable | None


def search(spans: dict[str, ValueRange], positives: Whole, total: Whole) -> TableSearch | None:
    """Find the numbers of positives for which a table gives every figure.

    Parameters
    ----------
    spans
        Ranges of the given ones among accuracy, precision, recall and F1.
    positives, total
        Clips of the positive class and of both classes, shape (k,).

    Returns
    -------
    None for more than `MOST_PAIRS` pairs to search.
    """
    if "recall" in spans or "f1" in spans:
        total, positives = total[positives > 0], positives[positives > 0]
    recall = spans.get("recall", ValueRange(0.0, 1.0))
    low = np.ceil(positives * recall.low - _slack(positives)).astype(np.int64)
    high = np.floor(positives * recall.high + _slack(positives)).astype(np.int64)
    low, high = np.maximum(low, 0), np.minimum(high, positives)
    size = np.maximum(high - low + 1, 0)
    if size.sum() > MOST_PAIRS:
        return None
    tables: list[tuple[int, int, int, int]] = []
    for block in _blocks(size):
        index = np.repeat(block, size[block])
        first = np.cumsum(size[block]) - size[block]
        tp = low[index] + np.arange(len(index)) - np.repeat(first, size[block])
        least, most = _false_positives(spans, tp, positives[index], total[index])
        feasible = np.flatnonzero(least <= most)
        _, once = np.unique(index[feasible], return_index=True)
        keep = feasible[once]
        columns = positives[index[keep]], total[index[keep]], tp[keep], least[keep]
        tables += zip(*(column.tolist() for column in columns), strict=True)
    tables.sort()
    if not tables:
        return TableSearch(np.zeros(0, np.int64), None)
    p, n, tp, fp = tables[len(tables) // 2]
    example = ConfusionTable(tp, fp, p - tp, n - p - fp)
    return TableSearch(np.array([table[0] for table in tables]), example)


def _blocks(size: Whole) -> Iterator[Whole]:
    """Split the indices of `size` into blocks of about `_BLOCK` pairs."""
    owner = np.cumsum(size) // _BLOCK
    for number in np.unique(owner):
        yield np.flatnonzero(owner == number)


def _slack(count: Whole) -> NDArray[np.float64]:
    """Tolerance of a bound for floating-point rounding."""
    return 1e-9 + 1e-12 * count.astype(np.float64)


def _false_positives(
    spans: dict[str, ValueRange], tp: Whole, positives: Whole, total: Whole
) -> tuple[Whole, Whole]:
    """Least and most FP that all figures allow."""
    negatives = total - positives
    least, most = np.zeros(tp.shape), negatives.astype(np.float64)
    bounds: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        if span := spans.get("accuracy"):
            right = tp + negatives
            bounds.append((right - span.high * total, right - span.low * total))
        if span := spans.get("precision"):
            called = tp / np.array([span.high, span.low])[:, None]
            # With nothing called positive, precision is undefined; some report 0.
            fewest = 1 - tp if span.low > 0 else -tp
            bounds.append((np.maximum(called[0] - tp, fewest), called[1] - tp))
        if span := spans.get("f1"):
            twice = 2 * tp / np.array([span.high, span.low])[:, None] - tp - positives
            bounds.append((twice[0], twice[1]))
    for low, high in bounds:
        least = np.fmax(least, low)
        most = np.fmin(most, high)  # NaN (0 / 0: no TP and a range from 0) is no bound
    slack = _slack(total)
    return np.ceil(least - slack).astype(np.int64), np.floor(most + slack).astype(np.int64)
