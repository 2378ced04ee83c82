"""A recording in a row of a Parquet file, on a disk or in a store.

Audio is read a row group at a time by the process that needs it, which keeps the last groups: clips
are in the order of the file, so that a group is read once.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any

from harness.data.store import UnreachedError, described, in_store, opened
from harness.errors import ClipError, ClipRejected

GROUPS_KEPT = 2
"""Row groups in a process: some threads begin the next while others end one."""
_FILES_KEPT = 4


@dataclass(frozen=True, slots=True)
class ShardCell:
    """A recording in a row of a Parquet file.

    Parameters
    ----------
    shard
        A path of this machine or an address in a store.
    leaf
        Path of the column of bytes, such as `audio.bytes`.
    row
        Within its row group.
    version
        Tells whether an object in a store is still the one that was opened; empty for a file.
    """

    shard: str
    leaf: str
    group: int
    row: int
    version: str = ""

    def __str__(self) -> str:
        return f"{self.shard}, row group {self.group}, row {self.row}"

    def fetch(self, most_bytes: int) -> bytes:
        """Return the bytes in the row; reads its row group unless it is one of the last."""
        try:
            version = self.version or version_of(self.shard)
            with _LOCK:  # so that threads wait for one that reads the same group
                cells = _group(self.shard, version, self.leaf, self.group)
        except FileNotFoundError as fault:
            raise ClipRejected("cannot be opened: its shard is not there") from fault
        except UnreachedError as fault:
            raise ClipError(f"its shard cannot be read from the store: {fault}") from fault
        if isinstance(cells, str):
            raise ClipError(cells)
        if self.row >= len(cells):
            raise ClipError("its shard has fewer rows than when it was opened")
        cell = cells[self.row]
        if not cell.is_valid:
            raise ClipRejected("its row holds no audio")
        content = cell.as_buffer()
        if content.size > most_bytes:
            raise ClipRejected(f"{content.size} bytes are over the limit of {most_bytes}")
        return content.to_pybytes()


_LOCK = Lock()


@lru_cache(maxsize=GROUPS_KEPT)
def _group(shard: str, version: str, leaf: str, group: int) -> Any:
    """Return the cells of a row group, or in words how it is damaged, which stays so.

    Raises
    ------
    FileNotFoundError, UnreachedError
        Where the file cannot be read; another try may succeed.
    ClipError
        Where it was replaced.
    """
    import pyarrow as pa
    from pyarrow import compute

    arrow: Any = compute  # its functions are made when it is imported
    try:
        column = _file(shard, version).read_row_group(group, columns=[leaf]).column(0)
        if pa.types.is_struct(column.type):
            column = arrow.struct_field(column, "bytes")
        if version_of(shard) == version:  # a store gives ranges of whatever is there now
            return column
    except (FileNotFoundError, UnreachedError):
        raise
    except Exception as fault:  # pyarrow has several for damaged files
        if version_of(shard) == version:
            return (
                f"row group {group} of {PurePosixPath(shard).name} is damaged: {described(fault)}"
            )
    raise ClipError("its shard was replaced since it was opened")


@lru_cache(maxsize=_FILES_KEPT)
def _file(shard: str, version: str) -> Any:  # noqa: ARG001  # of the key
    return parquet_file(shard, together=False)


def version_of(shard: str) -> str:
    """Return what tells whether a file is still the one that was opened."""
    if in_store(shard):
        return _StoredFile(shard).version
    about = Path(shard).stat()
    return f"{about.st_ino}-{about.st_size}-{about.st_mtime_ns}"


def parquet_file(shard: str, together: bool = True) -> Any:
    """Open a Parquet file by its path or address; only its footer is read.

    Parameters
    ----------
    together
        Whether columns that lie together are fetched with one request. For a single column that
        saves nothing, and keeps the stored bytes in memory as well.
    """
    import pyarrow.parquet as pq

    source: Any = _StoredFile(shard) if in_store(shard) else Path(shard)
    return pq.ParquetFile(source, pre_buffer=together, page_checksum_verification=True)


class _StoredFile:
    """An object of a store as a file: each read is one request."""

    def __init__(self, url: str) -> None:
        self._system, self._path = opened(url)
        self._place, self.closed = 0, False
        with _reaching():
            about: dict[str, Any] = self._system.info(self._path)
        self._size: int = about["size"]
        tag = about.get("ETag") or about.get("etag") or about.get("md5Hash") or ""
        self.version = f"{self._size}-{tag}"

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._place + size)
        if end <= self._place:
            return b""
        with _reaching():
            content = bytes(self._system.cat_file(self._path, start=self._place, end=end))
        self._place += len(content)
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True


@contextmanager
def _reaching() -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as fault:  # every client has errors of its own
        raise UnreachedError(described(fault)) from fault
