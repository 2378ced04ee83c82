"""A run against a baseline, clip by clip: what differs, by how much, and whether that is chance.

Conventions: a difference is the run's figure less the baseline's, in fractions, whatever direction
is better; intervals are 95 % intervals over groups; NaN marks what is not known. Every figure is of
all clips of a condition. The same draws of groups serve both sides and all cells.

The union of both runs is shown: what only one of them has, what has no value any more and what may
not be compared keeps its place with a status and a reason. p-values are adjusted by Holm's method
over one family: every cell of the comparison whose p-value is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.compare.difference import CODED, ROUNDING, Difference, clip_test, draft
from harness.compare.flips import Flip, FlipCount, flip_counts, flips
from harness.compare.pairing import DECIDED, RANKED, Couple, Match, Pairing
from harness.errors import UsageError
from harness.metrics.paired import Paired, compare_cells, contrast
from harness.metrics.significance import holm
from harness.plain_json import json_lines
from harness.results.identity import difference, same_scores
from harness.results.record import ConditionRecord, RunRecord
from harness.results.run_folder import RunFolder
from harness.summary.corruption_error import (
    CorruptionError,
    FamilyLoss,
    Worst,
    corruption_errors,
    family_losses,
    worst,
)
from harness.summary.summary import RESAMPLES
from harness.terms import CLEAN

_KINDS = (DECIDED, RANKED, ("coverage",))
_Key = tuple[str, str]
_Couples = dict[_Key, dict[str, Couple]]
"""By model and condition, then by metric; one object for the metrics of one kind."""


@dataclass(frozen=True)
class Comparison:
    """A run against a baseline.

    Parameters
    ----------
    models, conditions
        What each is called in either run.
    notes
        What differs between the runs and bars no comparison, and what was matched under other
        names; in words.
    not_comparable
        Clips whose recordings differ between the runs: no figure is of them.
    comparable
        Share of the clips of both that are not among these.
    identical
        Models and conditions under which every score of both runs is the same but for rounding
        (`harness.compare.difference.ROUNDING`, or `CODED` of one detector).
    family
        How many p-values Holm's method adjusted together.
    """

    models: list[Match]
    conditions: list[Match]
    cells: list[Difference]
    flips: list[Flip]
    flip_counts: list[FlipCount]
    corruption: list[CorruptionError]
    families: list[FamilyLoss]
    worst: list[Worst]
    identical: list[tuple[str, str]]
    not_comparable: list[str]
    comparable: float
    notes: list[str]
    family: int
    resamples: int
    groups: int


def compare(
    run: RunFolder, baseline: RunFolder, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare every figure that either run has, paired on the clips of both.

    Raises
    ------
    UsageError
        Where a table cannot be what the engine wrote, or there are too few resamples to tell a
        spread.
    """
    if resamples < 2:
        raise UsageError(f"{resamples} resamples", "", "take at least 2")
    pairing = Pairing.of(run, baseline)
    cells = list(draft(pairing))
    couples = _couples(pairing, cells)
    each = list(dict.fromkeys(one for kinds in couples.values() for one in kinds.values()))
    drawn = compare_cells(
        [(one.run, one.baseline) for one in each], pairing.both.groups, resamples, seed
    )
    figures = dict(zip(each, drawn, strict=True))
    cells = [_filled(pairing, cell, couples, figures) for cell in cells]
    found = {
        (cell.model, cell.condition, cell.metric): _figure(cell, couples, figures)
        for cell in cells
        if cell.status == "compared"
    }
    judged = _judged(cells, list(found.values()))
    turned = list(_turned(pairing, couples, set(found)))
    accuracies = [
        (
            model,
            {
                name: pair
                for (one, name, metric), pair in found.items()
                if one == model and metric == "accuracy"
            },
        )
        for model in dict.fromkeys(cell.model for cell in cells)
    ]
    series, families = (_members(pairing, kind) for kind in ("series", "family"))
    return Comparison(
        models=pairing.models,
        conditions=pairing.conditions,
        cells=judged,
        flips=[flip for flipped, _ in turned for flip in flipped],
        flip_counts=[each for _, counts in turned for each in counts],
        corruption=[x for model, by in accuracies for x in corruption_errors(model, series, by)],
        families=[x for model, by in accuracies for x in family_losses(model, families, by)],
        worst=[x for model, by in accuracies for x in worst(model, by)],
        identical=list(_identical(pairing, couples)),
        not_comparable=list(pairing.shared.exchanged),
        comparable=pairing.shared.comparable,
        notes=_notes(pairing),
        family=sum(not math.isnan(cell.p) for cell in judged),
        resamples=resamples,
        groups=pairing.both.groups,
    )


