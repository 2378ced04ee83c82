"""Whether the accuracy, precision, recall, F1 and counts that a card reports fit together.

All checks run over every value that a figure may have been rounded from, so rounding alone never
causes a finding. Where the card does not name the positive class both are tried, and a figure fits
if it fits with either. Where neither fits, averages over the classes are tried
(`harness.claims.average`): if precision, recall and F1 can be macro, weighted or micro averages,
the audit says so and contradicts nothing. A finding concerns the card's figures, not the model:
figures that do not fit may come from another set or threshold or be mistyped, and arithmetic cannot
tell which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, sqrt
from typing import Literal

import numpy as np

from harness.claims.arithmetic import (
    expected_accuracy,
    f1_of,
    f1_span,
    implied_share,
    largest_share,
    other_of_f1,
    precision_and_recall,
    wrong_per_positive,
)
from harness.claims.average import ANY_SHARE, Average, fitting_averages
from harness.claims.claim import Claim, Side, ValueRange, output_classes
from harness.claims.confusion import MOST_PAIRS, search
from harness.claims.sampling_error import SamplingError, claim_errors

FARTHEST_SD = 4.0
"""Standard deviations within which the share of a random subset of a set is expected."""

Fit = Literal["fits", "does not fit", "cannot be known"]
Kind = Literal[
    "F1",
    "prevalence",
    "accuracy",
    "whole numbers",
    "validation pass",
    "average",
    "positive class",
    "labels",
    "noted",
    "not read",
]


@dataclass(frozen=True)
class Finding:
    """The result of one check: in sentences, and the numbers in them by name."""

    kind: Kind
    verdict: Fit
    words: str
    figures: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class ClaimAudit:
    """A claim, the findings about it, and the sampling error of its figures.

    Parameters
    ----------
    averages
        Averages over the classes as which precision, recall and F1 fit, where they do not fit as
        figures of one class; empty where that is not needed, or none fits.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    errors: tuple[SamplingError, ...]
    averages: tuple[Average, ...] = ()

    @property
    def of_one_class(self) -> Claim:
        """The claim without figures that are averages, which those of one class do not equal."""
        if not self.averages:
            return self.claim
        figures = self.claim.figures.items()
        return replace(
            self.claim, figures={name: value for name, value in figures if name == "accuracy"}
        )

    @property
    def fits(self) -> bool:
        return all(finding.verdict != "does not fit" for finding in self.findings)


def audit_claim(claim: Claim) -> ClaimAudit:
    """Check the figures of a claim against each other and against its counts."""
    of_set = _known(_f1(claim), _prevalence(claim), _accuracy(claim), _whole_numbers(claim))
    of_pass = _known(_validation_pass(claim))
    averages: tuple[Average, ...] = ()
    for findings, averages_of in ((of_set, _averages_of_set), (of_pass, _averages_of_pass)):
        if all(finding.verdict != "does not fit" for finding in findings):
            continue
        if fitting := averages_of(claim):
            if claim.positive == "unstated":
                averages = fitting
                findings[:] = map(_only_of_one_class, findings)
            findings.append(_average(claim, fitting))
    findings = of_set + of_pass + _known(_positive_class(claim), _labels(claim))
    findings += [Finding("noted", "does not fit", words) for words in claim.noted]
    findings += [Finding("not read", "cannot be known", words) for words in claim.unread]
    audit = ClaimAudit(claim, tuple(findings), (), averages)
    return replace(audit, errors=tuple(claim_errors(audit.of_one_class)))


def _known(*findings: Finding | None) -> list[Finding]:
    return [finding for finding in findings if finding is not None]


def _averages_of_set(claim: Claim) -> tuple[Average, ...]:
    """Name the averages by which the figures fit the stated test set."""
    return fitting_averages(claim.spans, claim.total, _share_of_fakes(claim))


