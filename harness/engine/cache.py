"""A cache of prepared audio on disk, keyed by everything that determines it (`cache_key`).

A second model on the same suite gets the same samples and measurements as the first, and its clips
are not even decoded. Only rows of status ok are kept. A value is a safetensors file after its key
and a checksum, so that damaged or foreign values count as missing.

A run may be larger than the cache. So it evicts only rows last used before it began, and stores no
more once its own rows fill the cache: the next run then finds the first part of the rows instead of
none. Whatever fails (a full or read-only disk, a held lock, a damaged index) costs speed and a
note, never the run.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import astuple, dataclass
from io import BufferedReader
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import safetensors.numpy
from diskcache import Cache, Disk, Timeout
from diskcache.core import MODE_BINARY, MODE_RAW
from numpy.typing import NDArray

from harness.audio.encoded import content_of
from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.engine.cache_key import LARGEST_BYTES, CacheKey, CacheKeys
from harness.engine.prepare import Prepared, Recipe, RecordingInfo
from harness.errors import UsageError
from harness.perturb.attestation import Attestation
from harness.storage.cache_dir import cache_directory
from harness.suite.condition import Condition

DEFAULT_GB = 10.0
GB_VARIABLE = "HARNESS_CACHE_GB"

_GB = 1e9
_INDEX = "cache.db"
_LOCK_SECONDS = 5
_TOGETHER = 32
"""Rows that are looked up in one transaction, with their files open."""
_OWN_SHARE = 0.95
"""Share of the cache that one run may fill; the rest is for the index and open files."""
_MEASURED, _READ = "attestation", "reading"
_BYTES = (MODE_RAW, MODE_BINARY)


def cache_folder() -> Path:
    """Return the directory of the cache, which may not exist."""
    return cache_directory() / "prepared"


def limit_gb(option: float | None) -> float:
    """Return the size of the cache: the option, else `HARNESS_CACHE_GB`, else 10 GB.

    Raises
    ------
    UsageError
        Where it is not a size.
    """
    where, given = ("--cache-gb", option) if option is not None else (GB_VARIABLE, _variable())
    try:
        size = float(given)
    except ValueError:
        size = -1.0
    if not 0 <= size < float("inf"):
        raise UsageError(f"{given!r} is no size", where, "name gigabytes, 0 for no cache")
    return size


def _variable() -> str | float:
    return os.environ.get(GB_VARIABLE) or DEFAULT_GB


@dataclass(frozen=True)
class Lookup:
    """The rows of a task that were found, and the keys of all of them."""

    conditions: tuple[Condition, ...]
    rows: tuple[Prepared | None, ...]
    keys: tuple[CacheKey | None, ...]

    @property
    def missing(self) -> tuple[Condition, ...]:
        return tuple(
            condition
            for condition, row in zip(self.conditions, self.rows, strict=True)
            if row is None
        )

    def completed(self, prepared: Sequence[Prepared]) -> list[Prepared]:
        """Return all rows in order, the missing ones as they were prepared now."""
        rest = iter(prepared)
        return [next(rest) if row is None else row for row in self.rows]


def open_cache(size_gb: float, recipe: Recipe, note: Callable[[str], None]) -> AudioCache | None:
    """Open the cache for a run; None where its size is 0 or no audio is prepared."""
    if not size_gb or not recipe.rates_hz:
        return None
    return AudioCache(cache_folder(), int(size_gb * _GB), recipe, note)


def cache_bytes() -> int:
    """Return the size of the cache on disk."""
    return sum(map(_bytes, cache_folder().rglob("*")))


def _bytes(path: Path) -> int:
    try:
        about = path.stat()
    except OSError:  # evicted by a run meanwhile
        return 0
    return about.st_size if stat.S_ISREG(about.st_mode) else 0


def clear_cache() -> int:
    """Remove the cache, whatever its index says, and return the bytes it took.

    Raises
    ------
    UsageError
        Where it cannot be removed, or a run adds to it at the same time.
    """
    folder, count = cache_folder(), cache_bytes()
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise UsageError(
            f"cannot be removed: {reason}", str(folder), "end the runs that use it, or remove it"
        ) from fault
    return count


class AudioCache:
    """The cache as one run uses it; thread-safe, and shared with other runs.

    Parameters
    ----------
    limit_bytes
        Size of the whole cache.
    note
        Called once, where the cache fails and is no longer used.

    Attributes
    ----------
    hits, misses
        Rows that were found, and rows that were not.
    """

    def __init__(
        self, folder: Path, limit_bytes: int, recipe: Recipe, note: Callable[[str], None]
    ) -> None:
        self.hits = self.misses = 0
        self._folder, self._note = folder, note
        self._own_bytes, self._most_bytes = 0, int(_OWN_SHARE * limit_bytes)
        self._keys = CacheKeys(recipe)
        self._lock = Lock()
        self._given_up = False
        self._index: Cache | None = None
        try:
            self._index = _opened(folder, limit_bytes)
        except Exception as fault:  # a damaged index has the library raise whatever
            self._give_up(fault)

    def find(self, clip: Clip, conditions: Sequence[Condition]) -> Lookup:
        """Look up the rows of a task."""
        content = None if self._index is None else content_of(clip.audio, LARGEST_BYTES)
        keys = [
            None if content is None else self._keys.of(clip, content, condition)
            for condition in conditions
        ]
        rows: list[Prepared | None] = []
        for start in range(0, len(keys), _TOGETHER):
            block = slice(start, start + _TOGETHER)
            values = self._values([key and key.key for key in keys[block]])
            for condition, key, value in zip(conditions[block], keys[block], values, strict=True):
                rows.append(key and self._row(key, value, condition))
        hits = sum(row is not None for row in rows)
        with self._lock:
            self.hits += hits
            self.misses += len(rows) - hits
        return Lookup(tuple(conditions), tuple(rows), tuple(keys))

    def keep(self, lookup: Lookup, prepared: Sequence[Prepared]) -> None:
        """Store the rows that were prepared because a lookup missed them, where they are ok."""
        missed = [key for key, row in zip(lookup.keys, lookup.rows, strict=True) if row is None]
        for key, row in zip(missed, prepared, strict=True):
            if key is None or row.status != "ok" or row.attestation is None:
                continue
            if row.reading.audio_digest == key.contents[0].digest:  # else it was replaced
                self._store(key, packed(key.key, row))

    def _values(self, keys: Sequence[bytes | None]) -> list[bytes]:
        """Return the value of each key, empty where it is missing.

        Files are opened under the lock of the index, so that none is evicted, and then read.
        """
        index = self._index
        if index is None:
            return [b""] * len(keys)
        try:
            with index.transact():
                values = [key and index.get(key, read=True) for key in keys]
        except Exception as fault:  # a damaged index has the library raise whatever
            self._give_up(fault)
            return [b""] * len(keys)
        return [_read(value) for value in values]

    def _row(self, key: CacheKey, value: bytes, condition: Condition) -> Prepared | None:
        row = unpacked(key.key, value, condition.name)
        if row is not None:
            self._own(len(value))
        return row

    def _store(self, key: CacheKey, value: bytes) -> None:
        index = self._index
        if index is None or self._own_bytes + len(value) > self._most_bytes:
            return
        if not key.holds:  # replaced while it was prepared
            return
        try:
            index.set(key.key, value)
        except Exception as fault:  # a damaged index has the library raise whatever
            self._give_up(fault)
        else:
            self._own(len(value))

    def _own(self, count: int) -> None:
        with self._lock:
            self._own_bytes += count

    def _give_up(self, fault: Exception) -> None:
        with self._lock:
            first, self._given_up, self._index = not self._given_up, True, None
        if first:
            self._note(
                f"{self._folder}: prepared audio is not kept: {_reason(fault)}; the run goes on "
                "without, harness doctor --clear-cache makes a new one"
            )


def packed(key: bytes, row: Prepared) -> bytes:
    """Return a row as bytes: its key, a checksum, its waves, measurements and recording.

    Raises
    ------
    ValueError
        Where nothing was measured.
    """
    if row.attestation is None:
        raise ValueError(f"{row.condition}: nothing was measured")
    arrays: dict[str, NDArray[Any]] = {str(rate): wave.samples for rate, wave in row.waves.items()}
    arrays[_MEASURED] = np.array(astuple(row.attestation), np.float64)
    arrays[_READ] = np.frombuffer(json.dumps(astuple(row.reading)).encode(), np.uint8)
    body = safetensors.numpy.save(arrays)
    return key + zlib.crc32(body).to_bytes(4, "little") + body


def unpacked(key: bytes, value: bytes, condition: str) -> Prepared | None:
    """Return the row that was packed under the key; None for any other value."""
    head = len(key) + 4
    body = memoryview(value)[head:]
    if value[:head] != key + zlib.crc32(body).to_bytes(4, "little"):
        return None
    arrays = safetensors.numpy.load(bytes(body))
    seconds, snr_db, bandwidth_hz, delay_samples, changed = arrays.pop(_MEASURED).tolist()
    attestation = Attestation(seconds, snr_db, bandwidth_hz, delay_samples, bool(changed))
    audio_digest, decoder, notes = json.loads(arrays.pop(_READ).tobytes())
    reading = RecordingInfo(audio_digest, decoder, tuple(notes))
    waves = {int(rate): Wave(samples, int(rate)) for rate, samples in arrays.items()}
    return Prepared(condition, "ok", "", waves, attestation, reading=reading)


class _Values(Disk):
    """Stores values as bytes: nothing is ever unpickled, and no partial file stays."""

    def filename(self, key: object = None, value: object = None) -> tuple[str, str]:
        del key, value
        name = os.urandom(16).hex()
        inside = os.path.join(name[:2], name[2:] + ".val")
        return inside, os.path.join(self._directory, inside)

    def fetch(self, mode: int, filename: str, value: object, read: bool) -> Any:
        return super().fetch(mode, filename, value, read) if mode in _BYTES else b""

    def _write(self, full_path: str, iterator: Any, mode: Any, encoding: Any = None) -> int | None:
        try:  # in one piece, where the library would split it at every byte 10
            return super()._write(full_path, [iterator.getvalue()], mode, encoding)
        except OSError:
            with suppress(OSError):
                os.remove(full_path)
            raise


def _opened(folder: Path, limit_bytes: int) -> Cache:
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / _INDEX, timeout=_LOCK_SECONDS)) as trial:
        trial.execute("BEGIN IMMEDIATE")  # the library waits a minute for a held lock
        trial.rollback()
    index = Cache(
        str(folder),
        timeout=_LOCK_SECONDS,
        disk=_Values,
        eviction_policy="least-recently-used",
        size_limit=limit_bytes,
        sqlite_mmap_size=0,  # a failing disk then raises an error instead of a signal
    )
    index.cull()
    return index


def _read(value: Any) -> bytes:
    """Return the bytes of a value, which the index gives as such, as a file, or not at all."""
    if not isinstance(value, BufferedReader):
        return value or b""
    with value:
        try:
            return value.read()
        except OSError:
            return b""


def _reason(fault: Exception) -> str:
    if isinstance(fault, Timeout):
        return "it is locked, or may not be written to"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) or type(fault).__name__
