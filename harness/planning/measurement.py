"""What was measured of a sample of clips, before anything is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.data.clip import Clip
from harness.detector.detector import Detector
from harness.results.record import MachineRecord


@dataclass
class Batch:
    """One call of a detector.

    Parameters
    ----------
    seconds
        By stage: of processors on a processor, of the device on a GPU, else on the wall.
    main_seconds
        Of this process's processors beside a device.
    """

    rows: int
    seconds: dict[str, float]
    main_seconds: float = 0.0


@dataclass
class Measurement:
    """What was measured, and how the machine was used (`machine`).

    Parameters
    ----------
    clips
        That were prepared, of those `asked` for.
    preparing
        Of each clip, processor seconds by stage as `harness.engine.prepare.Prepared.spent` has it.
    receiving, loading, storing
        Of each clip, processor seconds of this process: to take what was prepared, and to look for
        it in the cache and keep it there, where there is a cache.
    audio_bytes
        Of each clip: prepared waves in memory.
    read_bytes, read_rate
        Of the sample, and bytes a second by some readers at once; 0 where there is nothing to read.
    shard_seconds, shard_bytes, row_bytes
        To write a shard of the table; its bytes, and how many more they are with each row.
    main_bytes, worker_bytes
        Memory of this process, and of one more that prepares; NaN where the system does not say.
    idle_share
        Of the detectors' time on processors in which others had them.
    """

    machine: MachineRecord
    asked: int
    clips: list[Clip] = field(default_factory=list[Clip])
    preparing: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    receiving: list[float] = field(default_factory=list[float])
    loading: list[float] = field(default_factory=list[float])
    storing: list[float] = field(default_factory=list[float])
    audio_bytes: list[int] = field(default_factory=list[int])
    batches: dict[str, list[Batch]] = field(default_factory=dict[str, list[Batch]])
    read_bytes: float = 0.0
    read_rate: float = 0.0
    start_seconds: float = 0.0
    shard_seconds: float = 0.0
    shard_bytes: float = 0.0
    row_bytes: float = 0.0
    main_bytes: float = math.nan
    worker_bytes: float = math.nan
    idle_share: float = 0.0


def on_gpu(detector: Detector) -> bool:
    """Whether its time is that of a GPU, by its own clock."""
    return detector.device.startswith("cuda")


def on_processors(detector: Detector) -> bool:
    """Whether its time is that of this process's processors."""
    return detector.device == "cpu"
