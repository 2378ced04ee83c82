"""Estimates of a whole run's time and size from a timed sample of clips.

A total is the mean of a clip times the number of clips, or the ratio to the bytes of the recordings
where these are known and fit the sample better; that of a detector is the mean of a row. Its 95 %
interval is from bootstrap resamples of the clips or batches: how sure the total is, not how much
clips differ. A sum has the sums of the ends of its parts.

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

from harness.detector.detector import Detector
from harness.engine.row_sink import FLUSH_SECONDS
from harness.planning.sample import HAND_OVER, LOAD, STORE, TAKE, Sample
from harness.results.scores import SHARD_ROWS
from harness.seed import generator

RESAMPLES = 1000
READ, WRITE = "read", "write"

Array = NDArray[np.float64]
Basis = Literal["second", "clip", "row", "byte"]
Resource = Literal["workers", "processors", "gpus", "main process", "storage"]
"""Resource that a stage keeps busy: preparing workers, detectors on processors or GPUs, the process
that scores and writes, or what recordings are read from."""

_GB = 1e9

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""NaN is null in JSON."""


class PlanModel(BaseModel):
    """A part of what `harness plan --json` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Figure(PlanModel):
    """A value and its 95 % interval; NaN where it is not known."""

    value: Number
    low: Number
    high: Number

    @classmethod
    def exact(cls, value: float) -> Figure:
        """Return a value that is known."""
        return cls(value=value, low=value, high=value)

    def scaled(self, factor: float) -> Figure:
        return Figure(value=factor * self.value, low=factor * self.low, high=factor * self.high)


class StagePlan(PlanModel):
    """A kind of work: its total seconds, its resource, and the unit that it grows with."""

    name: str
    resource: Resource
    seconds: Figure
    basis: Basis


@dataclass(frozen=True)
class Load:
    """The amount of work; `read_bytes` is NaN unless the size of every recording is known."""

    clips: int
    conditions: int
    models: int
    read_bytes: float

    @property
    def rows(self) -> int:
        return self.clips * self.conditions

    @property
    def scorings(self) -> int:
        return self.rows * self.models


def total(cost: Array, size: Array, whole: float, *key: object) -> Figure:
    """Return the cost of units whose sizes sum to `whole`, from that of some; NaN without sizes.

    `key` seeds the resamples: totals of the same units are resampled alike.
    """
    count = len(cost)
    drawn = generator("forecast", *key).multinomial(count, [1 / count] * count, size=RESAMPLES)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, values = cost.sum() / size.sum() * whole, drawn @ cost / (drawn @ size) * whole
    low, high = np.percentile(values, (2.5, 97.5))
    return Figure(value=float(value), low=float(low), high=float(high))


def total_of_clips(cost: Array, sizes: Array, load: Load) -> tuple[Figure, Basis]:
    """Return the cost of all clips by number or by bytes, whichever leaves the smaller residual."""
    if load.read_bytes > 0 and sizes.sum() > 0:
        residual = ((cost - cost.sum() / sizes.sum() * sizes) ** 2).sum()
        if residual <= ((cost - cost.mean()) ** 2).sum():
            return total(cost, sizes, load.read_bytes, "clips"), "byte"
    return total(cost, np.ones(len(cost)), load.clips, "clips"), "clip"


def stages_of(
    sample: Sample, detectors: Sequence[Detector], sizes: Array, load: Load
) -> list[StagePlan]:
    """Return all stages of a run: reading, preparing, keeping, scoring and writing.

    Parameters
    ----------
    sizes
        Bytes of the clips of the sample.
    """
    preparing: list[StagePlan] = []
    for name in dict.fromkeys(name for clip in sample.stages for name in clip):
        cost = np.array([clip.get(name, 0.0) for clip in sample.stages])
        seconds, basis = total_of_clips(cost, sizes, load)
        if name == STORE:  # a full cache keeps no more
            every = float(np.mean(sample.audio_bytes)) * load.clips
            seconds = seconds.scaled(cached_bytes(sample, load) / every if every else 0.0)
        resource = "main process" if name in (TAKE, LOAD, STORE) else "workers"
        preparing.append(StagePlan(name=name, resource=resource, seconds=seconds, basis=basis))
    stages = sorted(preparing, key=lambda stage: -stage.seconds.value)
    if not math.isnan(sample.read_rate) and not math.isnan(load.read_bytes):
        read = Figure.exact(load.read_bytes / sample.read_rate)
        stages.insert(0, StagePlan(name=READ, resource="storage", seconds=read, basis="byte"))
    for detector in detectors:
        stages += _detector_stages(sample, detector, load)
    write = Figure.exact(sample.shard_seconds * shard_count(load.scorings))
    return [*stages, StagePlan(name=WRITE, resource="main process", seconds=write, basis="row")]


def _detector_stages(sample: Sample, detector: Detector, load: Load) -> list[StagePlan]:
    model = detector.identity.name
    batches = sample.batches.get(model, [])
    rows = np.array([float(batch.rows) for batch in batches])
    resource: Resource = "main process"  # a user's own detector is called by one thread
    if on_gpu := detector.device.startswith("cuda"):
        resource = "gpus"
    elif detector.device == "cpu":
        resource = "processors"
    costs: dict[tuple[str, Resource], list[float]] = {
        (name, resource): [batch.seconds.get(name, 0.0) for batch in batches]
        for name in dict.fromkeys(name for batch in batches for name in batch.seconds)
    }
    if on_gpu and batches:
        costs[HAND_OVER, "main process"] = [batch.main_seconds for batch in batches]
    return [
        StagePlan(
            name=f"{name} of {model}",
            resource=busy,
            seconds=total(np.array(cost), rows, load.rows, model),
            basis="row",
        )
        for (name, busy), cost in costs.items()
    ]


def shard_count(scorings: int, seconds: float = 0.0) -> int:
    """Return the number of shards: one per so many rows or so many seconds."""
    return -(-scorings // SHARD_ROWS) + int(seconds / FLUSH_SECONDS)


def written_bytes(sample: Sample, scorings: int, seconds: float) -> float:
    """Return the size of the scores table."""
    return scorings * sample.row_bytes + shard_count(scorings, seconds) * sample.shard_bytes


def cached_bytes(sample: Sample, load: Load) -> float:
    """Return the bytes of prepared audio that the cache keeps."""
    return min(sample.machine.cache_gb * _GB, float(np.mean(sample.audio_bytes)) * load.clips)


def busy_seconds(
    stages: Sequence[StagePlan],
    workers: int,
    processors: int,
    gpus: int,
    end: Literal["value", "low", "high"] = "value",
) -> dict[Resource, float]:
    """Return the seconds that each resource needs on its own, by an end of the stages' intervals.

    Workers, detectors on processors and the main process share the processors.
    """
    work: dict[Resource, float] = dict.fromkeys(get_args(Resource), 0.0)
    for stage in stages:
        work[stage.resource] += getattr(stage.seconds, end)
    shared = work["workers"] + work["processors"] + work["main process"]
    work["workers"] /= workers
    work["processors"] = shared / processors
    work["gpus"] /= max(1, gpus)
    return work


def limit(stages: Sequence[StagePlan], busy: Mapping[Resource, float]) -> str:
    """Name the resource that takes longest and its largest stage: `processors: perturb codec`."""
    resource = max(busy, key=lambda name: busy[name])
    sharing = ("workers", "processors", "main process") if resource == "processors" else (resource,)
    own = [stage for stage in stages if stage.resource in sharing]
    largest = max(own, key=lambda stage: stage.seconds.value, default=None)
    return resource if largest is None else f"{resource}: {largest.name}"


def turning_point(stages: Sequence[StagePlan], gpus: int) -> int | None:
    """Return the number of workers, each with a processor, above which more do not help."""
    busy = busy_seconds(stages, 1, 1, gpus)
    fixed = max(seconds for name, seconds in busy.items() if name not in ("workers", "processors"))
    return max(1, math.ceil(busy["processors"] / fixed)) if fixed > 0 else None
