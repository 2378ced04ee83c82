"""Figures as pure functions of arrays, and the table of those that the project knows.

Conventions: positive class `fake`, decision at `score >= threshold`, rates are fractions, NaN where
a figure has no data. The modules import nothing else of the project.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from harness.metrics import classification, detection, likelihood, selective, weighted_sums
from harness.metrics.classification import Array, Confusion
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.detection import Sweep
from harness.metrics.weighted_sums import Account

Support = Literal["clips", "both", "real", "fake", "called_real", "called_fake", "asked"]
"""What a figure is of: all clips that count; all, with both classes present; the clips of one
class; those called one class; all clips that there are. Scored clips count and, in a figure of
decisions, those that a policy decides."""


@dataclass(frozen=True)
class Metric:
    """A figure between 0 and `most`, which may be infinite.

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


@dataclass(frozen=True)
class Calibration(Metric):
    """A figure of the scores as the log-odds that they claim to be, and so of scored clips alone.

    Likelihood figures take them for log-likelihood ratios, which is the same at an even prior.

    Parameters
    ----------
    value
        Of real scores, fake scores and the threshold, from every clip.
    formula
        The same of weighted clips, for every column.
    fitted
        Whether it is fitted to the clips that it judges, and so off by more the fewer there are.
    """

    value: Callable[[Array, Array, float], float]
    formula: Callable[[Account], Array]
    fitted: bool = field(default=False, kw_only=True)


def _at_any(value: Callable[[Array, Array], float]) -> Callable[[Array, Array, float], float]:
    """A figure that knows no threshold."""
    return lambda real, fake, _threshold: value(real, fake)


_c, _d, _l, _a = classification, detection, likelihood, weighted_sums

METRICS: dict[str, Decision | Ranking | Calibration] = {
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
        Calibration(
            "cllr",
            "lower",
            "bits that the scores cost as log-likelihood ratios",
            "both",
            _at_any(_l.cllr),
            _a.cllr_of,
            most=math.inf,
        ),
        Calibration(
            "cllr_min",
            "lower",
            "bits that they cost after the best monotone calibration",
            "both",
            _at_any(_l.cllr_min),
            _a.cllr_min_of,
            fitted=True,
        ),
        Calibration(
            "cllr_cal",
            "lower",
            "bits that are lost because they are not calibrated",
            "both",
            _at_any(_l.cllr_cal),
            _a.cllr_cal_of,
            most=math.inf,
            fitted=True,
        ),
        Calibration(
            "ece",
            "lower",
            "mean distance of stated from observed share of fakes, 10 bins",
            "clips",
            _at_any(_l.ece),
            _a.ece_of,
            fitted=True,
        ),
        Calibration(
            "brier",
            "lower",
            "mean squared distance of the stated probability from the truth",
            "clips",
            _at_any(_l.brier),
            _a.brier_of,
        ),
        Calibration(
            "aurc",
            "lower",
            "error rate over all shares of clips that may be decided, the surest first",
            "clips",
            selective.aurc,
            _a.aurc_of,
        ),
        Decision("coverage", "higher", "clips that could be scored", "asked", _c.coverage),
    )
}

_COSTED = {"act_dcf": _c.act_dcf, "min_dcf": _d.min_dcf_of}


def metric_at(name: str, cost: DetectionCost = ASVSPOOF_5) -> Metric:
    """The metric of that name; one of detection cost by these costs."""
    metric = METRICS[name]
    if name not in _COSTED or cost == ASVSPOOF_5:
        return metric
    weights = (cost.real_weight, cost.fake_weight)
    formula = partial(_COSTED[name], cost=cost)
    if isinstance(metric, Ranking):
        return replace(metric, formula=formula, weights=weights)
    return replace(metric, formula=formula, most=sum(weights))


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
