"""Compare a run with a baseline, clip by clip: what differs, by how much, and whether by chance.

Conventions: a difference is the run's figure minus the baseline's, in fractions, whichever
direction is better; intervals are 95 % intervals over groups; NaN marks what is unknown. Every
figure covers all clips of a condition. All figures of both runs use the same draws of groups.

The union of both runs is shown: figures that only one run has, that no longer have a value or that
may not be compared keep their place with a status and a reason. Holm's method adjusts all known
p-values of the comparison as one family.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.compare.difference import (
    CODED,
    ROUNDING,
    Difference,
    clip_test,
    draft,
    filled,
    judged,
)
from harness.compare.flips import Flip, FlipCount, flip_counts, flips
from harness.compare.matching import MatchedName, recorded
from harness.compare.mean_difference import MeanDifference, draft_means, mean_figure
from harness.compare.notes import notes
from harness.compare.pairing import PairedCells, Pairing
from harness.errors import UsageError
from harness.metrics import METRICS
from harness.metrics.paired import Paired, compare_cells
from harness.plain_json import json_lines
from harness.results.identity import same_scores
from harness.results.run_folder import RunFolder
from harness.summary.corruption_error import (
    CorruptionError,
    FamilyLoss,
    WorstCondition,
    corruption_errors,
    family_losses,
    worst,
)
from harness.summary.summary import RESAMPLES
from harness.terms import CLEAN, Generators

_Key = tuple[str, str, str]
"""Model, condition, metric."""


@dataclass(frozen=True)
class Comparison:
    """A run compared with a baseline.

    Parameters
    ----------
    models, conditions
        Their names in each run.
    notes
        In words: differences between the runs that bar no comparison, and renamed matches.
    not_comparable
        Clips whose recordings differ between the runs; no figure includes them.
    comparable
        Share of the common clips that are not among these.
    identical
        Models and conditions under which all scores of both runs agree but for rounding
        (`harness.compare.difference.ROUNDING`; `CODED` for one detector).
    means
        Over all perturbed conditions, and over families.
    family
        Number of p-values that Holm's method adjusted together.
    """

    models: list[MatchedName]
    conditions: list[MatchedName]
    cells: list[Difference]
    means: list[MeanDifference]
    flips: list[Flip]
    flip_counts: list[FlipCount]
    corruption: list[CorruptionError]
    families: list[FamilyLoss]
    worst: list[WorstCondition]
    identical: list[tuple[str, str]]
    not_comparable: list[str]
    comparable: float
    notes: list[str]
    family: int
    resamples: int
    groups: int
    generators: Generators


def compare(
    run: RunFolder,
    baseline: RunFolder,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    generators: Generators = "these",
) -> Comparison:
    """Compare every figure that either run has, paired on the clips of both.

    Parameters
    ----------
    generators
        What intervals and tests of differences hold for.

    Raises
    ------
    UsageError
        For a table that the engine cannot have written, or fewer than 2 resamples.
    """
    if resamples < 2:
        raise UsageError(f"{resamples} resamples", "", "take at least 2")
    pairing = Pairing.of(run, baseline)
    drafts = list(draft(pairing))
    paired = _paired_cells(pairing, drafts)
    figures = _figures(pairing, paired, resamples, seed)
    cells = [_filled(pairing, cell, paired, figures) for cell in drafts]
    cells = _judged(cells, figures, generators)
    compared = {cell.key for cell in cells if cell.status == "compared"}
    flipped, counts = _flips(pairing, paired, compared)
    accuracies: dict[str, dict[str, Paired]] = {cell.model: {} for cell in cells}
    for model, condition, metric in (cell.key for cell in cells if cell.key in compared):
        if metric == "accuracy":
            accuracies[model][condition] = figures[model, condition, metric]
    series, families = (_members(pairing, kind) for kind in ("series", "family"))
    by_model = accuracies.items()
    return Comparison(
        models=pairing.models,
        conditions=pairing.conditions,
        cells=cells,
        means=mean_differences(cells, families, figures, generators),
        flips=flipped,
        flip_counts=counts,
        corruption=[x for model, by in by_model for x in corruption_errors(model, series, by)],
        families=[x for model, by in by_model for x in family_losses(model, families, by)],
        worst=[x for model, by in by_model for x in worst(model, by)],
        identical=list(_identical(pairing, paired)),
        not_comparable=list(pairing.shared.exchanged),
        comparable=pairing.shared.comparable,
        notes=notes(pairing),
        family=sum(not math.isnan(cell.p) for cell in cells),
        resamples=resamples,
        groups=pairing.both.groups,
        generators=generators,
    )


def comparison_json(comparison: Comparison) -> str:
    """The comparison as JSON: one line an item, NaN as null, figures at full precision."""
    return json_lines(vars(comparison))


def _paired_cells(pairing: Pairing, cells: Sequence[Difference]) -> dict[_Key, PairedCells]:
    """The clips of both for every metric, where anything of a model and condition is compared.

    Metrics of one kind share an object.
    """
    places = {cell.key[:2] for cell in cells if cell.status == "compared"}
    return {
        (model.name, condition.name, metric): cells_of_kind
        for model in pairing.models
        for condition in pairing.conditions
        if (model.name, condition.name) in places
        for kind in METRICS.kinds(METRICS.compared)
        for cells_of_kind in [pairing.cells(model, condition, kind)]
        for metric in kind
    }


def _figures(
    pairing: Pairing, paired: Mapping[_Key, PairedCells], resamples: int, seed: int
) -> dict[_Key, Paired]:
    unique = list(dict.fromkeys(paired.values()))
    pairs = [(cells.run, cells.baseline) for cells in unique]
    figures = compare_cells(pairs, pairing.both.groups, resamples, seed)
    by_cells = dict(zip(unique, figures, strict=True))
    return {key: by_cells[cells][key[2]] for key, cells in paired.items()}


def _filled(
    pairing: Pairing,
    cell: Difference,
    paired: Mapping[_Key, PairedCells],
    figures: Mapping[_Key, Paired],
) -> Difference:
    """Add the values on the clips of both and the test over clips to a cell to be compared."""
    if cell.status != "compared":
        return cell
    figure = figures[cell.key]
    if math.isnan(figure.difference):
        return replace(cell, status="no data", reason="no clips of both runs have this figure")
    test, p_clips = clip_test(pairing, paired[cell.key], cell.metric)
    return replace(filled(cell, figure), test=test, p_clips=p_clips)


def _judged(
    cells: Sequence[Difference], figures: Mapping[_Key, Paired], generators: Generators
) -> list[Difference]:
    """Add intervals and tests over groups to the compared cells, as one family."""
    compared = [cell for cell in cells if cell.status == "compared"]
    rows = iter(judged(compared, [figures[cell.key] for cell in compared], generators))
    return [next(rows) if cell.status == "compared" else cell for cell in cells]


def mean_differences(
    cells: Sequence[Difference],
    families: Mapping[str, Sequence[str]],
    figures: Mapping[_Key, Paired],
    generators: Generators = "these",
) -> list[MeanDifference]:
    """The means over conditions that two runs are compared by; those without come last."""
    means = list(draft_means(cells, families))
    compared = [mean for mean in means if mean.status == "compared"]
    of = [mean_figure(mean, figures) for mean in compared]
    filled_means = [filled(mean, figure) for mean, figure in zip(compared, of, strict=True)]
    return [
        *judged(filled_means, of, generators),
        *(mean for mean in means if mean.status != "compared"),
    ]


def _places(paired: Mapping[_Key, PairedCells]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((model, condition) for model, condition, _ in paired))


def _flips(
    pairing: Pairing, paired: Mapping[_Key, PairedCells], compared: set[_Key]
) -> tuple[list[Flip], list[FlipCount]]:
    flipped: list[Flip] = []
    counts: list[FlipCount] = []
    for model, condition in _places(paired):
        if (model, condition, "accuracy") in compared:
            scored = paired[model, condition, "auc"]
            own = list(flips(pairing, model, condition, scored))
            flipped += own
            counts += flip_counts(pairing, model, condition, scored, own)
    return flipped, counts


def _identical(pairing: Pairing, paired: Mapping[_Key, PairedCells]) -> Iterator[tuple[str, str]]:
    """Places where both runs scored the same of their common clips, with the same scores.

    For one detector the scores may differ by how machines process audio.
    """
    both = pairing.both
    records = pairing.run_record, pairing.baseline_record
    same_detector = {
        match.name for match in pairing.models if same_scores(*records, match.run, match.baseline)
    }
    for model, condition in _places(paired):
        run_rows, baseline_rows = paired[model, condition, "auc"].rows
        owed = paired[model, condition, "coverage"].rows
        known = model in same_detector
        move = np.abs(both.score[run_rows] - both.score[baseline_rows])
        close = (move <= (CODED if known else ROUNDING)).all()
        now, before = (both.score[rows] >= both.bar[rows] for rows in (run_rows, baseline_rows))
        agree = known or bool((now == before).all())
        whole = all(len(run_rows) == np.sum(both.ok[rows]) for rows in owed)
        if len(run_rows) and whole and close and agree:
            yield model, condition


def _members(pairing: Pairing, kind: Literal["series", "family"]) -> dict[str, list[str]]:
    """The conditions of every series or family except `clean`, by their names in the comparison."""
    members: dict[str, list[str]] = {}
    for match in pairing.conditions:
        record = recorded(pairing.run_record, match.run) or recorded(
            pairing.baseline_record, match.baseline
        )
        if record is not None and match.name != CLEAN:
            members.setdefault(getattr(record, kind), []).append(match.name)
    return members
