"""One figure of a condition in two runs: whether it can be compared, and what clips say of it.

A difference is the run's figure less the baseline's, in fractions, whatever direction is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.compare.flips import verdicts
from harness.compare.pairing import Couple, Match, Pairing
from harness.metrics import COMPARED
from harness.metrics.bootstrap import estimate
from harness.metrics.significance import delong, mcnemar_exact
from harness.summary.cells import Grid

Status = Literal["compared", "missing", "new", "not comparable", "no data"]
"""`compared`; `missing`: the baseline has it and the run has not, or has too little of it; `new`:
the other way round; `not comparable`: both have it, of unlike things; `no data`: neither has a
value, or no clip of both."""

ROUNDING = 1e-4
"""Log-odds in float32 agree to this on the same audio: it is the same detector."""

CODED = 0.1
"""Log-odds of one detector agree to this on any machine: another processor rounds audio another
way in its last bit, and a codec can make a step of its own of that."""

Test = Literal["mcnemar", "delong", ""]


@dataclass(frozen=True)
class Difference:
    """One figure of a condition in both runs.

    Parameters
    ----------
    model, condition
        As the run calls them; as the baseline does where only that has them.
    reason
        Why it is not `compared`, in words; else empty.
    value, baseline
        Of the clips of both where it is compared, else of each run's own.
    difference, low, high, error
        value less baseline, its interval and its standard error over groups.
    n
        Clips of both that the run's figure is of.
    groups, differing, largest, skew
        As `harness.metrics.significance.Contrast` has them, which these make again.
    p, p_holm
        Of no difference, over groups; and adjusted for the family.
    test, p_clips
        `mcnemar` (figures that are shares of clips) or `delong` (AUC), and its p-value, which takes
        clips for independent. Empty and NaN for other figures.
    smallest
        The smallest true difference that these clips would have shown with a power of 0.8.
    """

    model: str
    condition: str
    metric: str
    status: Status
    reason: str
    value: float
    baseline: float
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    error: float = math.nan
    n: int = 0
    groups: int = 0
    differing: int = 0
    largest: float = math.nan
    p: float = math.nan
    p_holm: float = math.nan
    test: Test = ""
    p_clips: float = math.nan
    smallest: float = math.nan
    skew: float = 0.0


def draft(pairing: Pairing) -> Iterator[Difference]:
    """Every cell with its status and each run's own values; nothing is compared yet."""
    run = _own(pairing.run, [match.run for match in pairing.models])
    baseline = _own(pairing.baseline, [match.baseline for match in pairing.models])
    for model in pairing.models:
        for condition in pairing.conditions:
            one = run.get((model.run, condition.run), {})
            other = baseline.get((model.baseline, condition.baseline), {})
            for metric in COMPARED:
                status, reason = _status(pairing, model, condition, metric, one, other)
                yield Difference(
                    model.name,
                    condition.name,
                    metric,
                    status,
                    reason,
                    one.get(metric, math.nan),
                    other.get(metric, math.nan),
                )


def _own(grid: Grid, models: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
    """Values of one run by itself."""
    cells = {
        (model, name): grid.whole(model, name)
        for model in models
        if model
        for name in grid.conditions
    }
    values = estimate(list(cells.values()), grid.groups, 0, 0)
    return {
        key: {name: one.value for name, one in values[cell].items()} for key, cell in cells.items()
    }


def _status(
    pairing: Pairing,
    model: Match,
    condition: Match,
    metric: str,
    one: Mapping[str, float],
    other: Mapping[str, float],
) -> tuple[Status, str]:
    for match, what in ((model, "model"), (condition, "condition")):
        if not match.run:
            return "missing", f"the run does not have this {what}"
        if not match.baseline:
            return "new", f"the baseline does not have this {what}"
    bar = pairing.bar(model, condition, metric)
    if bar:
        return "not comparable", bar
    lost, had = math.isnan(one[metric]), not math.isnan(other[metric])
    if lost:
        return ("missing", "no value any more") if had else ("no data", "no value in either run")
    if not had:
        return "new", "had no value before"
    least = pairing.run_record.suite.min_coverage
    covered, before = one["coverage"], other["coverage"]
    if metric != "coverage" and covered < min(before, least):
        return "missing", f"coverage fell from {before:.4g} to {covered:.4g}, below {least:.4g}"
    return "compared", ""


def clip_test(pairing: Pairing, couple: Couple, cell: Difference) -> tuple[Test, float]:
    """The test of the literature that takes clips for independent, where a figure has one."""
    if cell.metric == "auc":
        one, other = couple.run, couple.baseline
        return "delong", delong(one.real, one.fake, other.real, other.fake).p
    right, before = (verdicts(pairing, rows) for rows in couple.rows)
    fake = pairing.both.fake[couple.run_rows]
    match cell.metric:
        case "accuracy":
            counts = np.ones(len(fake), dtype=bool)
        case "recall":
            counts = fake
        case "recall_real":
            counts = ~fake
        case "coverage":
            counts = np.ones(len(fake), dtype=bool)
            right, before = (pairing.both.ok[rows] for rows in couple.rows)
        case _:
            return "", math.nan
    only = int(np.sum(counts & right & ~before)), int(np.sum(counts & ~right & before))
    return "mcnemar", mcnemar_exact(*only)
