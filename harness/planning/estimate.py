"""Estimates of a whole run's time and size from a timed sample of clips.

A total is the mean of a clip times the number of clips, or the ratio to the bytes of the recordings
where these are known and fit the sample better; that of a detector is the mean of a row. It is an
array of shape (1 + RESAMPLES,): the estimate, then those of bootstrap resamples of the clips or
batches. The 95 % interval says how sure a total is, not how much clips differ.

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


@dataclass(frozen=True, eq=False)
class Stage:
    """A kind of work: its total seconds and the unit that they grow with."""

    name: str
    resource: Resource
    seconds: Array
    basis: Basis


@dataclass(frozen=True)
class WorkerLayout:
    """Workers that prepare, processors for them and this process, and GPUs (0 without any)."""

    workers: int
    processors: int
    gpus: int = 0


@dataclass(frozen=True, eq=False)
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


def resamples(count: int, *key: object) -> Array:
    """Return how often each of `count` units occurs in each resample; in the first, once."""
    drawn = generator("forecast", *key).multinomial(count, [1 / count] * count, size=RESAMPLES)
    return np.vstack([np.ones(count), drawn.astype(np.float64)])


def total(cost: Array, size: Array, drawn: Array, whole: float) -> Array:
    """Return the cost of units whose sizes sum to `whole`, from that of some; NaN without sizes."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return drawn @ cost / (drawn @ size) * whole


def total_of_clips(cost: Array, sizes: Array, drawn: Array, load: Load) -> tuple[Array, Basis]:
    """Return the cost of all clips by number or by bytes, whichever leaves the smaller residual."""
    by_clip = total(cost, np.ones(len(cost)), drawn, load.clips)
    if not load.read_bytes > 0 or not sizes.sum() > 0:
        return by_clip, "clip"
    residual = ((cost - cost.sum() / sizes.sum() * sizes) ** 2).sum()
    if residual > ((cost - cost.mean()) ** 2).sum():
        return by_clip, "clip"
    return total(cost, sizes, drawn, load.read_bytes), "byte"


def exactly(value: float) -> Array:
    """Return a total that is known, the same in every resample."""
    return np.full(1 + RESAMPLES, value)


def figure(values: Array) -> Figure:
    """Return a total with its 95 % interval."""
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return Figure(value=float(values[0]), low=float(low), high=float(high))


def stages_of(
    sample: Sample, detectors: Sequence[Detector], sizes: Array, drawn: Array, load: Load
) -> list[Stage]:
    """Return all stages of a run: reading, preparing, keeping, scoring and writing.

    Parameters
    ----------
    sizes
        Bytes of the clips of the sample.
    """
    stages: list[Stage] = []
    if not math.isnan(sample.read_rate) and not math.isnan(load.read_bytes):
        stages.append(Stage(READ, "storage", exactly(load.read_bytes / sample.read_rate), "byte"))
    for name in dict.fromkeys(name for clip in sample.stages for name in clip):
        cost = np.array([clip.get(name, 0.0) for clip in sample.stages])
        seconds, basis = total_of_clips(cost, sizes, drawn, load)
        if name == STORE:  # a full cache keeps no more
            every = float(np.mean(sample.audio_bytes)) * load.clips
            seconds = seconds * (cached_bytes(sample, load) / every if every else 0.0)
        main = name in (TAKE, LOAD, STORE)
        stages.append(
            Stage(name, "main process" if main else "workers", np.maximum(seconds, 0.0), basis)
        )
    stages.sort(key=lambda stage: -stage.seconds[0])
    for detector in detectors:
        stages += _detector_stages(sample, detector, load)
    write = sample.shard_seconds * shard_count(load.scorings)
    return [*stages, Stage(WRITE, "main process", exactly(write), "row")]


def _detector_stages(sample: Sample, detector: Detector, load: Load) -> list[Stage]:
    model = detector.identity.name
    batches = sample.batches.get(model)
    if not batches:
        return []
    rows = np.array([float(batch.rows) for batch in batches])
    drawn = resamples(len(batches), model)
    resource: Resource = "main process"  # a user's own detector is called by one thread
    if on_gpu := detector.device.startswith("cuda"):
        resource = "gpus"
    elif detector.device == "cpu":
        resource = "processors"
    costs: dict[tuple[str, Resource], list[float]] = {
        (name, resource): [batch.seconds.get(name, 0.0) for batch in batches]
        for name in dict.fromkeys(name for batch in batches for name in batch.seconds)
    }
    if on_gpu:
        costs[HAND_OVER, "main process"] = [batch.main_seconds for batch in batches]
    return [
        Stage(f"{name} of {model}", busy, total(np.array(cost), rows, drawn, load.rows), "row")
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


def busy_seconds(stages: Sequence[Stage], layout: WorkerLayout) -> dict[Resource, Array]:
    """Return the seconds that each resource needs on its own.

    Workers, detectors on processors and the main process share the processors.
    """
    work: dict[Resource, Array] = {
        name: sum((stage.seconds for stage in stages if stage.resource == name), start=exactly(0.0))
        for name in get_args(Resource)
    }
    shared = work["workers"] + work["processors"] + work["main process"]
    work["workers"] = work["workers"] / layout.workers
    work["processors"] = shared / layout.processors
    work["gpus"] = work["gpus"] / max(1, layout.gpus)
    return work


def limit(stages: Sequence[Stage], busy: Mapping[Resource, Array]) -> str:
    """Name the resource that takes longest and its largest stage: `processors: perturb codec`."""
    resource = max(busy, key=lambda name: busy[name][0])
    sharing = ("workers", "processors", "main process") if resource == "processors" else (resource,)
    own = [stage for stage in stages if stage.resource in sharing]
    largest = max(own, key=lambda stage: stage.seconds[0], default=None)
    return resource if largest is None else f"{resource}: {largest.name}"


def turning_point(stages: Sequence[Stage], gpus: int) -> int | None:
    """Return the number of workers, each with a processor, above which more do not help."""
    busy = {
        name: seconds[0] for name, seconds in busy_seconds(stages, WorkerLayout(1, 1, gpus)).items()
    }
    fixed = max(seconds for name, seconds in busy.items() if name not in ("workers", "processors"))
    return max(1, math.ceil(busy["processors"] / fixed)) if fixed > 0 else None
