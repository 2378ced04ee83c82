"""Shortcuts: whether trivial properties tell real from fake, and how much a detector uses them.

Every property is tested in two ways, by its order (fakes are louder) and by its value (all fakes
have one length); the way with the smaller p-value is shown. Then all properties are tested
together. p-values of properties are of moving labels between whole groups
(`harness.testset.permutation`), that of all together is by t over groups. They are adjusted for all
tests: half of the 5 % is for the properties, half for all together. A property

- `tells` where that is not chance and its AUC may reach `margin`,
- `does not tell` where its interval lies below `margin`,
- else there are `too few clips` to know.

Some properties are traces: generation itself may cause them (more noise between the words, less
treble), and using them is a detector's job as much as it is a shortcut. They are tested and shown,
but excluded from all together and from the findings.

Conventions: AUC is that of predictions learned on other groups (`harness.testset.separation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.audio.wave import read
from harness.data.clip import Clip
from harness.errors import CLIP_FAULTS, UsageError
from harness.results.run_folder import RunFolder
from harness.summary.summary import RESAMPLES
from harness.testset.permutation import Exchange, adjusted_p, order_of, values_of
from harness.testset.properties import PROPERTIES, ClipProperties, measure
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
    """Separation of real from fake by a property, or by all together.

    Parameters
    ----------
    how
        The relation that separates the classes; empty for `all together`.
    trace
        Whether generation may cause it, so that a detector may rightly use it.
    p_adjusted
        Of chance, adjusted for all tests.
    real, fake
        Median of a number in each class, or the most frequent name.
    """

    name: str
    words: str
    verdict: ShortcutVerdict
    how: How
    trace: bool
    auc: float
    low: float
    high: float
    p_adjusted: float
    real: float | str
    fake: float | str


@dataclass(frozen=True)
class ShortcutAudit:
    """All properties, those that tell first, and the reliance of each model of a given run."""

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
        return any(
            shortcut.verdict == "tells" and not shortcut.trace for shortcut in self.shortcuts
        )


@dataclass(frozen=True, eq=False)
class MeasuredClips:
    """Clips with their properties, and those that could not be measured, with the reason."""

    clips: tuple[Clip, ...]
    measurements: tuple[ClipProperties, ...]
    rejected: tuple[tuple[str, str], ...]


def measure_clips(clips: Iterable[Clip], advance: Callable[[int], None]) -> MeasuredClips:
    """Decode and measure every clip; `advance` gets the number done so far."""
    kept: list[Clip] = []
    measurements: list[ClipProperties] = []
    rejected: list[tuple[str, str]] = []
    for done, clip in enumerate(clips, start=1):
        try:
            measurements.append(measure(read(clip.audio)))
            kept.append(clip)
        except CLIP_FAULTS as fault:
            rejected.append((clip.clip_id, str(fault)))
        advance(done)
    return MeasuredClips(tuple(kept), tuple(measurements), tuple(rejected))


def audit_shortcuts(
    data: MeasuredClips,
    run: RunFolder | None = None,
    *,
    margin: float = MARGIN,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ShortcutAudit:
    """Test every property, and the scores of a run of the same clips.

    Raises
    ------
    UsageError
        For too few clips and groups of both classes to learn from some and test the others, or a
        run without any of the clips.
    """
    design = refuse_few_groups(data.clips, seed)
    fake = design.fake
    features = _features(data.measurements)
    together = by_all(features, design)
    exchange = Exchange.of(fake, design.group, resamples, seed)
    tests = [*_tests(data.measurements, design)]
    p_values = adjusted_p([exchange.statistics(test.columns) for test in tests])
    *results, all_together = separations(
        [*(test.prediction for test in tests), together], design, resamples, seed
    )
    best: dict[str, Shortcut] = {}
    for test, result, p in zip(tests, results, p_values.tolist(), strict=True):
        shortcut = _shortcut(test.name, test.how, result, 2 * p, margin, data)
        known = best.setdefault(test.name, shortcut)
        if (shortcut.p_adjusted, -shortcut.auc) < (known.p_adjusted, -known.auc):
            best[test.name] = shortcut
    ids = [clip.clip_id for clip in data.clips]
    return ShortcutAudit(
        clips=len(fake),
        real=int(np.sum(~fake)),
        fake=int(np.sum(fake)),
        groups=design.groups,
        margin=margin,
        shortcuts=(
            _shortcut(TOGETHER, "", all_together, 2 * all_together.p, margin, data),
            *sorted(
                best.values(), key=lambda shortcut: (shortcut.verdict != "tells", -shortcut.auc)
            ),
        ),
        reliances=tuple(reliances(run, ids, features, together, seed) if run else ()),
        notes=tuple(f"{name}: not measured: {why}" for name, why in data.rejected),
    )


def refuse_few_groups(clips: Sequence[Clip], seed: int = 0) -> Design:
    """Return the design of clips of which some groups can be learned from and others tested.

    Raises
    ------
    UsageError
        Where there are too few groups of both classes for that.
    """
    fake = np.array([clip.label == "fake" for clip in clips], dtype=bool)
    group = np.array([clip.group for clip in clips], dtype=object)
    if not len(fake) or not (design := Design.of(fake, group, seed)).enough:
        raise UsageError(
            "too few groups of both classes to learn from some and test the others",
            "data",
            "name a larger set, or give its clips groups that are smaller",
        )
    return design


@dataclass(frozen=True, eq=False)
class _Test:
    """A property, the prediction of fake from it, and its columns for `Exchange.statistics`."""

    name: str
    how: How
    prediction: Array
    columns: Array


def _shortcut(
    name: str, how: How, result: Separation, p: float, margin: float, data: MeasuredClips
) -> Shortcut:
    verdict: ShortcutVerdict = "too few clips"
    if result.high < margin:
        verdict = "does not tell"
    elif p < SIZE:
        verdict = "tells"
    known = PROPERTIES.get(name)
    words, trace = (known.words, known.trace) if known else ("all but traces", False)
    real, fake = (_middle(name, data, label) for label in ("real", "fake"))
    bounds = result.auc, result.low, result.high
    return Shortcut(name, words, verdict, how, trace, *bounds, min(p, 1.0), real, fake)


def _tests(measurements: tuple[ClipProperties, ...], design: Design) -> Iterator[_Test]:
    """Tests of the properties that vary between clips."""
    for name, known in PROPERTIES.items():
        if known.names:
            value = np.array([clip.names[name] for clip in measurements], dtype=object)
        else:
            value = np.array([clip.numbers[name] for clip in measurements])
        if len(set(value.tolist())) < 2:
            continue
        if not known.names:
            prediction, signs = by_order(value, design)
            how = "fakes have more" if signs > 0 else "fakes have less"
            yield _Test(name, how, prediction, order_of(value))
        yield _Test(name, "by value", by_value(value, design), values_of(value))


def _features(measurements: tuple[ClipProperties, ...]) -> Array:
    """Numbers, and names as indicators, without traces; shape (clips, features)."""
    traces = [name for name, known in PROPERTIES.items() if known.trace]
    numbers = pd.DataFrame([dict(clip.numbers) for clip in measurements]).drop(columns=traces)
    names = pd.get_dummies(pd.DataFrame([dict(clip.names) for clip in measurements]))
    return np.hstack([numbers.to_numpy(np.float64), names.to_numpy(np.float64)])


def _middle(name: str, data: MeasuredClips, label: str) -> float | str:
    if name == TOGETHER:
        return math.nan
    pairs = zip(data.clips, data.measurements, strict=True)
    members = [properties for clip, properties in pairs if clip.label == label]
    if PROPERTIES[name].names:
        return str(pd.Series([clip.names[name] for clip in members]).mode().iloc[0])
    return float(np.median([clip.numbers[name] for clip in members]))
