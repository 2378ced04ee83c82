"""A whole run: open everything, refuse what cannot work, score what is owed, write what it was."""

from __future__ import annotations

import errno
import re
import sys
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from harness import __version__, provenance
from harness.data.clip import Clip, Source
from harness.data.sample import CompanionPool, limited
from harness.data.source import open_source
from harness.data.twin import refuse_twins
from harness.detector.detector import Detector, ScoreLookup
from harness.detector.source import open_detector
from harness.engine.crew import ROW_SECONDS, Crew, warm_up
from harness.engine.example import write_examples
from harness.engine.local import run_tasks
from harness.engine.plan import Key, tasks
from harness.engine.prepare import Recipe
from harness.engine.scorer import Scorer
from harness.engine.selfcheck import self_checks
from harness.errors import UsageError
from harness.gate import ruled
from harness.logbook import Logbook
from harness.metrics.classification import Policy
from harness.publish import Outcome, figures, publish, read_run
from harness.record import (
    CountRecord,
    DataRecord,
    MachineRecord,
    RunRecord,
    read_record,
)
from harness.scores import ScoresWriter, finished, set_aside_damaged
from harness.suite import Suite, load_suite

_MOST_WORKERS = 16
_LOOKUP_BLOCK = 64
_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; None leaves the choice to the harness, which records it.

    Parameters
    ----------
    limit
        At most this many clips, stratified by label and generator, drawn with the suite's seed.
    workers
        Processes that prepare audio; 0 prepares in the scoring process, where nothing guards
        against a decoder that crashes or hangs.
    row_seconds
        Longest time to prepare one row; a row that takes more is an error row.
    unscored
        What the figures make of clips without a score, instead of what the suite says. It moves no
        score: a run may go on with another.
    """

    suite: str = "release"
    data: str = "embedded"
    models: tuple[str, ...] = ("embedded",)
    out: Path | None = None
    limit: int | None = None
    device: str = "auto"
    precision: str = "float32"
    batch_size: int | None = None
    workers: int | None = None
    row_seconds: float = ROW_SECONDS
    fake_label: str | None = None
    published: str | None = None
    baseline: str | None = None
    policy: str | None = None
    unscored: Policy | None = None
    command: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))


Progress = Callable[[int, int], None]
"""Called with the rows that are finished and the rows in all."""


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
    warm_up(_workers(options))
    whole = open_source(options.data)
    source = whole if options.limit is None else limited(whole, options.limit, suite.seed)
    for line in source.origin.notes:
        note(line)
    detectors = [
        open_detector(
            spec,
            device=options.device,
            precision=options.precision,
            fake_label=options.fake_label,
        )
        for spec in options.models
    ]
    _tell_apart(detectors)
    clips = list(source)
    twins = refuse_twins(clips, options.data)
    for line in twins:
        note(line)
    folder = options.out or _new_folder(suite, detectors)
    record = _record(options, suite, source, clips, detectors, twins)
    recipe = _recipe(suite, whole, detectors)
    with _alone_in(folder), _room_in(folder):
        record, done = _taken_up(folder, record, note)
        _score(folder, record, clips, suite, recipe, detectors, done, note, progress)
        finished_run = read_run(folder, options.published)
        summary = figures(finished_run)
        by_id = {clip.clip_id: clip for clip in clips}
        write_examples(folder, summary.mistakes, suite, by_id, recipe)
        ruling = ruled(finished_run, summary, options.baseline, options.policy, note)
        return publish(finished_run, summary, ruling)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Hold the run directory against a second run; the system lets go when this process ends."""
    if folder.exists() and not (folder / "run.json").exists() and any(_others(folder)):
        raise UsageError("not empty and not a run", str(folder), "choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        told = fault.strerror or str(fault)
        raise UsageError(f"cannot be made: {told}", str(folder), "choose another --out") from fault
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield
    except Timeout as fault:
        raise UsageError(
            "another run is at work in it", str(folder), "wait for it, or choose another --out"
        ) from fault


def _others(folder: Path) -> Generator[Path]:
    return (entry for entry in folder.iterdir() if entry.name != _LOCK)


@contextmanager
def _room_in(folder: Path) -> Generator[None]:
    """Say in one line that there is no room; what was written before stays readable."""
    try:
        yield
    except OSError as fault:
        if fault.errno not in _FULL:
            raise
        raise UsageError(
            f"the disk is full ({fault.strerror})",
            str(folder),
            "make room; the same command with --out " + str(folder) + " goes on",
        ) from fault


def _score(
    folder: Path,
    record: RunRecord,
    clips: Sequence[Clip],
    suite: Suite,
    recipe: Recipe,
    detectors: Sequence[Detector | ScoreLookup],
    done: set[Key],
    note: Callable[[str], None],
    progress: Progress,
) -> None:
    """Score what is owed and keep the record up to date, however it ends."""
    machine, total = record.machine, len(clips) * len(suite.conditions) * len(detectors)
    logbook = Logbook(folder, record, note)
    scorers = [Scorer(detector, logbook.tell) for detector in detectors]

    def advance(rows: int) -> None:
        logbook.rows += rows
        progress(len(done) + logbook.rows, total)

    _share_processors(machine)
    names = [scorer.model for scorer in scorers]
    owed = tasks(clips, suite.conditions, names, done, machine.batch_size)
    try:
        note(
            f"{suite.name}: {len(clips)} clips x {len(suite.conditions)} conditions x "
            f"{len(detectors)} model(s) = {total} scores, {len(done)} of them done already, "
            f"on {machine.device}"
        )
        with (
            logbook,
            ScoresWriter(folder) as writer,
            Crew(machine.workers, recipe, machine.row_seconds, logbook.tell) as crew,
        ):
            if len(done) < total:
                logbook.check(self_checks(crew, scorers, clips, suite, machine))
                run_tasks(owed, crew, scorers, writer, done, advance)
    except KeyboardInterrupt:
        kept = len(done) + logbook.rows
        note(f"Stopped with {kept} of {total} scores kept; --out {folder} goes on.")
        raise


def _workers(options: RunOptions) -> int:
    if options.workers is not None:
        return options.workers
    return min(provenance.processors(), _MOST_WORKERS)


def _share_processors(machine: MachineRecord) -> None:
    """Leave the workers their processors: threads of torch that wait for one spin in vain."""
    import torch

    torch.set_num_threads(machine.threads)


def _recipe(suite: Suite, whole: Source, detectors: Sequence[Detector | ScoreLookup]) -> Recipe:
    listening = [detector for detector in detectors if not isinstance(detector, ScoreLookup)]
    rates = tuple(dict.fromkeys(detector.rate_hz for detector in listening))
    longest: dict[int, int] = {}
    for rate in rates:
        most = [detector.longest for detector in listening if detector.rate_hz == rate]
        if most and all(count is not None for count in most):
            longest[rate] = max(count for count in most if count is not None)
    return Recipe(suite.seed, rates, longest, CompanionPool(whole, seed=suite.seed))


def _tell_apart(detectors: Sequence[Detector | ScoreLookup]) -> None:
    """Call models by what the user wrote where their short names are the same."""
    names = Counter(detector.identity.name for detector in detectors)
    for detector in detectors:
        identity = detector.identity
        if names[identity.name] > 1:
            detector.identity = identity.model_copy(update={"name": identity.spec})
    if len({detector.identity.name for detector in detectors}) < len(detectors):
        raise UsageError("the same model twice", "--model", "name each once")


def _new_folder(suite: Suite, detectors: Sequence[Detector | ScoreLookup]) -> Path:
    utc = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    model = "+".join(re.sub(r"[^\w.-]+", "-", one.identity.name).strip("-") for one in detectors)
    return Path("reports/runs") / f"{utc}-{suite.name}-{model[:80]}"


def _taken_up(
    folder: Path, record: RunRecord, note: Callable[[str], None]
) -> tuple[RunRecord, set[Key]]:
    """The record with the parts that an earlier run of the same things left, and its rows.

    Raises
    ------
    UsageError
        Where the directory holds a run of other things, or one made with other versions: a table
        of two sorts of scores would be no table.
    """
    if not (folder / "run.json").exists():
        return record, set()
    earlier = read_record(folder)
    for what, before, now in (
        ("of another suite", earlier.suite.digest, record.suite.digest),
        ("of other data", _data_key(earlier), _data_key(record)),
        ("of other models", _model_key(earlier), _model_key(record)),
        ("of another harness", earlier.harness_version, record.harness_version),
    ):
        if before != now:
            raise UsageError(f"holds a run {what}", str(folder), "choose another --out")
    if moved := provenance.moved(earlier.machine, record.machine):
        raise UsageError(
            f"holds a run made with {moved}", str(folder), "choose another --out, or go back to it"
        )
    for path in set_aside_damaged(folder):
        note(f"{path.name}: damaged and set aside; its rows are scored again")
    kept = {"started": earlier.started, "parts": earlier.parts, "self_checks": earlier.self_checks}
    return record.model_copy(update=kept), finished(folder)


def _data_key(record: RunRecord) -> tuple[object, ...]:
    return (record.data.digest, record.data.limit, record.data.limit_seed)


def _model_key(record: RunRecord) -> list[tuple[str, str, str]]:
    return [(model.name, model.revision, model.digest) for model in record.models]


def _record(
    options: RunOptions,
    suite: Suite,
    source: Source,
    clips: list[Clip],
    detectors: Sequence[Detector | ScoreLookup],
    notes: Sequence[str],
) -> RunRecord:
    origin = source.origin
    labels = Counter(clip.label for clip in clips)
    revision, dirty = provenance.revision()
    listening = [detector for detector in detectors if not isinstance(detector, ScoreLookup)]
    best = min((one.batch_size for one in listening), default=_LOOKUP_BLOCK)
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
        machine=provenance.machine(
            device=listening[0].device if listening else "none: scores from a file",
            precision=options.precision,
            batch_size=options.batch_size or best,
            workers=_workers(options) if listening else 0,
            row_seconds=options.row_seconds,
        ),
        counts=CountRecord(),
    )