def comparison_json(comparison: Comparison) -> str:
    """The comparison as JSON: one line an item, NaN as null, figures at full precision."""
    return json_lines(vars(comparison))


def _couples(pairing: Pairing, cells: Sequence[Difference]) -> _Couples:
    """The couples of every model and condition of which anything is compared."""
    wanted = {(cell.model, cell.condition) for cell in cells if cell.status == "compared"}
    couples: _Couples = {}
    for model in pairing.models:
        for condition in pairing.conditions:
            if (model.name, condition.name) in wanted:
                couples[model.name, condition.name] = {
                    metric: couple
                    for kind in _KINDS
                    for couple in [pairing.couple(model, condition, kind)]
                    for metric in kind
                }
    return couples


def _figure(
    cell: Difference, couples: _Couples, figures: Mapping[Couple, Mapping[str, Paired]]
) -> Paired:
    return figures[couples[cell.model, cell.condition][cell.metric]][cell.metric]


def _filled(
    pairing: Pairing,
    cell: Difference,
    couples: _Couples,
    figures: Mapping[Couple, Mapping[str, Paired]],
) -> Difference:
    """A cell to be compared with its values on the clips of both and the test over clips."""
    if cell.status != "compared":
        return cell
    pair = _figure(cell, couples, figures)
    if math.isnan(pair.difference):
        return replace(cell, status="no data", reason="no clips of both runs have this figure")
    test, p_clips = clip_test(pairing, couples[cell.model, cell.condition][cell.metric], cell)
    return replace(
        cell,
        value=pair.value.value,
        baseline=pair.baseline.value,
        difference=pair.difference,
        n=pair.value.clips,
        groups=pair.groups,
        differing=pair.differing,
        largest=pair.largest,
        test=test,
        p_clips=p_clips,
    )


def _judged(cells: Sequence[Difference], pairs: Sequence[Paired]) -> list[Difference]:
    """The compared cells with what groups say of them, judged as one family."""
    judged = contrast(pairs)
    low, high = judged.interval()
    p = judged.p()
    columns = [low, high, judged.error, judged.skew, p, holm(p), judged.smallest()]
    names = ("low", "high", "error", "skew", "p", "p_holm", "smallest")
    rows = iter(np.stack(columns, axis=-1).tolist())
    return [
        replace(cell, **dict(zip(names, next(rows), strict=True)))
        if cell.status == "compared"
        else cell
        for cell in cells
    ]


def _turned(
    pairing: Pairing, couples: _Couples, compared: set[tuple[str, str, str]]
) -> Iterator[tuple[list[Flip], list[FlipCount]]]:
    for (model, condition), kinds in couples.items():
        if (model, condition, "accuracy") in compared:
            scored = kinds["auc"]
            flipped = list(flips(pairing, model, condition, scored))
            yield flipped, flip_counts(pairing, model, condition, scored, flipped)


def _identical(pairing: Pairing, couples: _Couples) -> Iterator[tuple[str, str]]:
    """Where both scored the same of the clips that both were given, and scored them the same.

    Of one detector the scores may differ by what another machine makes of the audio.
    """
    both = pairing.both
    records = pairing.run_record, pairing.baseline_record
    alike = {
        match.name for match in pairing.models if same_scores(*records, match.run, match.baseline)
    }
    for (model, condition), kinds in couples.items():
        one, other = kinds["auc"].rows
        owed = kinds["coverage"].rows
        scores, bars = (both.score[one], both.score[other]), (both.bar[one], both.bar[other])
        known = model in alike
        same = np.abs(scores[0] - scores[1]) <= (CODED if known else ROUNDING)
        verdicts = [score >= bar for score, bar in zip(scores, bars, strict=True)]
        agree = known or bool((verdicts[0] == verdicts[1]).all())
        whole = all(len(one) == np.sum(both.ok[rows]) for rows in owed)
        if len(one) and whole and same.all() and agree:
            yield model, condition


