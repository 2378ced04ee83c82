"""Verdicts that change between clean and perturbed audio of the same clips.

Conventions: a clip counts where it has a score in both; its verdict turns where it is called fake
at the model's threshold in one and real in the other. `broke` are verdicts that were right and
become wrong, `mended` the reverse; the loss of a class is broke minus mended over its clips, that
is, the fall of its recall. Moves are medians of the score under the condition minus the clean
score, so a positive move is towards fake. Severities are those of a series, mild first.

p-values are of no loss. Those over groups decide (`harness.metrics.significance`), adjusted by
Holm's method over all conditions and both classes of a model; the exact McNemar test, which assumes
independent clips, stands beside them because the literature reports it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.audit.paired_verdicts import (
    PairedVerdicts,
    mean_draws,
    median_interval,
    share_interval,
    sum_contrast,
)
from harness.errors import UsageError
from harness.metrics.bootstrap import draw
from harness.metrics.significance import holm, mcnemar_exact
from harness.results.record import ConditionRecord
from harness.results.run_folder import RunFolder
from harness.summary.cells import Grid
from harness.summary.summary import RESAMPLES
from harness.terms import CLEAN

Array = NDArray[np.float64]

SIZE = 0.05
FEWEST_OF_A_GENERATOR = 5

Label = Literal["real", "fake"]
First = Literal["real", "fake", "neither", "cannot be known"]

LABELS: tuple[Label, ...] = ("real", "fake")


@dataclass(frozen=True)
class ClassFlip:
    """One class under one condition, compared with clean.

    Parameters
    ----------
    broke, mended
        Clips whose verdict turned wrong, and right.
    loss, low, high
        Fall of the class's recall with its 95 % interval over groups.
    move, move_low, move_high
        Median move of the score with its interval.
    p, p_holm, p_clips
        Of no loss: over groups, also adjusted; exact McNemar.
    """

    label: Label
    clips: int
    groups: int
    broke: int
    mended: int
    loss: float
    low: float
    high: float
    p: float
    p_holm: float
    p_clips: float
    move: float
    move_low: float
    move_high: float


@dataclass(frozen=True)
class ConditionFlip:
    """Both classes under one condition, and which of them breaks.

    `first` is the class that loses significantly more (`p_apart` under 5 %, adjusted like the
    losses); `neither` where no loss of either is significant.
    """

    model: str
    condition: str
    family: str
    series: str
    severity: float
    real: ClassFlip
    fake: ClassFlip
    apart: float
    p_apart: float
    first: First

    @property
    def significant(self) -> bool:
        """Whether either class loses significantly."""
        return any(side.p_holm < SIZE and side.loss > 0 for side in (self.real, self.fake))


@dataclass(frozen=True)
class Break:
    """The severity of a series at which a share of a class's verdicts has turned.

    Parameters
    ----------
    at
        First condition whose share of turned verdicts reaches it; empty for none.
    earliest, latest
        First conditions whose interval reaches it, and whose interval lies entirely at or above it:
        bounds of where the class breaks. Empty for none in the series.
    turned
        Share of turned verdicts at each severity, mild first.
    """

    model: str
    series: str
    label: Label
    share: float
    at: str
    earliest: str
    latest: str
    conditions: tuple[str, ...]
    turned: tuple[float, ...]


@dataclass(frozen=True)
class GeneratorFlip:
    """Share of the right verdicts on a generator's fakes that broke under a family's conditions."""

    model: str
    family: str
    generator: str
    clips: int
    rows: int
    broke: float
    low: float
    high: float


@dataclass(frozen=True)
class FlipAudit:
    """Every condition, every series, and the generators of every family, most fragile first."""

    share: float
    conditions: tuple[ConditionFlip, ...]
    breaks: tuple[Break, ...]
    fragile: tuple[GeneratorFlip, ...]

    @property
    def found(self) -> bool:
        return any(condition.significant for condition in self.conditions)


def audit_flips(
    run: RunFolder, *, share: float = 0.1, resamples: int = RESAMPLES, seed: int = 0
) -> FlipAudit:
    """Pair every condition of a run with its clean scores.

    Parameters
    ----------
    share
        Of a class's verdicts that have turned when a series counts as broken.

    Raises
    ------
    UsageError
        For a run of clean clips only.
    """
    grid = Grid.of(run.table, run.record)
    listed = {condition.name: condition for condition in run.record.suite.conditions}
    perturbed = [name for name in grid.conditions if name != CLEAN]
    if not perturbed:
        raise UsageError("has no condition beside clean", str(run.folder), "run another suite")
    weights = np.concatenate(list(draw(grid.groups, resamples, seed)), axis=1).astype(np.float64)
    conditions: list[ConditionFlip] = []
    breaks: list[Break] = []
    fragile: list[GeneratorFlip] = []
    for model in grid.models:
        pairs = {name: PairedVerdicts.of(grid, model, name) for name in perturbed}
        pairs = {name: verdicts for name, verdicts in pairs.items() if len(verdicts.clean)}
        conditions += _conditions(model, pairs, listed, grid, weights)
        breaks += _breaks(model, pairs, listed, weights, share)
        fragile += _fragile(model, pairs, grid, weights)
    return FlipAudit(share, tuple(conditions), tuple(breaks), tuple(fragile))


def _conditions(
    model: str,
    pairs: Mapping[str, PairedVerdicts],
    listed: Mapping[str, ConditionRecord],
    grid: Grid,
    weights: Array,
) -> Iterator[ConditionFlip]:
    flips: list[ClassFlip] = []
    apart: list[tuple[float, float]] = []
    for verdicts in pairs.values():
        drawn: dict[Label, Array] = {}
        for label, side in _sides(verdicts).items():
            drawn[label] = mean_draws(side.loss, side.group, weights)
            flips.append(_class_flip(label, side, drawn[label], weights))
        apart.append(_apart(verdicts, drawn["real"] - drawn["fake"]))
    adjusted = holm([flip.p for flip in flips]).tolist()
    flips = [replace(flip, p_holm=p) for flip, p in zip(flips, adjusted, strict=True)]
    adjusted = holm([p for _, p in apart]).tolist()
    for name, real, fake, (difference, _), p in zip(
        pairs, flips[::2], flips[1::2], apart, adjusted, strict=True
    ):
        record = listed.get(name)
        flip = ConditionFlip(
            model=model,
            condition=name,
            family=grid.family[name],
            series=record.series if record else name,
            severity=record.severity if record else math.nan,
            real=real,
            fake=fake,
            apart=difference,
            p_apart=p,
            first="neither",
        )
        if flip.significant:
            larger: First = "real" if difference > 0 else "fake"
            flip = replace(flip, first=larger if p < SIZE else "cannot be known")
        yield flip


def _sides(verdicts: PairedVerdicts) -> dict[Label, PairedVerdicts]:
    return {"real": verdicts.where(~verdicts.fake), "fake": verdicts.where(verdicts.fake)}


def _class_flip(label: Label, side: PairedVerdicts, drawn: Array, weights: Array) -> ClassFlip:
    clips, nan = len(side.clean), math.nan
    if not clips:
        return ClassFlip(label, 0, 0, 0, 0, *([nan] * 9))
    contrast = sum_contrast(side.loss / clips, side.group, drawn)
    low, high = (float(bound[0]) for bound in contrast.interval())
    move_low, move_high = median_interval(side, weights)
    broke, mended = int(side.broke.sum()), int(side.mended.sum())
    return ClassFlip(
        label,
        clips,
        side.groups,
        broke,
        mended,
        loss=(broke - mended) / clips,
        low=low,
        high=high,
        p=float(contrast.p()[0]),
        p_holm=nan,
        p_clips=mcnemar_exact(broke, mended),
        move=float(np.median(side.move)),
        move_low=move_low,
        move_high=move_high,
    )


def _apart(verdicts: PairedVerdicts, drawn: Array) -> tuple[float, float]:
    """Loss of the real class minus that of the fake one, and its p-value over groups."""
    fake, real = int(verdicts.fake.sum()), int((~verdicts.fake).sum())
    if not fake or not real:
        return math.nan, math.nan
    parts = verdicts.loss * np.where(verdicts.fake, -1 / fake, 1 / real)
    contrast = sum_contrast(parts, verdicts.group, drawn, most=2.0)
    return float(parts.sum()), float(contrast.p()[0])


def _breaks(
    model: str,
    pairs: Mapping[str, PairedVerdicts],
    listed: Mapping[str, ConditionRecord],
    weights: Array,
    share: float,
) -> Iterator[Break]:
    series: dict[str, list[ConditionRecord]] = {}
    for name in pairs:
        if name in listed:
            series.setdefault(listed[name].series, []).append(listed[name])
    for name, members in series.items():
        names = tuple(
            condition.name
            for condition in sorted(members, key=lambda condition: condition.severity)
        )
        sides = [_sides(pairs[condition]) for condition in names]
        for label in LABELS:
            verdicts = [side[label] for side in sides]
            clips = [len(paired.clean) for paired in verdicts]
            if not all(clips):
                continue
            turned = [paired.turned for paired in verdicts]
            low, high = share_interval(turned, verdicts, weights, clips)
            shares = np.array([flags.mean() for flags in turned])
            at, earliest, latest = (
                _first(names, reached >= share) for reached in (shares, high, low)
            )
            turned = tuple(shares.tolist())
            yield Break(model, name, label, share, at, earliest, latest, names, turned)


def _first(names: Sequence[str], reached: NDArray[np.bool_]) -> str:
    return names[int(np.argmax(reached))] if reached.any() else ""


def _fragile(
    model: str, pairs: Mapping[str, PairedVerdicts], grid: Grid, weights: Array
) -> Iterator[GeneratorFlip]:
    numbers, names = grid.slices["generator"]
    families: dict[str, list[PairedVerdicts]] = {}
    for condition, verdicts in pairs.items():
        right = verdicts.where(verdicts.fake & verdicts.before)
        families.setdefault(grid.family[condition], []).append(right)
    for family, members in families.items():
        whole = PairedVerdicts.joined(members)
        flips: list[GeneratorFlip] = []
        for number, name in enumerate(names):
            own = whole.where(numbers[whole.clean] == number)
            clips = len(np.unique(own.clean))
            if clips < FEWEST_OF_A_GENERATOR:
                continue
            low, high = share_interval([own.turned], [own], weights, [clips])
            bounds = float(low[0]), float(high[0])
            broke = float(own.turned.mean())
            flips.append(GeneratorFlip(model, family, name, clips, len(own.clean), broke, *bounds))
        yield from sorted(flips, key=lambda flip: (-flip.broke, flip.generator))
