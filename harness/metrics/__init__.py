"""Figures as pure functions of arrays, and the table of those that the project knows.

Conventions: positive class `fake`, decision at `score >= threshold`, rates are fractions, NaN where
a figure has no data. The modules import nothing else of the project.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.metrics import classification, detection
from harness.metrics.classification import Array, Confusion
from harness.metrics.detection import Sweep

Support = Literal["clips", "both", "real", "fake", "called_real", "called_fake", "asked"]
"""What a figure is of: all clips that count; all, with both classes present; the clips of one
class; those called one class; all clips that there are. Scored clips count and, in a figure of
decisions, those that a policy decides."""


@dataclass(frozen=True)
class Metric:
    """A figure between 0 and 1.

    Parameters
    ----------
    better
        Which direction is good.
    words
        What it says, for people, without a full stop.
    of
        Its denominator, whose clips are its n.
    """

    name: str
    better: Literal["higher", "lower"]
    words: str
    of: Support


@dataclass(frozen=True)
class Decision(Metric):
    """A figure of the decisions at a threshold; a policy may decide clips without a score."""

    formula: Callable[[Confusion], Array]


@dataclass(frozen=True)
class Ranking(Metric):
    """A figure of the order of the scores, and so of scored clips alone."""

    formula: Callable[[Sweep], Array]


_c, _d = classification, detection

METRICS: dict[str, Decision | Ranking] = {
    metric.name: metric
    for metric in (
        Decision("accuracy", "higher", "clips decided right", "clips", _c.accuracy),
        Decision(
            "balanced_accuracy",
            "higher",
            "mean of the two recalls",
            "both",
            _c.balanced_accuracy,
        ),
        Decision(
            "precision",
            "higher",
            "fakes among the clips called fake",
            "called_fake",
            _c.precision,
        ),
        Decision("recall", "higher", "fakes called fake", "fake", _c.recall),
        Decision("f1", "higher", "harmonic mean of precision and recall", "both", _c.f1),
        Decision(
            "precision_real",
            "higher",
            "real clips among those called real",
            "called_real",
            _c.precision_real,
        ),
        Decision("recall_real", "higher", "real clips called real", "real", _c.recall_real),
        Decision("f1_real", "higher", "F1 with real as the positive class", "both", _c.f1_real),
        Decision("fpr", "lower", "real clips called fake", "real", _c.fpr),
        Decision("fnr", "lower", "fakes called real", "fake", _c.fnr),
        Ranking("eer", "lower", "error rate where both kinds are equal", "both", _d.eer_of),
        Ranking("auc", "higher", "pairs ranked right, ties half", "both", _d.auc_of),
        Decision("coverage", "higher", "clips that could be scored", "asked", _c.coverage),
    )
}
