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

    No longer cut has a larger error; longer cuts with too few clips to tell are skipped.

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
            yield ShortestCut(model, placement, target, *_shortest(target, falling))


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
            yield ConditionMinimum(model, condition, target, *_shortest(target, falling))


def _shortest(target: float, falling: Sequence[tuple[float, ForensicFigure]]) -> tuple[float, str]:
    """Search from the longest length down while the target is met, skipping unknown errors.

    Returns
    -------
    float, str
        The shortest length that meets the target, or NaN and the reason.
    """
    reached = math.nan
    for seconds, hter in falling:
        if hter.known and hter.high <= target:
            reached = seconds
        elif hter.known and hter.value > target:
            break
    if not math.isnan(reached):
        return reached, ""
    known = [(seconds, hter) for seconds, hter in falling if hter.known]
    if not known:
        return math.nan, "too few clips of any length"
    seconds, best = min(known, key=lambda pair: pair[1].high)
    return math.nan, (
        f"the lowest upper bound is {best.high:.3f}, at {seconds:g} s "
        f"({best.clips} clips a class, {best.groups} groups)"
    )


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
