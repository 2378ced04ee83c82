"""The directory of a run: held by one process at a time, and resumed where it was left."""

from __future__ import annotations

import errno
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.audio.encoded import content_of
from harness.data.store import Stored
from harness.engine import provenance
from harness.engine.job import Job, Note
from harness.engine.plan import Key
from harness.engine.prepare import at_hand
from harness.errors import UsageError
from harness.processor import usable_processors
from harness.results.identity import difference
from harness.results.record import RunRecord, read_record
from harness.results.scores import Exchanged, NotAlone, finished, set_aside_damaged
from harness.storage.storage import exists, is_remote, keeps_first, names

DEVELOPMENT = "development"
"""Directory, in that of a run, of the run on its development clips."""

_RECORDINGS_CHECKED = 64
"""Scored recordings that are read again before a run is resumed: a second from a store."""
_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Lock the run directory against a second run; the lock ends with this process.

    A store has no locks: there the table keeps two runs apart (`harness.results.scores`), provided
    that the store refuses to overwrite an object.
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
        reason = fault.strerror or str(fault)
        raise UsageError(
            f"cannot be made: {reason}", str(folder), "choose another --out"
        ) from fault
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield
    except Timeout as fault:
        raise NotAlone(folder) from fault


@contextmanager
def disk_space_in(folder: Path) -> Generator[None]:
    """Turn a full disk into a UsageError; what was written before stays readable."""
    try:
        yield
    except OSError as fault:
        if fault.errno not in _FULL:
            raise
        raise UsageError(
            f"the disk is full ({fault.strerror})",
            str(folder),
            f"make room; the same command with --out {folder} goes on",
        ) from fault


def resume(job: Job, note: Note) -> tuple[RunRecord, dict[Key, str]]:
    """Return the record with the parts of earlier runs, and the rows that these finished.

    Returns
    -------
    tuple
        The record, and the keys of rows with their recordings' digests (`finished`).

    Raises
    ------
    UsageError
        Where the directory holds a run with other inputs or other versions, or (`Exchanged`) a
        recording has changed since.
    """
    folder, record = job.folder, job.record
    if not exists(folder / "run.json"):
        return record, {}
    earlier = read_record(folder)
    machine = record.machine
    if job.options.compiled is None:  # as in the earlier part
        machine = machine.model_copy(update={"compiled": earlier.machine.compiled})
    if changed := _changed_inputs(earlier, record):
        raise UsageError(f"holds a run {changed}", str(folder), "choose another --out")
    if moved := provenance.moved(earlier.machine, machine):
        raise UsageError(
            f"holds a run made with {moved}", str(folder), "choose another --out, or go back to it"
        )
    for path in set_aside_damaged(folder):
        note(f"{path.name}: damaged and set aside; its rows are scored again")
    done = finished(folder)
    if done and earlier.data.columns != record.data.columns:
        columns = ", ".join(earlier.data.columns) or "none"
        note(
            f"finished rows keep the further columns that they were written with ({columns}); "
            "name a new --out for slices of the others"
        )
    _refuse_other_revision(job, earlier, done)
    _recheck_recordings(job, done)
    if done and job.options.batch_size is None:  # rows share the same batches, so scores are equal
        threads = min(earlier.machine.threads, usable_processors())
        used = {"batch_size": earlier.machine.batch_size, "threads": threads}
        machine = machine.model_copy(update=used)
    kept = {
        "started": earlier.started,
        "parts": earlier.parts,
        "self_checks": earlier.self_checks,
        "machine": machine,
    }
    return record.model_copy(update=kept), done


def _changed_inputs(earlier: RunRecord, record: RunRecord) -> str:
    """Describe the first difference of the inputs that moves a score; empty without any."""
    if recordings := _changed_recordings(earlier, record):
        return f"in which {recordings}"
    for what, before, now in (
        ("of another suite", earlier.suite.digest, record.suite.digest),
        ("of other data", _data_key(earlier), _data_key(record)),
        (f"with --channels {earlier.channels}", earlier.channels, record.channels),
        ("with thresholds of other clips", _threshold_key(earlier), _threshold_key(record)),
        ("of another harness", earlier.harness_version, record.harness_version),
    ):
        if before != now:
            return what
    models = _changed_models(earlier, record)
    return f"of other models: {models}" if models else ""


def _changed_recordings(earlier: RunRecord, record: RunRecord) -> str:
    """Name the condition that draws from other files than before; empty where none does."""
    before = {condition.name: condition for condition in earlier.suite.conditions}
    for now in record.suite.conditions:
        was = before.get(now.name)
        if was is not None and was.digest == now.digest and was.content != now.content:
            return f"{now.name} drew from {'other' if was.content else 'unknown'} recordings"
    return ""


def _changed_models(earlier: RunRecord, record: RunRecord) -> str:
    """Describe the first difference of the detectors that moves a score; empty without any."""
    before, now = ([model.name for model in run.models] for run in (earlier, record))
    if before != now:
        return f"{', '.join(before)}, now {', '.join(now)}"
    for model, was in zip(record.models, earlier.models, strict=True):
        if model.revision != was.revision:
            return f"{model.name}: revision {was.revision}, now {model.revision}"
        if changed := difference(model, was):
            return f"{model.name}: {changed}"
    return ""


def _data_key(record: RunRecord) -> tuple[object, ...]:
    return (record.data.digest, record.data.limit, record.data.limit_seed)


def _threshold_key(record: RunRecord) -> list[tuple[str, str]]:
    return [(threshold.model, threshold.digest) for threshold in record.thresholds]


def _refuse_other_revision(job: Job, earlier: RunRecord, done: Mapping[Key, str]) -> None:
    """Refuse rows of another revision of the data, where no row has a digest that would tell.

    Raises
    ------
    UsageError
        Where rows are owed that would be of other audio than the finished ones.
    """
    before, now = earlier.data.revision, job.record.data.revision
    rows = len(job.clips) * len(job.suite.conditions) * len(job.detectors)
    hears = bool(job.recipe.rates_hz)
    if done and len(done) < rows and hears and before != now and not any(done.values()):
        raise UsageError(
            f"holds rows of the data's revision {before}, now {now}",
            str(job.folder),
            "choose another --out",
        )


def _recheck_recordings(job: Job, done: Mapping[Key, str]) -> None:
    """Compare some recordings that have rows with the digests of those rows.

    Recordings of rows that are owed are read and compared anyway. This is for the others: a few,
    spread over the data, and those that are companions of other clips. Cells of shards are left
    out, as each would cost the reading of a whole row group.

    Raises
    ------
    Exchanged
        Where one has changed.
    """
    known = {key[0]: digest for key, digest in done.items() if digest}
    if not known:
        return
    clips = [clip for clip in job.clips if clip.clip_id in known]
    chosen = clips[:: max(1, -(-len(clips) // _RECORDINGS_CHECKED))]
    if any(condition.hears_others for condition in job.suite.conditions):
        chosen += [clip for clip in job.recipe.companions.clips if clip.clip_id in known]
    for clip in chosen:
        if isinstance(clip.audio, bytes | Path | Stored):
            content = content_of(at_hand(clip, job.recipe).audio)
            if content is not None and content.digest != known[clip.clip_id]:
                raise Exchanged(job.folder, clip.clip_id, content.digest, known[clip.clip_id])
