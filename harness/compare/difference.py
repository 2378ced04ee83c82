"""One figure of a condition in two runs: whether it can be compared, and by how much it differs.

A difference is the run's figure minus the baseline's, in fractions, whichever direction is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from harness.compare.flips import is_right
from harness.compare.matching import MatchedName
from harness.compare.pairing import PairedCells, Pairing
from harness.metrics import METRICS
from harness.metrics.bootstrap import estimate
from harness.metrics.paired import Paired, contrast
from harness.metrics.significance import Contrast, delong, holm, mcnemar_exact
from harness.summary.cells import Grid
from harness.terms import Generators

Status = Literal["compared", "missing", "new", "not comparable", "no data"]
"""`missing`: only the baseline has a value, or the run's coverage fell too low; `new`: only the run
has one; `not comparable`: both have one, under different settings; `no data`: neither has one, or
the runs share no clip."""

ROUNDING = 1e-4
"""Largest difference of float32 log-odds of one detector on the same audio."""

CODED = 0.1
"""Largest difference of log-odds of one detector on any machine: processors round audio
differently in the last bit, and a codec can turn that into a step of its own."""

ClipTest = Literal["mcnemar", "delong", ""]


@dataclass(frozen=True)
class Difference:
    """One figure of a condition in both runs.

    Parameters
    ----------
    model, condition
        Names in the run; in the baseline where only that has them.
    reason
        Why it is not `compared`, in words; else empty.
    value, baseline
        On the clips of both where compared, else on each run's own.
    difference, low, high, error
        value minus baseline, its interval and its standard error over groups.
    n
        Clips of both behind the run's figure.
    groups, differing, largest, skew, freedom, clip
        As in `harness.metrics.significance.Contrast`.
    p, p_holm
        Of no difference, over groups; and adjusted for the family.
    test, p_clips
        Test that assumes independent clips, `mcnemar` (figures that are shares of clips) or
        `delong` (AUC), and its p-value. Empty and NaN for other figures.
    smallest
        Smallest true difference that these clips detect with a power of 0.8.
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
    test: ClipTest = ""
    p_clips: float = math.nan
    smallest: float = math.nan
    skew: float = 0.0
    freedom: float = math.nan
    clip: float = math.nan

    @property
    def key(self) -> tuple[str, str, str]:
        return self.model, self.condition, self.metric

    @property
    def contrast(self) -> Contrast:
        """The test over groups that it comes from."""
        return Contrast(
            np.array(self.difference),
            np.array(self.error),
            np.array(self.groups),
            np.array(self.differing),
            np.array(self.largest),
            np.array(self.skew),
            METRICS[self.metric].range.span,
            np.array(self.freedom),
            np.array(self.clip),
        )


_D = TypeVar("_D", bound=Difference)


def filled(cell: _D, figure: Paired) -> _D:
    """Add the values on the clips of both to a figure that is compared."""
    return replace(
        cell,
        value=figure.value.value,
        baseline=figure.baseline.value,
        difference=figure.difference,
        n=cell.n or figure.value.clips,
        groups=figure.groups,
        differing=figure.differing,
        largest=figure.largest,
        clip=figure.clip,
    )


def judged(
    cells: Sequence[_D], figures: Sequence[Paired], generators: Generators = "these"
) -> list[_D]:
    """Add intervals and tests over groups to compared figures, as one family."""
    contrasts = contrast(figures, generators)
    low, high = contrasts.interval()
    p = contrasts.p()
    columns = [low, high, contrasts.error, contrasts.skew, np.asarray(contrasts.freedom)]
    columns += [p, holm(p), contrasts.smallest()]
    names = ("low", "high", "error", "skew", "freedom", "p", "p_holm", "smallest")
    rows = np.stack(columns, axis=-1).tolist()
    return [
        replace(cell, **dict(zip(names, row, strict=True)))
        for cell, row in zip(cells, rows, strict=True)
    ]


def draft(pairing: Pairing) -> Iterator[Difference]:
    """Every figure with its status and each run's own value; nothing is compared yet."""
    run = _own(pairing.run, [match.run for match in pairing.models])
    baseline = _own(pairing.baseline, [match.baseline for match in pairing.models])
    for model in pairing.models:
        for condition in pairing.conditions:
            now = run.get((model.run, condition.run), {})
            before = baseline.get((model.baseline, condition.baseline), {})
            for metric in METRICS.compared:
                status, reason = _status(pairing, model, condition, metric, now, before)
                yield Difference(
                    model.name,
                    condition.name,
                    metric,
                    status,
                    reason,
                    now.get(metric, math.nan),
                    before.get(metric, math.nan),
                )


def _own(grid: Grid, models: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
    """The values of one run alone, by model and condition."""
    cells = {
        (model, name): grid.whole(model, name)
        for model in models
        if model
        for name in grid.conditions
    }
    values = estimate(list(cells.values()), grid.groups, 0, 0)
    return {
        key: {name: figure.value for name, figure in values[cell].items()}
        for key, cell in cells.items()
    }


def _status(
    pairing: Pairing,
    model: MatchedName,
    condition: MatchedName,
    metric: str,
    now: Mapping[str, float],
    before: Mapping[str, float],
) -> tuple[Status, str]:
    for match, what in ((model, "model"), (condition, "condition")):
        if not match.run:
            return "missing", f"the run does not have this {what}"
        if not match.baseline:
            return "new", f"the baseline does not have this {what}"
    if reason := pairing.reason_against(model, condition, metric):
        return "not comparable", reason
    had_value = not math.isnan(before[metric])
    if math.isnan(now[metric]):
        return (
            ("missing", "no value any more") if had_value else ("no data", "no value in either run")
        )
    if not had_value:
        return "new", "had no value before"
    least = pairing.run_record.suite.min_coverage
    covered, earlier = now["coverage"], before["coverage"]
    if metric != "coverage" and covered < min(earlier, least):
        return "missing", f"coverage fell from {earlier:.4g} to {covered:.4g}, below {least:.4g}"
    return "compared", ""


def clip_test(pairing: Pairing, paired: PairedCells, metric: str) -> tuple[ClipTest, float]:
    """The test that assumes independent clips, where the metric has one, and its p-value."""
    if metric == "auc":
        now, before = paired.run, paired.baseline
        return "delong", delong(now.real, now.fake, before.real, before.fake).p
    both = pairing.both
    fake = both.fake[paired.run_rows]
    counted = {
        "accuracy": np.ones(len(fake), dtype=bool),
        "recall": fake,
        "recall_real": ~fake,
        "coverage": np.ones(len(fake), dtype=bool),
    }.get(metric)
    if counted is None:
        return "", math.nan
    now, before = (
        both.ok[rows] if metric == "coverage" else is_right(both, rows) for rows in paired.rows
    )
    gained, lost = (int(np.sum(counted & part)) for part in (now & ~before, ~now & before))
    return "mcnemar", mcnemar_exact(gained, lost)
