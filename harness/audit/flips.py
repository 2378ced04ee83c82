"""What turns when clips are perturbed: verdicts of the same clips, clean and under a condition.

Conventions: a clip counts where it has a score in both; its verdict turns where it is fake at the
model's threshold in one and not in the other. `broke` are verdicts that were right and are wrong
now, `mended` the other way round; the loss of a class is broke less mended over its clips, that is,
how far its recall falls. Moves are medians of score under the condition less clean score, so that
more is more fake. Severities are of a series, mild first, as the record has them.

p-values are of no loss. Those over groups decide (`harness.metrics.significance`) and are adjusted
by Holm's method over all conditions and both classes of a model; the exact McNemar test stands
beside them, as the literature reports it, and takes clips for independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.audit.paired_verdicts import (
    Turn,
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
    """One class under one condition, against clean.

    Parameters
    ----------
    broke, mended
        Clips whose verdict turned wrong, and right.
    loss, low, high
        Fall of the class's recall with its 95 % interval over groups.
    move, move_low, move_high
        Median move of the score, with an interval.
    p_holm, p_clips
        Of no loss: over groups and adjusted; exact McNemar.
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

    `first` is the class that surely loses more (`p_apart` under 5 %, adjusted like the losses);
    `neither` where no loss of either is significant.
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
        """Whether either class surely loses."""
        return any(each.p_holm < SIZE and each.loss > 0 for each in (self.real, self.fake))


