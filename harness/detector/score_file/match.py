"""Which row of a score file is which clip, settled for all clips before the first is scored.

Ids are compared whole. Only where not one is equal, they are compared without the ending of an
audio file, and only where that finds nothing either, by as much of their paths as both have:
`data/fake/58.flac` is `fake/58.wav` and `58`, and never `real/58.wav`. What fits more than once is
not matched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from harness.audio.formats import AUDIO_SUFFIXES

_Agreeing = Callable[[Iterable[str], Iterable[str]], dict[str, list[str]]]


class Match(NamedTuple):
    """Rows by clip.

    Parameters
    ----------
    rows
        The name that the file has for a clip.
    torn
        Why a clip has none, where more than one could be its.
    words
        How they were compared, where no id is equal; else empty.
    """

    rows: Mapping[str, str]
    torn: Mapping[str, str]
    words: str


def match(clips: Iterable[str], names: Iterable[str]) -> Match:
    """Find the one name that the file has for every clip."""
    clips, names = list(dict.fromkeys(clips)), list(dict.fromkeys(names))
    known = set(names)
    if equal := {clip: clip for clip in clips if clip in known}:
        return Match(equal, {}, "")
    for agreeing, words in _WAYS:
        if names_of := agreeing(clips, names):
            found = dict.fromkeys(name for names in names_of.values() for name in names)
            return _settled(names_of, agreeing(found, clips), words)
    return Match({}, {}, "")


def _settled(
    names_of: Mapping[str, list[str]], clips_of: Mapping[str, list[str]], words: str
) -> Match:
    rows: dict[str, str] = {}
    torn: dict[str, str] = {}
    for clip, names in names_of.items():
        if len(names) > 1:
            torn[clip] = f"{names[0]!r} and {names[1]!r} of the file could both be its score"
            continue
        others = [other for other in clips_of[names[0]] if other != clip]
        if others:
            torn[clip] = f"{names[0]!r} of the file could be the score of {others[0]!r} too"
        else:
            rows[clip] = names[0]
    return Match(rows, torn, words)


def _equal(ones: Iterable[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Those of the others whose path is the same but for its ending: two at most of each."""
    whole = _index((_path(other), other) for other in others)
    return {one: found for one in ones if (found := whole.get(_path(one), []))}


def _ending(ones: Iterable[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Those of the others whose path ends as this one's, for all of the shorter of the two."""
    others = list(others)
    whole = _index((_path(other), other) for other in others)
    endings = _index((ending, other) for other in others for ending in _endings(_path(other)))
    found: dict[str, list[str]] = {}
    for one in ones:
        path = _path(one)
        both = endings.get(path, [])
        if len(both) < 2:
            shorter = [other for ending in _endings(path) for other in whole.get(ending, [])]
            both = list(dict.fromkeys([*both, *shorter]))
        if both:
            found[one] = both[:2]
    return found


_WAYS: tuple[tuple[_Agreeing, str], ...] = (
    (_equal, "without the endings of audio files"),
    (_ending, "by the ends of their paths"),
)


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Two values at most of every key: one more than is wanted."""
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        values = found.get(key)
        if values is None:
            found[key] = [value]
        elif len(values) < 2:
            values.append(value)
    return found


def _path(name: str) -> str:
    path = name.replace("\\", "/").removeprefix("./").lstrip("/")
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and f".{suffix}".lower() in AUDIO_SUFFIXES else path


def _endings(path: str) -> list[str]:
    """The path and what is left of it without the folders above, one by one."""
    found = [path]
    while (slash := path.find("/")) >= 0:
        path = path[slash + 1 :]
        found.append(path)
    return found
