"""The waist: the scores table, its schema, how it is written and how it is read.

One row for every clip x condition x model, also for what could not be scored. Rows live in Parquet
shards under `scores/` of a run directory. A shard is written under a temporary name, flushed to the
disk and renamed, so a reader sees a whole shard or none, and a finished row is never lost. Every
page has a checksum, so a shard that a disk has damaged is found and its rows are computed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UsageError

VERSION = 1
KEY = ("clip_id", "condition", "model")

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("model", pa.string()),
        ("condition", pa.string()),
        ("family", pa.string()),
        ("severity", pa.float64()),  # 0 for clean, then 1, 2, ... from mild to severe in a sweep
        ("label", pa.string()),  # real | fake
        ("source", pa.string()),
        ("generator", pa.string()),
        ("speaker", pa.string()),
        ("group", pa.string()),
        ("seconds", pa.float64()),  # of the audio that was scored
        ("status", pa.string()),  # ok | rejected | error
        ("reason", pa.string()),  # empty where ok
        ("score", pa.float64()),  # log-odds of fake; NaN where not ok
        ("logit_fake", pa.float64()),
        ("logit_real", pa.float64()),
        ("snr_db", pa.float64()),  # measured, of added noise; NaN where none was added
        ("bandwidth_hz", pa.float64()),  # measured on the audio that was scored
        (
            "delay_samples",
            pa.float64(),
        ),  # measured against the unperturbed clip, at the scored rate
        ("changed", pa.bool_()),  # whether the scored samples differ from the clean ones
    ],
    metadata={"scores_version": str(VERSION)},
)

Row = Mapping[str, Any]


class ScoresWriter:
    """Appends rows to the shards of one run directory.

    Parameters
    ----------
    run
        The run directory; `scores/` is made in it.
    rows_per_shard
        A shard is written when this many rows wait, and at `close`.
    """

    def __init__(self, run: Path, rows_per_shard: int = 1000) -> None:
        self._folder = run / "scores"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows_per_shard = rows_per_shard
        self._waiting: list[Row] = []
        for left in self._folder.glob("part-*.tmp"):  # of a run that was killed while it wrote
            left.unlink()
        numbers = [int(path.name[5:11]) for path in self._folder.glob("part-*")]
        self._next = max(numbers, default=-1) + 1

    def append(self, rows: Iterable[Row]) -> None:
        self._waiting.extend(rows)
        if len(self._waiting) >= self._rows_per_shard:
            self.flush()

    def flush(self) -> None:
        """Put every waiting row on disk, in one new shard."""
        if not self._waiting:
            return
        path = self._folder / f"part-{self._next:06d}.parquet"
        temporary = path.with_suffix(".tmp")
        table = pa.Table.from_pylist(list(self._waiting), SCHEMA)
        table = table.replace_schema_metadata(
            {**(SCHEMA.metadata or {}), b"rows": str(table.num_rows).encode()}
        )
        try:
            with temporary.open("wb") as file:
                pq.write_table(table, file, compression="zstd", write_page_checksum=True)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(self._folder)
        self._next += 1
        self._waiting.clear()

    def __enter__(self) -> ScoresWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.flush()


def shards(run: Path) -> list[Path]:
    """The finished shards of a run, in the order they were written."""
    return sorted((run / "scores").glob("part-*.parquet"))


def finished(run: Path) -> set[tuple[str, str, str]]:
    """The keys (clip_id, condition, model) that are in the table already.

    Raises
    ------
    UsageError
        Where a shard is damaged or of another version.
    """
    keys: set[tuple[str, str, str]] = set()
    known: dict[str, str] = {}  # every name once, however many rows have it
    for path in shards(run):
        columns = _read(path).select(list(KEY)).to_pydict()
        names = ([known.setdefault(one, one) for one in columns[name]] for name in KEY)
        keys.update(zip(*names, strict=True))
    return keys


def set_aside_damaged(run: Path) -> list[Path]:
    """Rename every shard that cannot be read whole, so that its rows are owed again.

    Returns
    -------
    list
        The names they have now: `part-000003.parquet.damaged`.

    Raises
    ------
    UsageError
        Where a shard is whole but of another version.
    """
    aside: list[Path] = []
    for path in shards(run):
        try:
            _read(path)
        except DamagedShard:
            aside.append(path.rename(path.with_name(path.name + ".damaged")))
    return aside


def read_scores(run: Path) -> pd.DataFrame:
    """The whole table, sorted by its key, with the dtypes of `SCHEMA`.

    Raises
    ------
    UsageError
        Where the run has no table, a damaged one, or one of another version.
    """
    paths = shards(run)
    if not paths:
        raise UsageError("no scores", str(run), "name the directory of a run")
    frame = pa.concat_tables([_read(path) for path in paths]).to_pandas()
    return frame.sort_values(list(KEY), kind="stable", ignore_index=True)


class DamagedShard(UsageError):
    """A shard that is not what was written."""


def _read(path: Path) -> pa.Table:
    try:
        with path.open("rb") as file:  # its path need not be text, which Arrow wants
            table = pq.read_table(file, page_checksum_verification=True)
        metadata = table.schema.metadata or {}
        version = int(metadata.get(b"scores_version", b"0"))
        if version == VERSION:
            if not table.schema.equals(SCHEMA):
                raise ValueError("its columns are not those of the scores table")
            if int(metadata.get(b"rows", table.num_rows)) != table.num_rows:
                raise ValueError(f"it has {table.num_rows} rows instead of {metadata[b'rows']!r}")
    except (pa.ArrowException, OSError, ValueError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            told = fault.strerror or str(fault)
            raise UsageError(f"cannot be read: {told}", str(path), "check the disk") from fault
        raise DamagedShard(
            f"a damaged part of the scores: {str(fault).splitlines()[0]}",
            str(path),
            "run the same command with the same --out: it sets it aside and scores its rows again",
        ) from fault
    if version != VERSION:
        raise UsageError(
            f"scores of version {version}, this is version {VERSION}",
            str(path),
            "use the harness that wrote it" if version > VERSION else "score again",
        )
    return table.replace_schema_metadata(SCHEMA.metadata)


def _sync_folder(folder: Path) -> None:
    """Have the rename itself on the disk, where the system can do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