def _members(pairing: Pairing, kind: Literal["series", "family"]) -> dict[str, list[str]]:
    """The conditions of every series or family but `clean`'s, as the comparison calls them."""
    named: dict[str, ConditionRecord] = {}
    for match in pairing.conditions:
        for record, name in (
            (pairing.run_record, match.run),
            (pairing.baseline_record, match.baseline),
        ):
            for each in record.suite.conditions:
                if each.name == name and name:
                    named.setdefault(match.name, each)
    members: dict[str, list[str]] = {}
    for name, each in named.items():
        if name != CLEAN:
            members.setdefault(getattr(each, kind), []).append(name)
    return members


def _notes(pairing: Pairing) -> list[str]:
    """What the reader should know of the two runs that bars nothing."""
    run, baseline = pairing.run_record, pairing.baseline_record
    notes = [
        f"{what} {match.run} is compared with {match.baseline}"
        for what, matches in (("model", pairing.models), ("condition", pairing.conditions))
        for match in matches
        if match.run and match.baseline and match.run != match.baseline
    ]
    if run.data.digest != baseline.data.digest and not pairing.data_bar:
        notes.append("one run took a part of the other's clips: compared on these")
    notes += _identities(pairing)
    shared = pairing.shared
    if shared.exchanged and not pairing.data_bar:
        notes.append(f"{shared.words}: not comparable, and left out")
        if mixing := _mixing(pairing):
            notes.append(f"other clips may have been mixed with them under {', '.join(mixing)}")
    if shared.words_unknown and _listens(run) and _listens(baseline):
        notes.append(shared.words_unknown)
    notes += [
        f"whether {match.name} draws from the same recordings is not known: one record is of an "
        "older harness"
        for match in pairing.conditions
        if _known(run, match.run) != _known(baseline, match.baseline)
        and match.run
        and match.baseline
    ]
    for what, one, other in _settings(run, baseline):
        if one != other:
            notes.append(f"{what} is {one or 'unknown'}, was {other or 'unknown'}")
    return notes


def _known(record: RunRecord, condition: str) -> bool:
    """Whether the record has a digest of what the condition draws from."""
    return any(each.name == condition and each.content for each in record.suite.conditions)


def _identities(pairing: Pairing) -> Iterator[str]:
    """Where the same weights are another detector, or a record cannot tell."""
    run, baseline = (
        {model.name: model for model in record.models}
        for record in (pairing.run_record, pairing.baseline_record)
    )
    for match in pairing.models:
        now, before = run.get(match.run), baseline.get(match.baseline)
        if now is None or before is None or not now.digest or now.digest != before.digest:
            continue
        if told := difference(now, before):
            yield f"{match.run} is another detector with the same weights: {told}"
        elif bool(now.settings) != bool(before.settings):
            yield (
                f"{match.run} has the same weights and classes in both; whether its extractor and "
                f"configuration are the same is not known: one record is of an older harness"
            )


def _mixing(pairing: Pairing) -> list[str]:
    """Conditions under which clips are mixed with other clips of the data."""
    names = [match.name for match in pairing.conditions]
    conditions = {each.name: each for each in pairing.run_record.suite.conditions}
    return [
        name
        for name in names
        if name in conditions
        and any(step.get("color") == "babble" for step in conditions[name].chain)
    ]


def _listens(record: RunRecord) -> bool:
    return any(model.rate_hz for model in record.models)


def _settings(run: RunRecord, baseline: RunRecord) -> Iterator[tuple[str, str, str]]:
    yield "precision", run.machine.precision, baseline.machine.precision
    yield "device", run.machine.device, baseline.machine.device
    on = ("off", "on")
    yield "compiling", on[run.machine.compiled], on[baseline.machine.compiled]
    yield "suite", run.suite.name, baseline.suite.name
    yield "harness", run.harness_version, baseline.harness_version
    packages = sorted({*run.machine.packages, *baseline.machine.packages})
    for name in packages:
        yield (
            f"package {name}",
            run.machine.packages.get(name, ""),
            baseline.machine.packages.get(name, ""),
        )
