"""Selection of the model runs that can be ranked together, and their labels.

The choice depends on the model runs alone, never on the order in which they were named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import UsageError
from harness.leaderboard.field import shortfall_on_clean
from harness.leaderboard.model_run import LeftOut, ModelRun, reason_apart
from harness.results.identity import identity_of

_Identity = tuple[str, str]


def select(runs: Sequence[ModelRun], metric: str) -> tuple[list[list[ModelRun]], list[LeftOut]]:
    """Model runs by data set, of models that are in all of them, and those that are left out.

    Of one data set the suite with most models is taken. Data sets are added, those with most models
    first, as long as two models have them all.
    """
    left_out: list[LeftOut] = []
    by_data: dict[str, list[list[ModelRun]]] = {}
    for run in _with_equal_settings(runs):
        if reason := _reason_unusable(run, metric):
            left_out.append(_left_out(run, reason))
            continue
        suites = by_data.setdefault(run.record.data.digest, [])
        for suite in suites:
            if not reason_apart(run, suite[0]):
                suite.append(run)
                break
        else:
            suites.append([run])
    data_sets: list[list[ModelRun]] = []
    for suites in by_data.values():
        suites.sort(key=_models, reverse=True)  # stable: of as many, the one that began first
        data_sets.append(suites[0])
        for other in suites[1:]:
            left_out += _all_left_out(other, suites[0])
    data_sets.sort(key=lambda runs: (-_models(runs), runs[0].record.data.digest))
    chosen = data_sets[:1]
    for data_set in data_sets[1:]:
        if len(_shared([*chosen, data_set])) >= 2:
            chosen.append(data_set)
        else:
            left_out += _all_left_out(data_set, chosen[0])
    return _complete_models(chosen, left_out), left_out


def label(data_sets: Sequence[Sequence[ModelRun]]) -> list[dict[str, ModelRun]]:
    """The model runs of every data set by a label that tells them apart, the same in all."""
    first, *others = data_sets
    labels = [_label(run, first) for run in first]
    by_identity = {_identity(run): label for run, label in zip(first, labels, strict=True)}
    return [
        dict(zip(labels, first, strict=True)),
        *({by_identity[_identity(run)]: run for run in runs} for runs in others),
    ]


def _label(run: ModelRun, runs: Sequence[ModelRun]) -> str:
    """The model's name, with its release or else its folder where others have the same name."""
    same_name = [other for other in runs if other.model.name == run.model.name]
    if len(same_name) == 1:
        return run.model.name
    if sum(other.release == run.release for other in same_name) == 1:
        return f"{run.model.name} ({run.release or 'unknown release'})"
    return f"{run.model.name} ({run.run.folder})"


def _identity(run: ModelRun) -> _Identity:
    """Equal for model runs of one model; scores from a file have only its name."""
    model = run.model
    if model.kind == "scores":
        return model.name, ""
    return model.name, identity_of(model) or f"{model.digest or model.revision} {model.fake_label}"


def _with_equal_settings(runs: Sequence[ModelRun]) -> Sequence[ModelRun]:
    """The runs without the settings of their detectors where an older record lacks them."""
    if all(run.model.settings for run in runs):
        return runs
    blank: list[ModelRun] = []
    for run in runs:
        models = [run.model.model_copy(update={"settings": {}})]
        record = run.record.model_copy(update={"models": models})
        blank.append(replace(run, run=replace(run.run, record=record)))
    return blank


def _reason_unusable(run: ModelRun, metric: str) -> str:
    """Why no other model run may stand beside this one: too few scores, or a damaged table."""
    try:
        return shortfall_on_clean(run, metric)
    except UsageError as fault:
        return str(fault)


def _models(runs: Sequence[ModelRun]) -> int:
    return len({_identity(run) for run in runs})


def _shared(data_sets: Sequence[Sequence[ModelRun]]) -> set[_Identity]:
    """Models that are in all data sets."""
    return set.intersection(*({_identity(run) for run in runs} for runs in data_sets))


def _complete_models(
    data_sets: Sequence[list[ModelRun]], left_out: list[LeftOut]
) -> list[list[ModelRun]]:
    """Return the latest run, on each data set, of every model that is on all of them."""
    if len(data_sets) < 2:
        return list(data_sets)
    shared = _shared(data_sets)
    complete: list[list[ModelRun]] = []
    for runs in data_sets:
        latest = {_identity(run): run for run in runs if _identity(run) in shared}
        for run in runs:
            if _identity(run) not in shared:
                left_out.append(_left_out(run, "not run on every data set"))
            elif latest[_identity(run)] is not run:
                left_out.append(_left_out(run, "a later run has the same model and data"))
        complete.append(list(latest.values()))
    return complete


def _all_left_out(runs: Sequence[ModelRun], chosen: Sequence[ModelRun]) -> list[LeftOut]:
    reason = reason_apart(runs[0], chosen[0])
    return [_left_out(run, reason) for run in runs]


def _left_out(run: ModelRun, reason: str) -> LeftOut:
    return LeftOut(f"{run.run.folder} ({run.model.name})", reason)
