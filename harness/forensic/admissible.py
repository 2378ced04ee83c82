"""The shortest clip: the length from which on the error stays under a wanted rate, surely.

From conditions that do nothing but cut. Of each only clips that were really cut to its length count
(a clip of 2 s that may have 4 s is none of them), so longer lengths are of fewer clips. What fills
the rest of the detector's window is told apart from what was cut off: the same cut with and without
padding, on the same clips.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.forensic.judged import Judged
from harness.forensic.measured import Measured, difference, measured
from harness.metrics.bootstrap import Cell, estimate
from harness.record import ConditionRecord

WANTED = (0.2, 0.1, 0.05, 0.01)
_ERRORS = ("hter", "fpr", "fnr")
_NEAR = 0.98


@dataclass(frozen=True)
class Length:
    """Errors of clips cut to one length."""

    model: str
    condition: str
    placement: str
    seconds: float
    hter: Measured
    fpr: Measured
    fnr: Measured


@dataclass(frozen=True)
class Shortest:
    """The shortest tested length at which the error is surely at most the wanted one.

    No longer one has a larger error; longer ones of too few clips to be sure are passed by.

    Parameters
    ----------
    placement
        Which part of the clip is kept: `active`, `start`, `random`.
    wanted
        Half total error rate, for its upper bound.
    seconds
        NaN where no tested length has it.
    why
        Why there is none; empty where there is.
    """

    model: str
    placement: str
    wanted: float
    seconds: float
    why: str


@dataclass(frozen=True)
class Padding:
    """What filling the window does to clips cut to the same length, apart from the cut.

    Parameters
    ----------
    plain, filled
        Half total error rate of the same clips without and with it.
    change
        Filled less plain, paired.
    """

    model: str
    condition: str
    against: str
    fill: str
    seconds: float
    plain: Measured
    filled: Measured
    change: Measured


@dataclass(frozen=True)
class Admissible:
    """Everything about length."""

    lengths: list[Length]
    shortest: list[Shortest]
    padding: list[Padding]


def admissible(judged: Judged, resamples: int, seed: int = 0) -> Admissible:
    """Of every model and placement that the suite has cuts of; empty lists where it has none."""
    cuts = {each.name: found for each in judged.conditions if (found := _cut(each.chain))}
    seconds = judged.column("seconds")
    cells: dict[tuple[str, str], Cell] = {}
    for model in judged.models:
        for name, (length, _) in cuts.items():
            rows = judged.rows(model, name)
            rows = rows[seconds[rows] >= _NEAR * length]
            if len(rows):
                cells[model, name] = judged.part(rows, _ERRORS)
    pairs = list(_pairs(judged, cuts))
    paired = [cell for *_, plain, filled in pairs for cell in (plain, filled)]
    estimates = estimate([*cells.values(), *paired], judged.grid.groups, resamples, seed)
    lengths = [
        Length(model, name, cuts[name][1], cuts[name][0], **measured(estimates[cell]))
        for (model, name), cell in cells.items()
    ]
    padding: list[Padding] = []
    for model, condition, against, fill, plain, filled in pairs:
        before, after = estimates[plain]["hter"], estimates[filled]["hter"]
        padding.append(
            Padding(
                model,
                condition,
                against,
                fill,
                cuts[against][0],
                measured({"hter": before})["hter"],
                measured({"hter": after})["hter"],
                difference(before, after),
            )
        )
    return Admissible(lengths, list(_shortest(lengths)), padding)


def _cut(chain: list[dict[str, Any]]) -> tuple[float, str] | None:
    """Length and placement of a chain that is one cut."""
    if len(chain) != 1 or chain[0].get("perturb") != "crop":
        return None
    return float(chain[0]["seconds"]), str(chain[0].get("place", "active"))


def _shortest(lengths: list[Length]) -> Iterator[Shortest]:
    for model, placement in dict.fromkeys((each.model, each.placement) for each in lengths):
        own = [each for each in lengths if (each.model, each.placement) == (model, placement)]
        own.sort(key=lambda each: -each.seconds)
        for wanted in WANTED:
            yield _down(model, placement, wanted, own)


def _down(model: str, placement: str, wanted: float, falling: list[Length]) -> Shortest:
    """From the longest down, as far as it holds; lengths that too few clips have are passed by."""
    reached = math.nan
    for each in falling:
        if each.hter.known and each.hter.high <= wanted:
            reached = each.seconds
        elif each.hter.known and each.hter.value > wanted:
            break
    if not math.isnan(reached):
        return Shortest(model, placement, wanted, reached, "")
    known = [each for each in falling if each.hter.known]
    if not known:
        return Shortest(model, placement, wanted, math.nan, "too few clips of any length")
    best = min(known, key=lambda each: each.hter.high)
    why = (
        f"the least upper bound is {best.hter.high:.3f}, at {best.seconds:g} s "
        f"({best.hter.clips} clips a class, {best.hter.groups} groups)"
    )
    return Shortest(model, placement, wanted, math.nan, why)


def _pairs(
    judged: Judged, cuts: dict[str, tuple[float, str]]
) -> Iterator[tuple[str, str, str, str, Cell, Cell]]:
    """The same clips of a model, cut, and cut and filled."""
    plain_of = {found: name for name, found in cuts.items()}
    for condition in judged.conditions:
        against = _filled(condition, plain_of)
        if against is None:
            continue
        fill = str(condition.chain[1].get("fill", ""))
        for model in judged.models:
            rows = judged.rows(model, against), judged.rows(model, condition.name)
            plain, filled = (judged.part(each, ("hter",)) for each in _common(judged, *rows))
            if len(plain.real) and len(plain.fake):
                yield model, condition.name, against, fill, plain, filled


def _filled(condition: ConditionRecord, plain_of: dict[tuple[float, str], str]) -> str | None:
    """The condition with the same cut and nothing else, of one that cuts and then pads."""
    chain = condition.chain
    if len(chain) != 2 or chain[1].get("perturb") != "pad":
        return None
    found = _cut(chain[:1])
    return None if found is None else plain_of.get(found)


def _common(
    judged: Judged, one: NDArray[np.intp], other: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    clip = judged.grid.clip
    return one[np.isin(clip[one], clip[other])], other[np.isin(clip[other], clip[one])]
