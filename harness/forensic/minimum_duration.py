"""The shortest clips on which a detector's error reliably stays below a target.

Measured under conditions that only cut. Each counts only clips that were really cut to its length
(not a clip of 2 s under a cut to 4 s), so longer lengths have fewer clips. The effect of filling
the detector's window is separated from that of cutting: the same cut with and without padding, on
the same clips.

Under all other conditions, the clips of at least a given length count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.forensic.run_view import (
    ForensicFigure,
    ForensicRun,
    paired_difference,
    with_intervals,
)
from harness.metrics.bootstrap import ClipSet
from harness.results.record import ConditionRecord

TARGETS = (0.2, 0.1, 0.05, 0.01)
AT_LEAST_S = (8.0, 4.0, 2.0, 1.0, 0.5)

_ERRORS = ("hter", "fpr", "fnr")
_CUT_SHARE = 0.98
"""Share of a cut's length from which on a clip counts as cut to it."""
_FAIR_SHARE = 0.5
"""Share of the clips and groups of the best covered length, from which on a length is tested."""


@dataclass(frozen=True)
class LengthErrors:
    """Errors on clips cut to one length; `placement` is the part kept: active, start, random."""

    model: str
    condition: str
    placement: str
    seconds: float
    hter: ForensicFigure
    fpr: ForensicFigure
    fnr: ForensicFigure


@dataclass(frozen=True)
class ShortestCut:
    """The shortest tested cut with an upper bound of the error at or below a target.

    All longer cuts have it as well, except those with fewer than half of the clips or groups of the
    best covered one, which are not tested.

    Parameters
    ----------
    wanted
        Half total error rate.
    seconds
        NaN where no tested length meets the target.
    why
        Why none does; empty where one does.
    """

    model: str
    placement: str
    wanted: float
    seconds: float
    why: str


@dataclass(frozen=True)
class ConditionMinimum:
    """Shortest duration that meets a target, for a condition's own clips of at least `seconds`."""

    model: str
    condition: str
    wanted: float
    seconds: float
    why: str


@dataclass(frozen=True)
class PaddingEffect:
    """The effect of padding on clips cut to the same length.

    Parameters
    ----------
    against
        Condition with the same cut and no padding.
    plain, filled
        Half total error rate of the same clips without and with padding.
    change
        Filled minus plain, paired.
    """

    model: str
    condition: str
    against: str
    fill: str
    seconds: float
    plain: ForensicFigure
    filled: ForensicFigure
    change: ForensicFigure


@dataclass(frozen=True)
class DurationAnalysis:
    """All results on length."""

    lengths: list[LengthErrors]
    shortest: list[ShortestCut]
    floors: list[ConditionMinimum]
    padding: list[PaddingEffect]


def duration_analysis(view: ForensicRun, resamples: int, seed: int = 0) -> DurationAnalysis:
    """Analyse every model and placement that the suite has cuts of; else the lists are empty."""
    cuts = {c.name: cut for c in view.conditions if (cut := _cut(c.chain)) is not None}
    seconds = view.column("seconds")
    cells: dict[tuple[str, str], ClipSet] = {}
    for model in view.models:
        for name, (length, _) in cuts.items():
            rows = view.rows(model, name)
            rows = rows[seconds[rows] >= _CUT_SHARE * length]
            if len(rows):
                cells[model, name] = view.part(rows, _ERRORS)
    pairs = list(_padded_pairs(view, cuts))
    paired = [cell for *_, plain, filled in pairs for cell in (plain, filled)]
    estimates = view.estimates([*cells.values(), *paired], resamples, seed)
    lengths = [
        LengthErrors(model, name, cuts[name][1], cuts[name][0], **with_intervals(estimates[cell]))
        for (model, name), cell in cells.items()
    ]
    padding = [
        PaddingEffect(
            model,
            condition,
            against,
            fill,
            cuts[against][0],
            with_intervals(estimates[plain])["hter"],
            with_intervals(estimates[filled])["hter"],
            paired_difference(estimates[plain]["hter"], estimates[filled]["hter"]),
        )
        for model, condition, against, fill, plain, filled in pairs
    ]
    minima = list(_condition_minima(view, set(cuts), resamples, seed))
    return DurationAnalysis(lengths, list(_shortest_cuts(lengths)), minima, padding)


