"""Rank many models on the same clips, with bounds on the ranks.

Only model runs of the same data and suite are ranked together
(`harness.leaderboard.model_run.reason_apart`); the others are named with the reason. With several
data sets a model is ranked if it is in all of them, by the plain mean over data sets, each with
draws of its own. Beside it stands the pooled figure, of all clips together at one threshold.

The ranking metric is that of `clean`; robustness is ranked separately, by the mean over families of
perturbations. The bounds of ranks hold for a whole column at once (`harness.metrics.rank`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.errors import UsageError
from harness.leaderboard.field import Field, pooled, shortfall, worst_of
from harness.leaderboard.model_run import LeftOut, ModelRun, model_runs, open_run
from harness.leaderboard.selection import label, select
from harness.leaderboard.standing import Bounded, Standing, mean_of
from harness.metrics import METRICS
from harness.results.figures import ScoreWarning
from harness.summary.score_warnings import run_warnings
from harness.summary.summary import RESAMPLES
from harness.terms import UnscoredPolicy

_SEED_STEP = 1_000_003
"""Seeds of data sets lie this far apart, so that their draws are independent."""


@dataclass(frozen=True)
class Cost:
    """Speed of one run; `models` is how many it scored at the same time."""

    rows_per_second: float
    device: str
    precision: str
    models: int


@dataclass(frozen=True)
class RankedModel:
    """A model and its figures; over several data sets a figure is the mean of theirs.

    Parameters
    ----------
    clean, perturbed
        The ranking metric on `clean`, and its mean over families of perturbations.
    figures
        The metrics of releases (`METRICS.released`) on `clean`, without coverage.
    damage
        Perturbed less clean.
    worst, worst_value
        Condition of any data set under which the ranking metric is worst.
    mce
        Mean corruption error against the reference, NaN without one; it has an interval only on
        one data set.
    coverage, perturbed_coverage
        Share of its clips that it scored; the least of any data set.
    data
        The ranking metric by data set, on `clean`.
    pooled
        The ranking metric of all clips together (`harness.leaderboard.field.pooled`).
    note
        Why it has no figures under perturbation.
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
    """Data that the models are ranked on; all of them scored the `shared` clips clean."""

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
    refused: list[LeftOut]
    resamples: int
    warnings: list[ScoreWarning] = field(default_factory=list[ScoreWarning])

    @property
    def synthetic(self) -> bool:
        return any(data_set.synthetic for data_set in self.data)


def read_leaderboard(
    folders: Sequence[Path],
    *,
    metric: str = "eer",
    reference: str | None = None,
    unscored: UnscoredPolicy | None = None,
    resamples: int = RESAMPLES,
) -> Leaderboard:
    """Rank the models of some runs, whose order does not matter.

    Parameters
    ----------
    metric
        A compared metric other than coverage.
    reference
        Name of the model that the mean corruption error is relative to.
    unscored
        The policy for clips without a score, in place of each suite's own.

    Raises
    ------
    UsageError
        Where no run can be read, the metric cannot rank, or the reference is none of the models.
    """
    ranking = METRICS.without_coverage(METRICS.compared)
    if metric not in ranking:
        raise UsageError("cannot rank models", metric, f"take one of {', '.join(ranking)}")
    runs: list[ModelRun] = []
    left_out: list[LeftOut] = []
    for folder in sorted({path.resolve(): path for path in folders}.values(), key=str):
        run = open_run(folder, unscored)
        if isinstance(run, LeftOut):
            left_out.append(run)
        else:
            runs += model_runs(run)
    runs.sort(key=lambda run: (run.record.started, str(run.run.folder), run.model.name))
    selected, not_selected = select(runs, metric)
    left_out += not_selected
    if not selected:
        raise UsageError(
            "no model can be ranked",
            "; ".join(omitted.line for omitted in left_out[:3]) or "no runs",
            "name runs that have scored enough of their clips",
        )
    labelled = label(selected)
    if reference is not None:
        reference = _label_of(reference, labelled[0])
    fields = [
        Field.of(models, metric, resamples, _SEED_STEP * place)
        for place, models in enumerate(labelled)
    ]
    rows = _rows(fields, labelled, metric, reference or "", resamples)
    return Leaderboard(
        metric=metric,
        better=METRICS[metric].better,
        reference=reference or "",
        data=[_data_set(field, models) for field, models in zip(fields, labelled, strict=True)],
        rows=sorted(rows, key=lambda row: (row.clean.rank or len(rows) + 1, row.model)),
        refused=sorted(left_out, key=lambda omitted: omitted.run),
        resamples=resamples,
        warnings=list(_warnings(labelled)),
    )


