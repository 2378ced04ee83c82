"""A run compared with a baseline, in sentences, from a finished comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.metrics.intervals import SIZE
from harness.report.formatting import count, counted, figure, listed, measured, signed
from harness.report.glossary import term
from harness.report.lookup import Index

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare.compare import Comparison
    from harness.compare.difference import Difference
    from harness.summary.corruption_error import CorruptionError, FamilyLoss, WorstCondition

_NAMED = 3


def gain(cell: Difference | None) -> float:
    """Return the difference, signed so that more is better; infinite without one."""
    if cell is None or not math.isfinite(cell.difference):
        return math.inf
    return -cell.difference if term(cell.metric).better == "lower" else cell.difference


def is_shown(cell: Difference) -> bool:
    """Return whether a figure differs significantly, adjusted for all that were compared."""
    return cell.p_holm <= SIZE


def sentences(
    index: Index, model: str, comparison: Comparison, cells: Sequence[Difference]
) -> list[str]:
    """Say what differs, what perturbations cost, the worst condition and the families."""
    same = [name for owner, name in comparison.identical if owner == model]
    result = [_tally(cells)]
    if same:
        result.append(f"Every score is identical under {counted(len(same), 'condition')}.")
    result += [_corruption([error for error in comparison.corruption if error.model == model])]
    result += [_worst(index, worst) for worst in comparison.worst if worst.model == model]
    result += [_families([loss for loss in comparison.families if loss.model == model])]
    return [sentence for sentence in result if sentence]


def _tally(cells: Sequence[Difference]) -> str:
    compared = [cell for cell in cells if cell.status == "compared"]
    if not compared:
        return "No figure could be compared with the baseline."
    differing = [cell for cell in compared if is_shown(cell)]
    worse = sum(gain(cell) < 0 for cell in differing)
    better = len(differing) - worse
    barred = len(cells) - len(compared)
    rest = f" {count(barred)} more could not be compared." if barred else ""
    all_compared = f"{count(len(compared))} figures compared with the baseline clip by clip"
    if not differing:
        return f"None of {all_compared} differs significantly (adjusted p ≤ {SIZE:g}).{rest}"
    return (
        f"{count(worse)} of {all_compared} {'is' if worse == 1 else 'are'} significantly worse "
        f"and {count(better)} better (adjusted p ≤ {SIZE:g}).{rest}"
    )


def _corruption(errors: Sequence[CorruptionError]) -> str:
    titles = {"mce": "mean corruption error", "relative_mce": "relative mCE"}
    known = [error for error in errors if math.isfinite(error.value)]
    if not known:
        return ""
    text = listed(
        [
            f"{titles[error.kind]} {measured(error.value, error.low, error.high, 2)}"
            for error in known
        ]
    )
    left_out = list(dict.fromkeys(name for error in known for name in error.left_out))
    without = f" Left out of one or both: {listed(left_out)}." if left_out else ""
    corruptions = max(error.corruptions for error in known)
    return (
        f"Relative to the baseline’s errors, over {counted(corruptions, 'corruption')}: {text}; "
        f"1 is as good as the baseline, lower is better.{without}"
    )


def _worst(index: Index, worst: WorstCondition) -> str:
    most = (
        f"; most was lost under “{index.words(worst.lost_most)}” ({signed(worst.loss)})"
        if worst.lost_most
        else "; no condition lost accuracy"
    )
    return (
        f"Its worst condition is “{index.words(worst.run)}” with an accuracy of "
        f"{figure(worst.run_accuracy)}, the baseline’s was “{index.words(worst.baseline)}” with "
        f"{figure(worst.baseline_accuracy)}{most}."
    )


def _families(losses: Sequence[FamilyLoss]) -> str:
    known = sorted(
        (loss for loss in losses if math.isfinite(loss.difference)), key=lambda x: x.difference
    )
    if not known:
        return ""
    worse = [loss for loss in known if loss.high < 0]
    better = [loss for loss in reversed(known) if loss.low > 0]
    if not worse and not better:
        loss = max(known, key=lambda loss: abs(loss.difference))
        text = measured(loss.difference, loss.low, loss.high)
        return (
            "No family of conditions degrades significantly more or less than in the baseline; "
            f"the largest difference is {text}, of {loss.family}."
        )
    parts = [
        f"Families that degrade significantly {word} than in the baseline: {_family_list(group)}."
        for word, group in (("more", worse), ("less", better))
        if group
    ]
    return " ".join(parts)


def _family_list(losses: Sequence[FamilyLoss]) -> str:
    named = [
        f"{loss.family} {measured(loss.difference, loss.low, loss.high)}"
        for loss in losses[:_NAMED]
    ]
    rest = len(losses) - len(named)
    return listed([*named, f"{count(rest)} more"] if rest else named)
