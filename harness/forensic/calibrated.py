"""Likelihood ratios from scores, fitted where they are not judged, and what they are worth.

Every condition is calibrated by itself: a score after a bad codec is not worth what it is worth
without. With a development run the map is fitted on its clips under the same condition, else on its
`clean`; without one by cross-validation over groups. Ratios are then kept within bounds that the
number of clips sets (those of the development clips, or of the cross-validated ratios themselves).

Intervals are from resampled groups of the judged clips. The map is not fitted again within a
resample, so they say how much other judged clips would change a figure, not how much other
development clips would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.forensic.estimate import NOTHING, Measured, measured
from harness.forensic.run_view import Judged
from harness.metrics.bootstrap import Cell, estimate
from harness.metrics.calibration import KINDS, Kind, cross_calibrated, fit
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.metrics.elub import Bounds, empirical_bounds
from harness.metrics.likelihood import dev_pav
from harness.terms import CLEAN

Array = NDArray[np.float64]

FOLDS = 5
MISLEADING = 1
"""Clips of each class added where a map would be infinite: see `harness.metrics.calibration`."""
RAW = "none"
_FIGURES = ("cllr", "cllr_min", "cllr_cal", "ece", "brier", "act_dcf", "min_dcf")


@dataclass(frozen=True)
class Worth:
    """What the ratios of one method are worth under one condition.

    Parameters
    ----------
    method
        A kind of calibration, or `none`: the scores themselves, taken as ratios.
    fitted_on
        `clean` or another condition of the development run, or `other groups` where it was
        cross-validated; empty for `none`.
    cllr, cllr_min, cllr_cal, ece, brier
        As `harness.metrics.likelihood`.
    act_dcf, min_dcf
        Cost of deciding at the Bayes threshold of the costs, and the least.
    dev_pav
        Mean distance from calibrated ratios, in powers of ten.
    lower, upper
        Bounds of the ratios, natural logarithm; infinite for `none`.
    reason
        Why there is none; empty where there is.
    """

    model: str
    condition: str
    method: str
    fitted_on: str
    cllr: Measured
    cllr_min: Measured
    cllr_cal: Measured
    ece: Measured
    brier: Measured
    act_dcf: Measured
    min_dcf: Measured
    dev_pav: float
    lower: float
    upper: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Ratios:
    """Bounded ratios of the judged clips of one condition, in the order of its cell."""

    model: str
    condition: str
    method: str
    fitted_on: str
    cell: Cell
    bounds: Bounds | None
    reason: str = ""


def all_ratios(
    judged: Judged, development: Judged | None, seed: int = 0, cost: DetectionCost = ASVSPOOF_5
) -> list[Ratios]:
    """Ratios of every model, condition and method, those without a calibration first."""
    return [
        each
        for model in judged.models
        for condition in judged.conditions
        for each in _ratios(judged, development, model, condition.name, seed, cost)
    ]


def worth(judged: Judged, ratios: Sequence[Ratios], resamples: int, seed: int = 0) -> list[Worth]:
    """The figures of all ratios, from the same draws."""
    cells = [each.cell for each in ratios if not each.reason]
    estimates = estimate(cells, judged.grid.groups, resamples, seed)
    return [
        _worth(each, measured(estimates[each.cell]) if not each.reason else {}) for each in ratios
    ]


def _ratios(
    judged: Judged,
    development: Judged | None,
    model: str,
    condition: str,
    seed: int,
    cost: DetectionCost,
) -> Iterator[Ratios]:
    cell = replace(judged.cell(model, condition), cost=cost)
    lacking = "" if len(cell.real) and len(cell.fake) else "no scored clips of one class"
    yield Ratios(model, condition, RAW, "", _cell(cell, cell.real, cell.fake), None, lacking)
    for kind in KINDS:
        try:
            if development is None:
                yield _crossed(cell, model, condition, kind, seed)
            else:
                yield _developed(cell, development, model, condition, kind, seed)
        except ValueError as fault:
            yield Ratios(model, condition, kind, "", cell, None, str(fault))


def _crossed(cell: Cell, model: str, condition: str, kind: Kind, seed: int) -> Ratios:
    parts = (cell.real, cell.fake, cell.real_group, cell.fake_group)
    ratios = cross_calibrated(*parts, kind, FOLDS, seed, MISLEADING)
    bounds = empirical_bounds(ratios.real, ratios.fake)
    kept = _cell(cell, bounds.clip(ratios.real), bounds.clip(ratios.fake))
    return Ratios(model, condition, kind, "other groups", kept, bounds)


def _developed(
    cell: Cell, development: Judged, model: str, condition: str, kind: Kind, seed: int
) -> Ratios:
    fitted_on = condition if development.has_both(model, condition) else CLEAN
    own = development.cell(model, fitted_on)
    one = fit(own.real, own.fake, kind, MISLEADING)
    parts = (own.real, own.fake, own.real_group, own.fake_group)
    held_out = cross_calibrated(*parts, kind, FOLDS, seed, MISLEADING)
    bounds = empirical_bounds(held_out.real, held_out.fake)
    kept = _cell(cell, bounds.clip(one.llr(cell.real)), bounds.clip(one.llr(cell.fake)))
    lacking = "" if len(cell.real) and len(cell.fake) else "no scored clips of one class"
    return Ratios(model, condition, kind, fitted_on, kept, bounds, lacking)


def _cell(cell: Cell, real: Array, fake: Array) -> Cell:
    """The same clips with ratios for scores, decided at the Bayes threshold of the costs."""
    groups = (cell.real_group, cell.fake_group)
    return Cell(
        real, fake, *groups, metrics=_FIGURES, threshold=cell.cost.threshold, cost=cell.cost
    )


def _worth(ratios: Ratios, figures: dict[str, Measured]) -> Worth:
    cell, bounds = ratios.cell, ratios.bounds
    away = float("nan") if ratios.reason else dev_pav(cell.real, cell.fake) / float(np.log(10))
    return Worth(
        ratios.model,
        ratios.condition,
        ratios.method,
        ratios.fitted_on,
        *(figures.get(name, NOTHING) for name in _FIGURES),
        dev_pav=away,
        lower=bounds.lower if bounds else float("-inf"),
        upper=bounds.upper if bounds else float("inf"),
        reason=ratios.reason,
    )
