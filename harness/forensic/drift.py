"""Whether one threshold and one calibration hold under every condition.

A laboratory has one threshold and one map from scores to ratios, and recordings of many kinds. Both
are taken from `clean` (the threshold is the run's), applied to every other condition, and compared:

- the threshold: the rise of each error rate against clean, on the same groups;
- the calibration: Cllr of ratios by the map of clean clips less that by a map of the condition's
  own clips, both fitted on other groups than they are applied to (or on the development run), and
  both fitted again in every resample.

A rise is shown where its lower bound lies above 0 after Holm's correction over all conditions of
the model. The threshold or the map holds where the upper bounds of its rises are within a
tolerance; what is neither is not known. What an own threshold would do better is shown beside it:
where that is little, the condition costs information, and no other threshold brings it back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr

from harness.forensic.likelihood_ratio import MISLEADING
from harness.forensic.run_view import (
    NO_FIGURE,
    Array,
    ForensicFigure,
    ForensicRun,
    Rows,
    with_intervals,
)
from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet
from harness.metrics.calibration import cross_calibrated, fold_numbers
from harness.metrics.detection import roc
from harness.metrics.elub import Bounds, empirical_bounds
from harness.metrics.intervals import SIZE, student_bounds
from harness.metrics.refit import RefittedCost, refitted_cost
from harness.metrics.resampled import Resampled, difference_bounds, difference_of
from harness.metrics.significance import holm
from harness.terms import CLEAN

FOLDS = 5
ERROR_TOLERANCE = 0.05
"""Rise of an error rate up to which a threshold holds."""
COST_TOLERANCE = 0.1
"""Loss of Cllr in bits up to which a calibration holds."""

Verdict = Literal["holds", "does not hold", "not known"]
_RATES = ("fpr", "fnr")


@dataclass(frozen=True)
class ThresholdDrift:
    """The run's threshold under one condition.

    Parameters
    ----------
    fpr, fnr
        Error rates there.
    fpr_rise, fnr_rise
        Against clean, paired.
    p
        Of the larger rise, by Holm over both rates and all conditions.
    regained
        Half total error rate less that of a threshold of the condition's own, chosen on other
        groups; NaN where none can be.
    """

    model: str
    condition: str
    fpr: ForensicFigure
    fnr: ForensicFigure
    fpr_rise: ForensicFigure
    fnr_rise: ForensicFigure
    p: float
    regained: float
    verdict: Verdict


@dataclass(frozen=True)
class CalibrationDrift:
    """The map of clean clips under one condition.

    Parameters
    ----------
    clean_map, own_map
        Cllr of the ratios by the map of clean clips, and by one of the condition's own.
    loss
        Their difference, paired.
    p
        Of a loss, by Holm over all conditions.
    cllr_cal, ece
        Of the ratios by the map of clean clips.
    reason
        Why there are no figures; empty where there are.
    """

    model: str
    condition: str
    clean_map: ForensicFigure
    own_map: ForensicFigure
    loss: ForensicFigure
    p: float
    cllr_cal: ForensicFigure
    ece: ForensicFigure
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class Drift:
    """Both questions for every model and condition but clean."""

    thresholds: list[ThresholdDrift]
    calibrations: list[CalibrationDrift]


def drift(
    view: ForensicRun, development: ForensicRun | None, resamples: int, seed: int = 0
) -> Drift:
    """Compare every condition with clean."""
    thresholds: list[ThresholdDrift] = []
    calibrations: list[CalibrationDrift] = []
    for model in view.models:
        if not view.has_both(model, CLEAN):
            continue
        names = [
            condition.name
            for condition in view.conditions
            if condition.name != CLEAN and view.has_both(model, condition.name)
        ]
        thresholds += _thresholds(view, model, names, resamples, seed)
        calibrations += _calibrations(view, development, model, names, resamples, seed)
    return Drift(thresholds, calibrations)


def _thresholds(
    view: ForensicRun, model: str, names: Sequence[str], resamples: int, seed: int
) -> Iterator[ThresholdDrift]:
    cells = {name: view.part(view.rows(model, name), _RATES) for name in (CLEAN, *names)}
    estimates = view.estimates(list(cells.values()), resamples, seed)
    clean = estimates[cells[CLEAN]]
    rises = {
        name: [_Rise.of(clean[rate], estimates[cells[name]][rate]) for rate in _RATES]
        for name in names
    }
    p_of = _corrected({name: [rise.p for rise in both] for name, both in rises.items()})
    for name, both in rises.items():
        yield ThresholdDrift(
            model,
            name,
            *with_intervals(estimates[cells[name]]).values(),
            *(rise.figure for rise in both),
            p=p_of[name],
            regained=_regained(cells[name], seed),
            verdict=_verdict(p_of[name], [rise.figure for rise in both], ERROR_TOLERANCE),
        )


@dataclass(frozen=True)
class _Rise:
    """A paired difference, and the one-sided p-value of its being above 0."""

    figure: ForensicFigure
    p: float

    @classmethod
    def of(cls, before: Resampled, after: Resampled, *, cost: bool = False) -> _Rise:
        rise = difference_of(after, before)
        error, freedom = rise.error(), rise.freedom()
        if cost:  # costs have no end, and no exact bound where they do not vary
            low, high = student_bounds(rise.value, error, freedom)
        else:
            bounds = difference_bounds([rise])
            low, high = bounds.low[0], bounds.high[0]
        figure = ForensicFigure(rise.value, float(low), float(high), rise.evidence, rise.groups)
        known = error > 0 and math.isfinite(rise.value)
        return cls(figure, float(stdtr(freedom, -rise.value / error)) if known else 1.0)


def _corrected(p: dict[str, list[float]]) -> dict[str, float]:
    """Return the smallest p-value of each name, by Holm over all."""
    if not p:
        return {}
    corrected = iter(holm(np.concatenate([np.array(values) for values in p.values()])).tolist())
    return {name: min(next(corrected) for _ in values) for name, values in p.items()}


def _verdict(p: float, rises: Sequence[ForensicFigure], tolerance: float) -> Verdict:
    if p <= SIZE / 2:  # as one side of an interval
        return "does not hold"
    if all(rise.known and rise.high <= tolerance for rise in rises):
        return "holds"
    return "not known"


def _regained(cell: ClipSet, seed: int) -> float:
    """Return what thresholds of the condition's own, of other groups, take from the error."""
    fold_of = fold_numbers(cell.real_group, cell.fake_group, FOLDS, seed)
    real_fold, fake_fold = fold_of[cell.real_group], fold_of[cell.fake_group]
    wrong = np.zeros(2)
    for fold in np.unique(np.concatenate([real_fold, fake_fold])):
        real, fake = cell.real[real_fold != fold], cell.fake[fake_fold != fold]
        if not len(real) or not len(fake):
            return math.nan
        points = roc(real, fake)
        own = float(points.threshold[np.argmin(points.fpr + 1 - points.tpr)])
        wrong += [
            np.sum(cell.real[real_fold == fold] >= own),
            np.sum(cell.fake[fake_fold == fold] < own),
        ]
    own_error = float(np.mean(wrong / [len(cell.real), len(cell.fake)]))
    return METRICS["hter"].value(cell.real, cell.fake, cell.threshold) - own_error


