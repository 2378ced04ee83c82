"""How a run stands against a baseline, in sentences, from a finished comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.report.formatting import count, figure, listed, measured, signed
from harness.report.glossary import term
from harness.report.lookup import Index

if TYPE_CHECKING:  # a comparison is computed with more than a page is written with
    from harness.compare.compare import Comparison
    from harness.compare.difference import Difference
    from harness.summary.corruption_error import CorruptionError, FamilyLoss, WorstCondition

LEVEL = 0.05
_NAMED = 3


def gain(cell: Difference | None) -> float:
    """The difference with more being better; infinite where there is none."""
    if cell is None or not math.isfinite(cell.difference):
        return math.inf
    return -cell.difference if term(cell.metric).better == "lower" else cell.difference


def shown(cell: Difference) -> bool:
    """Whether a figure differs by more than chance, as far as the whole family goes."""
    return cell.p_holm <= LEVEL


def sentences(
    index: Index, model: str, comparison: Comparison, cells: Sequence[Difference]
) -> list[str]:
    """What came of it, what perturbations cost, the worst condition, the families."""
    same = [name for one, name in comparison.identical if one == model]
    told = [_tally(cells)]
    if same:
        under = f"{count(len(same))} {'condition' if len(same) == 1 else 'conditions'}"
        told.append(f"Under {under} every score is the same number.")
    told += [_corruption([each for each in comparison.corruption if each.model == model])]
    told += [_worst(index, each) for each in comparison.worst if each.model == model]
    told += [_families([each for each in comparison.families if each.model == model])]
    return [sentence for sentence in told if sentence]


def _tally(cells: Sequence[Difference]) -> str:
    compared = [cell for cell in cells if cell.status == "compared"]
    if not compared:
        return "No figure could be compared with the baseline."
    differing = [cell for cell in compared if shown(cell)]
    worse = sum(gain(cell) < 0 for cell in differing)
    better = len(differing) - worse
    told = (
        f"{count(worse)} {'is' if worse == 1 else 'are'} worse and {count(better)} better"
        if differing
        else "none differs"
    )
    barred = len(cells) - len(compared)
    rest = f" {count(barred)} more could not be compared." if barred else ""
    return (
        f"Of {count(len(compared))} figures that were compared with the baseline clip by clip, "
        f"{told}, by more than chance (adjusted p at most {LEVEL:g}).{rest}"
    )


def _corruption(errors: Sequence[CorruptionError]) -> str:
    titles = {"mce": "mean corruption error", "relative_mce": "relative mCE"}
    known = [each for each in errors if math.isfinite(each.value)]
    if not known:
        return ""
    told = listed(
        [f"{titles[each.kind]} {measured(each.value, each.low, each.high, 2)}" for each in known]
    )
    left_out = list(dict.fromkeys(name for each in known for name in each.left_out))
    without = f" Left out of one or both: {listed(left_out)}." if left_out else ""
    many = max(each.corruptions for each in known)
    return (
        f"Against the baseline’s errors, over {count(many)} "
        f"{'corruption' if many == 1 else 'corruptions'}: {told}; 1 is as good as the baseline, "
        f"less is better.{without}"
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
        (each for each in losses if math.isfinite(each.difference)), key=lambda x: x.difference
    )
    if not known:
        return ""
    worse = [each for each in known if each.high < 0]
    better = [each for each in reversed(known) if each.low > 0]
    if not worse and not better:
        each = max(known, key=lambda each: abs(each.difference))
        told = measured(each.difference, each.low, each.high)
        return (
            "No family of conditions degrades significantly more or less than in the baseline; "
            f"the largest difference is {told}, of {each.family}."
        )
    parts = [
        f"Families that degrade significantly {word} than in the baseline: {_family_list(each)}."
        for word, each in (("more", worse), ("less", better))
        if each
    ]
    return " ".join(parts)


def _family_list(losses: Sequence[FamilyLoss]) -> str:
    named = [
        f"{each.family} {measured(each.difference, each.low, each.high)}"
        for each in losses[:_NAMED]
    ]
    rest = len(losses) - len(named)
    return listed([*named, f"{count(rest)} more"] if rest else named)
