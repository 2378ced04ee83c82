"""A run directory and the scoring that fills it: one writer, taken up again where it was left."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.audio.encoded import content_of
from harness.data.clip import Clip, Source
from harness.data.store import Stored
from harness.data.subset import CompanionPool
from harness.detector.compilation import compile_all
from harness.detector.detector import AnyDetector, audio_detectors, is_lookup
from harness.engine import provenance
from harness.engine.actor import Work, landmark_of
from harness.engine.batch_tuning import LEAST_ROWS, Bench, calibrate, first_tasks
from harness.engine.cache import open_cache
from harness.engine.local import run_tasks
from harness.engine.plan import Key, chunks, tasks
from harness.engine.prepare import Recipe, at_hand
from harness.engine.ray import Cluster, probe, run_chunks
from harness.engine.row_sink import Advance, Receiver
from harness.engine.scorer import Scorer
from harness.engine.self_check import self_checks
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.perturb.folder import contents_digest
from harness.results.identity import difference
from harness.results.record import MachineRecord, RunRecord, read_record
from harness.results.run_log import Logbook
from harness.results.scores import (
    Exchanged,
    NotAlone,
    ScoresWriter,
    finished,
    next_number,
    set_aside_damaged,
)
from harness.storage.storage import exists, is_remote, keeps_first, names
from harness.suite.suite import Suite
from harness.terms import Channels
from harness.timing import TimeSplit

Progress = Callable[[int, int, str], None]
"""Called with the rows that are finished, the rows in all, and rate and bottleneck in words."""

DEVELOPMENT = "development"
"""Directory, in that of a run, of the run on the clips that its thresholds were chosen on."""

CHUNK_ROWS = 64
"""Rows of a model that a cluster gets at once, in whole clips: some 16 MB of audio."""
_LOOKED_AT = 64
"""Recordings with rows that are looked at again before a run goes on: a second from a store."""
_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Hold the run directory against a second run; the system lets go when this process ends.

    In a store nothing can be held: there the table keeps two runs apart (`harness.results.scores`),
    if the store refuses to write what is there already.
    """
    within = set(names(folder)) - {_LOCK, DEVELOPMENT}
    if within and "run.json" not in within:
        raise UsageError("not empty and not a run", str(folder), "choose another --out")
    if is_remote(folder):
        if not keeps_first(folder / _LOCK):
            raise UsageError(
                "the store would let two runs write the same object",
                str(folder),
                "use one with conditional writes (If-None-Match), or a disk",
            )
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        told = fault.strerror or str(fault)
        raise UsageError(f"cannot be made: {told}", str(folder), "choose another --out") from fault
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield
    except Timeout as fault:
        raise NotAlone(folder) from fault


