"""Recordings that are in a source twice: under both labels they make every figure wrong.

Twins have the same bytes. Only recordings of equal size are opened, and only those with the same
bytes in their middle are read whole. What is empty, is not a regular file or cannot be read has no
twin: it becomes a rejected row.

Nothing is fetched for this: objects in a store are compared by the digest that the store gives,
where it gives one, and cells of shards are not compared.
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
"""Equal for twins; None where it is not known, so that the clip has no twin."""


def refuse_twins(clips: Iterable[Clip], spec: str) -> list[str]:
    """Return notes on recordings that occur more than once under one label.

    Raises
    ------
    UsageError
        Where the same bytes are real in one clip and fake in another; names both.
    """
    clips = list(clips)
    groups = twins(clips)
    contradictory = [group for group in groups if len({clip.label for clip in group}) > 1]
    if contradictory:
        first = contradictory[0][0]
        other = next(clip for clip in contradictory[0] if clip.label != first.label)
        others = len(contradictory) - 1
        more = f", and {others} more such recordings" if others else ""
        raise UsageError(
            f"the same recording is {first.label} as {first.clip_id!r} and {other.label} as "
            f"{other.clip_id!r}{more}",
            spec,
            "take one out or correct its label",
        )
    notes: list[str] = []
    if unknown := sum(map(_is_not_compared, clips)):
        notes.append(
            f"{unknown} clips were not compared byte for byte: no digest of them is at hand"
        )
    if groups:
        spare = sum(len(group) - 1 for group in groups)
        first, second = groups[0][:2]
        notes.append(
            f"{spare} {'clip has' if spare == 1 else 'clips have'} the same bytes as another, "
            f"such as {second.clip_id!r} and {first.clip_id!r}"
        )
    return notes


def twins(clips: Iterable[Clip]) -> list[list[Clip]]:
    """Return groups of two or more clips of the same bytes, in order of their ids."""
    groups = [sorted(clips, key=lambda clip: clip.clip_id)]
    stored = any(isinstance(clip.audio, Stored) for clip in groups[0])
    for key in (_size, _md5) if stored else (_size, _middle, _digest):
        groups = [part for group in groups for part in _split(group, key)]
    return sorted(groups, key=lambda group: group[0].clip_id)


def _split(group: Sequence[Clip], key: _Key) -> list[list[Clip]]:
    """Return the parts of a group with the same key, where they are more than one clip."""
    parts: dict[Hashable, list[Clip]] = defaultdict(list)
    for clip in group:
        try:
            value = key(clip)
        except (OSError, ValueError):  # a name with a NUL is a ValueError
            continue
        if value is not None:
            parts[value].append(clip)
    return [part for part in parts.values() if len(part) > 1]


def _is_not_compared(clip: Clip) -> bool:
    if isinstance(clip.audio, Stored):
        return clip.audio.size_bytes is not None and not clip.audio.md5
    return not isinstance(clip.audio, bytes | Path)


def _size(clip: Clip) -> int | None:
    match clip.audio:
        case bytes() as content:
            return len(content) or None
        case Path() as path:
            about = path.stat()
            return (about.st_size or None) if stat.S_ISREG(about.st_mode) else None
        case Stored() as stored:
            return stored.size_bytes or None
        case _:
            return None


def _middle(clip: Clip) -> bytes | None:
    """Return a few bytes of the middle: many recordings start with one header and silence."""
    match clip.audio:
        case bytes() as content:
            start = max(0, (len(content) - _GLANCE_BYTES) // 2)
            return content[start : start + _GLANCE_BYTES]
        case Path() as path:
            with path.open("rb") as file:
                file.seek(max(0, (os.fstat(file.fileno()).st_size - _GLANCE_BYTES) // 2))
                return file.read(_GLANCE_BYTES)
        case _:
            return None


def _digest(clip: Clip, algorithm: str = "blake2b") -> str | None:
    match clip.audio:
        case bytes() as content:
            return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
        case Path() as path:
            with path.open("rb") as file:
                return hashlib.file_digest(file, algorithm).hexdigest()
        case _:
            return None


def _md5(clip: Clip) -> str | None:
    """Return the digest that stores give; of files as well, where both are compared."""
    if isinstance(clip.audio, Stored):
        return clip.audio.md5 or None
    return _digest(clip, "md5")
