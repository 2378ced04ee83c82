"""Which figures of two runs may be compared, and on which clips.

Models and conditions are matched by their names. Where each run has one model these are matched
whatever they are called; a condition that was renamed is found by its digest. Nothing else is
guessed: what is found on one side only is reported as that. Clips are matched by their names, and
those whose recordings differ all the same are compared in nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics import COMPARED, METRICS, Ranking
from harness.metrics.bootstrap import Cell
from harness.results import coverage
from harness.results.clip_facts import IDENTITY, columns_of
from harness.results.record import ConditionRecord, RunRecord, ThresholdRule
from harness.results.run_folder import RunFolder
from harness.results.shared_clips import SharedClips
from harness.summary.cells import Grid, Rows

RANKED = tuple(name for name in COMPARED if isinstance(METRICS[name], Ranking))
DECIDED = tuple(name for name in COMPARED if name not in (*RANKED, "coverage"))

_RUN, _BASELINE = "run ", "baseline "


@dataclass(frozen=True)
class Match:
    """What a model or condition is called in either run; empty where a run does not have it."""

    run: str
    baseline: str

    @property
    def name(self) -> str:
        return self.run or self.baseline


@dataclass(frozen=True, eq=False)
class Couple:
    """The same clips in both runs, for the metrics that are paired on them."""

    run: Cell
    baseline: Cell
    run_rows: Rows
    baseline_rows: Rows

    @property
    def rows(self) -> tuple[Rows, Rows]:
        return self.run_rows, self.baseline_rows


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two runs side by side.

    Parameters
    ----------
    run, baseline
        Each run by itself, at its own threshold and policy.
    both
        The rows of both, clips and groups numbered alike, each decided at its own threshold, and
        without a score as the run decides.
    table
        What `both` was made of.
    comparable
        Rows of `both` whose clip is of the same recording in both runs, or of the one run alone.
    shared
        The clips of both.
    """

    run: Grid
    baseline: Grid
    both: Grid
    table: pd.DataFrame
    run_record: RunRecord
    baseline_record: RunRecord
    models: list[Match]
    conditions: list[Match]
    comparable: NDArray[np.bool_]
    shared: SharedClips

    @classmethod
    def of(cls, run: RunFolder, baseline: RunFolder) -> Pairing:
        """Complete both tables and number their clips and groups alike."""
        tables = [coverage.complete(each.table, each.record) for each in (run, baseline)]
        if run.record.data.digest == baseline.record.data.digest:
            tables = [_named(*tables), _named(*tables[::-1])]
        grids = [
            Grid.of(table, each.record) for table, each in zip(tables, (run, baseline), strict=True)
        ]
        joined: Any = pd.concat(
            [
                table.assign(model=side + table["model"].astype(str))
                for side, table in zip((_RUN, _BASELINE), tables, strict=True)
            ],
            ignore_index=True,
        )
        shared = SharedClips.of(*tables)
        return cls(
            run=grids[0],
            baseline=grids[1],
            both=Grid.of(joined, run.record, _thresholds(run.record, baseline.record)),
            table=joined,
            run_record=run.record,
            baseline_record=baseline.record,
            models=_models(grids[0].models, grids[1].models),
            conditions=match_conditions(
                run.record, baseline.record, grids[0].conditions, grids[1].conditions
            ),
            comparable=~joined["clip_id"].isin(shared.exchanged).to_numpy(dtype=bool),
            shared=shared,
        )

    def rows(self, model: Match, condition: Match) -> tuple[Rows, Rows]:
        """Rows of `both` that either run has."""
        return (
            self.both.rows_of(_RUN + model.run, condition.run),
            self.both.rows_of(_BASELINE + model.baseline, condition.baseline),
        )

    def couple(self, model: Match, condition: Match, metrics: tuple[str, ...]) -> Couple:
        """The clips that count in both runs.

        Coverage is of all clips that both owe. Figures of ranking are of the clips that both
        scored, and so are those of decisions unless a policy decides the others: then they are of
        the clips that both tried. None is of clips that are not comparable.
        """
        if metrics == ("coverage",):
            counts: NDArray[np.bool_] = np.ones(len(self.both.ok), dtype=bool)
        elif metrics == RANKED or self.both.policy == "excluded":
            counts = self.both.ok
        else:
            counts = self.both.tried
        one, other = self.rows(model, condition)
        counts = counts & self.comparable
        one, other = one[counts[one]], other[counts[other]]
        _, first, second = np.intersect1d(
            self.both.clip[one], self.both.clip[other], assume_unique=True, return_indices=True
        )
        one, other = one[first], other[second]
        return Couple(self.both.cell(one, metrics), self.both.cell(other, metrics), one, other)

    def bar(self, model: Match, condition: Match, metric: str) -> str:
        """Why a figure under a condition may not be compared; empty where it may."""
        return self.data_bar or barred(
            self.run_record, self.baseline_record, model, condition, metric
        )

    @cached_property
    def data_bar(self) -> str:
        """Why the clips of the two runs are not the same; empty where they are, or a part is."""
        one, other = self.run_record.data, self.baseline_record.data
        if one.digest != other.digest and not self.is_part:
            return f"other data: digest {one.digest}, was {other.digest}"
        return f"other data: {self.shared.words}" if self.shared.other_data else ""

    @cached_property
    def is_part(self) -> bool:
        """Whether one run took, by `--limit`, a part of the clips that the other took."""
        table: Any = self.table
        clips = [
            table[table["model"].str.startswith(side)].drop_duplicates("clip_id")
            for side in (_RUN, _BASELINE)
        ]
        known = [
            each.set_index("clip_id")[["label", *IDENTITY]].fillna("").astype(str) for each in clips
        ]
        records = (self.run_record, self.baseline_record)
        for part, whole, record in ((*known, records[0]), (*known[::-1], records[1])):
            if record.data.limit is None or not part.index.isin(whole.index).all():
                continue
            if (part == whole.loc[part.index]).all(axis=None):
                return True
        return False