def _averages_of_pass(claim: Claim) -> tuple[Average, ...]:
    """Name the averages by which the figures fit a random part of the stated test set."""
    share = _share_of_fakes(claim)
    if claim.passes and claim.total and share.low == share.high:
        reach = FARTHEST_SD * _share_sd(share.low, claim.passes, claim.total)
        share = ValueRange(max(0.0, share.low - reach), min(1.0, share.high + reach))
    return fitting_averages(claim.spans, claim.passes, share)


def _share_of_fakes(claim: Claim) -> ValueRange:
    if counts := claim.counts:
        share = counts["fake"] / sum(counts.values())
        return ValueRange(share, share)
    return ANY_SHARE


def _share_sd(share: float, part: int, total: int) -> float:
    """Standard deviation of the share in a random part of a set."""
    return sqrt(share * (1 - share) / part * (total - part) / (total - 1))


def _only_of_one_class(finding: Finding) -> Finding:
    if finding.verdict != "does not fit":
        return finding
    words = f"As figures of one class these do not fit. {finding.words}"
    return replace(finding, verdict="cannot be known", words=words)


def _average(claim: Claim, averages: Sequence[Average]) -> Finding:
    averaged = f"{' or '.join(averages)} averages over both classes"
    if claim.positive == "unstated":
        words = f"All figures fit if precision, recall and F1 are {averaged}."
        return Finding("average", "fits", words)
    words = f"All figures would fit as {averaged}; the card states {claim.positive} as positive."
    return Finding("average", "cannot be known", words)


def _f1(claim: Claim) -> Finding | None:
    precision, recall, f1 = (claim.spans.get(name) for name in ("precision", "recall", "f1"))
    if not f1:
        return None
    figures = claim.figures
    text = figures["f1"].text
    if precision and recall:
        value = f1_of(figures["precision"].value, figures["recall"].value)
        span = f1_span(precision, recall)
        return Finding(
            "F1",
            "fits" if span.overlaps(f1) else "does not fit",
            f"Precision {figures['precision'].text} and recall {figures['recall'].text} give an F1 "
            f"of {value:.4f} ({_range_text(span)} with rounding); the card has {text}.",
            {"value": value, **span._asdict()},
        )
    known = "precision" if precision else "recall" if recall else ""
    if not known:
        return Finding("F1", "cannot be known", f"F1 {text} is given without precision and recall.")
    other = "recall" if precision else "precision"
    span = other_of_f1(f1, claim.spans[known])
    words = f"F1 {text} and {known} {figures[known].text}"
    if span.low > span.high:
        return Finding("F1", "does not fit", f"{words} allow no {other} at all.")
    words = f"{words} imply a {other} of {_range_text(span)}."
    return Finding("F1", "cannot be known", words, span._asdict())


def _prevalence(claim: Claim) -> Finding | None:
    accuracy, both = claim.spans.get("accuracy"), precision_and_recall(claim)
    if not both and len({"precision", "recall", "f1"} & set(claim.figures)) > 1:
        return None  # contradictions among these are reported as findings about F1
    if not accuracy or not both:
        missing = "accuracy" if both else "precision and recall, or one of them with F1"
        words = (
            f"The share of positive clips needs {missing} as well, which the card does not give."
        )
        return Finding("prevalence", "cannot be known", words) if claim.figures else None
    span = implied_share(accuracy, *both)
    if span.low > largest_share(*both) + 1e-12:
        words = f"No test set of any composition can give {_listed(claim)} together."
        return Finding("prevalence", "does not fit", words, {"low": span.low})
    span = ValueRange(span.low, min(span.high, 1.0))
    words = f"{_listed(claim)} together imply that {_range_text(span, 3)} of the clips are positive"
    counts = claim.counts
    if counts is None:
        words = f"{words}. {_implied_sizes(claim, span)}"
        return Finding("prevalence", "cannot be known", words, span._asdict())
    shares: dict[str, float] = {
        side: count / sum(counts.values()) for side, count in counts.items()
    }
    fitting = [side for side in counts if span.holds(shares[side])]
    return Finding(
        "prevalence",
        "fits" if set(fitting) & set(claim.sides) else "does not fit",
        f"{words}; of the stated test set {shares['fake']:.3f} are fake and {shares['real']:.3f} "
        f"are real. {_fitting_class(claim, fitting)}",
        span._asdict() | shares,
    )


