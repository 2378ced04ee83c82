"""Score what a run still owes, on this machine or on a cluster, and keep its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.detector.compilation import compile_all
from harness.detector.detector import is_lookup
from harness.engine.actor import Work, landmark_of
from harness.engine.batch_tuning import LEAST_ROWS, Bench, calibrate, first_tasks
from harness.engine.cache import open_cache
from harness.engine.job import Job, Note
from harness.engine.local import run_tasks
from harness.engine.plan import Key, chunks, tasks
from harness.engine.ray import Cluster, probe, run_chunks
from harness.engine.row_sink import Advance, RowSink
from harness.engine.run_directory import resume
from harness.engine.scorer import Scorer
from harness.engine.self_check import self_checks
from harness.engine.worker_pool import WorkerPool
from harness.errors import UsageError
from harness.perturb.folder import contents_digest
from harness.processor import usable_processors
from harness.results.run_log import Logbook
from harness.results.scores import ScoresWriter, next_number
from harness.timing import TimeSplit

Progress = Callable[[int, int, str], None]
"""Called with the rows that are finished, the rows in all, and rate and bottleneck in words."""

CHUNK_ROWS = 64
"""Rows of a model that a cluster gets at once, in whole clips: some 16 MB of audio."""


def score(job: Job, note: Note, progress: Progress) -> None:
    """Score the rows that the run directory lacks and keep its record, however it ends.

    Raises
    ------
    UsageError
        Where the directory holds a run of other things, or a detector or condition is unsound.
    """
    folder, clips, suite = job.folder, job.clips, job.suite
    number = next_number(folder)  # before the rows are read, as `harness.results.scores` wants it
    record, finished = resume(job, note)
    done = set(finished)
    recordings = {key[0]: digest for key, digest in finished.items() if digest}
    total = len(clips) * len(suite.conditions) * len(job.detectors)
    logbook = Logbook(folder, record, note)

    def advance(rows: int) -> None:
        logbook.rows += rows
        progress(len(done) + logbook.rows, total, logbook.split.pace(logbook.rows))

    try:
        note(
            f"{suite.name}: {len(clips)} clips x {len(suite.conditions)} conditions x "
            f"{len(job.detectors)} model(s) = {total} scores, {len(done)} of them done already, "
            f"on {record.machine.device}"
            + (", compiled, which takes a minute" * record.machine.compiled)
        )
        with logbook, ScoresWriter(folder, number, recordings=recordings) as writer:
            if len(done) == total:
                return
            if job.cluster is not None:
                _score_on_cluster(job, job.cluster, done, logbook, writer, advance)
            else:
                _score_here(job, done, logbook, writer, advance)
            _refuse_changed_recordings(job)
            if job.recipe.rates_hz:
                note(logbook.split.words())
    except KeyboardInterrupt:
        kept = len(done) + logbook.rows
        note(f"Stopped with {kept} of {total} scores kept; --out {folder} goes on.")
        raise


def _score_here(
    job: Job, done: set[Key], logbook: Logbook, writer: ScoresWriter, advance: Advance
) -> None:
    conditions, machine = job.suite.conditions, logbook.record.machine
    scorers = [Scorer(detector, logbook.tell) for detector in job.detectors]
    cache = logbook.cache = open_cache(machine.cache_gb, job.recipe, logbook.tell)
    if job.recipe.rates_hz:  # otherwise torch is not needed, and not imported
        use_threads(machine.threads)
    with WorkerPool(machine.workers, job.recipe, machine.row_seconds, logbook.tell, cache) as pool:
        compile_all(job.detectors, 0)  # as another job may have left them
        with logbook.split.scoring.timing("check"):
            if not done and job.options.batch_size is None:
                _tune(job, pool, scorers, logbook)
            machine = logbook.record.machine
            compile_all(job.detectors, machine.batch_size if machine.compiled else 0)
            checks = self_checks(pool, scorers, job.clips, conditions, logbook.record)
        logbook.check(checks)
        for scorer in scorers:  # already counted as the check
            scorer.spent.take()
        models = [scorer.model for scorer in scorers]
        owed = tasks(job.clips, conditions, models, done, machine.batch_size)
        split, threads = logbook.split, machine.threads
        run_tasks(owed, pool, scorers, writer, done, advance, split, threads=threads)


def _tune(job: Job, pool: WorkerPool, scorers: Sequence[Scorer], logbook: Logbook) -> None:
    """Choose batch size and threads by measuring, where the run is long enough to pay for it."""
    conditions, machine = job.suite.conditions, logbook.record.machine
    rows = len(job.clips) * len(conditions)
    if rows < LEAST_ROWS or not job.recipe.rates_hz:
        return
    prepared = [row for _, rows in pool.prepare(first_tasks(job.clips, conditions)) for row in rows]
    chosen = calibrate(scorers, prepared, machine, rows, Bench(usable_processors(), use_threads))
    use_threads(chosen.threads)
    used = {"batch_size": chosen.batch_size, "threads": chosen.threads}
    logbook.settle(machine.model_copy(update=used), chosen.tried)


def use_threads(count: int) -> None:
    """Have torch compute with this many threads in this process."""
    import torch

    torch.set_num_threads(count)


def _score_on_cluster(
    job: Job,
    cluster: Cluster,
    done: set[Key],
    logbook: Logbook,
    writer: ScoresWriter,
    advance: Advance,
) -> None:
    conditions, record = job.suite.conditions, logbook.record
    work = Work(
        job.recipe,
        tuple(conditions),
        tuple((model.spec, model.name) for model in record.models),
        cluster.device,
        cluster.fake_label,
        record.machine,
        landmark_of(job.clips),
        {detector.identity.name: detector for detector in job.detectors if is_lookup(detector)},
    )
    # An actor that both prepares and scores does so in turns.
    split = TimeSplit(cluster.preparers if cluster.apart else 0, scorers=cluster.scorers)
    logbook.split = split
    if job.recipe.rates_hz:
        with split.scoring.timing("check"):
            checks, notes = probe(work, cluster, job.clips, record)
        logbook.check(checks)
        for line in notes:
            logbook.tell(line)
    models = [model.name for model in record.models]
    owed = tasks(job.clips, conditions, models, done, record.machine.batch_size)
    blocks = max(1, CHUNK_ROWS // record.machine.batch_size)
    sink = RowSink(writer, advance, split)
    run_chunks(chunks(owed, models, done, blocks), work, cluster, sink, split, logbook.tell)
    sink.finish()


def _refuse_changed_recordings(job: Job) -> None:
    """Refuse a run in which files that a condition draws from changed while it went on."""
    for condition in job.suite.conditions:
        if condition.recordings and condition.content != contents_digest(condition.recordings):
            raise UsageError(
                f"recordings that {condition.name} draws from changed during the run",
                str(job.folder),
                "run again with another --out",
            )
