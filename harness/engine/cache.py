"""Prepared audio on disk, found again by what it is a function of.

A second model on the same suite finds the waves and their measurements as the first one heard
them, to the bit, and its clips are not even decoded. Only rows of status ok are kept. Values are
safetensors behind their own key and a checksum: what is damaged or someone else's is not found.

A run is a scan that may be larger than the cache, so only what was last used before it began makes
room for it, and once the cache is full of its own rows it keeps no more: the next run finds the
first part of the scan instead of nothing. Whatever fails here (a full or read-only disk, a lock
that is not given up, a damaged index) costs speed and a note, and never the run.
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
"""Rows that are looked up in one transaction, and files that are open at once."""
_OWN_SHARE = 0.95
"""Of the cache that one run may fill, which leaves room for the index and what is being written."""
_MEASURED, _READ = "attestation", "reading"
_BYTES = (MODE_RAW, MODE_BINARY)


def cache_folder() -> Path:
    """Where prepared audio is kept; it may not exist."""
    return cache_directory() / "prepared"


def limit_gb(asked: float | None) -> float:
    """Size of the cache: what was asked for, else `HARNESS_CACHE_GB`, else 10 GB.

    Raises
    ------
    UsageError
        Where that is no size.
    """
    where, given = ("--cache-gb", asked) if asked is not None else (GB_VARIABLE, _variable())
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
    """What was found of a task, and under which keys the rest is to be kept."""

    conditions: tuple[Condition, ...]
    rows: tuple[Prepared | None, ...]
    prints: tuple[CacheKey | None, ...]

    @property
    def missing(self) -> tuple[Condition, ...]:
        return tuple(
            condition
            for condition, row in zip(self.conditions, self.rows, strict=True)
            if row is None
        )

    def completed(self, made: Sequence[Prepared]) -> list[Prepared]:
        """All rows in their order, the missing ones as they were made now."""
        rest = iter(made)
        return [next(rest) if row is None else row for row in self.rows]


def open_cache(size_gb: float, recipe: Recipe, note: Callable[[str], None]) -> AudioCache | None:
    """The user's cache for one run; None where there is to be none, or no audio."""
    if not size_gb or not recipe.rates_hz:
        return None
    return AudioCache(cache_folder(), int(size_gb * _GB), recipe, note)


def cache_bytes() -> int:
    """What prepared audio takes on disk."""
    return sum(map(_bytes, cache_folder().rglob("*")))


def _bytes(path: Path) -> int:
    try:
        about = path.stat()
    except OSError:  # evicted by a run meanwhile
        return 0
    return about.st_size if stat.S_ISREG(about.st_mode) else 0


def clear_cache() -> int:
    """Remove all prepared audio, also what a damaged index does not know; the bytes it took.

    Raises
    ------
    UsageError
        Where it cannot be removed, or a run adds to it meanwhile.
    """
    folder, count = cache_folder(), cache_bytes()
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as fault:
        told = fault.strerror or str(fault)
        raise UsageError(
            f"cannot be removed: {told}", str(folder), "end the runs that use it, or remove it"
        ) from fault
    return count


