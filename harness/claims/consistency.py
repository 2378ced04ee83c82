"""Does what a card reports fit together? Accuracy, precision, recall, F1, counts and prevalence.

Everything is asked over all values that the figures may have been rounded from, so that rounding
alone never makes a finding. What the card does not say is tried both ways: where it does not name
the positive class, a figure fits if it fits with either. A finding is about a card's figures, not
about the model: figures that do not fit may be of another set, of another threshold, averaged over
the classes, or mistyped, and no arithmetic tells which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

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
from harness.claims.claim import Claim, Side, Span
from harness.claims.composition import validation_pass, whole_numbers
from harness.claims.finding import Finding, span_words
from harness.claims.polarity import named_indices
from harness.claims.sampling_error import SamplingError, claim_errors


@dataclass(frozen=True)
class Audit:
    """A card's claim, what was found of it, and its own sampling error."""

    claim: Claim
    findings: tuple[Finding, ...]
    errors: tuple[SamplingError, ...]

    @property
    def fits(self) -> bool:
        """Whether nothing was found that does not fit."""
        return all(finding.verdict != "does not fit" for finding in self.findings)


def audit_claim(claim: Claim) -> Audit:
    """Hold the figures of a claim against each other and against its counts."""
    findings = [
        _f1(claim),
        _prevalence(claim),
        _accuracy(claim),
        whole_numbers(claim),
        validation_pass(claim),
        _positive_class(claim),
        _labels(claim),
    ]
    findings += [Finding("noted", "does not fit", words) for words in claim.noted]
    findings += [Finding("not read", "cannot be known", words) for words in claim.unread]
    return Audit(claim, tuple(each for each in findings if each), tuple(claim_errors(claim)))


def _f1(claim: Claim) -> Finding | None:
    precision, recall, f1 = claim.span("precision"), claim.span("recall"), claim.span("f1")
    if not f1:
        return None
    figures = claim.figures
    text = figures["f1"].text
    if precision and recall:
        value = f1_of(figures["precision"].value, figures["recall"].value)
        span = f1_span(precision, recall)
        return Finding(
            "F1",
            "fits" if span.meets(f1) else "does not fit",
            f"Precision {figures['precision'].text} and recall {figures['recall'].text} give an F1 "
            f"of {value:.4f} ({span_words(span)} with rounding); the card has {text}.",
            {"value": value, "low": span.low, "high": span.high},
        )
    known = "precision" if precision else "recall" if recall else ""
    if not known:
        return Finding("F1", "cannot be known", f"F1 {text} is given without precision and recall.")
    other = "recall" if precision else "precision"
    span = other_of_f1(f1, precision or recall or f1)
    possible = span.low <= span.high
    return Finding(
        "F1",
        "cannot be known" if possible else "does not fit",
        f"F1 {text} and {known} {figures[known].text} "
        + (f"imply a {other} of {span_words(span)}." if possible else f"allow no {other} at all."),
        {"low": span.low, "high": span.high} if possible else {},
    )


def _prevalence(claim: Claim) -> Finding | None:
    accuracy, both = claim.span("accuracy"), precision_and_recall(claim)
    if not both and len({"precision", "recall", "f1"} & set(claim.figures)) > 1:
        return None  # what is impossible between these is a finding about F1
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
    span = Span(span.low, min(span.high, 1.0))
    words = f"{_listed(claim)} together imply that {span_words(span, 3)} of the clips are positive"
    figures = {"low": span.low, "high": span.high}
    counts = claim.counts
    if counts is None:
        implied = _implied_sizes(claim, span)
        return Finding("prevalence", "cannot be known", f"{words}. {implied}", figures)
    shares = {side: count / sum(counts.values()) for side, count in counts.items()}
    fitting = [side for side in counts if span.holds(shares[side])]
    right = set(fitting) & set(claim.sides)
    return Finding(
        "prevalence",
        "fits" if right else "does not fit",
        f"{words}; of the stated test set {shares['fake']:.3f} are fake and {shares['real']:.3f} "
        f"are real. {_which(claim, fitting)}",
        figures | shares,
    )


