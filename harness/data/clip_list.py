"""Clips that are known before any audio is read, and the checks that every data source passes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.data.clip import Clip, Origin, Source
from harness.errors import UsageError
from harness.results.clip_facts import IDENTITY
from harness.seed import digest


@runtime_checkable
class Indexed(Source, Protocol):
    """A source whose clips are known without their audio, so that a few can be picked cheaply."""

    @property
    def clips(self) -> Sequence[Clip]:
        """Every clip in order; the file that `audio` names may not exist yet."""
        ...

    @property
    def remote(self) -> bool:
        """Whether reading clips that lie far apart costs more than reading neighbours."""
        ...

    def pick(self, positions: Sequence[int], origin: Origin) -> Source:
        """Return the source with only the clips at these ascending positions of `clips`."""
        ...


@dataclass(frozen=True)
class Listing:
    """A source whose clips say themselves how their audio is read."""

    origin: Origin
    clips: tuple[Clip, ...] = field(repr=False)
    remote: bool = False

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    def __len__(self) -> int:
        return len(self.clips)

    def pick(self, positions: Sequence[int], origin: Origin) -> Listing:
        return Listing(origin, tuple(self.clips[place] for place in positions), self.remote)


def indexed(source: Source) -> Indexed:
    """Return the source itself where it knows its clips, else its clips as read once."""
    return source if isinstance(source, Indexed) else Listing(source.origin, tuple(source))


def checked(origin: Origin, clips: Sequence[Clip]) -> Origin:
    """Return the origin with its digest, once the clips are fit for evaluation.

    Raises
    ------
    UsageError
        Where there is no clip, two clips share an id, or a class is missing.
    """
    if not clips:
        seen = f" ({'; '.join(origin.notes)})" if origin.notes else ""
        fix = "check that the recordings are where it says"
        raise UsageError(f"no clips{seen}", origin.spec, fix)
    clip_id, count = Counter(clip.clip_id for clip in clips).most_common(1)[0]
    if count > 1:
        what = f"clip_id {clip_id!r} occurs {count} times"
        raise UsageError(what, origin.spec, "make the ids unique")
    labels = {clip.label for clip in clips}
    if len(labels) == 1:
        only, other = ("real", "fake") if "real" in labels else ("fake", "real")
        raise UsageError(
            f"only {only} clips ({len(clips)}): metrics need both classes",
            origin.spec,
            f"add {other} clips, with a manifest that lists both where they lie apart",
        )
    notes = tuple(dict.fromkeys((*origin.notes, *_group_notes(clips))))
    return replace(origin, digest=clips_digest(clips), notes=notes)


def _group_notes(clips: Sequence[Clip]) -> list[str]:
    """Note groups that leave no interval, or that are hardly groups."""
    groups = Counter(clip.group for clip in clips)
    name, largest = groups.most_common(1)[0]
    if len(groups) == 1:
        return [f"all {largest} clips are of one group, {name!r}: no figure will have an interval"]
    if largest > len(clips) / 2 and largest > 2:
        return [
            f"{largest} of {len(clips)} clips are of one group, {name!r}: intervals rest on "
            f"{len(groups)} groups"
        ]
    speakers = {clip.speaker for clip in clips}
    if len(speakers) == len(groups) == len(clips) and "" not in speakers:
        return ["every clip has a speaker of its own: intervals take the clips for independent"]
    return []


def clips_digest(clips: Sequence[Clip]) -> str:
    """Return `Origin.digest`: it depends on neither order nor audio."""
    return digest(sorted((clip.clip_id, clip.label, *map(clip.fact, IDENTITY)) for clip in clips))


def name_below(path: Path, root: Path) -> str:
    r"""Return the path below the root with forward slashes; bytes that are not UTF-8 as `\xff`."""
    below = path.relative_to(root).as_posix()
    return os.fsencode(below).decode("utf-8", "backslashreplace")
