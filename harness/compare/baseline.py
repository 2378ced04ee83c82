"""Baselines: what a run left, small enough to be committed, for later runs to be held against.

A baseline is a run directory with the record and the whole table in one shard, and nothing that can
be computed from them. It is read as any run is, so what reads runs of older formats reads it too.
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
    """What a baseline of such a run is called: its suite, its data and the digest of these."""
    digest = re.sub(r"\W+", "", record.data.digest, flags=re.ASCII)[:8]
    return "-".join(filter(None, [_former_name(record), digest]))


def _former_name(record: RunRecord) -> str:
    """What it was called when the digest was no part of it."""
    data = re.sub(r"[^\w.-]+", "-", record.data.name, flags=re.ASCII).strip("-.") or "data"
    part = "" if record.data.limit is None else f"-{record.data.limit}"
    return f"{record.suite.name}-{data}{part}"


def accept(
    run: Path, name: str | None = None, folder: Path = FOLDER, *, force: bool = False
) -> Path:
    """Keep a run as the baseline of its suite and data.

    Parameters
    ----------
    force
        Whether it may replace an earlier one of that name.

    Raises
    ------
    UsageError
        Where it is not a run, or not a whole one, and where another is there already.
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
    fresh = folder / f".{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "scores").mkdir(parents=True)
    table = pa.Table.from_pandas(finished.table, SCHEMA, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(SCHEMA.metadata or {}), b"rows": str(table.num_rows).encode()}
    )
    pq.write_table(
        table,
        fresh / "scores" / "part-000000.parquet",
        compression="zstd",
        compression_level=19,
        write_page_checksum=True,
    )
    write_record(finished.record.model_copy(update={"command": []}), fresh)
    former = folder / f".{name}.old"
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        target.rename(former)
    fresh.rename(target)
    shutil.rmtree(former, ignore_errors=True)
    return target


def _refuse_taken(target: Path, run: Path, force: bool) -> None:
    """Refuse to replace what is no baseline, the run itself, or anything without `force`."""
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
    """The baseline that the user names: a run directory, a name, `accepted` or `if-accepted`.

    These two are the accepted one of the run's own suite and data. None for `if-accepted` where
    none was accepted yet.

    Raises
    ------
    UsageError
        Where there is none of that name, or it cannot be read.
    """
    if spec in (ACCEPTED, IF_ACCEPTED):
        name = name_of(record)
        found = next(filter(Path.is_dir, (folder / name, folder / _former_name(record))), None)
        if found is not None:
            return _read(found)
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
    known = sorted(each.name for each in folder.glob("*") if (each / "run.json").is_file())
    listed = f"one of {', '.join(known)}" if known else "accept one: harness baseline accept RUN"
    raise UsageError("no such run or baseline", spec, f"name a run directory, or {listed}")


def _read(path: Path) -> RunFolder:
    read_record(path)  # says what is wrong with it before the published figures are looked for
    return read_run(path)
