"""Section on the greatest weight of a score, and the limits of the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.forensic.likelihood_ratio import SCALE, ratio, verbal
from harness.report.forensic_sections.view import (
    Calibration,
    EvidenceView,
    one_in,
    with_interval,
)
from harness.report.formatting import count, listed
from harness.report.section import Content
from harness.report.table import Column, Table, number
from harness.terms import CLEAN


def build(view: EvidenceView) -> Content:
    return {
        "answer": list(_answer(view.calibration)),
        "limits": list(_limits(view)),
        "scale": Table(
            view.anchor("scale"),
            "Verbal scale",
            "Verbal equivalents of the European Network of Forensic Science Institutes (2015). "
            "They describe the finding, not either proposition.",
            SCALE,
            [
                number("Ratio from", lambda step: count(round(step[0]))),
                number("to", lambda step: count(round(step[1])) if math.isfinite(step[1]) else "∞"),
                Column("In words", lambda step: step[2]),
            ],
            style="full",
        ),
    }


def _answer(calibration: Sequence[Calibration]) -> Iterator[str]:
    for clean in calibration:
        best = clean.best
        if clean.condition == CLEAN and not best.reason:
            yield (
                f"On clean clips, a score supports fake over real by a factor of at most "
                f"{ratio(best.upper)} ({verbal(best.upper)}), and real over fake by at most "
                f"{ratio(best.lower)} ({verbal(best.lower)}): the run has too few groups to show "
                "more. Beyond that, a higher score is not more evidence."
            )
            yield (
                f"Such ratios still cost {with_interval(best.cllr)} bits, where 0 is perfect and 1 "
                "is uninformative; the raw scores, taken as log-likelihood ratios, cost "
                f"{with_interval(clean.by_method['none'].cllr)}."
            )
    others = [row for row in calibration if row.condition != CLEAN and row.known]
    if others:
        worst = max(others, key=lambda row: row.best.cllr.value)
        useless = sum(row.best.cllr.high >= 1 for row in others)
        yield (
            f"It is worth least under “{worst.words}”: {with_interval(worst.best.cllr)} bits. "
            f"Under {count(useless)} of {count(len(others))} conditions it is not significantly "
            "better than no evidence."
        )


def _limits(view: EvidenceView) -> Iterator[str]:
    """Yield the questions that the run cannot answer."""
    content = view.content
    yield (
        "How likely a recording is to be fake. That also depends on everything else known about "
        "the recording; the ratios below say how far a score should change that, and leave it to "
        "the reader."
    )
    yield (
        "Anything about generators, voices, languages or recording methods that are not among its "
        f"clips. Its evidence comes from {count(content.groups)} groups of clips."
    )
    unknown = {
        share.prevalence
        for share in view.own(content.prevalence)
        if share.condition == CLEAN and not share.precision.known
    }
    if unknown:
        shares = listed([one_in(share) for share in sorted(unknown, reverse=True)], "or")
        yield f"How many of the clips called fake are fake where {shares} is: too few clips."
    without = sum(bool(row.best.reason) for row in view.calibration)
    if without:
        yield f"What a score is worth under {count(without)} conditions: no calibration."
    targets = [
        f"{cut.wanted:g}"
        for cut in view.own(content.admissible.shortest)
        if math.isnan(cut.seconds)
    ]
    if targets:
        yield (
            f"From which length on the error is surely at most {listed(targets, 'or')}: no tested "
            "length reaches it."
        )
    yield (
        "Anything about combined degradations, except the chains that the suite names: a recording "
        "that is short and noisy is like neither the short nor the noisy ones."
    )
