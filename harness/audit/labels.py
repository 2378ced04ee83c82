"""Clips whose label is probably wrong, and parts of a set whose labels are swapped.

A detector that calls a real clip fake is wrong, or the label is, and for a single clip no table can
tell which. Over many clips it can. The evidence of a clip is the mean of its log-odds over all
conditions and models, each calibrated on clips of other groups. A label is suspicious where its
clip lies among those of the other class, not at the edge of its own (`harness.audit.label_noise`);
the sum of these probabilities estimates the number of wrong labels. Confident learning (Northcutt,
Jiang & Chuang, Journal of Artificial Intelligence Research 70, 2021) counts instead; it takes
everything beyond a typical clip of the other class for a wrong label, and with a weak detector
these are its ordinary errors.

Limits, reported with every result: where the classes overlap so much that a typical wrong label
would not stand out (a likelihood ratio under `LEAST_RATIO`), there is no result. Confident errors
of a detector on clips that nothing in the table distinguishes look like wrong labels. So no clip is
called mislabelled: it is worth listening to.

Conventions: scores are log-odds of fake; real and fake are what the labels say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.audit.cross_fit import cross_fit, group_folds, leaves_both
from harness.audit.label_noise import Labelled, LabelNoise, fit, wrong_labels
from harness.audit.swapped_labels import Polarity, polarities
from harness.errors import UsageError
from harness.metrics.bootstrap import draw
from harness.metrics.intervals import FEWEST_GROUPS, proportion_interval
from harness.results.run_folder import RunFolder
from harness.summary.cells import Grid
from harness.summary.summary import RESAMPLES

Array = NDArray[np.float64]

LEAST_RATIO = 19.0
"""Likelihood ratio at which a label is as likely wrong as right if 1 in 20 is wrong."""
LISTED = 0.5
FEWEST_CLIPS = 20
FEWEST_OF_A_KIND = 5
LEAST_LOW = 0.5
"""Wrong labels that the lower bound must exceed, so that one chance outlier is no finding."""

_LABELS = ("real", "fake")

LabelVerdict = Literal["suspicious", "nothing found", "too few clips", "scores overlap too much"]


@dataclass(frozen=True)
class Suspect:
    """A clip worth listening to.

    Parameters
    ----------
    probability
        That its label is wrong, unless the detector errs on a kind that the table does not name.
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
    """Estimated number of wrong labels of one class, with a 95 % interval over groups.

    Parameters
    ----------
    label
        `all` covers the classes with a result, together.
    ratio
        Median likelihood ratio of a wrong label against the label.
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
    """Counts of all and of each class, suspects (the most probable first), and polarities."""

    counts: tuple[LabelCount, ...]
    suspects: tuple[Suspect, ...]
    polarities: tuple[Polarity, ...]
    notes: tuple[str, ...]

    @property
    def found(self) -> bool:
        swapped = any(part.verdict == "swapped" for part in self.polarities)
        return swapped or any(count.verdict == "suspicious" for count in self.counts)


def audit_labels(run: RunFolder, *, resamples: int = RESAMPLES, seed: int = 0) -> LabelAudit:
    """Check the labels of a run's clips against its scores.

    Raises
    ------
    UsageError
        For a run without scored clips of both classes.
    """
    grid = Grid.of(run.table, run.record)
    evidence, notes = _evidence(run.table, seed)
    clips = _clips(run.table, grid, evidence)
    sides = [clips[clips["label"] == label] for label in _LABELS]
    if not all(map(len, sides)):
        raise UsageError(
            "no scored clips of both classes", str(run.folder), "score clips of both classes"
        )
    real, fake = (
        _labelled(side, kind) for side, kind in zip(sides, ("source", "generator"), strict=True)
    )
    weights = np.concatenate(list(draw(grid.groups, resamples, seed)), axis=1)
    classes = [
        _LabelClass.of(side, noise, weights)
        for side, noise in zip(sides, fit(real, fake), strict=True)
    ]
    suspects = [
        suspect
        for label_class in classes
        if not label_class.obstacle
        for suspect in label_class.suspects()
    ]
    suspects.sort(key=lambda suspect: (-suspect.probability, suspect.clip_id))
    polarity = polarities(grid, resamples, seed)
    return LabelAudit(tuple(_counts(classes)), tuple(suspects), tuple(polarity), tuple(notes))


def _evidence(table: pd.DataFrame, seed: int) -> tuple[Any, list[str]]:
    """Mean calibrated log-odds of every scored clip, and notes on what was not calibrated."""
    notes: list[str] = []
    parts: list[pd.Series] = []
    frame: Any = table
    for (model, condition), rows in frame[frame["status"] == "ok"].groupby(
        ["model", "condition"], sort=True
    ):
        score = rows["score"].to_numpy(dtype=np.float64)
        fake = (rows["label"] == "fake").to_numpy(dtype=bool)
        fold = group_folds(rows["group"].to_numpy(dtype=object), seed)
        if leaves_both(fake, fold):
            parts.append(pd.Series(_calibrated(score, fake, fold), index=rows["clip_id"]))
        else:
            notes.append(f"{model} under {condition}: too few clips of both classes to calibrate")
    if not parts:
        return pd.Series(dtype=np.float64), notes
    return pd.concat(parts).groupby(level=0).mean(), notes


def _calibrated(score: Array, fake: NDArray[np.bool_], fold: NDArray[np.intp]) -> Array:
    """Log-odds of fake at even prior, by logistic regression on the other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(with_mean=False), LogisticRegression(class_weight="balanced")
    )
    return cross_fit(model, score[:, None], fake, fold, "decision_function")


