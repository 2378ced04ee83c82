"""Warn of scores that are probably not log-odds that a clip is fake.

An AUC that is significantly below 0.5 (the upper end of its 95 % interval over groups is) means
that real clips score higher than fakes: the scores or the labels are probably swapped. An AUC that
is significantly high although nearly every clip is called the same means that the threshold does
not lie among the scores: they are probably probabilities, or the threshold is another detector's.

Both are judged on `clean`. A condition of a score file also counts as swapped on its own where its
AUC is significantly below 0.25 and that of `clean` significantly above 0.5. Where `clean` has no
AUC, scores count as swapped if the AUC is significantly below 0.5 under more than half of the
conditions, which chance alone causes in at most 1 of 20 runs (Markov's inequality).
`harness.audit.swapped_labels` asks the same of parts of a set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.metrics.bootstrap import estimate
from harness.results import coverage
from harness.results.figures import MetricRow, ScoreWarning
from harness.results.record import RunRecord
from harness.summary.cells import Grid, SliceCell, metric_rows
from harness.terms import CLEAN

if TYPE_CHECKING:
    from harness.results.run_folder import RunFolder

RESAMPLES = 1000
FIGURES = ("auc", "recall", "recall_real")

_CHANCE = 0.5
_PROBABLY_SWAPPED = 0.25
"""Upper end of an AUC below which swapping is likelier than fakes that deceive the detector."""
_HIGH = 0.9
_NEARLY_ALL = 0.99
"""Share of both classes that is called the same."""

_TURN = {
    "source": "return the negative of the score, or set its attribute higher to the other class",
    "file": "say scores:FILE?higher=real, or higher=fake where it was read as higher = real",
}
_SCALE = {
    "source": (
        "probabilities are probably taken for log-odds: return log(p / (1 - p)), or set "
        "the attribute kind"
    ),
    "file": "probabilities are probably taken for log-odds: say scores:FILE?score=probability",
}


def score_warnings(rows: Iterable[MetricRow], record: RunRecord) -> list[ScoreWarning]:
    """The warnings of every model of a run, from its `FIGURES` of whole conditions."""
    digested = {model.name: model.digest_of for model in record.models}
    models: dict[str, dict[str, dict[str, MetricRow]]] = {}
    for row in rows:
        if row.slice == "all" and row.metric in FIGURES:
            models.setdefault(row.model, {}).setdefault(row.condition, {})[row.metric] = row
    return [
        warning
        for model, conditions in models.items()
        for warning in _of_model(conditions, digested.get(model, "weights"))
    ]


def run_warnings(run: RunFolder) -> list[ScoreWarning]:
    """Compute the warnings of `score_warnings` from the table of a run without a summary."""
    grid = Grid.of(coverage.complete(run.table, run.record), run.record)
    return grid_warnings(grid, run.record)


def baseline_warnings(run: RunFolder) -> list[ScoreWarning]:
    """Compute `run_warnings` of a baseline, with words that say so."""
    return [
        replace(warning, words=f"in the baseline, {warning.words}") for warning in run_warnings(run)
    ]


def grid_warnings(grid: Grid, record: RunRecord) -> list[ScoreWarning]:
    """Compute `run_warnings` from a grid."""
    cells = {
        (model, condition): grid.whole(model, condition, FIGURES)
        for model in grid.models
        for condition in grid.conditions
    }
    drawn = estimate(list(cells.values()), grid.groups, RESAMPLES, 0)
    parts = [SliceCell(model, condition, "all", cell) for (model, condition), cell in cells.items()]
    return score_warnings(metric_rows(parts, drawn), record)


def _of_model(
    conditions: Mapping[str, Mapping[str, MetricRow]], content: str
) -> Iterator[ScoreWarning]:
    clean = conditions.get(CLEAN, {})
    auc = clean.get("auc")
    if auc is None or math.isnan(auc.value):
        aucs = [figures["auc"] for figures in conditions.values() if "auc" in figures]
        yield from _under_conditions(aucs, content)
        return
    if auc.high < _CHANCE:
        yield _warning("swapped", auc, _swapped(auc, "clean clips", content))
        return
    if auc.low > _CHANCE and content == "file":
        yield from _turned(conditions)
    shares = [clean[name].value for name in FIGURES[1:] if name in clean]
    if (
        auc.low > _HIGH
        and len(shares) == 2
        and min(shares) <= 1 - _NEARLY_ALL <= _NEARLY_ALL <= max(shares)
    ):
        yield _warning("one class", auc, _one_class(auc, shares[0] > shares[1], content))


def _turned(conditions: Mapping[str, Mapping[str, MetricRow]]) -> Iterator[ScoreWarning]:
    """Warn of conditions of a score file that are swapped although `clean` is not."""
    aucs = [figures["auc"] for figures in conditions.values() if "auc" in figures]
    turned = [row for row in aucs if row.high < _PROBABLY_SWAPPED]
    if turned:
        worst, more = min(turned, key=lambda row: row.high), len(turned) - 1
        where = worst.condition + f" and {more} more" * (more > 0)
        words = (
            f"probably swapped under {where}: AUC {_measured(worst)}, though not on clean clips; "
            "turn the sign of these rows of the file"
        )
        yield _warning("swapped", worst, words)


def _under_conditions(aucs: Sequence[MetricRow], content: str) -> Iterator[ScoreWarning]:
    """Warn if most conditions are swapped, where `clean` has no AUC."""
    known = [row for row in aucs if not math.isnan(row.high)]
    below = [row for row in known if row.high < _CHANCE]
    if 2 * len(below) > len(known):
        lowest = min(below, key=lambda row: row.high)
        where = f"clips under {lowest.condition}, as under {len(below)} of {len(known)} conditions"
        yield _warning("swapped", lowest, _swapped(lowest, where, content))


def _warning(kind: str, auc: MetricRow, words: str) -> ScoreWarning:
    return ScoreWarning(
        auc.model,
        "swapped" if kind == "swapped" else "one class",
        auc.condition,
        auc.value,
        auc.low,
        auc.high,
        auc.n,
        words,
    )


def _swapped(auc: MetricRow, where: str, content: str) -> str:
    turn = _TURN.get(content, "say which label means fake with --fake-label")
    evidence = f"AUC {_measured(auc)} on {where}, so real clips score higher than fakes"
    if auc.high < _PROBABLY_SWAPPED:
        return f"probably swapped: {evidence}; {turn}, or check the labels of the data"
    return (
        f"worse than chance: {evidence}. Either these fakes sound more real to it than real "
        f"clips, or it is swapped: then {turn}, or check the labels of the data"
    )


def _one_class(auc: MetricRow, fake: bool, content: str) -> str:
    cause = _SCALE.get(content, "the threshold is off")
    return (
        f"nearly every clip is called {'fake' if fake else 'real'}, though the AUC is "
        f"{_measured(auc)} on clean clips; {cause}, or choose a threshold on development clips"
    )


def _measured(auc: MetricRow) -> str:
    return f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