def _which(claim: Claim, fitting: Sequence[str]) -> str:
    """Which class can be the positive one, and what the card says of that."""
    if not fitting:
        return "Neither class fits."
    if len(fitting) == 2:
        return "Either class fits."
    if claim.positive == "unstated":
        return f"So {fitting[0]} is the positive class, which the card does not say."
    if fitting[0] == claim.positive:
        return f"That fits {fitting[0]} as the positive class, which the card states."
    return f"Only {fitting[0]} as the positive class would fit; the card states {claim.positive}."


def _implied_sizes(claim: Claim, span: Span) -> str:
    """What the shares would mean for a test set of which only one class is counted."""
    known: list[tuple[Side, int]] = []
    if claim.fake is not None:
        known.append(("fake", claim.fake))
    if claim.real is not None:
        known.append(("real", claim.real))
    if not known or span.low <= 0:
        return "The card gives no counts of both classes to hold that against."
    side, count = known[0]
    sizes = [
        f"{count / share.high:,.0f} to {count / share.low if share.low else inf:,.0f} clips with "
        f"{'it' if name == side else 'the other class'} as positive"
        for name in claim.sides
        for share in [span if name == side else Span(1 - span.high, 1 - span.low)]
        if share.high > 0
    ]
    return f"With {count:,} {side} clips the set would have {' or '.join(sizes)}."


def _accuracy(claim: Claim) -> Finding | None:
    accuracy, both, counts = claim.span("accuracy"), precision_and_recall(claim), claim.counts
    if not accuracy or not both or not counts:
        return None
    precision, recall = (sum(span) / 2 for span in both)
    if "precision" in claim.figures:
        precision = claim.figures["precision"].value
    if "recall" in claim.figures:
        recall = claim.figures["recall"].value
    told: list[str] = []
    figures: dict[str, float] = {}
    fits = False
    for side in claim.sides:
        share = counts[side] / sum(counts.values())
        span = expected_accuracy(share, *both)
        value = max(0.0, 1 - share * wrong_per_positive(precision, recall)) if share else 1.0
        fits = fits or span.meets(accuracy)
        told.append(
            f"{value:.4f} with {side} as the positive class ({span_words(span)} with rounding)"
        )
        figures |= {side: value, f"{side}_low": span.low, f"{side}_high": span.high}
    return Finding(
        "accuracy",
        "fits" if fits else "does not fit",
        f"With this precision and recall the stated test set would give an accuracy of "
        f"{' or '.join(told)}; the card has {claim.figures['accuracy'].text}.",
        figures,
    )


def _positive_class(claim: Claim) -> Finding | None:
    if claim.positive != "unstated" or not set(claim.figures) - {"accuracy"}:
        return None
    words = "The card does not say which class precision, recall and F1 are of: both are tried."
    return Finding("positive class", "cannot be known", words)


def _labels(claim: Claim) -> Finding | None:
    named = named_indices(claim.wording)
    both = sorted(index for index, sides in named.items() if len(sides) == 2)
    if not both:
        return None
    outputs = "output 0 and output 1" if len(both) == 2 else f"output {both[0]}"
    words = f"The card names both polarities: it calls {outputs} fake and also real."
    return Finding("labels", "does not fit", words)


def _listed(claim: Claim) -> str:
    """`Accuracy 0.9662, precision 0.9692 and recall 0.9728`, those that imply the share."""
    names = [name for name in ("accuracy", "precision", "recall") if name in claim.figures]
    if len(names) < 3:
        names.append("f1")
    told = [f"{'F1' if name == 'f1' else name} {claim.figures[name].text}" for name in names]
    text = f"{', '.join(told[:-1])} and {told[-1]}"
    return text[0].upper() + text[1:]
