"""The scores table as cells: which clips each figure is of.

Slices are of the clips' properties. A `generator` slice is of its fakes (recall, miss rate,
coverage) and, where a figure needs both classes (EER, AUC), of its fakes against every real clip of
the condition. Slices of `source`, of length and of a manifest's further columns hold both classes.
Figures of likelihood and calibration are of whole conditions, and of `source` slices of `clean`.
Lengths are of the audio that was scored, so a crop to 0.5 s is in `0.5-1 s`; they know no coverage,
as what was not scored has no length. `clean` has every figure for every slice; other conditions
have a few, for slices of at least `FEWEST_CLIPS`, and every kind has at most the `MOST_SLICES`
largest slices of a condition.

Clips without a score are in every cell but those of lengths; the suite's policy decides what they
count as. Rows of the status `missing` were never tried: they lower coverage, and no policy knows
what they would have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics import METRICS, Calibration, Ranking
from harness.metrics.bootstrap import Cell
from harness.results.clip_facts import slice_values
from harness.results.coverage import MISSING
from harness.results.record import RunRecord
from harness.results.scores import KEY
from harness.terms import CLEAN, UnscoredPolicy

Rows = NDArray[np.intp]

POOLED = "*"
DAMAGE = ("accuracy", "f1", "eer", "auc", "recall", "recall_real")
FEWEST_CLIPS = 10
MOST_SLICES = 200

_LENGTH_EDGES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_LENGTHS = ("0-0.5 s", "0.5-1 s", "1-2 s", "2-4 s", "4-8 s", "8+ s")
_PLAIN = tuple(name for name, each in METRICS.items() if not isinstance(each, Calibration))
_SCORED = tuple(name for name in _PLAIN if name != "coverage")
_BRIEF = ("accuracy", "recall", "recall_real")


@dataclass(frozen=True, eq=False)
class Place:
    """Where the figures of a cell belong."""

    model: str
    condition: str
    slice: str
    cell: Cell


@dataclass(frozen=True, eq=False)
class Pair:
    """The same clips clean and under a condition, for the metrics that are paired on them."""

    model: str
    condition: str
    metrics: tuple[str, ...]
    clean: Cell
    perturbed: Cell


@dataclass(frozen=True, eq=False)
class Grid:
    """A checked table in columns, and the names of what should be in it.

    Parameters
    ----------
    models, conditions
        In the order of the record; what only the table has comes last.
    family
        Family of every condition.
    rows
        Rows of the table for every (model, condition) that it has.
    tried
        Whether a row is there, with a score or a reason; ok is whether it has a score.
    threshold, bar
        Threshold of every model, and of the model of every row.
    """

    models: list[str]
    conditions: list[str]
    family: dict[str, str]
    rows: dict[tuple[str, str], Rows]
    threshold: dict[str, float]
    policy: UnscoredPolicy
    clip: Rows
    group: Rows
    groups: int
    fake: NDArray[np.bool_]
    ok: NDArray[np.bool_]
    tried: NDArray[np.bool_]
    score: NDArray[np.float64]
    bar: NDArray[np.float64]
    slices: dict[str, tuple[Rows, list[str]]]  # by kind: the number of each row's name, the names
    _whole: dict[tuple[str, str, tuple[str, ...]], Cell] = field(
        default_factory=dict[tuple[str, str, tuple[str, ...]], Cell]
    )

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        record: RunRecord,
        threshold_of: Callable[[str], float] | None = None,
    ) -> Grid:
        """Check a complete table and take it apart.

        Parameters
        ----------
        threshold_of
            Of a model, where the record does not know the models of the table.

        Raises
        ------
        UsageError
            Where a key occurs twice, a label is neither real nor fake, or a row is ok but has no
            score.
        """
        _check(table)
        own_group = table["group"].fillna("").to_numpy(dtype=object)
        clip_id = table["clip_id"].to_numpy(dtype=object)
        # Sorted, so that the draws of a bootstrap do not depend on the order of the rows.
        group, groups = pd.factorize(np.where(own_group == "", clip_id, own_group), sort=True)
        families = {
            str(name): str(family)
            for name, family in table.drop_duplicates("condition")[["condition", "family"]].values
        }
        listed = {condition.name: condition.family for condition in record.suite.conditions}
        seen: dict[Any, Rows] = table.groupby(["model", "condition"], sort=True).indices
        indices = {(str(model), str(name)): rows for (model, name), rows in seen.items()}
        own = [] if threshold_of else [model.name for model in record.models]
        models = list(dict.fromkeys([*own, *(model for model, _ in indices)]))
        threshold = {name: (threshold_of or record.threshold_of)(name) for name in models}
        return cls(
            models=models,
            conditions=list(dict.fromkeys([*listed, *families])),
            family={**families, **listed},
            rows=indices,
            threshold=threshold,
            policy=record.suite.unscored,
            clip=pd.factorize(clip_id)[0],
            group=group,
            groups=len(groups),
            fake=(table["label"] == "fake").to_numpy(dtype=bool),
            ok=(table["status"] == "ok").to_numpy(dtype=bool),
            tried=(table["status"] != MISSING).to_numpy(dtype=bool),
            score=table["score"].to_numpy(dtype=np.float64),
            bar=np.array([threshold[name] for name in table["model"]], dtype=np.float64),
            slices=_slices(table),
        )

    def rows_of(self, model: str, condition: str) -> Rows:
        return self.rows.get((model, condition), np.zeros(0, dtype=np.intp))

    def cell(self, rows: Rows, metrics: tuple[str, ...] = tuple(METRICS)) -> Cell:
        """The cell of some rows of one model, also of none."""
        fake, ok, tried = self.fake[rows], self.ok[rows], self.tried[rows]
        group, score = self.group[rows], self.score[rows]
        lost = tried & ~ok
        return Cell(
            real=score[ok & ~fake],
            fake=score[ok & fake],
            real_group=group[ok & ~fake],
            fake_group=group[ok & fake],
            unscored_real_group=group[lost & ~fake],
            unscored_fake_group=group[lost & fake],
            missing_group=group[~tried],
            metrics=metrics,
            threshold=float(self.bar[rows[0]]) if len(rows) else 0.0,
            policy=self.policy,
        )

    def whole(self, model: str, condition: str, metrics: tuple[str, ...] = tuple(METRICS)) -> Cell:
        """The cell of a condition, one object however often it is asked for."""
        key = (model, condition, metrics)
        if key not in self._whole:
            self._whole[key] = self.cell(self.rows_of(model, condition), metrics)
        return self._whole[key]

    def families(self) -> dict[str, list[str]]:
        """The conditions of every family but `clean`'s own, in order."""
        members: dict[str, list[str]] = {}
        for condition in self.conditions:
            if condition != CLEAN:
                members.setdefault(self.family[condition], []).append(condition)
        return members

    def places(self) -> Iterator[Place]:
        """Every cell that has rows of its own in `metrics.json`."""
        for model in self.models:
            for condition in self.conditions:
                yield Place(model, condition, "all", self.whole(model, condition))
                yield from self._sliced(model, condition)
            for family, members in self.families().items():
                rows = np.concatenate([self.rows_of(model, condition) for condition in members])
                yield Place(model, POOLED, f"family={family}", self.cell(rows, _PLAIN))

    def pairs(self, metrics: tuple[str, ...] = DAMAGE) -> Iterator[Pair]:
        """Every condition beside `clean`, on the clips that count under both.

        Where the policy leaves clips without a score out, these are the clips scored under both.
        Where it decides them, figures of decisions are paired on the clips tried under both and
        those of ranking, which need a score, still on those scored under both.
        """
        ranked = tuple(name for name in metrics if isinstance(METRICS[name], Ranking))
        decided = tuple(name for name in metrics if name not in ranked)
        # A report has all figures of whole conditions anyway.
        of_whole = tuple(METRICS) if metrics == DAMAGE else metrics
        for model in self.models:
            if self.policy == "excluded":
                yield from self._paired(model, self.ok, metrics, of_whole)
                continue
            if decided:
                yield from self._paired(model, self.tried, decided, of_whole)
            if ranked:
                yield from self._paired(model, self.ok, ranked, of_whole)

    def _paired(
        self,
        model: str,
        counts: NDArray[np.bool_],
        metrics: tuple[str, ...],
        of_whole: tuple[str, ...],
    ) -> Iterator[Pair]:
        def counted(condition: str) -> Rows:
            rows = self.rows_of(model, condition)
            return rows[counts[rows]]

        clean = counted(CLEAN)
        at = np.full(len(self.clip), -1, dtype=np.intp)
        at[self.clip[clean]] = clean
        parts: dict[bytes, Cell] = {}
        for condition in self.conditions:
            if condition == CLEAN:
                continue
            perturbed = counted(condition)
            partner = at[self.clip[perturbed]]
            both = partner >= 0
            before = np.sort(partner[both])
            if len(before) == len(clean):
                one = self.whole(model, CLEAN, of_whole)
            else:
                key = before.tobytes()
                one = parts.setdefault(key, self.cell(before, metrics))
            other = (
                self.whole(model, condition, of_whole)
                if both.all()
                else self.cell(perturbed[both], metrics)
            )
            yield Pair(model, condition, metrics, one, other)

    def _sliced(self, model: str, condition: str) -> Iterator[Place]:
        rows, clean = self.rows_of(model, condition), condition == CLEAN
        for kind, (numbers, names) in self.slices.items():
            for number in _largest(numbers[rows], 1 if clean else FEWEST_CLIPS):
                inside = rows[numbers[rows] == number]
                name = f"{kind}={names[number]}"
                if kind == "generator":
                    metrics = ("recall", "fnr", "coverage") if clean else ("recall",)
                    yield Place(model, condition, name, self.cell(inside, metrics))
                    if clean:
                        real = rows[~self.fake[rows]]
                        against = self.cell(np.concatenate([real, inside]), ("eer", "auc"))
                        yield Place(model, condition, name, against)
                else:
                    every = {"source": tuple(METRICS), "length": _SCORED}.get(kind, _PLAIN)
                    yield Place(
                        model, condition, name, self.cell(inside, every if clean else _BRIEF)
                    )


