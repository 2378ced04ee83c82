"""Baselines: committed copies of runs that later runs are compared with.

A baseline is a run directory with the record and the whole table in one shard, without anything
that can be computed from them. Reading one is reading a run, so older formats open too.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UsageError
from harness.results.coverage import complete, tally
from harness.results.record import RunRecord, read_record, write_record
from harness.results.run_folder import RunFolder, read_run
from harness.results.scores import SCHEMA
from harness.storage.storage import is_folder, is_remote, place

FOLDER = Path("reports/baselines")
ACCEPTED = "accepted"
IF_ACCEPTED = "if-accepted"


def name_of(record: RunRecord) -> str:
    """Name of the baseline of such a run: its suite, its data and the digest of the data."""
    digest = re.sub(r"\W+", "", record.data.digest, flags=re.ASCII)[:8]
    return "-".join(filter(None, [_former_name(record), digest]))


def _former_name(record: RunRecord) -> str:
    """The name before digests were part of it."""
    data = re.sub(r"[^\w.-]+", "-", record.data.name, flags=re.ASCII).strip("-.") or "data"
    part = "" if record.data.limit is None else f"-{record.data.limit}"
    return f"{record.suite.name}-{data}{part}"


def accept(
    run: Path, name: str | None = None, folder: Path = FOLDER, *, force: bool = False
) -> Path:
    """Keep a finished run as the baseline of its suite and data; return its directory.

    Parameters
    ----------
    force
        Whether it may replace an earlier baseline of that name.

    Raises
    ------
    UsageError
        For a directory that is not a finished run, an invalid name, or one that is taken.
    """
    finished = read_run(run)
    missing = tally(complete(finished.table, finished.record)).missing
    if missing or finished.record.finished is None:
        raise UsageError(
            f"an unfinished run ({missing} rows are missing)",
            str(run),
            "finish it with the same command and --out",
        )
    name = name or name_of(finished.record)
    if not re.fullmatch(r"[\w][\w.-]*", name, re.ASCII):
        raise UsageError(f"{name!r} is no name for a directory", "--name", "use letters and digits")
    target = folder / name
    _refuse_taken(target, run, force)
    fresh, former = folder / f".{name}.new", folder / f".{name}.old"
    for leftover in (fresh, former):
        shutil.rmtree(leftover, ignore_errors=True)
    _write(finished, fresh)
    if target.exists():
        target.rename(former)
    fresh.rename(target)
    shutil.rmtree(former, ignore_errors=True)
    return target


def _write(run: RunFolder, folder: Path) -> None:
    (folder / "scores").mkdir(parents=True)
    table = pa.Table.from_pandas(run.table, SCHEMA, preserve_index=False)
    metadata = {**(SCHEMA.metadata or {}), b"rows": str(table.num_rows).encode()}
    pq.write_table(
        table.replace_schema_metadata(metadata),
        folder / "scores" / "part-000000.parquet",
        compression="zstd",
        compression_level=19,
        write_page_checksum=True,
    )
    write_record(run.record.model_copy(update={"command": []}), folder)


def _refuse_taken(target: Path, run: Path, force: bool) -> None:
    """Refuse to replace another directory, the run itself, or anything without `force`."""
    if not os.path.lexists(target):
        return
    if not is_remote(run) and run.resolve().is_relative_to(target.resolve()):
        raise UsageError("is that baseline, or within it", str(run), "name another run or --name")
    if target.is_symlink() or not (target / "run.json").is_file():
        raise UsageError("exists and is no baseline", str(target), "choose another --name")
    if not force:
        raise UsageError(
            "is a baseline already", str(target), "give --force to replace it, or another --name"
        )


def open_baseline(spec: str, record: RunRecord, folder: Path = FOLDER) -> RunFolder | None:
    """Read a baseline by a run directory, a name, `accepted` or `if-accepted`.

    The last two mean the accepted one of the run's own suite and data; `if-accepted` gives None
    where none was accepted yet.

    Raises
    ------
    UsageError
        For an unknown or unreadable one.
    """
    if spec in (ACCEPTED, IF_ACCEPTED):
        name = name_of(record)
        for accepted in (folder / name, folder / _former_name(record)):
            if accepted.is_dir():
                return _read(accepted)
        if spec == IF_ACCEPTED:
            return None
        raise UsageError(
            f"no baseline {name} was accepted, the one of this suite and data",
            f"--baseline {spec}",
            "accept an earlier run with: harness baseline accept RUN",
        )
    path = place(spec)
    if is_folder(path):
        return _read(path)
    if (folder / spec).is_dir():
        return _read(folder / spec)
    known = sorted(path.name for path in folder.glob("*") if (path / "run.json").is_file())
    listed = f"one of {', '.join(known)}" if known else "accept one: harness baseline accept RUN"
    raise UsageError("no such run or baseline", spec, f"name a run directory, or {listed}")


def _read(path: Path) -> RunFolder:
    read_record(path)  # reports a broken record before the published figures are looked up
    return read_run(path)
