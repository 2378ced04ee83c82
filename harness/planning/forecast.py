"""From a measured sample of clips to what a whole run takes: numbers alone, nothing is measured.

Preparing is counted in processor seconds. The total of a stage over all clips is estimated by the
ratio to the seconds of audio or by the mean of a clip, whichever leaves the smaller rest in the
sample; that of a detector by the mean of a row. Intervals are percentiles of the bootstrap over the
sampled clips, or over the batches: they say how sure the figure is, not how long a clip may take.

Cochran, Sampling Techniques, 3rd edition, 1977, chapters 2 and 6 (means and ratios).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict

from harness.seed import generator

Array = NDArray[np.float64]
Basis = Literal["second", "clip", "row", "byte"]
Resource = Literal["workers", "processors", "gpus", "main process", "storage"]
"""What work is done by: processes that prepare, detectors on processors or GPUs, the one process
that scores and writes, and what recordings are read from. The first, second and fourth all need a
processor."""

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""In JSON NaN is null."""

RESAMPLES = 1000
_LEVELS = (2.5, 97.5)
_COMPUTED = ("workers", "processors", "main process")


class Figure(BaseModel):
    """A value and its 95 % interval; NaN where it is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    value: Number
    low: Number
    high: Number


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value and its resampled values, shape (RESAMPLES,); those of one plan go in step."""

    value: float
    draws: Array

    @property
    def figure(self) -> Figure:
        low, high = np.percentile(self.draws, _LEVELS)
        return Figure(value=self.value, low=float(low), high=float(high))

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.value + other.value, self.draws + other.draws)

    def __mul__(self, factor: float) -> Estimate:
        return Estimate(self.value * factor, self.draws * factor)


def exactly(value: float) -> Estimate:
    """What is known and not estimated."""
    return Estimate(value, np.full(RESAMPLES, value))


def weights(count: int, *key: object) -> Array:
    """How often each of `count` units is in each resample: shape (RESAMPLES, count)."""
    drawn = generator("forecast", *key).multinomial(count, [1 / count] * count, size=RESAMPLES)
    return drawn.astype(np.float64)


def total_by_ratio(cost: Array, size: Array, drawn: Array, whole: float) -> Estimate:
    """The cost of all units, whose sizes sum to `whole`, from that of some; NaN without a size."""
    known = float(size.sum())
    value = float(cost.sum()) / known * whole if known else math.nan
    below = drawn @ size
    ratios = np.divide(drawn @ cost, below, out=np.full(len(drawn), math.nan), where=below > 0)
    ratios[np.isnan(ratios)] = value / whole if whole else math.nan  # nothing but empty clips drawn
    return Estimate(value, ratios * whole)


def total_by_mean(cost: Array, drawn: Array, count: int) -> Estimate:
    """The cost of `count` units from that of some."""
    return total_by_ratio(cost, np.ones(len(cost)), drawn, count)


@dataclass(frozen=True, eq=False)
class Load:
    """How much there is to do.

    Parameters
    ----------
    seconds
        Of audio in all clips; NaN where only those of the sample are known.
    """

    clips: int
    conditions: int
    models: int
    seconds: float

    @property
    def rows(self) -> int:
        """Clips under every condition."""
        return self.clips * self.conditions

    @property
    def scorings(self) -> int:
        return self.rows * self.models


def total_of_clips(cost: Array, seconds: Array, drawn: Array, load: Load) -> tuple[Estimate, Basis]:
    """The cost of all clips by the better of both estimators, and which that is."""
    by_clip = total_by_mean(cost, drawn, load.clips)
    if math.isnan(load.seconds) or not seconds.sum():
        return by_clip, "clip"
    ratio = cost.sum() / seconds.sum()
    rest_of_ratio = float(((cost - ratio * seconds) ** 2).sum())
    rest_of_mean = float(((cost - cost.mean()) ** 2).sum())
    if rest_of_ratio > rest_of_mean:
        return by_clip, "clip"
    return total_by_ratio(cost, seconds, drawn, load.seconds), "second"


@dataclass(frozen=True, eq=False)
class Stage:
    """A kind of work, all of it together.

    Parameters
    ----------
    name
        As the record of a run calls it; `features of MODEL` where it is a detector's.
    resource
        What is busy with it. There is one main process and one storage, whatever else there is.
    basis
        What it was estimated to grow with.
    """

    name: str
    resource: Resource
    seconds: Estimate
    basis: Basis


@dataclass(frozen=True)
class Layout:
    """What there is to work with.

    Parameters
    ----------
    workers
        Processes that prepare, at least 1.
    processors
        For these, the process that scores and, where there is no GPU, the detectors.
    gpus
        0 where detectors compute on processors.
    """

    workers: int
    processors: int
    gpus: int = 0


@dataclass(frozen=True, eq=False)
class Duration:
    """How long a layout takes, what limits it, and the seconds of each resource alone."""

    seconds: Estimate
    limit: str
    busy: Mapping[str, float]


def duration(stages: Sequence[Stage], layout: Layout, start: float) -> Duration:
    """The time of the resource that takes longest, which is exact where all work side by side.

    Parameters
    ----------
    start
        Seconds before the first row.
    """
    times = _times(stages, layout)
    longest = Estimate(
        max(one.value for one in times.values()),
        np.max([one.draws for one in times.values()], axis=0),
    )
    limiting = max(times, key=lambda name: times[name].value)
    busy = {name: one.value for name, one in times.items()}
    return Duration(longest + exactly(start), _limit(stages, limiting), busy)


def turning_point(stages: Sequence[Stage], gpus: int) -> int | None:
    """From how many workers on, each with a processor, more of them do not help.

    None where more always do.
    """
    times = {name: one.value for name, one in _times(stages, Layout(1, 1, gpus)).items()}
    work = times["processors"]
    fixed = max(one for name, one in times.items() if name not in ("workers", "processors"))
    return max(1, math.ceil(work / fixed)) if fixed > 0 else None


def _times(stages: Sequence[Stage], layout: Layout) -> dict[Resource, Estimate]:
    """Seconds of each resource on its own."""
    work: dict[Resource, Estimate] = {
        name: sum((stage.seconds for stage in stages if stage.resource == name), start=exactly(0.0))
        for name in get_args(Resource)
    }
    computed = work["workers"] + work["processors"] + work["main process"]
    work["workers"] *= 1 / layout.workers
    work["processors"] = computed * (1 / layout.processors)
    work["gpus"] *= 1 / max(1, layout.gpus)
    return work


def _limit(stages: Sequence[Stage], resource: Resource) -> str:
    """The resource, and the stage that takes most of it: `processors: perturb codec`."""
    sharing = _COMPUTED if resource == "processors" else (resource,)
    own = [stage for stage in stages if stage.resource in sharing]
    most = max(own, key=lambda stage: stage.seconds.value, default=None)
    return resource if most is None else f"{resource}: {most.name}"
