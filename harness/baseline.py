"""Baselines: what a run left, small enough to be committed, for later runs to be held against.

A baseline is a run directory with the record and the whole table in one shard, and nothing that can
be computed from them. It is read as any run is, so what reads runs of older formats reads it too.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.coverage import complete, tally
from harness.errors import UsageError
from harness.publish import Finished, read_run
from harness.record import RunRecord, read_record, write_record
from harness.scores import SCHEMA
from harness.storage import is_folder, place

FOLDER = Path("reports/baselines")
ACCEPTED = "accepted"
IF_ACCEPTED = "if-accepted"


def name_of(record: RunRecord) -> str:
    """What a baseline of such a run is called: its suite and its data."""
    data = re.sub(r"[^\w.-]+", "-", record.data.name, flags=re.ASCII).strip("-.") or "data"
    part = "" if record.data.limit is None else f"-{record.data.limit}"
    return f"{record.suite.name}-{data}{part}"


def accept(run: Path, name: str | None = None, folder: Path = FOLDER) -> Path:
    """Keep a run as the baseline of its suite and data, in place of the one before.

    Raises
    ------
    UsageError
        Where it is not a run, or not a whole one.
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
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def open_baseline(spec: str, record: RunRecord, folder: Path = FOLDER) -> Finished | None:
    """The baseline that the user names: a run directory, a name, `accepted` or `if-accepted`.

    These two are the accepted one of the run's own suite and data. None for `if-accepted` where
    none was accepted yet.

    Raises
    ------
    UsageError
        Where there is none of that name, or it cannot be read.
    """
    if spec in (ACCEPTED, IF_ACCEPTED):
        path = folder / name_of(record)
        if path.is_dir():
            return _read(path)
        if spec == IF_ACCEPTED:
            return None
        raise UsageError(
            f"no baseline {path.name} was accepted, the one of this suite and data",
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


def _read(path: Path) -> Finished:
    read_record(path)  # says what is wrong with it before the published figures are looked for
    return read_run(path)