def _calibrations(
    view: ForensicRun,
    development: ForensicRun | None,
    model: str,
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> Iterator[CalibrationDrift]:
    clean = (development or view).cell(model, CLEAN)
    whole = {name: view.cell(model, name) for name in names}
    maps = _Maps.of(view, development, clean, list(whole.values()), resamples, seed)
    costs: dict[str, tuple[RefittedCost, RefittedCost]] = {}
    reasons: dict[str, str] = {}
    for name, cell in whole.items():
        own = cell
        if development is not None and development.has_both(model, name):
            own = development.cell(model, name)
        try:
            costs[name] = maps.cost(clean, cell), maps.cost(own, cell)
        except ValueError as fault:
            reasons[name] = str(fault)
    cells = {
        name: [_with_ratios(whole[name], cost, place) for place, cost in enumerate(both)]
        for name, both in costs.items()
    }
    estimates = view.estimates([cell for both in cells.values() for cell in both], resamples, seed)
    resampled = {
        name: [
            replace(estimates[cell]["cllr"], draws=cost.draws, effects=None)
            for cell, cost in zip(cells[name], costs[name], strict=True)
        ]
        for name in costs
    }
    losses = {name: _Rise.of(own, clean, cost=True) for name, (clean, own) in resampled.items()}
    p_of = _corrected({name: [loss.p] for name, loss in losses.items()})
    for name in names:
        if name in reasons:
            yield CalibrationDrift(
                model,
                name,
                clean_map=NO_FIGURE,
                own_map=NO_FIGURE,
                loss=NO_FIGURE,
                p=math.nan,
                cllr_cal=NO_FIGURE,
                ece=NO_FIGURE,
                verdict="not known",
                reason=reasons[name],
            )
            continue
        clean_map, own_map = (with_intervals({"cllr": cost})["cllr"] for cost in resampled[name])
        figures = with_intervals(estimates[cells[name][0]])
        loss = losses[name].figure
        yield CalibrationDrift(
            model,
            name,
            clean_map,
            own_map,
            loss,
            p_of[name],
            cllr_cal=figures["cllr_cal"],
            ece=figures["ece"],
            verdict=_verdict(p_of[name], [loss], COST_TOLERANCE),
        )


@dataclass(frozen=True, eq=False)
class _Maps:
    """How maps are fitted: on other folds of the same groups, or on the development run."""

    fold_of: Rows | None
    weights: tuple[Array, Array]
    seed: int

    @classmethod
    def of(
        cls,
        view: ForensicRun,
        development: ForensicRun | None,
        clean: ClipSet,
        cells: Sequence[ClipSet],
        resamples: int,
        seed: int,
    ) -> _Maps:
        judged = view.weights(resamples, seed, cells)
        if development is None:
            fold_of = fold_numbers(
                clean.real_group, clean.fake_group, FOLDS, seed, view.grid.groups
            )
            return cls(fold_of, (judged, judged), seed)
        own = development.weights(resamples, seed + 1)  # drawn independently
        return cls(None, (own, judged), seed)

    def cost(self, fitted: ClipSet, judged: ClipSet) -> RefittedCost:
        bounds = bounds_of(fitted, self.seed)
        return refitted_cost(fitted, judged, self.fold_of, bounds, self.weights, MISLEADING)


def _with_ratios(cell: ClipSet, cost: RefittedCost, place: int) -> ClipSet:
    """Return the cell with its ratios for scores; the first of two has all figures."""
    metrics = ("cllr",) if place else ("cllr", "cllr_cal", "ece")
    return replace(cell, real=cost.real, fake=cost.fake, metrics=metrics)


def bounds_of(cell: ClipSet, seed: int) -> Bounds:
    """Return the bounds that a cell's own clips support."""
    parts = (cell.real, cell.fake, cell.real_group, cell.fake_group)
    ratios = cross_calibrated(*parts, "logistic", FOLDS, seed, MISLEADING)
    return empirical_bounds(ratios.real, ratios.fake, cell.real_group, cell.fake_group)
