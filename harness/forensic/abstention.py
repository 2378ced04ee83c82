"""Abstaining: how much the error falls when the least certain clips are not decided.

There are two ways. By confidence alone, for each condition: the risk-coverage curve, and the
largest coverage at which a target error rate is met. By a rule that an examiner can apply (too
short, too noisy, too narrow, too close to the threshold), tuned on some clips and evaluated on
others, over all conditions of the suite together.

A confidence is chosen on the clips that it is evaluated on only where the upper bound of its error
is used, which makes up for part of the choice; a rule is always evaluated on other groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from harness.forensic.run_view import (
    NO_FIGURE,
    Array,
    ForensicFigure,
    ForensicRun,
    Rows,
    scored_only,
    with_intervals,
)
from harness.metrics.bootstrap import ClipSet, draw
from harness.metrics.intervals import proportion_interval
from harness.metrics.selective import confidence_of, coverage_at, risk_coverage, wrong_of

Mask = NDArray[np.bool_]

TARGETS = (0.1, 0.05, 0.01)
POINTS = 100
_CUTS = 50
_SECONDS = (0.0, 0.4, 0.75, 1.5)
_SNR_DB = (-math.inf, 5.0, 15.0, 25.0)
_BANDWIDTH_HZ = (0.0, 3000.0, 5000.0, 7000.0)
_CONFIDENCES = 20


@dataclass(frozen=True)
class ErrorTarget:
    """The coverage at which a target error rate is met.

    Parameters
    ----------
    wanted
        Largest share of wrong decisions among those made.
    coverage
        Largest share of clips at which it is met on these clips; 0 for none.
    sure_coverage
        Largest at which the upper bound of the error meets it; 0 for none.
    confidence, error
        Least confidence (log-odds from the threshold) there, and the error; NaN for none.
    """

    wanted: float
    coverage: float
    sure_coverage: float
    confidence: float
    error: ForensicFigure


@dataclass(frozen=True)
class SelectiveRisk:
    """Risk over coverage of one condition, and where target error rates are met."""

    model: str
    condition: str
    aurc: ForensicFigure
    coverage: list[float]
    risk: list[float]
    held: list[ErrorTarget]


@dataclass(frozen=True)
class AbstentionRule:
    """Clips shorter, noisier, narrower or closer to the threshold than this are not decided.

    A value of 0 (minus infinity for `snr_db`) excludes nothing. A clip without added noise has no
    SNR in the table and is not excluded by it.
    """

    seconds: float
    snr_db: float
    bandwidth_hz: float
    confidence: float


@dataclass(frozen=True)
class RuleResult:
    """A rule tuned for an error rate, evaluated on other clips.

    Parameters
    ----------
    tuned_on
        `development`, or `half of the groups`.
    before, after
        Error rate on all evaluated clips, and on those that the rule decides.
    coverage
        Share of the evaluated clips that it decides.
    rule
        None where no rule meets the target on the clips that it is tuned on.
    kept
        Whether the upper bound of `after` meets the target.
    """

    model: str
    wanted: float
    tuned_on: str
    rule: AbstentionRule | None
    coverage: ForensicFigure
    before: ForensicFigure
    after: ForensicFigure
    kept: bool


def selective_risks(view: ForensicRun, resamples: int, seed: int = 0) -> list[SelectiveRisk]:
    """Return the curve and targets of every model and condition."""
    whole = [view.cell(*place) for place in view.places]
    cells = [scored_only(cell, ("aurc",), cell.threshold) for cell in whole]
    estimates = view.estimates(cells, resamples, seed)
    weights = _weights(view.grid.groups, resamples, seed)
    return [
        _selective_risk(*place, cell, with_intervals(estimates[cell])["aurc"], weights)
        for place, cell in zip(view.places, cells, strict=True)
    ]


def _weights(groups: int, resamples: int, seed: int) -> Array:
    """Return how often each group is in each resample, of shape (groups, resamples)."""
    return np.concatenate(list(draw(groups, resamples, seed)), axis=1).astype(np.float64)


def _selective_risk(
    model: str, condition: str, cell: ClipSet, aurc: ForensicFigure, weights: Array
) -> SelectiveRisk:
    curve = risk_coverage(cell.real, cell.fake, cell.threshold)
    count = len(curve.risk)
    kept = np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.intp))
    bounded = _bounded_errors(cell, weights)
    return SelectiveRisk(
        model,
        condition,
        aurc,
        [round(float(value), 4) for value in curve.coverage[kept]],
        [round(float(value), 4) for value in curve.risk[kept]],
        [_error_target(target, coverage_at(curve, target), bounded) for target in TARGETS],
    )


@dataclass(frozen=True, eq=False)
class _BoundedErrors:
    """Errors above descending confidences, with their intervals."""

    confidence: Array
    coverage: Array
    error: Array
    low: Array
    high: Array
    clips: Rows
    groups: Rows


def _bounded_errors(cell: ClipSet, weights: Array) -> _BoundedErrors:
    """Return the error above each of `_CUTS` confidences, with intervals over groups."""
    confidence = confidence_of(cell.real, cell.fake, cell.threshold)
    wrong = wrong_of(cell.real, cell.fake, cell.threshold).astype(np.float64)
    group = np.concatenate([cell.real_group, cell.fake_group])
    cuts = (
        np.unique(np.quantile(confidence, np.linspace(0, 0.95, _CUTS), method="lower"))[::-1]
        if len(confidence)
        else np.zeros(0)
    )
    above = confidence[None, :] >= cuts[:, None]
    ones = np.ones(len(group))
    member = csr_array((ones, (np.arange(len(group)), group)), shape=(len(group), len(weights)))
    decided, errors = above.astype(np.float64) @ member, (above * wrong) @ member
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (errors @ weights) / (decided @ weights)
        error = errors.sum(axis=1) / decided.sum(axis=1)
    groups = np.sum(decided > 0, axis=1)
    clips = decided.sum(axis=1).astype(np.intp)
    low, high = proportion_interval(error, draws, groups, clips) if len(cuts) else (cuts, cuts)
    coverage = clips / max(len(confidence), 1)
    return _BoundedErrors(cuts, coverage, error, low, high, clips, groups.astype(np.intp))


def _error_target(target: float, coverage: float, bounded: _BoundedErrors) -> ErrorTarget:
    met = np.flatnonzero(bounded.high <= target)
    if not len(met):
        return ErrorTarget(target, coverage, 0.0, math.nan, NO_FIGURE)
    at = int(met[-1])
    error = ForensicFigure(
        float(bounded.error[at]),
        float(bounded.low[at]),
        float(bounded.high[at]),
        int(bounded.clips[at]),
        int(bounded.groups[at]),
    )
    sure_coverage, confidence = float(bounded.coverage[at]), float(bounded.confidence[at])
    return ErrorTarget(target, coverage, sure_coverage, confidence, error)


@dataclass(frozen=True, eq=False)
class _ScoredRows:
    """Scored rows of one model as columns; an SNR that was not measured is infinite.

    Parameters
    ----------
    columns
        Shape (4, n), in the order of `AbstentionRule`.
    """

    columns: Array
    wrong: Mask
    group: Rows

    @classmethod
    def of(cls, view: ForensicRun, model: str) -> _ScoredRows:
        rows = np.concatenate([view.rows(model, condition.name) for condition in view.conditions])
        grid = view.grid
        snr, bandwidth = view.column("snr_db")[rows], view.column("bandwidth_hz")[rows]
        columns = np.stack(
            [
                view.column("seconds")[rows],
                np.where(np.isnan(snr), math.inf, snr),
                np.where(np.isnan(bandwidth), math.inf, bandwidth),
                np.abs(grid.score[rows] - grid.bar[rows]),
            ]
        )
        called_fake = grid.score[rows] >= grid.bar[rows]
        return cls(columns, called_fake != grid.fake[rows], grid.group[rows])

    def part(self, inside: Mask) -> _ScoredRows:
        return _ScoredRows(self.columns[:, inside], self.wrong[inside], self.group[inside])

    def decided(self, rule: AbstentionRule) -> Mask:
        least = np.array([rule.seconds, rule.snr_db, rule.bandwidth_hz, rule.confidence])
        return np.all(self.columns >= least[:, None], axis=0)

    def share(self, part: Mask, whole: Mask, weights: Array) -> ForensicFigure:
        """Return the share of some rows among others, with its interval over groups."""
        some, every = (
            np.bincount(self.group[mask], minlength=len(weights)).astype(np.float64)
            for mask in (part & whole, whole)
        )
        count, groups = int(whole.sum()), int(np.sum(every > 0))
        if not count:
            return NO_FIGURE
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = (some @ weights) / (every @ weights)
        value = some.sum() / count
        low, high = proportion_interval(
            np.array([value]), draws[None, :], np.array([groups]), np.array([count])
        )
        return ForensicFigure(float(value), float(low[0]), float(high[0]), count, groups)


def rule_results(
    view: ForensicRun, development: ForensicRun | None, resamples: int, seed: int = 0
) -> list[RuleResult]:
    """Tune and evaluate a rule for every model and target error rate."""
    results: list[RuleResult] = []
    weights = _weights(view.grid.groups, resamples, seed)
    for model in view.models:
        evaluated = _ScoredRows.of(view, model)
        if development is not None:
            tuned_on, tuning = "development", _ScoredRows.of(development, model)
        else:
            order = np.random.default_rng(seed).permutation(view.grid.groups)
            inside = np.isin(evaluated.group, order[: len(order) // 2])
            tuned_on, tuning = "half of the groups", evaluated.part(inside)
            evaluated = evaluated.part(~inside)
        results += [
            _rule_result(model, target, tuned_on, tune(tuning, target), evaluated, weights)
            for target in TARGETS
        ]
    return results


def tune(rows: _ScoredRows, target: float) -> AbstentionRule | None:
    """Return the rule that decides most rows and meets the target; None where none does."""
    if not len(rows.wrong):
        return None
    best, most = None, 0
    levels = np.quantile(rows.columns[3], np.linspace(0, 0.95, _CONFIDENCES))
    confidences = np.unique(np.append(0.0, levels))
    for seconds, snr_db, bandwidth_hz in product(_SECONDS, _SNR_DB, _BANDWIDTH_HZ):
        inside = rows.decided(AbstentionRule(seconds, snr_db, bandwidth_hz, 0.0))
        confidence, wrong = rows.columns[3][inside], rows.wrong[inside]
        decided, errors = (
            len(values) - np.searchsorted(np.sort(values), confidences)
            for values in (confidence, confidence[wrong])
        )
        met = np.flatnonzero((errors <= target * decided) & (decided > most))
        if len(met):
            most = int(decided[met[0]])
            best = AbstentionRule(seconds, snr_db, bandwidth_hz, float(confidences[met[0]]))
    return best


def _rule_result(
    model: str,
    target: float,
    tuned_on: str,
    rule: AbstentionRule | None,
    rows: _ScoredRows,
    weights: Array,
) -> RuleResult:
    every = np.ones(len(rows.wrong), dtype=bool)
    before = rows.share(rows.wrong, every, weights)
    if rule is None:
        return RuleResult(model, target, tuned_on, None, NO_FIGURE, before, NO_FIGURE, False)
    decided = rows.decided(rule)
    after = rows.share(rows.wrong, decided, weights)
    coverage = rows.share(decided, every, weights)
    return RuleResult(model, target, tuned_on, rule, coverage, before, after, after.high <= target)
