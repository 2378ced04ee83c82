"""The scores table as cells: the clips that each metric is of.

`SLICES` says by what clips are divided and which metrics the parts have. A slice of clips of one
class (`generator`: of fakes) has metrics that need both classes against every clip of the other
class in the condition. Lengths are of the audio that was scored, so a crop to 0.5 s is in
`0.5-1 s`; they have no coverage, as what was not scored has no length. Conditions other than
`clean` have slices of at least `FEWEST_CLIPS`, and every fact has at most the `MOST_SLICES` largest
slices of a condition.

Clips without a score are in every cell but those of lengths; the suite's policy decides what they
count as. Rows of the status `missing` were never tried: they lower coverage, and no policy knows
what they would have been.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics import METRICS, AnyMetric, CalibrationMetric, RankingMetric
from harness.metrics.bootstrap import ClipSet
from harness.metrics.resampled import Resampled, bounds_of
from harness.results.clip_facts import FAKES_ONLY, NAMES, slice_values
from harness.results.coverage import MISSING
from harness.results.figures import MetricRow
from harness.results.record import RunRecord
from harness.results.scores import KEY
from harness.terms import CLEAN, LENGTH_BANDS, LENGTH_EDGES_S, POOLED, UnscoredPolicy

Rows = NDArray[np.intp]

FEWEST_CLIPS = 10
MOST_SLICES = 200
_TOGETHER = 16
"""Cells whose intervals are computed at once, for speed."""


@dataclass(frozen=True)
class Slice:
    """A property of clips by which a condition is divided.

    Parameters
    ----------
    fact
        As `harness.results.clip_facts` names it, or `length`; a slice is called `fact=value`.
    clean, elsewhere
        Which metrics the slices of `clean` and of other conditions have.
    against_real
        Which metrics the slices of `clean` have against every real clip; only for a fact that
        divides the fakes alone.
    """

    fact: str
    title: str
    clean: Callable[[AnyMetric], bool]
    elsewhere: Callable[[AnyMetric], bool]
    against_real: Callable[[AnyMetric], bool] | None = None

    @property
    def leading(self) -> str:
        """The one metric by which slices are shown beside each other."""
        return METRICS.chosen(self.elsewhere)[0]


def _brief(metric: AnyMetric) -> bool:
    return metric.brief


def _needs_no_ratio(metric: AnyMetric) -> bool:
    return not isinstance(metric, CalibrationMetric)


SLICES = (
    Slice(
        "generator",
        "Generator",
        clean=lambda metric: metric.support in ("fake", "owed"),
        elsewhere=lambda metric: metric.brief and metric.support == "fake",
        against_real=lambda metric: isinstance(metric, RankingMetric) and not metric.costed,
    ),
    Slice("source", "Source", clean=lambda _: True, elsewhere=_brief),
    Slice(
        "length",
        "Length",
        clean=lambda metric: _needs_no_ratio(metric) and metric.support != "owed",
        elsewhere=_brief,
    ),
)
"""Facts with metrics of their own; any other fact has the row that `slice_of` makes for it."""


def slice_of(fact: str) -> Slice:
    """The row of a fact; a further column of a manifest has its own name as title."""
    title = fact.replace("_", " ").capitalize() if fact in NAMES else fact
    other = Slice(fact, title, _needs_no_ratio, _brief)
    return next((part for part in SLICES if part.fact == fact), other)


@dataclass(frozen=True, eq=False)
class SliceCell:
    """A cell and where its metrics belong in `metrics.json`."""

    model: str
    condition: str
    slice: str
    cell: ClipSet


def metric_rows(
    parts: Sequence[SliceCell], estimates: Mapping[ClipSet, Mapping[str, Resampled]]
) -> Iterator[MetricRow]:
    """The rows of some cells' metrics, with intervals."""
    for start in range(0, len(parts), _TOGETHER):
        some = parts[start : start + _TOGETHER]
        keys = [(part, name) for part in some for name in estimates[part.cell]]
        figures = [estimates[part.cell][name] for part, name in keys]
        for (part, name), figure, bounds in zip(
            keys, figures, bounds_of(figures).rows(), strict=True
        ):
            n = 0 if math.isnan(figure.value) else figure.clips
            low, high, *new = (math.nan,) * 4 if METRICS[name].is_count else bounds
            key = part.model, part.condition, part.slice, name
            yield MetricRow(*key, figure.value, low, high, n, *new)