class AudioCache:
    """The prepared audio of one run; safe in several threads, beside other runs.

    Parameters
    ----------
    limit_bytes
        Of all that is kept, whichever run it is of.
    note
        Told once, where the cache had to be given up.

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
        self._prints = CacheKeys(recipe)
        self._lock = Lock()
        self._given_up = False
        self._index: Cache | None = None
        try:
            self._index = _opened(folder, limit_bytes)
        except Exception as fault:  # a damaged index has the library raise whatever
            self._give_up(fault)

    def find(self, clip: Clip, conditions: Sequence[Condition]) -> Lookup:
        """Look a task up: the rows of it that are there, and what the others are kept under."""
        content = None if self._index is None else content_of(clip.audio, LARGEST_BYTES)
        prints = [
            None if content is None else self._prints.of(clip, content, condition)
            for condition in conditions
        ]
        rows: list[Prepared | None] = []
        for start in range(0, len(prints), _TOGETHER):
            block = slice(start, start + _TOGETHER)
            values = self._values([each and each.key for each in prints[block]])
            for condition, known, value in zip(
                conditions[block], prints[block], values, strict=True
            ):
                rows.append(known and self._row(known, value, condition))
        found = sum(row is not None for row in rows)
        with self._lock:
            self.hits += found
            self.misses += len(rows) - found
        return Lookup(tuple(conditions), tuple(rows), tuple(prints))

    def keep(self, lookup: Lookup, made: Sequence[Prepared]) -> None:
        """Store the rows that were made for what a lookup missed, as far as they are ok."""
        missed = [
            known for known, row in zip(lookup.prints, lookup.rows, strict=True) if row is None
        ]
        for known, row in zip(missed, made, strict=True):
            if known is None or row.status != "ok" or row.attestation is None:
                continue
            if row.reading.audio_digest == known.contents[0].digest:  # else replaced in between
                self._store(known, packed(known.key, row))

    def _values(self, keys: Sequence[bytes | None]) -> list[bytes]:
        """What is kept under each key; empty where nothing is.

        Files are opened under the lock of the index, so that none is evicted, and read after it.
        """
        index = self._index
        if index is None:
            return [b""] * len(keys)
        try:
            with index.transact():
                found = [key and index.get(key, read=True) for key in keys]
        except Exception as fault:  # a damaged index has the library raise whatever
            self._give_up(fault)
            return [b""] * len(keys)
        return [_read(each) for each in found]

    def _row(self, known: CacheKey, value: bytes, condition: Condition) -> Prepared | None:
        row = unpacked(known.key, value, condition.name)
        if row is not None:
            self._own(len(value))
        return row

    def _store(self, known: CacheKey, value: bytes) -> None:
        index = self._index
        if index is None or self._own_bytes + len(value) > self._most_bytes:
            return
        if not known.holds:  # replaced while it was prepared: neither the one nor the other
            return
        try:
            index.set(known.key, value)
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
                f"{self._folder}: prepared audio is not kept: {_told(fault)}; the run goes on "
                "without, harness doctor --clear-cache makes a new one"
            )


def packed(key: bytes, row: Prepared) -> bytes:
    """A row as bytes that say what they are: its waves, their measurements, and what was read.

    Raises
    ------
    ValueError
        Where nothing was measured: only what was heard is kept.
    """
    if row.attestation is None:
        raise ValueError(f"{row.condition}: nothing was measured")
    arrays: dict[str, NDArray[Any]] = {str(rate): wave.samples for rate, wave in row.waves.items()}
    arrays[_MEASURED] = np.array(astuple(row.attestation), np.float64)
    arrays[_READ] = np.frombuffer(json.dumps(astuple(row.reading)).encode(), np.uint8)
    body = safetensors.numpy.save(arrays)
    return key + zlib.crc32(body).to_bytes(4, "little") + body


def unpacked(key: bytes, value: bytes, condition: str) -> Prepared | None:
    """The row that was packed under that key; None for anything else."""
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
    """Values are bytes: nothing that was put there is ever unpickled, and no part of one stays."""

    def filename(self, key: object = None, value: object = None) -> tuple[str, str]:
        del key, value
        name = os.urandom(16).hex()
        inside = os.path.join(name[:2], name[2:] + ".val")
        return inside, os.path.join(self._directory, inside)

    def fetch(self, mode: int, filename: str, value: object, read: bool) -> Any:
        return super().fetch(mode, filename, value, read) if mode in _BYTES else b""

    def _write(self, full_path: str, iterator: Any, mode: Any, encoding: Any = None) -> int | None:
        try:  # in one piece, where the library would go from one byte 10 to the next
            return super()._write(full_path, [iterator.getvalue()], mode, encoding)
        except OSError:
            with suppress(OSError):
                os.remove(full_path)
            raise


def _opened(folder: Path, limit_bytes: int) -> Cache:
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / _INDEX, timeout=_LOCK_SECONDS)) as trial:
        trial.execute("BEGIN IMMEDIATE")  # for a lock that is held the library waits a minute
        trial.rollback()
    index = Cache(
        str(folder),
        timeout=_LOCK_SECONDS,
        disk=_Values,
        eviction_policy="least-recently-used",
        size_limit=limit_bytes,
        sqlite_mmap_size=0,  # a disk that fails is then an error and no signal
    )
    index.cull()
    return index


def _read(found: Any) -> bytes:
    """The bytes of what the index gave: a small value, a file, or nothing."""
    if not isinstance(found, BufferedReader):
        return found or b""
    with found:
        try:
            return found.read()
        except OSError:
            return b""


def _told(fault: Exception) -> str:
    if isinstance(fault, Timeout):
        return "it is locked, or may not be written to"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) or type(fault).__name__
