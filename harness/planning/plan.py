"""Plans of runs: a sample measured here, extrapolated to the time and the limiting resource."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.data.clip import Clip
from harness.data.clip_list import indexed
from harness.data.subset import limited
from harness.detector.detector import audio_detectors
from harness.engine.job import Inputs, Note, machine_of, open_inputs, recipe_of
from harness.engine.options import RunOptions
from harness.engine.worker_pool import WINDOW
from harness.errors import UsageError
from harness.planning.estimate import (
    WRITE,
    Array,
    Figure,
    Load,
    Number,
    PlanModel,
    StagePlan,
    busy_seconds,
    cached_bytes,
    limit,
    stages_of,
    total_of_clips,
    turning_point,
    written_bytes,
)
from harness.planning.sample import PREPARE_SECONDS, Sample, SampleSetup, measure
from harness.processor import usable_processors
from harness.results.record import MachineRecord, ModelRecord, ThresholdRule
from harness.version import __version__

VERSION = 1
SAMPLE_CLIPS = 24

_BUSY = 0.15


class LayoutPlan(PlanModel):
    """Time, memory and limit with a number of workers and GPUs.

    Parameters
    ----------
    limit
        The resource that takes longest, and its largest stage.
    busy
        Share of the time that each resource works.
    read_bytes_per_second
        What storage must provide.
    """

    workers: int
    processors: int
    gpus: int
    hours: Figure
    memory_bytes: Number
    limit: str
    busy: dict[str, float]
    read_bytes_per_second: Number


class Plan(PlanModel):
    """Content of `harness plan --json`; sizes in bytes, times in seconds unless named otherwise.

    Parameters
    ----------
    audio_basis, read_basis
        Which clips a total is known of: `every clip`, or `the sample`.
    turning_points
        By GPUs, from how many workers on more of them do not help; None where they always do.
    here
        This machine, as a run uses it by default.
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


def plan(
    options: RunOptions,
    note: Note,
    sample_clips: int = SAMPLE_CLIPS,
    workers: Sequence[int] = (1, 8, 64),
    gpus: Sequence[int] = (),
) -> Plan:
    """Measure a sample of the run on this machine and extrapolate to the whole run.

    Parameters
    ----------
    workers, gpus
        Layouts to plan: every number of the one with every number of the other.

    Raises
    ------
    UsageError
        As the run itself would before it scores, and for GPUs where the detectors are on none.
    """
    on_cluster = options.engine == "ray"
    if on_cluster:  # it is measured here, and its actors keep no prepared audio
        options = replace(options, engine="local", cache_gb=0.0)
    inputs = open_inputs(options, note)
    suite, origin = inputs.suite, inputs.source.origin
    detectors = audio_detectors(inputs.detectors)
    on_gpus = any(detector.device.startswith("cuda") for detector in detectors)
    if gpus and not on_gpus:
        raise UsageError(
            f"the detectors would be measured on {detectors[0].device if detectors else 'none'}",
            "--gpus",
            "leave it out, or plan on a machine with such a GPU",
        )
    clips = indexed(inputs.source).clips
    chosen = list(limited(inputs.source, max(2, sample_clips), suite.seed))
    recipe = recipe_of(suite, inputs.whole, inputs.detectors)
    machine = machine_of(inputs, options)
    note(
        f"{suite.name}: measuring {len(chosen)} of {len(clips)} clips under "
        f"{len(suite.conditions)} conditions with {len(inputs.detectors)} model(s) on "
        f"{machine.device} …"
    )
    began = time.monotonic()
    rows = len(clips) * len(suite.conditions)
    setup = SampleSetup(suite, recipe, inputs.detectors, machine, rows)
    sample = measure(setup, chosen, note)
    took = time.monotonic() - began

    read_bytes = math.fsum(map(size_bytes, clips)) if detectors else 0.0
    load = Load(len(clips), len(suite.conditions), len(inputs.detectors), read_bytes)
    sizes = np.array([size_bytes(clip) for clip in sample.clips])
    stages = stages_of(sample, detectors, sizes, load)
    if on_cluster:  # workers do all but the writing
        stages = [
            stage.model_copy(update={"resource": "workers"})
            if stage.resource == "main process" and stage.name != WRITE
            else stage
            for stage in stages
        ]
    layout = _Layouts(stages, sample, read_bytes, on_cluster)
    here = layout.plan(max(1, machine.workers), usable_processors(), int(on_gpus))
    cards = tuple(gpus) or (int(on_gpus),)
    return Plan(
        suite=suite.name,
        suite_digest=suite.digest,
        data=origin.name,
        data_digest=origin.digest,
        limit=options.limit,
        limit_seed=None if options.limit is None else suite.seed,
        models=[detector.identity for detector in inputs.detectors],
        machine=sample.machine.model_copy(update={"engine": "ray" if on_cluster else "local"}),
        processors=here.processors,
        clips=load.clips,
        conditions=load.conditions,
        scorings=load.scorings,
        audio_seconds=total_of_clips(_audio_seconds(sample), sizes, load)[0],
        audio_basis="the sample",
        read_bytes=Figure.exact(read_bytes),
        read_basis="every clip",
        written_bytes=written_bytes(sample, load.scorings, 3600 * here.hours.value),
        cached_bytes=cached_bytes(sample, load),
        storage_bytes_per_second=sample.read_rate,
        stages=stages,
        start_seconds=sample.start_seconds,
        main_bytes=sample.main_bytes,
        worker_bytes=sample.worker_bytes,
        clip_audio_bytes=float(np.mean(sample.audio_bytes)),
        layouts=[layout.plan(count, count, number) for number in cards for count in workers],
        turning_points={number: turning_point(stages, number) for number in cards},
        here=here,
        sample_clips=len(sample.clips),
        sample_seconds=took,
        notes=_notes(sample, len(chosen), read_bytes, inputs),
    )