@dataclass(frozen=True, eq=False)
class Pair:
    """The same clips clean and under a condition, for the metrics that are paired on them."""

    model: str
    condition: str
    metrics: tuple[str, ...]
    clean: ClipSet
    perturbed: ClipSet


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
    generator: Rows  # of fakes; -1 where it is not known
    slices: dict[str, tuple[Rows, list[str]]]  # by kind: the number of each row's name, the names
    _whole: dict[tuple[str, str, tuple[str, ...]], ClipSet] = field(
        default_factory=dict[tuple[str, str, tuple[str, ...]], ClipSet]
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
            generator=_generators(table),
            slices=_slices(table),
        )

    def rows_of(self, model: str, condition: str) -> Rows:
        return self.rows.get((model, condition), np.zeros(0, dtype=np.intp))

    def cell(self, rows: Rows, metrics: tuple[str, ...] | None = None) -> ClipSet:
        """The cell of some rows of one model, of all metrics unless some are named."""
        fake, ok, tried = self.fake[rows], self.ok[rows], self.tried[rows]
        group, score, generator = self.group[rows], self.score[rows], self.generator[rows]
        lost = tried & ~ok
        return ClipSet(
            real=score[ok & ~fake],
            fake=score[ok & fake],
            real_group=group[ok & ~fake],
            fake_group=group[ok & fake],
            unscored_real_group=group[lost & ~fake],
            unscored_fake_group=group[lost & fake],
            missing_group=group[~tried],
            generator=generator[ok & fake],
            unscored_generator=generator[lost & fake],
            metrics=METRICS.names if metrics is None else metrics,
            threshold=float(self.bar[rows[0]]) if len(rows) else 0.0,
            policy=self.policy,
        )

    def whole(self, model: str, condition: str, metrics: tuple[str, ...] | None = None) -> ClipSet:
        """The cell of a condition, one object however often it is asked for."""
        key = (model, condition, METRICS.names if metrics is None else metrics)
        if key not in self._whole:
            self._whole[key] = self.cell(self.rows_of(model, condition), key[2])
        return self._whole[key]

    def families(self) -> dict[str, list[str]]:
        """The conditions of every family but `clean`'s own, in order."""
        members: dict[str, list[str]] = {}
        for condition in self.conditions:
            if condition != CLEAN:
                members.setdefault(self.family[condition], []).append(condition)
        return members

    def slice_cells(self) -> Iterator[SliceCell]:
        """Every cell that has rows of its own in `metrics.json`."""
        plain = METRICS.chosen(lambda metric: not isinstance(metric, CalibrationMetric))
        for model in self.models:
            for condition in self.conditions:
                yield SliceCell(model, condition, "all", self.whole(model, condition))
                yield from self._sliced(model, condition)
            for family, members in self.families().items():
                rows = np.concatenate([self.rows_of(model, condition) for condition in members])
                yield SliceCell(model, POOLED, f"family={family}", self.cell(rows, plain))

    def pairs(self, metrics: tuple[str, ...] | None = None) -> Iterator[Pair]:
        """Every condition beside `clean`, on the clips that count under both.

        Where the policy leaves clips without a score out, these are the clips scored under both.
        Where it decides them, decision metrics are paired on the clips tried under both, and
        ranking metrics, which need a score, still on those scored under both.

        Parameters
        ----------
        metrics
            Those of damage unless some are named; only then are cells of whole conditions shared
            with `slice_cells`.
        """
        damage_metrics = METRICS.damage if metrics is None else metrics
        excluded = self.policy == "excluded"
        for model in self.models:
            for kind in [damage_metrics] if excluded else METRICS.kinds(damage_metrics):
                counts = self.ok if excluded or METRICS.needs_score(kind[0]) else self.tried
                yield from self._paired(model, counts, kind, metrics)

    def _paired(
        self,
        model: str,
        counts: NDArray[np.bool_],
        metrics: tuple[str, ...],
        of_whole: tuple[str, ...] | None,
    ) -> Iterator[Pair]:
        def counted(condition: str) -> Rows:
            rows = self.rows_of(model, condition)
            return rows[counts[rows]]

        clean = counted(CLEAN)
        at = np.full(len(self.clip), -1, dtype=np.intp)
        at[self.clip[clean]] = clean
        parts: dict[bytes, ClipSet] = {}
        for condition in self.conditions:
            if condition == CLEAN:
                continue
            perturbed = counted(condition)
            partner = at[self.clip[perturbed]]
            both = partner >= 0
            before = np.sort(partner[both])
            if len(before) == len(clean):
                clean_cell = self.whole(model, CLEAN, of_whole)
            else:
                key = before.tobytes()
                clean_cell = parts.setdefault(key, self.cell(before, metrics))
            perturbed_cell = (
                self.whole(model, condition, of_whole)
                if both.all()
                else self.cell(perturbed[both], metrics)
            )
            yield Pair(model, condition, metrics, clean_cell, perturbed_cell)

    def _sliced(self, model: str, condition: str) -> Iterator[SliceCell]:
        rows, clean = self.rows_of(model, condition), condition == CLEAN
        for fact, (numbers, names) in self.slices.items():
            part = slice_of(fact)
            metrics = METRICS.chosen(part.clean if clean else part.elsewhere)
            for number in _largest(numbers[rows], 1 if clean else FEWEST_CLIPS):
                inside = rows[numbers[rows] == number]
                name = f"{part.fact}={names[number]}"
                yield SliceCell(model, condition, name, self.cell(inside, metrics))
                if clean and part.against_real is not None:
                    against = np.concatenate([rows[~self.fake[rows]], inside])
                    cell = self.cell(against, METRICS.chosen(part.against_real))
                    yield SliceCell(model, condition, name, cell)


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


