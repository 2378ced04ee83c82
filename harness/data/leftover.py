"""Notes on files beside the clips of a source that are not among them."""

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
    """Note the files that were not taken for recordings, counted by their endings.

    `names` are paths below the root, with forward slashes.
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
        endings = counted(Counter(map(_ending, others)))
        verb = (
            "file with another ending was" if len(others) == 1 else "files with other endings were"
        )
        notes.append(f"{len(others)} {verb} skipped: {endings}; such as {_shown(min(others))}")
    if hidden:
        verb = "hidden file was" if len(hidden) == 1 else "hidden files were"
        notes.append(f"{len(hidden)} {verb} skipped, such as {_shown(min(hidden))}")
    return notes


def stale(
    listed: Collection[str],
    names_in: Callable[[str], Iterable[str]],
    unlisted: str = "not listed",
    folders: Iterable[str] = (),
) -> list[str]:
    """Note listed recordings that do not exist, and recordings beside them that are not listed.

    Parameters
    ----------
    listed
        Paths of recordings below the root, with forward slashes.
    names_in
        Returns the names in a folder, given by its path below the root.
    unlisted
        What the note calls recordings that are not listed.
    folders
        Other folders to look into.
    """
    by_folder: defaultdict[str, set[str]] = defaultdict(set)
    by_folder.update((folder, set()) for folder in folders)
    for path in listed:
        folder, _, name = path.rpartition("/")
        by_folder[folder].add(name)
    absent: list[str] = []
    spare: list[str] = []
    alike = 0
    for folder, expected in by_folder.items():
        present = set(names_in(folder))
        lost = expected - present
        others = {name for name in present - expected if is_audio(Path(name))}
        forms = {_form(name) for name in others}
        alike += sum(_form(name) in forms for name in lost)
        above = f"{folder}/" if folder else ""
        absent += [above + name for name in lost]
        spare += [above + name for name in others]
    notes: list[str] = []
    if absent:
        verb = "recordings is" if len(absent) == 1 else "recordings are"
        near = f"; {alike} differ from a file there only in case or Unicode form" if alike else ""
        example = _shown(min(absent))
        notes.append(
            f"{len(absent)} of {len(listed)} listed {verb} not there, such as {example}{near}"
        )
    if spare:
        verb = "recording beside them is" if len(spare) == 1 else "recordings beside them are"
        notes.append(f"{len(spare)} {verb} {unlisted}, such as {_shown(min(spare))}")
    return notes


def names_below(root: Path, folder: str) -> list[str]:
    """Return the names in a folder below the root; none where it cannot be listed."""
    path = root / folder if folder else root
    if isinstance(path, StorePath):
        return path.tree.children.get(path.below, [])
    try:
        return os.listdir(path)
    except OSError:
        return []


def _ending(name: str) -> str:
    """Return the suffix, if it is one: `take.3 of Monday` has none."""
    suffix = PurePosixPath(name).suffix.lower()
    known = len(suffix) <= _LONGEST_SUFFIX and suffix[1:].isalnum()
    return suffix if known else "no ending"


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
