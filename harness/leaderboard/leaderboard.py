"""Many models side by side on the same clips: who is ahead, and of whom that can be said.

Only entries of the same data and suite stand beside each other
(`harness.leaderboard.entry.barrier`); the others are named with the reason. Runs of several data
sets make several fields: a model is ranked if it is in all of them, by the plain mean over fields
(every data set weighs alike), whose draws are each field's own. Beside it stands the pooled figure,
of all clips together at one threshold.

The ranking figure is of `clean`; robustness is ranked by itself, by the mean over the families of
perturbations. Ranks have bounds that hold for a whole column at once (`harness.metrics.rank`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UsageError
from harness.leaderboard.comparable_runs import (
    Field,
    difference_of,
    mean_of,
    part_of,
    short,
)
from harness.leaderboard.entry import ModelRun, Refused, entries, open_run
from harness.leaderboard.pooled import pool
from harness.leaderboard.rank import (
    Bounded,
    Standing,
    bounds,
    difference_bounds,
    standings,
    unknown,
    unranked,
)
from harness.leaderboard.selection import choose, label
from harness.metrics import METRICS
from harness.results.figures import ScoreWarning
from harness.summary.score_warnings import run_warnings
from harness.summary.summary import RESAMPLES
from harness.terms import UnscoredPolicy

_INDEPENDENT = 1_000_003


@dataclass(frozen=True)
class Cost:
    """Speed of one run: rows scored in a second, of all the models that it scored together."""

    rows_per_second: float
    device: str
    precision: str
    models: int


@dataclass(frozen=True)
class RankedModel:
    """A model.

    Parameters
    ----------
    clean, perturbed
        By the ranking figure: on `clean`, and the mean over families of perturbations. Over
        several data sets each is the mean of theirs.
    figures
        Released metrics but coverage on `clean`, the mean over data sets.
    damage
        Perturbed less clean.
    worst, worst_value
        Condition under which the ranking figure is worst, on any data set.
    mce
        Mean corruption error against the reference, the mean over data sets; with an interval only
        of one data set. NaN without a reference.
    coverage, perturbed_coverage
        Share of its clips that it scored; the least of any data set.
    data
        By data set, on `clean`.
    pooled
        Of the clips of all data sets together; NaN of one data set, or where thresholds differ.
    """

    model: str
    release: str
    runs: list[str]
    synthetic: bool
    parameters: int | None
    clean: Standing
    perturbed: Standing
    figures: dict[str, Bounded]
    damage: Bounded
    worst: str
    worst_value: float
    mce: Bounded
    coverage: float
    perturbed_coverage: float
    cost: list[Cost]
    data: list[Standing]
    pooled: Bounded
    note: str


@dataclass(frozen=True)
class DataSet:
    """What the models are ranked on; `shared` clips were scored clean by all of them."""

    name: str
    digest: str
    suite: str
    clips: int
    shared: int
    groups: int
    conditions: int
    families: int
    synthetic: bool
    unscored: str


@dataclass(frozen=True)
class Leaderboard:
    """Rows by rank; `better` says which direction of `metric` is good."""

    metric: str
    better: str
    reference: str
    data: list[DataSet]
    rows: list[RankedModel]
    refused: list[Refused]
    resamples: int
    warnings: list[ScoreWarning] = field(default_factory=list[ScoreWarning])

    @property
    def synthetic(self) -> bool:
        return any(each.synthetic for each in self.data)


def read_leaderboard(
    folders: Sequence[Path],
    *,
    metric: str = "eer",
    reference: str | None = None,
    unscored: UnscoredPolicy | None = None,
    resamples: int = RESAMPLES,
) -> Leaderboard:
    """Rank the models of some runs; their order is of no consequence.

    Parameters
    ----------
    metric
        A compared metric other than coverage.
    reference
        Name of the model that the mean corruption error is relative to.
    unscored
        What decisions make of clips without a score; else as each suite says.

    Raises
    ------
    UsageError
        Where no run can be read, the metric ranks nothing, or the reference is none of the models.
    """
    ranking = METRICS.without_coverage(METRICS.compared)
    if metric not in ranking:
        raise UsageError("does not rank", metric, f"take one of {', '.join(ranking)}")
    found: list[ModelRun] = []
    refused: list[Refused] = []
    for folder in sorted({each.resolve(): each for each in folders}.values(), key=str):
        run = open_run(folder, unscored)
        if isinstance(run, Refused):
            refused.append(run)
        else:
            found += entries(run)
    found.sort(key=lambda each: (each.record.started, str(each.run.folder), each.model.name))
    chosen, left = choose(found, metric)
    refused += left
    if not chosen:
        raise UsageError(
            "no model can be ranked",
            "; ".join(each.line for each in refused[:3]) or "no runs",
            "name runs that have scored enough of their clips",
        )
    labelled, names = label(chosen)
    if reference is not None and reference not in names:
        known = [label for label in names if labelled[0][label].model.name == reference]
        if len(known) != 1:
            raise UsageError(
                "no such model", f"--reference {reference}", f"name one of {', '.join(names)}"
            )
        reference = known[0]
    fields = [
        Field.of(models, metric, resamples, _INDEPENDENT * place)
        for place, models in enumerate(labelled)
    ]
    board = _board(fields, labelled, refused, metric, reference or "", resamples)
    return replace(board, warnings=list(_warnings(labelled)))


def _warnings(labelled: Sequence[Mapping[str, ModelRun]]) -> Iterator[ScoreWarning]:
    """Of the scores of every model on every data set."""
    for models in labelled:
        for name, entry in models.items():
            for warning in run_warnings(entry.run):
                told = f"on {entry.record.data.name}, {warning.words}"
                yield replace(warning, model=name, words=told if labelled[1:] else warning.words)


def _board(
    fields: Sequence[Field],
    labelled: Sequence[Mapping[str, ModelRun]],
    refused: list[Refused],
    metric: str,
    reference: str,
    resamples: int,
) -> Leaderboard:
    models = fields[0].models
    each_set = [standings(field.clean(metric), metric) for field in fields]
    clean = standings(mean_of([field.clean(metric) for field in fields]), metric)
    perturbed, damage = _perturbed(fields, metric)
    own = {
        name: bounds(mean_of([field.clean(name) for field in fields]), METRICS[name].range)
        for name in METRICS.without_coverage(METRICS.released)
    }
    pooled = pool(fields, metric, resamples, _INDEPENDENT * len(fields))
    rows = [
        RankedModel(
            model=model,
            release=labelled[0][model].release,
            runs=[str(each[model].run.folder) for each in labelled],
            synthetic=any(each[model].model.synthetic for each in labelled),
            parameters=labelled[0][model].model.parameters,
            clean=clean[place],
            perturbed=perturbed.get(model, unranked()),
            figures={name: bounded[place] for name, bounded in own.items()},
            damage=damage.get(model, unknown()),
            **_worst(fields, model, metric),
            mce=_mce(fields, model, reference),
            coverage=min(field.coverage(model) for field in fields),
            perturbed_coverage=min(field.coverage(model, perturbed=True) for field in fields),
            cost=[_cost(each[model]) for each in labelled],
            data=[each[place] for each in each_set],
            pooled=pooled[place],
            note=next((told for field in fields if (told := _shortfall(field, model))), ""),
        )
        for place, model in enumerate(models)
    ]
    rows.sort(key=lambda row: (row.clean.rank or len(rows) + 1, row.model))
    return Leaderboard(
        metric=metric,
        better=METRICS[metric].better,
        reference=reference,
        data=[_data_set(field, labelled[place]) for place, field in enumerate(fields)],
        rows=rows,
        refused=sorted(refused, key=lambda each: each.run),
        resamples=resamples,
    )


def _perturbed(
    fields: Sequence[Field], metric: str
) -> tuple[dict[str, Standing], dict[str, Bounded]]:
    """Ranks under perturbation and damage, of the models that are robust in every field."""
    robust = [model for model in fields[0].models if all(model in field.robust for field in fields)]
    means = [field.perturbed for field in fields]
    if not robust or any(mean is None for mean in means):
        return {}, {}
    pairs = [
        (
            part_of(mean, [field.robust.index(model) for model in robust]),
            part_of(field.clean(metric), [field.models.index(model) for model in robust]),
        )
        for field, mean in zip(fields, means, strict=True)
        if mean is not None
    ]
    perturbed = mean_of([mean for mean, _ in pairs])
    damage = mean_of([difference_of(mean, clean) for mean, clean in pairs])
    return (
        dict(zip(robust, standings(perturbed, metric), strict=True)),
        dict(zip(robust, difference_bounds(damage, METRICS[metric].range), strict=True)),
    )


def _mce(fields: Sequence[Field], model: str, reference: str) -> Bounded:
    each = [field.corruption(model, reference) for field in fields] if reference else []
    known = [one for one in each if one is not None]
    if not known or len(known) < len(fields):
        return unknown()
    if len(known) == 1:
        return Bounded(known[0].value, known[0].low, known[0].high, known[0].corruptions)
    value = float(np.mean([one.value for one in known]))
    return replace(unknown(), value=value, n=min(one.corruptions for one in known))


def _worst(fields: Sequence[Field], model: str, metric: str) -> dict[str, Any]:
    sign = 1 if METRICS[metric].better == "higher" else -1
    found = [field.worst(model) for field in fields]
    known = [each for each in found if not math.isnan(each[1])]
    name, value = min(known, key=lambda each: sign * each[1], default=("", math.nan))
    return {"worst": name, "worst_value": value}


def _shortfall(field: Field, model: str) -> str:
    """Why a model has no figures under perturbation."""
    if model in field.robust:
        return ""
    return short(field.grid, field.record, model, field.metric)


def _cost(entry: ModelRun) -> Cost:
    record = entry.record
    return Cost(
        record.clips_per_second,
        record.machine.device,
        record.machine.precision,
        entry.together,
    )


def _data_set(field: Field, models: Mapping[str, ModelRun]) -> DataSet:
    record = field.record
    quantity = field.clean(field.metric)
    return DataSet(
        name=record.data.name,
        digest=record.data.digest,
        suite=record.suite.name,
        clips=record.data.clips,
        shared=quantity.clips,
        groups=field.grid.groups,
        conditions=len(field.conditions),
        families=len(field.grid.families()),
        synthetic=record.data.synthetic or any(each.model.synthetic for each in models.values()),
        unscored=record.suite.unscored,
    )
