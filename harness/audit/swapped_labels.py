"""Whether labels are swapped: where a detector does better against them, in all or in a part.

AUC under 0.5 is a detector that ranks fakes below real clips. Where that is surely so the labels of
the part are swapped, the scores are, or these fakes sound more real to it than real clips do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr

from harness.metrics.bootstrap import Estimate, estimate
from harness.metrics.intervals import FEWEST_GROUPS, bootstrap_error, proportion_interval
from harness.metrics.significance import holm
from harness.summary.cells import Grid, Rows
from harness.terms import CLEAN

FEWEST_CLIPS = 10
SIZE = 0.05

PolarityVerdict = Literal["as labelled", "swapped", "cannot be known"]


@dataclass(frozen=True)
class Polarity:
    """AUC of clean scores in a part of the set, and which way its labels go.

    Parameters
    ----------
    slice
        `all`, `source=…` (its clips of both classes) or `generator=…` (its fakes, all real clips).
    p_holm
        Of an AUC of 0.5 or more, one-sided, adjusted for all parts of the model.
    """

    model: str
    slice: str
    verdict: PolarityVerdict
    auc: float
    low: float
    high: float
    p_holm: float
    clips: int
    groups: int


def polarities(grid: Grid, resamples: int, seed: int) -> Iterator[Polarity]:
    """Of every model: of all clips, then of each source and of each generator."""
    for model in grid.models:
        parts = {name: grid.cell(rows, ("auc",)) for name, rows in _parts(grid, model)}
        drawn = estimate(list(parts.values()), grid.groups, resamples, seed)
        found = [_polarity(model, name, drawn[cell]["auc"]) for name, cell in parts.items()]
        adjusted = holm([each.p_holm for each in found])
        for each, p in zip(found, adjusted.tolist(), strict=True):
            yield replace(each, p_holm=p, verdict=_verdict(each, p))


def _parts(grid: Grid, model: str) -> Iterator[tuple[str, Rows]]:
    rows = grid.rows_of(model, CLEAN)
    rows = rows[grid.ok[rows]]
    fake = grid.fake[rows]
    yield "all", rows
    for kind in ("source", "generator"):
        numbers, names = grid.slices[kind]
        for number, name in enumerate(names):
            inside = numbers[rows] == number
            members = rows[inside | ~fake] if kind == "generator" else rows[inside]
            if min(np.sum(grid.fake[members]), np.sum(~grid.fake[members])) >= FEWEST_CLIPS:
                yield f"{kind}={name}", members


def _polarity(model: str, name: str, drawn: Estimate) -> Polarity:
    value, draws = np.array([drawn.value]), drawn.draws[None]
    groups, evidence = np.array([drawn.groups]), np.array([drawn.evidence])
    low, high = proportion_interval(value, draws, groups, evidence)
    return Polarity(
        model,
        name,
        "cannot be known",
        drawn.value,
        float(low[0]),
        float(high[0]),
        below_half(drawn),
        drawn.clips,
        drawn.groups,
    )


def below_half(drawn: Estimate) -> float:
    """One-sided p-value of an AUC of 0.5 or more, by t over groups; NaN where that is unknown.

    No smaller than what exchanging the classes group by group could give.
    """
    if drawn.groups < FEWEST_GROUPS or np.isnan(drawn.value):
        return float("nan")
    error = float(bootstrap_error(drawn.draws, drawn.groups))
    t = (0.5 - drawn.value) / max(error, 1e-12)
    return max(float(stdtr(drawn.groups - 1, -t)), 2.0**-drawn.groups)


def _verdict(polarity: Polarity, p: float) -> PolarityVerdict:
    if p < SIZE:
        return "swapped"
    return "as labelled" if polarity.low > 0.5 else "cannot be known"
