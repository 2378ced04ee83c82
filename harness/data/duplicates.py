"""Recordings that are in a source twice: under both labels they make every figure wrong.

Twins are files, or bytes in memory, of the same bytes. Finding them is cheap where sizes differ,
because only recordings of equal size are opened, and of those only the ones with the same bytes in
their middle are read whole. What is empty, is no regular file or cannot be read has no twin: it
becomes a rejected row when its turn comes.

Nothing is fetched for this: what lies in a store is compared by the digest that the store gives of
it, where it gives one, and what lies in the cells of shards is not compared.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from harness.data.clip import Clip
from harness.data.store import Stored
from harness.errors import UsageError

_GLANCE_BYTES = 4096

_Key = Callable[[Clip], Hashable | None]


def refuse_twins(clips: Iterable[Clip], spec: str) -> list[str]:
    """Notes on recordings that occur more than once under one label.

    Raises
    ------
    UsageError
        Where the same bytes are real in one clip and fake in another; names both.
    """
    clips = list(clips)
    unknown = sum(_unknown(clip) for clip in clips)
    notes = [f"{unknown} clips were not compared byte for byte: no digest of them is at hand"]
    groups, notes = twins(clips), notes if unknown else []
    torn = [group for group in groups if len({clip.label for clip in group}) > 1]
    if torn:
        first = torn[0][0]
        other = next(clip for clip in torn[0] if clip.label != first.label)
        more = f", and {len(torn) - 1} more such recordings" if len(torn) > 1 else ""
        raise UsageError(
            f"the same recording is {first.label} as {first.clip_id!r} and {other.label} as "
            f"{other.clip_id!r}{more}",
            spec,
            "take one out or correct its label",
        )
    if not groups:
        return notes
    spare = sum(len(group) - 1 for group in groups)
    first, second = groups[0][:2]
    verb = "clip has" if spare == 1 else "clips have"
    return [
        *notes,
        f"{spare} {verb} the same bytes as another, such as {second.clip_id!r} and "
        f"{first.clip_id!r}",
    ]


def twins(clips: Iterable[Clip]) -> list[list[Clip]]:
    """Groups of two or more clips of the same bytes, in order of their ids."""
    groups = [sorted(clips, key=lambda clip: clip.clip_id)]
    stored = any(isinstance(clip.audio, Stored) for clip in groups[0])
    for key in (_size, _md5) if stored else (_size, _glance, _digest):
        groups = [part for group in groups for part in _split(group, key)]
    return sorted(groups, key=lambda group: group[0].clip_id)


def _split(group: Sequence[Clip], key: _Key) -> list[list[Clip]]:
    """The parts of a group that agree in a key, where they are more than one clip."""
    parts: dict[Hashable, list[Clip]] = defaultdict(list)
    for clip in group:
        try:
            value = key(clip)
        except (OSError, ValueError):  # a name with a NUL is a ValueError
            continue
        if value is not None:
            parts[value].append(clip)
    return [part for part in parts.values() if len(part) > 1]


def _size(clip: Clip) -> int | None:
    if isinstance(clip.audio, bytes):
        return len(clip.audio) or None
    if not isinstance(clip.audio, Path):
        return clip.audio.size_bytes or None if isinstance(clip.audio, Stored) else None
    about = clip.audio.stat()
    return (about.st_size or None) if stat.S_ISREG(about.st_mode) else None


def _unknown(clip: Clip) -> bool:
    if isinstance(clip.audio, Stored):
        return clip.audio.size_bytes is not None and not clip.audio.md5
    return not isinstance(clip.audio, bytes | Path)


def _glance(clip: Clip) -> bytes | None:
    """A few bytes of the middle: at the start many recordings have the same header and silence."""
    if isinstance(clip.audio, bytes):
        middle = max(0, (len(clip.audio) - _GLANCE_BYTES) // 2)
        return clip.audio[middle : middle + _GLANCE_BYTES]
    if not isinstance(clip.audio, Path):
        return None
    with clip.audio.open("rb") as file:
        file.seek(max(0, (os.fstat(file.fileno()).st_size - _GLANCE_BYTES) // 2))
        return file.read(_GLANCE_BYTES)


def _digest(clip: Clip, algorithm: str = "blake2b") -> str | None:
    if isinstance(clip.audio, bytes):
        return hashlib.new(algorithm, clip.audio, usedforsecurity=False).hexdigest()
    if not isinstance(clip.audio, Path):
        return None
    with clip.audio.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _md5(clip: Clip) -> str | None:
    """The digest that stores have; of files as well, where both are compared."""
    if isinstance(clip.audio, Stored):
        return clip.audio.md5 or None
    return _digest(clip, "md5")
