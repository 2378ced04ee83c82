"""What lies beside the clips of a source and is not among them, as notes for the record."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath

from harness.audio.formats import is_audio, is_hidden
from harness.data.missing import counted
from harness.data.store import StorePath

_LONGEST_SUFFIX = 9
_MANIFESTS = frozenset(f"manifest{suffix}" for suffix in (".csv", ".tsv", ".jsonl", ".ndjson"))


def skipped(names: Iterable[str]) -> list[str]:
    """Notes on files that were not taken for recordings, counted by their endings.

    Parameters
    ----------
    names
        Paths below the root, with forward slashes.
    """
    hidden: list[str] = []
    others: list[str] = []
    for name in names:
        (hidden if is_hidden(name) else others).append(name)
    notes = [
        f"{name} was not read: name it as the data to go by it"
        for name in sorted(others)
        if PurePosixPath(name).name.lower() in _MANIFESTS
    ]
    if others:
        endings = Counter(map(_ending, others))
        verb = (
            "file with another ending was" if len(others) == 1 else "files with other endings were"
        )
        notes.append(
            f"{len(others)} {verb} skipped: {counted(endings)}; such as {_shown(min(others))}"
        )
    if hidden:
        verb = "hidden file was" if len(hidden) == 1 else "hidden files were"
        notes.append(f"{len(hidden)} {verb} skipped, such as {_shown(min(hidden))}")
    return notes


def stale(
    listed: Collection[str],
    there: Callable[[str], Iterable[str]],
    unlisted: str = "not listed",
    folders: Iterable[str] = (),
) -> list[str]:
    """Notes on recordings that a table lists and that are not there, and the other way about.

    Parameters
    ----------
    listed
        Paths of recordings below the root, with forward slashes.
    there
        The names of what is in a folder, given by its path below the root.
    unlisted
        What recordings are that lie in the same folders.
    folders
        Others to look into.
    """
    by_folder: defaultdict[str, set[str]] = defaultdict(set)
    by_folder.update((folder, set()) for folder in folders)
    for path in listed:
        folder, _, name = path.rpartition("/")
        by_folder[folder].add(name)
    absent: list[str] = []
    spare: list[str] = []
    alike = 0
    for folder, names in by_folder.items():
        found = set(there(folder))
        lost = names - found
        others = {name for name in found - names if is_audio(Path(name))}
        forms = {_form(name) for name in others}
        alike += sum(_form(name) in forms for name in lost)
        place = f"{folder}/" if folder else ""
        absent += [place + name for name in lost]
        spare += [place + name for name in others]
    notes: list[str] = []
    if absent:
        verb = "recordings is" if len(absent) == 1 else "recordings are"
        told = f"; {alike} differ from a file there only in case or Unicode form" if alike else ""
        notes.append(
            f"{len(absent)} of {len(listed)} listed {verb} not there, such as "
            f"{_shown(min(absent))}{told}"
        )
    if spare:
        verb = "recording beside them is" if len(spare) == 1 else "recordings beside them are"
        notes.append(f"{len(spare)} {verb} {unlisted}, such as {_shown(min(spare))}")
    return notes


def names_below(root: Path, folder: str) -> list[str]:
    """What is in a folder below the root, by name; nothing where it cannot be listed."""
    place = root / folder if folder else root
    if isinstance(place, StorePath):
        return place.tree.children.get(place.below, [])
    try:
        return os.listdir(place)
    except OSError:
        return []


def _ending(name: str) -> str:
    """The suffix, as far as it is one: `take.3 of Monday` has none."""
    suffix = PurePosixPath(name).suffix.lower()
    known = len(suffix) <= _LONGEST_SUFFIX and suffix[1:].isalnum()
    return suffix if known else "no ending"


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
