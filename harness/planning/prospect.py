"""What a plan says, as `harness plan --json` prints it and `--out` keeps it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from harness.planning.forecast import Basis, Figure, Number, Resource
from harness.results.record import MachineRecord, ModelRecord
from harness.version import __version__

VERSION = 1

READ, TAKE, HAND_OVER = "read", "take prepared audio", "handing over"
"""Stages that a plan measures and no run keeps."""
LOAD, STORE, WRITE = "load from cache", "store in cache", "write"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class StagePlan(_Frozen):
    """A kind of work: seconds in all, of what, and what they were taken to grow with."""

    name: str
    resource: Resource
    seconds: Figure
    basis: Basis


class LayoutPlan(_Frozen):
    """One way to do it.

    Parameters
    ----------
    limit
        The resource that takes longest, and its largest stage.
    busy
        Share of the time that each resource works.
    read_bytes_per_second
        That storage must give for it.
    """

    workers: int
    processors: int
    gpus: int
    hours: Figure
    memory_bytes: Number
    limit: str
    busy: dict[str, float]
    read_bytes_per_second: Number


class Plan(_Frozen):
    """The whole of `harness plan --json`; sizes in bytes, times in seconds unless named otherwise.

    Parameters
    ----------
    audio_basis, read_basis
        `every clip`, or `the sample`.
    turning_points
        By GPUs, from how many workers on more of them do not help; None where they always do.
    here
        This machine, as a run uses it by itself.
    sample_clips
        That were measured.
    """

    version: int = VERSION
    harness_version: str = __version__
    suite: str
    suite_digest: str
    data: str
    data_digest: str
    limit: int | None
    limit_seed: int | None
    models: list[ModelRecord]
    machine: MachineRecord
    processors: int
    clips: int
    conditions: int
    scorings: int
    audio_seconds: Figure
    audio_basis: str
    read_bytes: Figure
    read_basis: str
    written_bytes: Number
    cached_bytes: Number
    storage_bytes_per_second: Number
    stages: list[StagePlan]
    start_seconds: Number
    main_bytes: Number
    worker_bytes: Number
    clip_audio_bytes: Number
    layouts: list[LayoutPlan]
    turning_points: dict[int, int | None]
    here: LayoutPlan
    sample_clips: int
    sample_seconds: float
    notes: list[str]


class StageHindsight(_Frozen):
    """Seconds that were planned and that it took; the ratio is `took / planned`.

    NaN where a run does not keep them, or nothing was planned.
    """

    name: str
    planned: Number
    took: Number
    ratio: Number


class Hindsight(_Frozen):
    """A plan beside the run that came of it."""

    run: str
    stages: list[StageHindsight]
    scorings: int
    written_bytes: int
    notes: list[str]
