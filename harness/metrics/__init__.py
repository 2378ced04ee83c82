"""Metrics as pure functions of arrays, and the one table that names them all.

Conventions: positive class `fake`, decision at `score >= threshold`, rates are fractions, NaN where
a metric has no data. The modules import nothing else of the project but its terms.

Adding a metric is a formula and one row here: intervals, comparisons, policies, the report and its
glossary, the terminal and leaderboards read the row (`harness.metrics.metric` says what it holds).
"""

from __future__ import annotations

from harness.metrics import account, classification, detection
from harness.metrics.cost import ASVSPOOF_5
from harness.metrics.metric import (
    POSITIVE,
    SHARE,
    AnyMetric,
    CalibrationMetric,
    DecisionMetric,
    Metric,
    MetricTable,
    Range,
    RankingMetric,
)

__all__ = [
    "METRICS",
    "POSITIVE",
    "SHARE",
    "AnyMetric",
    "CalibrationMetric",
    "DecisionMetric",
    "Metric",
    "MetricTable",
    "Range",
    "RankingMetric",
]

METRICS = MetricTable(
    DecisionMetric(
        name="accuracy",
        title="Accuracy",
        meaning="Share of clips decided rightly.",
        group="decision",
        support="clips",
        formula=classification.accuracy,
        compared=1,
        damage=1,
        headline=1,
        released=1,
        brief=True,
    ),
    DecisionMetric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        meaning="Mean of the share of fake clips and the share of real clips decided rightly; does "
        "not depend on how many there are of each.",
        group="decision",
        formula=classification.balanced_accuracy,
        compared=2,
    ),
    DecisionMetric(
        name="precision",
        title="Precision",
        meaning="Of the clips called fake, those that are.",
        group="decision",
        support="called_fake",
        formula=classification.precision,
        compared=4,
        headline=3,
    ),
    DecisionMetric(
        name="recall",
        title="Recall",
        meaning="Of the fake clips, those called fake.",
        group="decision",
        support="fake",
        formula=classification.recall,
        compared=5,
        damage=5,
        headline=4,
        brief=True,
    ),
    DecisionMetric(
        name="f1",
        title="F1",
        meaning="Harmonic mean of precision and recall.",
        group="decision",
        formula=classification.f1,
        compared=3,
        damage=2,
        headline=2,
        released=2,
    ),
    DecisionMetric(
        name="precision_real",
        title="Precision (real)",
        meaning="Precision with real as the positive class: of the clips called real, those that "
        "are.",
        group="real",
        support="called_real",
        formula=classification.precision_real,
    ),
    DecisionMetric(
        name="recall_real",
        title="Recall (real)",
        meaning="Recall with real as the positive class: of the real clips, those called real.",
        group="real",
        support="real",
        formula=classification.recall_real,
        compared=6,
        damage=6,
        brief=True,
    ),
    DecisionMetric(
        name="f1_real",
        title="F1 (real)",
        meaning="F1 with real as the positive class.",
        group="real",
        formula=classification.f1_real,
    ),
    DecisionMetric(
        name="fpr",
        title="False-alarm rate",
        meaning="Of the real clips, those called fake (FPR).",
        group="decision",
        better="lower",
        support="real",
        formula=classification.fpr,
    ),
    DecisionMetric(
        name="fnr",
        title="Miss rate",
        meaning="Of the fake clips, those called real (FNR).",
        group="decision",
        better="lower",
        support="fake",
        formula=classification.fnr,
    ),
    DecisionMetric(
        name="hter",
        title="HTER",
        meaning="Half total error rate: mean of miss and false alarm rate at the threshold, which "
        "was set before these clips were seen.",
        group="threshold",
        better="lower",
        formula=classification.hter,
        best="eer",
    ),
    DecisionMetric(
        name="act_dcf",
        title="actDCF",
        meaning="Detection cost at the threshold, normalised: 1.9 times the false alarm rate plus "
        "the miss rate (ASVspoof 5: share of fakes 0.05, cost of a rejected real clip 1, of an "
        "accepted fake 10). 1 is no better than a detector that ignores its input.",
        group="threshold",
        better="lower",
        range=Range(0.0, ASVSPOOF_5.real_weight + ASVSPOOF_5.fake_weight),
        formula=classification.act_dcf,
        costed=True,
        best="min_dcf",
        compared=7,
        released=5,
    ),
    RankingMetric(
        name="eer",
        title="EER",
        meaning="Equal error rate: misses and false alarms at the threshold where the two are "
        "equal, interpolated linearly on the ROC. Perfect is 0, chance 0.5.",
        group="ranking",
        better="lower",
        formula=detection.eer_of,
        compared=8,
        damage=3,
        headline=5,
        released=3,
    ),
    RankingMetric(
        name="auc",
        title="AUC",
        meaning="Area under the ROC: the chance that a fake clip scores higher than a real one.",
        group="ranking",
        formula=detection.auc_of,
        compared=9,
        damage=4,
        headline=6,
        released=4,
    ),
    RankingMetric(
        name="min_dcf",
        title="minDCF",
        meaning="The same cost at the threshold where it is least on these very clips: what the "
        "order of the scores alone could reach.",
        group="ranking",
        better="lower",
        formula=detection.min_dcf_of,
        weights=(ASVSPOOF_5.real_weight, ASVSPOOF_5.fake_weight),
        costed=True,
        compared=10,
    ),
    CalibrationMetric(
        name="cllr",
        title="Cllr",
        meaning="Cost of the log-likelihood ratio in bits, the scores as they are taken for one "
        "(Brümmer & du Preez 2006): 0 is perfect, 1 says nothing, above 1 misleads.",
        group="likelihood",
        better="lower",
        range=POSITIVE,
        formula=account.cllr,
        summed=True,
        compared=13,
    ),
    CalibrationMetric(
        name="cllr_min",
        title="Cllr min",
        meaning="Cllr after the best monotone calibration: what the ranking alone loses.",
        group="likelihood",
        better="lower",
        formula=account.cllr_min,
        fitted=True,
    ),
    CalibrationMetric(
        name="cllr_cal",
        title="Cllr cal",
        meaning="Cllr less Cllr min: what is lost because the scores are not calibrated.",
        group="likelihood",
        better="lower",
        range=POSITIVE,
        formula=account.cllr_cal,
        fitted=True,
    ),
    CalibrationMetric(
        name="ece",
        title="ECE",
        meaning="Expected calibration error: mean distance between stated and observed share of "
        "fakes, in ten bins of equally many clips. By chance alone it is above 0, the more the "
        "fewer clips.",
        group="likelihood",
        better="lower",
        support="clips",
        formula=account.ece,
        fitted=True,
    ),
    CalibrationMetric(
        name="brier",
        title="Brier",
        meaning="Mean squared distance between the stated probability and the truth.",
        group="likelihood",
        better="lower",
        support="clips",
        formula=account.brier,
        summed=True,
        compared=12,
    ),
    CalibrationMetric(
        name="aurc",
        title="AURC",
        meaning="Area under the risk-coverage curve: mean error rate when only the most confident "
        "share of clips is decided, over all shares.",
        group="selective",
        better="lower",
        support="clips",
        formula=account.aurc,
    ),
    DecisionMetric(
        name="coverage",
        title="Coverage",
        meaning="Share of clips that got a score. A clip that could not be scored stays in the "
        "denominator.",
        group="selective",
        support="owed",
        formula=classification.coverage,
        compared=11,
        headline=7,
        released=6,
    ),
)