def _label_of(reference: str, models: Mapping[str, ModelRun]) -> str:
    """The label of the model that is meant by a label or a name."""
    if reference in models:
        return reference
    labels = [label for label, run in models.items() if run.model.name == reference]
    if len(labels) != 1:
        raise UsageError(
            "no such model",
            f"--reference {reference}",
            f"name one of {', '.join(sorted(models))}",
        )
    return labels[0]


def _warnings(labelled: Sequence[Mapping[str, ModelRun]]) -> Iterator[ScoreWarning]:
    """The warnings of every model's scores on every data set."""
    for models in labelled:
        for name, run in models.items():
            for warning in run_warnings(run.run):
                where = f"on {run.record.data.name}, " if len(labelled) > 1 else ""
                yield replace(warning, model=name, words=where + warning.words)


def _rows(
    fields: Sequence[Field],
    labelled: Sequence[Mapping[str, ModelRun]],
    metric: str,
    reference: str,
    resamples: int,
) -> list[RankedModel]:
    by_data = [field.clean(metric).standings(metric) for field in fields]
    clean = mean_of([field.clean(metric) for field in fields]).standings(metric)
    perturbed, damage = _perturbed(fields, metric)
    figures = {
        name: mean_of([field.clean(name) for field in fields]).bounded(METRICS[name].range)
        for name in METRICS.without_coverage(METRICS.released)
    }
    together = pooled(fields, metric, resamples, _SEED_STEP * len(fields))
    rows: list[RankedModel] = []
    for place, model in enumerate(fields[0].models):
        runs = [models[model] for models in labelled]
        worst, worst_value = worst_of([field.worst(model) for field in fields], metric)
        rows.append(
            RankedModel(
                model=model,
                release=runs[0].release,
                runs=[str(run.run.folder) for run in runs],
                synthetic=any(run.model.synthetic for run in runs),
                parameters=runs[0].model.parameters,
                clean=clean[place],
                perturbed=perturbed.get(model, Standing()),
                figures={name: bounded[place] for name, bounded in figures.items()},
                damage=damage.get(model, Bounded()),
                worst=worst,
                worst_value=worst_value,
                mce=_mce(fields, model, reference),
                coverage=min(field.coverage(model) for field in fields),
                perturbed_coverage=min(field.coverage(model, perturbed=True) for field in fields),
                cost=[_cost(run) for run in runs],
                data=[standings[place] for standings in by_data],
                pooled=together[place],
                note=next(filter(None, (_note(field, model) for field in fields)), ""),
            )
        )
    return rows


def _perturbed(
    fields: Sequence[Field], metric: str
) -> tuple[dict[str, Standing], dict[str, Bounded]]:
    """Ranks under perturbation and damage, of the models that are robust on every data set."""
    robust = [model for model in fields[0].models if all(model in field.robust for field in fields)]
    means = [field.perturbed for field in fields if field.perturbed is not None]
    if not robust or len(means) < len(fields):
        return {}, {}
    perturbed = [
        mean.of_models([field.robust.index(model) for model in robust])
        for field, mean in zip(fields, means, strict=True)
    ]
    clean = [
        field.clean(metric).of_models([field.models.index(model) for model in robust])
        for field in fields
    ]
    damage = mean_of([mean.minus(own) for mean, own in zip(perturbed, clean, strict=True)])
    return (
        dict(zip(robust, mean_of(perturbed).standings(metric), strict=True)),
        dict(zip(robust, damage.bounded_difference(METRICS[metric].range), strict=True)),
    )


def _mce(fields: Sequence[Field], model: str, reference: str) -> Bounded:
    errors = [field.corruption(model, reference) for field in fields] if reference else []
    known = [error for error in errors if error is not None]
    if not known or len(known) < len(fields):
        return Bounded()
    if len(known) == 1:
        return Bounded(known[0].value, known[0].low, known[0].high, known[0].corruptions)
    value = float(np.mean([error.value for error in known]))
    return Bounded(value=value, n=min(error.corruptions for error in known))


def _note(field: Field, model: str) -> str:
    """Why a model has no figures under perturbation; empty where it has."""
    if model in field.robust:
        return ""
    return shortfall(field.grid, field.record, model, field.metric)


def _cost(run: ModelRun) -> Cost:
    record = run.record
    machine = record.machine
    return Cost(record.clips_per_second, machine.device, machine.precision, run.models)


def _data_set(field: Field, models: Mapping[str, ModelRun]) -> DataSet:
    record = field.record
    return DataSet(
        name=record.data.name,
        digest=record.data.digest,
        suite=record.suite.name,
        clips=record.data.clips,
        shared=field.clean(field.metric).clips,
        groups=field.grid.groups,
        conditions=len(field.conditions),
        families=len(field.grid.families()),
        synthetic=record.data.synthetic or any(run.model.synthetic for run in models.values()),
        unscored=record.suite.unscored,
    )
