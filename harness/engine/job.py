"""Open what a run needs, and describe it as a job: clips, detectors, recipe and record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.data.clip import Clip, Source
from harness.data.duplicates import refuse_twins
from harness.data.source import open_source
from harness.data.subset import CompanionPool, limited
from harness.detector.detector import (
    AnyDetector,
    Compilable,
    Detector,
    audio_detectors,
    gpu_batch_size,
    is_lookup,
)
from harness.detector.source import open_detector
from harness.engine import provenance
from harness.engine.cache import limit_gb
from harness.engine.options import RunOptions
from harness.engine.prepare import Recipe
from harness.engine.ray import Cluster, connect
from harness.engine.worker_pool import warm_up
from harness.errors import UsageError
from harness.processor import usable_processors
from harness.results.record import CountRecord, DataRecord, MachineRecord, RunRecord, ThresholdRule
from harness.suite.suite import Suite, load_suite
from harness.terms import Channels
from harness.version import __version__

Note = Callable[[str], None]

_MOST_WORKERS = 16
_LOOKUP_BATCH = 64
_LARGE_MODEL = 10_000_000
"""Parameters of a model that takes much longer for a clip than preparing does."""


@dataclass(frozen=True)
class Inputs:
    """The opened objects that the options name.

    Parameters
    ----------
    source, whole
        The clips to score, and all clips of the data source, from which companions are drawn.
    development
        The clips to choose thresholds on; None where the suite has a fixed threshold.
    cluster
        Where the run is computed; None for this machine.
    """

    suite: Suite
    source: Source
    whole: Source
    detectors: Sequence[AnyDetector]
    development: Source | None
    cluster: Cluster | None


@dataclass(frozen=True, eq=False)
class Job:
    """The inputs that a run's scores are a function of, and the directory they go to."""

    folder: Path
    record: RunRecord
    clips: Sequence[Clip]
    suite: Suite
    recipe: Recipe
    detectors: Sequence[AnyDetector]
    cluster: Cluster | None
    options: RunOptions


def open_inputs(options: RunOptions, note: Note) -> Inputs:
    """Open the suite, the data source and the detectors; notes are what they have to say.

    Raises
    ------
    UsageError
        Where one cannot be opened, or options contradict each other.
    """
    suite = load_suite(options.suite)
    if options.unscored is not None:
        suite = replace(suite, unscored=options.unscored)
    development = _development(suite, options)
    cluster = _cluster(options)
    if cluster is None:
        warm_up(worker_count(options))
    whole = open_source(options.data)
    source = whole if options.limit is None else limited(whole, options.limit, suite.seed)
    for line in (*suite.notes, *source.origin.notes):
        note(line)
    detectors = [
        open_detector(
            spec,
            # On a cluster this process only reads what the detector is, which needs no GPU.
            device=options.device if cluster is None else "cpu",
            precision=options.precision if cluster is None else "float32",
            fake_label=options.fake_label,
        )
        for spec in options.models
    ]
    _name_apart(detectors)
    return Inputs(suite, source, whole, detectors, development, cluster)


def _development(suite: Suite, options: RunOptions) -> Source | None:
    if not isinstance(suite.threshold, ThresholdRule):
        if options.development is not None:
            raise UsageError(
                f"suite {suite.name} has a fixed threshold of {suite.threshold:g}",
                "--development",
                'leave it out, or write threshold = {choose = "eer"} in the suite',
            )
        return None
    spec = options.development or suite.threshold.data
    if not spec:
        raise UsageError(
            f"suite {suite.name} chooses its threshold on development clips and names none",
            "--development",
            "name a data source",
        )
    return open_source(spec)


def _cluster(options: RunOptions) -> Cluster | None:
    if options.engine == "ray":
        if options.workers is not None:
            where = f"--workers {options.workers}"
            raise UsageError("a cluster has an actor for each processor", where, "leave it out")
        if options.cache_gb:
            where = f"--cache-gb {options.cache_gb:g}"
            raise UsageError("a cluster keeps no prepared audio", where, "leave it out")
        return connect(options.address, options.device, options.fake_label)
    if options.address is not None:
        where = f"--address {options.address}"
        raise UsageError("only a cluster has an address", where, "add --engine ray")
    return None


def _name_apart(detectors: Sequence[AnyDetector]) -> None:
    """Name models by what the user wrote where their short names are the same."""
    names = Counter(detector.identity.name for detector in detectors)
    for detector in detectors:
        identity = detector.identity
        if names[identity.name] > 1:
            detector.identity = identity.model_copy(update={"name": identity.spec})
    if len({detector.identity.name for detector in detectors}) < len(detectors):
        raise UsageError("the same model twice", "--model", "name each once")


