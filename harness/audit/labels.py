"""Clips whose label is probably wrong, and sets whose labels are swapped: from a table alone.

A detector that calls a real clip fake is wrong, or the label is, and no table can tell which of one
clip. Of many clips it can tell something. What a clip's scores say under all conditions and of all
models is one number, its evidence: the mean of its log-odds, each calibrated on clips of other
groups. A label is suspicious where its clip lies among those of the other class and not at the edge
of its own (`harness.audit.label_noise`), and the sum of these probabilities is how many are wrong.
Confident learning (Northcutt, Jiang & Chuang, Journal of Artificial Intelligence Research 70, 2021)
asks the same by counting; it takes whatever lies beyond a typical clip of the other class for a
wrong label, which with a weak detector are its plain errors.

Limits, which are stated with every answer. Where the classes overlap so much that a typical wrong
label would not stand out (a likelihood ratio under `LEAST_RATIO`), nothing is said. A detector that
is surely wrong about clips which nothing in the table sets apart looks the same as wrong labels do.
So no clip is called mislabelled: it is worth listening to.

Conventions: the score is log-odds of fake, real and fake are what the labels say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.audit.fold import folds_of
from harness.audit.label_noise import Labelled, Suspicion, fit, wrong_labels
from harness.audit.swapped_labels import Polarity, polarities
from harness.errors import UsageError
from harness.metrics.bootstrap import draw
from harness.metrics.intervals import FEWEST_GROUPS, proportion_interval
from harness.results.run_folder import RunFolder
from harness.summary.cells import Grid
from harness.summary.summary import RESAMPLES

Array = NDArray[np.float64]

LEAST_RATIO = 19.0
"""Then, of labels of which one in 20 is wrong, a typical wrong one is as likely wrong as not."""
LISTED = 0.5
FEWEST_CLIPS = 20
FEWEST_OF_A_KIND = 5
SURELY = 0.5
"""Wrong labels that the lower bound must exceed, so that it is not of one chance outlier."""

_LABELS = ("real", "fake")

LabelVerdict = Literal["suspicious", "nothing found", "too few clips", "scores overlap too much"]


@dataclass(frozen=True)
class Suspect:
    """A clip worth listening to.

    Parameters
    ----------
    probability
        That its label is wrong, if the detector mishears nothing that the table does not name.
    evidence
        Calibrated log-odds of fake, mean over models and conditions.
    contradicted
        Share of its scores, over models and conditions, that decide against its label.
    """

    clip_id: str
    label: str
    generator: str
    source: str
    group: str
    probability: float
    evidence: float
    contradicted: float
    rows: int


@dataclass(frozen=True)
class LabelCount:
    """Wrong labels among those of one class: how many, with a 95 % interval over groups.

    Parameters
    ----------
    label
        `all` is of the classes of which anything can be said, together.
    ratio
        Likelihood ratio against the label that half of all wrong labels would exceed.
    """

    label: Literal["real", "fake", "all"]
    verdict: LabelVerdict
    clips: int
    groups: int
    wrong: float
    low: float
    high: float
    ratio: float


@dataclass(frozen=True)
class LabelAudit:
    """Counts of all and of each class, the clips worth listening to, and the polarities.

    `suspects` has the most probable first.
    """

    counts: tuple[LabelCount, ...]
    suspects: tuple[Suspect, ...]
    polarities: tuple[Polarity, ...]
    notes: tuple[str, ...]

    @property
    def found(self) -> bool:
        swapped = any(each.verdict == "swapped" for each in self.polarities)
        return swapped or any(each.verdict == "suspicious" for each in self.counts)


def audit_labels(run: RunFolder, *, resamples: int = RESAMPLES, seed: int = 0) -> LabelAudit:
    """Hold the labels of a run's clips against its scores.

    Raises
    ------
    UsageError
        Where no clip of either class was scored.
    """
    grid = Grid.of(run.table, run.record)
    evidence, notes = _evidence(run.table, seed)
    clips = _clips(run.table, grid, evidence)
    sides = [clips[clips["label"] == label] for label in _LABELS]
    if not all(map(len, sides)):
        raise UsageError(
            "no scored clips of both classes", str(run.folder), "labels are held against scores"
        )
    real, fake = (
        _labelled(side, kind) for side, kind in zip(sides, ("source", "generator"), strict=True)
    )
    found = fit(real, fake)
    weights = np.concatenate(list(draw(grid.groups, resamples, seed)), axis=1)
    judged = [_Side.of(*each, weights) for each in zip(sides, found, strict=True)]
    suspects = [suspect for side in judged if not side.bar for suspect in side.suspects()]
    suspects.sort(key=lambda each: (-each.probability, each.clip_id))
    polarity = polarities(grid, resamples, seed)
    return LabelAudit(tuple(_counts(judged)), tuple(suspects), tuple(polarity), tuple(notes))


def _evidence(table: pd.DataFrame, seed: int) -> tuple[Any, list[str]]:
    """Mean calibrated log-odds of every scored clip, and what could not be calibrated."""
    notes: list[str] = []
    parts: list[pd.Series] = []
    frame: Any = table
    for (model, condition), rows in frame[frame["status"] == "ok"].groupby(
        ["model", "condition"], sort=True
    ):
        score = rows["score"].to_numpy(dtype=np.float64)
        fake = (rows["label"] == "fake").to_numpy(dtype=bool)
        calibrated = _calibrated(score, fake, rows["group"].to_numpy(dtype=object), seed)
        if calibrated is None:
            notes.append(f"{model} under {condition}: too few clips of both classes to calibrate")
        else:
            parts.append(pd.Series(calibrated, index=rows["clip_id"]))
    if not parts:
        return pd.Series(dtype=np.float64), notes
    return pd.concat(parts).groupby(level=0).mean(), notes


def _calibrated(
    score: Array, fake: NDArray[np.bool_], group: NDArray[Any], seed: int
) -> Array | None:
    """Log-odds of fake at even prior, from a logistic regression on the clips of other groups."""
    from sklearn.linear_model import LogisticRegression

    fold = folds_of(group, seed)
    calibrated = np.empty(len(score))
    for number in range(int(fold.max()) + 1):
        held = fold == number
        if len(set(fake[~held].tolist())) < 2:
            return None
        spread = float(np.std(score[~held])) or 1.0
        model = LogisticRegression(class_weight="balanced")
        model.fit(score[~held, None] / spread, fake[~held])
        calibrated[held] = model.decision_function(score[held, None] / spread)
    return calibrated


def _clips(table: pd.DataFrame, grid: Grid, evidence: Any) -> Any:
    """One row for every clip that has evidence."""
    scored = grid.ok
    against = (grid.score >= grid.bar) != grid.fake
    rows: Any = table[scored].assign(against=against[scored], number=grid.group[scored])
    clips = rows.groupby("clip_id", sort=True).agg(
        label=("label", "first"),
        generator=("generator", "first"),
        source=("source", "first"),
        group=("group", "first"),
        number=("number", "first"),
        contradicted=("against", "mean"),
        rows=("against", "size"),
    )
    clips["evidence"] = evidence.reindex(clips.index)
    return clips[clips["evidence"].notna()]


def _labelled(side: Any, kind: str) -> Labelled:
    """Rare kinds count as one: a few clips alone do not say where their kind lies."""
    names = side[kind].fillna("")
    often = names.map(names.value_counts()) >= FEWEST_OF_A_KIND
    numbers = pd.factorize(names.where(often, ""), sort=True)[0]
    return Labelled(side["evidence"].to_numpy(dtype=np.float64), np.asarray(numbers, dtype=np.intp))


@dataclass(frozen=True, eq=False)
class _Side:
    """The clips of one label, what was found of them, and how many are wrong in each resample.

    `bar` is why nothing can be said of them; empty where something can.
    """

    clips: Any
    found: Suspicion
    bar: LabelVerdict | Literal[""]
    drawn: Array

    @classmethod
    def of(cls, clips: Any, found: Suspicion, weights: NDArray[np.float32]) -> _Side:
        group = clips["number"].to_numpy(dtype=np.intp)
        bar: LabelVerdict | Literal[""] = ""
        if len(clips) < FEWEST_CLIPS or len(np.unique(group)) < FEWEST_GROUPS:
            bar = "too few clips"
        elif found.telling < LEAST_RATIO:
            bar = "scores overlap too much"
        drawn = wrong_labels(found, weights[group].astype(np.float64))
        return cls(clips, found, bar, drawn)

    def suspects(self) -> Iterator[Suspect]:
        rows = self.clips.reset_index().to_dict("records")
        for row, probability in zip(rows, self.found.wrong.tolist(), strict=True):
            if probability >= LISTED:
                yield Suspect(
                    clip_id=row["clip_id"],
                    label=row["label"],
                    generator=row["generator"] or "",
                    source=row["source"] or "",
                    group=row["group"] or "",
                    probability=probability,
                    evidence=float(row["evidence"]),
                    contradicted=float(row["contradicted"]),
                    rows=int(row["rows"]),
                )


def _counts(sides: Sequence[_Side]) -> Iterator[LabelCount]:
    """Of the classes together as far as they can be judged, then of each."""
    judged = [side for side in sides if not side.bar]
    if judged:
        yield _count("all", judged)
    for label, side in zip(_LABELS, sides, strict=True):
        yield _count(label, [side])


def _count(label: Literal["real", "fake", "all"], sides: Sequence[_Side]) -> LabelCount:
    clips = sum(len(side.clips) for side in sides)
    groups = len(np.unique(np.concatenate([side.clips["number"] for side in sides])))
    ratio = min(side.found.telling for side in sides)
    if bar := sides[0].bar:
        nan = math.nan
        return LabelCount(label, bar, clips, groups, nan, nan, nan, ratio)
    wrong = float(sum(side.found.wrong.sum() for side in sides))
    drawn = np.sum([side.drawn for side in sides], axis=0)
    low = min(float(np.percentile(drawn, 2.5)), wrong)
    verdict: LabelVerdict = "suspicious" if low > SURELY else "nothing found"
    # Labels that no draw shows wrong may still be: the upper bound knows that.
    share = np.array([wrong / clips])
    _, high = proportion_interval(share, drawn[None] / clips, np.array([groups]), np.array([clips]))
    return LabelCount(label, verdict, clips, groups, wrong, low, float(high[0]) * clips, ratio)