def _clips(table: pd.DataFrame, grid: Grid, evidence: Any) -> Any:
    """One row per clip with evidence."""
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
    """The clips of one label, rare kinds counted as one: a few clips cannot locate theirs."""
    names = side[kind].fillna("")
    frequent = names.map(names.value_counts()) >= FEWEST_OF_A_KIND
    numbers = pd.factorize(names.where(frequent, ""), sort=True)[0]
    return Labelled(side["evidence"].to_numpy(dtype=np.float64), np.asarray(numbers, dtype=np.intp))


@dataclass(frozen=True, eq=False)
class _LabelClass:
    """The clips of one label, their fit, and the number of wrong ones in each resample.

    `obstacle` is why there is no result; empty where there is one.
    """

    clips: Any
    noise: LabelNoise
    obstacle: LabelVerdict | Literal[""]
    drawn: Array

    @classmethod
    def of(cls, clips: Any, noise: LabelNoise, weights: NDArray[np.float32]) -> _LabelClass:
        group = clips["number"].to_numpy(dtype=np.intp)
        obstacle: LabelVerdict | Literal[""] = ""
        if len(clips) < FEWEST_CLIPS or len(np.unique(group)) < FEWEST_GROUPS:
            obstacle = "too few clips"
        elif noise.ratio < LEAST_RATIO:
            obstacle = "scores overlap too much"
        return cls(clips, noise, obstacle, wrong_labels(noise, weights[group].astype(np.float64)))

    def suspects(self) -> Iterator[Suspect]:
        rows = self.clips.reset_index().to_dict("records")
        for row, probability in zip(rows, self.noise.wrong.tolist(), strict=True):
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


def _counts(classes: Sequence[_LabelClass]) -> Iterator[LabelCount]:
    """The classes with a result together, then each class."""
    judged = [label_class for label_class in classes if not label_class.obstacle]
    if judged:
        yield _count("all", judged)
    for label, label_class in zip(_LABELS, classes, strict=True):
        yield _count(label, [label_class])


def _count(label: Literal["real", "fake", "all"], classes: Sequence[_LabelClass]) -> LabelCount:
    clips = sum(len(label_class.clips) for label_class in classes)
    groups = len(
        np.unique(np.concatenate([label_class.clips["number"] for label_class in classes]))
    )
    ratio = min(label_class.noise.ratio for label_class in classes)
    if obstacle := classes[0].obstacle:
        nan = math.nan
        return LabelCount(label, obstacle, clips, groups, nan, nan, nan, ratio)
    wrong = float(sum(label_class.noise.wrong.sum() for label_class in classes))
    drawn = np.sum([label_class.drawn for label_class in classes], axis=0)
    low = min(float(np.percentile(drawn, 2.5)), wrong)
    verdict: LabelVerdict = "suspicious" if low > LEAST_LOW else "nothing found"
    # No draw may show a wrong label where there is one: the upper bound allows for that.
    share = np.array([wrong / clips])
    _, high = proportion_interval(share, drawn[None] / clips, np.array([groups]), np.array([clips]))
    return LabelCount(label, verdict, clips, groups, wrong, low, float(high[0]) * clips, ratio)
