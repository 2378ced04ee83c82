"""Abstaining: how much the error falls when the least certain clips are not decided.

There are two ways. By confidence alone, for each condition: the risk-coverage curve, and the
largest coverage at which a target error rate is met. By a rule that an examiner can apply (too
short, too noisy, too narrow, too close to the threshold), over all conditions of the suite
together.

Both are judged by the upper bound of the error, and chosen by it. A rule is chosen in two steps. On
some groups (the development run, or half of the groups) the bounds decide what is refused for
length, noise and bandwidth, and at which confidence to begin. On the other groups the confidence is
lowered from there, step by step, as long as the upper bound meets the target (fixed-sequence
testing): the last step that does is the rule. Because the order was fixed beforehand, every step
can be tested at the full level, and the rule has its target with the certainty of a single bound.

A confidence for a condition alone is chosen on the clips that it is judged on, from the most
certain ones down: it is the last one before the first that fails, after the first that holds.

Westfall & Krishen, Journal of Statistical Planning and Inference 99, 2001 (fixed sequence);
Angelopoulos, Bates, Candès, Jordan & Lei, Learn then Test, Annals of Applied Statistics 19, 2025
(risk control).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from harness.metrics.bootstrap import ClipSet
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
        Largest down to which the upper bound of the error meets it; 0 for none.
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
    """A rule for an error rate, ordered on some clips and shown on others.

    Parameters
    ----------
    tuned_on
        What it is ordered on: `development`, or `half of the groups`.
    before, after
        Error rate on all judged clips, and on those that the rule decides.
    coverage
        Share of the judged clips that it decides.
    rule
        None where no rule is shown to meet the target.
    kept
        Whether the upper bound of `after` meets the target: true of every rule.
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
    weights = view.weights(resamples, seed)
    return [
        _selective_risk(*place, cell, with_intervals(estimates[cell])["aurc"], weights)
        for place, cell in zip(view.places, cells, strict=True)
    ]


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
    met = bounded.high <= target
    if not met.any():
        return ErrorTarget(target, coverage, 0.0, math.nan, NO_FIGURE)
    at = _last_in_row(met, int(np.argmax(met)))
    error = ForensicFigure(
        float(bounded.error[at]),
        float(bounded.low[at]),
        float(bounded.high[at]),
        int(bounded.clips[at]),
        int(bounded.groups[at]),
    )
    sure_coverage, confidence = float(bounded.coverage[at]), float(bounded.confidence[at])
    return ErrorTarget(target, coverage, sure_coverage, confidence, error)


def _last_in_row(met: Mask, start: int) -> int:
    """Return the last place of the unbroken row of true ones that starts at a place."""
    failed = np.flatnonzero(~met[start:])
    return start + (int(failed[0]) if len(failed) else len(met) - start) - 1