def open_job(inputs: Inputs, options: RunOptions, folder: Path, note: Note) -> Job:
    """Describe the run of these inputs, with score files matched to the clips.

    Raises
    ------
    UsageError
        Where recordings occur twice under different labels, or a score file does not fit the
        clips.
    """
    suite, source, whole = inputs.suite, inputs.source, inputs.whole
    clips = list(source)
    duplicates = refuse_twins(clips, source.origin.spec)
    for line in duplicates:
        note(line)
    detectors = _matched(inputs, clips if source is whole else list(whole), note)
    opened = replace(inputs, detectors=detectors)
    record = _record(opened, options, clips, duplicates)
    recipe = recipe_of(suite, whole, detectors, options.channels)
    return Job(folder, record, clips, suite, recipe, detectors, inputs.cluster, options)


def _matched(inputs: Inputs, clips: Sequence[Clip], note: Note) -> list[AnyDetector]:
    """Return the detectors, rows of score files assigned to the clips of the whole source."""
    conditions = [condition.name for condition in inputs.suite.conditions]
    matched: list[AnyDetector] = []
    for detector in inputs.detectors:
        if is_lookup(detector):
            detector = detector.match(clips, conditions)
            for line in detector.identity.notes:
                note(f"{detector.identity.name}: {line}")
        matched.append(detector)
    return matched


def refuse_one_class(job: Job) -> None:
    """Raise UsageError where a score file puts all clips in one class at a fixed threshold."""
    threshold = job.suite.threshold
    for detector in job.detectors:
        if is_lookup(detector) and not isinstance(threshold, ThresholdRule):
            detector.refuse_one_class(job.clips, threshold)


def recipe_of(
    suite: Suite,
    whole: Source,
    detectors: Sequence[AnyDetector],
    channels: Channels = "mean",
) -> Recipe:
    """Return what workers need to prepare the clips of a source for the detectors."""
    longest: dict[int, int] = {}
    rates = tuple(dict.fromkeys(detector.rate_hz for detector in audio_detectors(detectors)))
    for rate in rates:
        lengths = [
            detector.longest for detector in audio_detectors(detectors) if detector.rate_hz == rate
        ]
        limits = [length for length in lengths if length is not None]
        if len(limits) == len(lengths):
            longest[rate] = max(limits)
    return Recipe(suite.seed, rates, longest, CompanionPool(whole, seed=suite.seed), channels)


def _record(
    inputs: Inputs, options: RunOptions, clips: Sequence[Clip], duplicates: Sequence[str]
) -> RunRecord:
    origin = inputs.source.origin
    labels = Counter(clip.label for clip in clips)
    revision, dirty = provenance.revision()
    return RunRecord(
        harness_version=__version__,
        git_revision=revision,
        git_dirty=dirty,
        command=list(options.command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        finished=None,
        seconds=0.0,
        clips_per_second=0.0,
        suite=inputs.suite.record(),
        data=DataRecord(
            spec=origin.spec,
            kind=origin.kind,
            name=origin.name,
            digest=origin.digest,
            synthetic=origin.synthetic,
            revision=origin.revision,
            notes=[*origin.notes, *duplicates],
            columns=list(origin.columns),
            clips=len(clips),
            real=labels["real"],
            fake=labels["fake"],
            limit=options.limit,
            limit_seed=None if options.limit is None else inputs.suite.seed,
        ),
        models=[detector.identity for detector in inputs.detectors],
        machine=machine_of(inputs, options),
        counts=CountRecord(),
        channels=options.channels,
    )


def machine_of(inputs: Inputs, options: RunOptions) -> MachineRecord:
    """Describe this machine, and how a run with these options uses it."""
    detectors, cluster = audio_detectors(inputs.detectors), inputs.cluster
    device = detectors[0].device if detectors else "none: scores from a file"
    batch_size = min((detector.batch_size for detector in detectors), default=_LOOKUP_BATCH)
    workers = worker_count(options) if detectors else 0
    large = any(
        detector.device == "cpu" and (detector.identity.parameters or 0) >= _LARGE_MODEL
        for detector in detectors
    )
    # Threads that wait for a processor spin in vain: a small model gets those that workers leave.
    threads = usable_processors() if large else max(1, usable_processors() - workers)
    if cluster is not None:
        threads, workers = 1, cluster.preparers if detectors else 0
        device = cluster.words if detectors else device
        if cluster.device == "cuda":
            batch_size = min(map(_gpu_batch_size, detectors), default=batch_size)
    return MachineRecord(
        **provenance.software(),
        device=device,
        precision=options.precision,
        batch_size=options.batch_size or batch_size,
        workers=workers,
        threads=threads,
        row_seconds=options.row_seconds,
        cache_gb=limit_gb(options.cache_gb) if cluster is None else 0.0,
        engine="local" if cluster is None else f"ray: {cluster.nodes} node(s)",
        compiled=bool(options.compiled and detectors),
    )


def _gpu_batch_size(detector: Detector) -> int:
    if isinstance(detector, Compilable):
        return gpu_batch_size(detector.one_shape)
    return detector.batch_size


def worker_count(options: RunOptions) -> int:
    """Return how many processes prepare: as many as asked for, else one for each processor."""
    if options.workers is not None:
        return options.workers
    return min(usable_processors(), _MOST_WORKERS)
