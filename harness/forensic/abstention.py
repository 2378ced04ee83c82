"""Deciding fewer clips: what is gained by abstaining on those that are not sure.

Two ways. By confidence alone, condition by condition: the risk-coverage curve, and the largest
coverage at which a wanted error rate holds with confidence. And by a rule of thumb that an examiner
can apply before and after scoring (too short, too noisy, too narrow, too near the threshold), tuned
on some clips and judged on others, over all conditions of the suite together.

A confidence is chosen on the clips that it is judged on only where its error is bounded from above,
which makes up for some of the choice; the rule is always judged on other groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from harness.forensic.estimate import NOTHING, Measured, measured
from harness.forensic.run_view import Judged
from harness.metrics.bootstrap import Cell, draw, estimate
from harness.metrics.intervals import proportion_interval
from harness.metrics.selective import confidence_of, coverage_at, risk_coverage, wrong_of

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

WANTED = (0.1, 0.05, 0.01)
POINTS = 100
_CUTS = 50
_SECONDS = (0.0, 0.4, 0.75, 1.5)
_SNR_DB = (-math.inf, 5.0, 15.0, 25.0)
_BANDWIDTH_HZ = (0.0, 3000.0, 5000.0, 7000.0)
_CONFIDENCES = 20


@dataclass(frozen=True)
class Held:
    """Where a wanted error rate holds.

    Parameters
    ----------
    wanted
        Largest share of wrong decisions among those made.
    coverage
        Largest share of clips at which it holds on these very clips; 0 for none.
    sure_coverage
        Largest at which the upper bound of the error is at most that; 0 for none.
    confidence, error
        Least confidence (log-odds from the threshold) and the error there; NaN for none.
    """

    wanted: float
    coverage: float
    sure_coverage: float
    confidence: float
    error: Measured


@dataclass(frozen=True)
class Selection:
    """Risk over coverage of one condition, and where wanted error rates hold."""

    model: str
    condition: str
    aurc: Measured
    coverage: list[float]
    risk: list[float]
    held: list[Held]


@dataclass(frozen=True)
class Rule:
    """What is refused: shorter, noisier, narrower or nearer to the threshold than this.

    A value of 0 (of minus infinity for `snr_db`) refuses nothing. A clip to which no noise was
    added has no SNR in the table and is not refused for it.
    """

    seconds: float
    snr_db: float
    bandwidth_hz: float
    confidence: float


@dataclass(frozen=True)
class Ruled:
    """A rule tuned for an error rate, on clips other than those that it is judged on.

    Parameters
    ----------
    tuned_on
        `development`, or `half of the groups`.
    before, after
        Error rate of the judged clips without the rule, and of those that it decides.
    coverage
        Share of the judged clips that it decides.
    rule
        None where no rule reaches the wanted rate on the clips that it is tuned on.
    kept
        Whether the upper bound of the error after is at most the wanted one.
    """

    model: str
    wanted: float
    tuned_on: str
    rule: Rule | None
    coverage: Measured
    before: Measured
    after: Measured
    kept: bool


def selections(judged: Judged, resamples: int, seed: int = 0) -> list[Selection]:
    """Of every model and condition."""
    places = [(model, each.name) for model in judged.models for each in judged.conditions]
    cells = [judged.cell(*place) for place in places]
    wanted = [
        Cell(
            cell.real,
            cell.fake,
            cell.real_group,
            cell.fake_group,
            metrics=("aurc",),
            threshold=cell.threshold,
        )
        for cell in cells
    ]
    estimates = estimate(wanted, judged.grid.groups, resamples, seed)
    weights = _weights(judged.grid.groups, resamples, seed)
    return [
        _selection(*place, cell, measured(estimates[own])["aurc"], weights)
        for place, cell, own in zip(places, cells, wanted, strict=True)
    ]


def _weights(groups: int, resamples: int, seed: int) -> Array:
    return np.concatenate(list(draw(groups, resamples, seed)), axis=1).astype(np.float64)


def _selection(model: str, condition: str, cell: Cell, aurc: Measured, weights: Array) -> Selection:
    curve = risk_coverage(cell.real, cell.fake, cell.threshold)
    count = len(curve.risk)
    kept = np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.intp))
    bounded = _bounded(cell, weights)
    held = [_held(wanted, coverage_at(curve, wanted), bounded) for wanted in WANTED]
    return Selection(
        model,
        condition,
        aurc,
        [round(float(each), 4) for each in curve.coverage[kept]],
        [round(float(each), 4) for each in curve.risk[kept]],
        held,
    )


@dataclass(frozen=True, eq=False)
class _Bounded:
    """Errors at some confidences, falling, with their intervals."""

    confidence: Array
    coverage: Array
    error: Array
    low: Array
    high: Array
    clips: Rows
    groups: Rows


def _bounded(cell: Cell, weights: Array) -> _Bounded:
    """The error above each of `_CUTS` confidences, bounded over groups."""
    sure = confidence_of(cell.real, cell.fake, cell.threshold)
    wrong = wrong_of(cell.real, cell.fake, cell.threshold).astype(np.float64)
    group = np.concatenate([cell.real_group, cell.fake_group])
    cuts = (
        np.unique(np.quantile(sure, np.linspace(0, 0.95, _CUTS), method="lower"))[::-1]
        if len(sure)
        else np.zeros(0)
    )
    there = sure[None, :] >= cuts[:, None]
    ones = np.ones(len(group))
    member = csr_array((ones, (np.arange(len(group)), group)), shape=(len(group), len(weights)))
    decided, errors = (each @ member for each in (there.astype(np.float64), there * wrong))
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (errors @ weights) / (decided @ weights)
        error = errors.sum(axis=1) / decided.sum(axis=1)
    groups = np.sum(decided > 0, axis=1)
    clips = decided.sum(axis=1).astype(np.intp)
    low, high = proportion_interval(error, draws, groups, clips) if len(cuts) else (cuts, cuts)
    coverage = clips / max(len(sure), 1)
    return _Bounded(cuts, coverage, error, low, high, clips, groups.astype(np.intp))


def _held(wanted: float, coverage: float, bounded: _Bounded) -> Held:
    fine = np.flatnonzero(bounded.high <= wanted)
    if not len(fine):
        return Held(wanted, coverage, 0.0, math.nan, NOTHING)
    at = int(fine[-1])
    error = Measured(
        float(bounded.error[at]),
        float(bounded.low[at]),
        float(bounded.high[at]),
        int(bounded.clips[at]),
        int(bounded.groups[at]),
    )
    return Held(wanted, coverage, float(bounded.coverage[at]), float(bounded.confidence[at]), error)


@dataclass(frozen=True, eq=False)
class _Clips:
    """Scored rows of one model as columns; an SNR that was not measured is infinite."""

    columns: Array  # (4, n), in the order of `Rule`
    wrong: NDArray[np.bool_]
    group: Rows

    @classmethod
    def of(cls, judged: Judged, model: str) -> _Clips:
        rows = np.concatenate([judged.rows(model, each.name) for each in judged.conditions])
        grid = judged.grid
        snr, width = judged.column("snr_db")[rows], judged.column("bandwidth_hz")[rows]
        columns = np.stack(
            [
                judged.column("seconds")[rows],
                np.where(np.isnan(snr), math.inf, snr),
                np.where(np.isnan(width), math.inf, width),
                np.abs(grid.score[rows] - grid.bar[rows]),
            ]
        )
        called = grid.score[rows] >= grid.bar[rows]
        return cls(columns, called != grid.fake[rows], grid.group[rows])

    def part(self, inside: NDArray[np.bool_]) -> _Clips:
        return _Clips(self.columns[:, inside], self.wrong[inside], self.group[inside])

    def decided(self, rule: Rule) -> NDArray[np.bool_]:
        least = np.array([rule.seconds, rule.snr_db, rule.bandwidth_hz, rule.confidence])
        return np.all(self.columns >= least[:, None], axis=0)


def rules(judged: Judged, development: Judged | None, resamples: int, seed: int = 0) -> list[Ruled]:
    """A rule for every model and wanted error rate."""
    found: list[Ruled] = []
    weights = _weights(judged.grid.groups, resamples, seed)
    for model in judged.models:
        clips = _Clips.of(judged, model)
        if development is not None:
            tuned_on, other, words = clips, _Clips.of(development, model), "development"
        else:
            half = np.random.default_rng(seed).permutation(judged.grid.groups)
            inside = np.isin(clips.group, half[: len(half) // 2])
            tuned_on, other = clips.part(~inside), clips.part(inside)
            words = "half of the groups"
        found += [
            _ruled(model, wanted, words, tune(other, wanted), tuned_on, weights)
            for wanted in WANTED
        ]
    return found


def tune(clips: _Clips, wanted: float) -> Rule | None:
    """The rule that decides most clips with no larger an error rate; None where none has it."""
    if not len(clips.wrong):
        return None
    best, most = None, 0
    levels = np.quantile(clips.columns[3], np.linspace(0, 0.95, _CONFIDENCES))
    confidences = np.unique(np.append(0.0, levels))
    for seconds, snr_db, bandwidth_hz in product(_SECONDS, _SNR_DB, _BANDWIDTH_HZ):
        inside = clips.decided(Rule(seconds, snr_db, bandwidth_hz, 0.0))
        sure, wrong = clips.columns[3][inside], clips.wrong[inside]
        order = np.sort(sure), np.sort(sure[wrong])
        decided, errors = (len(each) - np.searchsorted(each, confidences) for each in order)
        fine = np.flatnonzero((errors <= wanted * decided) & (decided > most))
        if len(fine):
            most = int(decided[fine[0]])
            best = Rule(seconds, snr_db, bandwidth_hz, float(confidences[fine[0]]))
    return best


def _ruled(
    model: str, wanted: float, tuned_on: str, rule: Rule | None, clips: _Clips, weights: Array
) -> Ruled:
    every = np.ones(len(clips.wrong), dtype=bool)
    before = _share(clips, clips.wrong, every, weights)
    if rule is None:
        return Ruled(model, wanted, tuned_on, None, NOTHING, before, NOTHING, False)
    decided = clips.decided(rule)
    after = _share(clips, clips.wrong, decided, weights)
    coverage = _share(clips, decided, every, weights)
    return Ruled(model, wanted, tuned_on, rule, coverage, before, after, after.high <= wanted)


def _share(
    clips: _Clips, part: NDArray[np.bool_], whole: NDArray[np.bool_], weights: Array
) -> Measured:
    """Share of some clips among others, with its interval over groups."""
    sums = [
        np.bincount(clips.group[each], minlength=len(weights)).astype(np.float64)
        for each in (part & whole, whole)
    ]
    count, groups = int(whole.sum()), int(np.sum(sums[1] > 0))
    if not count:
        return NOTHING
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (sums[0] @ weights) / (sums[1] @ weights)
    value = sums[0].sum() / count
    low, high = proportion_interval(
        np.array([value]), draws[None, :], np.array([groups]), np.array([count])
    )
    return Measured(float(value), float(low[0]), float(high[0]), count, groups)
