"""A whole run: open everything, refuse what cannot work, score what is owed, write what it was."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.compare.flips import worth_hearing
from harness.compare.gate import check_gate_options, rule_or_note
from harness.data.clip import Clip, Source
from harness.data.duplicates import refuse_twins
from harness.data.source import open_source
from harness.data.subset import limited
from harness.detector.detector import (
    AnyDetector,
    Compilable,
    Detector,
    audio_detectors,
    gpu_batch_size,
    is_lookup,
)
from harness.detector.source import open_detector
from harness.engine import provenance, threshold_choice
from harness.engine.cache import limit_gb
from harness.engine.ray import Cluster, connect, leave
from harness.engine.report_audio import as_scored, write_examples
from harness.engine.scoring import DEVELOPMENT, Job, Progress, alone_in, recipe_of, room_in, score
from harness.engine.worker_pool import ROW_SECONDS, warm_up
from harness.errors import UsageError
from harness.report.publish import Outcome, publish
from harness.results.record import CountRecord, DataRecord, MachineRecord, RunRecord, ThresholdRule
from harness.results.run_folder import read_run
from harness.results.scores import recordings
from harness.suite.suite import Suite, load_suite
from harness.summary.summary import figures
from harness.terms import Channels, UnscoredPolicy
from harness.version import __version__

_MOST_WORKERS = 16
_LOOKUP_BLOCK = 64
_LARGE = 10_000_000
"""Parameters of a model that takes much longer for a clip than preparing does."""


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; None leaves the choice to the harness, which records it.

    Parameters
    ----------
    out
        Run directory; `harness.storage.storage.place` makes one of the address of a store.
    limit
        At most this many clips, stratified by label and generator, drawn with the suite's seed.
    compiled
        Whether models are compiled; None leaves them as they are, or as in an earlier part.
    workers
        Processes that prepare audio; 0 prepares in the scoring process, where nothing guards
        against a decoder that crashes or hangs.
    row_seconds
        Longest time to prepare one row; a row that takes more is an error row.
    cache_gb
        Of prepared audio that is kept for later runs; 0 neither keeps nor uses any.
    engine, address
        Where it is computed: `local`, or `ray` on the cluster at the address.
    channels
        What is heard of recordings with several.
    development
        Data source to choose thresholds on, instead of the one that the suite names.
    unscored
        What the figures make of clips without a score, instead of what the suite says. It moves no
        score: a run may go on with another.
    """

    suite: str = "release"
    data: str = "embedded"
    models: tuple[str, ...] = ("embedded",)
    out: Path | None = None
    limit: Annotated[int, Field(ge=2)] | None = None
    device: str = "auto"
    precision: str = "float32"
    batch_size: Annotated[int, Field(ge=1)] | None = None
    compiled: bool | None = None
    workers: Annotated[int, Field(ge=0)] | None = None
    row_seconds: Annotated[float, Field(ge=1)] = ROW_SECONDS
    cache_gb: Annotated[float, Field(ge=0)] | None = None
    fake_label: str | None = None
    channels: Channels = "mean"
    published: str | None = None
    baseline: str | None = None
    policy: str | None = None
    unscored: UnscoredPolicy | None = None
    development: str | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    command: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))


