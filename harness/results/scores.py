"""The waist: the scores table, its schema, how it is written and how it is read.

One row for every clip x condition x model, also for what could not be scored. Rows live in Parquet
shards under `scores/` of a run directory. A shard is written whole or not at all, so a reader never
sees a part of one, and a finished row is never lost. Every page has a checksum, so a shard that a
disk has damaged is found and its rows are computed again.

No row is in the table twice. On a disk one run at a time holds the directory, by a lock that the
system keeps. A store has no locks; there two runs may be at work on one table, and the numbers of
the shards keep them apart. A shard's number is one more than the largest that was listed *before*
the finished rows were read (`next_number`, then `finished`), and the store itself refuses a number
that is there. So whatever another run wrote after that listing has a number that this one is yet to
ask for, and asking for it stops this one; and whatever was written before is among the rows that
are known to be finished. Of two runs one goes on, and the other loses what it had not written.

All rows of a clip are of one recording. A row that was made from other bytes than the rows before
it is refused, and a table that has such rows all the same is not read.
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
"""After which a shard is written: to a store that takes a request, however large it is."""
_AT_ONCE = 16
"""Requests to a store, when shards are read."""
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


class ScoresWriter:
    """Appends rows to the shards of one run directory.

    Parameters
    ----------
    run
        The run directory; `scores/` is made in it.
    number
        Of its first shard: `next_number`, as it was before the finished rows were read. None where
        no row is taken for finished.
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
            for left in self._folder.glob("part-*.tmp"):  # of a run that was killed while it wrote
                left.unlink()
        self._rows_per_shard = rows_per_shard or (
            STORE_SHARD_ROWS if is_remote(run) else SHARD_ROWS
        )
        self._waiting: list[Row] = []
        self._next = next_number(run) if number is None else number
        self._name = uuid4().hex if is_remote(run) else ""
        self._recordings = dict(recordings or {})

    def append(self, rows: Iterable[Row]) -> None:
        """Have rows wait, and write them where enough do.

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
        """Put every waiting row into the table, in one new shard.

        Raises
        ------
        NotAlone
            Where another run has written a shard of this number.
        """
        if not self._waiting:
            return
        path = self._folder / f"part-{self._next:06d}.parquet"
        table = pa.Table.from_pylist(list(self._waiting), SCHEMA)
        told = {b"rows": str(table.num_rows)} | ({b"writer": self._name} if self._name else {})
        table = table.replace_schema_metadata({**(SCHEMA.metadata or {}), **told})
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
        """Whether a model has a score in the table, which is read for it."""
        each = (_read(path).select(["model", "status"]) for path in shards(self._run))
        return any((model, "ok") in zip(*table.to_pydict().values(), strict=True) for table in each)

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
    """The finished shards of a run, in the order they were written."""
    return [run / "scores" / name for name in _parts(run) if name.endswith(".parquet")]


def next_number(run: Path) -> int:
    """The number that the next shard of a run has, if nobody else writes one."""
    return max((int(name[5:11]) for name in _parts(run)), default=-1) + 1


def _parts(run: Path) -> list[str]:
    """Names of shards, also of those that were set aside."""
    return [name for name in names(run / "scores") if name.startswith("part-")]


def finished(run: Path) -> dict[tuple[str, str, str], str]:
    """The keys (clip_id, condition, model) in the table, with the digest of what each is made from.

    Raises
    ------
    UsageError
        Where a shard is damaged or of another version.
    """
    names = (*KEY, "audio_digest")
    rows: dict[tuple[str, str, str], str] = {}
    known: dict[str, str] = {}  # every text once, however many rows have it
    for table in _each(shards(run), lambda path: _read(path).select(names)):
        columns = table.to_pydict()
        texts = ([known.setdefault(one, one) for one in columns[name]] for name in names)
        rows.update(
            ((clip_id, condition, model), digest or "")
            for clip_id, condition, model, digest in zip(*texts, strict=True)
        )
    return rows


def statuses(run: Path) -> Counter[str]:
    """How many rows of the table are ok, rejected and error.

    Raises
    ------
    UsageError
        Where a shard is damaged or of another version.
    """
    each = _each(shards(run), lambda path: Counter(_read(path)["status"].to_pylist()))
    return sum(each, Counter[str]())


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
    paths = shards(run)
    whole = _each(paths, _is_whole)
    return [
        rename(path, path.name + ".damaged")
        for path, good in zip(paths, whole, strict=True)
        if not good
    ]


def read_scores(run: Path) -> pd.DataFrame:
    """The whole table, sorted by its key, with the dtypes of `SCHEMA`.

    Raises
    ------
    UsageError
        Where the run has no table, a damaged one, one of another version, or one with rows of a
        clip that were made from two recordings.
    """
    paths = shards(run)
    if not paths:
        raise UsageError("no scores", str(run), "name the directory of a run")
    table = pa.concat_tables(_each(paths, _read))
    frame = table.to_pandas().fillna(dict.fromkeys((*RECORDING, EXTRA), ""))
    _refuse_mixed(frame, run)
    return frame.sort_values(list(KEY), kind="stable", ignore_index=True)


def recordings(table: pd.DataFrame) -> pd.Series:
    """The digest of every clip's recording by clip_id, of those where it is known."""
    if "audio_digest" not in table:
        return pd.Series([], index=pd.Index([], name="clip_id"), dtype=str)
    known: Any = table.loc[table["audio_digest"].fillna("") != "", ["clip_id", "audio_digest"]]
    return known.drop_duplicates().set_index("clip_id")["audio_digest"].sort_index()


def _refuse_mixed(table: pd.DataFrame, run: Path) -> None:
    found: Any = recordings(table)
    twice = found[found.index.duplicated(keep=False)]
    if len(twice):
        raise UsageError(
            f"rows of {twice.index[0]!r} were made from two recordings (digests {twice.iloc[0]} "
            f"and {twice.iloc[1]})",
            str(run),
            "score again with another --out: a table of two data sets cannot be judged",
        )


class DamagedShard(UsageError):
    """A shard that is not what was written."""


def _each(paths: Sequence[Path], ask: Callable[[Path], _Answer]) -> Iterator[_Answer]:
    """An answer for every shard, in order; in threads where it takes a request to a store."""
    if not any(map(is_remote, paths)):
        yield from map(ask, paths)
        return
    threads = ThreadPoolExecutor(_AT_ONCE, "shards")
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
        return upgraded(pq.read_table(pa.BufferReader(read(path)), page_checksum_verification=True))
    except NewerTable as fault:
        raise UsageError(str(fault), str(path), "use the harness that wrote it") from fault
    except (pa.ArrowException, OSError, ValueError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            reason = fault.strerror or str(fault)
            raise UsageError(
                f"cannot be read: {reason}", str(path), "check where it lies"
            ) from fault
        raise DamagedShard(
            f"a damaged part of the scores: {str(fault).splitlines()[0]}",
            str(path),
            "run the same command with the same --out: it sets it aside and scores its rows again",
        ) from fault
