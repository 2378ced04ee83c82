"""Figures as pure functions of arrays, and the table of those that the project knows.

Conventions: positive class `fake`, decision at `score >= threshold`, rates are fractions, NaN where
a figure has no data. The modules import nothing else of the project.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from harness.metrics import classification, detection
from harness.metrics.classification import Array, Confusion
from harness.metrics.cost import ASVSPOOF_5
from harness.metrics.detection import Sweep

Support = Literal["clips", "both", "real", "fake", "called_real", "called_fake", "asked"]
"""What a figure is of: all clips that count; all, with both classes present; the clips of one
class; those called one class; all clips that there are. Scored clips count and, in a figure of
decisions, those that a policy decides."""


@dataclass(frozen=True)
class Metric:
    """A figure between 0 and `most`.

    Parameters
    ----------
    better
        Which direction is good.
    words
        What it says, for people, without a full stop.
    of
        Its denominator, whose clips are its n.
    most
        Its largest value.
    """

    name: str
    better: Literal["higher", "lower"]
    words: str
    of: Support
    most: float = field(default=1.0, kw_only=True)


@dataclass(frozen=True)
class Decision(Metric):
    """A figure of the decisions at a threshold; a policy may decide clips without a score."""

    formula: Callable[[Confusion], Array]


@dataclass(frozen=True)
class Ranking(Metric):
    """A figure of the order of the scores, and so of scored clips alone.

    Parameters
    ----------
    weights
        The most that it changes where every real clip, or every fake, is placed otherwise.
    """

    formula: Callable[[Sweep], Array]
    weights: tuple[float, float] = field(default=(0.5, 0.5), kw_only=True)


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
        Decision("hter", "lower", "mean of both error rates at the threshold", "both", _c.hter),
        Decision(
            "act_dcf",
            "lower",
            "detection cost at the threshold",
            "both",
            _c.act_dcf,
            most=ASVSPOOF_5.real_weight + ASVSPOOF_5.fake_weight,
        ),
        Ranking("eer", "lower", "error rate where both kinds are equal", "both", _d.eer_of),
        Ranking("auc", "higher", "pairs ranked right, ties half", "both", _d.auc_of),
        Ranking(
            "min_dcf",
            "lower",
            "detection cost at the best threshold",
            "both",
            _d.min_dcf_of,
            weights=(ASVSPOOF_5.real_weight, ASVSPOOF_5.fake_weight),
        ),
        Decision("coverage", "higher", "clips that could be scored", "asked", _c.coverage),
    )
}

COMPARED = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
    "recall_real",
    "act_dcf",
    "eer",
    "auc",
    "min_dcf",
    "coverage",
)
"""The figures by which two runs are compared; the others say the same of the other class."""