@dataclass(frozen=True)
class Break:
    """From which severity of a series on at least a share of a class's verdicts has turned.

    Parameters
    ----------
    at
        The first condition whose share of turned verdicts reaches it; empty for none.
    earliest, latest
        The first whose interval reaches it, and the first whose interval lies at or above it: it
        breaks no earlier and no later. Empty where there is none in the series.
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
    """The fakes of a generator over the conditions of a family: what broke of what was right.

    `fragile` has the generators of a family in order, the one that loses most first.
    """

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
    """Every condition against clean, every series, every generator in every family."""

    share: float
    conditions: tuple[ConditionFlip, ...]
    breaks: tuple[Break, ...]
    fragile: tuple[GeneratorFlip, ...]

    @property
    def found(self) -> bool:
        return any(each.significant for each in self.conditions)


def audit_flips(
    run: RunFolder, *, share: float = 0.1, resamples: int = RESAMPLES, seed: int = 0
) -> FlipAudit:
    """Pair every condition of a run with its clean scores.

    Parameters
    ----------
    share
        Of a class's verdicts that have turned where a series counts as broken.

    Raises
    ------
    UsageError
        Where the run has no condition beside clean.
    """
    grid = Grid.of(run.table, run.record)
    listed = {each.name: each for each in run.record.suite.conditions}
    if not any(name != CLEAN for name in grid.conditions):
        raise UsageError("has no condition beside clean", str(run.folder), "run another suite")
    weights = np.concatenate(list(draw(grid.groups, resamples, seed)), axis=1).astype(np.float64)
    conditions: list[ConditionFlip] = []
    breaks: list[Break] = []
    fragile: list[GeneratorFlip] = []
    for model in grid.models:
        turns = {name: Turn.of(grid, model, name) for name in grid.conditions if name != CLEAN}
        turns = {name: turn for name, turn in turns.items() if len(turn.clean)}
        conditions += _conditions(model, turns, listed, grid, weights)
        breaks += _breaks(model, turns, listed, weights, share)
        fragile += _fragile(model, turns, grid, weights)
    return FlipAudit(share, tuple(conditions), tuple(breaks), tuple(fragile))


def _conditions(
    model: str,
    turns: dict[str, Turn],
    listed: dict[str, ConditionRecord],
    grid: Grid,
    weights: Array,
) -> Iterator[ConditionFlip]:
    drawn = {
        (name, label): mean_draws(side.loss, side.group, weights)
        for name, turn in turns.items()
        for label, side in _sides(turn)
    }
    flips = {
        (name, label): _class_flip(label, side, drawn[name, label], weights)
        for name, turn in turns.items()
        for label, side in _sides(turn)
    }
    adjusted = holm([each.p for each in flips.values()]).tolist()
    flips = {
        key: replace(each, p_holm=p) for (key, each), p in zip(flips.items(), adjusted, strict=True)
    }
    apart = [
        _apart(turn, drawn[name, "real"] - drawn[name, "fake"]) for name, turn in turns.items()
    ]
    adjusted = holm([p for _, p in apart]).tolist()
    for name, (difference, _), p in zip(turns, apart, adjusted, strict=True):
        record = listed.get(name)
        one = ConditionFlip(
            model=model,
            condition=name,
            family=grid.family[name],
            series=record.series if record else name,
            severity=record.severity if record else math.nan,
            real=flips[name, "real"],
            fake=flips[name, "fake"],
            apart=difference,
            p_apart=p,
            first="neither",
        )
        yield replace(one, first=_first(one))


def _sides(turn: Turn) -> Iterator[tuple[Label, Turn]]:
    yield "real", turn.where(~turn.fake)
    yield "fake", turn.where(turn.fake)


def _class_flip(label: Label, side: Turn, drawn: Array, weights: Array) -> ClassFlip:
    clips, nan = len(side.clean), math.nan
    if not clips:
        return ClassFlip(label, 0, 0, 0, 0, *([nan] * 9))
    contrast = sum_contrast(side.loss / clips, side.group, drawn)
    low, high = (float(each[0]) for each in contrast.interval())
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


def _apart(turn: Turn, drawn: Array) -> tuple[float, float]:
    """Loss of the real class less that of the fake one, and its p-value over groups."""
    fake, real = int(turn.fake.sum()), int((~turn.fake).sum())
    if not fake or not real:
        return math.nan, math.nan
    parts = turn.loss * np.where(turn.fake, -1 / fake, 1 / real)
    contrast = sum_contrast(parts, turn.group, drawn, most=2.0)
    return float(parts.sum()), float(contrast.p()[0])


def _first(one: ConditionFlip) -> First:
    if not one.significant:
        return "neither"
    if math.isnan(one.p_apart) or one.p_apart >= SIZE:
        return "cannot be known"
    return "real" if one.apart > 0 else "fake"


def _breaks(
    model: str,
    turns: dict[str, Turn],
    listed: dict[str, ConditionRecord],
    weights: Array,
    share: float,
) -> Iterator[Break]:
    series: dict[str, list[ConditionRecord]] = {}
    for name in turns:
        if name in listed:
            series.setdefault(listed[name].series, []).append(listed[name])
    for name, members in series.items():
        names = tuple(each.name for each in sorted(members, key=lambda each: each.severity))
        sides = [dict(_sides(turns[each])) for each in names]
        for label in LABELS:
            ones = [side[label] for side in sides]
            if not all(len(each.clean) for each in ones):
                continue
            turned, clips = [each.turned for each in ones], [len(each.clean) for each in ones]
            low, high = share_interval(turned, ones, weights, clips)
            shares = np.array([each.mean() for each in turned])
            at, earliest, latest = (_from(names, each >= share) for each in (shares, high, low))
            turned = tuple(shares.tolist())
            yield Break(model, name, label, share, at, earliest, latest, names, turned)


def _from(names: Sequence[str], reached: NDArray[np.bool_]) -> str:
    return names[int(np.argmax(reached))] if reached.any() else ""


def _fragile(
    model: str, turns: dict[str, Turn], grid: Grid, weights: Array
) -> Iterator[GeneratorFlip]:
    numbers, names = grid.slices["generator"]
    families: dict[str, list[Turn]] = {}
    for condition, turn in turns.items():
        right = turn.where(turn.fake & turn.before)
        families.setdefault(grid.family[condition], []).append(right)
    for family, members in families.items():
        whole = Turn.joined(members)
        found: list[GeneratorFlip] = []
        for number, name in enumerate(names):
            one = whole.where(numbers[whole.clean] == number)
            clips = len(np.unique(one.clean))
            if clips < FEWEST_OF_A_GENERATOR:
                continue
            low, high = share_interval([one.turned], [one], weights, [clips])
            share = float(one.turned.mean())
            bounds = float(low[0]), float(high[0])
            found.append(GeneratorFlip(model, family, name, clips, len(one.clean), share, *bounds))
        yield from sorted(found, key=lambda each: (-each.broke, each.generator))
