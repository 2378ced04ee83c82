"""Every forensic analysis of a run, and `forensic.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.forensic.abstention import RuleResult, SelectiveRisk, rule_results, selective_risks
from harness.forensic.calibrated import (
    RAW,
    RatioCurves,
    RatioQuality,
    all_ratios,
    ratio_curves,
    ratio_quality,
)
from harness.forensic.drift import Drift, drift
from harness.forensic.minimum_duration import DurationAnalysis, duration_analysis
from harness.forensic.prevalence import Prevalence, ThresholdTarget, prevalences, threshold_targets
from harness.forensic.run_view import RESAMPLES, ForensicRun, refuse_falling, refuse_kinship
from harness.forensic.validated_range import ValidatedRange, range_of
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.plain_json import json_lines

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

METHOD = "logistic"
"""The method whose curves are drawn beside those of the scores themselves."""


@dataclass(frozen=True)
class ForensicOptions:
    """Number of resamples, seed of resamples and folds, and costs of errors."""

    resamples: int = RESAMPLES
    seed: int = 0
    cost: DetectionCost = ASVSPOOF_5


@dataclass(frozen=True)
class Forensic:
    """All results; the fields are the keys of `forensic.json`.

    Parameters
    ----------
    development
        Name of the data that calibrations were fitted on; empty where they were cross-validated.
    synthetic
        Whether the clips or a detector are synthetic: the results then say nothing about real
        recordings.
    cost
        Costs of errors in the figures of detection cost.
    """

    suite: str
    data: str
    development: str
    synthetic: bool
    models: list[str]
    groups: int
    resamples: int
    cost: DetectionCost
    worth: list[RatioQuality]
    curves: list[RatioCurves]
    prevalence: list[Prevalence]
    needed: list[ThresholdTarget]
    selections: list[SelectiveRisk]
    rules: list[RuleResult]
    admissible: DurationAnalysis
    envelopes: list[ValidatedRange]
    drift: Drift = field(default_factory=lambda: Drift([], []))


_DEFAULT = ForensicOptions()


def forensic(
    run: RunFolder, development: RunFolder | None = None, options: ForensicOptions = _DEFAULT
) -> Forensic:
    """Analyse a run.

    Parameters
    ----------
    development
        A run of the same detectors on other clips, to fit calibrations, thresholds and rules on.

    Raises
    ------
    UsageError
        Where the development run has clips or groups of the judged run, or other detectors, and
        where a model's scores on `clean` are lower for fakes than for real clips.
    """
    view, other = ForensicRun.of(run), None
    refuse_falling(view, str(run.folder))
    if development is not None:
        other = ForensicRun.of(development)
        refuse_kinship(view, other, str(development.folder))
        refuse_falling(other, str(development.folder), view.models)
    ratios = all_ratios(view, other, options.seed, options.cost)
    draws = options.resamples, options.seed
    return Forensic(
        suite=run.record.suite.name,
        data=run.record.data.name,
        development="" if development is None else development.record.data.name,
        synthetic=run.record.data.synthetic or any(model.synthetic for model in run.record.models),
        models=view.models,
        groups=view.grid.groups,
        resamples=options.resamples,
        cost=options.cost,
        worth=ratio_quality(view, other, ratios, *draws),
        curves=ratio_curves(ratios, (RAW, METHOD)),
        prevalence=prevalences(view, *draws),
        needed=threshold_targets(view, other, *draws),
        selections=selective_risks(view, *draws),
        rules=rule_results(view, other, *draws),
        admissible=duration_analysis(view, *draws),
        drift=drift(view, other, *draws),
        envelopes=[range_of(view, model, options.resamples) for model in view.models],
    )


def forensic_json(content: Forensic) -> str:
    """Return the text of `forensic.json`, one item a line; NaN and infinities are null."""
    return json_lines(vars(content))