def run(options: RunOptions, note: Callable[[str], None], progress: Progress) -> Outcome:
    """Do the run that the options describe, or go on with it where `out` holds a part of it.

    Raises
    ------
    UsageError
        For whatever can be known to be wrong before scoring starts, for an `out` that holds a run
        of other things or is in use, and where the disk is full.
    """
    suite = load_suite(options.suite)
    if options.unscored is not None:
        suite = replace(suite, unscored=options.unscored)
    tuning = _tuning(suite, options)
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
            # Where others compute, what a detector is can be read without a GPU.
            device=options.device if cluster is None else "cpu",
            precision=options.precision if cluster is None else "float32",
            fake_label=options.fake_label,
        )
        for spec in options.models
    ]
    tell_apart(detectors)
    folder = options.out or _new_folder(suite, detectors)
    job = _job(options, cluster, suite, source, whole, detectors, folder, note)
    for one in job.detectors:
        if is_lookup(one) and not isinstance(suite.threshold, ThresholdRule):
            one.refuse_one_class(job.clips, suite.threshold)
    check_gate_options(job.record, folder, options.baseline, options.policy)
    with alone_in(folder), room_in(folder):
        if tuning is not None:
            job = _tuned(job, tuning, options, note, progress)
        score(job, note, progress)
        if cluster is not None:
            leave()
        finished_run = read_run(folder, options.published)
        summary = figures(finished_run)
        ruling = rule_or_note(finished_run, summary, options.baseline, options.policy, note)
        turned = worth_hearing(ruling.flips) if ruling else []
        wanted = {each.clip_id for each in (*summary.mistakes, *turned)}
        by_id = as_scored(job.clips, wanted, recordings(finished_run.table).to_dict())
        write_examples(folder, summary.mistakes, turned, suite, by_id, job.recipe)
        return publish(finished_run, summary, ruling)


def _matched(
    detectors: Sequence[AnyDetector],
    clips: Sequence[Clip],
    suite: Suite,
    note: Callable[[str], None],
) -> list[AnyDetector]:
    """The detectors, with the rows of score files assigned to the clips of the whole source."""
    conditions = [condition.name for condition in suite.conditions]
    matched = [one.match(clips, conditions) if is_lookup(one) else one for one in detectors]
    for one in matched:
        if is_lookup(one):
            for line in one.identity.notes:
                note(f"{one.identity.name}: {line}")
    return matched


def _cluster(options: RunOptions) -> Cluster | None:
    if options.engine == "ray":
        if options.workers is not None:
            told = f"--workers {options.workers}"
            raise UsageError("a cluster has an actor for each processor", told, "leave it out")
        if options.cache_gb:
            told = f"--cache-gb {options.cache_gb:g}"
            raise UsageError("a cluster keeps no prepared audio", told, "leave it out")
        return connect(options.address, options.device, options.fake_label)
    if options.address is not None:
        raise UsageError("is of a cluster", f"--address {options.address}", "add --engine ray")
    return None


def _job(
    options: RunOptions,
    cluster: Cluster | None,
    suite: Suite,
    source: Source,
    whole: Source,
    detectors: Sequence[AnyDetector],
    folder: Path,
    note: Callable[[str], None],
) -> Job:
    clips = list(source)
    twins = refuse_twins(clips, source.origin.spec)
    for line in twins:
        note(line)
    detectors = _matched(detectors, clips if source is whole else list(whole), suite, note)
    record = _record(options, cluster, suite, source, clips, detectors, twins)
    recipe = recipe_of(suite, whole, detectors, options.channels)
    told = options.batch_size is not None
    return Job(folder, record, clips, suite, recipe, detectors, told, options.compiled, cluster)


@dataclass(frozen=True)
class _Tuning:
    """By which rule thresholds are chosen, and on which clips."""

    rule: ThresholdRule
    source: Source


def _tuning(suite: Suite, options: RunOptions) -> _Tuning | None:
    rule = suite.threshold
    if not isinstance(rule, ThresholdRule):
        if options.development is not None:
            raise UsageError(
                f"suite {suite.name} has a fixed threshold of {rule:g}",
                "--development",
                'leave it out, or write threshold = {choose = "eer"} in the suite',
            )
        return None
    spec = options.development or rule.data
    if not spec:
        raise UsageError(
            f"suite {suite.name} chooses its threshold on development clips and names none",
            "--development",
            "name a data source",
        )
    return _Tuning(rule, open_source(spec))


