"""Assignment of the rows of a score file to clips, decided for all clips at once.

Ids are compared whole. Only if none is equal, they are compared without the suffix of an audio
file, and only if that finds nothing either, by as much of their paths as both have:
`data/fake/58.flac` is `fake/58.wav` and `58`, and never `real/58.wav`. Whatever fits more than once
is not assigned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from harness.audio.formats import AUDIO_SUFFIXES

_Candidates = Callable[[Iterable[str], Iterable[str]], dict[str, list[str]]]
"""Function that returns, for each of the first names, up to two of the second that fit it."""


class Assignment(NamedTuple):
    """Names in the file by clip.

    Parameters
    ----------
    names
        The name that the file has for a clip.
    ambiguous
        Why a clip has no name although some fit.
    words
        How ids were compared; empty if they are equal.
    """

    names: Mapping[str, str]
    ambiguous: Mapping[str, str]
    words: str


def assign(clips: Iterable[str], names: Iterable[str]) -> Assignment:
    """Find the one name that the file has for every clip."""
    clips, names = list(dict.fromkeys(clips)), list(dict.fromkeys(names))
    known = set(names)
    if equal := {clip: clip for clip in clips if clip in known}:
        return Assignment(equal, {}, "")
    for candidates, words in _COMPARISONS:
        if names_of := candidates(clips, names):
            fitting = dict.fromkeys(name for names in names_of.values() for name in names)
            return _unambiguous(names_of, candidates(fitting, clips), words)
    return Assignment({}, {}, "")


def _unambiguous(
    names_of: Mapping[str, list[str]], clips_of: Mapping[str, list[str]], words: str
) -> Assignment:
    assigned: dict[str, str] = {}
    ambiguous: dict[str, str] = {}
    for clip, names in names_of.items():
        others = [other for other in clips_of[names[0]] if other != clip]
        if len(names) > 1:
            ambiguous[clip] = f"{names[0]!r} and {names[1]!r} of the file could both be its score"
        elif others:
            ambiguous[clip] = f"{names[0]!r} of the file could be the score of {others[0]!r} too"
        else:
            assigned[clip] = names[0]
    return Assignment(assigned, ambiguous, words)


def _same_path(names: Iterable[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Return the other clips whose path differs in its suffix alone."""
    by_path = _index((_path(other), other) for other in others)
    return {name: by_path[_path(name)] for name in names if _path(name) in by_path}


def _same_ending(names: Iterable[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Return the other clips whose path ends as this one's, over the whole shorter path."""
    others = list(others)
    by_path = _index((_path(other), other) for other in others)
    by_ending = _index((ending, other) for other in others for ending in _endings(_path(other)))
    candidates: dict[str, list[str]] = {}
    for name in names:
        path = _path(name)
        longer = by_ending.get(path, [])
        shorter = [other for ending in _endings(path) for other in by_path.get(ending, [])]
        if both := list(dict.fromkeys([*longer, *shorter])):
            candidates[name] = both[:2]
    return candidates


_COMPARISONS: tuple[tuple[_Candidates, str], ...] = (
    (_same_path, "without the endings of audio files"),
    (_same_ending, "by the ends of their paths"),
)


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return up to two values of every key."""
    index: dict[str, list[str]] = {}
    for key, value in pairs:
        values = index.setdefault(key, [])
        if len(values) < 2:
            values.append(value)
    return index


def _path(name: str) -> str:
    path = name.replace("\\", "/").removeprefix("./").lstrip("/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and f".{suffix}".lower() in AUDIO_SUFFIXES else path


def _endings(path: str) -> list[str]:
    """Return the path, and what remains as the folders above are removed one by one."""
    parts = path.split("/")
    return ["/".join(parts[place:]) for place in range(len(parts))]
