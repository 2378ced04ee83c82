"""Interval arithmetic over rounded figures: what reported shares imply about each other.

Conventions: a, p, r, f are accuracy, precision, recall and F1 of the positive class, q is the share
of positive clips. With TP = r q and FP = r q (1 - p) / p,

    1 - a = q ((1 - r) + r (1 - p) / p)

Every function is monotone, or linear, in each argument, so its extremes over a box of ranges are at
the corners of the box. Arguments vary independently within their ranges: a result may be somewhat
wider than the figures allow together, never narrower.
"""

from __future__ import annotations

from itertools import product
from math import inf

from harness.claims.claim import Claim, ValueRange


def wrong_per_positive(precision: float, recall: float) -> float:
    """Wrong decisions per positive clip, (1 - r) + r (1 - p) / p."""
    if precision <= 0:
        return inf
    return 1 - recall + recall * (1 - precision) / precision


def implied_share(accuracy: ValueRange, precision: ValueRange, recall: ValueRange) -> ValueRange:
    """Share of positive clips, from 0; above 1 where no test set could give these figures."""
    wrong = _corners(precision, recall)
    low = 0.0 if wrong.high == inf else _ratio(1 - accuracy.high, wrong.high, 0.0)
    return ValueRange(low, _ratio(1 - accuracy.low, wrong.low, inf))


def largest_share(precision: ValueRange, recall: ValueRange) -> float:
    """Largest share of positive clips that leaves enough negatives for the false alarms."""
    if precision.high <= 0:
        return 1.0
    return 1 / (1 + recall.low * (1 - precision.high) / precision.high)


def expected_accuracy(share: float, precision: ValueRange, recall: ValueRange) -> ValueRange:
    """Accuracy on a set with this share of positive clips."""
    wrong = _corners(precision, recall)
    return ValueRange(max(0.0, 1 - share * wrong.high), min(1.0, 1 - share * wrong.low))


def f1_of(precision: float, recall: float) -> float:
    """2 p r / (p + r); 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def f1_span(precision: ValueRange, recall: ValueRange) -> ValueRange:
    """F1 over both ranges."""
    return ValueRange(f1_of(precision.low, recall.low), f1_of(precision.high, recall.high))


def other_of_f1(f1: ValueRange, known: ValueRange) -> ValueRange:
    """Precision from F1 and recall, or recall from F1 and precision: f r / (2 r - f).

    Low exceeds high where no value between 0 and 1 gives that F1.
    """

    def other(f: float, k: float) -> float:
        return f * k / (2 * k - f) if 2 * k > f else inf

    return ValueRange(other(f1.low, known.high), min(1.0, other(f1.high, known.low)))


def precision_and_recall(claim: Claim) -> tuple[ValueRange, ValueRange] | None:
    """Both, one of them derived from F1 where the card gives only the other."""
    precision, recall, f1 = (claim.spans.get(name) for name in ("precision", "recall", "f1"))
    if f1 and recall and not precision:
        precision = other_of_f1(f1, recall)
    elif f1 and precision and not recall:
        recall = other_of_f1(f1, precision)
    if not precision or not recall or precision.low > precision.high or recall.low > recall.high:
        return None
    return precision, recall


def _corners(precision: ValueRange, recall: ValueRange) -> ValueRange:
    values = [wrong_per_positive(p, r) for p, r in product(precision, recall)]
    return ValueRange(min(values), max(values))


def _ratio(part: float, whole: float, otherwise: float) -> float:
    return part / whole if whole > 0 else otherwise