def _cut(chain: list[dict[str, Any]]) -> tuple[float, str] | None:
    """Return length and placement of a chain that is one cut."""
    if len(chain) != 1 or chain[0].get("perturb") != "crop":
        return None
    return float(chain[0]["seconds"]), str(chain[0].get("place", "active"))


def _shortest_cuts(lengths: list[LengthErrors]) -> Iterator[ShortestCut]:
    for model, placement in dict.fromkeys((cut.model, cut.placement) for cut in lengths):
        own = [cut for cut in lengths if (cut.model, cut.placement) == (model, placement)]
        falling = sorted(((cut.seconds, cut.hter) for cut in own), key=lambda pair: -pair[0])
        for target in TARGETS:
            yield ShortestCut(model, placement, target, *shortest(target, falling))


def _condition_minima(
    view: ForensicRun, cuts: set[str], resamples: int, seed: int
) -> Iterator[ConditionMinimum]:
    seconds = view.column("seconds")
    cells: dict[tuple[str, str], dict[float, ClipSet]] = {}
    for model, condition in view.places:
        rows = view.rows(model, condition)
        if condition not in cuts and len(rows):
            cells[model, condition] = {
                least: view.part(rows[seconds[rows] >= least], ("hter",)) for least in AT_LEAST_S
            }
    every = [cell for by_length in cells.values() for cell in by_length.values()]
    estimates = view.estimates(every, resamples, seed)
    for (model, condition), by_length in cells.items():
        falling = [(s, with_intervals(estimates[cell])["hter"]) for s, cell in by_length.items()]
        for target in TARGETS:
            yield ConditionMinimum(model, condition, target, *shortest(target, falling))


def shortest(target: float, falling: Sequence[tuple[float, ForensicFigure]]) -> tuple[float, str]:
    """Step down from the longest length with enough clips, and stop at the first that fails.

    Where to start depends on the numbers of clips and groups alone. In such a fixed sequence every
    length can be tested at the full level: the first whose true error is above the target ends it,
    but for that level.

    Returns
    -------
    float, str
        The shortest length that meets the target, or NaN and the reason.
    """
    known = [(seconds, hter) for seconds, hter in falling if hter.known]
    reached = math.nan
    for seconds, hter in _from_enough(falling):
        if not hter.known or hter.high > target:
            break
        reached = seconds
    if not math.isnan(reached):
        return reached, ""
    if not known:
        return math.nan, "too few clips of any length"
    seconds, best = min(known, key=lambda pair: pair[1].high)
    return math.nan, (
        f"the lowest upper bound is {best.high:.3f}, at {seconds:g} s "
        f"({best.clips} clips a class, {best.groups} groups)"
    )


def _from_enough(
    falling: Sequence[tuple[float, ForensicFigure]],
) -> Sequence[tuple[float, ForensicFigure]]:
    """Return the lengths from the longest on with a fair share of the most clips and groups."""
    known = [hter for _, hter in falling if hter.known]
    clips = _FAIR_SHARE * max((hter.clips for hter in known), default=0)
    groups = _FAIR_SHARE * max((hter.groups for hter in known), default=0)
    enough = [hter.known and hter.clips >= clips and hter.groups >= groups for _, hter in falling]
    return falling[enough.index(True) :] if any(enough) else []


def _padded_pairs(
    view: ForensicRun, cuts: dict[str, tuple[float, str]]
) -> Iterator[tuple[str, str, str, str, ClipSet, ClipSet]]:
    """Yield the same clips of a model, cut, and cut and padded."""
    condition_of = {cut: name for name, cut in cuts.items()}
    clip = view.grid.clip
    for condition in view.conditions:
        against = _unpadded(condition, condition_of)
        if against is None:
            continue
        fill = str(condition.chain[1].get("fill", ""))
        for model in view.models:
            plain, filled = view.rows(model, against), view.rows(model, condition.name)
            plain_cell, filled_cell = (
                view.part(own[np.isin(clip[own], clip[other])], ("hter",))
                for own, other in ((plain, filled), (filled, plain))
            )
            if len(plain_cell.real) and len(plain_cell.fake):
                yield model, condition.name, against, fill, plain_cell, filled_cell


def _unpadded(condition: ConditionRecord, condition_of: dict[tuple[float, str], str]) -> str | None:
    """Return the condition with the same cut alone, for one that cuts and then pads."""
    chain = condition.chain
    if len(chain) != 2 or chain[1].get("perturb") != "pad":
        return None
    cut = _cut(chain[:1])
    return None if cut is None else condition_of.get(cut)