def _check(frame: pd.DataFrame) -> None:
    table: Any = frame  # the stubs of pandas take a column for a possible bool
    twice = table.duplicated(list(KEY))
    if twice.any():
        key = table.loc[twice, list(KEY)].iloc[0].tolist()
        raise UsageError(f"the row of {key} is there twice", "scores table", "score again")
    labels = sorted(set(table["label"].dropna().unique()) - {"real", "fake"})
    if labels or table["label"].isna().any():
        raise UsageError(f"labels other than real and fake: {labels}", "scores table")
    bare = (table["status"] == "ok") & table["score"].isna()
    if bare.any():
        clip_id = table.loc[bare, "clip_id"].iloc[0]
        raise UsageError(f"{clip_id} is ok but has no score", "scores table", "score again")


def _slices(table: pd.DataFrame) -> dict[str, tuple[Rows, list[str]]]:
    slices: dict[str, tuple[Rows, list[str]]] = {}
    for kind, values in slice_values(table).items():
        numbers, names = pd.factorize(values, sort=True)
        empty = np.array([name == "" for name in names], dtype=bool)
        if kind == "generator":
            numbers = np.where(table["label"] == "fake", numbers, -1)
        if empty.any():
            numbers = np.where(numbers == np.argmax(empty), -1, numbers)
        slices[kind] = (np.asarray(numbers, dtype=np.intp), [str(name) for name in names])
    seconds = table["seconds"].to_numpy(dtype=np.float64)
    known = ~np.isnan(seconds) & (table["status"] == "ok").to_numpy(dtype=bool)
    numbers = np.where(known, np.digitize(seconds, _LENGTH_EDGES_S), -1)
    slices["length"] = (numbers.astype(np.intp), list(_LENGTHS))
    return slices


def _largest(numbers: Rows, fewest: int) -> Rows:
    """Numbers from 0 that occur at least `fewest` times, the most frequent ones, ascending."""
    counts = np.bincount(numbers[numbers >= 0])
    often = np.flatnonzero(counts >= fewest)
    return np.sort(often[np.argsort(-counts[often], kind="stable")][:MOST_SLICES])
