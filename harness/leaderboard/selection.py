"""Which entries may stand beside each other on a leaderboard, and what each is called there.

What is chosen depends on the entries alone, never on the order in which they were named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import UsageError
from harness.leaderboard.comparable_runs import of_entry, short
from harness.leaderboard.entry import ModelRun, Refused, barrier
from harness.results.identity import identity_of


def _identity(entry: ModelRun) -> tuple[str, str]:
    """What makes two entries one model: the scores of a file have no detector to go by."""
    model = entry.model
    if model.is_lookup:
        return model.name, ""
    return model.name, identity_of(model) or f"{model.digest or model.revision} {model.fake_label}"


def _alike(found: Sequence[ModelRun]) -> Sequence[ModelRun]:
    """The entries as the oldest records know their models: all settings of a detector, or none."""
    if all(entry.model.settings for entry in found):
        return found
    blank: list[ModelRun] = []
    for entry in found:
        models = [entry.model.model_copy(update={"settings": {}})]
        record = entry.record.model_copy(update={"models": models})
        blank.append(replace(entry, run=replace(entry.run, record=record)))
    return blank


def choose(found: Sequence[ModelRun], metric: str) -> tuple[list[list[ModelRun]], list[Refused]]:
    """Entries by data set, of models that are in all of them, and what was left out.

    Of one data set the suite with most models is taken. Data sets are added, largest field first,
    as long as two models have them all.
    """
    refused: list[Refused] = []
    fields: list[list[ModelRun]] = []
    by_data: dict[str, list[list[ModelRun]]] = {}
    for entry in _alike(found):
        if told := _unfit(entry, metric):
            refused.append(_refusal(entry, told))
            continue
        fits = by_data.setdefault(entry.record.data.digest, [])
        for field in fits:
            if not barrier(entry, field[0]):
                field.append(entry)
                break
        else:
            fits.append([entry])
    for fits in by_data.values():
        fits.sort(key=_models, reverse=True)  # stable: of as many, the one that began first
        fields.append(fits[0])
        for other in fits[1:]:
            told = barrier(other[0], fits[0][0])
            refused += [_refusal(entry, told) for entry in other]
    fields.sort(key=lambda field: (-_models(field), field[0].record.data.digest))
    kept = fields[:1]
    for field in fields[1:]:
        shared = set.intersection(
            *({_identity(entry) for entry in each} for each in (*kept, field))
        )
        if len(shared) >= 2:
            kept.append(field)
            continue
        told = barrier(field[0], kept[0][0])
        refused += [_refusal(entry, told) for entry in field]
    return _whole(kept, refused), refused


def _unfit(entry: ModelRun, metric: str) -> str:
    """Why an entry can stand beside none: too little was scored, or its table is not whole."""
    try:
        return short(of_entry(entry), entry.record, entry.model.name, metric, clean=True)
    except UsageError as fault:
        return str(fault)


def _models(field: Sequence[ModelRun]) -> int:
    return len({_identity(entry) for entry in field})


def _whole(fields: Sequence[list[ModelRun]], refused: list[Refused]) -> list[list[ModelRun]]:
    """Fields of the models that are in all of them, of several fields once in each: the latest."""
    if len(fields) < 2:
        return list(fields)
    shared = set.intersection(*({_identity(entry) for entry in field} for field in fields))
    whole: list[list[ModelRun]] = []
    for field in fields:
        latest = {_identity(entry): entry for entry in field if _identity(entry) in shared}
        for entry in field:
            if _identity(entry) not in shared:
                refused.append(_refusal(entry, "not run on every data set"))
            elif latest[_identity(entry)] is not entry:
                refused.append(_refusal(entry, "a later run has the same model and data"))
        whole.append(list(latest.values()))
    return whole


def _refusal(entry: ModelRun, told: str) -> Refused:
    return Refused(f"{entry.run.folder} ({entry.model.name})", told)


def label(fields: Sequence[Sequence[ModelRun]]) -> tuple[list[dict[str, ModelRun]], list[str]]:
    """Every field's entries by a label that tells them apart, the same in all fields."""
    first = fields[0]
    labels: list[str] = []
    for entry in first:
        alike = [other for other in first if other.model.name == entry.model.name]
        release = [other for other in alike if other.release == entry.release]
        if len(alike) == 1:
            labels.append(entry.model.name)
        elif len(release) == 1:
            labels.append(f"{entry.model.name} ({entry.release or 'unknown release'})")
        else:
            labels.append(f"{entry.model.name} ({entry.run.folder})")
    by_identity = {_identity(entry): label for entry, label in zip(first, labels, strict=True)}
    labelled = [dict(zip(labels, first, strict=True))]
    labelled += [{by_identity[_identity(entry)]: entry for entry in each} for each in fields[1:]]
    return labelled, sorted(labels)