def _tuned(
    job: Job,
    tuning: _Tuning,
    options: RunOptions,
    note: Callable[[str], None],
    progress: Progress,
) -> Job:
    """The job with every model's threshold, chosen on the development clips."""
    suite, folder = threshold_choice.clean_suite(job.suite), job.folder / DEVELOPMENT
    clips, all_of_it = tuning.source, replace(options, limit=None)
    first = _job(all_of_it, job.cluster, suite, clips, clips, job.detectors, folder, note)
    threshold_choice.refuse_shared(first.clips, job.clips, clips.origin.spec)
    thresholds = threshold_choice.choose(first, tuning.rule, note, progress)
    return replace(job, record=job.record.model_copy(update={"thresholds": thresholds}))


def worker_count(options: RunOptions) -> int:
    """How many processes prepare: as many as asked for, else one for each processor."""
    if options.workers is not None:
        return options.workers
    return min(provenance.processors(), _MOST_WORKERS)


def tell_apart(detectors: Sequence[AnyDetector]) -> None:
    """Call models by what the user wrote where their short names are the same."""
    names = Counter(detector.identity.name for detector in detectors)
    for detector in detectors:
        identity = detector.identity
        if names[identity.name] > 1:
            detector.identity = identity.model_copy(update={"name": identity.spec})
    if len({detector.identity.name for detector in detectors}) < len(detectors):
        raise UsageError("the same model twice", "--model", "name each once")


def _new_folder(suite: Suite, detectors: Sequence[AnyDetector]) -> Path:
    utc = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    model = "+".join(re.sub(r"[^\w.-]+", "-", one.identity.name).strip("-") for one in detectors)
    return Path("reports/runs") / f"{utc}-{suite.name}-{model[:80]}"


def _record(
    options: RunOptions,
    cluster: Cluster | None,
    suite: Suite,
    source: Source,
    clips: list[Clip],
    detectors: Sequence[AnyDetector],
    notes: Sequence[str],
) -> RunRecord:
    origin = source.origin
    labels = Counter(clip.label for clip in clips)
    revision, dirty = provenance.revision()
    listening = audio_detectors(detectors)
    return RunRecord(
        harness_version=__version__,
        git_revision=revision,
        git_dirty=dirty,
        command=list(options.command),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        finished=None,
        seconds=0.0,
        clips_per_second=0.0,
        suite=suite.record(),
        data=DataRecord(
            spec=origin.spec,
            kind=origin.kind,
            name=origin.name,
            digest=origin.digest,
            synthetic=origin.synthetic,
            revision=origin.revision,
            notes=[*origin.notes, *notes],
            clips=len(clips),
            real=labels["real"],
            fake=labels["fake"],
            limit=options.limit,
            limit_seed=None if options.limit is None else suite.seed,
        ),
        models=[detector.identity for detector in detectors],
        machine=machine_of(options, cluster, listening),
        counts=CountRecord(),
        channels=options.channels,
    )


def machine_of(
    options: RunOptions, cluster: Cluster | None, listening: Sequence[Detector]
) -> MachineRecord:
    """Describe this machine, and how the options would have it used."""
    device = listening[0].device if listening else "none: scores from a file"
    best = min((one.batch_size for one in listening), default=_LOOKUP_BLOCK)
    if cluster is not None and listening:
        device = cluster.words
        if cluster.device == "cuda":
            best = min(
                gpu_batch_size(one.one_shape) if isinstance(one, Compilable) else one.batch_size
                for one in listening
            )
    machine = provenance.machine(
        device=device,
        precision=options.precision,
        batch_size=options.batch_size or best,
        workers=(cluster.preparers if cluster else worker_count(options)) if listening else 0,
        row_seconds=options.row_seconds,
        cache_gb=limit_gb(options.cache_gb) if cluster is None else 0.0,
        engine="local" if cluster is None else f"ray: {cluster.nodes} node(s)",
        large=cluster is None
        and any(
            one.device == "cpu" and (one.identity.parameters or 0) >= _LARGE for one in listening
        ),
        compiled=bool(options.compiled and listening),
    )
    return machine if cluster is None else machine.model_copy(update={"threads": 1})  # an actor's
