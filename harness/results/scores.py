"""The scores table on disk: how it is written and how it is read.

One row for every clip x condition x model, also for what could not be scored. Rows live in Parquet
shards under `scores/` of a run directory. A shard is written whole or not at all, so a finished row
is never lost. Every page has a checksum, so a shard that a disk has damaged is found and its rows
are computed again.

No row is in the table twice. On a disk a run holds its directory by a lock. A store has no locks;
there the numbers of the shards keep two runs apart. A run takes its first number from a listing
*before* it reads the finished rows (`next_number`, then `finished`), and the store refuses a number
that exists. So whatever another run wrote after that listing has a number that this one will ask
for, which stops this one; whatever it wrote before is among the finished rows. One of two runs goes
on, and the other loses what it had not written.

All rows of a clip are of one recording: a row made from other bytes than earlier rows of its clip
is refused, and a table with such rows is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UsageError
from harness.results.clip_facts import EXTRA
from harness.results.schema import KEY, RECORDING, SCHEMA, NewerTable, upgraded
from harness.storage.storage import is_remote, make_folder, names, read, rename, write_new

Row = Mapping[str, Any]

SHARD_ROWS, STORE_SHARD_ROWS = 1000, 20_000
"""Rows in a shard; in a store each shard is a request, however large it is."""
_READERS = 16
"""Requests to a store at once, when shards are read."""
_Answer = TypeVar("_Answer")


class NotAlone(UsageError):
    """Another run is at work in the same directory; this one must not write there again."""

    def __init__(self, run: Path) -> None:
        super().__init__(
            "another run is at work in it", str(run), "wait for it, or choose another --out"
        )


class Exchanged(UsageError):
    """The recording of a clip is not the one that earlier rows of the run were made from."""

    def __init__(self, run: Path, clip_id: str, now: str, before: str) -> None:
        super().__init__(
            f"the recording {clip_id!r} is not the one that its earlier rows were made from "
            f"(digest {now}, was {before})",
            str(run),
            "put it back, or choose another --out to score the data as they are now",
        )


class DamagedShard(UsageError):
    """A shard that is not what was written."""


class ScoresWriter:
    """Appends rows to the shards of one run directory; a context manager that flushes.

    Parameters
    ----------
    number
        Of its first shard: `next_number`, taken before the finished rows were read. None where no
        row is taken for finished.
    rows_per_shard
        A shard is written when this many rows wait, and at the end.
    recordings
        The digest of the recording of every clip that has rows already, as far as it is known.
    """

    def __init__(
        self,
        run: Path,
        number: int | None = None,
        rows_per_shard: int | None = None,
        recordings: Mapping[str, str] | None = None,
    ) -> None:
        self._run, self._folder = run, run / "scores"
        make_folder(self._folder)
        if not is_remote(run):
            for leftover in self._folder.glob("part-*.tmp"):  # of a run killed while it wrote
                leftover.unlink()
        self._rows_per_shard = rows_per_shard or (
            STORE_SHARD_ROWS if is_remote(run) else SHARD_ROWS
        )
        self._waiting: list[Row] = []
        self._next = next_number(run) if number is None else number
        self._name = uuid4().hex if is_remote(run) else ""
        self._recordings = dict(recordings or {})

    def append(self, rows: Iterable[Row]) -> None:
        """Queue rows, and write a shard once enough wait.

        Raises
        ------
        Exchanged
            Where one was made from another recording than earlier rows of its clip; none is kept.
        NotAlone
            As `flush`.
        """
        rows = list(rows)
        for row in rows:
            if now := row.get("audio_digest"):
                before = self._recordings.setdefault(row["clip_id"], now)
                if now != before:
                    raise Exchanged(self._run, row["clip_id"], now, before)
        self._waiting.extend(rows)
        if len(self._waiting) >= self._rows_per_shard:
            self.flush()

    def flush(self) -> None:
        """Write every waiting row to the table, in one new shard.

        Raises
        ------
        NotAlone
            Where another run has written a shard of this number.
        """
        if not self._waiting:
            return
        path = self._folder / f"part-{self._next:06d}.parquet"
        table = pa.Table.from_pylist(list(self._waiting), SCHEMA)
        about = {b"rows": str(table.num_rows)} | ({b"writer": self._name} if self._name else {})
        table = table.replace_schema_metadata({**(SCHEMA.metadata or {}), **about})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        content = sink.getvalue().to_pybytes()
        try:
            write_new(path, content)
        except FileExistsError as fault:
            if not _holds(path, content):  # else it is ours, and the answer to that was lost
                raise NotAlone(self._run) from fault
        self._next += 1
        self._waiting.clear()

    def has_scored(self, model: str) -> bool:
        """Whether the table on disk has a score of a model."""
        tables = (_read(path).select(["model", "status"]) for path in shards(self._run))
        return any(
            (model, "ok") in zip(*table.to_pydict().values(), strict=True) for table in tables
        )

    def __enter__(self) -> ScoresWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.flush()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read(path) == content
    except FileNotFoundError:  # the other is still writing it
        return False


def shards(run: Path) -> list[Path]:
    """Return the finished shards of a run, in the order they were written."""
    return [run / "scores" / name for name in _parts(run) if name.endswith(".parquet")]


def next_number(run: Path) -> int:
    """Return the number of the next shard of a run, if nobody else writes one."""
    return max((int(name[5:11]) for name in _parts(run)), default=-1) + 1


def _parts(run: Path) -> list[str]:
    """Return the names of shards, also of those that were set aside."""
    return [name for name in names(run / "scores") if name.startswith("part-")]


def finished(run: Path) -> dict[tuple[str, str, str], str]:
    """Return the keys (clip_id, condition, model) in the table, with the recording's digest.

    Raises
    ------
    UsageError
        Where a shard is damaged or of a newer version.
    """
    columns = (*KEY, "audio_digest")
    rows: dict[tuple[str, str, str], str] = {}
    interned: dict[str, str] = {}
    for table in _map(shards(run), lambda path: _read(path).select(columns)):
        texts = (
            [interned.setdefault(text, text) for text in column]
            for column in table.to_pydict().values()
        )
        rows.update(
            ((clip_id, condition, model), digest or "")
            for clip_id, condition, model, digest in zip(*texts, strict=True)
        )
    return rows


def statuses(run: Path) -> Counter[str]:
    """Count the rows of the table by status.

    Raises
    ------
    UsageError
        Where a shard is damaged or of a newer version.
    """
    counts = _map(shards(run), lambda path: Counter(_read(path)["status"].to_pylist()))
    return sum(counts, Counter[str]())


def set_aside_damaged(run: Path) -> list[Path]:
    """Rename every damaged shard to `part-….parquet.damaged`, so that its rows are owed again.

    Raises
    ------
    UsageError
        Where a shard is of a newer version.
    """
    paths = shards(run)
    whole = list(_map(paths, _is_whole))
    return [
        rename(path, path.name + ".damaged")
        for path, good in zip(paths, whole, strict=True)
        if not good
    ]


def read_scores(run: Path) -> pd.DataFrame:
    """Return the whole table, sorted by its key, with the columns of `SCHEMA`.

    Raises
    ------
    UsageError
        Where the run has no table, a damaged one, one of a newer version, or one with rows of a
        clip that were made from two recordings.
    """
    paths = shards(run)
    if not paths:
        raise UsageError("no scores", str(run), "name the directory of a run")
    table = pa.concat_tables(_map(paths, _read))
    frame = table.to_pandas().fillna(dict.fromkeys((*RECORDING, EXTRA), ""))
    digests: Any = recordings(frame)
    twice = digests[digests.index.duplicated(keep=False)]
    if len(twice):
        raise UsageError(
            f"rows of {twice.index[0]!r} were made from two recordings (digests {twice.iloc[0]} "
            f"and {twice.iloc[1]})",
            str(run),
            "score again with another --out: a table of two data sets cannot be judged",
        )
    return frame.sort_values(list(KEY), kind="stable", ignore_index=True)


def recordings(table: pd.DataFrame) -> pd.Series:
    """Return the digest of every clip's recording by clip_id, where it is known."""
    if "audio_digest" not in table:
        return pd.Series([], index=pd.Index([], name="clip_id"), dtype=str)
    known: Any = table.loc[table["audio_digest"].fillna("") != "", ["clip_id", "audio_digest"]]
    return known.drop_duplicates().set_index("clip_id")["audio_digest"].sort_index()


def _map(paths: Sequence[Path], ask: Callable[[Path], _Answer]) -> Iterator[_Answer]:
    """Yield an answer for every shard, in order; in threads where it takes a request to a store."""
    if not any(map(is_remote, paths)):
        yield from map(ask, paths)
        return
    threads = ThreadPoolExecutor(_READERS, "shards")
    try:
        yield from threads.map(ask, paths)
    finally:
        threads.shutdown(cancel_futures=True)


def _is_whole(path: Path) -> bool:
    try:
        _read(path)
    except DamagedShard:
        return False
    return True


def _read(path: Path) -> pa.Table:
    try:
        content = pa.BufferReader(read(path))
        return upgraded(pq.read_table(content, page_checksum_verification=True))
    except NewerTable as fault:
        raise UsageError(str(fault), str(path), "use the harness that wrote it") from fault
    except (pa.ArrowException, OSError, ValueError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            what = f"cannot be read: {fault.strerror or fault}"
            raise UsageError(what, str(path), "check where it lies") from fault
        raise DamagedShard(
            f"a damaged part of the scores: {str(fault).splitlines()[0]}",
            str(path),
            "run the same command with the same --out: it sets it aside and scores its rows again",
        ) from fault
