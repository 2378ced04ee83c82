"""Whether trivial properties tell real from fake, and how much a detector owes to them.

Every property is asked by itself in two ways, by its order (fakes are louder) and by its value
(fakes are all of one length), then all together. p-values of chance are adjusted by Holm's method
over all of these questions. Of the two ways the one with the smaller p-value is shown. A property

- `tells` where that is no chance and its AUC may reach `margin`,
- `does not tell` where its interval lies below `margin`,
- else there are `too few clips` to know.

Some properties are traces: a fake may have them because of how it was made (more noise between
the words, less treble), and to hear them is a detector's job as much as it is a shortcut. They
are asked and shown, but are no part of all together and no finding.

Conventions: AUC is that of opinions learned on other groups (`harness.testset.separation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.audio.wave import read
from harness.data.clip import Clip
from harness.errors import CLIP_FAULTS, UsageError
from harness.metrics.significance import holm
from harness.results.run_folder import RunFolder
from harness.summary.summary import RESAMPLES
from harness.testset.properties import PROPERTIES, Measurement, measure
from harness.testset.reliance import Reliance, reliances
from harness.testset.separation import (
    Design,
    Separation,
    by_all,
    by_order,
    by_value,
    separations,
)

Array = NDArray[np.float64]

SIZE = 0.05
MARGIN = 0.6
TOGETHER = "all together"

ShortcutVerdict = Literal["tells", "does not tell", "too few clips"]
How = Literal["fakes have more", "fakes have less", "by value", ""]


@dataclass(frozen=True)
class Shortcut:
    """A property, or all together, and how well it tells real from fake.

    Parameters
    ----------
    how
        What gives it away; `by value` where it is neither more nor less. Empty for `all together`.
    real, fake
        Median of a number in each class, or the most frequent name.
    trace
        Whether making a fake may leave it, so that a detector may well listen to it.
    p_holm
        Of chance, adjusted.
    """

    name: str
    words: str
    verdict: ShortcutVerdict
    how: How
    trace: bool
    auc: float
    low: float
    high: float
    p_holm: float
    real: float | str
    fake: float | str


@dataclass(frozen=True)
class ShortcutAudit:
    """All properties, those that tell first, and what a detector owes to them.

    Parameters
    ----------
    reliances
        Of each model of the run that was given.
    """

    clips: int
    real: int
    fake: int
    groups: int
    margin: float
    shortcuts: tuple[Shortcut, ...]
    reliances: tuple[Reliance, ...]
    notes: tuple[str, ...]

    @property
    def found(self) -> bool:
        return any(each.verdict == "tells" and not each.trace for each in self.shortcuts)


@dataclass(frozen=True, eq=False)
class Measured:
    """Clips that could be measured, their properties, and why others could not."""

    clips: tuple[Clip, ...]
    measurements: tuple[Measurement, ...]
    rejected: tuple[tuple[str, str], ...]


def measured(clips: Iterable[Clip], advance: Callable[[int], None]) -> Measured:
    """Decode and measure every clip; `advance` is told how many are done."""
    kept: list[Clip] = []
    found: list[Measurement] = []
    rejected: list[tuple[str, str]] = []
    for done, clip in enumerate(clips, start=1):
        try:
            found.append(measure(read(clip.audio)))
            kept.append(clip)
        except CLIP_FAULTS as fault:
            rejected.append((clip.clip_id, str(fault)))
        advance(done)
    return Measured(tuple(kept), tuple(found), tuple(rejected))


def audit_shortcuts(
    data: Measured,
    run: RunFolder | None = None,
    *,
    margin: float = MARGIN,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ShortcutAudit:
    """Ask every property, and the scores of a run of the same clips.

    Raises
    ------
    UsageError
        Where there are not enough clips and groups of both classes to learn from some and ask the
        others, or the run has none of the clips.
    """
    fake = np.array([clip.label == "fake" for clip in data.clips], dtype=bool)
    group = np.array([clip.group for clip in data.clips], dtype=object)
    if not len(fake) or not (design := Design.of(fake, group, seed)).enough:
        raise UsageError(
            "too few groups of both classes to learn from some and ask the others",
            "data",
            "name a larger set, or give its clips groups that are smaller",
        )
    features = _features(data.measurements)
    together = by_all(features, design)
    asked = list(_asked(data.measurements, design))
    found = separations([each.opinion for each in asked] + [together], design, resamples, seed)
    adjusted = holm([each.p for each in found]).tolist()
    best: dict[str, Shortcut] = {}
    for question, one, p in zip(asked, found, adjusted, strict=False):
        shortcut = question.answer(one, p, margin, data.measurements, fake)
        if question.name not in best or p < best[question.name].p_holm:
            best[question.name] = shortcut
    all_of_them = _Question(TOGETHER, together, "").answer(
        found[-1], adjusted[-1], margin, (), fake
    )
    shortcuts = sorted(best.values(), key=lambda each: (each.verdict != "tells", -each.auc))
    owed = []
    if run is not None:
        owed = list(reliances(run, [c.clip_id for c in data.clips], features, together, seed))
    return ShortcutAudit(
        clips=len(fake),
        real=int(np.sum(~fake)),
        fake=int(np.sum(fake)),
        groups=design.groups,
        margin=margin,
        shortcuts=(all_of_them, *shortcuts),
        reliances=tuple(owed),
        notes=tuple(f"{name}: not measured: {why}" for name, why in data.rejected),
    )


@dataclass(frozen=True, eq=False)
class _Question:
    name: str
    opinion: Array
    how: How

    def answer(
        self,
        found: Separation,
        p: float,
        margin: float,
        measurements: tuple[Measurement, ...],
        fake: NDArray[np.bool_],
    ) -> Shortcut:
        verdict: ShortcutVerdict = "too few clips"
        if found.high < margin:
            verdict = "does not tell"
        elif p < SIZE:
            verdict = "tells"
        middles = [_middle(self.name, measurements, fake == side) for side in (False, True)]
        known = PROPERTIES.get(self.name)
        words, trace = (known.words, known.trace) if known else ("all but traces", False)
        bounds = found.auc, found.low, found.high
        return Shortcut(self.name, words, verdict, self.how, trace, *bounds, p, *middles)


def _asked(measurements: tuple[Measurement, ...], design: Design) -> Iterator[_Question]:
    """Questions to properties that are not the same for all clips."""
    for name, each in PROPERTIES.items():
        if each.names:
            value = np.array([one.names[name] for one in measurements], dtype=object)
        else:
            value = np.array([one.numbers[name] for one in measurements])
        if len(set(value.tolist())) < 2:
            continue
        if not each.names:
            opinion, signs = by_order(value, design)
            yield _Question(name, opinion, "fakes have more" if signs > 0 else "fakes have less")
        yield _Question(name, by_value(value, design), "by value")


def _features(measurements: tuple[Measurement, ...]) -> Array:
    """Numbers as they are and names as 0 and 1 for each, no traces; shape (clips, features)."""
    traces = [name for name, each in PROPERTIES.items() if each.trace]
    numbers = pd.DataFrame([dict(one.numbers) for one in measurements]).drop(columns=traces)
    names = pd.get_dummies(pd.DataFrame([dict(one.names) for one in measurements]))
    return np.hstack([numbers.to_numpy(np.float64), names.to_numpy(np.float64)])


def _middle(
    name: str, measurements: tuple[Measurement, ...], side: NDArray[np.bool_]
) -> float | str:
    if not measurements:
        return math.nan
    members = [measurements[place] for place in np.flatnonzero(side)]
    if PROPERTIES[name].names:
        return str(pd.Series([one.names[name] for one in members]).mode().iloc[0])
    return float(np.median([one.numbers[name] for one in members]))
