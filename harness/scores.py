"""The waist: the scores table, its schema, how it is written and how it is read.

One row for every clip x condition x model, also for what could not be scored. Rows live in Parquet
shards under `scores/` of a run directory. A shard is written under a temporary name, flushed to the
disk and renamed, so a reader sees a whole shard or none, and a finished row is never lost.
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
        numbers = [int(path.stem.split("-")[1]) for path in shards(run)]
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
        with temporary.open("wb") as file:
            pq.write_table(
                pa.Table.from_pylist(list(self._waiting), SCHEMA), file, compression="zstd"
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
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
    """The keys (clip_id, condition, model) that are in the table already."""
    keys: set[tuple[str, str, str]] = set()
    for path in shards(run):
        columns = pq.read_table(path, columns=list(KEY)).to_pydict()
        keys.update(zip(*(columns[name] for name in KEY), strict=True))
    return keys


def read_scores(run: Path) -> pd.DataFrame:
    """The whole table, sorted by its key, with the dtypes of `SCHEMA`.

    Raises
    ------
    UsageError
        Where the run has no table, or one of another version.
    """
    paths = shards(run)
    if not paths:
        raise UsageError("no scores", str(run), "name the directory of a run")
    tables: list[pa.Table] = []
    for path in paths:
        table = pq.read_table(path)
        version = int((table.schema.metadata or {}).get(b"scores_version", b"0"))
        if version != VERSION:
            raise UsageError(
                f"scores of version {version}, this is version {VERSION}",
                str(path),
                "use the harness that wrote it" if version > VERSION else "score again",
            )
        tables.append(table)
    frame = pa.concat_tables(tables).to_pandas()
    return frame.sort_values(list(KEY), kind="stable", ignore_index=True)
