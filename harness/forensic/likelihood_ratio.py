"""The likelihood ratio of one questioned score, and likelihood ratios in words.

The ratio is linear in the score (logistic calibration), fitted on the clips that the recording
resembles: those of its condition and band of lengths (`harness.forensic.likeness`). Its interval
comes from resampled groups. Ratio and interval are clipped to the empirical bounds, which come from
cross-validated ratios. Where these are worth no more than no evidence, there is no ratio.

The verbal scale is that of the European Network of Forensic Science Institutes, Guideline for
evaluative reporting in forensic science, 2015, appendix. It says how much a finding supports one
proposition rather than the other, not how probable either is, which also depends on everything else
that is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import UsageError
from harness.forensic.likeness import Likeness, like_clips
from harness.forensic.run_view import RESAMPLES, ForensicRun
from harness.metrics import METRICS
from harness.metrics.bootstrap import ClipSet, draw
from harness.metrics.calibration import cross_calibrated, fit, logistic_lines
from harness.metrics.classification import Array
from harness.metrics.elub import Bounds, empirical_bounds
from harness.metrics.intervals import bootstrap_error, student_interval

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

MISLEADING = 1
"""Clips of each class added where a calibration would be infinite."""


@dataclass(frozen=True)
class LikelihoodRatio:
    """A log-likelihood ratio of fake over real, natural logarithm.

    Parameters
    ----------
    llr, low, high
        The ratio and its 95 % interval over groups, within the bounds.
    unbounded
        The ratio before clipping.
    bounds
        The most that the number of groups supports.
    real, fake, groups
        Clips and groups that it is fitted on.
    """

    llr: float
    low: float
    high: float
    unbounded: float
    bounds: Bounds
    real: int
    fake: int
    groups: int

    @property
    def bounded(self) -> bool:
        """Whether clipping changed the ratio."""
        return self.llr != self.unbounded


def likelihood_ratio(
    run: RunFolder,
    model: str,
    likeness: Likeness,
    score: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> LikelihoodRatio:
    """Compute the ratio of one score.

    Raises
    ------
    UsageError
        Where the run has too few clips like the recording for a calibration, or their calibrated
        scores are worth no more than no evidence.
    """
    view = ForensicRun.of(run)
    cell = like_clips(view, model, likeness, str(run.folder))
    parts = (cell.real, cell.fake, cell.real_group, cell.fake_group)
    try:
        line = fit(cell.real, cell.fake, "logistic", MISLEADING)
        held_out = cross_calibrated(*parts, "logistic", seed=seed, misleading=MISLEADING)
        bounds = empirical_bounds(held_out.real, held_out.fake, cell.real_group, cell.fake_group)
    except ValueError as fault:
        raise UsageError(
            f"no likelihood ratio for a score under {likeness.condition}: {fault}",
            str(run.folder),
            "score more clips",
        ) from fault
    cost = METRICS["cllr"].value(bounds.clip(held_out.real), bounds.clip(held_out.fake))
    if cost >= 1:
        raise UsageError(
            f"no likelihood ratio for a score under {likeness.condition}: calibrated on other "
            "groups, the scores of such clips are worth no more than no evidence "
            f"(Cllr {cost:.2f})",
            str(run.folder),
            "score more clips",
        )
    value = float(line.llr(np.array(score)))
    groups = min(len(np.unique(cell.real_group)), len(np.unique(cell.fake_group)))
    draws = _resampled(cell, score, view.grid.groups, resamples, seed)
    low, high = student_interval(value, bootstrap_error(draws, groups), groups)
    clipped = bounds.clip(np.array([value, float(low), float(high)]))
    return LikelihoodRatio(
        llr=float(clipped[0]),
        low=float(clipped[1]),
        high=float(clipped[2]),
        unbounded=value,
        bounds=bounds,
        real=len(cell.real),
        fake=len(cell.fake),
        groups=groups,
    )


def _resampled(cell: ClipSet, score: float, groups: int, resamples: int, seed: int) -> Array:
    """Return the score's ratio for each resample of the groups."""
    scores = np.concatenate([cell.real, cell.fake])
    is_fake = np.repeat([False, True], [len(cell.real), len(cell.fake)])
    group = np.concatenate([cell.real_group, cell.fake_group])
    weights = np.concatenate(list(draw(groups, resamples, seed)), axis=1).astype(np.float64)
    lines = logistic_lines(scores, is_fake, weights[group], MISLEADING)
    return lines[0] + lines[1] * score


Side = Literal["fake", "real", "neither"]

SCALE = (
    (1.0, 2.0, "no support for either over the other"),
    (2.0, 10.0, "weak support"),
    (10.0, 100.0, "moderate support"),
    (100.0, 1_000.0, "moderately strong support"),
    (1_000.0, 10_000.0, "strong support"),
    (10_000.0, 1_000_000.0, "very strong support"),
    (1_000_000.0, math.inf, "extremely strong support"),
)
"""Verbal scale: from a ratio, up to but not including another, and the words for it."""


def side(llr: float) -> Side:
    """Return the proposition that a log-likelihood ratio supports; neither for ratios below 2."""
    if abs(llr) < math.log(2):
        return "neither"
    return "fake" if llr > 0 else "real"


def verbal(llr: float) -> str:
    """Return the strength of support in words."""
    size = abs(llr)
    return next((words for _, to, words in SCALE[:-1] if size < math.log(to)), SCALE[-1][2])


def sentence(llr: float) -> str:
    """Return the finding as the guideline words it, naming both propositions."""
    supported = side(llr)
    if supported == "neither":
        return (
            "The score is about as probable if the recording is real as if it is fake: it supports "
            "neither over the other."
        )
    other = "real" if supported == "fake" else "fake"
    return (
        f"The score is {ratio(llr)} times as probable if the recording is {supported} as if it is "
        f"{other}: {verbal(llr)} for {supported} over {other}."
    )


def ratio(llr: float) -> str:
    """Return the ratio for the supported side, two figures and at least 1: `1.5`, `17`, `2,400`."""
    size = abs(llr)
    if size >= math.log(SCALE[-1][0]):
        return f"more than {SCALE[-1][0]:,.0f}"
    value = float(f"{math.exp(size):.2g}")
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
