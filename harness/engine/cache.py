"""A cache of prepared audio on disk, keyed by everything that determines it (`cache_key`).

A second model on the same suite gets the same samples and measurements as the first, and its clips
are not even decoded. Only rows of status ok are kept, each in a file that is named by its key: a
safetensors file after the key and a checksum, so that damaged or foreign files count as missing.
The time of a file is when its row was last used.

A run may be larger than the cache. So it evicts only rows last used before it began, and stores no
more once its own rows fill the cache: the next run then finds the first part of the rows instead of
none. Whatever fails (a full or read-only disk) costs speed and a note, never the run.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from harness.audio.encoded import content_of
from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.engine.cache_key import LARGEST_BYTES, CacheKey, CacheKeys
from harness.engine.prepare import Prepared, Recipe, RecordingInfo
from harness.errors import UsageError
from harness.perturb.attestation import Attestation
from harness.storage.cache_dir import cache_directory
from harness.storage.storage import replacing
from harness.suite.condition import Condition

DEFAULT_GB = 10.0
GB_VARIABLE = "HARNESS_CACHE_GB"

_GB = 1e9
_LISTED_ANEW = 0.05
"""Share of the cache after which a run that stores looks at what other runs have stored."""
_MEASURED, _READ = "attestation", "reading"


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
    where, given = "--cache-gb", option
    if given is None:
        where, given = GB_VARIABLE, os.environ.get(GB_VARIABLE) or DEFAULT_GB
    try:
        size = float(given)
    except ValueError:
        size = -1.0
    if not 0 <= size < float("inf"):
        raise UsageError(f"{given!r} is no size", where, "name gigabytes, 0 for no cache")
    return size


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
    return sum(about.st_size for _, about in _files(cache_folder()))


def clear_cache() -> int:
    """Remove the cache and return the bytes it took.

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
        self._folder, self._limit_bytes, self._note = folder, limit_bytes, note
        self._keys = CacheKeys(recipe)
        self._lock = Lock()
        self._began_ns = time.time_ns()
        self._works = True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._list()
            self._make_room(0)
        except OSError as fault:
            self._give_up(fault)

    def find(self, clip: Clip, conditions: Sequence[Condition]) -> Lookup:
        """Look up the rows of a task."""
        content = content_of(clip.audio, LARGEST_BYTES) if self._works else None
        keys = [
            None if content is None else self._keys.of(clip, content, condition)
            for condition in conditions
        ]
        rows = [
            key and unpacked(key.key, self._read(key), condition.name)
            for key, condition in zip(keys, conditions, strict=True)
        ]
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

    def _file(self, key: CacheKey) -> Path:
        name = key.key.hex()
        return self._folder / name[:2] / f"{name[2:]}.val"

    def _read(self, key: CacheKey) -> bytes:
        """Return the value of a key, empty where it is missing."""
        if not self._works:
            return b""
        path = self._file(key)
        try:
            value = path.read_bytes()
            _mark_used(path)
        except FileNotFoundError:
            return b""
        except OSError as fault:
            self._give_up(fault)
            return b""
        return value

    def _store(self, key: CacheKey, value: bytes) -> None:
        if not self._works or not key.holds:  # replaced while it was prepared
            return
        path = self._file(key)
        try:
            with self._lock:
                if not self._make_room(len(value)):
                    return
                self._bytes += len(value)
                self._stored_bytes += len(value)
            path.parent.mkdir(exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(value)
                _mark_used(temporary)
        except OSError as fault:
            self._give_up(fault)

    def _list(self) -> None:
        """Read what the cache holds, and which rows no run has used since this one began."""
        files = [(about.st_mtime_ns, path, about.st_size) for path, about in _files(self._folder)]
        self._bytes, self._stored_bytes = sum(size for *_, size in files), 0
        self._unused = deque(sorted(file for file in files if file[0] < self._began_ns))

    def _make_room(self, count: int) -> bool:
        """Evict the rows that were unused for longest until so many bytes fit; False where not."""
        if self._stored_bytes > _LISTED_ANEW * self._limit_bytes:
            self._list()
        while self._bytes + count > self._limit_bytes and self._unused:
            _, path, size = self._unused.popleft()
            with suppress(FileNotFoundError):  # evicted by another run
                if os.stat(path).st_mtime_ns >= self._began_ns:
                    continue
                os.remove(path)
            self._bytes -= size
        return self._bytes + count <= self._limit_bytes

    def _give_up(self, fault: OSError) -> None:
        with self._lock:
            first, self._works = self._works, False
        if first:
            self._note(
                f"{self._folder}: prepared audio is not kept: {fault.strerror or fault}; the run "
                "goes on without, harness doctor --clear-cache makes a new one"
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


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            with suppress(FileNotFoundError):  # evicted by a run meanwhile
                yield path, os.stat(path)


def _mark_used(path: Path) -> None:
    """Set the time of a file, to more digits than the clock of a file system has."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
