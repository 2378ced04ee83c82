"""Likelihood ratios from scores, how good they are, and the curves that show it.

Each condition is calibrated separately. With a development run the calibration is fitted on its
clips under the same condition, else on its `clean`; without one it is cross-validated over groups.
Ratios are then clipped to bounds set by the number of groups (those of the development clips, or of
the cross-validated ratios themselves).

Intervals come from resampled groups of the judged clips. For Cllr of the logistic ratios the map
is fitted again in every resample, of the judged run or of the development run, so that its interval
covers the choice of the clips that the map is fitted on as well (`harness.metrics.refit`). Other
figures and methods are resampled with the map as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.forensic.likelihood_ratio import MISLEADING
from harness.forensic.run_view import NO_FIGURE, Array, ForensicFigure, ForensicRun, with_intervals
from harness.metrics.bootstrap import ClipSet
from harness.metrics.calibration import (
    KINDS,
    CrossCalibrated,
    Kind,
    cross_calibrated,
    fit,
    fold_numbers,
)
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.detection import roc
from harness.metrics.elub import LN10, Bounds, empirical_bounds
from harness.metrics.likelihood import cross_entropy, dev_pav, pav, reliability, tippett
from harness.metrics.refit import refitted_cost
from harness.summary.curves import thin
from harness.terms import CLEAN

FOLDS = 5
RAW = "none"
POINTS = 100
_PRIOR = 3.0
"""Prior odds are drawn to either side up to this power of ten."""
_FIGURES = ("cllr", "cllr_min", "cllr_cal", "ece", "brier", "act_dcf", "min_dcf")
_ONE_CLASS = "no scored clips of one class"


@dataclass(frozen=True)
class RatioQuality:
    """Quality of the ratios of one method under one condition.

    Parameters
    ----------
    method
        A kind of calibration, or `none`: the scores themselves, taken as ratios.
    fitted_on
        `clean` or another condition of the development run, or `other groups` where it was
        cross-validated; empty for `none`.
    cllr, cllr_min, cllr_cal, ece, brier
        As in `harness.metrics.likelihood`.
    act_dcf, min_dcf
        Detection cost at the Bayes threshold, and its minimum.
    dev_pav
        Mean distance from calibrated ratios, in powers of ten.
    lower, upper
        Bounds of the ratios, natural logarithm; infinite for `none`.
    reason
        Why there are no figures; empty where there are.
    """

    model: str
    condition: str
    method: str
    fitted_on: str
    cllr: ForensicFigure
    cllr_min: ForensicFigure
    cllr_cal: ForensicFigure
    ece: ForensicFigure
    brier: ForensicFigure
    act_dcf: ForensicFigure
    min_dcf: ForensicFigure
    dev_pav: float
    lower: float
    upper: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class ConditionRatios:
    """Bounded ratios of the judged clips of one condition, in the order of its cell.

    Parameters
    ----------
    fitted
        The clips that the map is fitted on; None where it has none, or none of a single method.
    judged
        The clips with their scores as they were.
    """

    model: str
    condition: str
    method: str
    fitted_on: str
    cell: ClipSet
    bounds: Bounds | None
    reason: str = ""
    fitted: ClipSet | None = None
    judged: ClipSet | None = None


def all_ratios(
    view: ForensicRun,
    development: ForensicRun | None,
    seed: int = 0,
    cost: DetectionCost = ASVSPOOF_5,
) -> list[ConditionRatios]:
    """Return the ratios of every model, condition and method, uncalibrated ones first."""
    return [
        ratios
        for model, condition in view.places
        for ratios in _ratios(view, development, model, condition, seed, cost)
    ]


def ratio_quality(
    view: ForensicRun,
    development: ForensicRun | None,
    ratios: Sequence[ConditionRatios],
    resamples: int,
    seed: int = 0,
) -> list[RatioQuality]:
    """Return the figures of all ratios, from the same draws."""
    cells = [own.cell for own in ratios if not own.reason]
    estimates = view.estimates(cells, resamples, seed)
    judged = view.weights(resamples, seed, cells)
    # Another run has other groups, which are drawn independently.
    fitted = judged if development is None else development.weights(resamples, seed + 1)
    qualities: list[RatioQuality] = []
    for own in ratios:
        resampled = {} if own.reason else dict(estimates[own.cell])
        if resampled and own.method == "logistic":
            draws = _refitted(own, (fitted, judged), development is None, seed)
            resampled["cllr"] = replace(resampled["cllr"], draws=draws, effects=None)
        qualities.append(_quality(own, with_intervals(resampled) if resampled else {}))
    return qualities


def _refitted(
    ratios: ConditionRatios, weights: tuple[Array, Array], crossed: bool, seed: int
) -> Array:
    """Return Cllr in every resample, with maps that are fitted to it."""
    fitted, judged, bounds = ratios.fitted, ratios.judged, ratios.bounds
    if fitted is None or judged is None or bounds is None:
        raise ValueError("only ratios of a fitted map are refitted")
    fold_of = (
        fold_numbers(judged.real_group, judged.fake_group, FOLDS, seed, len(weights[1]))
        if crossed
        else None
    )
    return refitted_cost(fitted, judged, fold_of, bounds, weights, MISLEADING).draws


def _ratios(
    view: ForensicRun,
    development: ForensicRun | None,
    model: str,
    condition: str,
    seed: int,
    cost: DetectionCost,
) -> Iterator[ConditionRatios]:
    cell = replace(view.cell(model, condition), cost=cost)
    reason = "" if view.has_both(model, condition) else _ONE_CLASS
    yield ConditionRatios(
        model, condition, RAW, "", _cell(cell, cell.real, cell.fake), None, reason
    )
    for kind in KINDS:
        try:
            if development is None:
                fitted_on = "other groups"
                own = cell
                ratios, bounds = _held_out(cell, kind, seed)
                real, fake = ratios.real, ratios.fake
            else:
                fitted_on = condition if development.has_both(model, condition) else CLEAN
                own = development.cell(model, fitted_on)
                fitted = fit(own.real, own.fake, kind, MISLEADING)
                _, bounds = _held_out(own, kind, seed)
                real, fake = fitted.llr(cell.real), fitted.llr(cell.fake)
        except ValueError as fault:
            yield ConditionRatios(model, condition, kind, "", cell, None, str(fault))
            continue
        bounded = _cell(cell, bounds.clip(real), bounds.clip(fake))
        yield ConditionRatios(model, condition, kind, fitted_on, bounded, bounds, reason, own, cell)


def _held_out(cell: ClipSet, kind: Kind, seed: int) -> tuple[CrossCalibrated, Bounds]:
    """Return cross-validated ratios of a cell, and their bounds."""
    parts = (cell.real, cell.fake, cell.real_group, cell.fake_group)
    ratios = cross_calibrated(*parts, kind, FOLDS, seed, MISLEADING)
    return ratios, empirical_bounds(ratios.real, ratios.fake, cell.real_group, cell.fake_group)


def _cell(cell: ClipSet, real: Array, fake: Array) -> ClipSet:
    """Return the same clips with ratios for scores, decided at the Bayes threshold."""
    groups = (cell.real_group, cell.fake_group)
    return ClipSet(
        real, fake, *groups, metrics=_FIGURES, threshold=cell.cost.threshold, cost=cell.cost
    )


def _quality(ratios: ConditionRatios, figures: dict[str, ForensicFigure]) -> RatioQuality:
    cell, bounds = ratios.cell, ratios.bounds
    distance = float("nan") if ratios.reason else dev_pav(cell.real, cell.fake) / LN10
    return RatioQuality(
        ratios.model,
        ratios.condition,
        ratios.method,
        ratios.fitted_on,
        *(figures.get(name, NO_FIGURE) for name in _FIGURES),
        dev_pav=distance,
        lower=bounds.lower if bounds else float("-inf"),
        upper=bounds.upper if bounds else float("inf"),
        reason=ratios.reason,
    )


@dataclass(frozen=True)
class RatioCurves:
    """Curves of one method's ratios under one condition; ratios as powers of ten.

    Parameters
    ----------
    tippett_at, tippett_real, tippett_fake
        Share of each class whose ratio is larger.
    pav_at, pav
        Ratios as given and after pooling, where both are finite: equal where calibrated.
    prior, given, pooled, reference
        Empirical cross-entropy in bits over prior odds (log10).
    stated, observed, clips
        Share of fakes in ten equal bins, at an even prior.
    fpr, fnr
        Error rates over all thresholds.
    """

    model: str
    condition: str
    method: str
    tippett_at: list[float]
    tippett_real: list[float]
    tippett_fake: list[float]
    pav_at: list[float]
    pav: list[float]
    prior: list[float]
    given: list[float]
    pooled: list[float]
    reference: list[float]
    stated: list[float]
    observed: list[float]
    clips: list[int]
    fpr: list[float]
    fnr: list[float]


def ratio_curves(ratios: Sequence[ConditionRatios], methods: Sequence[str]) -> list[RatioCurves]:
    """Return the curves of these methods, where there are ratios."""
    return [_curves(own) for own in ratios if own.method in methods and not own.reason]


def _curves(ratios: ConditionRatios) -> RatioCurves:
    real, fake = ratios.cell.real, ratios.cell.fake
    share, prior = tippett(real, fake, POINTS), np.linspace(-_PRIOR, _PRIOR, 61)
    entropy, bins = cross_entropy(real, fake, prior * LN10), reliability(real, fake)
    points = roc(real, fake)
    kept = thin(points)
    at, line = _pooled(real, fake)
    return RatioCurves(
        ratios.model,
        ratios.condition,
        ratios.method,
        tippett_at=_rounded(share.llr / LN10),
        tippett_real=_rounded(share.real),
        tippett_fake=_rounded(share.fake),
        pav_at=_rounded(at / LN10),
        pav=_rounded(line / LN10),
        prior=_rounded(prior),
        given=_rounded(entropy.given),
        pooled=_rounded(entropy.pooled),
        reference=_rounded(entropy.reference),
        stated=_rounded(bins.stated),
        observed=_rounded(bins.observed),
        clips=bins.clips.tolist(),
        fpr=_rounded(points.fpr[kept]),
        fnr=_rounded(1 - points.tpr[kept]),
    )


def _pooled(real: Array, fake: Array) -> tuple[Array, Array]:
    """Return the ends of the steps of pooled ratios, evenly thinned where there are many."""
    at, first = np.unique(np.concatenate([real, fake]), return_index=True)
    line = np.concatenate(pav(real, fake))[first]
    finite = np.isfinite(line) & np.isfinite(at)
    at, line = at[finite], line[finite]
    if not len(at):
        return at, line
    steps = np.flatnonzero(np.diff(line)) if len(at) > 1 else np.zeros(0, dtype=np.intp)
    ends = np.unique(np.concatenate([[0], steps, steps + 1, [len(at) - 1]]))
    if len(ends) > 2 * POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, 2 * POINTS).round().astype(np.intp))]
    return at[ends], line[ends]


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 4) for value in values]
