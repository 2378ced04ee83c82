"""The answer: how good each model is, whether that is as claimed, and what breaks it."""

from __future__ import annotations

import math

from harness.claims.published import Published
from harness.report import narrative
from harness.report.formatting import MISSING, count, figure, interval, signed
from harness.report.glossary import term
from harness.report.lookup import Index, Loss
from harness.report.section import Content
from harness.report.table import (
    Cell,
    Column,
    Scale,
    Strip,
    Table,
    clips,
    difference_cell,
    number,
    strips,
)
from harness.report.view import RunView
from harness.results.figures import ClaimCheck
from harness.terms import CLEAN

_MOST_WORST = 8
_MARKS = {"worse": "v-below", "lower": "v-below", "better": "v-above", "higher": "v-above"}


def build(view: RunView) -> Content:
    index, published = view.index, view.published
    return {"answers": [_answer(index, number, published) for number in range(len(index.models))]}


def _answer(index: Index, number: int, published: Published | None) -> Content:
    """Return sentences about one model, and the two tables that support them."""
    model = index.models[number]
    measured = narrative.measured_sentence(index, model)
    return {
        "model": model,
        "lead": [measured, *narrative.breaking_sentences(index, model)],
        "claimed": narrative.claim_sentences(index, model, published),
        "cautions": narrative.caution_sentences(index, model, published),
        "claims": _claims(index, number),
        "other_test": published is not None and not narrative.same_test(index.record, published),
        "worst": _worst(index, number),
    }


def _claims(index: Index, place: int) -> Table[ClaimCheck]:
    model = index.models[place]
    checks = [check for check in index.summary.claims if check.model == model]
    ends = [end for c in checks for end in (c.low, c.high, c.measured, c.reported)]
    scale = Scale.around(ends, 0.9, 1.0)
    of_real = any(check.metric.endswith("_real") for check in checks)
    positive, other = ("real", "fake") if of_real else ("fake", "real")
    margins = [check.margin for check in checks if math.isfinite(check.margin)]
    caption = (
        f"Clean clips, {positive} positive. The line is the 95 % interval on a scale from "
        f"{figure(scale.start, 2)} to {figure(scale.end, 2)}, the dot the measured figure, the bar "
        "the reported one."
    )
    if margins:
        caption += (
            " Below the difference is its 90 % interval, with the sampling error of both figures. "
            f"Within ±{margins[0]:g} the two are equivalent (two one-sided tests at 5 %). Worse, "
            "better: beyond that margin. Lower, higher: different, but possibly within the margin. "
            "Undecided: too few clips to tell."
        )
    return Table(
        f"claims-{place}",
        "Measured and reported figures",
        caption,
        checks,
        [
            Column("Figure", _title),
            number(
                "Measured",
                lambda c: Cell(figure(c.measured, 4), (interval(c.low, c.high), clips(c.n))),
            ),
            strips(lambda c: _claim_strip(c, scale)),
            number("Reported", _reported),
            number(
                "Difference",
                lambda c: Cell(signed(c.difference, 4), (interval(c.apart_low, c.apart_high),)),
            ),
            Column("Verdict", _verdict, "verdict"),
            number(f"{other.capitalize()} positive", lambda c: _other_class(index, c)),
        ],
        style="cards claims",
    )


def _title(check: ClaimCheck) -> str:
    return term(check.metric.removesuffix("_real")).title


def _claim_strip(check: ClaimCheck, scale: Scale) -> Strip:
    value, reported = figure(check.measured, 4), figure(check.reported, 4)
    words = f"{_title(check)} measured {value}, reported {reported}"
    return scale.strip(check.measured, check.low, check.high, check.reported, words)


def _reported(check: ClaimCheck) -> Cell:
    n = count(check.reported_n) if check.reported_n else "unknown"
    return Cell(figure(check.reported, 4), (f"n {n}",))


def _verdict(check: ClaimCheck) -> Cell:
    verdict = narrative.claim_verdict(check)
    text = MISSING if verdict == "not measured" else verdict
    return Cell(text, mark=_MARKS.get(verdict, ""))


def _other_class(index: Index, check: ClaimCheck) -> str:
    """Return the figure with the other class as the positive one."""
    name = check.metric.removesuffix("_real")
    other = name if check.metric.endswith("_real") else f"{name}_real"
    return "same" if name == "accuracy" else figure(index.row(check.model, CLEAN, other).value, 4)


def _worst(index: Index, place: int) -> Table[Loss]:
    losses = [loss for loss in index.losses(index.models[place]) if loss.measured][:_MOST_WORST]
    scale = Scale.around([end for x in losses for end in (x.damage.low, x.damage.high)], -0.1, 0.0)

    def strip(loss: Loss) -> Strip:
        damage = loss.damage
        between = interval(damage.low, damage.high)
        words = f"against clean {signed(damage.value)}, interval {between}"
        return scale.strip(damage.value, damage.low, damage.high, words=words)

    return Table(
        f"worst-{place}",
        "Conditions that cost most accuracy",
        "Conditions by the accuracy that they cost against the same clips clean, with 95 % "
        f"intervals on a scale from {signed(scale.start, 2)} to {signed(scale.end, 2)}.",
        losses,
        [
            Column("Condition", lambda loss: loss.condition.words),
            number(
                "Accuracy",
                lambda loss: Cell(figure(loss.accuracy.value), (clips(loss.accuracy.n),)),
            ),
            strips(strip),
            number(
                "Against clean",
                lambda loss: difference_cell(loss.damage, clips(loss.damage.n, loss.accuracy.n)),
            ),
        ],
        style="worst",
        faint=lambda loss: not loss.shown,
    )
