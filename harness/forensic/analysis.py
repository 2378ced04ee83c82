"""Everything that a run says about scores as evidence, and `forensic.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.forensic.abstention import Ruled, Selection, rules, selections
from harness.forensic.calibrated import RAW, Worth, all_ratios, worth
from harness.forensic.curve import Curves, curves
from harness.forensic.estimate import RESAMPLES
from harness.forensic.minimum_duration import Admissible, admissible
from harness.forensic.prevalence import Needed, Prevalence, needed, prevalences
from harness.forensic.run_view import Judged, refuse_falling, refuse_kinship
from harness.forensic.validated_range import Envelope, envelope_of
from harness.metrics.cost import ASVSPOOF_5, DetectionCost
from harness.plain_json import json_lines

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

METHOD = "logistic"
"""The method whose curves are drawn beside those of the scores themselves."""


@dataclass(frozen=True)
class Options:
    """How often to resample, the seed of it and of the folds, and what errors cost."""

    resamples: int = RESAMPLES
    seed: int = 0
    cost: DetectionCost = ASVSPOOF_5


@dataclass(frozen=True)
class Forensic:
    """All of it, computed.

    Parameters
    ----------
    development
        Name of the data that the calibration was fitted on; empty where it was cross-validated.
    synthetic
        Whether the clips, or a detector, are made by a recipe: nothing here is then about
        recordings.
    groups
        That the run has clips of.
    cost
        Of the figures of detection cost.
    """

    suite: str
    data: str
    development: str
    synthetic: bool
    models: list[str]
    groups: int
    resamples: int
    cost: DetectionCost
    worth: list[Worth]
    curves: list[Curves]
    prevalence: list[Prevalence]
    needed: list[Needed]
    selections: list[Selection]
    rules: list[Ruled]
    admissible: Admissible
    envelopes: list[Envelope]


_DEFAULT = Options()


def forensic(
    run: RunFolder, development: RunFolder | None = None, options: Options = _DEFAULT
) -> Forensic:
    """Every analysis of a run.

    Parameters
    ----------
    development
        A run of the same detectors on other clips, to fit calibrations, thresholds and rules on.

    Raises
    ------
    UsageError
        Where the development run has clips or groups of the judged one, or other detectors, and
        where a model's scores run the wrong way on `clean`.
    """
    judged = Judged.of(run)
    refuse_falling(judged, str(run.folder))
    tuned_on = None if development is None else Judged.of(development)
    if development is not None and tuned_on is not None:
        refuse_kinship(judged, tuned_on, str(development.folder))
        refuse_falling(tuned_on, str(development.folder), judged.models)
    ratios = all_ratios(judged, tuned_on, options.seed, options.cost)
    draws = options.resamples, options.seed
    return Forensic(
        suite=run.record.suite.name,
        data=run.record.data.name,
        development="" if development is None else development.record.data.name,
        synthetic=run.record.data.synthetic or any(each.synthetic for each in run.record.models),
        models=judged.models,
        groups=judged.grid.groups,
        resamples=options.resamples,
        cost=options.cost,
        worth=worth(judged, ratios, *draws),
        curves=curves(ratios, (RAW, METHOD)),
        prevalence=prevalences(judged, *draws),
        needed=needed(judged, tuned_on, *draws),
        selections=selections(judged, *draws),
        rules=rules(judged, tuned_on, *draws),
        admissible=admissible(judged, *draws),
        envelopes=[envelope_of(judged, model, options.resamples) for model in judged.models],
    )


def forensic_json(content: Forensic) -> str:
    """The text of `forensic.json`: a line an item; what is not known or not finite is null."""
    return json_lines(vars(content))
