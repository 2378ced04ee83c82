"""Whether whole numbers of decisions give what a card reports, on the clips that it counts."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from harness.claims.claim import Claim, Side, Span
from harness.claims.confusion import MOST_PAIRS, Fits, search
from harness.claims.finding import Finding, Kind

FARTHEST_SD = 4.0
"""A random part of a set has a share within this many standard deviations of the set's own."""


def whole_numbers(claim: Claim) -> Finding | None:
    """Whether the stated test set can give the figures, as they are rounded."""
    spans = {name: reported.span for name, reported in claim.figures.items()}
    counts, total = claim.counts, claim.total
    if not spans or not total:
        return None
    if counts is None:
        return _whole("whole numbers", "the stated test set", spans, total)
    found = {
        side: search(spans, np.array([counts[side]]), np.array([total])) for side in claim.sides
    }
    tables = {side: fits.example for side, fits in found.items() if fits and fits.example}
    classes = f"{counts['fake']:,} fake and {counts['real']:,} real clips"
    if not tables:
        if None in found.values():
            return _unsearched("whole numbers", "the stated test set")
        which = "either class" if len(claim.sides) == 2 else claim.positive
        return Finding(
            "whole numbers",
            "does not fit",
            f"No whole numbers of right and wrong decisions on {classes} give all the figures as "
            f"they are rounded, with {which} as the positive class.",
        )
    told = "; ".join(
        f"with {side} as positive for example {t.tp:,} hits, {t.fp:,} false alarms, {t.fn:,} misses"
        for side, t in tables.items()
    )
    words = f"Whole numbers of decisions on {classes} give all the figures as rounded: {told}."
    return Finding("whole numbers", "fits", words)


def _whole(kind: Kind, test: str, spans: dict[str, Span], total: int) -> Finding:
    """Whether any composition of so many clips can give the figures."""
    fits = _compositions(spans, total)
    if fits is None:
        return _unsearched(kind, test)
    if not len(fits.positives):
        words = f"No confusion table of {total:,} clips ({test}) gives all the figures as rounded."
        return Finding(kind, "does not fit", words)
    low, high = int(fits.positives[0]), int(fits.positives[-1])
    words = f"{total:,} clips ({test}) can give all the figures as rounded"
    if set(spans) == {"accuracy"}:
        return Finding(kind, "fits", f"{words}.")
    words += f", with {low:,} to {high:,} of them positive."
    return Finding(kind, "fits", words, {"low": low / total, "high": high / total})


def _compositions(spans: dict[str, Span], total: int) -> Fits | None:
    # Accuracy alone does not depend on the classes: one composition stands for all.
    positives = np.arange(total if set(spans) == {"accuracy"} else 0, total + 1)
    return search(spans, positives, np.full(len(positives), total))


def _unsearched(kind: Kind, test: str) -> Finding:
    words = f"More than {MOST_PAIRS:,} cases ({test}): not searched for whole numbers."
    return Finding(kind, "cannot be known", words)


def validation_pass(claim: Claim) -> Finding | None:
    """Whether the figures may be of the smaller number of clips that a validation pass takes."""
    spans = {name: reported.span for name, reported in claim.figures.items()}
    part, total, counts = claim.passes, claim.total, claim.counts
    if not part or not spans or part == total:
        return None
    finding = _whole("validation pass", "a validation pass", spans, part)
    if finding.verdict != "fits" or not finding.figures or not counts or not total or part > total:
        return finding
    away: dict[Side, float] = {}
    for side in claim.sides:
        share = counts[side] / total
        sd = sqrt(share * (1 - share) / part * (total - part) / (total - 1))
        low, high = finding.figures["low"], finding.figures["high"]
        gap = max(low - share, share - high, 0.0)
        away[side] = gap / sd if sd else (inf if gap else 0.0)
    nearest = min(away, key=lambda side: away[side])
    told = (
        f" A random part of the stated test set has such a share: {nearest} as positive is "
        f"{away[nearest]:.1f} standard deviations from it."
        if away[nearest] <= FARTHEST_SD
        else f" A random part of the stated test set has no such share: the nearest, {nearest} as "
        f"positive, is {away[nearest]:.1f} standard deviations from it."
    )
    return Finding(
        "validation pass",
        "fits" if away[nearest] <= FARTHEST_SD else "does not fit",
        finding.words + told,
        {**finding.figures, **{f"{side}_sd": value for side, value in away.items()}},
    )
