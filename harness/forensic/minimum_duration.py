"""The shortest clip: the length from which on the error stays under a wanted rate, surely.

From conditions that do nothing but cut. Of each only clips that were really cut to its length count
(a clip of 2 s that may have 4 s is none of them), so longer lengths are of fewer clips. What fills
the rest of the detector's window is told apart from what was cut off: the same cut with and without
padding, on the same clips.

By condition there are no cuts but the clips' own lengths: of the clips of at least so many seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.forensic.estimate import Measured, difference, measured
from harness.forensic.run_view import Judged
from harness.metrics.bootstrap import Cell, estimate
from harness.results.record import ConditionRecord

WANTED = (0.2, 0.1, 0.05, 0.01)
AT_LEAST = (8.0, 4.0, 2.0, 1.0, 0.5)
"""Seconds; clips under the last are judged with the others of theirs in the envelope."""

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
class Floor:
    """The least length of a condition's own clips at which the error is surely the wanted one.

    Fields as those of `Shortest`; clips of at least `seconds` are meant.
    """

    model: str
    condition: str
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
    floors: list[Floor]
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
    floors = list(_floors(judged, set(cuts), resamples, seed))
    return Admissible(lengths, list(_shortest(lengths)), floors, padding)


def _cut(chain: list[dict[str, Any]]) -> tuple[float, str] | None:
    """Length and placement of a chain that is one cut."""
    if len(chain) != 1 or chain[0].get("perturb") != "crop":
        return None
    return float(chain[0]["seconds"]), str(chain[0].get("place", "active"))


def _shortest(lengths: list[Length]) -> Iterator[Shortest]:
    for model, placement in dict.fromkeys((each.model, each.placement) for each in lengths):
        falling = sorted(
            (
                (each.seconds, each.hter)
                for each in lengths
                if (each.model, each.placement) == (model, placement)
            ),
            key=lambda each: -each[0],
        )
        for wanted in WANTED:
            yield Shortest(model, placement, wanted, *_down(wanted, falling))


def _floors(judged: Judged, cuts: set[str], resamples: int, seed: int) -> Iterator[Floor]:
    seconds = judged.column("seconds")
    cells: dict[tuple[str, str], dict[float, Cell]] = {}
    for model in judged.models:
        for condition in judged.conditions:
            rows = judged.rows(model, condition.name)
            if condition.name not in cuts and len(rows):
                cells[model, condition.name] = {
                    least: judged.part(rows[seconds[rows] >= least], ("hter",))
                    for least in AT_LEAST
                }
    each = [cell for by_length in cells.values() for cell in by_length.values()]
    estimates = estimate(each, judged.grid.groups, resamples, seed)
    for (model, condition), by_length in cells.items():
        falling = [(least, measured(estimates[cell])["hter"]) for least, cell in by_length.items()]
        for wanted in WANTED:
            yield Floor(model, condition, wanted, *_down(wanted, falling))


def _down(wanted: float, falling: Sequence[tuple[float, Measured]]) -> tuple[float, str]:
    """From the longest down, as far as it holds; lengths that too few clips have are passed by.

    Returns
    -------
    float, str
        The shortest that holds, or NaN and why there is none.
    """
    reached = math.nan
    for seconds, hter in falling:
        if hter.known and hter.high <= wanted:
            reached = seconds
        elif hter.known and hter.value > wanted:
            break
    if not math.isnan(reached):
        return reached, ""
    known = [each for each in falling if each[1].known]
    if not known:
        return math.nan, "too few clips of any length"
    seconds, best = min(known, key=lambda each: each[1].high)
    return math.nan, (
        f"the least upper bound is {best.high:.3f}, at {seconds:g} s "
        f"({best.clips} clips a class, {best.groups} groups)"
    )


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