@contextmanager
def room_in(folder: Path) -> Generator[None]:
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


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a run's scores are a function of, and where they go.

    Parameters
    ----------
    told_batch_size
        The batch size is the user's: a long run does not look for a faster one.
    compiled
        Whether models are compiled, if the user said; else they are not, or as in an earlier part.
    cluster
        Where it is computed, if not here.
    """

    folder: Path
    record: RunRecord
    clips: Sequence[Clip]
    suite: Suite
    recipe: Recipe
    detectors: Sequence[AnyDetector]
    told_batch_size: bool = False
    compiled: bool | None = None
    cluster: Cluster | None = None


def score(job: Job, note: Callable[[str], None], progress: Progress) -> None:
    """Score what the run directory still lacks and keep its record up to date, however it ends.

    Raises
    ------
    UsageError
        Where the directory holds a run of other things, or a detector or condition is unsound.
    """
    folder, clips, suite = job.folder, job.clips, job.suite
    number = next_number(folder)  # before the rows are read, as `harness.results.scores` wants it
    record, made_from = _taken_up(job, note)
    done = set(made_from)
    recordings = {key[0]: digest for key, digest in made_from.items() if digest}
    machine = record.machine
    total = len(clips) * len(suite.conditions) * len(job.detectors)
    logbook = Logbook(folder, record, note)
    scorers = [Scorer(detector, logbook.tell) for detector in job.detectors]

    def advance(rows: int) -> None:
        logbook.rows += rows
        progress(len(done) + logbook.rows, total, logbook.split.pace(logbook.rows))

    try:
        note(
            f"{suite.name}: {len(clips)} clips x {len(suite.conditions)} conditions x "
            f"{len(scorers)} model(s) = {total} scores, {len(done)} of them done already, "
            f"on {machine.device}" + (", compiled, which takes a minute" * machine.compiled)
        )
        with logbook, ScoresWriter(folder, number, recordings=recordings) as writer:
            if len(done) == total:
                return
            if job.cluster is not None:
                _score_there(job, job.cluster, done, logbook, writer, advance)
            else:
                _score_here(job, scorers, done, logbook, writer, advance)
            _hold_recordings(job)
            if job.recipe.rates_hz:
                note(logbook.split.words())
    except KeyboardInterrupt:
        kept = len(done) + logbook.rows
        note(f"Stopped with {kept} of {total} scores kept; --out {folder} goes on.")
        raise


def _score_here(
    job: Job,
    scorers: Sequence[Scorer],
    done: set[Key],
    logbook: Logbook,
    writer: ScoresWriter,
    advance: Advance,
) -> None:
    machine = logbook.record.machine
    cache = logbook.cache = open_cache(machine.cache_gb, job.recipe, logbook.tell)
    if job.recipe.rates_hz:  # else there is nothing to import torch for
        _use_threads(machine.threads)
    with WorkerPool(machine.workers, job.recipe, machine.row_seconds, logbook.tell, cache) as crew:
        compile_all([scorer.detector for scorer in scorers], 0)  # as another job may have left them
        if not done and not job.told_batch_size:
            _calibrate(job, crew, scorers, logbook)
        _compile(scorers, logbook)
        _check(job, crew, scorers, logbook)
        names = [scorer.model for scorer in scorers]
        machine = logbook.record.machine  # as it was settled
        owed = tasks(job.clips, job.suite.conditions, names, done, machine.batch_size)
        split, threads = logbook.split, machine.threads
        run_tasks(owed, crew, scorers, writer, done, advance, split, threads=threads)


def _score_there(
    job: Job,
    cluster: Cluster,
    done: set[Key],
    logbook: Logbook,
    writer: ScoresWriter,
    advance: Advance,
) -> None:
    conditions, record = job.suite.conditions, logbook.record
    names = [model.name for model in record.models]
    models = tuple((model.spec, model.name) for model in record.models)
    here = (cluster.device, cluster.fake_label, record.machine, landmark_of(job.clips))
    lookups = {one.identity.name: one for one in job.detectors if is_lookup(one)}
    work = Work(job.recipe, tuple(conditions), models, *here, lookups)
    # Where an actor does both, it prepares and scores in turns.
    split = TimeSplit(cluster.preparers if cluster.apart else 0, scorers=cluster.scorers)
    logbook.split = split
    if job.recipe.rates_hz:
        with split.scoring.timing("check"):
            checks, notes = probe(work, cluster, job.clips, record)
        logbook.check(checks)
        for line in notes:
            logbook.tell(line)
    owed = tasks(job.clips, conditions, names, done, record.machine.batch_size)
    blocks = max(1, CHUNK_ROWS // record.machine.batch_size)
    receiver = Receiver(writer, advance, split)
    run_chunks(chunks(owed, names, done, blocks), work, cluster, receiver, split, logbook.tell)
    receiver.finish()


def _calibrate(job: Job, crew: WorkerPool, scorers: Sequence[Scorer], logbook: Logbook) -> None:
    """Choose batch size and threads by measuring, where the run is long enough to pay for it."""
    conditions, machine = job.suite.conditions, logbook.record.machine
    rows = len(job.clips) * len(conditions)
    if rows < LEAST_ROWS or not job.recipe.rates_hz:
        return
    with logbook.split.scoring.timing("check"):
        first = first_tasks(job.clips, conditions)
        prepared = [row for _, rows in crew.prepare(first) for row in rows]
        bench = Bench(provenance.processors(), _use_threads)
        chosen = calibrate(scorers, prepared, machine, rows, bench)
    _use_threads(chosen.threads)
    used = {"batch_size": chosen.batch_size, "threads": chosen.threads}
    logbook.settle(machine.model_copy(update=used), chosen.tried)


def _compile(scorers: Sequence[Scorer], logbook: Logbook) -> None:
    """Compile the models where the user said so, or where the rows that are there were."""
    machine = logbook.record.machine
    with logbook.split.scoring.timing("check"):
        compile_all(
            [scorer.detector for scorer in scorers], machine.batch_size if machine.compiled else 0
        )


def _check(job: Job, crew: WorkerPool, scorers: Sequence[Scorer], logbook: Logbook) -> None:
    with logbook.split.scoring.timing("check"):
        checks = self_checks(crew, scorers, job.clips, job.suite.conditions, logbook.record)
    logbook.check(checks)
    for scorer in scorers:  # its time is that of the check
        scorer.spent.take()


def _use_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def recipe_of(
    suite: Suite,
    whole: Source,
    detectors: Sequence[AnyDetector],
    channels: Channels = "mean",
) -> Recipe:
    """What workers need to prepare the clips of a source for the detectors."""
    listening = audio_detectors(detectors)
    rates = tuple(dict.fromkeys(detector.rate_hz for detector in listening))
    longest: dict[int, int] = {}
    for rate in rates:
        most = [detector.longest for detector in listening if detector.rate_hz == rate]
        if most and all(count is not None for count in most):
            longest[rate] = max(count for count in most if count is not None)
    return Recipe(suite.seed, rates, longest, CompanionPool(whole, seed=suite.seed), channels)


def _taken_up(job: Job, note: Callable[[str], None]) -> tuple[RunRecord, dict[Key, str]]:
    """The record with the parts that an earlier run of the same things left, and its rows.

    Rows are given as `harness.results.scores.finished` has them.

    Raises
    ------
    UsageError
        Where the directory holds a run of other things, or one made with other versions: a table
        of two sorts of scores would be no table. `Exchanged` where a recording that was looked at
        again is another one.
    """
    folder, record = job.folder, job.record
    if not exists(folder / "run.json"):
        return record, {}
    earlier = read_record(folder)
    if told := _other_recordings(earlier, record):
        raise UsageError(f"holds a run in which {told}", str(folder), "choose another --out")
    for what, before, now in (
        ("of another suite", earlier.suite.digest, record.suite.digest),
        ("of other data", _data_key(earlier), _data_key(record)),
        (f"with --channels {earlier.channels}", earlier.channels, record.channels),
        ("with thresholds of other clips", _threshold_key(earlier), _threshold_key(record)),
        ("of another harness", earlier.harness_version, record.harness_version),
    ):
        if before != now:
            raise UsageError(f"holds a run {what}", str(folder), "choose another --out")
    if moved := _other_models(earlier, record):
        raise UsageError(
            f"holds a run of other models: {moved}", str(folder), "choose another --out"
        )
    now = record.machine
    if job.compiled is None:  # nobody said: as it was
        now = now.model_copy(update={"compiled": earlier.machine.compiled})
    if moved := provenance.moved(earlier.machine, now):
        raise UsageError(
            f"holds a run made with {moved}", str(folder), "choose another --out, or go back to it"
        )
    for path in set_aside_damaged(folder):
        note(f"{path.name}: damaged and set aside; its rows are scored again")
    kept: dict[str, object] = {
        "started": earlier.started,
        "parts": earlier.parts,
        "self_checks": earlier.self_checks,
        "machine": now,
    }
    done = finished(folder)
    _look_again(job, done)
    if done and not job.told_batch_size:
        kept["machine"] = _used_alike(earlier.machine, now)
    return record.model_copy(update=kept), done


def _look_again(job: Job, done: Mapping[Key, str]) -> None:
    """Hold some recordings that have rows already against the digests of these.

    The recordings of rows that are owed are read anyway, and held against them by the table. This
    is for the others: as many as are looked at in a moment, spread over the data, and those that
    other clips hear. What lies in shards is left out, as a whole row group would be read for it.

    Raises
    ------
    Exchanged
        Where one is another one.
    """
    known = {key[0]: digest for key, digest in done.items() if digest}
    if not known:
        return
    clips = [clip for clip in job.clips if clip.clip_id in known]
    chosen = clips[:: max(1, -(-len(clips) // _LOOKED_AT))]
    if any(condition.hears_others for condition in job.suite.conditions):
        chosen += [clip for clip in job.recipe.companions.clips if clip.clip_id in known]
    for clip in chosen:
        if isinstance(clip.audio, bytes | Path | Stored):
            found = content_of(at_hand(clip, job.recipe).audio)
            if found is not None and found.digest != known[clip.clip_id]:
                raise Exchanged(job.folder, clip.clip_id, found.digest, known[clip.clip_id])


def _used_alike(earlier: MachineRecord, now: MachineRecord) -> MachineRecord:
    """The machine, used as before: then the same rows share a batch, and scores are the same."""
    threads = min(earlier.threads, provenance.processors())
    return now.model_copy(update={"batch_size": earlier.batch_size, "threads": threads})


def _data_key(record: RunRecord) -> tuple[object, ...]:
    return (record.data.digest, record.data.limit, record.data.limit_seed)


def _hold_recordings(job: Job) -> None:
    """Refuse a run in which files that a condition draws from were exchanged while it went on."""
    for condition in job.suite.conditions:
        if condition.content != contents_digest(condition.recordings) and condition.recordings:
            raise UsageError(
                f"recordings that {condition.name} draws from were exchanged meanwhile",
                str(job.folder),
                "run again with another --out",
            )


def _other_recordings(earlier: RunRecord, record: RunRecord) -> str:
    """Under which condition files of a folder are others, in words; empty where none is."""
    before = {each.name: each for each in earlier.suite.conditions}
    for now in record.suite.conditions:
        was = before.get(now.name)
        if was is not None and was.digest == now.digest and was.content != now.content:
            how = "drew from other recordings" if was.content else "drew from unknown recordings"
            return f"{now.name} {how}"
    return ""


def _other_models(earlier: RunRecord, record: RunRecord) -> str:
    """What is different of the detectors, in words; empty if nothing is that moves a score."""
    names, now = ([model.name for model in each.models] for each in (earlier, record))
    if names != now:
        return f"{', '.join(names)}, now {', '.join(now)}"
    for model, before in zip(record.models, earlier.models, strict=True):
        if model.revision != before.revision:
            return f"{model.name}: revision {before.revision}, now {model.revision}"
        if told := difference(model, before):
            return f"{model.name}: {told}"
    return ""


def _threshold_key(record: RunRecord) -> list[tuple[str, str]]:
    return [(each.model, each.digest) for each in record.thresholds]