@dataclass(frozen=True, eq=False)
class ScoredRows:
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
    def of(cls, view: ForensicRun, model: str) -> ScoredRows:
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

    def part(self, inside: Mask) -> ScoredRows:
        return ScoredRows(self.columns[:, inside], self.wrong[inside], self.group[inside])

    def decided(self, rule: AbstentionRule) -> Mask:
        least = np.array([rule.seconds, rule.snr_db, rule.bandwidth_hz, rule.confidence])
        return np.all(self.columns >= least[:, None], axis=0)

    def share(self, part: Mask, whole: Mask, weights: Array) -> ForensicFigure:
        """Return the share of some rows among others, with its interval over groups."""
        value, low, high, clips, groups = self.shares(part[None], whole[None], weights)
        if not clips[0]:
            return NO_FIGURE
        return ForensicFigure(
            float(value[0]), float(low[0]), float(high[0]), int(clips[0]), int(groups[0])
        )

    def shares(
        self, part: Mask, whole: Mask, weights: Array
    ) -> tuple[Array, Array, Array, Rows, Rows]:
        """Return shares with their bounds, clips and groups, for masks of shape (k, rows)."""
        some, every = (
            np.stack([np.bincount(self.group[row], minlength=len(weights)) for row in mask]).astype(
                np.float64
            )
            for mask in (part & whole, whole)
        )
        clips, groups = every.sum(axis=1).astype(np.intp), np.sum(every > 0, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = some.sum(axis=1) / clips
            draws = (some @ weights) / (every @ weights)
        low, high = proportion_interval(value, draws, groups, clips)
        return value, low, high, clips, groups.astype(np.intp)

    def bounds(self, rules: Sequence[AbstentionRule], weights: Array) -> Array:
        """Return the upper bound of the error of each rule; 1 where there is none."""
        decided = np.stack([self.decided(rule) for rule in rules])
        high = self.shares(np.broadcast_to(self.wrong, decided.shape), decided, weights)[2]
        return np.where(np.isnan(high), 1.0, high)


def rule_results(
    view: ForensicRun, development: ForensicRun | None, resamples: int, seed: int = 0
) -> list[RuleResult]:
    """Find the rule that is shown to meet each target error rate, for every model."""
    results: list[RuleResult] = []
    weights = view.weights(resamples, seed)
    for model in view.models:
        evaluated = ScoredRows.of(view, model)
        if development is not None:
            tuned_on, tuning = "development", ScoredRows.of(development, model)
            tuning_weights = development.weights(resamples, seed)
        else:
            order = np.random.default_rng(seed).permutation(view.grid.groups)
            inside = np.isin(evaluated.group, order[: len(order) // 2])
            tuned_on, tuning = "half of the groups", evaluated.part(inside)
            tuning_weights = weights
            evaluated = evaluated.part(~inside)
        orders = rule_orders(tuning, tuning_weights)
        results += [
            _rule_result(
                model,
                target,
                tuned_on,
                shown(order, evaluated, target, weights),
                evaluated,
                weights,
            )
            for target, order in zip(TARGETS, orders, strict=True)
        ]
    return results


def rule_orders(rows: ScoredRows, weights: Array) -> list[list[AbstentionRule]]:
    """Return rules to be tested one after the other, by target; empty where there are no rows.

    All rules of an order refuse alike for length, noise and bandwidth. Of these choices it is the
    one with which most rows are decided within the target, by the upper bound, or the least bound
    where none is within it. The order begins at the confidence of the least bound and falls.
    """
    if not len(rows.wrong):
        return [[] for _ in TARGETS]
    levels = np.quantile(rows.columns[3], np.linspace(0, 0.95, _CONFIDENCES))
    confidences = np.unique(np.append(0.0, levels)).tolist()
    best: list[tuple[tuple[float, float], list[AbstentionRule]]] = [((-1.0, 0.0), [])] * len(
        TARGETS
    )
    seen: set[bytes] = set()
    for choice in product(_SECONDS, _SNR_DB, _BANDWIDTH_HZ):
        inside = rows.decided(AbstentionRule(*choice, 0.0))
        if not inside.any() or inside.tobytes() in seen:
            continue
        seen.add(inside.tobytes())  # a stricter choice that refuses the same rows is not better
        rules = [AbstentionRule(*choice, confidence) for confidence in confidences]
        high = rows.bounds(rules, weights)
        own = rows.columns[3][inside]
        for place, target in enumerate(TARGETS):
            met = np.flatnonzero(high <= target)
            rank = (
                (1.0, float(np.sum(own >= confidences[met[0]])))
                if len(met)
                else (0.0, -float(np.min(high)))
            )
            if rank > best[place][0]:
                best[place] = rank, rules[int(np.argmin(high)) :: -1]
    return [order for _, order in best]


def shown(
    order: Sequence[AbstentionRule], rows: ScoredRows, target: float, weights: Array
) -> AbstentionRule | None:
    """Return the last rule before the first whose upper bound is above the target; None for none.

    Parameters
    ----------
    rows
        Of other groups than those that the order comes from.
    """
    if not len(order) or not len(rows.wrong):
        return None
    at = _last_in_row(rows.bounds(order, weights) <= target, 0)
    return order[at] if at >= 0 else None


def _rule_result(
    model: str,
    target: float,
    tuned_on: str,
    rule: AbstentionRule | None,
    rows: ScoredRows,
    weights: Array,
) -> RuleResult:
    every = np.ones(len(rows.wrong), dtype=bool)
    before = rows.share(rows.wrong, every, weights)
    if rule is None:
        return RuleResult(model, target, tuned_on, None, NO_FIGURE, before, NO_FIGURE, False)
    decided = rows.decided(rule)
    after = rows.share(rows.wrong, decided, weights)
    coverage = rows.share(decided, every, weights)
    kept = after.high <= target
    return RuleResult(model, target, tuned_on, rule, coverage, before, after, kept)