def _fitting_class(claim: Claim, fitting: Sequence[str]) -> str:
    """State which class can be the positive one, and whether the card agrees."""
    if len(fitting) != 1:
        return "Either class fits." if fitting else "Neither class fits."
    if claim.positive == "unstated":
        return f"So {fitting[0]} is the positive class, which the card does not say."
    if fitting[0] == claim.positive:
        return f"That fits {fitting[0]} as the positive class, which the card states."
    return f"Only {fitting[0]} as the positive class would fit; the card states {claim.positive}."


def _implied_sizes(claim: Claim, span: ValueRange) -> str:
    """The sizes that the shares imply for a test set with a count of one class only."""
    given: list[tuple[Side, int | None]] = [("fake", claim.fake), ("real", claim.real)]
    known = [(side, count) for side, count in given if count is not None]
    if not known or span.low <= 0:
        return "The card gives no counts of both classes to hold that against."
    counted, count = known[0]
    sizes: list[str] = []
    for side in claim.sides:
        same = side == counted
        share = span if same else ValueRange(1 - span.high, 1 - span.low)
        if share.high > 0:
            most = count / share.low if share.low else inf
            positive = "it" if same else "the other class"
            sizes.append(
                f"{count / share.high:,.0f} to {most:,.0f} clips with {positive} as positive"
            )
    return f"With {count:,} {counted} clips the set would have {' or '.join(sizes)}."


def _accuracy(claim: Claim) -> Finding | None:
    accuracy, both, counts = claim.spans.get("accuracy"), precision_and_recall(claim), claim.counts
    if not accuracy or not both or not counts:
        return None
    precision, recall = (
        claim.figures[name].value if name in claim.figures else sum(span) / 2
        for name, span in zip(("precision", "recall"), both, strict=True)
    )
    texts: list[str] = []
    figures: dict[str, float] = {}
    fits = False
    for side in claim.sides:
        share = counts[side] / sum(counts.values())
        span = expected_accuracy(share, *both)
        value = max(0.0, 1 - share * wrong_per_positive(precision, recall)) if share else 1.0
        fits = fits or span.overlaps(accuracy)
        texts.append(
            f"{value:.4f} with {side} as the positive class ({_range_text(span)} with rounding)"
        )
        figures |= {side: value, f"{side}_low": span.low, f"{side}_high": span.high}
    return Finding(
        "accuracy",
        "fits" if fits else "does not fit",
        f"With this precision and recall the stated test set would give an accuracy of "
        f"{' or '.join(texts)}; the card has {claim.figures['accuracy'].text}.",
        figures,
    )


def _whole_numbers(claim: Claim) -> Finding | None:
    """Whether integer counts of decisions on the stated test set can give the figures."""
    counts, total = claim.counts, claim.total
    if not claim.figures or not total:
        return None
    if counts is None:
        return _of_any_composition("whole numbers", "the stated test set", claim, total)
    searches = {
        side: search(claim.spans, np.array([counts[side]]), np.array([total]))
        for side in claim.sides
    }
    tables = {
        side: result.example for side, result in searches.items() if result and result.example
    }
    classes = f"{counts['fake']:,} fake and {counts['real']:,} real clips"
    if tables:
        examples = "; ".join(
            f"with {side} as positive for example {table.tp:,} hits, {table.fp:,} false alarms, "
            f"{table.fn:,} misses"
            for side, table in tables.items()
        )
        words = f"Whole numbers of decisions on {classes} give all figures as rounded: {examples}."
        return Finding("whole numbers", "fits", words)
    if None in searches.values():
        return _unsearched("whole numbers", "the stated test set")
    which = "either class" if len(claim.sides) == 2 else claim.positive
    return Finding(
        "whole numbers",
        "does not fit",
        f"No whole numbers of right and wrong decisions on {classes} give all figures as rounded, "
        f"with {which} as the positive class.",
    )


