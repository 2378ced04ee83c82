"""What a run would be before it is one: how much, how long, how large, and what limits it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.data.clip import Clip, Origin
from harness.data.clip_list import indexed
from harness.data.source import open_source
from harness.data.subset import limited
from harness.detector.detector import Detector, audio_detectors
from harness.detector.source import open_detector
from harness.engine import provenance
from harness.engine.scoring import recipe_of
from harness.engine.worker_pool import WINDOW, warm_up
from harness.errors import UsageError
from harness.planning.extent import EVERY, Extent, extent_of
from harness.planning.forecast import (
    Layout,
    Load,
    Stage,
    duration,
    exactly,
    turning_point,
    weights,
)
from harness.planning.measurement import Measurement, on_gpu
from harness.planning.prospect import LayoutPlan, Plan, StagePlan
from harness.planning.trial import PREPARE_SECONDS, Setting, measure
from harness.planning.workload import kept_bytes, spread, stages_of, written_bytes
from harness.results.record import ThresholdRule
from harness.run import RunOptions, machine_of, tell_apart, worker_count
from harness.suite.suite import load_suite

SAMPLE = 24
"""Clips that are measured where the user does not say."""

_BUSY = 0.15


@dataclass(frozen=True)
class PlanOptions:
    """What the user asked for.

    Parameters
    ----------
    run
        The run that is planned.
    sample
        Clips that are measured.
    workers, gpus
        Every number of the one is combined with every number of the other.
    """

    run: RunOptions
    sample: int = SAMPLE
    workers: tuple[int, ...] = (1, 8, 64)
    gpus: tuple[int, ...] = ()


def plan(options: PlanOptions, note: Callable[[str], None]) -> Plan:
    """Measure a sample of the run on this machine and say what all of it would take.

    Raises
    ------
    UsageError
        As the run itself would before it scores, and for GPUs where the detectors are on none.
    """
    asked = options.run
    if asked.engine == "ray":  # whose actors keep no prepared audio
        asked = replace(asked, cache_gb=0.0)
    suite = load_suite(asked.suite)
    warm_up(worker_count(asked))
    whole = open_source(asked.data)
    source = whole if asked.limit is None else limited(whole, asked.limit, suite.seed)
    detectors = [
        open_detector(
            spec, device=asked.device, precision=asked.precision, fake_label=asked.fake_label
        )
        for spec in asked.models
    ]
    tell_apart(detectors)
    listening = audio_detectors(detectors)
    _refuse_gpus(options.gpus, listening)
    clips = indexed(source).clips
    sampled = list(limited(source, max(2, options.sample), suite.seed))
    setting = Setting(
        suite=suite,
        recipe=recipe_of(suite, whole, detectors),
        detectors=detectors,
        machine=machine_of(asked, None, listening),
        rows=len(clips) * len(suite.conditions),
    )
    note(
        f"{suite.name}: measuring {len(sampled)} of {len(clips)} clips under "
        f"{len(suite.conditions)} conditions with {len(detectors)} model(s) on "
        f"{setting.machine.device} …"
    )
    began = time.monotonic()
    found = measure(setting, sampled, note)
    return _planned(options, setting, source.origin, clips, found, time.monotonic() - began)


def _refuse_gpus(gpus: Sequence[int], listening: Sequence[Detector]) -> None:
    if gpus and not any(map(on_gpu, listening)):
        seen = listening[0].device if listening else "no device"
        raise UsageError(
            f"the detectors would be measured on {seen}",
            "--gpus",
            "leave it out, or plan on a machine with such a GPU",
        )


def _planned(
    options: PlanOptions,
    setting: Setting,
    origin: Origin,
    clips: Sequence[Clip],
    found: Measurement,
    took: float,
) -> Plan:
    suite, asked = setting.suite, options.run
    drawn = weights(len(found.clips), suite.seed, "clips")
    extent = extent_of(clips, found.clips, drawn)
    models = [one.identity for one in setting.detectors]
    load = Load(len(clips), len(suite.conditions), len(models), extent.known_seconds)
    stages = stages_of(found, setting.detectors, extent, drawn, load)
    if on_cluster := asked.engine == "ray":
        stages = spread(stages)
    on_cards = any(stage.resource == "gpus" for stage in stages)
    gpus = options.gpus or ((1,) if on_cards else (0,))
    read = extent.bytes if setting.listening else exactly(0.0)
    reckoning = _Reckoning(stages, found, read.value, on_cluster)
    machine, processors = found.machine, provenance.processors()
    here = reckoning.of(Layout(max(1, machine.workers), processors, gpus=int(on_cards)))
    return Plan(
        suite=suite.name,
        suite_digest=suite.digest,
        data=origin.name,
        data_digest=origin.digest,
        limit=asked.limit,
        limit_seed=None if asked.limit is None else suite.seed,
        models=models,
        machine=machine.model_copy(update={"engine": asked.engine}),
        processors=processors,
        clips=load.clips,
        conditions=load.conditions,
        scorings=load.scorings,
        audio_seconds=extent.seconds.figure,
        audio_basis=extent.seconds_basis,
        read_bytes=read.figure,
        read_basis=extent.bytes_basis,
        written_bytes=written_bytes(found, load.scorings, here.hours.value * 3600),
        cached_bytes=kept_bytes(found, load),
        storage_bytes_per_second=found.read_rate or math.nan,
        stages=[
            StagePlan(
                name=stage.name,
                resource=stage.resource,
                seconds=stage.seconds.figure,
                basis=stage.basis,
            )
            for stage in stages
        ],
        start_seconds=found.start_seconds,
        main_bytes=found.main_bytes,
        worker_bytes=found.worker_bytes,
        clip_audio_bytes=float(np.mean(found.audio_bytes)),
        layouts=[
            reckoning.of(Layout(count, count, cards)) for cards in gpus for count in options.workers
        ],
        turning_points={cards: turning_point(stages, cards) for cards in gpus},
        here=here,
        sample_clips=len(found.clips),
        sample_seconds=took,
        notes=_notes(found, extent, setting),
    )


@dataclass(frozen=True, eq=False)
class _Reckoning:
    """What every layout is reckoned from.

    Parameters
    ----------
    on_cluster
        A worker is then a process like this one beside the one that it prepares in.
    """

    stages: Sequence[Stage]
    found: Measurement
    read_bytes: float
    on_cluster: bool

    def of(self, layout: Layout) -> LayoutPlan:
        took = duration(self.stages, layout, self.found.start_seconds)
        seconds = took.seconds.value
        memory = self.found.worker_bytes + WINDOW * float(np.mean(self.found.audio_bytes))
        memory += self.found.main_bytes if self.on_cluster else 0.0
        return LayoutPlan(
            workers=layout.workers,
            processors=layout.processors,
            gpus=layout.gpus,
            hours=(took.seconds * (1 / 3600)).figure,
            memory_bytes=self.found.main_bytes + layout.workers * memory,
            limit=took.limit,
            busy={name: each / seconds if seconds else 0.0 for name, each in took.busy.items()},
            read_bytes_per_second=self.read_bytes / seconds if seconds else math.nan,
        )


def _notes(found: Measurement, extent: Extent, setting: Setting) -> list[str]:
    """What the figures do not know."""
    lines: list[str] = []
    if len(found.clips) < found.asked:
        lines.append(
            f"{len(found.clips)} of {found.asked} clips of the sample were measured in "
            f"{PREPARE_SECONDS:g} s; the intervals say what that is worth"
        )
    if setting.listening and math.isnan(extent.bytes.value):
        lines.append("the size of the recordings is not known, and so not whether storage limits")
    if setting.listening and extent.seconds_basis != EVERY:
        lines.append("lengths are those of the sample: the others were not opened")
    if isinstance(setting.suite.threshold, ThresholdRule):
        lines.append("the development clips that thresholds are chosen on are not in it")
    if found.idle_share > _BUSY:
        lines.append(
            f"others had the processors for {100 * found.idle_share:.0f} % of the detectors' time "
            "while this was measured; the plan counts on all of every processor"
        )
    return lines
