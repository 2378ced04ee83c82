"""What every metric is called and what it means, in the words of the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A metric for readers.

    Parameters
    ----------
    group
        Metrics of a group are shown together in the table of all figures.
    better
        `higher` or `lower`.
    """

    metric: str
    title: str
    group: str
    better: str
    meaning: str

    @property
    def prose(self) -> str:
        """The title within a sentence: abbreviations and names keep their capitals."""
        return (
            self.title
            if any(c.isupper() or c.isdigit() for c in self.title[1:])
            else (self.title.lower())
        )


GROUPS = {
    "decision": "Decisions, fake positive",
    "real": "Decisions, real positive",
    "threshold": "Decisions, by class and by cost",
    "ranking": "Ranking",
    "likelihood": "Likelihood and calibration",
    "selective": "Selective use",
    "damage": "Damage against clean",
    "other": "Other",
}

TERMS = (
    Term("accuracy", "Accuracy", "decision", "higher", "Share of clips decided rightly."),
    Term(
        "balanced_accuracy",
        "Balanced accuracy",
        "decision",
        "higher",
        "Mean of the share of fake clips and the share of real clips decided rightly; does not "
        "depend on how many there are of each.",
    ),
    Term(
        "precision", "Precision", "decision", "higher", "Of the clips called fake, those that are."
    ),
    Term("recall", "Recall", "decision", "higher", "Of the fake clips, those called fake."),
    Term("f1", "F1", "decision", "higher", "Harmonic mean of precision and recall."),
    Term(
        "fpr",
        "False-alarm rate",
        "decision",
        "lower",
        "Of the real clips, those called fake (FPR).",
    ),
    Term("fnr", "Miss rate", "decision", "lower", "Of the fake clips, those called real (FNR)."),
    Term(
        "precision_real",
        "Precision (real)",
        "real",
        "higher",
        "Precision with real as the positive class: of the clips called real, those that are.",
    ),
    Term(
        "recall_real",
        "Recall (real)",
        "real",
        "higher",
        "Recall with real as the positive class: of the real clips, those called real.",
    ),
    Term("f1_real", "F1 (real)", "real", "higher", "F1 with real as the positive class."),
    Term(
        "hter",
        "HTER",
        "threshold",
        "lower",
        "Half total error rate: mean of miss and false alarm rate at the threshold, which was set "
        "before these clips were seen.",
    ),
    Term(
        "act_dcf",
        "actDCF",
        "threshold",
        "lower",
        "Detection cost at the threshold, normalised: 1.9 times the false alarm rate plus the miss "
        "rate (ASVspoof 5: share of fakes 0.05, cost of a rejected real clip 1, of an accepted "
        "fake 10). 1 is no better than a detector that ignores its input.",
    ),
    Term(
        "eer",
        "EER",
        "ranking",
        "lower",
        "Equal error rate: misses and false alarms at the threshold where the two are equal, "
        "interpolated linearly on the ROC. Perfect is 0, chance 0.5.",
    ),
    Term(
        "auc",
        "AUC",
        "ranking",
        "higher",
        "Area under the ROC: the chance that a fake clip scores higher than a real one.",
    ),
    Term(
        "min_dcf",
        "minDCF",
        "ranking",
        "lower",
        "The same cost at the threshold where it is least on these very clips: what the order of "
        "the scores alone could reach.",
    ),
    Term(
        "cllr",
        "Cllr",
        "likelihood",
        "lower",
        "Cost of the log-likelihood ratio in bits, the scores as they are taken for one (Brümmer & "
        "du Preez 2006): 0 is perfect, 1 says nothing, above 1 misleads.",
    ),
    Term(
        "cllr_min",
        "Cllr min",
        "likelihood",
        "lower",
        "Cllr after the best monotone calibration: what the ranking alone loses.",
    ),
    Term(
        "cllr_cal",
        "Cllr cal",
        "likelihood",
        "lower",
        "Cllr less Cllr min: what is lost because the scores are not calibrated.",
    ),
    Term(
        "ece",
        "ECE",
        "likelihood",
        "lower",
        "Expected calibration error: mean distance between stated and observed share of fakes, in "
        "ten bins of equally many clips. By chance alone it is above 0, the more the fewer clips.",
    ),
    Term(
        "brier",
        "Brier",
        "likelihood",
        "lower",
        "Mean squared distance between the stated probability and the truth.",
    ),
    Term(
        "aurc",
        "AURC",
        "selective",
        "lower",
        "Area under the risk-coverage curve: mean error rate when only the most confident share "
        "of clips is decided, over all shares.",
    ),
    Term(
        "coverage",
        "Coverage",
        "selective",
        "higher",
        "Share of clips that got a score. A clip that could not be scored stays in the "
        "denominator.",
    ),
)

_BY_METRIC = {term.metric: term for term in TERMS}


def term(metric: str) -> Term:
    """The entry of a metric; one that the glossary lacks is shown under its own name."""
    return _BY_METRIC.get(metric) or Term(metric, metric, "other", "", "")