def _generators(table: pd.DataFrame) -> Rows:
    names = table["generator"].fillna("").to_numpy(dtype=object)
    names = np.where((table["label"] == "fake").to_numpy(dtype=bool), names, "")
    numbers, distinct = pd.factorize(names, sort=True)
    unknown = int(np.sum(distinct == ""))  # sorts first
    return np.asarray(numbers - unknown, dtype=np.intp)


def _slices(table: pd.DataFrame) -> dict[str, tuple[Rows, list[str]]]:
    """Return the number of each row's slice, -1 for none, and the names of the slices, by fact."""
    slices: dict[str, tuple[Rows, list[str]]] = {}
    fake, scored = table["label"] == "fake", table["status"] == "ok"
    for fact, values in slice_values(table).items():
        numbers, distinct = pd.factorize(values, sort=True)
        names = [str(value) for value in distinct]
        known = np.array([*(name != "" for name in names), False], dtype=bool)[numbers]
        if fact in FAKES_ONLY:
            known &= fake.to_numpy(dtype=bool)
        slices[fact] = np.where(known, numbers, -1).astype(np.intp), names
    seconds = table["seconds"].to_numpy(dtype=np.float64)
    known = ~np.isnan(seconds) & scored.to_numpy(dtype=bool)
    numbers = np.where(known, np.digitize(seconds, LENGTH_EDGES_S), -1)
    slices["length"] = numbers.astype(np.intp), list(LENGTH_BANDS)
    return slices


def _largest(numbers: Rows, fewest: int) -> Rows:
    """Numbers from 0 that occur at least `fewest` times, the most frequent ones, ascending."""
    counts = np.bincount(numbers[numbers >= 0])
    often = np.flatnonzero(counts >= fewest)
    return np.sort(often[np.argsort(-counts[often], kind="stable")][:MOST_SLICES])
