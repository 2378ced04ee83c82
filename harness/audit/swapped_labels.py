"""Swapped labels: parts of a test set in which a detector ranks fakes below real clips.

Where AUC is significantly under 0.5, the labels of the part are swapped, the scores are, or these
fakes sound more real to the detector than real clips do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr

from harness.metrics.bootstrap import estimate
from harness.metrics.intervals import FEWEST_GROUPS, SIZE, bootstrap_error
from harness.metrics.resampled import Resampled, intervals_of
from harness.metrics.significance import holm
from harness.summary.cells import Grid, Rows
from harness.terms import CLEAN

FEWEST_CLIPS = 10

PolarityVerdict = Literal["as labelled", "swapped", "cannot be known"]


@dataclass(frozen=True)
class Polarity:
    """AUC of clean scores in a part of the set, and whether its labels are swapped.

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
    """Yield the polarity of every model on all clips, then on each source and each generator."""
    for model in grid.models:
        parts = {name: grid.cell(rows, ("auc",)) for name, rows in _parts(grid, model)}
        drawn = estimate(list(parts.values()), grid.groups, resamples, seed)
        aucs = [drawn[cell]["auc"] for cell in parts.values()]
        adjusted = holm([_p_below(auc) for auc in aucs]).tolist()
        for name, auc, p in zip(parts, aucs, adjusted, strict=True):
            low, high = auc_interval(auc)
            verdict: PolarityVerdict = "as labelled" if low > 0.5 else "cannot be known"
            if p < SIZE:
                verdict = "swapped"
            yield Polarity(model, name, verdict, auc.value, low, high, p, auc.clips, auc.groups)


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


def auc_interval(auc: Resampled) -> tuple[float, float]:
    """95 % interval of an AUC over groups."""
    low, high = intervals_of([auc])
    return float(low[0]), float(high[0])


def _p_below(auc: Resampled) -> float:
    """One-sided p-value of an AUC of 0.5 or more, by t over groups; NaN where unknown.

    At least what exchanging the classes group by group could give.
    """
    if auc.groups < FEWEST_GROUPS or np.isnan(auc.value):
        return float("nan")
    error = float(bootstrap_error(auc.draws, auc.groups))
    p = float(stdtr(auc.groups - 1, (auc.value - 0.5) / max(error, 1e-12)))
    return max(p, 2.0**-auc.groups)
