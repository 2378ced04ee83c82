"""Every figure that a report, a gate or a person reads, from the scores table.

Conventions: positive class `fake`, decision at `score >= threshold`; rates are fractions; intervals
are 95 % intervals of a bootstrap over groups (`harness.metrics.intervals` says which); a value
without data is NaN with n = 0, and a condition of the suite that has no rows in the table stays
among the figures as that, with a coverage of 0. Clips without a score count as the policy in the
record says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from harness.claims.claim import claim_of
from harness.claims.equivalence import against_run
from harness.claims.published import Published, published_for
from harness.errors import UsageError
from harness.metrics import METRICS, Range
from harness.metrics.bootstrap import ClipSet, estimate
from harness.metrics.resampled import (
    Resampled,
    difference_bounds,
    difference_of,
    mean_of_figures,
)
from harness.plain_json import json_lines
from harness.results import coverage
from harness.results.figures import (
    ClaimCheck,
    Damage,
    FamilyDamage,
    HeadlineRow,
    Hindsight,
    MetricRow,
    Recordings,
    Summary,
)
from harness.results.record import RunRecord
from harness.results.run_folder import RunFolder
from harness.results.scores import recordings
from harness.seed import digest
from harness.summary import condition_check, curves
from harness.summary.cells import Grid, Pair, metric_rows
from harness.summary.score_warnings import score_warnings
from harness.terms import CLEAN

_Estimates = dict[ClipSet, dict[str, Resampled]]
_Differences = dict[tuple[str, str], dict[str, Resampled]]
"""Differences by model and condition, then by metric."""

RESAMPLES = 1000
STATISTICS = 2
"""Version of the intervals in `metrics.json`; raise it where the same scores give others."""


def figures(run: RunFolder, resamples: int = RESAMPLES) -> Summary:
    """Compute every figure of a run, from its table and its record alone."""
    return summarise(run.table, run.record, published_for(run), resamples=resamples, seed=0)


def summarise(
    table: pd.DataFrame,
    record: RunRecord,
    published: Published | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Summary:
    """Every figure of a run.

    Parameters
    ----------
    table
        As `harness.results.scores.read_scores` gives it; the order of its rows is of no
        consequence.
    published
        Claims to hold against what every model of the run did on `clean`.
    resamples, seed
        Of the bootstrap; the same table, resamples and seed give the same figures.

    Raises
    ------
    UsageError
        Where the table cannot be what the engine wrote, or there are no resamples.
    """
    if resamples < 1:
        raise UsageError(f"{resamples} resamples", "", "take at least 1")
    whole = coverage.complete(table, record)
    grid = Grid.of(whole, record)
    slices, pairs = list(grid.slice_cells()), list(grid.pairs())
    cells = [part.cell for part in slices]
    cells += [cell for pair in pairs for cell in (pair.clean, pair.perturbed)]
    estimates = estimate(list(dict.fromkeys(cells)), grid.groups, resamples, seed)
    rows = list(metric_rows(slices, estimates))
    damage = _differences(pairs, estimates)
    return Summary(
        rows=rows,
        damage=[
            Damage(model, condition, name, *ends[:3], differences[name].clips, *ends[3:])
            for (model, condition), differences in damage.items()
            for name, ends in _bounds(METRICS.damage, differences)
        ],
        families=list(_families(grid, damage, METRICS.damage)),
        claims=[] if published is None else list(_claims(grid, rows, published)),
        curves=list(curves.curves(grid)),
        histograms=list(curves.histograms(grid)),
        mistakes=list(curves.mistakes(whole, grid)),
        unscored=list(curves.unscored(whole, grid)),
        resamples=resamples,
        groups=grid.groups,
        policy=grid.policy,
        tally=coverage.tally(whole),
        shortfalls=coverage.shortfalls(whole, record),
        attested=condition_check.conditions(table, record),
        hindsight=list(_hindsight(grid, estimates)),
        recordings=_recordings(table),
        audio_notes=curves.audio_notes(table),
        warnings=score_warnings(rows, record),
    )


def _recordings(table: pd.DataFrame) -> Recordings:
    known = recordings(table)
    over_all = digest(sorted(known.items())) if len(known) else ""
    return Recordings(len(set(table["clip_id"])), len(known), over_all)


def _differences(pairs: Sequence[Pair], estimates: _Estimates) -> _Differences:
    """Return the damage of every condition of a model, by metric."""
    differences: _Differences = {}
    for pair in pairs:
        clean, perturbed = estimates[pair.clean], estimates[pair.perturbed]
        own = differences.setdefault((pair.model, pair.condition), {})
        own.update({name: _difference(clean[name], perturbed[name]) for name in pair.metrics})
    return differences


def _difference(before: Resampled, after: Resampled) -> Resampled:
    difference = difference_of(after, before)
    clips = 0 if math.isnan(difference.value) else after.clips
    span = after.range.span
    return replace(difference, clips=clips, evidence=after.evidence, range=Range(-span, span))


def _bounds(
    names: Sequence[str], differences: Mapping[str, Resampled]
) -> Iterator[tuple[str, tuple[float, float, float, float, float]]]:
    """Name, value, bounds for these generators and bounds for new ones of some differences."""
    chosen = [differences[name] for name in names]
    for name, figure, ends in zip(names, chosen, difference_bounds(chosen).rows(), strict=True):
        yield name, (figure.value, *ends)


def _hindsight(grid: Grid, estimates: _Estimates) -> Iterator[Hindsight]:
    for model in grid.models:
        for condition in grid.conditions:
            figures = estimates[grid.whole(model, condition)]
            for name, metric in METRICS.items():
                if metric.best:
                    own, best = figures[name], figures[metric.best]
                    hidden = _difference(best, own)
                    key = model, condition, name, metric.best, own.value, best.value
                    ((_, ends),) = _bounds([name], {name: hidden})
                    yield Hindsight(*key, *ends[:3], hidden.clips)


def family_damage(
    grid: Grid, metrics: tuple[str, ...], *, resamples: int = 1000, seed: int = 0
) -> list[FamilyDamage]:
    """Return the damage of every family in some metrics, equal to that of a whole summary."""
    pairs = list(grid.pairs(metrics))
    cells = dict.fromkeys(cell for pair in pairs for cell in (pair.clean, pair.perturbed))
    estimates = estimate(list(cells), grid.groups, resamples, seed)
    return list(_families(grid, _differences(pairs, estimates), metrics))


def _families(grid: Grid, damage: _Differences, metrics: tuple[str, ...]) -> Iterator[FamilyDamage]:
    for model in grid.models:
        for family, members in grid.families().items():
            for name in metrics:
                known = {
                    condition: damage[model, condition][name]
                    for condition in members
                    if not math.isnan(damage[model, condition][name].value)
                }
                yield _family(model, family, name, known)


def _family(model: str, family: str, metric: str, known: dict[str, Resampled]) -> FamilyDamage:
    if not known:
        return FamilyDamage(model, family, metric, math.nan, math.nan, math.nan, 0, "")
    mean = mean_of_figures(list(known.values()))
    worst = max(known, key=lambda condition: _harm(metric, known[condition].value))
    ((_, ends),) = _bounds([metric], {metric: mean})
    return FamilyDamage(model, family, metric, *ends[:3], len(known), worst, *ends[3:])


def _harm(metric: str, damage: float) -> float:
    return damage if METRICS[metric].better == "lower" else -damage


def _claims(grid: Grid, rows: Sequence[MetricRow], published: Published) -> Iterator[ClaimCheck]:
    clean_rows = {(row.model, row.metric): row for row in rows if _is_clean(row)}
    tests = {(test.model, test.metric): test for test in against_run(claim_of(published), rows)}
    for model in grid.models:
        for name, reported in published.figures.given().items():
            of_real = published.positive == "real" and name != "accuracy"
            metric = f"{name}_real" if of_real else name
            row = clean_rows.get((model, metric))
            if row is None or math.isnan(row.value):
                nan = math.nan
                yield ClaimCheck(model, metric, reported, nan, nan, nan, 0, nan, "not measured")
                continue
            test = tests[model, metric]
            if math.isnan(row.low):
                verdict = "not measured"
            elif row.low <= reported <= row.high:
                verdict = "covered"
            else:
                verdict = "below" if row.value < reported else "above"
            yield ClaimCheck(
                model,
                metric,
                reported,
                row.value,
                row.low,
                row.high,
                row.n,
                row.value - reported,
                verdict,
                test.verdict,
                test.margin,
                test.low,
                test.high,
                test.reported_n,
            )


def _is_clean(row: MetricRow) -> bool:
    return row.condition == CLEAN and row.slice == "all"


def metrics_json(summary: Summary) -> str:
    """The text of `metrics.json`: a line per figure, at full precision, NaN as null with n = 0.

    An infinite cost is null with its n. `unscored` is the policy for clips without a score, and
    `statistics` the version of the methods that the intervals are by.
    """
    names = ("rows", "damage", "families", "claims", "contradictions", "hindsight", "warnings")
    lists = {name: getattr(summary, name) for name in names}
    return json_lines({"unscored": summary.policy, "statistics": STATISTICS} | lists)


def headline(summary: Summary, record: RunRecord, worst: int = 5) -> list[HeadlineRow]:
    """The main result of every model in a few lines.

    First its figures on `clean` beside the reported ones, then its accuracy under the `worst`
    conditions that lower it most.
    """
    words = {condition.name: condition.words for condition in record.suite.conditions}
    reported = {(claim.model, claim.metric): claim.reported for claim in summary.claims}
    whole = {
        (row.model, row.condition, row.metric): row for row in summary.rows if row.slice == "all"
    }
    lines: list[HeadlineRow] = []

    def add(row: MetricRow, claimed: float, lost: float) -> None:
        lines.append(
            HeadlineRow(
                row.model,
                row.condition,
                words.get(row.condition, row.condition),
                *(row.metric, row.value, row.low, row.high, row.n),
                claimed,
                lost,
                row.new_low,
                row.new_high,
            )
        )

    for model in dict.fromkeys(row.model for row in summary.rows):
        for metric in METRICS.headline:
            row = whole.get((model, CLEAN, metric))
            if row is not None:
                add(row, reported.get((model, metric), math.nan), math.nan)
        losses = [
            damage
            for damage in summary.damage
            if damage.model == model and damage.metric == "accuracy" and damage.value < 0
        ]
        for loss in sorted(losses, key=lambda loss: loss.value)[:worst]:
            add(whole[model, loss.condition, "accuracy"], math.nan, loss.value)
    return lines