def _of_any_composition(kind: Kind, test: str, claim: Claim, total: int) -> Finding:
    """Whether a test of so many clips, of any composition, can give the figures."""
    # Accuracy alone does not depend on the classes: one composition represents all.
    accuracy_only = set(claim.figures) == {"accuracy"}
    positives = np.arange(total if accuracy_only else 0, total + 1)
    tables = search(claim.spans, positives, np.full(len(positives), total))
    if tables is None:
        return _unsearched(kind, test)
    if not len(tables.positives):
        words = f"No confusion table of {total:,} clips ({test}) gives all figures as rounded."
        return Finding(kind, "does not fit", words)
    words = f"{total:,} clips ({test}) can give all figures as rounded"
    if accuracy_only:
        return Finding(kind, "fits", f"{words}.")
    low, high = int(tables.positives[0]), int(tables.positives[-1])
    words += f", with {low:,} to {high:,} of them positive."
    return Finding(kind, "fits", words, {"low": low / total, "high": high / total})


def _unsearched(kind: Kind, test: str) -> Finding:
    words = f"More than {MOST_PAIRS:,} cases ({test}): not searched for whole numbers."
    return Finding(kind, "cannot be known", words)


def _validation_pass(claim: Claim) -> Finding | None:
    """Whether the figures may come from the smaller number of clips of a validation pass."""
    part, total, counts = claim.passes, claim.total, claim.counts
    if not part or not claim.figures or part == total:
        return None
    finding = _of_any_composition("validation pass", "a validation pass", claim, part)
    if finding.verdict != "fits" or not finding.figures or not counts or not total or part > total:
        return finding
    low, high = finding.figures["low"], finding.figures["high"]
    distance: dict[Side, float] = {}
    for side in claim.sides:
        share = counts[side] / total
        sd = _share_sd(share, part, total)
        gap = max(low - share, share - high, 0.0)
        distance[side] = gap / sd if sd else (inf if gap else 0.0)
    nearest = min(distance, key=lambda side: distance[side])
    fits = distance[nearest] <= FARTHEST_SD
    return Finding(
        "validation pass",
        "fits" if fits else "does not fit",
        f"{finding.words} A random subset of the stated test set {'can' if fits else 'cannot'} "
        f"have such a share: {nearest} as positive is nearest, {distance[nearest]:.1f} standard "
        "deviations away.",
        {**finding.figures, **{f"{side}_sd": value for side, value in distance.items()}},
    )


def _positive_class(claim: Claim) -> Finding | None:
    if claim.positive != "unstated" or not set(claim.figures) - {"accuracy"}:
        return None
    words = "The card does not say which class precision, recall and F1 refer to: both are tried."
    return Finding("positive class", "cannot be known", words)


def _labels(claim: Claim) -> Finding | None:
    classes = output_classes(claim.wording)
    both = sorted(index for index, sides in classes.items() if len(sides) == 2)
    if not both:
        return None
    outputs = "output 0 and output 1" if len(both) == 2 else f"output {both[0]}"
    words = f"The card states both polarities: it calls {outputs} fake and also real."
    return Finding("labels", "does not fit", words)


def _listed(claim: Claim) -> str:
    """`Accuracy 0.9662, precision 0.9692 and recall 0.9728`: the figures that imply the share."""
    names = [name for name in ("accuracy", "precision", "recall") if name in claim.figures]
    if len(names) < 3:
        names.append("f1")
    texts = [f"{'F1' if name == 'f1' else name} {claim.figures[name].text}" for name in names]
    text = f"{', '.join(texts[:-1])} and {texts[-1]}"
    return text[0].upper() + text[1:]


def _range_text(span: ValueRange, digits: int = 4) -> str:
    """`0.9709 to 0.9710`, or one number where both print the same."""
    low, high = f"{span.low:.{digits}f}", f"{span.high:.{digits}f}"
    return low if low == high else f"{low} to {high}"