def size_bytes(clip: Clip) -> float:
    """Return the size of a recording without reading it; NaN where it is not known."""
    if isinstance(clip.audio, bytes):
        return float(len(clip.audio))
    if isinstance(clip.audio, Path):
        try:
            return float(clip.audio.stat().st_size)
        except (OSError, ValueError):
            return math.nan
    listed = getattr(clip.audio, "size_bytes", None)
    return math.nan if listed is None else float(listed)


def _audio_seconds(sample: Sample) -> Array:
    """Return the length of each clip of the sample, the mean where it is not known."""
    seconds = np.array(sample.audio_seconds)
    known = seconds[~np.isnan(seconds)]
    return np.where(np.isnan(seconds), known.mean() if len(known) else math.nan, seconds)


@dataclass(frozen=True, eq=False)
class _Layouts:
    """Planner of layouts; a worker on a cluster is a main process with one preparing process."""

    stages: Sequence[StagePlan]
    sample: Sample
    read_bytes: float
    on_cluster: bool

    def plan(self, workers: int, processors: int, gpus: int) -> LayoutPlan:
        busy = busy_seconds(self.stages, workers, processors, gpus)
        value, low, high = (
            max(busy_seconds(self.stages, workers, processors, gpus, end).values())
            + self.sample.start_seconds
            for end in ("value", "low", "high")
        )
        memory = self.sample.worker_bytes + WINDOW * float(np.mean(self.sample.audio_bytes))
        memory += self.sample.main_bytes if self.on_cluster else 0.0
        return LayoutPlan(
            workers=workers,
            processors=processors,
            gpus=gpus,
            hours=Figure(value=value, low=low, high=high).scaled(1 / 3600),
            memory_bytes=self.sample.main_bytes + workers * memory,
            limit=limit(self.stages, busy),
            busy={name: needed / value if value else 0.0 for name, needed in busy.items()},
            read_bytes_per_second=self.read_bytes / value if value else math.nan,
        )


def _notes(sample: Sample, chosen: int, read_bytes: float, inputs: Inputs) -> list[str]:
    """Return notes on the limits of the figures."""
    lines: list[str] = []
    if len(sample.clips) < chosen:
        lines.append(
            f"{len(sample.clips)} of {chosen} clips of the sample were measured in "
            f"{PREPARE_SECONDS:g} s; the intervals are wider for it"
        )
    if math.isnan(read_bytes):
        lines.append("not measured: the size of the recordings, and so whether storage limits")
    if isinstance(inputs.suite.threshold, ThresholdRule):
        lines.append("not included: the development clips that thresholds are chosen on")
    if sample.idle_share > _BUSY:
        lines.append(
            f"other programs had the processors for {100 * sample.idle_share:.0f} % of the "
            "detectors' time during the measurement; the plan assumes that none run"
        )
    return lines