def barred(run: RunRecord, baseline: RunRecord, model: Match, condition: Match, metric: str) -> str:
    """Why a figure may not be compared, as far as the records tell and of the same data.

    Empty where it may.
    """
    if run.channels != baseline.channels:
        return f"the channels are heard as {run.channels}, were as {baseline.channels}"
    one, other = _recorded(run, condition.run), _recorded(baseline, condition.baseline)
    if one is not None and other is not None:
        if one.digest != other.digest:
            return "the condition is another one under the same name"
        if one.content and other.content and one.content != other.content:
            return "the recordings that the condition draws from are others under the same name"
        if one.chain and run.suite.seed != baseline.suite.seed:
            return (
                f"the suite's seed is {run.suite.seed}, was "
                f"{baseline.suite.seed}, so the perturbed audio differs"
            )
    if metric in DECIDED:
        if told := _threshold_bar(run, baseline, model):
            return told
        if run.suite.unscored != baseline.suite.unscored:
            return (
                f"clips without a score count as {run.suite.unscored}, "
                f"counted as {baseline.suite.unscored}"
            )
    return ""


def _threshold_bar(run: RunRecord, baseline: RunRecord, model: Match) -> str:
    """Thresholds may differ where one rule chose both on the same development clips."""
    now, before = run.threshold_of(model.run), baseline.threshold_of(model.baseline)
    rule, was = _rule(run, model.run), _rule(baseline, model.baseline)
    if rule == was and (rule is not None or now == before):
        return ""
    how = "" if rule == was else ", chosen in another way or on other clips"
    return f"the threshold is {now:.4g}, was {before:.4g}{how}"


def _thresholds(run: RunRecord, baseline: RunRecord) -> Callable[[str], float]:
    """Of the models of both, as the joined table calls them."""

    def of(name: str) -> float:
        record, side = (run, _RUN) if name.startswith(_RUN) else (baseline, _BASELINE)
        return record.threshold_of(name.removeprefix(side))

    return of


def _rule(record: RunRecord, model: str) -> tuple[object, ...] | None:
    """How the threshold of a model was chosen and on which clips; None where it was set."""
    rule = record.suite.threshold
    if not isinstance(rule, ThresholdRule):
        return None
    clips = next((each.digest for each in record.thresholds if each.model == model), "")
    return rule.choose, rule.at, clips


def _models(run: Sequence[str], baseline: Sequence[str]) -> list[Match]:
    if len(run) == len(baseline) == 1:
        return [Match(run[0], baseline[0])]
    return _matched(run, baseline)


def match_conditions(
    run: RunRecord, baseline: RunRecord, names: Sequence[str], others: Sequence[str]
) -> list[Match]:
    """Conditions of the run and of the baseline, by name, and what is left by its digest.

    A digest that either side has more than once matches nothing.
    """
    matches = _matched(names, others)
    new = _by_digest(run, (match.run for match in matches if not match.baseline))
    gone = _by_digest(baseline, (match.baseline for match in matches if not match.run))
    renamed = {name: gone[digest] for digest, name in new.items() if digest in gone}
    taken = set(renamed.values())
    return [
        Match(match.run, renamed.get(match.run, match.baseline))
        for match in matches
        if match.run or match.baseline not in taken
    ]


def _by_digest(record: RunRecord, names: Iterable[str]) -> dict[str, str]:
    wanted = set(names)
    found = [(each.digest, each.name) for each in record.suite.conditions if each.name in wanted]
    often = Counter(digest for digest, _ in found)
    return {digest: name for digest, name in found if digest and often[digest] == 1}


def _matched(run: Sequence[str], baseline: Sequence[str]) -> list[Match]:
    """The run's names in order, then those that only the baseline has."""
    there, before = set(run), set(baseline)
    return [Match(name, name if name in before else "") for name in run] + [
        Match("", name) for name in baseline if name not in there
    ]


def _recorded(record: RunRecord, name: str) -> ConditionRecord | None:
    return next((each for each in record.suite.conditions if each.name == name), None)


def _named(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The table with clips that no row of it names called as the other run of the same data has it.

    Which of them is which does not matter: each class has as many unnamed as there are names left.
    """
    frame: Any = table
    unnamed = frame["clip_id"].str.startswith("\0")
    if not unnamed.any():
        return table
    known: Any = other.drop_duplicates("clip_id")
    known = known[~known["clip_id"].isin(set(frame["clip_id"]))]
    known = known[~known["clip_id"].str.startswith("\0")]
    found: list[pd.DataFrame] = []
    for label in ("real", "fake"):
        mine = frame[unnamed & (frame["label"] == label)]
        names = mine["clip_id"].unique()
        theirs = known[known["label"] == label].head(len(names))
        renamed = dict(zip(names, theirs["clip_id"], strict=False))
        rows = mine.assign(clip_id=mine["clip_id"].map(lambda name, to=renamed: to.get(name, name)))
        facts = [name for name in columns_of(frame) if name in theirs]
        told = theirs.set_index("clip_id")[facts].reindex(rows["clip_id"])
        for fact in facts:
            rows[fact] = told[fact].fillna(rows.set_index("clip_id")[fact]).to_numpy()
        found.append(rows)
    return pd.concat([frame[~unnamed], *found], ignore_index=True)
