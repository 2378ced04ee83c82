"""Stages of a whole run, from what a sample of its clips took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.detector.detector import AnyDetector, Detector, is_lookup
from harness.engine.row_sink import FLUSH_SECONDS
from harness.planning.extent import Extent
from harness.planning.forecast import (
    Array,
    Load,
    Resource,
    Stage,
    exactly,
    total_by_ratio,
    total_of_clips,
    weights,
)
from harness.planning.measurement import Measurement, on_gpu, on_processors
from harness.planning.prospect import HAND_OVER, LOAD, READ, STORE, TAKE, WRITE
from harness.results.scores import SHARD_ROWS

_GB = 1e9


def shard_count(scorings: int, seconds: float = 0.0) -> int:
    """Shards of a table on a disk, of so many rows that so many seconds were spent on."""
    return -(-scorings // SHARD_ROWS) + int(seconds / FLUSH_SECONDS)


def written_bytes(found: Measurement, scorings: int, seconds: float) -> float:
    """Of the scores table."""
    return scorings * found.row_bytes + shard_count(scorings, seconds) * found.shard_bytes


def stages_of(
    found: Measurement,
    detectors: Sequence[AnyDetector],
    extent: Extent,
    drawn: Array,
    load: Load,
) -> list[Stage]:
    """All that there is to do.

    Parameters
    ----------
    drawn
        How often each clip of the sample is in each resample.
    """
    return [
        *_preparing(found, extent, drawn, load),
        *(stage for one in detectors for stage in _detecting(found, one, load)),
        *_keeping(found, extent, drawn, load),
        *_storing(found, extent, load),
    ]


def spread(stages: Sequence[Stage]) -> list[Stage]:
    """The same on a cluster, where workers do all that one process does here, but writing."""
    return [
        replace(stage, resource="workers")
        if stage.resource == "main process" and stage.name != WRITE
        else stage
        for stage in stages
    ]


def kept_bytes(found: Measurement, load: Load) -> float:
    """Prepared audio that the cache will hold of the run."""
    every = float(np.mean(found.audio_bytes)) * load.clips
    return min(found.machine.cache_gb * _GB, every)


def _preparing(found: Measurement, extent: Extent, drawn: Array, load: Load) -> list[Stage]:
    """What the workers do, by stage, the longest first."""
    names = dict.fromkeys(name for clip in found.preparing for name in clip)
    stages: list[Stage] = []
    for name in names:
        cost = np.array([clip.get(name, 0.0) for clip in found.preparing])
        stages.append(Stage(name, "workers", *total_of_clips(cost, extent.of_sample, drawn, load)))
    return sorted(stages, key=lambda stage: -stage.seconds.value)


def _keeping(found: Measurement, extent: Extent, drawn: Array, load: Load) -> list[Stage]:
    """What this process does with prepared audio before it is scored."""
    parts: dict[str, Sequence[float]] = {TAKE: found.receiving}
    if found.storing:
        parts |= {LOAD: found.loading, STORE: found.storing}
    stages: list[Stage] = []
    for name, each in parts.items():
        seconds, basis = total_of_clips(np.array(each), extent.of_sample, drawn, load)
        if name == STORE and seconds.value:  # once the cache is full it keeps no more
            every = float(np.mean(found.audio_bytes)) * load.clips
            seconds = seconds * (kept_bytes(found, load) / every if every else 0.0)
        stages.append(Stage(name, "main process", seconds, basis))
    return stages


def _detecting(found: Measurement, detector: AnyDetector, load: Load) -> list[Stage]:
    """What a detector does, by stage, from batches that stand for all rows alike."""
    name = detector.identity.name
    batches = found.batches.get(name)
    if is_lookup(detector) or not batches:
        return []
    rows = np.array([float(batch.rows) for batch in batches])
    drawn = weights(len(batches), name)
    resource = _resource(detector)

    def stage(title: str, resource: Resource, cost: Sequence[float]) -> Stage:
        total = total_by_ratio(np.array(cost), rows, drawn, load.rows)
        return Stage(f"{title} of {name}", resource, total, "row")

    stages = [
        stage(title, resource, [batch.seconds.get(title, 0.0) for batch in batches])
        for title in dict.fromkeys(title for batch in batches for title in batch.seconds)
    ]
    if resource == "gpus":
        own = [batch.main_seconds for batch in batches]
        stages.append(stage(HAND_OVER, "main process", own))
    return stages


def _resource(detector: Detector) -> Resource:
    """What it computes on; one of the user's own is called by one thread, whatever it does."""
    if on_gpu(detector):
        return "gpus"
    return "processors" if on_processors(detector) else "main process"


def _storing(found: Measurement, extent: Extent, load: Load) -> list[Stage]:
    """Reading, where it is known how much and how fast, and writing; each measured once."""
    write = exactly(found.shard_seconds * shard_count(load.scorings))
    stages = [Stage(WRITE, "main process", write, "row")]
    if found.read_rate and not np.isnan(extent.bytes.value):
        read = extent.bytes * (1 / found.read_rate)
        stages.insert(0, Stage(READ, "storage", read, "byte"))
    return stages
